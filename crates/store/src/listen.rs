//! Change notices between nodes: `LISTEN realm_changed`, fed by triggers (migration V4).

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::Options;

/// What has changed.
pub enum Change {
    /// Something of the realm with this id (a uuid in text form).
    Realm(String),
    /// Unknown: notices may have been missed, all that is kept in memory is doubtful.
    Everything,
}

/// Calls `on_change` for every notice, for ever; after a lost connection with [`Change::Everything`].
pub async fn listen(options: Options, on_change: impl Fn(Change)) {
    loop {
        if let Err(error) = session(&options, &on_change).await {
            tracing::debug!(%error, "change notices interrupted");
        }
        on_change(Change::Everything);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn session(options: &Options, on_change: &impl Fn(Change)) -> Result<(), sqlx::Error> {
    let connect = options
        .inner()
        .clone()
        .application_name("realmkeep-listener");
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(2))
        .connect_with(connect)
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen("realm_changed").await?;
    // From here on nothing is missed; what happened before was.
    on_change(Change::Everything);
    while let Some(notice) = listener.try_recv().await? {
        on_change(Change::Realm(notice.payload().to_owned()));
    }
    Ok(())
}
