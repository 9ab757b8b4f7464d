//! What a realm export carries that only this crate may open: private keys, the CA, the mail password.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor};
use store::Connection;
use uuid::Uuid;

use crate::component::{self, ComponentRepresentation, KEY_PROVIDER};
use crate::provider::{self, Stored};
use crate::{Realm, RealmRepresentation, Result, Sealer};

/// A key as it is stored, with its provider.
#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    provider_id: String,
    sub_type: Option<String>,
    config: Json<Map<String, Value>>,
    kid: String,
    key_use: String,
    public_key: Option<Vec<u8>>,
    certificate: Option<Vec<u8>>,
    private_key: Vec<u8>,
}

/// The components of a realm by their type, as the admin API's exports have them: without key material.
///
/// # Errors
/// From the database.
pub async fn masked_components(
    db: impl PgExecutor<'_>,
    realm: &Realm,
) -> Result<BTreeMap<String, Vec<ComponentRepresentation>>> {
    let mut listed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for found in component::list(db, realm.id, &component::Filter::default()).await? {
        let kind = found.provider_type.clone();
        listed
            .entry(kind)
            .or_default()
            .push(below_type(found.to_rep()));
    }
    for list in listed.values_mut() {
        sort(list);
    }
    Ok(listed)
}

/// The components of a realm by their type, with private keys in clear, and the realm's CA among them.
///
/// # Errors
/// [`crate::Error::Sealed`] when a key cannot be opened here.
pub async fn components(
    db: &mut Connection,
    sealer: &Sealer,
    realm: &Realm,
) -> Result<BTreeMap<String, Vec<ComponentRepresentation>>> {
    let mut listed = masked_components(&mut *db, realm).await?;
    let rows: Vec<Row> = sqlx::query_as(
        "select c.id, c.name, c.provider_id, c.sub_type, c.config, k.kid, k.key_use, k.public_key, k.certificate, \
         k.private_key from component c join realm_key k on k.realm_id = c.realm_id and k.component_id = c.id \
         where c.realm_id = $1",
    )
    .bind(realm.id)
    .fetch_all(&mut *db)
    .await?;
    let mut keys = Vec::new();
    for row in rows {
        let private = sealer.open(realm.id, row.id, &row.private_key)?;
        let key = Stored {
            kid: &row.kid,
            key_use: &row.key_use,
            public_key: row.public_key.as_deref(),
            certificate: row.certificate.as_deref(),
            private_key: &private,
        };
        keys.push(ComponentRepresentation {
            id: Some(row.id.to_string()),
            name: Some(row.name),
            sub_type: row.sub_type,
            config: Some(provider::export(&row.provider_id, row.config.0, &key)?),
            provider_id: Some(row.provider_id),
            sub_components: Some(json!({})),
            ..ComponentRepresentation::default()
        });
    }
    let sealed: Vec<u8> =
        sqlx::query_scalar("select private_key from realm_ca where realm_id = $1")
            .bind(realm.id)
            .fetch_one(db)
            .await?;
    let ca = sealer.open(realm.id, realm.id, &sealed)?;
    keys.push(provider::export_ca(realm.id, &realm.ca_certificate, &ca)?);
    sort(&mut keys);
    listed.insert(KEY_PROVIDER.to_owned(), keys);
    Ok(listed)
}

/// In exports the type stands above the list, and the parent is the realm.
fn below_type(rep: ComponentRepresentation) -> ComponentRepresentation {
    ComponentRepresentation {
        name: rep.name.filter(|name| !name.is_empty()),
        provider_type: None,
        parent_id: None,
        sub_components: Some(json!({})),
        ..rep
    }
}

/// The same order in every database, whatever its collation.
fn sort(list: &mut [ComponentRepresentation]) {
    list.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
}

/// Puts the mail password in clear into a representation, where the realm has one.
///
/// # Errors
/// [`crate::Error::Sealed`] when it cannot be opened here.
pub async fn reveal_smtp(
    db: impl PgExecutor<'_>,
    sealer: &Sealer,
    realm: Uuid,
    rep: &mut RealmRepresentation,
) -> Result<()> {
    let plain = crate::smtp::password(db, sealer, realm).await?;
    let shown = rep
        .smtp_server
        .as_mut()
        .and_then(|smtp| smtp.get_mut("password"));
    if let (Some(plain), Some(shown)) = (plain, shown) {
        *shown = json!(*plain);
    }
    Ok(())
}
