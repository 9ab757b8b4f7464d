//! `grant_type=password` (RFC 6749 §4.3), Keycloak's direct access grant.

use protocol::HttpError;
use protocol::login::{self, Attempt, Door, Passed, Refusal};

use super::{Asked, Session, Subject, TokenAnswer, issue, offline};
use crate::scope::Scopes;

pub(crate) async fn grant(asked: &Asked<'_>) -> Result<TokenAnswer, HttpError> {
    let Asked {
        ctx, client, form, ..
    } = asked;
    asked.tell(|event| event.add("auth_method", "oauth_credentials"));
    let refused = |error: &str, code: &str, text: &str| {
        asked.refused(error, Some(text), HttpError::oauth(400, code, text))
    };
    if !client.direct_access_grants_enabled() {
        let text = "Client not allowed for direct access grants";
        return Err(refused("not_allowed", "unauthorized_client", text));
    }
    if client.consent_required() {
        let text = "Client requires user consent";
        return Err(refused("consent_denied", "invalid_client", text));
    }
    let scopes = Scopes::requested(client, form.get("scope"))?;
    asked.tell(|event| event.add("auth_method", "openid-connect"));
    let username = form.get("username").ok_or_else(|| {
        let answer = HttpError::oauth(401, "invalid_request", "Missing parameter: username");
        asked.refused("user_not_found", None, answer)
    })?;
    let attempt = Attempt {
        username,
        password: form.get("password").unwrap_or_default(),
        with_email: true,
        door: Door::Code(form.get("otp").or(form.get("totp"))),
        client_id: &client.client_id,
        event: asked.event.borrow().clone().unwrap_or_default(),
    };
    let Passed { user, .. } = login::password(ctx, attempt).await?.map_err(|refusal| {
        // The gate has recorded it.
        asked.event.take();
        let text = match refusal {
            Refusal::Credentials | Refusal::SecondFactor => "Invalid user credentials",
            Refusal::Disabled => "Account disabled",
            Refusal::NotSetUp => "Account is not fully set up",
        };
        HttpError::oauth(400, "invalid_grant", text)
    })?;

    let now = store::clock::now();
    let ip = ctx.request.ip.to_string();
    let new = user::session::New {
        user: user.id,
        client: client.id,
        ip: &ip,
        now,
        auth_time: None,
        remember_me: false,
        notes: serde_json::Map::new(),
        until_offline: scopes.offline_access(),
    };
    asked.tell(|event| {
        event.user_id = Some(user.id.to_string());
        event.add("username", user.username.as_str());
    });
    let roles = user::mapping::effective_names(&ctx.state().pool, ctx.realm.id, user.id).await?;
    offline::check(asked, &scopes, &roles)?;
    let id = user::session::create(&ctx.state().pool, ctx.realm.id, new.clone()).await?;
    let subject = Subject {
        user: &user,
        roles: &roles,
        session: Some(&Session::begun(&id, &new)),
        scopes: &scopes,
        nonce: None,
    };
    issue(asked, &subject).await
}
