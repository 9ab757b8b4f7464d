//! The page of one's own account.

use actix_web::HttpRequest;
use protocol::HttpError;
use time::OffsetDateTime;
use user::FieldError;

use super::page::sign_in;
use super::{MANAGE, Own, app_passwords, applications, credentials, sessions};
use crate::cookies;
use crate::pages::{Field, Message, page, profile_fields};

/// The page: a section for each thing that can be seen and changed.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Ties its forms to the sign-in.
    pub state_checker: String,
    /// The user name, where it is not among the fields.
    pub username: Option<String>,
    pub fields: Vec<Field>,
    /// Whether anything may be changed.
    pub manage: bool,
    pub password: Option<Password>,
    pub app_passwords: AppPasswords,
    pub factors: Vec<Factor>,
    pub sessions: Vec<Session>,
    pub applications: Option<Vec<Application>>,
}
page!(Account, "account.html", "account", |_, face| face
    .t("accountManagementTitle"));

/// The password: there is one, and this is wrong with what was entered.
#[derive(Debug, Default)]
pub(crate) struct Password {
    pub current_error: Option<Message>,
    pub error: Option<Message>,
    pub confirm_error: Option<Message>,
}

/// App passwords: those that are there, and the form for one more, which whoever has a password can send.
#[derive(Debug, Default)]
pub(crate) struct AppPasswords {
    pub held: Vec<AppPassword>,
    /// The one that has just been made, shown this once.
    pub made: Option<String>,
    /// What was entered, and what is wrong with it.
    pub label: String,
    pub days: String,
    pub label_error: Option<Message>,
    pub days_error: Option<Message>,
    pub password_error: Option<Message>,
}

/// An app password that is there; its times are seconds.
#[derive(Debug, Default)]
pub(crate) struct AppPassword {
    pub id: String,
    pub label: String,
    pub created: i64,
    pub expires: Option<i64>,
    pub expired: bool,
    pub last_used: Option<i64>,
    /// The registries that it is good for; all without.
    pub clients: Option<Vec<String>>,
}

/// A kind of second factor.
#[derive(Debug, Default)]
pub(crate) struct Factor {
    pub name: Message,
    pub held: Vec<Held>,
    /// Where (another) one is set up.
    pub add: Option<String>,
}

/// A second factor that is there.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub label: String,
    /// Seconds.
    pub created: i64,
    pub remove: Option<String>,
}

/// A session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub id: String,
    pub current: bool,
    pub ip: String,
    /// Seconds.
    pub started: i64,
    pub last: i64,
    pub clients: Vec<Message>,
}

/// An application.
#[derive(Debug, Default)]
pub(crate) struct Application {
    pub client_id: String,
    pub name: Message,
    pub url: Option<String>,
    pub in_use: bool,
    pub offline: bool,
    pub scopes: Vec<Message>,
    /// Whether there is something to take back.
    pub granted: bool,
}

impl Account {
    /// Whether there is something to see or do about app passwords.
    fn has_app_passwords(&self) -> bool {
        self.password.is_some() || !self.app_passwords.held.is_empty()
    }

    /// Whether there are sessions beside this one.
    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.current)
    }

    /// A second for people, in UTC.
    fn time(&self, seconds: &i64) -> String {
        date(*seconds, ' ', " UTC")
    }

    /// The same for programs.
    fn stamp(&self, seconds: &i64) -> String {
        date(*seconds, 'T', "Z")
    }
}

fn date(seconds: i64, between: char, end: &str) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(seconds) else {
        return String::new();
    };
    format!(
        "{:04}-{:02}-{:02}{between}{:02}:{:02}{end}",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute()
    )
}

/// What the account of somebody shows. `entered`: what a form sent that is shown again; `errors`: what is wrong with it.
///
/// # Errors
/// From the database.
pub(super) async fn of(
    own: &Own,
    http: &HttpRequest,
    entered: &[(String, String)],
    errors: &[FieldError],
) -> Result<Account, HttpError> {
    let identity = cookies::identity(&own.ctx, http);
    let manage = own.may(&[MANAGE]);
    let entered = (!entered.is_empty()).then_some(entered);
    let mut fields = profile_fields(&own.ctx.realm, &own.user, entered, errors);
    if !manage {
        for field in &mut fields {
            field.read_only = true;
        }
    }
    let named = fields.iter().any(|field| field.name == "username");
    let credentials = credentials::list(own).await?;
    let has_password = credentials
        .iter()
        .any(|credential| credential.type_ == "password");
    let mut page = Account {
        state_checker: identity
            .map(|identity| identity.state_checker)
            .unwrap_or_default(),
        username: (!named).then(|| own.user.username.clone()),
        fields,
        manage,
        password: (manage && has_password).then(Password::default),
        app_passwords: AppPasswords {
            held: app_passwords::shown(&credentials),
            ..AppPasswords::default()
        },
        ..Account::default()
    };
    let factors = credentials::KINDS
        .iter()
        .filter(|kind| kind.category == credentials::TWO_FACTOR);
    for kind in factors {
        let of_kind = credentials
            .iter()
            .filter(|credential| credential.type_ == kind.name);
        let held: Vec<Held> = of_kind
            .map(|credential| Held {
                label: credential.user_label.clone().unwrap_or_default(),
                created: credential.created_date / 1000,
                remove: manage.then(|| {
                    sign_in(
                        &own.ctx,
                        Some(&format!("delete_credential:{}", credential.id)),
                    )
                }),
            })
            .collect();
        let add = kind.create.filter(|_| manage && kind.offered(own));
        if !held.is_empty() || add.is_some() {
            page.factors.push(Factor {
                name: Message::Key(kind.display.to_owned(), vec![]),
                held,
                add: add.map(|alias| sign_in(&own.ctx, Some(alias))),
            });
        }
    }
    let sessions = sessions::list(own).await?;
    let clients = sessions::clients(own, &sessions).await?;
    page.sessions = sessions
        .iter()
        .rev()
        .map(|session| Session {
            id: session.id.clone(),
            current: sessions::is_current(own, session),
            ip: session.ip_address.clone(),
            started: session.started,
            last: session.last_refresh,
            clients: session
                .clients
                .values()
                .filter_map(|id| clients.get(id))
                .map(|client| applications::name(client))
                .collect(),
        })
        .collect();
    if own.may(&[MANAGE, "view-applications"]) {
        let applications = applications::list(own).await?;
        let shown = applications.iter().map(|application| Application {
            client_id: application.client.client_id.clone(),
            name: application.name(),
            url: application.url(own),
            in_use: application.in_use,
            offline: application.offline,
            scopes: application.scopes(),
            granted: manage && application.is_granted(),
        });
        page.applications = Some(shown.collect());
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_told_in_utc() {
        assert_eq!(super::date(0, ' ', " UTC"), "1970-01-01 00:00 UTC");
        assert_eq!(super::date(1_795_532_322, 'T', "Z"), "2026-11-24T14:58Z");
    }
}
