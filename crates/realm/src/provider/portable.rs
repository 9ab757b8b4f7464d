//! Keys as realm exports carry them: in the config of their providers, in the members and encodings of Keycloak.
//!
//! A key that comes back is stored as one that was made here; nothing of it stays in the config.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::import::{not_after, read_certificate, read_private_key};
use super::{MASK, Made, curve, first, symmetric};
use crate::component::ComponentRepresentation;
use crate::key::{Material, kid, spki_parts};
use crate::{Error, Result, ca};

/// The members of a generated provider's config that are its key, or follow from it.
const MATERIAL: [&str; 9] = [
    "privateKey",
    "certificate",
    "keyUse",
    "kid",
    "secret",
    "ecdsaPrivateKey",
    "ecdsaPublicKey",
    "eddsaPrivateKey",
    "eddsaPublicKey",
];
/// Those that are secret.
pub(super) const SECRETS: [&str; 4] =
    ["privateKey", "secret", "ecdsaPrivateKey", "eddsaPrivateKey"];
/// The member by which a component is known to be a realm's CA.
const CA_CERTIFICATE: &str = "realmCaCertificate";
/// The id of the realm's row, which the certificate names.
const CA_REALM: &str = "realmCaSubject";

/// Takes the key of a generated provider out of its config, where it has one.
///
/// # Errors
/// [`Error::Invalid`] for a key that is not readable or does not fit its certificate.
pub(super) fn restore(
    provider: &str,
    config: &mut Map<String, Value>,
    realm: Uuid,
    realm_name: &str,
    ca_pkcs8: &[u8],
) -> Result<Option<Made>> {
    if !provider.ends_with("-generated") {
        return Ok(None);
    }
    let mut given = Map::new();
    for member in MATERIAL {
        if let Some(value) = config.remove(member) {
            given.insert(member.to_owned(), value);
        }
    }
    let text = |member| first(&given, member).filter(|text| *text != MASK);
    let named = |fallback: &str| first(config, "algorithm").unwrap_or(fallback).to_owned();
    let own = text("certificate").map(read_certificate).transpose()?;
    let bytes = |text: &str| {
        let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
        let decoded = engines.iter().find_map(|engine| engine.decode(text).ok());
        decoded
            .map(Zeroizing::new)
            .ok_or_else(|| Error::Invalid("Failed to decode private key".to_owned()))
    };
    // The certificate of the file, else one of the realm's CA; whose it is decides whether registries are told of it.
    let with_certificate = |spki: &[u8], issue: bool| -> Result<_> {
        let Some(own) = own.clone() else {
            let leaf = issue
                .then(|| ca::issue(realm, realm_name, ca_pkcs8, spki))
                .transpose()?;
            let valid_to = leaf.as_ref().map(|leaf| leaf.valid_to);
            return Ok((leaf.map(|leaf| leaf.certificate), valid_to, false));
        };
        if !own.windows(spki.len()).any(|window| window == spki) {
            return Err(Error::Invalid(
                "The private key does not match the certificate".to_owned(),
            ));
        }
        let (valid_to, imported) = (not_after(&own), !ca::issued(&own, ca_pkcs8));
        Ok((Some(own), valid_to, imported))
    };
    let asymmetric = |algorithm: String, key_type, spki: Vec<u8>, pkcs8, issue| -> Result<_> {
        let (certificate, valid_to, imported) = with_certificate(&spki, issue)?;
        Ok(Made {
            config: config.clone(),
            kid: kid(&spki),
            key_use: if algorithm.starts_with("RSA") {
                "ENC"
            } else {
                "SIG"
            },
            algorithm,
            key_type,
            public_key: Some(spki),
            certificate,
            valid_to,
            imported,
            private_key: pkcs8,
        })
    };
    let made = match provider {
        "rsa-generated" | "rsa-enc-generated" => {
            let Some(pem) = text("privateKey") else {
                return Ok(None);
            };
            let fallback = if provider == "rsa-generated" {
                "RS256"
            } else {
                "RSA-OAEP"
            };
            let key = read_private_key(pem)?;
            asymmetric(named(fallback), "RSA", key.spki, key.pkcs8, true)?
        }
        "ecdsa-generated" => {
            let Some(private) = text("ecdsaPrivateKey") else {
                return Ok(None);
            };
            let (name, signing, algorithm) = curve(first(config, "ecdsaEllipticCurveKey"));
            let pkcs8 = bytes(private)?;
            let bad = || Error::Invalid(format!("Failed to decode private key of curve {name}"));
            let pair = EcdsaKeyPair::from_pkcs8(signing, &pkcs8).map_err(|_| bad())?;
            let spki = pair.public_key().as_der().map_err(|_| bad())?;
            let issue = first(config, "ecGenerateCertificate") == Some("true");
            asymmetric(
                algorithm.to_owned(),
                "EC",
                spki.as_ref().to_vec(),
                pkcs8,
                issue,
            )?
        }
        "eddsa-generated" => {
            let Some(private) = text("eddsaPrivateKey") else {
                return Ok(None);
            };
            let pkcs8 = bytes(private)?;
            let bad = || Error::Invalid("Failed to decode private key of Ed25519".to_owned());
            let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| bad())?;
            let spki = pair.public_key().as_der().map_err(|_| bad())?;
            asymmetric(
                "EdDSA".to_owned(),
                "OKP",
                spki.as_ref().to_vec(),
                pkcs8,
                false,
            )?
        }
        _ => {
            let Some(secret) = text("secret") else {
                return Ok(None);
            };
            let secret = bytes(secret)?;
            if secret.len() < 16 {
                let text = "A secret needs 16 bytes or more".to_owned();
                return Err(Error::Invalid(text));
            }
            let (algorithm, key_use) = if provider == "aes-generated" {
                ("AES".to_owned(), "ENC")
            } else {
                (named("HS256"), "SIG")
            };
            let mut made = symmetric(config.clone(), algorithm, key_use, secret);
            if let Some(kid) = text("kid").filter(|kid| kid.len() <= 255) {
                kid.clone_into(&mut made.kid);
            }
            made
        }
    };
    // What could not be used later is refused now.
    if made.key_use == "SIG" {
        Material::parse(
            &made.algorithm,
            made.public_key.as_deref(),
            &made.private_key,
        )
        .map_err(|_| Error::Invalid("Failed to decode private key".to_owned()))?;
    }
    Ok(Some(made))
}

