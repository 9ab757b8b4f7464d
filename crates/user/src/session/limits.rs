//! How long sessions last. Everything in seconds.

/// How long something may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Since it was last refreshed.
    pub idle: i64,
    /// Since it began.
    pub lifespan: i64,
}

impl Span {
    /// As long as what it belongs to.
    pub const UNLIMITED: Self = Self {
        idle: i64::MAX,
        lifespan: i64::MAX,
    };

    fn ends(self, began: i64) -> i64 {
        began.saturating_add(self.lifespan)
    }

    fn idles_out(self, refreshed: i64) -> i64 {
        refreshed.saturating_add(self.idle)
    }

    fn is_over(self, began: i64, refreshed: i64, now: i64) -> bool {
        now >= self.ends(began).min(self.idles_out(refreshed))
    }
}

/// The limits of sessions, and of a client's part in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a session.
    pub session: Span,
    /// Of a session of somebody who asked to be remembered.
    pub remembered: Span,
    /// Of the client's part in either.
    pub client: Span,
    /// Of an offline session.
    pub offline: Span,
    /// Of the client's part in it.
    pub offline_client: Span,
}

/// When a session and the client's part in it began and were last refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The session.
    pub started: i64,
    /// The session.
    pub last_refresh: i64,
    /// The client's part; none when it does not take part (any more).
    pub client: Option<ClientTimes>,
    /// Whether the user asked to be remembered.
    pub remember_me: bool,
    /// Whether it goes on when the user's other sessions end.
    pub offline: bool,
}

impl Times {
    /// The older of the times that a refresh moves.
    #[must_use]
    pub fn last_written(&self) -> i64 {
        let client = self.client.map_or(i64::MAX, |client| client.last_refresh);
        self.last_refresh.min(client)
    }

    /// When the client's part began. Tokens issued before are of a part that is over: a client that was taken out of a
    /// session comes back to it with the next sign-in, and what it had before must not come back with it.
    #[must_use]
    pub fn began(&self) -> i64 {
        match self.client {
            // A client that is given another offline token goes on with its part.
            Some(client) if !self.offline => client.started,
            _ => self.started,
        }
    }
}

/// See [`Times`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTimes {
    /// When the client joined.
    pub started: i64,
    /// When it was last given tokens.
    pub last_refresh: i64,
}

/// Why a session is no good for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// There is none.
    Missing,
    /// The session is too old, or was not used for too long.
    Session,
    /// The client does not take part (any more).
    WithoutClient,
    /// The client's part is too old, or was not used for too long.
    Client,
}

impl Limits {
    /// The limits of a session and of the client's part in it.
    #[must_use]
    pub fn of(&self, offline: bool, remember_me: bool) -> (Span, Span) {
        match (offline, remember_me) {
            (true, _) => (self.offline, self.offline_client),
            (false, true) => (self.remembered, self.client),
            (false, false) => (self.session, self.client),
        }
    }

    /// Whether a session is good for the client at second `now`.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self, times: &Times, now: i64) -> Result<(), Over> {
        let (session, part) = self.of(times.offline, times.remember_me);
        if session.is_over(times.started, times.last_refresh, now) {
            return Err(Over::Session);
        }
        let client = times.client.ok_or(Over::WithoutClient)?;
        if part.is_over(client.started, client.last_refresh, now) {
            return Err(Over::Client);
        }
        Ok(())
    }

    /// Whether a session goes on at second `now`, whatever the clients that take part.
    #[must_use]
    pub fn lasts(&self, times: &Times, now: i64) -> bool {
        self.check(times, now) != Err(Over::Session)
    }

    /// When the session is over for the client however often it is refreshed; `i64::MAX` for never.
    #[must_use]
    pub fn ends(&self, times: &Times) -> i64 {
        let (session, part) = self.of(times.offline, times.remember_me);
        let client = times
            .client
            .map_or(i64::MAX, |client| part.ends(client.started));
        session.ends(times.started).min(client)
    }

    /// When it is over for the client that is refreshed at second `now` and never again.
    #[must_use]
    pub fn idles_out(&self, times: &Times, now: i64) -> i64 {
        let (session, part) = self.of(times.offline, times.remember_me);
        let idle = session.idles_out(now).min(part.idles_out(now));
        idle.min(self.ends(times))
    }

    /// How old `last_refresh` may be before a refresh has to write it anew: not every refresh of a busy client needs to.
    #[must_use]
    pub fn grain(&self, times: &Times) -> i64 {
        let (session, part) = self.of(times.offline, times.remember_me);
        (session.idle.min(part.idle) / 10).clamp(0, 5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        session: Span {
            idle: 100,
            lifespan: 1000,
        },
        remembered: Span {
            idle: 200,
            lifespan: 2000,
        },
        client: Span {
            idle: 50,
            lifespan: i64::MAX,
        },
        offline: Span {
            idle: 5000,
            lifespan: i64::MAX,
        },
        offline_client: Span {
            idle: i64::MAX,
            lifespan: 300,
        },
    };

    fn times(last_refresh: i64) -> Times {
        Times {
            started: 0,
            last_refresh,
            client: Some(ClientTimes {
                started: 10,
                last_refresh,
            }),
            remember_me: false,
            offline: false,
        }
    }

    #[test]
    fn a_session_is_over_at_the_second_that_it_ends() {
        let with = |change: fn(&mut Times), last_refresh, now| {
            let mut times = times(last_refresh);
            change(&mut times);
            LIMITS.check(&times, now)
        };
        let plain: fn(&mut Times) = |_| {};
        assert_eq!(with(plain, 900, 949), Ok(()));
        assert_eq!(with(plain, 900, 950), Err(Over::Client));
        assert_eq!(with(plain, 900, 1000), Err(Over::Session));
        assert_eq!(
            with(|times| times.client = None, 900, 949),
            Err(Over::WithoutClient)
        );
        assert_eq!(
            with(|times| times.client = None, 900, 1000),
            Err(Over::Session)
        );
        assert_eq!(with(|times| times.remember_me = true, 1900, 1949), Ok(()));
        assert_eq!(
            with(|times| times.remember_me = true, 1990, 2000),
            Err(Over::Session)
        );
        assert_eq!(with(|times| times.offline = true, 10, 309), Ok(()));
        assert_eq!(
            with(|times| times.offline = true, 10, 310),
            Err(Over::Client)
        );
    }

    #[test]
    fn the_smallest_limit_ends_a_session() {
        assert_eq!(LIMITS.ends(&times(0)), 1000);
        assert_eq!(LIMITS.idles_out(&times(0), 20), 70);
        assert_eq!(LIMITS.idles_out(&times(0), 980), 1000);
        let offline = Times {
            offline: true,
            ..times(0)
        };
        assert_eq!(LIMITS.ends(&offline), 310);
        let unlimited = Limits {
            offline_client: Span::UNLIMITED,
            ..LIMITS
        };
        assert_eq!(unlimited.ends(&offline), i64::MAX);
        assert_eq!(unlimited.idles_out(&offline, 20), 5020);
    }

    #[test]
    fn a_refresh_of_a_busy_client_is_written_often_enough_for_the_shortest_limit() {
        assert_eq!(LIMITS.grain(&times(0)), 5);
        let short = Limits {
            client: Span {
                idle: 3,
                lifespan: 9,
            },
            ..LIMITS
        };
        assert_eq!(short.grain(&times(0)), 0);
    }
}
