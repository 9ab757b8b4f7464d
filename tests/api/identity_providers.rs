//! Identity providers in the admin API: what is kept, what is refused, what nobody is shown.

use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::rows::dump;
use crate::support::Realm;

pub const BASE: &str = "/identity-provider/instances";
pub const KIND: &str = "docker-v2-robot-idp-mapper";

pub fn mapper(name: &str, claims: Value, robot: &str) -> Value {
    json!({ "name": name, "identityProviderAlias": "gh", "identityProviderMapper": KIND,
            "config": { "claims": claims.to_string(), "serviceAccount": robot } })
}

pub fn provider() -> Value {
    json!({
        "alias": "gh", "displayName": "Hub", "providerId": "oidc", "enabled": true, "trustEmail": true,
        "hideOnLogin": true, "firstBrokerLoginFlowAlias": "first broker login",
        "config": { "issuer": "https://token.actions.example.test", "clientId": "x", "clientSecret": "idp-s3cret",
                    "own": "kept", "number": 5 },
    })
}

#[tokio::test]
async fn a_provider_is_kept_whole_but_its_secret_is_shown_to_nobody() {
    let realm = Realm::new().await;
    realm.admin.create(&realm.path(BASE), provider()).await;
    let path = realm.path(&format!("{BASE}/gh"));
    let shown = realm.admin.get(&path).await.json;
    let id = shown["internalId"].as_str().unwrap();
    assert_eq!(
        shown,
        json!({
            "alias": "gh", "displayName": "Hub", "internalId": id, "providerId": "oidc", "enabled": true,
            "trustEmail": true, "hideOnLogin": true, "firstBrokerLoginFlowAlias": "first broker login",
            "config": { "issuer": "https://token.actions.example.test", "clientId": "x",
                        "clientSecret": "**********", "own": "kept", "number": "5" },
            "types": ["USER_AUTHENTICATION", "CLIENT_ASSERTION", "TRUST_MATERIAL", "EXCHANGE_EXTERNAL_TOKEN",
                      "JWT_AUTHORIZATION_GRANT"],
        })
    );
    let by_id = realm.path(&format!("{BASE}/{id}"));
    assert_eq!(realm.admin.get(&by_id).await.json, shown);
    assert!(!dump(&realm.name).await.contains("idp-s3cret"));

    // The mask keeps the secret, what is not said is not kept.
    let change = json!({ "alias": "gh", "providerId": "oidc",
                         "config": { "issuer": "https://j", "clientSecret": "**********" } });
    assert_eq!(realm.admin.put(&path, change).await.status, 204);
    let changed = realm.admin.get(&path).await.json;
    let config = json!({ "issuer": "https://j", "clientSecret": "**********" });
    assert_eq!(changed["config"], config);
    assert!(changed.get("displayName").is_none() && changed["enabled"] == true);
    let without = json!({ "alias": "gh", "providerId": "oidc", "config": {} });
    assert_eq!(realm.admin.put(&path, without).await.status, 204);
    let mask =
        json!({ "alias": "gh", "providerId": "oidc", "config": { "clientSecret": "**********" } });
    assert_eq!(realm.admin.put(&path, mask).await.status, 204);
    assert_eq!(realm.admin.get(&path).await.json["config"], json!({}));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(realm.admin.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_provider_that_makes_no_sense_is_refused_in_words() {
    let realm = Realm::new().await;
    let path = realm.path(BASE);
    realm
        .admin
        .create(&path, json!({ "alias": "gh", "providerId": "oidc" }))
        .await;
    let long = "x".repeat(5000);
    let many: serde_json::Map<String, Value> =
        (0..101).map(|n| (n.to_string(), json!("x"))).collect();
    for (rep, status, text) in [
        (
            json!({ "alias": "gh", "providerId": "oidc" }),
            409,
            "Identity Provider gh already exists",
        ),
        (
            json!({ "alias": "x", "providerId": "nope" }),
            400,
            "Invalid identity provider id [nope]",
        ),
        (
            json!({ "alias": "x" }),
            400,
            "Invalid identity provider id [null]",
        ),
        (
            json!({ "alias": "x", "providerId": "saml" }),
            501,
            "the identity provider saml is not available on this server",
        ),
        (
            json!({ "alias": "x", "providerId": "github" }),
            501,
            "the identity provider github is not available on this server",
        ),
        (
            json!({ "alias": "a/b", "providerId": "oidc" }),
            400,
            "Character '/' not allowed.",
        ),
        (
            json!({ "alias": "a b", "providerId": "oidc" }),
            400,
            "Empty Space not allowed.",
        ),
        (
            json!({ "alias": "..", "providerId": "oidc" }),
            400,
            "alias is a name",
        ),
        (
            json!({ "providerId": "oidc" }),
            400,
            "alias of an identity provider has 1 to 255 bytes",
        ),
        (json!({ "alias": "a\u{0}b", "providerId": "oidc" }), 400, ""),
        (
            json!({ "alias": "x", "providerId": "oidc", "internalId": "zz" }),
            400,
            "internalId of an identity provider is not a UUID",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "displayName": long }),
            400,
            "texts of an identity provider",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "foo": 1 }),
            400,
            "Invalid json representation for IdentityProviderRepresentation.",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "enabled": "x" }),
            400,
            "Cannot parse the JSON",
        ),
        (json!([]), 400, "Cannot parse the JSON"),
        (
            json!({ "alias": "x", "providerId": "oidc", "config": { "o": {} } }),
            400,
            "Cannot parse the JSON",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "config": { "o": long } }),
            400,
            "config of an identity provider",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "config": { "o": "\u{0}" } }),
            400,
            "",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "config": many }),
            400,
            "config of an identity provider",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "config": { "jwksUrl": "x" } }),
            400,
            "The url [jwks_url] is malformed",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "config": { "jwksUrl": "ftp://x" } }),
            400,
            "Invalid protocol/scheme for url [jwks_url]",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "config": { "jwksUrl": "http://example.test/" } }),
            400,
            "The url [jwks_url] requires secure connections",
        ),
        (
            json!({ "alias": "x", "providerId": "oidc", "config": { "issuer": "http://example.test" } }),
            400,
            "The url [issuer] requires secure connections",
        ),
    ] {
        let answer = realm.admin.post(&path, rep.clone()).await;
        assert_eq!(answer.status, status, "{rep}: {}", answer.text);
        assert!(answer.text.contains(text), "{rep}: {}", answer.text);
    }
    let path = realm.path(&format!("{BASE}/gh"));
    for (rep, text) in [
        (
            json!({ "alias": "other", "providerId": "oidc" }),
            "Identity Provider alias cannot be changed",
        ),
        (
            json!({ "alias": "gh" }),
            "Invalid identity provider id [null]",
        ),
    ] {
        let answer = realm.admin.put(&path, rep.clone()).await;
        assert_eq!(answer.status, 400, "{rep}: {}", answer.text);
        assert!(answer.text.contains(text), "{rep}: {}", answer.text);
    }
    let missing = realm
        .admin
        .put(&realm.path(&format!("{BASE}/nope")), provider())
        .await;
    assert_eq!(
        missing.json,
        json!({ "error": "Could not find identity provider" })
    );
}

