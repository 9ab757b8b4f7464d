//! What the groups of a user give him for his tokens.

use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::PgExecutor;
use sqlx::types::Json;
use store::Result;
use uuid::Uuid;

/// A group that a user is directly in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Belonging {
    /// A slash before each name from the top down.
    pub path: String,
    /// The attributes of the group and of those that it is in, nearest first.
    pub attributes: Vec<Map<String, Value>>,
}

/// The groups that user `u` of realm `$1` is directly in, as a JSON list, by name: for statements that read a user anyway
/// and save a round trip. Ten thousand at most.
macro_rules! groups_of_user {
    () => {
        "(select coalesce(json_agg(json_build_object('path', m.path, 'attributes', m.attributes) order by m.name, m.id), '[]') \
         from (with recursive up (id, name, parent_id, path, attributes) as (select g.id, g.name, g.parent_id, \
         '/' || g.name, jsonb_build_array(g.attributes) from user_group o join group_entity g on g.realm_id = $1 \
         and g.id = o.group_id where o.realm_id = $1 and o.user_id = u.id union all select up.id, up.name, p.parent_id, \
         '/' || p.name || up.path, up.attributes || jsonb_build_array(p.attributes) from up join group_entity p \
         on p.realm_id = $1 and p.id = up.parent_id) select id, name, path, attributes from up where parent_id is null \
         order by name, id limit 10000) m)"
    };
}
pub(crate) use groups_of_user;

/// The groups that a user is directly in, by name; at most [`super::MAX_LISTED`].
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn of_user(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<Vec<Belonging>> {
    const SQL: &str = concat!(
        "select ",
        groups_of_user!(),
        " as groups from (select $2::uuid as id) u"
    );
    let Json(groups): Json<Vec<Belonging>> = sqlx::query_scalar(SQL)
        .bind(realm)
        .bind(user)
        .fetch_one(db)
        .await?;
    Ok(groups)
}