/// A key as it is stored, opened.
pub(crate) struct Stored<'a> {
    pub kid: &'a str,
    pub key_use: &'a str,
    pub public_key: Option<&'a [u8]>,
    pub certificate: Option<&'a [u8]>,
    pub private_key: &'a [u8],
}

/// The config of a provider with its key in it.
///
/// # Errors
/// [`Error::Sealed`] for a stored key that is not readable.
pub(crate) fn export(
    provider: &str,
    mut config: Map<String, Value>,
    key: &Stored<'_>,
) -> Result<Map<String, Value>> {
    let broken = || Error::Sealed("a stored key is not readable".to_owned());
    let mut put = |member: &str, value: String| config.insert(member.to_owned(), json!([value]));
    match provider {
        "ecdsa-generated" => {
            put("ecdsaPrivateKey", STANDARD.encode(key.private_key));
            put(
                "ecdsaPublicKey",
                STANDARD.encode(key.public_key.ok_or_else(broken)?),
            );
        }
        "eddsa-generated" => {
            let pair = Ed25519KeyPair::from_pkcs8(key.private_key).map_err(|_| broken())?;
            // Without the public half, which older readers do not know.
            let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| broken())?;
            put("eddsaPrivateKey", STANDARD.encode(pkcs8.as_ref()));
            put(
                "eddsaPublicKey",
                STANDARD.encode(key.public_key.ok_or_else(broken)?),
            );
        }
        "hmac-generated" | "aes-generated" => {
            put("kid", key.kid.to_owned());
            put("secret", URL_SAFE_NO_PAD.encode(key.private_key));
        }
        _ => {
            let pair = rsa::PrivateKey::from_pkcs8_der(key.private_key).map_err(|_| broken())?;
            let pkcs1 = pair.to_pkcs1_der().map_err(|_| broken())?;
            put("privateKey", STANDARD.encode(pkcs1.as_bytes()));
            if provider.ends_with("-generated") {
                put("keyUse", key.key_use.to_owned());
            }
        }
    }
    if let Some(certificate) = key.certificate {
        put("certificate", STANDARD.encode(certificate));
    }
    Ok(config)
}

/// A realm's CA as exports carry it: a key provider that is switched off. Another server takes it for a key that it does
/// not use.
///
/// # Errors
/// [`Error::Sealed`] for a stored key that is not readable.
pub(crate) fn export_ca(
    realm: Uuid,
    certificate: &[u8],
    pkcs8: &[u8],
) -> Result<ComponentRepresentation> {
    let (_, signing, _) = curve(None);
    let broken = |_| Error::Sealed("the realm's CA is not readable".to_owned());
    let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8)
        .map_err(|_| Error::Sealed("the realm's CA is not readable".to_owned()))?;
    let public = pair.public_key().as_der().map_err(broken)?;
    let config = json!({
        "priority": ["0"], "enabled": ["false"], "active": ["false"], "ecdsaEllipticCurveKey": ["P-256"],
        "ecdsaPrivateKey": [STANDARD.encode(pkcs8)], "ecdsaPublicKey": [STANDARD.encode(public.as_ref())],
        CA_CERTIFICATE: [STANDARD.encode(certificate)], CA_REALM: [realm],
    });
    Ok(ComponentRepresentation {
        name: Some("realm-ca".to_owned()),
        provider_id: Some("ecdsa-generated".to_owned()),
        config: config.as_object().cloned(),
        sub_components: Some(json!({})),
        ..ComponentRepresentation::default()
    })
}

