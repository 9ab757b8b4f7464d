//! `grant_type=password` (RFC 6749 §4.3), Keycloak's direct access grant.

use protocol::HttpError;
use protocol::login::{self, Attempt, Refusal};
use realm::event::Event;

use super::{Asked, Session, TokenAnswer, issue};
use crate::scope::Scopes;

pub(crate) async fn grant(asked: &Asked<'_>) -> Result<TokenAnswer, HttpError> {
    let Asked {
        ctx, client, form, ..
    } = asked;
    if !client.direct_access_grants_enabled() {
        return Err(HttpError::oauth(
            400,
            "unauthorized_client",
            "Client not allowed for direct access grants",
        ));
    }
    if client.consent_required() {
        return Err(HttpError::oauth(
            400,
            "invalid_client",
            "Client requires user consent",
        ));
    }
    let scopes = Scopes::requested(client, form.get("scope"))?;
    let username = form
        .get("username")
        .ok_or_else(|| HttpError::oauth(401, "invalid_request", "Missing parameter: username"))?;
    let attempt = Attempt {
        username,
        password: form.get("password").unwrap_or_default(),
        with_email: true,
        second_factor_needless: false,
        client_id: &client.client_id,
        event: Event::new("LOGIN")
            .detail("auth_method", "openid-connect")
            .detail("grant_type", "password")
            .detail("client_auth_method", client.authenticator()),
    };
    let user = login::password(ctx, attempt).await?.map_err(|refusal| {
        let text = match refusal {
            Refusal::Credentials | Refusal::SecondFactor => "Invalid user credentials",
            Refusal::Disabled => "Account disabled",
            Refusal::NotSetUp => "Account is not fully set up",
        };
        HttpError::oauth(400, "invalid_grant", text)
    })?;

    let now = store::clock::now();
    let ip = ctx.request.ip.to_string();
    let id = user::session::create(
        &ctx.state().pool,
        ctx.realm.id,
        user.id,
        client.id,
        &ip,
        now,
    )
    .await?;

    let roles = user::mapping::effective_names(&ctx.state().pool, ctx.realm.id, user.id).await?;
    let answer = issue(
        asked,
        &user,
        &roles,
        Some(&Session {
            id: &id,
            started: now,
        }),
        &scopes,
    )
    .await?;
    let mut event = answer.tell(
        Event::new("LOGIN")
            .detail("auth_method", "openid-connect")
            .detail("grant_type", "password")
            .detail("client_auth_method", client.authenticator())
            .detail("username", user.username.as_str()),
    );
    event.client_id = Some(client.client_id.clone());
    event.user_id = Some(user.id.to_string());
    event.session_id = Some(id);
    protocol::event::record(ctx, event).await;
    Ok(answer)
}
