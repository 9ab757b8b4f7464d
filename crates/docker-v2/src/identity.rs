//! Identity tokens: what a registry's client program keeps instead of the password.
//!
//! Each is signed as the realm's other refresh tokens are, and belongs to an offline session of its own. Its `typ` is not
//! theirs, so neither is good where the other is.

use protocol::access::REFRESH_ALGORITHMS;
use protocol::login::{self, Means, Refusal};
use protocol::{HttpError, RealmContext, lifetime};
use realm::event::Event;
use serde::{Deserialize, Serialize};
use user::session::identity::{self, Found, New, Standing};
use user::session::{Part, offline};
use uuid::Uuid;

use crate::answer::{Asked, Caller, words};
use crate::error::Error;

/// The `typ` of such a token.
const TYPE: &str = "Identity";
/// How `credential_type` of events names it.
const CREDENTIAL: &str = "identity-token";
/// How far ahead of ours the clock of another node may be, in seconds.
const SKEW: i64 = 60;
/// Seconds between two dates of use that are written, at most.
const GRAIN: i64 = 60;
const REFUSED: &str = "The identity token is not good any more. Log in again.";

#[derive(Serialize, Deserialize)]
struct Claims {
    iat: i64,
    jti: String,
    iss: String,
    /// The user's id.
    sub: Uuid,
    typ: String,
    /// The registry.
    azp: String,
    sid: String,
}

/// The session that an identity token belongs to.
pub(crate) struct Held {
    session: String,
    /// Its `jti`.
    token: String,
    standing: Standing,
    /// The `jti` of the one that counts.
    current: String,
}

/// A new identity token.
pub(crate) struct Given {
    pub session: String,
    /// Its `jti`.
    pub id: String,
    pub token: String,
}

/// A new identity token for whoever asks, in place of the one that it came with. None for robots: their secret is made
/// for programs, and a CI job's token is not to outlive the job.
///
/// # Errors
/// 401 when what it logged in with is not good any more.
pub(crate) async fn give(
    ctx: &RealmContext,
    asked: &Asked,
    caller: &Caller,
) -> Result<Option<Given>, Error> {
    let (state, realm) = (ctx.state(), ctx.realm.id);
    let (Some(user), now) = (&caller.user, store::clock::now()) else {
        return Ok(None);
    };
    let new = Uuid::new_v4().to_string();
    let (session, id) = match (&caller.identity, caller.means) {
        (Some(held), _) => {
            let id = rotate(ctx, asked, user.id, held, new, now).await?;
            (held.session.clone(), id.ok_or_else(|| refused(ctx, asked))?)
        }
        (None, Some(Means::Password | Means::AppPassword(_))) => {
            let app_password = match caller.means {
                Some(Means::AppPassword(id)) => Some(id),
                _ => None,
            };
            let begun = New {
                user: user.id,
                client: asked.client.id,
                app_password,
                ip: &ctx.request.ip.to_string(),
                token: &new,
                now,
                since: caller.since,
            };
            let session = identity::begin(&state.pool, realm, begun).await?;
            let session = session.ok_or_else(|| {
                let text = words(ctx, Refusal::Credentials);
                Error::unauthorized(&ctx.realm, &text, asked.access.clone())
            })?;
            (session, new)
        }
        _ => return Ok(None),
    };
    let claims = Claims {
        iat: now,
        jti: id,
        iss: ctx.issuer(),
        sub: user.id,
        typ: TYPE.to_owned(),
        azp: asked.client.client_id.clone(),
        sid: session.clone(),
    };
    let key = protocol::token::signing_key(ctx, "HS512").await?;
    let header = protocol::token::header(&key);
    Ok(Some(Given {
        session,
        token: protocol::token::sign(&key, &header, &claims)?,
        id: claims.jti,
    }))
}

/// The `jti` of the token that takes the place of one; whoever asks again within some seconds gets the same again.
async fn rotate(
    ctx: &RealmContext,
    asked: &Asked,
    user: Uuid,
    held: &Held,
    new: String,
    now: i64,
) -> Result<Option<String>, HttpError> {
    let (pool, realm, part) = (&ctx.state().pool, ctx.realm.id, part(&held.session, asked));
    if held.standing == Standing::Overlapping {
        return Ok(Some(held.current.clone()));
    }
    if identity::rotate(pool, realm, part, (&held.token, &new), now).await? {
        return Ok(Some(new));
    }
    let found = identity::find(pool, realm, user, part).await?;
    let found = found.filter(|found| found.standing(&held.token, now) != Standing::Replaced);
    Ok(found.map(|found| found.current().to_owned()))
}

fn part<'a>(session: &'a str, asked: &Asked) -> Part<'a> {
    Part {
        session,
        client: asked.client.id,
        offline: true,
    }
}

fn refused(ctx: &RealmContext, asked: &Asked) -> Error {
    Error::unauthorized(&ctx.realm, REFUSED, asked.access.clone())
}

