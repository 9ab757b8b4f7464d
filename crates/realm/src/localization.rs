//! Texts of a realm's own, by locale.

use std::collections::BTreeMap;

use sqlx::PgExecutor;
use store::Connection;
use uuid::Uuid;

use crate::{Error, Result};

/// Texts of one realm, all locales together.
pub const MAX_TEXTS: i64 = 10_000;
/// Bytes of a locale and of a key.
const MAX_NAME: usize = 255;
/// Bytes of a text.
const MAX_TEXT: usize = 4000;

/// Texts by key.
pub type Texts = BTreeMap<String, String>;

/// The locales that the realm has texts for, in order.
///
/// # Errors
/// From the database.
pub async fn locales(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "select distinct locale from localization_text where realm_id = $1 order by locale limit $2",
    )
    .bind(realm)
    .bind(MAX_TEXTS)
    .fetch_all(db)
    .await?)
}

/// The texts of a locale.
///
/// # Errors
/// From the database.
pub async fn list(db: impl PgExecutor<'_>, realm: Uuid, locale: &str) -> Result<Texts> {
    let texts: Vec<(String, String)> = sqlx::query_as(
        "select key, value from localization_text where realm_id = $1 and locale = $2 order by key limit $3",
    )
    .bind(realm)
    .bind(locale)
    .bind(MAX_TEXTS)
    .fetch_all(db)
    .await?;
    Ok(texts.into_iter().collect())
}

/// All texts of a realm, by locale; for exports.
///
/// # Errors
/// From the database.
pub async fn all(db: impl PgExecutor<'_>, realm: Uuid) -> Result<BTreeMap<String, Texts>> {
    let texts: Vec<(String, String, String)> = sqlx::query_as(
        "select locale, key, value from localization_text where realm_id = $1 order by locale, key limit $2",
    )
    .bind(realm)
    .bind(MAX_TEXTS)
    .fetch_all(db)
    .await?;
    let mut all: BTreeMap<String, Texts> = BTreeMap::new();
    for (locale, key, value) in texts {
        all.entry(locale).or_default().insert(key, value);
    }
    Ok(all)
}

/// One text.
///
/// # Errors
/// From the database.
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    locale: &str,
    key: &str,
) -> Result<Option<String>> {
    Ok(sqlx::query_scalar(
        "select value from localization_text where realm_id = $1 and locale = $2 and key = $3",
    )
    .bind(realm)
    .bind(locale)
    .bind(key)
    .fetch_optional(db)
    .await?)
}

/// Adds texts to a locale; those with a known key replace it, those without a value remove it. Call in a transaction.
///
/// # Errors
/// [`Error::Invalid`] for what is too long or too many.
pub async fn put(
    tx: &mut Connection,
    realm: Uuid,
    locale: &str,
    texts: &BTreeMap<String, Option<String>>,
) -> Result<()> {
    let bad = |text: String| Err(Error::Invalid(text));
    let name_is_bad =
        |name: &str| name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control);
    if name_is_bad(locale) || texts.keys().any(|key| name_is_bad(key)) {
        return bad(format!(
            "A locale and a key have 1 to {MAX_NAME} bytes and no control characters"
        ));
    }
    let too_long = |text: &String| text.len() > MAX_TEXT || !store::text::storable(text);
    if texts.values().flatten().any(too_long) {
        return bad(format!("A text has {MAX_TEXT} bytes at most and no NUL"));
    }
    // Writers of one realm take turns, so that the bound holds.
    sqlx::query("select from realm where id = $1 for update")
        .bind(realm)
        .execute(&mut *tx)
        .await?;
    let removed: Vec<&str> = texts
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(key, _)| key.as_str())
        .collect();
    sqlx::query(
        "delete from localization_text where realm_id = $1 and locale = $2 and key = any($3)",
    )
    .bind(realm)
    .bind(locale)
    .bind(removed)
    .execute(&mut *tx)
    .await?;
    let (keys, values): (Vec<&str>, Vec<&str>) = texts
        .iter()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)))
        .unzip();
    sqlx::query(
        "insert into localization_text (realm_id, locale, key, value) select $1, $2, * from unnest($3::text[], $4::text[]) \
         on conflict (realm_id, locale, key) do update set value = excluded.value",
    )
    .bind(realm)
    .bind(locale)
    .bind(keys)
    .bind(values)
    .execute(&mut *tx)
    .await?;
    let count: i64 =
        sqlx::query_scalar("select count(*) from localization_text where realm_id = $1")
            .bind(realm)
            .fetch_one(&mut *tx)
            .await?;
    if count > MAX_TEXTS {
        return bad(format!("A realm has {MAX_TEXTS} texts at most"));
    }
    Ok(())
}

/// Removes a text, or without a key all of a locale. Whether there was any.
///
/// # Errors
/// From the database.
pub async fn delete(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    locale: &str,
    key: Option<&str>,
) -> Result<bool> {
    let done = sqlx::query(
        "delete from localization_text where realm_id = $1 and locale = $2 and ($3::text is null or key = $3)",
    )
    .bind(realm)
    .bind(locale)
    .bind(key)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
