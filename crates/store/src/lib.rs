//! Floor 0: Postgres. The pool, migrations, errors, change notices, the clock and the private cluster of `start-dev`.

pub mod clock;
pub mod dev_cluster;
mod error;
pub mod listen;
pub mod migrate;
pub mod sweep;
pub mod text;

use std::{str::FromStr, time::Duration};

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

pub use error::{Error, Result};

/// The pool that every query of a node goes through.
pub type Pool = sqlx::PgPool;
/// A transaction; rolled back when dropped.
pub type Transaction = sqlx::Transaction<'static, sqlx::Postgres>;
/// One connection, as a transaction lends it.
pub type Connection = sqlx::PgConnection;

/// How a node reaches its database.
#[derive(Clone)]
pub struct Options {
    connect: PgConnectOptions,
    /// Connections at most. A request never holds two, so the pool cannot deadlock.
    pub max_connections: u32,
    /// How long a request waits for a connection before it is answered with 503.
    pub acquire_timeout: Duration,
}

impl Options {
    /// Reads `postgres://…`, and `jdbc:postgresql://…` as Keycloak's `KC_DB_URL` has it.
    ///
    /// # Errors
    /// When the text is no such URL; the message never repeats it, it may hold a password.
    pub fn parse(url: &str, username: Option<&str>, password: Option<&str>) -> Result<Self> {
        let url = url.strip_prefix("jdbc:").unwrap_or(url);
        let mut connect = PgConnectOptions::from_str(url).map_err(|_| {
            Error::Db(sqlx::Error::Configuration(
                "the database URL is not understood; write postgres://user:password@host:5432/database".into(),
            ))
        })?;
        if let Some(username) = username {
            connect = connect.username(username);
        }
        if let Some(password) = password {
            connect = connect.password(password);
        }
        Ok(Self::new(connect))
    }

    pub(crate) fn new(connect: PgConnectOptions) -> Self {
        Self {
            connect,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(2),
        }
    }

    /// The same server, another database.
    #[must_use]
    pub fn database(&self, name: &str) -> Self {
        Self {
            connect: self.connect.clone().database(name),
            ..self.clone()
        }
    }

    /// A pool that connects when it is first needed, so that a node can start before its database.
    ///
    /// A statement that waits longer than four seconds, for a lock say, is given up: no request hangs on the database.
    #[must_use]
    pub fn pool(&self) -> Pool {
        let connect = self.connect.clone().application_name("realmkeep").options([
            ("statement_timeout", "4000"),
            ("idle_in_transaction_session_timeout", "10000"),
            NO_JIT,
        ]);
        PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(self.acquire_timeout)
            .test_before_acquire(false)
            // A ping for each request is a round trip too many; one for a connection that has been idle finds those
            // that a restart of the database has cut.
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > Duration::from_secs(1) {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(connect)
    }

    /// A pool without the time limits of [`Options::pool`], for what takes as long as it takes: files of whole realms.
    #[must_use]
    pub fn patient_pool(&self) -> Pool {
        let connect = self.connect.clone().application_name("realmkeep");
        PgPoolOptions::new()
            .max_connections(2)
            .connect_lazy_with(connect.options([NO_JIT]))
    }

    /// One connection without the pool's time limits, for migrations and administration.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when nobody answers.
    pub async fn connect(&self) -> Result<Connection> {
        Ok(Connection::connect_with(&self.connect).await?)
    }

    pub(crate) fn inner(&self) -> &PgConnectOptions {
        &self.connect
    }
}

/// Compiling a statement takes Postgres half a second, and what recursive queries cost it guesses far too high: a list
/// of five hundred groups would take 500 ms in place of seven.
const NO_JIT: (&str, &str) = ("jit", "off");

/// A transaction that sees the database as it was at its beginning, and changes nothing.
///
/// # Errors
/// [`Error::Unavailable`] when nobody answers.
pub async fn snapshot(pool: &Pool) -> Result<Transaction> {
    Ok(pool
        .begin_with("begin isolation level repeatable read, read only")
        .await?)
}

/// Whether the database answers.
///
/// # Errors
/// [`Error::Unavailable`] when it does not.
pub async fn ping(pool: &Pool) -> Result<()> {
    sqlx::query("select 1").execute(pool).await?;
    Ok(())
}

/// Takes an advisory lock until the connection ends, waiting for whoever has it.
///
/// # Errors
/// From the database.
pub async fn lock(connection: &mut Connection, number: i64) -> Result<()> {
    sqlx::query("select pg_advisory_lock($1)")
        .bind(number)
        .execute(connection)
        .await?;
    Ok(())
}
