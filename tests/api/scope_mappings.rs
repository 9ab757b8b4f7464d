//! The roles that clients and client scopes let through, and what comes of it: evaluation.

use serde_json::{Value, json};

use crate::client_scopes::names;
use crate::people::forbidden;
use crate::support::Realm;

#[tokio::test]
async fn roles_are_mapped_to_clients_and_scopes_alike() {
    let realm = Realm::new().await;
    let scope = realm.new_scope("s").await;
    let web = realm
        .new_client(json!({ "clientId": "web", "fullScopeAllowed": false }))
        .await;
    let api = realm.new_client(json!({ "clientId": "api" })).await;
    let (r1, r2) = (
        realm.new_role("", "r1").await,
        realm.new_role("", "r2").await,
    );
    let of_api = format!("/clients/{api}");
    let (a1, a2) = (
        realm.new_role(&of_api, "a1").await,
        realm.new_role(&of_api, "a2").await,
    );
    realm
        .done("POST", "/roles/r1/composites", json!([a1]))
        .await;
    for owner in [format!("/clients/{web}"), format!("/client-scopes/{scope}")] {
        let base = format!("{owner}/scope-mappings");
        let (of_realm, of_client) = (format!("{base}/realm"), format!("{base}/clients/{api}"));
        assert_eq!(realm.json(&base).await, json!({}));
        for _ in 0..2 {
            realm
                .done("POST", &of_realm, json!([{ "id": r1["id"] }]))
                .await;
        }
        realm
            .done("POST", &of_client, json!([{ "name": "a2" }]))
            .await;
        let mappings = realm.json(&base).await;
        assert_eq!(names(&mappings["realmMappings"]), ["r1"]);
        let of_api = &mappings["clientMappings"]["api"];
        assert_eq!(
            (&of_api["id"], &of_api["client"]),
            (&json!(api), &json!("api"))
        );
        assert_eq!(names(&of_api["mappings"]), ["a2"]);
        assert_eq!(of_api["mappings"][0].get("attributes"), None);

        assert_eq!(names(&realm.json(&of_realm).await), ["r1"]);
        let left = realm.json(&format!("{of_realm}/available")).await;
        assert!(names(&left).contains(&"r2") && !names(&left).contains(&"r1"));
        let through = format!("{of_realm}/composite?briefRepresentation=false");
        let through = realm.json(&through).await;
        assert_eq!(
            (names(&through), &through[0]["attributes"]),
            (vec!["r1"], &json!({}))
        );
        assert_eq!(names(&realm.json(&of_client).await), ["a2"]);
        assert_eq!(
            names(&realm.json(&format!("{of_client}/available")).await),
            ["a1"]
        );
        let through = realm.json(&format!("{of_client}/composite")).await;
        assert_eq!(names(&through), ["a1", "a2"]);

        for (method, path, body, told) in [
            (
                "POST",
                &of_realm,
                json!([{ "id": "nosuch" }]),
                "Role not found",
            ),
            (
                "POST",
                &of_realm,
                json!([{ "name": "r2" }]),
                "Role not found",
            ),
            (
                "DELETE",
                &of_realm,
                json!([{ "name": "r1" }]),
                "Role not found",
            ),
            ("POST", &of_client, json!([r2]), "Role not found"),
            ("DELETE", &of_client, json!([a1, r1]), "Role not found"),
            (
                "POST",
                &format!("{base}/clients/x"),
                json!([a2]),
                "Could not find client",
            ),
        ] {
            let answer = realm.told(method, path, body).await;
            assert_eq!(
                (answer.status, answer.json),
                (404, json!({ "error": told })),
                "{method} {path}"
            );
        }
        realm
            .done("DELETE", &of_client, json!([{ "name": "a1" }, a2]))
            .await;
        realm.done("DELETE", &of_realm, json!([r2])).await;
        assert_eq!(names(&realm.json(&base).await["realmMappings"]), ["r1"]);
        realm.done("DELETE", &of_realm, Value::Null).await;
        assert_eq!(realm.json(&base).await, json!({}));
    }
    let all = realm
        .json(&format!("/clients/{api}/scope-mappings/realm/composite"))
        .await;
    assert!(
        names(&all).contains(&"r2"),
        "with fullScopeAllowed all get through: {all}"
    );
}

#[tokio::test]
async fn mapping_a_realm_role_asks_for_manage_realm_too() {
    let realm = Realm::new().await;
    let scope = realm.scope("email").await;
    let (role, of_client) = (
        realm.new_role("", "r").await,
        format!("/clients/{}", realm.registry),
    );
    let own = realm.new_role(&of_client, "own").await;
    let base = realm.path(&format!("/client-scopes/{scope}/scope-mappings"));
    let (of_realm, of_client) = (format!("{base}/realm"), format!("{base}{of_client}"));
    let clients = realm.administrator("clients", &["manage-clients"]).await;
    let viewer = realm.administrator("viewer", &["view-clients"]).await;
    let both = realm
        .administrator("both", &["manage-clients", "manage-realm"])
        .await;
    let refused = clients.post(&of_realm, json!([role])).await;
    assert_eq!((refused.status, refused.json), (403, forbidden()));
    // A role that is none of the realm is not told apart by the way it is given.
    assert_eq!(clients.post(&of_realm, json!([own])).await.status, 204);
    assert_eq!(clients.post(&of_client, json!([own])).await.status, 204);
    assert_eq!(both.post(&of_realm, json!([role])).await.status, 204);
    assert_eq!(clients.delete(&of_realm).await.status, 403);
    for (who, seen) in [(&clients, 0), (&viewer, 0), (&both, 3)] {
        let left = who.get(&format!("{of_realm}/available")).await;
        assert_eq!(left.json.as_array().unwrap().len(), seen);
    }
    assert_eq!(names(&viewer.get(&of_realm).await.json), ["r"]);
    assert_eq!(both.delete(&of_realm).await.status, 204);
    assert_eq!(names(&viewer.get(&of_client).await.json), ["own"]);
}

