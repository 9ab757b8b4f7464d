//! What goes on beside the requests.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use protocol::State;
use store::listen::{Change, listen};

/// Drops what other nodes have changed from memory, for ever.
pub(crate) async fn follow_changes(options: store::Options, state: web::Data<State>) {
    let state = Arc::clone(&state.into_inner());
    listen(options, move |change| match change {
        Change::Realm(id) => match id.parse() {
            Ok(id) => state.changed(id),
            Err(_) => state.changed_anywhere(),
        },
        Change::Everything => state.changed_anywhere(),
    })
    .await;
}

/// Rows of a kind that one round deletes at most.
const MOST: i64 = 10_000;

/// Deletes what has expired, a bounded bit each minute, for ever.
pub(crate) async fn sweep(state: web::Data<State>) {
    for round in 0.. {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let now = store::clock::now();
        let pool = &state.pool;
        for (what, swept) in [
            ("sessions", sessions(pool, now, round).await),
            (
                "revoked tokens",
                user::revoked_token::sweep(pool, now, MOST).await.map(drop),
            ),
            (
                "used action tokens",
                user::action_token::sweep(pool, now, MOST).await.map(drop),
            ),
            (
                "logins",
                user::auth_session::sweep(pool, now, MOST).await.map(drop),
            ),
            (
                "authorization codes",
                user::code::sweep(pool, now, MOST).await.map(drop),
            ),
            (
                "device codes",
                user::device_code::sweep(pool, now, MOST).await.map(drop),
            ),
            (
                "pushed requests",
                client::pushed::sweep(pool, now, MOST).await.map(drop),
            ),
            (
                "used assertions",
                client::assertion::sweep(pool, now, MOST).await.map(drop),
            ),
            (
                "events",
                realm::event::sweep(pool, &state.sealer, now).await,
            ),
            ("admin events", realm::admin_event::sweep(pool, now).await),
        ] {
            if let Err(error) = swept {
                tracing::debug!(%error, what, "what has expired was not swept");
            }
        }
    }
}

/// How many rounds apart what takes a look at every client is.
const RARELY: u64 = 10;

/// Up to fifty thousand of each kind a call, in bits that hold no lock for long.
async fn sessions(pool: &store::Pool, now: i64, round: u64) -> Result<(), store::Error> {
    const BIT: i64 = 1000;
    for _ in 0..50 {
        let regular = user::session::sweep(pool, now, BIT).await?;
        let offline = user::session::sweep_offline(pool, now, BIT).await?;
        let parts = if round.is_multiple_of(RARELY) {
            user::session::sweep_parts(pool, now, BIT).await?
        } else {
            0
        };
        if regular.max(offline).max(parts) < BIT.unsigned_abs() {
            break;
        }
    }
    Ok(())
}
