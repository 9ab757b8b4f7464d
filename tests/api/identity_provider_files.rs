//! Identity providers in realm files and partial imports.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::identity_providers::{BASE, mapper, provider};
use crate::support::Realm;

#[tokio::test]
async fn providers_and_mappers_come_back_from_a_realm_file() {
    let realm = Realm::new().await;
    realm.admin.create(&realm.path(BASE), provider()).await;
    let path = realm.path(&format!("{BASE}/gh/mappers"));
    let rep = mapper("m", json!({ "repository": "org/app" }), "ci");
    realm.admin.create(&path, rep).await;
    let file = realm
        .admin
        .post(&realm.path("/partial-export"), json!({}))
        .await
        .json;
    assert_eq!(
        file["identityProviders"][0]["config"]["clientSecret"],
        "**********"
    );
    let name = format!("r-{}", Uuid::new_v4().simple());
    let mut new = json!({ "realm": name, "enabled": true });
    for member in ["identityProviders", "identityProviderMappers"] {
        new[member] = file[member].clone();
        let one = new[member][0].as_object_mut().unwrap();
        one.remove(if member == "identityProviders" {
            "internalId"
        } else {
            "id"
        });
    }
    let made = realm.admin.post("", new.clone()).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let again = realm
        .admin
        .post(&format!("/{name}/partial-export"), json!({}))
        .await
        .json;
    for (member, id) in [
        ("identityProviders", "internalId"),
        ("identityProviderMappers", "id"),
    ] {
        let (mut before, mut after) = (file[member][0].clone(), again[member][0].clone());
        before[id] = Value::Null;
        after[id] = Value::Null;
        if member == "identityProviders" {
            // The mask stands for a secret that this realm never had.
            before["config"]
                .as_object_mut()
                .unwrap()
                .remove("clientSecret");
        }
        assert_eq!(before, after, "{member}");
    }
    for (change, status) in [
        (
            json!({ "identityProviders": [{ "alias": "x", "providerId": "saml" }] }),
            501,
        ),
        (
            json!({ "identityProviders": [{ "alias": "x", "providerId": "oidc", "foo": 1 }] }),
            400,
        ),
        (json!({ "identityProviders": 5 }), 400),
        (
            json!({ "identityProviders": [{ "alias": "x", "providerId": "oidc" }, { "alias": "x", "providerId": "oidc" }] }),
            409,
        ),
        (
            json!({ "identityProviderMappers": [mapper("m", json!({ "a": "b" }), "ci")] }),
            400,
        ),
        (
            json!({ "identityProviders": [provider()], "identityProviderMappers": [mapper("m", json!({}), "ci")] }),
            400,
        ),
    ] {
        let mut rep = json!({ "realm": format!("r-{}", Uuid::new_v4().simple()) });
        rep.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let answer = realm.admin.post("", rep.clone()).await;
        assert_eq!(answer.status, status, "{change}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_partial_import_brings_providers_to_those_who_may_say_whom_the_realm_trusts() {
    let realm = Realm::new().await;
    let path = realm.path("/partialImport");
    let import = |policy: &str, enabled: bool| {
        let mut rep = provider();
        rep["enabled"] = json!(enabled);
        json!({ "ifResourceExists": policy, "identityProviders": [rep],
                "identityProviderMappers": [mapper("m", json!({ "a": "b" }), "ci")] })
    };
    let weak = realm.administrator("weak", &["manage-realm"]).await;
    assert_eq!(weak.post(&path, import("FAIL", true)).await.status, 403);
    let counts = |answer: &Value| {
        ["added", "skipped", "overwritten"].map(|name| answer[name].as_i64().unwrap())
    };
    let strong = realm
        .administrator("strong", &["manage-realm", "manage-identity-providers"])
        .await;
    let added = strong.post(&path, import("FAIL", true)).await;
    assert_eq!(added.status, 200, "{}", added.json);
    assert_eq!(counts(&added.json), [2, 0, 0]);
    let kinds: Vec<_> = added.json["results"].as_array().unwrap().iter().collect();
    assert_eq!(kinds[0]["resourceType"], "IDP");
    assert_eq!(kinds[1]["resourceType"], "IDP_MAPPER");
    let failed = strong.post(&path, import("FAIL", true)).await;
    assert_eq!(failed.status, 409);
    assert_eq!(
        failed.json,
        json!({ "errorMessage": "Identity Provider 'gh' already exists." })
    );
    let skipped = strong.post(&path, import("SKIP", false)).await;
    assert_eq!(counts(&skipped.json), [0, 2, 0]);
    let one = realm.path(&format!("{BASE}/gh"));
    assert_eq!(realm.admin.get(&one).await.json["enabled"], true);
    let over = strong.post(&path, import("OVERWRITE", false)).await;
    assert_eq!(counts(&over.json), [0, 0, 2]);
    assert_eq!(realm.admin.get(&one).await.json["enabled"], false);
}