#[tokio::test]
async fn evaluation_tells_the_mappers_and_roles_that_a_client_would_have() {
    let realm = Realm::new().await;
    let scope = realm.new_scope("s").await;
    let rep = json!({
        "clientId": "web", "fullScopeAllowed": false, "defaultClientScopes": ["email"], "optionalClientScopes": ["s"],
        "protocolMappers": [
            { "name": "own", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper" },
            { "name": "dock", "protocol": "docker-v2", "protocolMapper": "docker-v2-allow-all-mapper" }
        ]
    });
    let web = realm.new_client(rep).await;
    let role = realm.new_role("", "r").await;
    let of_scope = format!("/client-scopes/{scope}/scope-mappings/realm");
    realm.done("POST", &of_scope, json!([role])).await;
    let base = format!("/clients/{web}/evaluate-scopes");
    let mappers = realm
        .json(&format!("{base}/protocol-mappers?scope=nosuch"))
        .await;
    let told: Vec<_> = mappers
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            [&m["containerType"], &m["containerName"], &m["mapperName"]]
                .map(|t| t.as_str().unwrap())
        })
        .collect();
    let expected = [
        ["client-scope", "email", "email"],
        ["client-scope", "email", "email verified"],
        ["client", "", "own"],
    ];
    assert_eq!(told, expected);
    assert_eq!(
        (&mappers[2]["containerId"], &mappers[2]["protocolMapper"]),
        (&json!(web), &json!("oidc-hardcoded-claim-mapper"))
    );
    let roles = async |query: &str| {
        let path = format!("{base}/scope-mappings/{}/{query}", realm.name);
        realm.json(&path).await
    };
    assert_eq!(roles("granted").await, json!([]));
    assert_eq!(names(&roles("granted?scope=s").await), ["r"]);
    assert!(names(&roles("not-granted").await).contains(&"r"));
    assert!(!names(&roles("not-granted?scope=s").await).contains(&"r"));
    realm.new_role(&format!("/clients/{web}"), "own").await;
    let own = realm
        .json(&format!("{base}/scope-mappings/{web}/granted"))
        .await;
    assert_eq!(names(&own), ["own"]);
    let missing = realm
        .admin
        .get(&realm.path(&format!("{base}/scope-mappings/nosuch/granted")))
        .await;
    let told = json!({ "error": "Role Container not found" });
    assert_eq!((missing.status, missing.json), (404, told));
}

#[tokio::test]
async fn an_example_of_a_token_is_for_who_may_see_its_user() {
    let realm = Realm::new().await;
    let web = realm.new_client(json!({ "clientId": "web" })).await;
    let base = format!("/clients/{web}/evaluate-scopes/generate-example-");
    let user = &realm.alice;
    let get = async |path: &str| realm.json(&format!("{base}{path}")).await;
    let access = get(&format!("access-token?userId={user}")).await;
    assert_eq!(
        (
            &access["azp"],
            &access["scope"],
            &access["typ"],
            &access["sub"]
        ),
        (
            &json!("web"),
            &json!("profile email"),
            &json!("Bearer"),
            &json!(user)
        )
    );
    assert_eq!(access["preferred_username"], "alice");
    let asked = get(&format!(
        "access-token?userId={user}&scope=openid%20address%20nosuch"
    ))
    .await;
    assert_eq!(asked["scope"], "openid profile email address");
    let id = get(&format!("id-token?userId={user}")).await;
    assert_eq!((&id["aud"], &id["typ"]), (&json!("web"), &json!("ID")));
    assert_eq!((id.get("scope"), id.get("at_hash")), (None, None));
    let info = get(&format!("userinfo?userId={user}")).await;
    let told = json!({
        "sub": user, "email_verified": false, "email": "alice@example.test", "name": "alice Test",
        "preferred_username": "alice", "given_name": "alice", "family_name": "Test"
    });
    assert_eq!(info, told);

    for (query, told) in [
        ("", "No userId provided"),
        ("?userId=nosuch", "No user found"),
    ] {
        let answer = realm
            .admin
            .get(&realm.path(&format!("{base}access-token{query}")))
            .await;
        assert_eq!(
            (answer.status, answer.json),
            (404, json!({ "error": told }))
        );
    }
    let clients = realm.administrator("clients", &["manage-clients"]).await;
    let both = realm
        .administrator("both", &["view-clients", "view-users"])
        .await;
    for kind in ["access-token", "id-token", "userinfo"] {
        let path = realm.path(&format!("{base}{kind}?userId={user}"));
        let refused = clients.get(&path).await;
        assert_eq!((refused.status, refused.json), (403, forbidden()), "{kind}");
        assert_eq!(both.get(&path).await.status, 200, "{kind}");
    }
}
