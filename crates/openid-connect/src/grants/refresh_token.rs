//! `grant_type=refresh_token` (RFC 6749 §6): no password is hashed; two round trips to the database.

use protocol::HttpError;
use serde::Deserialize;
use user::session::{Limits, Refresh};

use super::{Asked, Session, TokenAnswer, issue};
use crate::scope::Scopes;

#[derive(Deserialize)]
struct Claims {
    exp: i64,
    iat: i64,
    iss: String,
    typ: String,
    azp: String,
    sid: String,
    scope: String,
}

pub(crate) async fn grant(asked: &Asked<'_>) -> Result<TokenAnswer, HttpError> {
    let Asked {
        ctx, client, form, ..
    } = asked;
    let invalid = |text: &str| HttpError::oauth(400, "invalid_grant", text);
    let token = form
        .get("refresh_token")
        .ok_or_else(|| HttpError::oauth(400, "invalid_request", "No refresh token"))?;
    let now = store::clock::now();
    let claims: Claims = protocol::token::open(&ctx.realm, token, crate::token::REFRESH_ALGORITHMS)
        .filter(|claims: &Claims| claims.typ == "Refresh" && claims.iss == ctx.issuer())
        .ok_or_else(|| invalid("Invalid refresh token"))?;
    if claims.exp <= now {
        return Err(invalid("Token is not active"));
    }
    if claims.azp != client.client_id {
        return Err(invalid(
            "Invalid refresh token. Token client and authorized client don't match",
        ));
    }
    let not_before = ctx
        .realm
        .not_before
        .max(client.settings.not_before.unwrap_or(0));
    if claims.iat < not_before {
        return Err(invalid("Stale token"));
    }
    let scopes = Scopes::remembered(client, &claims.scope).narrowed(client, form.get("scope"))?;

    let settings = &ctx.realm.settings;
    let limits = Limits {
        idle: settings.sso_session_idle_timeout,
        lifespan: settings.sso_session_max_lifespan,
    };
    let live = match user::session::refresh(
        &ctx.state().pool,
        ctx.realm.id,
        &claims.sid,
        client.id,
        limits,
        now,
    )
    .await?
    {
        Refresh::Active(live) => live,
        Refresh::Gone => return Err(invalid("Session not active")),
        Refresh::WithoutClient => return Err(invalid("Session doesn't have required client")),
    };
    if !live.user.enabled {
        return Err(invalid("User disabled"));
    }
    if settings.brute_force_protected && now < live.locked_until {
        return Err(invalid("User temporarily disabled"));
    }
    if claims.iat < live.user.not_before {
        return Err(invalid("Stale token"));
    }
    issue(
        asked,
        &live.user,
        &live.roles,
        Some(&Session {
            id: &claims.sid,
            started: live.started,
        }),
        &scopes,
    )
    .await
}
