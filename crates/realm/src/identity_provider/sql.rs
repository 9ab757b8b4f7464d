//! The rows of identity providers.

use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use super::{IdentityProvider, MAX, invalid};
use crate::Result;

macro_rules! select_provider {
    ($rest:literal) => {
        concat!(
            "select id, alias, provider_id, enabled, settings, config, client_secret from identity_provider ",
            $rest
        )
    };
}

/// A part of a list.
#[derive(Default)]
pub struct Page<'a> {
    /// In Keycloak's form: what alias or display name begins with, `*` for anything, `"…"` for the whole of it.
    pub search: Option<&'a str>,
    /// How many are passed over.
    pub first: i64,
    /// How many are wanted; all without it.
    pub max: Option<i64>,
}

impl Page<'_> {
    /// As SQL's `like` wants it.
    fn pattern(&self) -> Option<String> {
        let search = self.search?.to_lowercase();
        let whole = search.len() > 1 && search.starts_with('"') && search.ends_with('"');
        let text = if whole {
            search[1..search.len() - 1].to_owned()
        } else {
            search
        };
        let mut pattern = String::new();
        for c in text.chars() {
            match c {
                '*' if !whole => pattern.push('%'),
                '%' | '_' | '\\' => pattern.extend(['\\', c]),
                c => pattern.push(c),
            }
        }
        if !whole {
            pattern.push('%');
        }
        Some(pattern)
    }
}

/// The identity providers of a realm by alias.
///
/// # Errors
/// From the database.
pub async fn list(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    page: &Page<'_>,
) -> Result<Vec<IdentityProvider>> {
    Ok(sqlx::query_as(select_provider!(
        "where realm_id = $1 and ($2::text is null or lower(alias) like $2 or lower(settings ->> 'displayName') like $2) \
         order by alias offset $3 limit $4"
    ))
    .bind(realm)
    .bind(page.pattern())
    .bind(page.first.max(0))
    .bind(page.max.unwrap_or(MAX).clamp(0, MAX))
    .fetch_all(db)
    .await?)
}

/// All of them, for exports.
///
/// # Errors
/// From the database.
pub async fn all(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<IdentityProvider>> {
    let mut providers = list(db, realm, &Page::default()).await?;
    providers.sort_by(|a, b| a.alias.cmp(&b.alias));
    Ok(providers)
}

/// The one of this alias, else of this id.
///
/// # Errors
/// From the database.
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    alias: &str,
) -> Result<Option<IdentityProvider>> {
    if !store::text::storable(alias) {
        return Ok(None);
    }
    Ok(sqlx::query_as(select_provider!(
        "where realm_id = $1 and (alias = $2 or id = $3) order by alias = $2 desc limit 1"
    ))
    .bind(realm)
    .bind(alias)
    .bind(Uuid::try_parse(alias).ok())
    .fetch_optional(db)
    .await?)
}

/// Adds one.
///
/// # Errors
/// [`crate::Error::Duplicate`] with `identity_provider_alias_key` or `identity_provider_pkey`; [`crate::Error::Invalid`] when there
/// are too many.
pub async fn create(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    provider: &IdentityProvider,
) -> Result<()> {
    let done = sqlx::query(
        "insert into identity_provider (realm_id, id, alias, provider_id, enabled, settings, config, client_secret) \
         select $1, $2, $3, $4, $5, $6, $7, $8 \
         where (select count(*) from identity_provider where realm_id = $1) < $9",
    )
    .bind(realm)
    .bind(provider.id)
    .bind(&provider.alias)
    .bind(&provider.provider_id)
    .bind(provider.enabled)
    .bind(Json(&provider.settings))
    .bind(Json(&provider.config))
    .bind(&provider.client_secret)
    .bind(MAX)
    .execute(db)
    .await?;
    bounded(done.rows_affected(), "A realm has", "identity providers")
}

pub(super) fn bounded(written: u64, who: &str, what: &str) -> Result<()> {
    if written == 0 {
        return invalid(format!("{who} {MAX} {what} at most"));
    }
    Ok(())
}

/// Writes a changed one; alias and kind stay. Whether it was there.
///
/// # Errors
/// From the database.
pub async fn update(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    provider: &IdentityProvider,
) -> Result<bool> {
    let done = sqlx::query(
        "update identity_provider set enabled = $3, settings = $4, config = $5, client_secret = $6 \
         where realm_id = $1 and id = $2",
    )
    .bind(realm)
    .bind(provider.id)
    .bind(provider.enabled)
    .bind(Json(&provider.settings))
    .bind(Json(&provider.config))
    .bind(&provider.client_secret)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes one with its mappers. Whether it was there.
///
/// # Errors
/// From the database.
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query("delete from identity_provider where realm_id = $1 and id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_for_a_beginning_a_part_or_the_whole() {
        let pattern = |search| {
            let page = Page {
                search: Some(search),
                ..Page::default()
            };
            page.pattern().unwrap()
        };
        assert_eq!(pattern("Git"), "git%");
        assert_eq!(pattern("*hub"), "%hub%");
        assert_eq!(pattern("\"a*\""), "a*");
        assert_eq!(pattern("\""), "\"%");
        assert_eq!(pattern("5%_\\"), "5\\%\\_\\\\%");
    }
}
