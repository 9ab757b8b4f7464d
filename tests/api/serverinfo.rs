//! `/admin/serverinfo`: each member that clients read, and what they look up in it.

use serde_json::{Value, json};

use crate::support::{Admin, Realm};

async fn read() -> Value {
    let admin = Admin::master().await;
    // Paths of the admin API are below `/admin/realms`; this one is beside it.
    let answer = admin.get("/../serverinfo").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

fn names<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item[member].as_str().unwrap()).collect()
}

#[tokio::test]
async fn it_has_every_member_that_keycloaks_has() {
    let info = read().await;
    let members: Vec<&String> = info.as_object().unwrap().keys().collect();
    for member in [
        "systemInfo",
        "cpuInfo",
        "memoryInfo",
        "profileInfo",
        "features",
        "cryptoInfo",
        "themes",
        "socialProviders",
        "identityProviders",
        "providers",
        "protocolMapperTypes",
        "builtinProtocolMappers",
        "clientInstallations",
        "componentTypes",
        "passwordPolicies",
        "enums",
        "parameterizedScopeTypes",
    ] {
        assert!(members.iter().any(|known| *known == member), "{member}");
    }
    assert!(!info.to_string().contains("null"), "a null member");
}

#[tokio::test]
async fn it_tells_the_version_that_clients_compare_and_nothing_of_the_machine() {
    let info = read().await;
    let system = &info["systemInfo"];
    assert_eq!(system["version"], "26.7.3");
    assert!(system["uptimeMillis"].as_i64().unwrap() >= 0);
    for member in ["userName", "userDir", "javaHome", "osVersion"] {
        assert!(system.get(member).is_none(), "{member}");
    }
    assert!(info["memoryInfo"]["used"].as_i64().unwrap() > 0);
    assert!(info["cpuInfo"]["processorCount"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn each_key_provider_that_it_lists_can_be_made_with_its_defaults() {
    let info = read().await;
    let providers = &info["componentTypes"]["org.keycloak.keys.KeyProvider"];
    assert_eq!(
        names(providers, "id"),
        [
            "aes-generated",
            "ecdsa-generated",
            "eddsa-generated",
            "hmac-generated",
            "rsa",
            "rsa-enc",
            "rsa-enc-generated",
            "rsa-generated"
        ]
    );
    let realm = Realm::new().await;
    for provider in providers.as_array().unwrap() {
        let id = provider["id"].as_str().unwrap();
        let properties = provider["properties"].as_array().unwrap();
        assert_eq!(
            names(&provider["properties"], "name")[..3],
            ["priority", "enabled", "active"]
        );
        let mut config = serde_json::Map::new();
        for property in properties {
            if let Some(default) = property.get("defaultValue") {
                let text = default.as_str().map_or(default.to_string(), str::to_owned);
                config.insert(property["name"].as_str().unwrap().to_owned(), json!([text]));
            }
        }
        if id.starts_with("rsa") && !id.ends_with("generated") {
            config.insert(
                "privateKey".to_owned(),
                json!([include_str!("known_key.pem")]),
            );
        }
        let component = json!({ "name": id, "providerId": id, "providerType": "org.keycloak.keys.KeyProvider",
            "config": config });
        let made = realm
            .admin
            .post(&realm.path("/components"), component)
            .await;
        assert_eq!(made.status, 201, "{id}: {}", made.json);
    }
}

#[tokio::test]
async fn each_password_policy_that_it_lists_can_be_set() {
    let info = read().await;
    let realm = Realm::new().await;
    for policy in info["passwordPolicies"].as_array().unwrap() {
        let id = policy["id"].as_str().unwrap();
        let value = policy["defaultValue"]
            .as_str()
            .filter(|value| !value.is_empty());
        let text = format!("{id}({})", value.unwrap_or("1"));
        let done = realm
            .admin
            .put(&realm.path(""), json!({ "passwordPolicy": text }))
            .await;
        assert_eq!(done.status, 204, "{text}: {}", done.json);
        assert!(
            info["providers"]["password-policy"]["providers"]
                .get(id)
                .is_some()
        );
    }
}

#[tokio::test]
async fn its_protocols_bring_mapper_types_builtin_mappers_and_installations() {
    let info = read().await;
    let login = info["providers"]["login-protocol"]["providers"]
        .as_object()
        .unwrap();
    for protocol in ["openid-connect", "docker-v2"] {
        assert!(login.contains_key(protocol));
        for member in [
            "protocolMapperTypes",
            "builtinProtocolMappers",
            "clientInstallations",
        ] {
            assert!(info[member][protocol].is_array(), "{member} {protocol}");
        }
    }
    assert!(
        names(&info["protocolMapperTypes"]["docker-v2"], "id")
            .contains(&"docker-v2-allow-all-mapper")
    );
    for file in info["clientInstallations"]["docker-v2"].as_array().unwrap() {
        assert!(file["filename"].is_string() && file["mediaType"].is_string());
    }
}

#[tokio::test]
async fn a_feature_that_is_not_here_is_off_and_said_to_be() {
    let info = read().await;
    let feature = |name: &str| {
        let features = info["features"].as_array().unwrap().iter();
        let mut found = features.filter(|feature| feature["name"] == name);
        found.next().unwrap()["enabled"].clone()
    };
    for (name, enabled) in [
        ("DOCKER", true),
        ("ORGANIZATION", false),
        ("WORKFLOWS", false),
        ("AUTHORIZATION", false),
    ] {
        assert_eq!(feature(name), enabled, "{name}");
        let off = info["profileInfo"]["disabledFeatures"].as_array().unwrap();
        assert_eq!(off.contains(&json!(name)), !enabled, "{name}");
    }
}

#[tokio::test]
async fn its_enums_are_those_that_events_take() {
    let info = read().await;
    let enums = &info["enums"];
    assert_eq!(
        enums["operationType"],
        json!(["ACTION", "CREATE", "DELETE", "UPDATE"])
    );
    let realm = Realm::new().await;
    for resource in enums["resourceType"].as_array().unwrap() {
        let path = format!("/admin-events?resourceTypes={}", resource.as_str().unwrap());
        assert_eq!(
            realm.admin.get(&realm.path(&path)).await.status,
            200,
            "{resource}"
        );
    }
    for kind in ["LOGIN", "LOGIN_ERROR", "REFRESH_TOKEN"] {
        assert!(
            enums["eventType"]
                .as_array()
                .unwrap()
                .contains(&json!(kind)),
            "{kind}"
        );
    }
}
