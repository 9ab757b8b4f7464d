//! Every page, with texts in every place that must nowhere become markup.

use std::collections::BTreeMap;

use super::super::*;
use crate::account::view::Account;
use crate::pages::message::Texts;

/// A text that must nowhere become markup.
pub(super) const EVIL: &str = "<b id=x>&\"'</b>";
const ACTION: &str =
    "http://id.test/realms/r/login-actions/authenticate?session_code=a&execution=b";

pub(super) fn face(locale: &str) -> Face {
    let attempted = (EVIL.to_owned(), Some(ACTION.to_owned()));
    Face {
        texts: Texts::new(locale, BTreeMap::new()),
        locale: locale.to_owned(),
        locales: vec!["en".to_owned(), "de".to_owned(), EVIL.to_owned()],
        chosen: false,
        here: ACTION.to_owned(),
        name_key: "usernameOrEmail",
        realm: EVIL.to_owned(),
        heading: EVIL.to_owned(),
        path: "/realms/r".to_owned(),
        alert: Some(Alert::warning(Message::text(EVIL))),
        attempted: Some(attempted),
        another_way: Some(ACTION.to_owned()),
    }
}

fn text<T: From<String>>() -> T {
    EVIL.to_owned().into()
}

fn error() -> Option<Message> {
    Some(msg_with("invalidParameterMessage", [EVIL]))
}

fn field(kind: field::Kind) -> Field {
    Field {
        name: "street".to_owned(),
        label: Message::text(EVIL),
        kind,
        input: "text".to_owned(),
        values: vec![text(), text()],
        options: vec![(text(), Message::text(EVIL)), (text(), msg("street"))],
        required: true,
        autocomplete: "on",
        more: vec![("placeholder", text())],
        help: vec![Message::text(EVIL)],
        error: error(),
        group: Some((Message::text(EVIL), Some(Message::text(EVIL)))),
        ..Field::default()
    }
}

fn account(manage: bool) -> Account {
    use crate::account::view::{
        AppPassword, AppPasswords, Application, Factor, Held, Password, Session,
    };
    Account {
        state_checker: text(),
        username: Some(text()),
        fields: vec![field(field::Kind::Line)],
        manage,
        password: manage.then(|| Password {
            current_error: error(),
            error: error(),
            confirm_error: error(),
        }),
        app_passwords: AppPasswords {
            held: vec![AppPassword {
                id: text(),
                label: text(),
                created: 1,
                expires: Some(2),
                expired: true,
                last_used: Some(2),
                clients: Some(vec![text()]),
            }],
            made: manage.then(text),
            label: text(),
            days: text(),
            label_error: error(),
            days_error: error(),
            password_error: error(),
        },
        factors: vec![Factor {
            name: Message::text(EVIL),
            held: vec![Held {
                label: text(),
                created: 1,
                remove: Some(ACTION.to_owned()),
            }],
            add: Some(ACTION.to_owned()),
        }],
        sessions: vec![Session {
            id: text(),
            ip: text(),
            clients: vec![Message::text(EVIL)],
            ..Session::default()
        }],
        applications: Some(vec![Application {
            client_id: text(),
            name: Message::text(EVIL),
            url: Some(ACTION.to_owned()),
            in_use: true,
            offline: true,
            scopes: vec![Message::text(EVIL)],
            granted: manage,
        }]),
    }
}

