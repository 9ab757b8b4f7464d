//! Back-channel logout: clients are told of ended sessions by this server (OpenID Connect Back-Channel Logout 1.0).
//!
//! In the background, and once more where that failed: a client that cannot be reached delays nobody, and finds its
//! tokens refused all the same.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::Known;
use futures_util::stream::{self, StreamExt as _};
use protocol::{HttpError, RealmContext, outbound, pairwise};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use user::session::Ended;
use uuid::Uuid;

use crate::signing;

const URL: &str = "backchannel.logout.url";
const SESSION_REQUIRED: &str = "backchannel.logout.session.required";
const REVOKE_OFFLINE: &str = "backchannel.logout.revoke.offline.tokens";
/// §2.4
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Seconds that a logout token lasts.
const LIFESPAN: i64 = 120;
/// Calls at once of what ended at once.
const CALLS: usize = 8;
/// When the rest is given up.
const PATIENCE: Duration = Duration::from_secs(120);
/// A client that could not be reached so often is not called any more.
const MAX_FAILURES: u32 = 3;
/// After this the calls that failed are made once more.
const PAUSE: Duration = Duration::from_secs(5);
/// Calls that wait for it, of all realms. What fails beyond them is not called again.
static WAITING: Semaphore = Semaphore::const_new(4096);

/// Tells the clients that took part.
pub(crate) fn tell(ctx: &RealmContext, ended: &[Ended]) {
    let (ctx, ended) = (ctx.clone(), ended.to_vec());
    actix_web::rt::spawn(async move {
        let calls = ended.iter().flat_map(|session| {
            session
                .clients
                .iter()
                .map(move |client| (session, &**client))
        });
        let failed = round(&ctx, calls).await;
        let places = u32::try_from(failed.len()).unwrap_or(u32::MAX);
        let Ok(_places) = WAITING.try_acquire_many(places) else {
            return;
        };
        if places > 0 {
            tokio::time::sleep(PAUSE).await;
            round(&ctx, failed.into_iter()).await;
        }
    });
}

/// A session that has ended, and a client that took part.
type Call<'a> = (&'a Ended, &'a str);

/// Makes calls; those that failed.
async fn round<'a>(ctx: &RealmContext, calls: impl Iterator<Item = Call<'a>>) -> Vec<Call<'a>> {
    let until = Instant::now() + PATIENCE;
    let failures = RefCell::new(HashMap::<Uuid, u32>::new());
    let failed = RefCell::new(Vec::new());
    stream::iter(calls)
        .for_each_concurrent(CALLS, async |(session, client)| {
            if Instant::now() < until && !call(ctx, session, client, &failures).await {
                failed.borrow_mut().push((session, client));
            }
        })
        .await;
    failed.into_inner()
}

/// False where it failed.
async fn call(
    ctx: &RealmContext,
    session: &Ended,
    client_id: &str,
    failures: &RefCell<HashMap<Uuid, u32>>,
) -> bool {
    let state = ctx.state();
    let found = state.clients.get(&state.pool, &ctx.realm, client_id).await;
    let client = match found {
        Ok(Some(client)) => client,
        Ok(None) => return true,
        Err(error) => {
            tracing::warn!(%error, client = client_id, "not told of a logout");
            return false;
        }
    };
    let Some(url) = url(ctx, &client) else {
        return true;
    };
    if failures.borrow().get(&client.id).copied() >= Some(MAX_FAILURES) {
        return false;
    }
    let sent = send(ctx, session, &client, &url).await;
    let outcome = if sent.is_ok() { "told" } else { "failed" };
    metrics::counter!("realmkeep_backchannel_logouts_total", "outcome" => outcome).increment(1);
    if let Err(why) = &sent {
        *failures.borrow_mut().entry(client.id).or_default() += 1;
        tracing::warn!(client = client_id, realm = ?ctx.realm.name, %why, "not told of a logout");
    }
    sent.is_ok()
}

fn url(ctx: &RealmContext, client: &Known) -> Option<String> {
    let url = client.attribute(URL).filter(|url| !url.is_empty())?;
    client::redirect::absolute(&ctx.request.base, client, url)
        .filter(|_| client.protocol == crate::ID)
}

#[derive(Debug)]
enum Failure {
    Unsigned(HttpError),
    Unsent(outbound::Error),
    Refused(u16),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsigned(error) => error.fmt(f),
            Self::Unsent(error) => error.fmt(f),
            Self::Refused(status) => write!(f, "the client answered {status}"),
        }
    }
}

async fn send(
    ctx: &RealmContext,
    session: &Ended,
    client: &Arc<Known>,
    url: &str,
) -> Result<(), Failure> {
    let token = token(ctx, session, client)
        .await
        .map_err(Failure::Unsigned)?;
    let form = [("logout_token", token.as_str())];
    let answer = ctx.state().outbound.post(url, &form).await;
    match answer.map_err(Failure::Unsent)?.status {
        200..300 => Ok(()),
        status => Err(Failure::Refused(status)),
    }
}

async fn token(
    ctx: &RealmContext,
    session: &Ended,
    client: &Arc<Known>,
) -> Result<String, HttpError> {
    let key = signing::key(ctx, client, signing::ID_TOKEN).await?;
    let mut header = protocol::token::header(&key);
    header.typ = "logout+jwt";
    protocol::token::sign(
        &key,
        &header,
        &claims(ctx, session, client, store::clock::now()),
    )
}

/// As its ID tokens call the user.
fn subject(client: &Known, user: Uuid) -> Uuid {
    pairwise::mapper(client).map_or(user, |mapper| pairwise::subject(client, mapper, user))
}

/// §2.4, with what Keycloak adds.
fn claims(ctx: &RealmContext, session: &Ended, client: &Known, now: i64) -> Map<String, Value> {
    let mut events = Map::new();
    events.insert(EVENT.to_owned(), json!({}));
    if client.attribute(REVOKE_OFFLINE) == Some("true") {
        events.insert("revoke_offline_access".to_owned(), json!(true));
    }
    let mut claims = Map::new();
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("exp", json!(now + LIFESPAN));
    set("iat", json!(now));
    set("jti", json!(Uuid::new_v4()));
    set("iss", json!(ctx.issuer()));
    set("aud", json!(client.client_id));
    set("sub", json!(subject(client, session.user_id)));
    set("typ", json!("Logout"));
    if client.attribute(SESSION_REQUIRED) == Some("true") {
        set("sid", json!(session.id));
    }
    set("events", Value::Object(events));
    claims
}
