//! The session that tokens belong to: how long they last, and which of them have been used.

use client::Known;
use protocol::lifetime;
use realm::Realm;
use serde_json::{Map, Value};
use user::session::{ClientTimes, New, Resumed, Times};
use uuid::Uuid;

/// A live session, as far as tokens need it. Times in seconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Session<'a> {
    pub id: &'a str,
    pub times: Times,
    /// When the user last signed in by a browser.
    pub auth_time: Option<i64>,
    /// What mappers tell of the sign-in, such as `amr`.
    pub notes: Map<String, Value>,
    /// Whether the client got in by a sign-in that was there already.
    pub sso: bool,
    /// The `claims` parameter of its authorization request.
    pub claims: Option<String>,
    /// All scopes that the sign-in granted, where fewer are asked for now.
    pub scope: Option<String>,
    /// Where the refresh token stands that was traded in, in realms that count their uses.
    pub chain: Option<Chain>,
}

/// The refresh tokens that come from one sign-in: each is traded in for the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub id: String,
    /// How many tokens came before.
    pub generation: i64,
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            generation: 0,
        }
    }
}

impl<'a> Session<'a> {
    /// One that has just begun.
    pub(crate) fn begun(id: &'a str, new: &New<'_>) -> Self {
        Self {
            id,
            times: Times {
                started: new.now,
                last_refresh: new.now,
                client: Some(ClientTimes {
                    started: new.now,
                    last_refresh: new.now,
                }),
                remember_me: new.remember_me,
                offline: false,
            },
            auth_time: new.auth_time,
            notes: new.notes.clone(),
            sso: false,
            claims: None,
            scope: None,
            chain: None,
        }
    }

    /// One that goes on.
    pub(crate) fn resumed(id: &'a str, found: &Resumed) -> Self {
        Self {
            id,
            times: found.times,
            auth_time: found.auth_time,
            notes: found.notes.clone(),
            sso: found.sso,
            claims: found.claims.clone(),
            scope: None,
            chain: None,
        }
    }
}

/// How long tokens made now last, in seconds.
pub(crate) struct Lifespans {
    /// Of the access token and the ID token.
    pub access: i64,
    /// Of the refresh token; none for as long as the session.
    pub refresh: Option<i64>,
}

impl Lifespans {
    /// Nothing outlives its session.
    pub(crate) fn new(realm: &Realm, client: &Known, times: Option<&Times>, now: i64) -> Self {
        let limits = lifetime::limits(realm, Some(client));
        let settings = &realm.settings;
        let left = match times {
            Some(times) => limits.ends(times).saturating_sub(now),
            None => settings.sso_session_max_lifespan,
        };
        let own = client.attribute("access.token.lifespan");
        let access = match own.and_then(|own| own.parse().ok()) {
            // Until the session is over; one that may go on for ever does not count.
            Some(-1) => left.min(settings.sso_session_max_lifespan),
            Some(own) => own,
            None => settings.access_token_lifespan,
        };
        let refresh = times.and_then(|times| {
            let endless = times.offline && limits.offline.lifespan == i64::MAX;
            (!endless).then(|| (limits.idles_out(times, now) - now).max(1))
        });
        Self {
            access: access.min(left).max(1),
            refresh,
        }
    }
}
