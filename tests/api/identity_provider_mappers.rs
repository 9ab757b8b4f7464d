//! Mappers of identity providers: what they may trust, and whose they are.

use serde_json::{Value, json};

use crate::identity_providers::{BASE, KIND, mapper, provider};
use crate::support::Realm;

#[tokio::test]
async fn a_mapper_that_would_let_in_more_than_it_says_is_refused() {
    let realm = Realm::new().await;
    realm.admin.create(&realm.path(BASE), provider()).await;
    let path = realm.path(&format!("{BASE}/gh/mappers"));
    let claims = json!({ "repository": "org/app" });
    let raw = |claims: &str| {
        let mut rep = mapper("m", json!({}), "ci");
        rep["config"]["claims"] = json!(claims);
        rep
    };
    let with = |member: &str, value: Value| {
        let mut rep = mapper("m", claims.clone(), "ci");
        rep[member] = value;
        rep
    };
    for (rep, status, text) in [
        (raw("{}"), 400, "every job of the issuer would be let in"),
        (
            raw(r#"{"sub":"**"}"#),
            400,
            "every job of the issuer would be let in",
        ),
        (raw(""), 400, "claims is a JSON object"),
        (raw("repository=org/app"), 400, "claims is a JSON object"),
        (raw(r#"["a"]"#), 400, "claims is a JSON object"),
        (raw(r#"{"a":5}"#), 400, "names and values are texts"),
        (raw(r#"{"a":"b"} x"#), 400, "claims is a JSON object"),
        (
            mapper("m", claims.clone(), " "),
            400,
            "serviceAccount is the clientId",
        ),
        (with("config", json!({})), 400, "claims is a JSON object"),
        (with("config", Value::Null), 400, "claims is a JSON object"),
        (
            with("name", json!("")),
            400,
            "name of an identity provider mapper",
        ),
        (
            with(
                "identityProviderMapper",
                json!("oidc-hardcoded-role-idp-mapper"),
            ),
            501,
            "the identity provider mapper oidc-hardcoded-role-idp-mapper is not available on this server",
        ),
        (
            with("identityProviderMapper", Value::Null),
            400,
            "identityProviderMapper is missing",
        ),
        (
            with("identityProviderAlias", json!("other")),
            400,
            "identityProviderAlias is gh here",
        ),
        (with("id", json!("zz")), 400, "is not a UUID"),
        (
            with("foo", json!(1)),
            400,
            "Invalid json representation for IdentityProviderMapperRepresentation.",
        ),
        (json!([]), 400, "Cannot parse the JSON"),
    ] {
        let answer = realm.admin.post(&path, rep.clone()).await;
        assert_eq!(answer.status, status, "{rep}: {}", answer.text);
        assert!(answer.text.contains(text), "{rep}: {}", answer.text);
    }
    assert_eq!(realm.admin.get(&path).await.json, json!([]));

    let id = realm
        .admin
        .create(&path, mapper("m", claims.clone(), "ci"))
        .await;
    let twice = realm
        .admin
        .post(&path, mapper("m", claims.clone(), "ci"))
        .await;
    assert_eq!(twice.status, 400);
    assert_eq!(
        twice.json,
        json!({ "errorMessage": "Failed to add mapper 'm' to identity provider [oidc]." })
    );
    let one = format!("{path}/{id}");
    let mut shown = realm.admin.get(&one).await.json;
    let mut expected = mapper("m", claims.clone(), "ci");
    expected["id"] = json!(id);
    assert_eq!(shown, expected);
    shown["config"]["claims"] = json!("{}");
    assert_eq!(realm.admin.put(&one, shown.clone()).await.status, 400);
    shown["config"]["claims"] = json!(r#"{"ref":"refs/tags/*"}"#);
    shown["name"] = json!("tags");
    assert_eq!(realm.admin.put(&one, shown.clone()).await.status, 204);
    assert_eq!(realm.admin.get(&path).await.json, json!([shown]));

    let types = realm
        .admin
        .get(&realm.path(&format!("{BASE}/gh/mapper-types")))
        .await
        .json;
    assert_eq!(types[KIND]["properties"][1]["name"], "serviceAccount");
    assert_eq!(types.as_object().unwrap().len(), 1);
    assert_eq!(realm.admin.delete(&one).await.status, 204);
    let gone = realm.admin.get(&one).await;
    assert_eq!(
        (gone.status, gone.json),
        (404, json!({ "error": "Model not found" }))
    );
}

#[tokio::test]
async fn a_mapper_is_found_below_its_own_provider_and_realm_only() {
    let (one, other) = (Realm::new().await, Realm::new().await);
    for realm in [&one, &other] {
        realm.admin.create(&realm.path(BASE), provider()).await;
    }
    let second = json!({ "alias": "gl", "providerId": "oidc" });
    one.admin.create(&one.path(BASE), second).await;
    let rep = mapper("m", json!({ "a": "b" }), "ci");
    let id = one
        .admin
        .create(&one.path(&format!("{BASE}/gh/mappers")), rep.clone())
        .await;
    let admin = other
        .administrator("idps", &["manage-identity-providers"])
        .await;
    for (admin, path, status) in [
        (
            &one.admin,
            one.path(&format!("{BASE}/gl/mappers/{id}")),
            404,
        ),
        (&admin, other.path(&format!("{BASE}/gh/mappers/{id}")), 404),
        (&admin, one.path(&format!("{BASE}/gh/mappers/{id}")), 403),
    ] {
        assert_eq!(admin.get(&path).await.status, status, "{path}");
        assert_eq!(admin.put(&path, rep.clone()).await.status, status, "{path}");
        assert_eq!(admin.delete(&path).await.status, status, "{path}");
    }
    let path = one.path(&format!("{BASE}/gh/mappers/{id}"));
    assert_eq!(one.admin.get(&path).await.status, 200);
}
