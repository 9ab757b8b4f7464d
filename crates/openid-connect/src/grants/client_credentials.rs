//! `grant_type=client_credentials` (RFC 6749 §4.4): a client signs in as its own service account, without a session.

use protocol::HttpError;
use realm::event::Event;

use super::{Asked, TokenAnswer, issue};
use crate::scope::Scopes;

pub(crate) async fn grant(asked: &Asked<'_>) -> Result<TokenAnswer, HttpError> {
    let Asked {
        ctx, client, form, ..
    } = asked;
    let unauthorized = |text: &str| HttpError::oauth(401, "unauthorized_client", text);
    if client.public_client() {
        return Err(unauthorized(
            "Public client not allowed to retrieve service account",
        ));
    }
    if !client.service_accounts_enabled() {
        return Err(unauthorized(
            "Client not enabled to retrieve service account",
        ));
    }
    let scopes = Scopes::requested(client, form.get("scope"))?;
    let db = &ctx.state().pool;
    let user = user::find_service_account(db, ctx.realm.id, client.id)
        .await?
        .ok_or_else(|| unauthorized("Client not enabled to retrieve service account"))?;
    if !user.enabled {
        return Err(HttpError::oauth(
            401,
            "invalid_request",
            &format!("User '{}' disabled", user.username),
        ));
    }
    let roles = user::mapping::effective_names(db, ctx.realm.id, user.id).await?;
    let answer = issue(asked, &user, &roles, None, &scopes).await?;
    let mut event = answer.tell(
        Event::new("CLIENT_LOGIN")
            .detail("grant_type", "client_credentials")
            .detail("client_auth_method", client.authenticator())
            .detail("username", user.username.as_str()),
    );
    event.client_id = Some(client.client_id.clone());
    event.user_id = Some(user.id.to_string());
    protocol::event::record(ctx, event).await;
    Ok(answer)
}
