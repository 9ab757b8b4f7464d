//! The providers of `serverinfo`, by kind: clients look up whether one is there before they name it in a realm.

use protocol::Protocols;
use serde_json::{Map, Value, json};

/// Kinds whose providers are fixed.
const FIXED: [(&str, &[&str]); 10] = [
    (
        "client-authenticator",
        &["client-jwt", "client-secret", "client-secret-jwt"],
    ),
    ("clientSignature", &realm::key::SIGNATURES),
    ("credential", &["keycloak-otp", "keycloak-password"]),
    ("eventsListener", &["jboss-logging", "email"]),
    ("eventsStore", &["jpa"]),
    ("hash", &["SHA-256", "SHA-384", "SHA-512"]),
    (
        "password-hashing",
        &["argon2", "pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512"],
    ),
    (
        "required-action",
        &[
            "CONFIGURE_TOTP",
            "TERMS_AND_CONDITIONS",
            "UPDATE_EMAIL",
            "UPDATE_PASSWORD",
            "UPDATE_PROFILE",
            "VERIFY_EMAIL",
            "VERIFY_PROFILE",
        ],
    ),
    ("signature", &realm::key::SIGNATURES),
    ("userProfile", &["declarative-user-profile"]),
];

pub(super) fn list(protocols: &Protocols) -> Map<String, Value> {
    let mut list: Map<String, Value> = FIXED
        .iter()
        .map(|(kind, ids)| ((*kind).to_owned(), group(ids.iter().copied())))
        .collect();
    let login = protocols.iter().map(|protocol| protocol.id());
    let mappers = protocols
        .iter()
        .flat_map(|protocol| protocol.mapper_types().iter().map(|mapper| mapper.id));
    let installations = protocols
        .iter()
        .flat_map(|protocol| protocol.installations().iter().map(|file| file.id));
    let keys = realm::provider::PROVIDERS
        .iter()
        .map(|provider| provider.id);
    let policies = user::policy::KINDS.iter().map(|kind| kind.id);
    for (kind, group) in [
        ("login-protocol", group(login)),
        ("protocol-mapper", group(mappers)),
        ("client-installation", group(installations)),
        ("keys", group(keys)),
        ("password-policy", group(policies)),
    ] {
        list.insert(kind.to_owned(), group);
    }
    list
}

fn group(ids: impl Iterator<Item = &'static str>) -> Value {
    let providers: Map<String, Value> = ids
        .map(|id| (id.to_owned(), json!({ "order": 0 })))
        .collect();
    json!({ "internal": true, "providers": providers })
}
