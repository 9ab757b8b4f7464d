//! `grant_type=client_credentials` (RFC 6749 §4.4): a client signs in as its own service account, without a session
//! unless it wants refresh tokens.

use protocol::HttpError;
use serde_json::{Map, json};
use user::session::New;

use super::{Asked, Session, Subject, TokenAnswer, issue, offline};
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
    let db = &ctx.state().pool;
    let (user, roles) = user::find_service_account_with_roles(db, ctx.realm.id, client.id)
        .await?
        .ok_or_else(|| unauthorized("Client not enabled to retrieve service account"))?;
    asked.tell(|event| {
        event.user_id = Some(user.id.to_string());
        event.add("username", user.username.as_str());
    });
    if !user.enabled {
        let text = format!("User '{}' disabled", user.username);
        let answer = HttpError::oauth(401, "invalid_request", &text);
        return Err(asked.refused("user_disabled", Some(&text), answer));
    }
    let scopes = Scopes::requested(client, form.get("scope"))?;
    let ip = ctx.request.ip.to_string();
    let new = New {
        user: user.id,
        client: client.id,
        ip: &ip,
        now: store::clock::now(),
        auth_time: None,
        remember_me: false,
        notes: Map::from_iter([
            ("client_id".to_owned(), json!(client.client_id)),
            ("clientHost".to_owned(), json!(ip)),
            ("clientAddress".to_owned(), json!(ip)),
        ]),
        until_offline: scopes.offline_access(),
    };
    let id = if client.attribute("client_credentials.use_refresh_token") == Some("true") {
        offline::check(asked, &scopes, &roles)?;
        Some(user::session::create(db, ctx.realm.id, new.clone()).await?)
    } else {
        None
    };
    let session = id.as_ref().map(|id| Session::begun(id, &new));
    let subject = Subject {
        user: &user,
        roles: &roles,
        session: session.as_ref(),
        scopes: &scopes,
        nonce: None,
    };
    issue(asked, &subject).await
}