/// Every page, with evil texts in every place.
pub(super) fn all(face: &Face) -> Vec<(&'static str, String)> {
    fn one<P: Page>(face: &Face, page: &P) -> (&'static str, String) {
        (P::ID, page.render(face).unwrap())
    }
    let action = ACTION.to_owned();
    use field::Kind::{Checkboxes, Line, Multiselect, Radios, Select, Text};
    vec![
        one(
            face,
            &Login {
                action: action.clone(),
                username: text(),
                remember_me: Some(true),
                forgot: Some(ACTION.to_owned()),
                error: error(),
                ..Login::default()
            },
        ),
        one(
            face,
            &Login {
                action: action.clone(),
                hide_username: true,
                error: error(),
                ..Login::default()
            },
        ),
        one(
            face,
            &ResetPassword {
                action: action.clone(),
                username: text(),
                back: ACTION.to_owned(),
                with_email: true,
                error: error(),
            },
        ),
        one(
            face,
            &Otp {
                action: action.clone(),
                credentials: vec![(text(), text()), (text(), String::new())],
                selected: text(),
                error: error(),
            },
        ),
        one(
            face,
            &RecoveryCode {
                action: action.clone(),
                number: 3,
                error: error(),
            },
        ),
        one(
            face,
            &SelectAuthenticator {
                action: action.clone(),
                ways: vec![
                    Way {
                        execution: text(),
                        name: msg("otp-display-name"),
                        help: Message::text(EVIL),
                    },
                    Way::default(),
                ],
            },
        ),
        one(
            face,
            &Failed {
                message: Message::text(EVIL),
                back: Some(ACTION.to_owned()),
            },
        ),
        one(
            face,
            &Info {
                header: None,
                message: Message::text(EVIL),
                actions: vec![text(), "VERIFY_EMAIL".to_owned()],
                link: Some((ACTION.to_owned(), msg("proceedWithAction"))),
            },
        ),
        one(
            face,
            &LogoutConfirm {
                action: action.clone(),
                session_code: text(),
                back: Some(ACTION.to_owned()),
            },
        ),
        one(
            face,
            &Consent {
                action: action.clone(),
                code: text(),
                client: text(),
                terms: Some(ACTION.to_owned()),
                policy: Some(ACTION.to_owned()),
                scopes: vec![
                    Message::text(EVIL),
                    Message::resource("${profileScopeConsentText}"),
                ],
            },
        ),
        one(
            face,
            &Device {
                action: action.clone(),
                user_code: text(),
                error: error(),
            },
        ),
        one(
            face,
            &Expired {
                restart: ACTION.to_owned(),
                go_on: ACTION.to_owned(),
            },
        ),
        one(
            face,
            &UpdatePassword {
                action: action.clone(),
                username: text(),
                logout_sessions: true,
                cancel: true,
                error: error(),
                confirm_error: error(),
            },
        ),
        one(
            face,
            &ConfigureTotp {
                action: action.clone(),
                secret: text(),
                encoded: text(),
                uri: text(),
                kind: text(),
                algorithm: text(),
                digits: 6,
                period: 30,
                label: text(),
                label_required: true,
                logout_sessions: true,
                cancel: true,
                error: error(),
                label_error: error(),
            },
        ),
        one(
            face,
            &RecoveryCodes {
                action: action.clone(),
                codes: vec!["Y4S3DZJ5DQSM".to_owned(); 12],
                generated_at: 1,
                label: text(),
                logout_sessions: false,
                cancel: true,
            },
        ),
        one(
            face,
            &UpdateProfile {
                action: action.clone(),
                fields: [Line, Text, Select, Multiselect, Radios, Checkboxes]
                    .map(field)
                    .into(),
                cancel: true,
            },
        ),
        one(
            face,
            &VerifyEmail {
                action: action.clone(),
                email: text(),
                sent: true,
                cancel: true,
            },
        ),
        one(
            face,
            &VerifyEmail {
                action: action.clone(),
                email: text(),
                sent: false,
                cancel: false,
            },
        ),
        one(
            face,
            &Terms {
                action: action.clone(),
            },
        ),
        one(
            face,
            &DeleteCredential {
                action: action.clone(),
                label: text(),
            },
        ),
        one(
            face,
            &FrontchannelLogout {
                apps: vec![(text(), ACTION.to_owned())],
                next: Some(ACTION.to_owned()),
            },
        ),
        one(face, &account(true)),
        one(face, &account(false)),
        one(
            face,
            &ActionToken {
                title: msg("updatePasswordTitle"),
                text: Message::text(EVIL),
                key: text(),
                actions: vec![text()],
            },
        ),
    ]
}
