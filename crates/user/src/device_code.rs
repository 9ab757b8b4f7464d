//! Device codes (RFC 8628): a device shows a user code and polls; whoever types that in decides, signed in.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use sqlx::{PgExecutor, types::Json};
use store::{Error, Result};
use uuid::Uuid;

/// Digits of a user code: consonants, so that no words come out (RFC 8628 §6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How often another user code is tried while one is taken.
const TRIES: usize = 5;

/// A device that waits. Seconds, but for `last_poll`.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct DeviceCode {
    /// Its id, which is no secret.
    pub id: String,
    /// The client's uuid.
    pub client_id: Uuid,
    /// What was asked for, as the protocol wrote it.
    #[sqlx(json)]
    pub request: Value,
    /// Between two polls.
    pub interval: i32,
    /// When the device asked last, in milliseconds; 0 before.
    pub last_poll: i64,
    /// What somebody has decided; none while nobody has.
    pub granted: Option<bool>,
    /// Who has granted it.
    pub user_id: Option<Uuid>,
    /// The session that tokens belong to.
    pub session_id: Option<String>,
    /// When it is too late.
    pub expires: i64,
}

/// What a new code is for. Seconds.
#[derive(Clone, Debug)]
pub struct New<'a> {
    /// The client's uuid.
    pub client: Uuid,
    /// What was asked for.
    pub request: &'a Value,
    /// Between two polls.
    pub interval: i32,
    /// When it is too late.
    pub expires: i64,
}

/// Stores a device code; the user code that goes with it, without a dash.
///
/// # Errors
/// [`store::Error::Missing`] when the client is gone.
pub async fn create(
    db: &store::Pool,
    realm: Uuid,
    device_code: &str,
    new: &New<'_>,
) -> Result<String> {
    let mut left = TRIES;
    loop {
        let user_code = random_user_code()?;
        let done = sqlx::query(
            "insert into device_code (realm_id, id, user_code, client_id, request, \"interval\", expires) \
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(realm)
        .bind(id(device_code))
        .bind(&user_code)
        .bind(new.client)
        .bind(Json(new.request))
        .bind(new.interval)
        .bind(new.expires)
        .execute(db)
        .await
        .map_err(Error::from);
        left -= 1;
        match done {
            Err(Error::Duplicate(name)) if name == "device_code_user_code_key" && left > 0 => {}
            Err(error) => return Err(error),
            Ok(_) => return Ok(user_code),
        }
    }
}

fn random_user_code() -> Result<String> {
    let mut code = String::with_capacity(8);
    while code.len() < 8 {
        // 240 is the largest multiple of 20 in a byte: every letter is as likely.
        let random = realm::seal::random::<32>()?;
        let letters = random.iter().filter(|byte| **byte < 240);
        let letters = letters.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        code.extend(letters.take(8 - code.len()));
    }
    Ok(code)
}

/// A user code as people type it: in any case, with or without dashes and spaces.
#[must_use]
pub fn normal(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .take(9)
        .collect();
    (code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

macro_rules! columns {
    ($before:literal, $rest:literal) => {
        concat!(
            $before,
            "encode(d.id, 'hex') as id, d.client_id, d.request, d.\"interval\", b.last_poll, d.granted, d.user_id, \
             d.session_id, d.expires ",
            $rest
        )
    };
}

/// The device that shows a user code in its [`normal`] form.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find_by_user_code(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user_code: &str,
) -> Result<Option<DeviceCode>> {
    let sql = columns!(
        "select ",
        "from device_code d cross join lateral (select d.last_poll) b where d.realm_id = $1 and d.user_code = $2"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(user_code)
        .fetch_optional(db)
        .await?)
}

/// The device of a code, and when it asked before; at millisecond `now` it asks once more, unless that is sooner than
/// its interval, or it calls itself by another client (its uuid).
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn poll(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    device_code: &str,
    client: Uuid,
    now: i64,
) -> Result<Option<DeviceCode>> {
    let sql = columns!(
        "update device_code d set last_poll = case when d.client_id = $3 and b.last_poll + d.\"interval\" * 1000 <= $4 \
         then $4 else b.last_poll end from (select realm_id, id, last_poll from device_code \
         where realm_id = $1 and id = $2 for update) b where d.realm_id = b.realm_id and d.id = b.id returning ",
        ""
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(id(device_code))
        .bind(client)
        .bind(now)
        .fetch_optional(db)
        .await?)
}

/// Decides about a device (its id) at second `now`: `granted` are the user and the session that tokens will belong to.
/// Whether nobody had before.
///
/// # Errors
/// [`store::Error::Missing`] when the user is gone.
pub async fn decide(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    device: &str,
    granted: Option<(Uuid, &str)>,
    now: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "update device_code set granted = $3, user_id = $4, session_id = $5 \
         where realm_id = $1 and id = decode($2, 'hex') and granted is null and expires > $6",
    )
    .bind(realm)
    .bind(device)
    .bind(granted.is_some())
    .bind(granted.map(|(user, _)| user))
    .bind(granted.map(|(_, session)| session))
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Uses a code that was granted (the id of its device). Of many uses at once one gets true.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn take(db: impl PgExecutor<'_>, realm: Uuid, device: &str) -> Result<bool> {
    let done = sqlx::query(
        "delete from device_code where realm_id = $1 and id = decode($2, 'hex') and granted",
    )
    .bind(realm)
    .bind(device)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets codes that have been over for a while, of all realms, up to `most`; how many. `now`: seconds. Until then a
/// device is told that it is too late.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep(db: impl PgExecutor<'_>, now: i64, most: i64) -> Result<u64> {
    store::sweep!(db, "device_code", now - 60, most).await
}

fn id(device_code: &str) -> Vec<u8> {
    digest(&SHA256, device_code.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_code_is_read_as_people_type_it() {
        for typed in ["WDJB-MJHT", "wdjbmjht", " wdjb mj-ht "] {
            assert_eq!(normal(typed).as_deref(), Some("WDJBMJHT"));
        }
        for typed in ["", "WDJB-MJH", "WDJB-MJHTX", "WDJB-MJH0", "ẞßßßßßßß"] {
            assert_eq!(normal(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_new_user_code_is_made_of_consonants() {
        let code = random_user_code().unwrap();
        assert_eq!(normal(&code), Some(code.clone()));
        assert!(code.bytes().all(|byte| ALPHABET.contains(&byte)), "{code}");
    }
}
