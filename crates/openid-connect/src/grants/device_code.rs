//! `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4): a device asks whether it has been let in.

use protocol::HttpError;
use user::device_code;

use super::authorization_code::{live, prove_for, tokens};
use super::{Asked, TokenAnswer};
use crate::device;
use crate::login_actions::flow::Grant;

pub(crate) async fn grant(asked: &Asked<'_>) -> Result<TokenAnswer, HttpError> {
    let Asked {
        ctx, client, form, ..
    } = asked;
    let refused = |code: &str, text: &str, error: &str| {
        asked.refused(error, None, HttpError::oauth(400, code, text))
    };
    let because = |code: &str, text: &str, error: &str| {
        asked.refused(error, Some(text), HttpError::oauth(400, code, text))
    };
    const INVALID: &str = "invalid_oauth2_device_code";
    let unknown = || refused("invalid_grant", "Device code not valid", INVALID);

    if !device::enabled(client) {
        let text = "Client not allowed OAuth 2.0 Device Authorization Grant";
        return Err(because("invalid_grant", text, "not_allowed"));
    }
    let Some(code) = form.get("device_code") else {
        let text = "Missing parameter: device_code";
        return Err(because("invalid_request", text, INVALID));
    };
    let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
    let now = store::clock::now_ms();
    let Some(found) = device_code::poll(pool, realm, code, client.id, now).await? else {
        return Err(unknown());
    };
    if found.client_id != client.id {
        return Err(because("invalid_grant", "unauthorized client", INVALID));
    }
    if found.last_poll + i64::from(found.interval) * 1000 > now {
        return Err(refused("slow_down", "Slow down", "slow_down"));
    }
    if found.expires * 1000 <= now {
        let text = "Device code is expired";
        return Err(refused("expired_token", text, "expired_oauth2_device_code"));
    }
    match found.granted {
        None => {
            // Every device that waits asks so; such events would only fill the table.
            asked.event.take();
            let text = "The authorization request is still pending";
            return Err(HttpError::oauth(400, "authorization_pending", text));
        }
        Some(false) => {
            let text = "The end user denied the authorization request";
            return Err(because("access_denied", text, "access_denied"));
        }
        Some(true) => {}
    }
    let granted: Grant = serde_json::from_value(found.request).map_err(HttpError::internal)?;
    prove_for(asked, granted.challenge.as_ref())?;
    let session = found.session_id.unwrap_or_default();
    asked.tell(|event| {
        event.session_id = Some(session.clone());
        event.add("code_id", session.as_str());
    });
    let live = live(asked, &session, asked.client.id).await?;
    if !device_code::take(pool, realm, &found.id).await? {
        return Err(unknown());
    }
    tokens(asked, &session, &live, &granted).await
}
