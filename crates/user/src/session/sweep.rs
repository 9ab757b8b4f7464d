//! Deleting sessions that are over. Nodes that sweep at once do not wait for each other.

use sqlx::PgExecutor;
use store::Result;

/// Deletes sessions of all realms that are over by their realm's settings (`ssoSessionIdleTimeout`,
/// `ssoSessionMaxLifespan`; the longer ones of remembered sessions), `limit` at most; how many it deleted.
/// Call again while that is `limit`. One that was refreshed until its end goes a little later: nobody can use it.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep(db: impl PgExecutor<'_>, now: i64, limit: i64) -> Result<u64> {
    let done = sqlx::query(
        "with realms as (select id, coalesce((settings ->> 'ssoSessionIdleTimeout')::bigint, 1800) as idle, \
         coalesce((settings ->> 'ssoSessionMaxLifespan')::bigint, 36000) as lifespan, \
         (settings ->> 'ssoSessionIdleTimeoutRememberMe')::bigint as idle_remembered, \
         (settings ->> 'ssoSessionMaxLifespanRememberMe')::bigint as lifespan_remembered from realm), \
         due as (select d.place from realms r cross join lateral (select s.ctid as place from user_session s \
         where s.realm_id = r.id and s.last_refresh <= $1 - least(r.idle, r.lifespan) and (not s.remember_me \
         or s.last_refresh <= $1 - least(greatest(r.idle, r.idle_remembered), greatest(r.lifespan, r.lifespan_remembered))) \
         order by s.last_refresh limit $2 for update skip locked) d limit $2) \
         delete from user_session where ctid = any(array(select place from due))",
    )
    .bind(now)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// The same with offline sessions (`offlineSessionIdleTimeout`, `offlineSessionMaxLifespan` where enabled).
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep_offline(db: impl PgExecutor<'_>, now: i64, limit: i64) -> Result<u64> {
    let done = sqlx::query(
        "with realms as (select id, coalesce((settings ->> 'offlineSessionIdleTimeout')::bigint, 2592000) as idle, \
         case when (settings ->> 'offlineSessionMaxLifespanEnabled')::boolean \
         then coalesce((settings ->> 'offlineSessionMaxLifespan')::bigint, 5184000) end as lifespan from realm), \
         due as (select d.place from realms r cross join lateral (select s.ctid as place from offline_session s \
         where s.realm_id = r.id and s.last_refresh <= $1 - least(r.idle, r.lifespan) \
         order by s.last_refresh limit $2 for update skip locked) d limit $2) \
         delete from offline_session where ctid = any(array(select place from due))",
    )
    .bind(now)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes the parts in sessions of clients that have limits of their own (`clientSessionIdleTimeout`,
/// `clientSessionMaxLifespan` of the realm, `client.session.idle.timeout`, `client.session.max.lifespan` of the client),
/// `limit` at most; how many it deleted. It looks at every client.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep_parts(db: impl PgExecutor<'_>, now: i64, limit: i64) -> Result<u64> {
    // An attribute that is no number counts as none, as where sessions are refreshed.
    macro_rules! limit {
        ($attribute:literal, $setting:literal) => {
            concat!(
                "coalesce(nullif(substring(c.settings -> 'attributes' ->> '",
                $attribute,
                "' from '^[0-9]{1,12}$')::bigint, 0), nullif((r.settings ->> '",
                $setting,
                "')::bigint, 0))"
            )
        };
    }
    const SQL: &str = concat!(
        "with clients as (select c.realm_id, c.id, ",
        limit!("client.session.idle.timeout", "clientSessionIdleTimeout"),
        " as idle, ",
        limit!("client.session.max.lifespan", "clientSessionMaxLifespan"),
        " as lifespan from client c join realm r on r.id = c.realm_id), \
         due as (select d.place from clients c cross join lateral (select k.ctid as place from client_session k \
         where k.realm_id = c.realm_id and k.client_id = c.id and (k.started <= $1 - c.lifespan \
         or greatest(k.started, k.last_refresh) <= $1 - c.idle) limit $2 for update skip locked) d \
         where c.idle is not null or c.lifespan is not null limit $2) \
         delete from client_session where ctid = any(array(select place from due))"
    );
    let done = sqlx::query(SQL).bind(now).bind(limit).execute(db).await?;
    Ok(done.rows_affected())
}
