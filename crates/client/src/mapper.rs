//! Protocol mappers: what tokens get in addition, of a client or of all that have a client scope. What a mapper does is
//! its protocol's business.

use realm::{Error, Result};
use serde::Deserialize;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{ProtocolMapperRepresentation, Texts};

/// Mappers of one client or client scope at most.
pub const MAX: usize = 2000;
/// Bytes of the configs of one client or client scope together at most: they are read with it.
const MAX_BYTES: usize = 2 << 20;
const MAX_CONFIG: usize = 100;
const MAX_NAME: usize = 255;
const MAX_VALUE: usize = 4000;

/// Whose protocol mappers or scope mappings are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Those of a client (its uuid).
    Client(Uuid),
    /// Those of a client scope.
    Scope(Uuid),
}

impl Owner {
    /// The columns `client_id` and `client_scope_id`, of which one is null.
    pub(crate) fn columns(self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            Self::Client(id) => (Some(id), None),
            Self::Scope(id) => (None, Some(id)),
        }
    }
}

/// A protocol mapper of a client or a client scope.
#[derive(Clone, Debug, PartialEq, Deserialize, sqlx::FromRow)]
pub struct Mapper {
    /// Its id.
    pub id: Uuid,
    /// Unique among those of its protocol in its client or client scope.
    pub name: String,
    /// The protocol that it works in; not always that of its owner.
    pub protocol: String,
    /// What kind it is; Keycloak's `protocolMapper`.
    pub protocol_mapper: String,
    /// Kept for clients that set it; nothing depends on it.
    pub consent_required: bool,
    /// Settings of its kind.
    #[sqlx(json)]
    pub config: Texts,
}

impl Mapper {
    /// From JSON, with a new id where none is given; empty values of the config are dropped.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a name or kind, or over a bound.
    pub fn from_rep(rep: &ProtocolMapperRepresentation) -> Result<Self> {
        let text = |what: &str, value: &Option<String>| match value.as_deref() {
            Some(text)
                if !text.is_empty()
                    && text.chars().count() <= MAX_NAME
                    && !text.chars().any(char::is_control) =>
            {
                Ok(text.to_owned())
            }
            _ => Err(Error::Invalid(format!(
                "{what} of a protocol mapper: 1 to {MAX_NAME} characters, none of them a control character"
            ))),
        };
        let mut config = rep.config.clone().unwrap_or_default();
        config.retain(|_, value| !value.is_empty());
        let fits = |text: &str, max| store::text::storable(text) && text.chars().count() <= max;
        if config.len() > MAX_CONFIG
            || config
                .iter()
                .any(|(name, value)| !fits(name, MAX_NAME) || !fits(value, MAX_VALUE))
        {
            return Err(Error::Invalid(format!(
                "config of a protocol mapper: at most {MAX_CONFIG} entries of {MAX_VALUE} characters each"
            )));
        }
        let id = match rep.id.as_deref().filter(|id| !id.is_empty()) {
            None => Uuid::new_v4(),
            Some(id) => Uuid::try_parse(id)
                .map_err(|_| Error::Invalid("id of a protocol mapper: not a UUID".to_owned()))?,
        };
        Ok(Self {
            id,
            name: text("name", &rep.name)?,
            protocol: text("protocol", &rep.protocol)?,
            protocol_mapper: text("protocolMapper", &rep.protocol_mapper)?,
            consent_required: rep.consent_required.unwrap_or(false),
            config,
        })
    }

    fn bytes(&self) -> usize {
        let texts = self.config.iter();
        texts.map(|(name, value)| name.len() + value.len()).sum()
    }

    /// As the admin API shows it.
    #[must_use]
    pub fn to_rep(&self) -> ProtocolMapperRepresentation {
        ProtocolMapperRepresentation {
            id: Some(self.id.to_string()),
            name: Some(self.name.clone()),
            protocol: Some(self.protocol.clone()),
            protocol_mapper: Some(self.protocol_mapper.clone()),
            consent_required: Some(self.consent_required),
            consent_text: None,
            config: Some(self.config.clone()),
        }
    }
}

fn full() -> Error {
    Error::Invalid(format!(
        "protocolMappers: at most {MAX} entries, with configs of {MAX_BYTES} bytes together"
    ))
}

/// Whether one client or client scope may have all of these.
///
/// # Errors
/// [`Error::Invalid`] where they are too many, or too large together.
pub(crate) fn fit(mappers: &[Mapper]) -> Result<()> {
    let bytes: usize = mappers.iter().map(Mapper::bytes).sum();
    if mappers.len() > MAX || bytes > MAX_BYTES {
        return Err(full());
    }
    Ok(())
}

/// The mapper of this owner with this id.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: Owner,
    id: Uuid,
) -> Result<Option<Mapper>> {
    let (client, scope) = owner.columns();
    Ok(sqlx::query_as(
        "select id, name, protocol, protocol_mapper, consent_required, config from protocol_mapper \
         where realm_id = $1 and (client_id = $2 or client_scope_id = $3) and id = $4",
    )
    .bind(realm)
    .bind(client)
    .bind(scope)
    .bind(id)
    .fetch_optional(db)
    .await?)
}

/// The mappers of an owner, of one protocol where it is named, by name.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn list(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: Owner,
    protocol: Option<&str>,
) -> Result<Vec<Mapper>> {
    let (client, scope) = owner.columns();
    Ok(sqlx::query_as(
        "select id, name, protocol, protocol_mapper, consent_required, config from protocol_mapper \
         where realm_id = $1 and (client_id = $2 or client_scope_id = $3) and ($4::text is null or protocol = $4) \
         order by name, protocol",
    )
    .bind(realm)
    .bind(client)
    .bind(scope)
    .bind(protocol.filter(|text| store::text::storable(text)))
    .fetch_all(db)
    .await?)
}

