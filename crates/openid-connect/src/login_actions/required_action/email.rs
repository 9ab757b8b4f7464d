//! `VERIFY_EMAIL`: a link goes to the user's address, and whoever follows it reads the mail there.

use actix_web::HttpResponse;
use protocol::action_token::{self, Wanted};
use protocol::{HttpError, event};

use super::{At, Login, Taken, user_of};
use crate::cookies::Jar;
use crate::login_actions::{flow, letter};
use crate::pages::{self, Alert, Frame, msg, msg_with};

/// When the last e-mail went out; seconds.
const SENT: &str = "verify_email_sent";
/// Seconds before another one may, as in Keycloak.
const COOL_DOWN: i64 = 30;

pub(super) async fn page(
    at: &At<'_>,
    login: &mut Login,
    jar: &mut Jar,
) -> Result<HttpResponse, HttpError> {
    let frame = at.frame(login, Some(msg("verifyEmailMessage"))).await;
    if login.note(SENT).is_none() && !at.optional {
        if let Err(response) = send(at, login, &frame).await? {
            return Ok(response);
        }
        if !login.save(at.ctx, jar).await? {
            return Ok(flow::too_late(at.ctx, login));
        }
    }
    Ok(frame.send(200, &form(at, login)?))
}

fn form(at: &At<'_>, login: &Login) -> Result<pages::VerifyEmail, HttpError> {
    Ok(pages::VerifyEmail {
        action: at.action(login),
        email: user_of(login)?.email.clone().unwrap_or_default(),
        sent: login.note(SENT).is_some(),
        cancel: at.optional,
    })
}

/// Sends the e-mail, once more or for the first time.
pub(super) async fn take(at: &At<'_>, login: &mut Login) -> Result<Taken, HttpError> {
    let frame = at.frame(login, None).await;
    let now = store::clock::now();
    let last = login.note(SENT).and_then(|at| at.as_i64());
    let wait = last.map_or(0, |last| last + COOL_DOWN - now);
    if wait > 0 {
        let text = msg_with("emailVerifySendCooldown", [wait.min(COOL_DOWN).to_string()]);
        let frame = frame.alert(Alert::error(text));
        return Ok(Taken::Again(frame.send(200, &form(at, login)?)));
    }
    if let Err(response) = send(at, login, &frame).await? {
        return Ok(Taken::Again(response));
    }
    let mut jar = Jar::new(at.ctx);
    if !login.save(at.ctx, &mut jar).await? {
        return Ok(Taken::Again(flow::too_late(at.ctx, login)));
    }
    let mut response = frame.send(200, &form(at, login)?);
    jar.dress(&mut response);
    Ok(Taken::Again(response))
}

/// Sends the link; the page that says so when it did not go out.
async fn send(
    at: &At<'_>,
    login: &mut Login,
    frame: &Frame,
) -> Result<Result<(), HttpResponse>, HttpError> {
    let realm = &at.ctx.realm;
    let user = user_of(login)?;
    let to = user.email.as_deref().unwrap_or_default();
    let lifespan = realm.rep.action_token_generated_by_user_lifespan;
    let lifespan = lifespan.unwrap_or(300).max(1);
    let wanted = Wanted {
        typ: action_token::VERIFY_EMAIL,
        actions: &[],
        lifespan,
        client: &login.client.client_id,
        redirect: None,
        tab: Some(login.tab_id().to_owned()),
        password_set: None,
    };
    let link = action_token::link(&at.ctx.request, realm, user, wanted)?;
    let texts = ("emailVerificationSubject", "emailVerificationBody");
    let sent = letter::send(at.ctx, frame, to, texts, (&link, lifespan)).await?;
    let mut event = at.event(login, "SEND_VERIFY_EMAIL").detail("email", to);
    event.details.remove("custom_required_action");
    match sent {
        Ok(()) => {
            event::record(at.ctx, event).await;
            login.set(SENT, store::clock::now());
            Ok(Ok(()))
        }
        Err(error) => {
            tracing::warn!(%error, realm = %realm.name, "an e-mail to verify an address was not sent");
            let event = event.detail("reason", error.to_string());
            at.record_error(event, "email_send_failed").await;
            let text = msg("emailSendErrorMessage");
            Ok(Err(pages::failed(at.ctx, at.http, 500, text, None).await))
        }
    }
}
