//! Who holds a token: what has to be true of them at every call.

use serde_json::{Map, Value};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor, Postgres, Row as _};
use store::Result;
use uuid::Uuid;

use crate::User;
use crate::group::Belonging;
use crate::mapping::{RoleNames, names_of_user};
use crate::session::{ClientTimes, Times};

/// Which kind of session a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One that ends with the user's sign-in.
    Online,
    /// One that goes on.
    Offline,
    /// The token does not say; an offline one counts first.
    Either,
}

/// What a token says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// Its `jti`.
    pub id: &'a str,
    /// Whose it is; a token that does not say is whoever's session it names.
    pub user: Option<Uuid>,
    /// The uuid of the client that it was made for.
    pub client: Uuid,
    /// The session that it belongs to, if any.
    pub session: Option<&'a str>,
    /// The kind of that session.
    pub kind: Kind,
}

/// A user as far as a token of theirs depends on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// The user.
    pub user: Uuid,
    /// A disabled user's tokens are worth nothing.
    pub enabled: bool,
    /// Seconds; tokens issued before are worth nothing.
    pub not_before: i64,
    /// The token was taken back.
    pub revoked: bool,
    /// The token's session, while there is one; how long that is good is not known here.
    pub session: Option<Times>,
}

/// The same with all that a token made now would say.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    /// What decides.
    pub holder: Holder,
    /// The user as it is now.
    pub user: User,
    /// The names of all roles that it holds now.
    pub roles: RoleNames,
    /// The groups that it is directly in, where they were asked for.
    pub groups: Vec<Belonging>,
    /// When the user last signed in by a browser, in seconds; none after a password grant.
    pub auth_time: Option<i64>,
    /// What mappers tell of the sign-in, such as `amr`.
    pub notes: Map<String, Value>,
    /// Whether the client got in by a sign-in that was there already.
    pub sso: bool,
    /// The `claims` parameter of the client's authorization request, where it was kept.
    pub claims: Option<String>,
    /// Until this second wrong passwords have locked the user; 0 without any.
    pub locked_until: i64,
}

/// The columns of a [`Holder`] but the user's own, and where they come from. `$1` realm, `$2` user, `$3` session, `$4` client,
/// `$5` and `$6` whether the session may be an online or an offline one, `$7` the token's id.
macro_rules! from_holder {
    ($columns:expr, $joins:literal) => {
        concat!(
            $columns,
            ", exists (select from revoked_token d where d.realm_id = $1 and d.id = $7) as revoked, \
             x.started, x.last_refresh, x.remember_me, x.offline, x.client_started, x.client_refreshed from user_entity u \
             left join lateral (select o.started, o.last_refresh, o.remember_me, o.auth_time, o.notes, true as offline, \
             o.sso, o.claims, o.client_started, o.last_refresh as client_refreshed from offline_session o where $6 \
             and o.realm_id = $1 and o.session_id = $3 and o.client_id = $4 and o.user_id = u.id union all \
             select s.started, s.last_refresh, s.remember_me, s.auth_time, s.notes, false, k.sso, k.claims, k.started, \
             greatest(k.started, k.last_refresh) from user_session s left join client_session k \
             on k.realm_id = $1 and k.session_id = s.id and k.client_id = $4 where $5 and s.realm_id = $1 and s.id = $3 \
             and s.user_id = u.id limit 1) x on true ",
            $joins,
            "where u.realm_id = $1 and u.id = coalesce($2, \
             (select user_id from offline_session where $6 and realm_id = $1 and session_id = $3 and client_id = $4), \
             (select user_id from user_session where $5 and realm_id = $1 and id = $3))"
        )
    };
}

/// Whoever holds a token.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    token: &Presented<'_>,
) -> Result<Option<Holder>> {
    const SQL: &str = from_holder!("select u.id, u.enabled, u.not_before", "");
    let row = bound(SQL, realm, token).fetch_optional(db).await?;
    Ok(row.as_ref().map(holder).transpose()?)
}

/// The same with the names of all roles that the user holds: what the admin API asks at every call, in one round trip.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find_with_roles(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    token: &Presented<'_>,
) -> Result<Option<(Holder, RoleNames)>> {
    const SQL: &str = from_holder!(
        concat!(
            "select u.id, u.enabled, u.not_before, ",
            names_of_user!(),
            " as names"
        ),
        ""
    );
    let row = bound(SQL, realm, token).fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let Json(names) = row.try_get("names")?;
    Ok(Some((holder(&row)?, RoleNames::from_pairs(names))))
}

/// Whoever holds a token, with all that a token made now would say; groups only with `groups`. One round trip.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find_whole(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    token: &Presented<'_>,
    groups: bool,
) -> Result<Option<Whole>> {
    const SQL: &str = from_holder!(
        concat!(
            crate::columns!("select "),
            ", x.auth_time, x.notes, x.sso, x.claims, coalesce(f.failed_login_not_before, 0) as locked_until, ",
            names_of_user!(),
            " as names, case when $8 then ",
            crate::group::groups_of_user!(),
            " else '[]' end as groups"
        ),
        "left join login_failure f on f.realm_id = u.realm_id and f.user_id = u.id "
    );
    let row = bound(SQL, realm, token)
        .bind(groups)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (Json(names), Json(groups)) = (row.try_get("names")?, row.try_get("groups")?);
    let notes: Option<Json<Map<String, Value>>> = row.try_get("notes")?;
    Ok(Some(Whole {
        holder: holder(&row)?,
        user: User::from_row(&row)?,
        roles: RoleNames::from_pairs(names),
        groups,
        auth_time: row.try_get("auth_time")?,
        notes: notes.map(|Json(notes)| notes).unwrap_or_default(),
        sso: row.try_get::<Option<bool>, _>("sso")? == Some(true),
        claims: row.try_get("claims")?,
        locked_until: row.try_get("locked_until")?,
    }))
}

fn bound<'q>(
    sql: &'static str,
    realm: Uuid,
    token: &Presented<'q>,
) -> Query<'q, Postgres, PgArguments> {
    // What the database cannot hold is the id of nothing.
    let storable = |id: &'q str| if store::text::storable(id) { id } else { "" };
    sqlx::query(sql)
        .bind(realm)
        .bind(token.user)
        .bind(token.session.map(storable))
        .bind(token.client)
        .bind(token.kind != Kind::Offline)
        .bind(token.kind != Kind::Online)
        .bind(storable(token.id))
}

fn holder(row: &PgRow) -> sqlx::Result<Holder> {
    let session = match row.try_get::<Option<i64>, _>("started")? {
        None => None,
        Some(started) => {
            let client = row.try_get::<Option<i64>, _>("client_started")?;
            Some(Times {
                started,
                last_refresh: row.try_get("last_refresh")?,
                client: match client {
                    None => None,
                    Some(started) => Some(ClientTimes {
                        started,
                        last_refresh: row.try_get("client_refreshed")?,
                    }),
                },
                remember_me: row.try_get("remember_me")?,
                offline: row.try_get("offline")?,
            })
        }
    };
    Ok(Holder {
        user: row.try_get("id")?,
        enabled: row.try_get("enabled")?,
        not_before: row.try_get("not_before")?,
        revoked: row.try_get("revoked")?,
        session,
    })
}
