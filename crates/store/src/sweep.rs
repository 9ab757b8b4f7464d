//! Rows that are over: every table of them has a column `expires`, in seconds, and an index on it.

use sqlx::PgExecutor;

use crate::Result;

/// Deletes the rows of a table that expired before a second, up to so many: `store::sweep!(db, "table", now, most)` is a
/// future of how many.
#[macro_export]
macro_rules! sweep {
    ($db:expr, $table:literal, $now:expr, $most:expr) => {
        $crate::sweep::run(
            $db,
            concat!(
                "delete from ",
                $table,
                " where ctid = any(array(select ctid from ",
                $table,
                " where expires < $1 order by expires limit $2))"
            ),
            $now,
            $most,
        )
    };
}

/// See [`sweep!`](crate::sweep!).
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn run(db: impl PgExecutor<'_>, sql: &'static str, now: i64, most: i64) -> Result<u64> {
    let done = sqlx::query(sql).bind(now).bind(most).execute(db).await?;
    Ok(done.rows_affected())
}
