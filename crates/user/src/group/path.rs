//! Groups by path.

use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

use super::Group;

/// Slashes that a path has at most.
const MAX_SEGMENTS: usize = 100;

/// The group with this path.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find_by_path(db: &store::Pool, realm: Uuid, path: &str) -> Result<Option<Group>> {
    let found = find_by_paths(db, realm, &[path.to_owned()]).await?;
    match found.first().copied().flatten() {
        Some(id) => super::find(db, realm, id).await,
        None => Ok(None),
    }
}

/// The ids of the groups with these paths, each in its place; none where there is no such group. A path begins with a
/// slash or does not, and may end with one. A name may hold slashes, which nothing marks: of several ways to read a path
/// the one with the shorter names first counts, as in Keycloak.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find_by_paths(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    paths: &[String],
) -> Result<Vec<Option<Uuid>>> {
    let readable = |path: &&String| {
        store::text::storable(path) && path.bytes().filter(|b| *b == b'/').count() <= MAX_SEGMENTS
    };
    let trimmed = |path: &str| {
        let path = path.strip_prefix('/').unwrap_or(path);
        path.strip_suffix('/').unwrap_or(path).to_owned()
    };
    let trimmed: Vec<Option<String>> = paths
        .iter()
        .map(|path| Some(path).filter(readable).map(|path| trimmed(path)))
        .collect();
    // `taken`: how many segments each name on the way down has used.
    let found: Vec<(i64, Uuid)> = sqlx::query_as(
        "with recursive wanted as (select number, string_to_array(path, '/') as parts \
         from unnest($2::text[]) with ordinality w (path, number) where path is not null), \
         down (number, id, at, taken) as ( \
         select w.number, g.id, n, array[n] from wanted w cross join generate_series(1, cardinality(w.parts)) n \
         join group_entity g on g.realm_id = $1 and g.parent_id is null \
         and g.name = array_to_string(w.parts[1:n], '/') \
         union all select d.number, g.id, d.at + n, d.taken || n from down d join wanted w on w.number = d.number \
         cross join generate_series(1, cardinality(w.parts) - d.at) n \
         join group_entity g on g.realm_id = $1 and g.parent_id = d.id \
         and g.name = array_to_string(w.parts[d.at + 1:d.at + n], '/')) \
         select distinct on (d.number) d.number, d.id from down d join wanted w on w.number = d.number \
         where d.at = cardinality(w.parts) order by d.number, d.taken",
    )
    .bind(realm)
    .bind(&trimmed)
    .fetch_all(db)
    .await?;
    let mut ids = vec![None; paths.len()];
    for (number, id) in found {
        if let Some(place) = usize::try_from(number - 1)
            .ok()
            .and_then(|at| ids.get_mut(at))
        {
            *place = Some(id);
        }
    }
    Ok(ids)
}
