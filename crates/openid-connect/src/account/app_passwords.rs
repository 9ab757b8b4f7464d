//! One's own app passwords, on the page alone: a program that could make one would hold access that outlives its token.

use actix_web::{HttpRequest, HttpResponse};
use protocol::HttpError;
use realm::event::Event;
use user::WriteError;
use user::app_password::{self, AppPasswordRepresentation, Data};
use user::credential::Credential;

use super::page::{answer_with, knows_password};
use super::view::{AppPassword, AppPasswords};
use super::{Own, credentials};
use crate::form::Pairs;
use crate::pages::{Message, msg, msg_with};

/// Days that one may be good for.
const MAX_DAYS: i64 = 3650;
const DAY: i64 = 24 * 60 * 60 * 1000;
const MAX_LABEL: usize = 255;

/// As the page shows them.
pub(super) fn shown(credentials: &[Credential]) -> Vec<AppPassword> {
    let now = store::clock::now_ms();
    let own = credentials.iter().filter_map(|credential| {
        let data = Data::of(credential)?;
        let expires = data.expiration_date;
        Some(AppPassword {
            id: credential.id.to_string(),
            label: credential.user_label.clone().unwrap_or_default(),
            created: credential.created_date / 1000,
            expires: expires.map(|date| date / 1000),
            expired: expires.is_some_and(|date| date <= now),
            last_used: data.last_used_date.map(|date| date / 1000),
            clients: data.clients,
        })
    });
    own.collect()
}

/// Makes one for whoever knows the account's password. The answer is the page itself, as the value is shown this once;
/// whoever sends the form again makes another.
pub(super) async fn make(
    own: &Own,
    http: &HttpRequest,
    pairs: &Pairs,
) -> Result<HttpResponse, HttpError> {
    let entered = |name: &str| pairs.get(name).unwrap_or_default().trim().to_owned();
    let mut form = AppPasswords {
        label: entered("label"),
        days: entered("days"),
        ..AppPasswords::default()
    };
    let days: Option<i64> = form.days.parse().ok();
    let length = form.label.chars().count();
    if length == 0 || length > MAX_LABEL || form.label.chars().any(char::is_control) {
        let text = msg_with("accountAppPasswordLabelError", [MAX_LABEL.to_string()]);
        form.label_error = Some(text);
    }
    if !form.days.is_empty() && !days.is_some_and(|days| (1..=MAX_DAYS).contains(&days)) {
        let text = msg_with("accountAppPasswordDaysError", [MAX_DAYS.to_string()]);
        form.days_error = Some(text);
    }
    if form.label_error.is_some() || form.days_error.is_some() {
        return answer_with(own, http, 400, form.into()).await;
    }
    // A try is spent on the password only when nothing else is wrong.
    if !knows_password(own, pairs.get("password").unwrap_or_default()).await? {
        form.password_error = Some(msg("invalidPasswordExistingMessage"));
        return answer_with(own, http, 400, form.into()).await;
    }

    let asked = AppPasswordRepresentation {
        label: Some(form.label.clone()),
        expiration_date: days.map(|days| store::clock::now_ms() + days * DAY),
        ..AppPasswordRepresentation::default()
    };
    let (state, realm) = (own.ctx.state(), &own.ctx.realm);
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let made =
        app_password::create(&mut transaction, &state.sealer, realm, own.user.id, &asked).await;
    let made = match made {
        Ok(made) => made.ok_or_else(HttpError::not_found)?,
        Err(WriteError::Limit(text)) => {
            form.label_error = Some(Message::text(text));
            return answer_with(own, http, 400, form.into()).await;
        }
        Err(error) => return Err(protocol::provision::write_error(error)),
    };
    transaction.commit().await.map_err(store::Error::from)?;
    let event = Event::new("UPDATE_CREDENTIAL")
        .detail("credential_type", app_password::TYPE)
        .detail("selected_credential_id", made.id.unwrap_or_default())
        .detail("credential_user_label", &form.label);
    own.record(event).await;
    let form = AppPasswords {
        made: made.value,
        ..AppPasswords::default()
    };
    answer_with(own, http, 200, form.into()).await
}

/// Ends one, and with it the identity tokens that were got with it.
///
/// # Errors
/// 404 for what is no app password of one's own.
pub(super) async fn end(own: &Own, id: &str) -> Result<(), HttpError> {
    // A second factor is taken away on its own page, which may ask for the password once more.
    if credentials::find(own, id).await?.type_ != app_password::TYPE {
        return Err(credentials::not_found());
    }
    credentials::remove(own, id).await
}
