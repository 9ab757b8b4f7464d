//! `UPDATE_PASSWORD`: a new password.

use actix_web::HttpResponse;
use protocol::HttpError;
use user::credential::{self, UPDATE_PASSWORD};
use user::{CredentialRepresentation, WriteError};

use super::{At, Login, Pairs, Taken, note, user_of};
use crate::pages::{self, Alert, Message, msg};

pub(super) async fn page(at: &At<'_>, login: &Login) -> Result<HttpResponse, HttpError> {
    let frame = at.frame(login, Some(msg("updatePasswordMessage"))).await;
    Ok(frame.send(200, &form(at, login)))
}

fn form(at: &At<'_>, login: &Login) -> pages::UpdatePassword {
    pages::UpdatePassword {
        action: at.action(login),
        username: login
            .user
            .as_ref()
            .map_or_else(String::new, |user| user.username.clone()),
        cancel: at.optional,
        ..Default::default()
    }
}

pub(super) async fn take(
    at: &At<'_>,
    login: &mut Login,
    entered: &Pairs,
) -> Result<Taken, HttpError> {
    let new = entered.get("password-new").unwrap_or_default();
    let mut page = form(at, login);
    if new.trim().is_empty() {
        page.error = Some(msg("missingPasswordMessage"));
        tell_error(at, login, "password_missing", None).await;
        return again(at, login, &page).await;
    }
    if entered.get("password-confirm") != Some(new) {
        page.confirm_error = Some(msg("notMatchPasswordMessage"));
        tell_error(at, login, "password_confirm_error", None).await;
        return again(at, login, &page).await;
    }
    let (state, realm) = (at.ctx.state(), &at.ctx.realm);
    let user = user_of(login)?;
    let rep = CredentialRepresentation {
        value: Some(new.to_owned()),
        ..CredentialRepresentation::default()
    };
    let checked = credential::new_password(realm, &user.username, user.email.as_deref(), &rep);
    let checked = match checked {
        Ok(new) => credential::check_history(&state.pool, &state.hasher, realm, user.id, new).await,
        Err(error) => Err(error),
    };
    if let Err(error) = checked {
        let Some(problem) = Message::policy(&error) else {
            return Err(protocol::provision::write_error(error));
        };
        let reason = match &error {
            WriteError::Policy { error, .. } => Some(*error),
            _ => None,
        };
        tell_error(at, login, "password_rejected", reason).await;
        let frame = at.frame(login, None).await.alert(Alert::error(problem));
        return Ok(Taken::Again(frame.send(200, &page)));
    }
    let hash = state.hasher.hash(new).await?;
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    if !credential::set_password(&mut transaction, realm, user.id, &hash, false).await? {
        return Err(HttpError::not_found());
    }
    transaction.commit().await.map_err(store::Error::from)?;
    at.sign_out_others(login, entered).await?;
    login.forget(note::PASSWORD_EXPIRED);
    login.tell("credential_type", "password");
    for kind in [UPDATE_PASSWORD, "UPDATE_CREDENTIAL"] {
        at.record(at.event(login, kind)).await;
    }
    Ok(Taken::Done)
}

async fn again(
    at: &At<'_>,
    login: &Login,
    page: &pages::UpdatePassword,
) -> Result<Taken, HttpError> {
    let frame = at.frame(login, None).await;
    Ok(Taken::Again(frame.send(200, page)))
}

async fn tell_error(at: &At<'_>, login: &Login, error: &str, reason: Option<&str>) {
    for kind in [UPDATE_PASSWORD, "UPDATE_CREDENTIAL"] {
        let mut event = at.event(login, kind).detail("credential_type", "password");
        if let Some(reason) = reason {
            event = event.detail("reason", reason);
        }
        at.record_error(event, error).await;
    }
}