#[tokio::test]
async fn providers_are_listed_by_alias_as_they_are_searched_for() {
    let realm = Realm::new().await;
    for (alias, name) in [("github", "Hub"), ("gitlab", "Lab"), ("100%", "")] {
        let rep = json!({ "alias": alias, "displayName": name, "providerId": "oidc", "config": { "a": "b" } });
        realm.admin.create(&realm.path(BASE), rep).await;
    }
    let list = async |query: &str| {
        let answer = realm
            .admin
            .get(&realm.path(&format!("{BASE}?{query}")))
            .await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let aliases = answer.json.as_array().unwrap().iter();
        let aliases = aliases.map(|one| one["alias"].as_str().unwrap().to_owned());
        aliases.collect::<Vec<_>>().join(" ")
    };
    for (query, expected) in [
        ("", "100% github gitlab"),
        ("search=GIT", "github gitlab"),
        ("search=*lab", "gitlab"),
        ("search=hub", "github"),
        ("search=%22git%22", ""),
        ("search=%25", ""),
        ("first=1&max=1", "github"),
        ("max=0", ""),
        ("type=ANY", "100% github gitlab"),
    ] {
        assert_eq!(list(query).await, expected, "{query}");
    }
    let brief = realm
        .admin
        .get(&realm.path(&format!("{BASE}?briefRepresentation=true&max=1")))
        .await;
    assert_eq!(brief.json[0]["config"], json!({}));
    assert!(brief.json[0].get("types").is_none());
    let unknown = realm
        .admin
        .get(&realm.path(&format!("{BASE}?type=nope")))
        .await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn the_config_of_an_issuer_is_read_from_where_it_publishes_it() {
    let realm = Realm::new().await;
    let issuer = Issuer::new().await;
    let path = realm.path("/identity-provider/import-config");
    let url = format!("{}/.well-known/openid-configuration", issuer.url);
    let found = realm
        .admin
        .post(&path, json!({ "providerId": "oidc", "fromUrl": url }))
        .await;
    assert_eq!(found.status, 200, "{}", found.json);
    assert_eq!(
        found.json,
        json!({ "issuer": issuer.url, "jwksUrl": format!("{}/keys", issuer.url), "metadataDescriptorUrl": url,
                "useJwksUrl": "true", "validateSignature": "true" })
    );
    for (body, status) in [
        (
            json!({ "providerId": "oidc", "fromUrl": format!("{}/nowhere", issuer.url) }),
            400,
        ),
        (
            json!({ "providerId": "oidc", "fromUrl": "file:///etc/passwd" }),
            400,
        ),
        (json!({ "providerId": "oidc" }), 400),
        (json!({ "providerId": "saml", "fromUrl": url }), 501),
        (json!([]), 400),
    ] {
        let answer = realm.admin.post(&path, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn admin_events_of_providers_hold_no_secret() {
    let realm =
        Realm::with(json!({ "adminEventsEnabled": true, "adminEventsDetailsEnabled": true })).await;
    realm.admin.create(&realm.path(BASE), provider()).await;
    let path = realm.path(&format!("{BASE}/gh/mappers"));
    let id = realm
        .admin
        .create(&path, mapper("m", json!({ "a": "b" }), "ci"))
        .await;
    let events = realm
        .admin
        .get(&realm.path("/admin-events?max=2"))
        .await
        .json;
    assert_eq!(events[0]["resourceType"], "IDENTITY_PROVIDER_MAPPER");
    assert_eq!(
        events[0]["resourcePath"],
        format!("identity-provider/instances/gh/mappers/{id}")
    );
    assert_eq!(events[1]["resourceType"], "IDENTITY_PROVIDER");
    assert_eq!(events[1]["resourcePath"], "identity-provider/instances/gh");
    assert!(!events.to_string().contains("idp-s3cret"), "{events}");
}

#[tokio::test]
async fn an_issuer_may_be_as_long_as_any_value() {
    let realm = Realm::new().await;
    // Of letters that no index can make shorter.
    let path: String = (0..110)
        .map(|_| uuid::Uuid::new_v4().simple().to_string())
        .collect();
    let long = format!("https://issuer.example.test/{path}");
    let body = json!({ "alias": "long", "providerId": "oidc", "config": { "issuer": long } });
    let made = realm.admin.post(&realm.path(BASE), body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let shown = realm.admin.get(&realm.path(&format!("{BASE}/long"))).await;
    assert_eq!(shown.json["config"]["issuer"], long);
}
