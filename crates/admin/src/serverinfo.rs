//! `/admin/serverinfo`: what exists here, in the members that clients read.

mod machine;
mod providers;

use actix_web::HttpResponse;
use protocol::HttpError;
use realm::component::KEY_PROVIDER;
use realm::provider::{self, Property};
use serde_json::{Map, Value, json};

use crate::Admin;

/// The version of Keycloak whose admin API this one speaks; clients choose their calls by it.
const SPEAKS: &str = "26.7.3";

/// Keycloak's features without whether they are on; a list of objects.
const FEATURES: &str = include_str!("serverinfo/features.json");
/// Those that this server has.
const ENABLED: [&str; 4] = [
    "ADMIN_API",
    "DOCKER",
    "HOSTNAME_V2",
    "PERSISTENT_USER_SESSIONS",
];
/// The values of members with a fixed set of them.
const ENUMS: &str = include_str!("serverinfo/enums.json");
/// What a user profile can ask of an attribute.
const VALIDATORS: &str = include_str!("serverinfo/validators.json");
/// Themes that a realm may name. Pages look the same under each, and none speaks anything but English.
const THEMES: [(&str, &[&str]); 6] = [
    ("common", &["keycloak"]),
    ("admin", &["keycloak.v2"]),
    ("login", &["keycloak", "keycloak.v2"]),
    ("welcome", &["keycloak"]),
    ("account", &["keycloak.v3"]),
    ("email", &["keycloak"]),
];

pub(crate) use machine::started;

pub(crate) async fn get(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require_any_anywhere()?;
    let protocols = admin.state().protocols;
    let mut mapper_types = Map::new();
    let mut installations = Map::new();
    let mut builtin = Map::new();
    for protocol in protocols.iter() {
        let id = protocol.id();
        mapper_types.insert(
            id.to_owned(),
            protocol
                .mapper_types()
                .iter()
                .map(protocol::MapperType::to_json)
                .collect(),
        );
        let files = protocol.installations().iter().map(|file| {
            json!({ "id": file.id, "protocol": id, "downloadOnly": file.download_only, "displayType": file.display_type,
                    "helpText": file.help, "filename": file.filename, "mediaType": file.media_type })
        });
        installations.insert(id.to_owned(), files.collect());
        let mappers = protocol.builtin_mappers().iter().map(|mapper| {
            let config: Map<String, Value> = mapper.config.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            json!({ "name": mapper.name, "protocol": id, "protocolMapper": mapper.mapper_type, "consentRequired": false, "config": config })
        });
        builtin.insert(id.to_owned(), mappers.collect());
    }
    let (features, profile) = features()?;
    Ok(HttpResponse::Ok().json(json!({
        "systemInfo": machine::system(SPEAKS),
        "cpuInfo": { "processorCount": std::thread::available_parallelism().map_or(1, usize::from) },
        "memoryInfo": machine::memory(),
        "profileInfo": profile,
        "features": features,
        "cryptoInfo": {
            "cryptoProvider": "aws-lc",
            "supportedKeystoreTypes": [],
            "clientSignatureSymmetricAlgorithms": ["HS256", "HS384", "HS512"],
            "clientSignatureAsymmetricAlgorithms": [
                "ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"
            ]
        },
        "themes": themes(),
        "socialProviders": [],
        "identityProviders": [{ "groupName": "User-defined", "name": "OpenID Connect v1.0", "id": "oidc" }],
        "providers": providers::list(protocols),
        "protocolMapperTypes": mapper_types,
        "builtinProtocolMappers": builtin,
        "clientInstallations": installations,
        "componentTypes": component_types()?,
        "passwordPolicies": password_policies(),
        "enums": document(ENUMS)?,
        "parameterizedScopeTypes": []
    })))
}

fn document(text: &str) -> Result<Value, HttpError> {
    serde_json::from_str(text).map_err(HttpError::internal)
}

