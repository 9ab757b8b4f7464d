//! `UPDATE_PROFILE` and `VERIFY_PROFILE`: the user's own data, as the realm's user profile describes them.

use actix_web::HttpResponse;
use protocol::HttpError;
use user::{FieldError, User, WriteError};

use super::{At, Login, Pairs, Taken, UPDATE_PROFILE, VERIFY_PROFILE, user_of};
use crate::pages::{self, msg};

pub(super) async fn page(at: &At<'_>, login: &Login) -> Result<HttpResponse, HttpError> {
    let user = user_of(login)?;
    let mut errors = vec![];
    if at.alias == VERIFY_PROFILE {
        errors = missing(at, user);
        let names: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let mut event = at.event(login, VERIFY_PROFILE);
        event.details.remove("custom_required_action");
        at.record(event.detail("fields_to_update", names.join(",")))
            .await;
    }
    let why = (at.alias == UPDATE_PROFILE).then(|| msg("updateProfileMessage"));
    let frame = at.frame(login, why).await;
    Ok(frame.send(200, &form(at, login, user, None, &errors)))
}

/// The problem of each attribute that the user lacks.
fn missing(at: &At<'_>, user: &User) -> Vec<FieldError> {
    let names = user::profile::missing(&at.ctx.realm, user);
    let problem = |name: String| problem(&name, "error-user-attribute-required");
    names.into_iter().map(problem).collect()
}

fn problem(field: &str, message: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        error_message: message.to_owned(),
        params: vec![field.into()],
    }
}

fn form(
    at: &At<'_>,
    login: &Login,
    user: &User,
    entered: Option<&[(String, String)]>,
    errors: &[FieldError],
) -> pages::UpdateProfile {
    pages::UpdateProfile {
        action: at.action(login),
        fields: pages::profile_fields(&at.ctx.realm, user, entered, errors),
        cancel: at.optional,
    }
}

pub(super) async fn take(
    at: &At<'_>,
    login: &mut Login,
    entered: &Pairs,
) -> Result<Taken, HttpError> {
    let pairs = entered.iter();
    let pairs: Vec<(String, String)> = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let (state, realm) = (at.ctx.state(), &at.ctx.realm);
    let user = user_of(login)?;
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let errors = match user::update_own(&mut transaction, realm, user.id, &pairs).await {
        Ok(None) => return Err(HttpError::not_found()),
        Ok(Some(changed)) => {
            let errors = missing(at, &changed.new);
            if errors.is_empty() {
                for alias in [UPDATE_PROFILE, VERIFY_PROFILE] {
                    let id = user.id;
                    user::required_action::done(&mut *transaction, realm.id, id, alias).await?;
                }
                transaction.commit().await.map_err(store::Error::from)?;
                tell(at, login, &changed).await;
                return Ok(Taken::Done);
            }
            errors
        }
        Err(WriteError::Validation(errors)) => errors,
        Err(WriteError::Conflict(text)) => vec![if text.ends_with("email") {
            problem("email", "emailExistsMessage")
        } else {
            problem("username", "usernameExistsMessage")
        }],
        Err(error) => return Err(protocol::provision::write_error(error)),
    };
    drop(transaction);
    let frame = at.frame(login, None).await;
    let page = form(at, login, user, Some(&pairs), &errors);
    Ok(Taken::Again(frame.send(200, &page)))
}

/// The event, with what has changed.
async fn tell(at: &At<'_>, login: &mut Login, changed: &user::Changed) {
    login.tell("context", UPDATE_PROFILE);
    let (old, new) = (&changed.old, &changed.new);
    for (name, old, new) in [
        ("first_name", &old.first_name, &new.first_name),
        ("last_name", &old.last_name, &new.last_name),
        ("email", &old.email, &new.email),
    ] {
        if old == new {
            continue;
        }
        for (prefix, value) in [("previous", old), ("updated", new)] {
            if let Some(value) = value {
                login.tell(&format!("{prefix}_{name}"), value);
            }
        }
    }
    at.record(at.event(login, UPDATE_PROFILE)).await;
}
