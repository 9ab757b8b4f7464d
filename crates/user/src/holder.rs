//! Who holds an access token: what has to be true of them at every call.

use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor, Row as _};
use store::Result;
use uuid::Uuid;

use crate::mapping::{RoleNames, names_of_user};

/// A user as far as a token of theirs depends on it.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Holder {
    /// A disabled user's tokens are worth nothing.
    pub enabled: bool,
    /// Seconds; tokens issued before are worth nothing.
    pub not_before: i64,
    /// The token's session is still there; true for a token without one.
    pub session_live: bool,
}

/// The user with this id and, of a token that names one, whether its session is still there.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    session: Option<&str>,
) -> Result<Option<Holder>> {
    Ok(sqlx::query_as(
        "select u.enabled, u.not_before, $3::text is null or exists (select from user_session s \
         where s.realm_id = $1 and s.id = $3 and s.user_id = u.id) as session_live \
         from user_entity u where u.realm_id = $1 and u.id = $2",
    )
    .bind(realm)
    .bind(user)
    // What the database cannot hold is the id of no session.
    .bind(session.map(|id| if store::text::storable(id) { id } else { "" }))
    .fetch_optional(db)
    .await?)
}

/// The same with the names of all roles that the user holds: what the admin API asks at every call, in one round trip.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find_with_roles(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    session: Option<&str>,
) -> Result<Option<(Holder, RoleNames)>> {
    const SQL: &str = concat!(
        "select u.enabled, u.not_before, $3::text is null or exists (select from user_session s \
         where s.realm_id = $1 and s.id = $3 and s.user_id = u.id) as session_live, ",
        names_of_user!(),
        " as names from user_entity u where u.realm_id = $1 and u.id = $2"
    );
    let row = sqlx::query(SQL)
        .bind(realm)
        .bind(user)
        .bind(session.map(|id| if store::text::storable(id) { id } else { "" }))
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Json(names) = row.try_get("names")?;
    Ok(Some((
        Holder::from_row(&row)?,
        RoleNames::from_pairs(names),
    )))
}
