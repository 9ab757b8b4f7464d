//! Which action is wanted: of those that the realm or a link demands, or that an application asks for.

use protocol::{HttpError, RealmContext};
use user::User;
use user::credential::UPDATE_PASSWORD;
use user::otp::CONFIGURE_TOTP;
use user::recovery::CONFIGURE as CONFIGURE_RECOVERY_CODES;

use super::credential;
use crate::authorize::request::AuthRequest;
use crate::login_actions::login::{Login, note};

pub(super) const VERIFY_EMAIL: &str = "VERIFY_EMAIL";
pub(super) const UPDATE_PROFILE: &str = "UPDATE_PROFILE";
pub(super) const VERIFY_PROFILE: &str = "VERIFY_PROFILE";
pub(super) const TERMS_AND_CONDITIONS: &str = "TERMS_AND_CONDITIONS";
pub(super) const DELETE_ACCOUNT: &str = "delete_account";
pub(super) const DELETE_CREDENTIAL: &str = "delete_credential";

/// What there are pages for, and whether an application may ask for it.
const ACTIONS: [(&str, bool); 9] = [
    (TERMS_AND_CONDITIONS, false),
    (UPDATE_PROFILE, true),
    (VERIFY_EMAIL, true),
    (CONFIGURE_TOTP, true),
    (UPDATE_PASSWORD, true),
    (DELETE_ACCOUNT, true),
    (VERIFY_PROFILE, false),
    (DELETE_CREDENTIAL, true),
    (CONFIGURE_RECOVERY_CODES, true),
];

/// An application may ask for an action so many seconds after the user gave a password, as in Keycloak.
const MAX_AGE: i64 = 300;

/// The alias that an application asks for, and what stands behind its colon.
pub(super) fn asked(request: &AuthRequest) -> Option<(&str, Option<&str>)> {
    let action = request.kc_action.as_deref()?;
    Some(match action.split_once(':') {
        Some((alias, parameter)) => (alias, Some(parameter)),
        None => (action, None),
    })
}

/// Whether the realm lets applications ask for an action, and there is a page for it.
fn may_be_asked(ctx: &RealmContext, alias: &str) -> bool {
    ACTIONS.contains(&(alias, true)) && enabled(ctx).iter().any(|known| known == alias)
}

/// The aliases of the actions that a realm has switched on, in the order in which users are asked.
fn enabled(ctx: &RealmContext) -> Vec<String> {
    let actions = realm::required_action::list(&ctx.realm.rep).into_iter();
    let enabled = actions.filter(|action| action.enabled);
    enabled.filter_map(|action| action.alias).collect()
}

/// Those of some actions that there is no page for.
pub(crate) fn without_page(actions: &[String]) -> Vec<String> {
    let known = |alias: &String| ACTIONS.iter().any(|(known, _)| known == alias);
    actions
        .iter()
        .filter(|alias| !known(alias))
        .cloned()
        .collect()
}

/// Whether somebody who signed in `age` seconds ago has to give the password again for what the application asks for.
pub(crate) fn needs_password(ctx: &RealmContext, request: &AuthRequest, age: i64) -> bool {
    asked(request).is_some_and(|(alias, _)| {
        (age >= MAX_AGE || alias == DELETE_ACCOUNT) && may_be_asked(ctx, alias)
    })
}

/// The alias of the action that comes next.
///
/// # Errors
/// From the database.
pub(crate) async fn next(ctx: &RealmContext, login: &Login) -> Result<Option<String>, HttpError> {
    let Some(user) = &login.user else {
        return Ok(None);
    };
    let wanted = demanded(ctx, login, user);
    if !wanted.is_empty() {
        for alias in enabled(ctx) {
            let known = ACTIONS.iter().any(|(known, _)| *known == alias);
            if !known || !wanted.contains(&alias.as_str()) {
                continue;
            }
            if alias == VERIFY_EMAIL && (user.email_verified || user.email.is_none()) {
                if user.email_verified {
                    let pool = &ctx.state().pool;
                    user::required_action::done(pool, ctx.realm.id, user.id, &alias).await?;
                }
                continue;
            }
            return Ok(Some(alias));
        }
    }
    let open = asked(&login.request).filter(|_| login.note(note::ACTION_STATUS).is_none());
    let open = open.filter(|(alias, _)| may_be_asked(ctx, alias));
    let open = open.filter(|(alias, _)| *alias != VERIFY_EMAIL || !user.email_verified);
    match open {
        Some((DELETE_CREDENTIAL, _)) if credential::meant(ctx, login).await?.is_none() => Ok(None),
        open => Ok(open.map(|(alias, _)| alias.to_owned())),
    }
}

/// What the user has to do, in no order.
pub(super) fn demanded<'a>(ctx: &RealmContext, login: &'a Login, user: &'a User) -> Vec<&'a str> {
    if let Some(link) = &login.request.link {
        let open = link
            .actions
            .iter()
            .filter(|alias| !login.has(&done_note(alias)));
        return open.map(String::as_str).collect();
    }
    let mut wanted: Vec<&str> = user.required_actions.iter().map(String::as_str).collect();
    if !user::profile::is_complete(&ctx.realm, user) {
        wanted.push(VERIFY_PROFILE);
    }
    let unverified = user.email.is_some() && !user.email_verified;
    if unverified && ctx.realm.rep.verify_email == Some(true) {
        wanted.push(VERIFY_EMAIL);
    }
    if login.has(note::PASSWORD_EXPIRED) {
        wanted.push(UPDATE_PASSWORD);
    }
    wanted
}

/// Notes that an action which a link asked for has been done.
pub(super) fn done_note(alias: &str) -> String {
    format!("done_{alias}")
}

/// What an application that asked for an action is told at the end.
pub(crate) fn told(login: &Login) -> Vec<(&'static str, String)> {
    let Some((alias, _)) = asked(&login.request) else {
        return Vec::new();
    };
    match login.note_text(note::ACTION_STATUS) {
        Some(status) => vec![
            ("kc_action", alias.to_owned()),
            ("kc_action_status", status.to_owned()),
        ],
        None => {
            let verified = login.user.as_ref().is_some_and(|user| user.email_verified);
            let status = if alias == VERIFY_EMAIL && verified {
                "success"
            } else {
                "error"
            };
            vec![("kc_action_status", status.to_owned())]
        }
    }
}