/// A realm's CA of a realm file, and the row id that its certificate names.
pub(crate) struct Ca {
    pub realm: Uuid,
    pub ca: ca::Ca,
}

impl Ca {
    /// Takes the CA out of the key providers of a realm file, where there is one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that does not fit together.
    pub(crate) fn take(given: &mut Vec<ComponentRepresentation>) -> Result<Option<Self>> {
        let is_ca = |c: &ComponentRepresentation| {
            c.config
                .as_ref()
                .is_some_and(|config| config.contains_key(CA_CERTIFICATE))
        };
        let Some(at) = given.iter().position(is_ca) else {
            return Ok(None);
        };
        let found = given.remove(at);
        let bad = || Error::Invalid("The realm's CA in the file does not fit together".to_owned());
        let config = found.config.unwrap_or_default();
        let decode = |member| first(&config, member).and_then(|text| STANDARD.decode(text).ok());
        let realm = first(&config, CA_REALM).and_then(|id| id.parse().ok());
        let realm: Uuid = realm.ok_or_else(bad)?;
        let pkcs8 = Zeroizing::new(decode("ecdsaPrivateKey").ok_or_else(bad)?);
        let certificate = decode(CA_CERTIFICATE).ok_or_else(bad)?;
        let pair = EcdsaKeyPair::from_pkcs8(curve(None).1, &pkcs8).map_err(|_| bad())?;
        let public = pair.public_key().as_der().map_err(|_| bad())?;
        let bits = spki_parts(public.as_ref()).ok_or_else(bad)?.1;
        let names = |part: &[u8]| certificate.windows(part.len()).any(|window| window == part);
        if not_after(&certificate).is_none()
            || !names(bits)
            || !names(ca::subject(realm).as_bytes())
        {
            return Err(bad());
        }
        Ok(Some(Self {
            realm,
            ca: ca::Ca { certificate, pkcs8 },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyPool;
    use crate::provider::{PROVIDERS, make};

    fn stored(made: &Made) -> Stored<'_> {
        Stored {
            kid: &made.kid,
            key_use: made.key_use,
            public_key: made.public_key.as_deref(),
            certificate: made.certificate.as_deref(),
            private_key: &made.private_key,
        }
    }

    #[tokio::test]
    async fn every_key_comes_back_from_its_config_and_leaves_nothing_in_it() {
        let realm = Uuid::new_v4();
        let ca = ca::create(realm).unwrap();
        let other = ca::create(realm).unwrap();
        let pool = KeyPool::start(0);
        let generated = PROVIDERS.iter().map(|provider| provider.id);
        for provider in generated.filter(|id| id.ends_with("-generated")) {
            let asked = json!({ "ecGenerateCertificate": ["true"] });
            let asked = asked.as_object().unwrap().clone();
            let made = make(provider, asked, realm, "r", &ca.pkcs8, &pool)
                .await
                .unwrap();
            let config = export(provider, made.config.clone(), &stored(&made)).unwrap();
            let back = |ca: &ca::Ca| {
                let mut config = config.clone();
                restore(provider, &mut config, realm, "r", &ca.pkcs8)
                    .unwrap()
                    .unwrap()
            };
            let again = back(&ca);
            assert_eq!(
                (again.config.clone(), &again.kid, &again.algorithm),
                (made.config.clone(), &made.kid, &made.algorithm)
            );
            assert_eq!(again.certificate, made.certificate, "{provider}");
            assert_eq!(again.valid_to, made.valid_to, "{provider}");
            let once_more = export(provider, again.config.clone(), &stored(&again)).unwrap();
            assert_eq!(once_more, config, "{provider}");
            // Of another CA it is one that registries have to be told of.
            assert!(!again.imported, "{provider}");
            assert_eq!(
                back(&other).imported,
                made.certificate.is_some(),
                "{provider}"
            );
        }
    }

    #[test]
    fn a_ca_comes_back_whole_or_is_refused() {
        let realm = Uuid::new_v4();
        let ca = ca::create(realm).unwrap();
        let exported = export_ca(realm, &ca.certificate, &ca.pkcs8).unwrap();
        let mut given = vec![exported.clone()];
        let taken = Ca::take(&mut given).unwrap().unwrap();
        assert_eq!(
            (taken.realm, &taken.ca.certificate),
            (realm, &ca.certificate)
        );
        assert!(given.is_empty());
        for (member, value) in [
            (CA_REALM, json!([Uuid::new_v4()])),
            (CA_CERTIFICATE, json!(["AAAA"])),
            ("ecdsaPrivateKey", json!(["AAAA"])),
        ] {
            let mut changed = exported.clone();
            changed
                .config
                .as_mut()
                .unwrap()
                .insert(member.to_owned(), value);
            assert!(Ca::take(&mut vec![changed]).is_err(), "{member}");
        }
    }
}
