//! `grant_type=refresh_token` (RFC 6749 §6): no password is hashed; two round trips to the database.

use protocol::{HttpError, lifetime};
use serde::Deserialize;
use user::session::{self, Over, Part, Use, Used};

use super::session::Chain;
use super::{Asked, Session, Subject, TokenAnswer, issue, offline};
use crate::scope::Scopes;

#[derive(Deserialize)]
struct Claims {
    /// None in offline tokens that last as long as their session.
    exp: Option<i64>,
    iat: i64,
    iss: String,
    typ: String,
    azp: String,
    sid: String,
    scope: String,
    jti: String,
    sub: String,
    /// There where a mapper carries it on.
    nonce: Option<String>,
    /// The [`Chain`].
    reuse_id: Option<String>,
    #[serde(default)]
    reuse_generation: i64,
}

fn invalid(text: &str) -> HttpError {
    HttpError::oauth(400, "invalid_grant", text)
}

/// What Keycloak calls the end of a session.
fn over(why: Over, offline: bool) -> HttpError {
    invalid(match (why, offline) {
        (Over::Missing | Over::Session, false) => "Session not active",
        (Over::Missing, true) => "Offline user session not found",
        (Over::Session, true) => "Offline session not active",
        (Over::WithoutClient, _) => "Session doesn't have required client",
        (Over::Client, _) => "Client session not active",
    })
}

pub(crate) async fn grant(asked: &Asked<'_>) -> Result<TokenAnswer, HttpError> {
    let Asked {
        ctx, client, form, ..
    } = asked;
    let token = form.get("refresh_token").ok_or_else(|| {
        // Keycloak does not record this one.
        asked.event.take();
        HttpError::oauth(400, "invalid_request", "No refresh token")
    })?;
    let now = store::clock::now();
    let claims: Claims = protocol::token::open(&ctx.realm, token, crate::token::REFRESH_ALGORITHMS)
        .filter(|claims: &Claims| claims.iss == ctx.issuer())
        .filter(|claims| match claims.typ.as_str() {
            "Refresh" => claims.exp.is_some(),
            typ => typ == "Offline",
        })
        .ok_or_else(|| invalid("Invalid refresh token"))?;
    if claims.exp.is_some_and(|exp| exp <= now) {
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
    let granted = Scopes::remembered(client, &claims.scope);
    let scopes = granted.narrowed(client, form.get("scope"))?;

    asked.tell(|event| {
        for (name, value) in [
            ("refresh_token_id", claims.jti.clone()),
            ("refresh_token_type", claims.typ.clone()),
            ("refresh_token_sub", claims.sub.clone()),
        ] {
            event.add(name, value);
        }
        event.session_id = Some(claims.sid.clone());
    });
    let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
    let part = Part {
        session: &claims.sid,
        client: client.id,
        offline: claims.typ == "Offline",
    };
    let limits = lifetime::limits(&ctx.realm, Some(client));
    let live = session::resume(pool, realm, part, &limits, now)
        .await?
        .map_err(|why| over(why, part.offline))?;
    if claims.iat < live.times.began() {
        return Err(invalid(if part.offline {
            "Refresh token issued before the user session started"
        } else {
            "refresh token issued before the client session started"
        }));
    }
    if !live.user.enabled {
        return Err(invalid("User disabled"));
    }
    if ctx.realm.settings.brute_force_protected && now < live.locked_until {
        return Err(invalid("User temporarily disabled"));
    }
    if claims.iat < live.user.not_before {
        return Err(invalid("Stale token"));
    }
    if part.offline && !offline::is_allowed(asked, &granted, &live.roles) {
        return Err(invalid(
            "Offline session invalid because offline access not granted anymore",
        ));
    }
    crate::consent::check(asked, &live.user, &scopes).await?;
    let mut session = Session::resumed(&claims.sid, &live);
    session.scope = Some(granted.all());
    if ctx.realm.settings.revoke_refresh_token {
        let chain = Chain {
            id: claims.reuse_id.unwrap_or_else(|| claims.jti.clone()),
            generation: claims.reuse_generation,
        };
        take(asked, part, &claims.jti, &chain, now).await?;
        session.chain = Some(chain);
    } else if live.times.last_written() <= now - limits.grain(&live.times) {
        session::touch(pool, realm, part, now).await?;
    }
    let subject = Subject {
        user: &live.user,
        roles: &live.roles,
        session: Some(&session),
        scopes: &scopes,
        nonce: claims.nonce.as_deref(),
    };
    let answer = issue(asked, &subject).await?;
    asked.tell(|event| {
        event.add("age_of_refresh_token", (now - claims.iat).to_string());
        let lifespan = answer.expires_in.to_string();
        event.add("access_token_expiration_time", lifespan);
    });
    Ok(answer)
}

/// Uses a token that is good a limited number of times. Whoever uses it more often may have stolen it, or been robbed, so
/// that ends the client's part in the session (RFC 9700 §4.14.2).
async fn take(
    asked: &Asked<'_>,
    part: Part<'_>,
    token: &str,
    chain: &Chain,
    now: i64,
) -> Result<(), HttpError> {
    let (pool, realm) = (&asked.ctx.state().pool, &asked.ctx.realm);
    let token = Use {
        chain: &chain.id,
        generation: chain.generation,
        token,
        max_reuse: realm.settings.refresh_token_max_reuse,
    };
    let text = match session::use_token(pool, realm.id, part, token, now).await? {
        Used::Good => return Ok(()),
        Used::WithoutClient => return Err(over(Over::WithoutClient, part.offline)),
        Used::TooOften => "Maximum allowed refresh token reuse exceeded",
        Used::Stale => "Stale token",
    };
    session::leave(pool, realm.id, part).await?;
    Err(invalid(text))
}
