//! What can go wrong below HTTP.

/// The result of every function of floors 0 to 2.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong below HTTP. Callers match `Duplicate` by constraint name and pass the rest on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique constraint of this name refused the row.
    #[error("duplicate: {0}")]
    Duplicate(String),
    /// A row that this one points to is not there (any more).
    #[error("missing: {0}")]
    Missing(String),
    /// The database cannot be reached, shuts down, is read-only or has no connection to spare: try again later.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The node itself has no room: the queue for password hashing is full. Try again later.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// A stored secret cannot be opened with the keys that this node has.
    #[error("sealed: {0}")]
    Sealed(String),
    /// What the caller gave is wrong, in words that the caller may see.
    #[error("{0}")]
    Invalid(String),
    /// Anything else from the database: a defect of ours.
    #[error("database: {0}")]
    Db(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(db) => match db.code().as_deref() {
                Some("23505") => Self::Duplicate(db.constraint().unwrap_or_default().to_owned()),
                Some("23503") => Self::Missing(db.constraint().unwrap_or_default().to_owned()),
                // Read-only primary, shutdown, recovery, too many connections, a timeout of ours, deadlock,
                // connection exceptions, insufficient resources (disk full among them).
                Some(code)
                    if matches!(
                        code,
                        "25006"
                            | "57P01"
                            | "57P02"
                            | "57P03"
                            | "57014"
                            | "40001"
                            | "40P01"
                            | "25P03"
                            | "3D000"
                    ) || code.starts_with("08")
                        || code.starts_with("53") =>
                {
                    Self::Unavailable(error.to_string())
                }
                _ => Self::Db(error),
            },
            E::Io(_)
            | E::Tls(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed
            | E::Protocol(_) => Self::Unavailable(error.to_string()),
            _ => Self::Db(error),
        }
    }
}
