//! What an import finds in its way: users of the same name or address, and what they hold.

use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

/// A user that is there already.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Known {
    /// Its id.
    pub id: Uuid,
    /// In lower case.
    pub username: String,
    /// While it has to be unique.
    pub email_unique: Option<String>,
}

/// The users with one of these names or e-mail addresses (in lower case).
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    names: &[String],
    emails: &[String],
) -> Result<Vec<Known>> {
    // Planned each time: a plan that was made while the table was small walks through a realm that has grown since.
    Ok(sqlx::query_as(
        "select id, username, email_unique from user_entity where realm_id = $1 and username = any($2) \
         union select id, username, email_unique from user_entity where realm_id = $1 and email_unique = any($3)",
    )
    .persistent(false)
    .bind(realm)
    .bind(names)
    .bind(emails)
    .fetch_all(db)
    .await?)
}

/// The roles that these users hold directly and by their groups; not what those contain.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn role_ids(db: impl PgExecutor<'_>, realm: Uuid, users: &[Uuid]) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "with recursive up (id, parent_id) as (select g.id, g.parent_id from user_group m join group_entity g \
         on g.realm_id = $1 and g.id = m.group_id where m.realm_id = $1 and m.user_id = any($2) \
         union select p.id, p.parent_id from up join group_entity p on p.realm_id = $1 and p.id = up.parent_id) \
         select role_id from user_role where realm_id = $1 and user_id = any($2) \
         union select m.role_id from up join group_role m on m.realm_id = $1 and m.group_id = up.id",
    )
    .bind(realm)
    .bind(users)
    .fetch_all(db)
    .await?)
}

/// Deletes users with all that hangs on them.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, users: &[Uuid]) -> Result<()> {
    sqlx::query("delete from user_entity where realm_id = $1 and id = any($2)")
        .bind(realm)
        .bind(users)
        .execute(db)
        .await?;
    Ok(())
}
