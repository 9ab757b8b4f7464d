//! `/admin/serverinfo`: what exists here, in the members that clients read.

use actix_web::HttpResponse;
use protocol::HttpError;
use serde_json::{Map, Value, json};

use crate::Admin;

/// The version of Keycloak whose admin API this one speaks; clients choose their calls by it.
const SPEAKS: &str = "26.7.3";

pub(crate) async fn get(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require_any_anywhere().await?;
    let protocols = admin.state().protocols;
    let mut mapper_types = Map::new();
    let mut installations = Map::new();
    let mut builtin = Map::new();
    let mut login = Map::new();
    for protocol in protocols.iter() {
        let id = protocol.id();
        login.insert(id.to_owned(), json!({}));
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
    let key_providers: Vec<Value> = realm::provider::PROVIDERS
        .iter()
        .map(|id| json!({ "id": id, "helpText": "", "properties": [], "clientProperties": [], "metadata": {} }))
        .collect();
    let providers: Map<String, Value> = realm::provider::PROVIDERS
        .iter()
        .map(|id| ((*id).to_owned(), json!({ "order": 0 })))
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "systemInfo": {
            "version": SPEAKS,
            "serverTime": store::clock::now_ms().to_string(),
            "uptimeMillis": 0,
            "osName": std::env::consts::OS,
            "osArchitecture": std::env::consts::ARCH,
        },
        "memoryInfo": { "total": 0, "used": 0, "free": 0, "freePercentage": 0 },
        "cpuInfo": { "processorCount": std::thread::available_parallelism().map_or(1, usize::from) },
        "cryptoInfo": {},
        "profileInfo": { "name": "default", "disabledFeatures": [], "previewFeatures": [], "experimentalFeatures": [] },
        "features": [{ "name": "DOCKER", "label": "Docker", "type": "DEFAULT", "enabled": true, "dependencies": [] }],
        "themes": {},
        "socialProviders": [],
        "identityProviders": [],
        "clientInstallations": installations,
        "providers": { "login-protocol": { "internal": false, "providers": login }, "keys": { "internal": false, "providers": providers } },
        "protocolMapperTypes": mapper_types,
        "builtinProtocolMappers": builtin,
        "componentTypes": { "org.keycloak.keys.KeyProvider": key_providers },
        "passwordPolicies": [],
        "parameterizedScopeTypes": [],
        "enums": {}
    })))
}