/// All features that Keycloak has, and the names of those that are off, in `preview` or experimental.
fn features() -> Result<(Value, Value), HttpError> {
    let mut features = document(FEATURES)?;
    let (mut disabled, mut preview, mut experimental) = (Vec::new(), Vec::new(), Vec::new());
    for feature in features.as_array_mut().into_iter().flatten() {
        let name = feature["name"].clone();
        let enabled = name.as_str().is_some_and(|name| ENABLED.contains(&name));
        feature["enabled"] = json!(enabled);
        if !enabled {
            disabled.push(name.clone());
        }
        match feature["type"].as_str() {
            Some("PREVIEW") => preview.push(name),
            Some("EXPERIMENTAL") => experimental.push(name),
            _ => {}
        }
    }
    let profile = json!({ "name": "default", "disabledFeatures": disabled, "previewFeatures": preview,
                          "experimentalFeatures": experimental });
    Ok((features, profile))
}

fn themes() -> Map<String, Value> {
    let theme = |name: &&str| json!({ "name": name, "locales": ["en"] });
    THEMES
        .iter()
        .map(|(kind, names)| ((*kind).to_owned(), names.iter().map(theme).collect()))
        .collect()
}

fn property(property: &Property) -> Value {
    let mut rep = Map::new();
    for (name, value) in [
        ("name", property.name),
        ("label", property.label),
        ("helpText", property.help),
        ("type", property.kind),
    ] {
        rep.insert(name.to_owned(), json!(value));
    }
    if let Some(default) = property.default {
        let default = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
        rep.insert("defaultValue".to_owned(), default);
    }
    if !property.options.is_empty() {
        rep.insert("options".to_owned(), json!(property.options));
    }
    rep.insert("secret".to_owned(), json!(property.secret));
    rep.insert("required".to_owned(), json!(false));
    rep.insert("readOnly".to_owned(), json!(false));
    Value::Object(rep)
}

/// What components there can be, by their type.
pub(crate) fn component_types() -> Result<Value, HttpError> {
    let keys: Vec<Value> = provider::PROVIDERS
        .iter()
        .map(|provider| {
            json!({ "id": provider.id, "helpText": provider.help,
                    "properties": provider.properties().map(property).collect::<Vec<_>>(), "metadata": {} })
        })
        .collect();
    let profile = json!([{
        "id": "declarative-user-profile",
        "properties": [{ "name": "kc.user.profile.config", "type": "String", "secret": false, "required": false, "readOnly": false }],
        "metadata": {}
    }]);
    Ok(json!({
        KEY_PROVIDER: keys,
        "org.keycloak.userprofile.UserProfileProvider": profile,
        "org.keycloak.validate.Validator": document(VALIDATORS)?,
        // Forms look these up, and show nothing for an empty list.
        "org.keycloak.authentication.Authenticator": [],
        "org.keycloak.broker.provider.IdentityProvider": [],
        "org.keycloak.broker.provider.IdentityProviderMapper": [],
        "org.keycloak.models.workflow.WorkflowProvider": [],
        "org.keycloak.services.clientpolicy.condition.ClientPolicyConditionProvider": [],
        "org.keycloak.services.clientpolicy.executor.ClientPolicyExecutorProvider": [],
        "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy": [],
        "org.keycloak.storage.UserStorageProvider": [],
        "org.keycloak.storage.ldap.mappers.LDAPStorageMapper": []
    }))
}

fn password_policies() -> Vec<Value> {
    let kinds = user::policy::KINDS.iter().map(|kind| {
        let mut rep = json!({ "id": kind.id, "displayName": kind.display_name });
        if let (Some(members), Some(config)) = (rep.as_object_mut(), kind.config_type) {
            members.insert("configType".to_owned(), json!(config));
            members.insert("defaultValue".to_owned(), json!(kind.default));
        }
        rep["multipleSupported"] = json!(kind.multiple);
        rep
    });
    kinds.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_are_json_and_name_every_feature_that_is_on() {
        let (features, profile) = features().unwrap();
        let on = features
            .as_array()
            .unwrap()
            .iter()
            .filter(|f| f["enabled"] == true);
        assert_eq!(on.count(), ENABLED.len());
        assert!(
            !profile["disabledFeatures"]
                .as_array()
                .unwrap()
                .contains(&json!("DOCKER"))
        );
        assert!(document(ENUMS).unwrap()["eventType"].is_array());
        assert!(document(VALIDATORS).unwrap().is_array());
    }
}