/// Stores one mapper.
///
/// # Errors
/// [`Error::Duplicate`] `protocol_mapper_name_key` or `protocol_mapper_scope_name_key`, or `protocol_mapper_pkey` for an
/// id that is taken; [`Error::Missing`] when the owner is gone; [`Error::Invalid`] when it would have more than [`MAX`], or
/// too large ones.
pub async fn create(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: Owner,
    mapper: &Mapper,
) -> Result<()> {
    add_many(db, realm, owner, std::slice::from_ref(mapper)).await
}

/// Stores many mappers in one statement; all or none.
///
/// # Errors
/// As [`create`].
pub async fn add_many(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: Owner,
    mappers: &[Mapper],
) -> Result<()> {
    if mappers.is_empty() {
        return Ok(());
    }
    fit(mappers)?;
    let left = |of: usize, taken: usize| i64::try_from(of.saturating_sub(taken)).unwrap_or(0);
    let bytes = mappers.iter().map(Mapper::bytes).sum();
    let (client, scope) = owner.columns();
    let done = sqlx::query(
        "insert into protocol_mapper \
         (realm_id, client_id, client_scope_id, id, name, protocol, protocol_mapper, consent_required, config) \
         select $1, $2, $3, new.* \
         from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::bool[], $9::jsonb[]) new \
         where (select count(*) <= $10 and coalesce(sum(octet_length(config::text)), 0) <= $11 from protocol_mapper \
         where realm_id = $1 and (client_id = $2 or client_scope_id = $3))",
    )
    .bind(realm)
    .bind(client)
    .bind(scope)
    .bind(mappers.iter().map(|mapper| mapper.id).collect::<Vec<_>>())
    .bind(mappers.iter().map(|mapper| mapper.name.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|mapper| mapper.protocol.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|mapper| mapper.protocol_mapper.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|mapper| mapper.consent_required).collect::<Vec<_>>())
    .bind(mappers.iter().map(|mapper| Json(&mapper.config)).collect::<Vec<_>>())
    .bind(left(MAX, mappers.len()))
    .bind(left(MAX_BYTES, bytes))
    .execute(db)
    .await?;
    if done.rows_affected() == 0 {
        Err(full())
    } else {
        Ok(())
    }
}

/// Writes all but the id; whether the mapper was there.
///
/// # Errors
/// [`Error::Duplicate`] `protocol_mapper_name_key` or `protocol_mapper_scope_name_key`; [`Error::Invalid`] when the owner's
/// mappers would be too large together.
pub async fn update(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: Owner,
    mapper: &Mapper,
) -> Result<bool> {
    let (client, scope) = owner.columns();
    let left = i64::try_from(MAX_BYTES.saturating_sub(mapper.bytes())).unwrap_or(0);
    let (there, done): (bool, bool) = sqlx::query_as(
        "with known as (select coalesce(bool_or(id = $4), false) as there, \
         coalesce(sum(octet_length(config::text)) filter (where id <> $4), 0) as bytes from protocol_mapper \
         where realm_id = $1 and (client_id = $2 or client_scope_id = $3)), \
         done as (update protocol_mapper set name = $5, protocol = $6, protocol_mapper = $7, consent_required = $8, \
         config = $9 where realm_id = $1 and (client_id = $2 or client_scope_id = $3) and id = $4 \
         and (select bytes from known) <= $10 returning id) \
         select there, exists (select from done) from known",
    )
    .bind(realm)
    .bind(client)
    .bind(scope)
    .bind(mapper.id)
    .bind(&mapper.name)
    .bind(&mapper.protocol)
    .bind(&mapper.protocol_mapper)
    .bind(mapper.consent_required)
    .bind(Json(&mapper.config))
    .bind(left)
    .fetch_one(db)
    .await?;
    if there && !done {
        return Err(full());
    }
    Ok(done)
}

/// Deletes a mapper; whether it was there.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, owner: Owner, id: Uuid) -> Result<bool> {
    let (client, scope) = owner.columns();
    let done = sqlx::query(
        "delete from protocol_mapper where realm_id = $1 and (client_id = $2 or client_scope_id = $3) and id = $4",
    )
    .bind(realm)
    .bind(client)
    .bind(scope)
    .bind(id)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Mapper> {
        Mapper::from_rep(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_mapper_comes_back_as_it_was_given_without_empty_config_values() {
        let rep =
            read(r#"{"name":"aud","protocol":"p","protocolMapper":"t","config":{"a":"b","c":""}}"#)
                .unwrap()
                .to_rep();
        assert_eq!(
            (rep.name.as_deref(), rep.consent_required),
            (Some("aud"), Some(false))
        );
        assert_eq!(
            rep.config.unwrap(),
            [("a".to_owned(), "b".to_owned())].into()
        );
    }

    #[test]
    fn a_mapper_without_name_kind_or_within_bounds_is_refused() {
        assert!(read(r#"{"protocol":"p","protocolMapper":"t"}"#).is_err());
        assert!(read(r#"{"name":"n","protocol":"p"}"#).is_err());
        assert!(read(r#"{"name":"n\u0000","protocol":"p","protocolMapper":"t"}"#).is_err());
        assert!(read(r#"{"id":"7","name":"n","protocol":"p","protocolMapper":"t"}"#).is_err());
        let long = "x".repeat(4001);
        assert!(
            read(&format!(
                r#"{{"name":"n","protocol":"p","protocolMapper":"t","config":{{"a":"{long}"}}}}"#
            ))
            .is_err()
        );
    }
}
