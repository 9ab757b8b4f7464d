//! Takes events away at the beginning of their chain: when they have expired, or are cleared.

use store::Pool;
use uuid::Uuid;

use super::chain::{self, Link};
use super::verify::{self, Walk};
use crate::{Result, Sealer};

/// Events that one transaction deletes at most, so that new ones do not wait for long.
const BIT: i64 = 1000;
/// Bits of one realm that one round of [`sweep`] deletes at most.
const BITS: usize = 50;

/// Deletes the events of a realm. What comes meanwhile may stay.
///
/// # Errors
/// From the database.
pub async fn clear(pool: &Pool, sealer: &Sealer, realm: Uuid) -> Result<()> {
    while clear_bit(pool, sealer, realm).await? == BIT.unsigned_abs() {}
    Ok(())
}

async fn clear_bit(pool: &Pool, sealer: &Sealer, realm: Uuid) -> Result<u64> {
    let mut transaction = pool.begin().await?;
    chain::hold(&mut transaction, realm).await?;
    let head = chain::lock(&mut transaction, sealer, &[realm]).await?.pop();
    let unchained = sqlx::query(
        "delete from event where ctid = any(array(select ctid from event where realm_id = $1 and seq is null limit $2))",
    )
    .bind(realm)
    .bind(BIT)
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    let chained: Vec<Link> = sqlx::query_as(
        "with gone as (delete from event where ctid = any(array(select ctid from event where realm_id = $1 \
         and seq is not null order by seq limit $2)) returning seq, coalesce(hash, '') as hash) \
         select seq, hash from gone order by seq",
    )
    .bind(realm)
    .bind(BIT)
    .fetch_all(&mut *transaction)
    .await?;
    let deleted = unchained.max(chained.len() as u64);
    let all = deleted < BIT.unsigned_abs();
    match head {
        Some(mut head) if head.intact || !all => {
            head.unchained = head.unchained.saturating_sub_unsigned(unchained);
            if all {
                (head.first, head.unchained) = (head.last.clone(), 0);
            } else if let Some(last) = chained.into_iter().next_back() {
                head.first = last;
            }
            chain::store(&mut transaction, &head).await?;
        }
        // Nothing is left of which a head that was changed, or does not open, could say anything.
        _ if all => chain::forget(&mut transaction, realm).await?,
        _ => {}
    }
    transaction.commit().await?;
    Ok(deleted)
}

/// Deletes events older than their realm's `eventsExpiration`, a bounded bit each call. `now` in seconds.
///
/// Of a chain that is broken nothing is deleted from the break on, so that whoever changed an event cannot let it expire.
///
/// # Errors
/// From the database.
pub async fn sweep(pool: &Pool, sealer: &Sealer, now: i64) -> Result<()> {
    let realms: Vec<(Uuid, i64)> = sqlx::query_as(
        "select id, before from (select id, ($1 - (settings->>'eventsExpiration')::bigint) * 1000 as before from realm \
         where (settings->>'eventsExpiration')::bigint > 0) r \
         where exists (select from event e where e.realm_id = r.id and e.time < r.before)",
    )
    .bind(now)
    .fetch_all(pool)
    .await?;
    for (realm, before) in realms {
        for _ in 0..BITS {
            if sweep_bit(pool, sealer, realm, before).await? < BIT.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}

async fn sweep_bit(pool: &Pool, sealer: &Sealer, realm: Uuid, before: i64) -> Result<u64> {
    let mut transaction = pool.begin().await?;
    chain::hold(&mut transaction, realm).await?;
    let head = chain::lock(&mut transaction, sealer, &[realm]).await?.pop();
    let unchained = sqlx::query(
        "delete from event where ctid = any(array(select ctid from event where realm_id = $1 and seq is null \
         and time < $2 order by time limit $3))",
    )
    .bind(realm)
    .bind(before)
    .bind(BIT)
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    let mut chained = 0;
    if let Some(mut head) = head.filter(|head| head.intact) {
        let rows = verify::page(&mut transaction, realm, head.first.seq, BIT).await?;
        let mut walk = Walk::new(&head);
        for row in rows.into_iter().take_while(|row| row.time < before) {
            if let Err(finding) = walk.step(row) {
                tracing::error!(%realm, %finding, "expired events are not deleted");
                break;
            }
        }
        let first = walk.at;
        chained = sqlx::query("delete from event where realm_id = $1 and seq > $2 and seq <= $3")
            .bind(realm)
            .bind(head.first.seq)
            .bind(first.seq)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        head.first = first;
        head.unchained = head.unchained.saturating_sub_unsigned(unchained);
        chain::store(&mut transaction, &head).await?;
    } else if unchained > 0 {
        // Realms of which no event was kept since there are chains.
        sqlx::query(
            "update event_chain set unchained = unchained - $2 where realm_id = $1 and key is null",
        )
        .bind(realm)
        .bind(unchained.cast_signed())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(unchained.max(chained))
}
