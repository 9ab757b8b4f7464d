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

/// Deletes what has expired, a bounded bit each minute, for ever.
pub(crate) async fn sweep(state: web::Data<State>) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let now = store::clock::now();
        if let Err(error) = sessions(&state.pool, now).await {
            tracing::debug!(%error, "expired sessions were not swept");
        }
        if let Err(error) = user::action_token::sweep(&state.pool, now, 10_000).await {
            tracing::debug!(%error, "used action tokens were not swept");
        }
        if let Err(error) = realm::event::sweep(&state.pool, now).await {
            tracing::debug!(%error, "expired events were not swept");
        }
        if let Err(error) = realm::admin_event::sweep(&state.pool, now).await {
            tracing::debug!(%error, "expired admin events were not swept");
        }
    }
}

/// Up to fifty thousand a call, in bits that hold no lock for long.
async fn sessions(pool: &store::Pool, now: i64) -> Result<(), store::Error> {
    for _ in 0..50 {
        let mut connection = pool.acquire().await?;
        if user::session::sweep(&mut connection, now, 1000).await? < 1000 {
            break;
        }
    }
    Ok(())
}
