//! The keys that a realm gets once a client of it wants an algorithm that it has no key for.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::component::{self, ComponentRepresentation, KEY_PROVIDER};
use crate::{Error, KeyPool, Realm, Result, Sealer};

/// Adds the provider `fallback-{algorithm}` with a new key, unless it is there.
///
/// Its id follows from the realm and the algorithm, so several nodes that add it at once add one.
///
/// # Errors
/// [`Error::Invalid`] for an algorithm that no key signs with; from the database.
pub async fn add(
    db: &store::Pool,
    sealer: &Sealer,
    keys: &KeyPool,
    realm: &Realm,
    algorithm: &str,
) -> Result<()> {
    let (provider, member, value) = provider(algorithm)
        .ok_or_else(|| Error::Invalid(format!("{algorithm} is no signature algorithm")))?;
    let name = format!("fallback-{algorithm}");
    let id = id(realm.id, &name);
    if component::find(db, realm.id, id).await?.is_some() {
        return Ok(());
    }
    let config: Map<String, Value> = [(member, value), ("priority", "-100")]
        .map(|(member, value)| (member.to_owned(), json!([value])))
        .into_iter()
        .collect();
    let rep = ComponentRepresentation {
        id: Some(id.to_string()),
        name: Some(name),
        provider_id: Some(provider.to_owned()),
        provider_type: Some(KEY_PROVIDER.to_owned()),
        config: Some(config),
        ..ComponentRepresentation::default()
    };
    match component::create(db, sealer, keys, realm, &rep).await {
        Ok(_) | Err(Error::Duplicate(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The provider of an algorithm's keys, and the member of its config that says which.
fn provider(algorithm: &str) -> Option<(&'static str, &'static str, &str)> {
    Some(match algorithm {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => {
            ("rsa-generated", "algorithm", algorithm)
        }
        "HS256" | "HS384" | "HS512" => ("hmac-generated", "algorithm", algorithm),
        "ES256" => ("ecdsa-generated", "ecdsaEllipticCurveKey", "P-256"),
        "ES384" => ("ecdsa-generated", "ecdsaEllipticCurveKey", "P-384"),
        "ES512" => ("ecdsa-generated", "ecdsaEllipticCurveKey", "P-521"),
        "EdDSA" => ("eddsa-generated", "eddsaEllipticCurveKey", "Ed25519"),
        _ => return None,
    })
}

fn id(realm: Uuid, name: &str) -> Uuid {
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        &[realm.as_bytes(), name.as_bytes()].concat(),
    );
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_algorithm_has_a_provider() {
        for algorithm in crate::key::SIGNATURES {
            assert!(provider(algorithm).is_some(), "{algorithm}");
        }
        for other in ["none", "RSA-OAEP", "AES", "rs256", ""] {
            assert!(provider(other).is_none(), "{other}");
        }
    }
}
