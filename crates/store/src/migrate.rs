//! The schema: refinery over the one driver, one node at a time.

use refinery_core::Migration;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{Connection, Error, Options, Result};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Any number that no other program on the database takes for its own lock.
const LOCK: i64 = 0x7265_616c_6d6b;

/// Brings the schema up to date; how many migrations it applied.
///
/// refinery takes no lock, so an advisory lock of this session makes nodes that start together take turns; it goes
/// with the connection, so a node that dies half-way blocks nobody.
///
/// # Errors
/// [`Error::Unavailable`] when nobody answers; [`Error::Invalid`] when a migration fails or the schema is newer than
/// this program.
pub async fn run(options: &Options) -> Result<usize> {
    let mut connection = options.connect().await?;
    crate::lock(&mut connection, LOCK).await?;
    let report = embedded::migrations::runner()
        .set_migration_table_name("schema_history")
        .run_async(&mut Adapter(&mut connection))
        .await
        .map_err(|error| Error::Invalid(format!("migrating the schema: {error}")))?;
    connection.close().await?;
    Ok(report.applied_migrations().len())
}

/// Whether the database has our schema, however old.
///
/// # Errors
/// From the database.
pub async fn exists(connection: &mut Connection) -> Result<bool> {
    Ok(
        sqlx::query_scalar("select to_regclass('data_key') is not null")
            .fetch_one(connection)
            .await?,
    )
}

struct Adapter<'a>(&'a mut Connection);

impl AsyncTransaction for Adapter<'_> {
    type Error = sqlx::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, sqlx::Error> {
        let queries: Vec<&str> = queries.collect();
        let mut transaction = self.0.begin().await?;
        for query in &queries {
            // Several statements in one text need the simple protocol; the text is this program's own.
            sqlx::raw_sql(AssertSqlSafe((*query).to_owned()))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(queries.len())
    }
}

impl AsyncQuery<Vec<Migration>> for Adapter<'_> {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, sqlx::Error> {
        let rows = sqlx::query(AssertSqlSafe(query.to_owned()))
            .fetch_all(&mut *self.0)
            .await?;
        rows.iter()
            .map(|row| {
                let applied_on: String = row.try_get(2)?;
                let checksum: String = row.try_get(3)?;
                Ok(Migration::applied(
                    row.try_get(0)?,
                    row.try_get(1)?,
                    OffsetDateTime::parse(&applied_on, &Rfc3339)
                        .map_err(|e| sqlx::Error::Decode(e.into()))?,
                    checksum
                        .parse()
                        .map_err(|e: std::num::ParseIntError| sqlx::Error::Decode(e.into()))?,
                ))
            })
            .collect()
    }
}

impl AsyncMigrate for Adapter<'_> {}
