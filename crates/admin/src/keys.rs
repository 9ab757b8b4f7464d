//! `/admin/realms/{realm}/keys`.

use actix_web::HttpResponse;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::HttpError;
use realm::key::{Key, Status};
use serde_json::{Map, Value, json};

use crate::Admin;
use crate::auth::Role::{ManageRealm, ViewRealm};

pub(crate) async fn list(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewRealm, ManageRealm])?;
    let mut active = Map::new();
    for key in admin
        .realm
        .keys
        .iter()
        .filter(|key| key.status == Status::Active)
    {
        active
            .entry(&key.algorithm)
            .or_insert_with(|| json!(key.kid));
    }
    let keys: Vec<Value> = admin.realm.keys.iter().map(|key| describe(key)).collect();
    Ok(HttpResponse::Ok().json(json!({ "active": active, "keys": keys })))
}

/// Public halves only; symmetric keys have none.
fn describe(key: &Key) -> Value {
    let mut rep = json!({
        "providerId": key.provider_id,
        "providerPriority": key.priority,
        "kid": key.kid,
        "status": key.status.as_str(),
        "type": key.key_type,
        "algorithm": key.algorithm,
        "use": key.key_use,
    });
    if let Some(members) = rep.as_object_mut() {
        for (name, der) in [
            ("publicKey", &key.public_key),
            ("certificate", &key.certificate),
        ] {
            if let Some(der) = der {
                members.insert(name.to_owned(), json!(STANDARD.encode(der)));
            }
        }
        if let Some(valid_to) = key.valid_to {
            members.insert("validTo".to_owned(), json!(valid_to));
        }
    }
    rep
}
