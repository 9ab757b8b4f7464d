//! The sessions of a realm, as the admin console looks for them.

use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

use super::{MAX_LISTED, Session};

/// A session of either kind.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Found {
    /// The session.
    #[sqlx(flatten)]
    pub session: Session,
    /// Whether it goes on when the user's other sessions end.
    pub offline: bool,
}

/// Which sessions are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Those that a client (its uuid) takes part in.
    pub client: Option<Uuid>,
    /// A part of the user's name, of the address or of a client's id.
    pub text: &'a str,
    /// Those that are offline, or are not; none for both.
    pub offline: Option<bool>,
}

/// The sessions of a realm, in the order of their ids, offline ones last, a thousand at most.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn search(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    search: &Search<'_>,
    first: i64,
    max: i64,
) -> Result<Vec<Found>> {
    // An offline session has a row for each client: the first stands for it.
    macro_rules! one_kind {
        ($id:literal, $from:literal, $parts:literal, $offline:literal) => {
            concat!(
                "select ", $id, " as id, s.user_id, u.username, s.ip_address, s.started, s.last_refresh, s.remember_me, \
                 s.auth_time, s.notes, k.clients, ", $offline, " as offline from ", $from,
                " s join user_entity u on u.realm_id = s.realm_id and u.id = s.user_id cross join lateral \
                 (select coalesce(jsonb_object_agg(c.id, c.client_id), '{}') as clients, \
                 coalesce(bool_or(c.id = $2), false) as of_client, \
                 coalesce(bool_or(strpos(c.client_id, $3) > 0), false) as named from ", $parts,
                " t join client c on c.realm_id = t.realm_id and c.id = t.client_id where t.realm_id = $1 \
                 and t.session_id = ", $id, ") k where s.realm_id = $1 and coalesce($4 = ", $offline, ", true) \
                 and ($2::uuid is null or k.of_client) and ($3 = '' or strpos(u.username, $3) > 0 \
                 or strpos(s.ip_address, $3) > 0 or k.named)"
            )
        };
    }
    const SQL: &str = concat!(
        "select * from (",
        one_kind!("s.id", "user_session", "client_session", "false"),
        " union all ",
        one_kind!("s.session_id", "offline_session", "offline_session", "true"),
        " and not exists (select from offline_session b where b.realm_id = $1 and b.session_id = s.session_id \
         and b.client_id < s.client_id)) f order by f.offline, f.id offset $5 limit $6"
    );
    Ok(sqlx::query_as(SQL)
        .bind(realm)
        .bind(search.client)
        .bind(search.text)
        .bind(search.offline)
        .bind(first.max(0))
        .bind(max.clamp(0, MAX_LISTED))
        .fetch_all(db)
        .await?)
}
