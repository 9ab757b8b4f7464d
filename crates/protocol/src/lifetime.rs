//! How long sessions last in a realm, and for a client: the settings that say so, read in one place.

use client::Client;
use realm::Realm;
use user::session::{Limits, Span};

/// The limits of sessions in a realm, and with `client` of its part in them.
#[must_use]
pub fn limits(realm: &Realm, client: Option<&Client>) -> Limits {
    let (settings, rep) = (&realm.settings, &realm.rep);
    let session = Span {
        idle: settings.sso_session_idle_timeout,
        lifespan: settings.sso_session_max_lifespan,
    };
    // Who asked to be remembered is not remembered for a shorter time than others; nor where nobody is any more.
    let remembered = if rep.remember_me == Some(true) {
        Span {
            idle: session
                .idle
                .max(rep.sso_session_idle_timeout_remember_me.unwrap_or(0)),
            lifespan: session
                .lifespan
                .max(rep.sso_session_max_lifespan_remember_me.unwrap_or(0)),
        }
    } else {
        Span {
            idle: 0,
            lifespan: 0,
        }
    };
    let own = |attribute: &str, of_realm: Option<i64>| {
        let of_client = client
            .and_then(|client| client.attribute(attribute)?.parse().ok())
            .filter(|seconds| *seconds > 0);
        of_client
            .or(of_realm.filter(|seconds| *seconds > 0))
            .unwrap_or(i64::MAX)
    };
    let ends = rep.offline_session_max_lifespan_enabled == Some(true);
    let if_ends = |lifespan: i64| if ends { lifespan } else { i64::MAX };
    Limits {
        session,
        remembered,
        client: Span {
            idle: own(
                "client.session.idle.timeout",
                rep.client_session_idle_timeout,
            ),
            lifespan: own(
                "client.session.max.lifespan",
                rep.client_session_max_lifespan,
            ),
        },
        offline: Span {
            idle: rep.offline_session_idle_timeout.unwrap_or(2_592_000),
            lifespan: if_ends(rep.offline_session_max_lifespan.unwrap_or(5_184_000)),
        },
        offline_client: Span {
            idle: own(
                "client.offline.session.idle.timeout",
                rep.client_offline_session_idle_timeout,
            ),
            lifespan: if_ends(own(
                "client.offline.session.max.lifespan",
                rep.client_offline_session_max_lifespan,
            )),
        },
    }
}