/// Whoever comes with an identity token. One round trip to the database, and a second one at most once a minute.
///
/// # Errors
/// 401 when it is not good (any more).
pub(crate) async fn refresh(
    ctx: &RealmContext,
    asked: &Asked,
    token: &str,
) -> Result<Caller, Error> {
    let mut event = asked
        .event("REFRESH_TOKEN")
        .detail("credential_type", CREDENTIAL);
    match judge(ctx, asked, token, &mut event).await? {
        Ok(caller) => Ok(caller),
        Err((error, refusal)) => {
            event.error = Some(error.to_owned());
            protocol::event::refused(ctx, event).await;
            Err(match refusal {
                Some(refusal) => {
                    let text = words(ctx, refusal);
                    Error::unauthorized(&ctx.realm, &text, asked.access.clone())
                }
                None => refused(ctx, asked),
            })
        }
    }
}

/// The caller, or why not: as the event names it, and as the caller is told where there is more to tell.
async fn judge(
    ctx: &RealmContext,
    asked: &Asked,
    token: &str,
    event: &mut Event,
) -> Result<Result<Caller, (&'static str, Option<Refusal>)>, HttpError> {
    let (state, realm, client) = (ctx.state(), &ctx.realm, &asked.client);
    let (now, since) = (store::clock::now(), store::clock::now_ms());
    let not_before = client.settings.not_before.unwrap_or(0);
    let claims =
        protocol::token::open(realm, token, REFRESH_ALGORITHMS).filter(|claims: &Claims| {
            claims.typ == TYPE
                && claims.iss == ctx.issuer()
                && claims.azp == client.client_id
                && (realm.not_before.max(not_before)..=now + SKEW).contains(&claims.iat)
        });
    let Some(claims) = claims else {
        return Ok(Err(("invalid_token", None)));
    };
    event.user_id = Some(claims.sub.to_string());
    event.session_id = Some(claims.sid.clone());
    event.add("refresh_token_id", claims.jti.as_str());
    let part = part(&claims.sid, asked);
    let limits = lifetime::limits(realm, Some(client));
    let found = identity::find(&state.pool, realm.id, claims.sub, part).await?;
    let Some(found) = found.filter(|found| limits.check(&found.times, now).is_ok()) else {
        return Ok(Err(("user_session_not_found", None)));
    };
    let standing = found.standing(&claims.jti, now);
    if standing == Standing::Replaced {
        offline::delete(&state.pool, realm.id, &claims.sid).await?;
        let text = "The token had been replaced by another; its session has ended";
        event.add("reason", text);
        return Ok(Err(("invalid_token", None)));
    }
    if let Some(refusal) = stands_in_the_way(ctx, &found, claims.iat, since) {
        return Ok(Err(refusal));
    }
    let (idle, _) = limits.of(true, false);
    let before = now - (idle.idle / 10).clamp(0, GRAIN);
    if found.times.last_refresh <= before {
        identity::touch(&state.pool, realm.id, part, (before, now)).await?;
    }
    Ok(Ok(Caller {
        credential: CREDENTIAL,
        means: None,
        details: Vec::new(),
        since,
        identity: Some(Held {
            current: found.current().to_owned(),
            session: claims.sid,
            token: claims.jti,
            standing,
        }),
        user: Some(found.user),
    }))
}

/// What is wrong with the user, or with what the token was got with.
fn stands_in_the_way(
    ctx: &RealmContext,
    found: &Found,
    issued: i64,
    now: i64,
) -> Option<(&'static str, Option<Refusal>)> {
    let (realm, user) = (&ctx.realm, &found.user);
    if !user.enabled {
        return Some(("user_disabled", None));
    }
    if issued < user.not_before || found.is_expired(now) {
        return Some(("invalid_token", None));
    }
    if realm.settings.brute_force_protected && now / 1000 < found.locked_until {
        return Some(("user_temporarily_disabled", Some(Refusal::Credentials)));
    }
    // An app password lets such a user in, too.
    if found.app_password.is_none() && !login::is_set_up(realm, user) {
        return Some(("resolve_required_actions", Some(Refusal::NotSetUp)));
    }
    None
}

/// Whether a name and a password are an identity token, as credential stores hand it to programs that know only Basic.
pub(crate) fn is_meant(username: &str, password: &str) -> bool {
    // No user has such a name; a token of ours has three parts.
    ["<token>", ""].contains(&username) && password.matches('.').count() == 2
}

/// Adds to the event what it tells of identity tokens: the one that was used, and a new one.
pub(crate) fn tell(event: &mut Event, caller: &Caller, given: Option<&Given>) {
    if let Some(held) = &caller.identity {
        event.session_id = Some(held.session.clone());
        event.add("refresh_token_id", held.token.as_str());
        event.add("refresh_token_type", TYPE);
    }
    let Some(given) = given else { return };
    if caller.identity.is_some() {
        event.add("updated_refresh_token_id", given.id.as_str());
    } else {
        event.session_id = Some(given.session.clone());
        event.add("refresh_token_id", given.id.as_str());
        event.add("refresh_token_type", TYPE);
    }
}
