//! What scope mappings do to tokens.

use serde_json::{Value, json};

use crate::scope_tokens::App;

#[tokio::test]
async fn without_full_scope_only_own_and_mapped_roles_get_through() {
    let app = App::new(
        &["roles"],
        &["s", "basic"],
        json!({ "fullScopeAllowed": false }),
    )
    .await;
    let realm = &app.realm;
    let scope = realm.new_scope("s").await;
    let link = realm.path(&format!(
        "/clients/{}/optional-client-scopes/{scope}",
        app.id
    ));
    let linked = realm.admin.put(&link, json!({})).await;
    assert_eq!(linked.status, 204);
    let api = realm.new_client(json!({ "clientId": "api" })).await;
    let of_api = format!("/clients/{api}");
    let roles = [
        realm.new_role("", "all").await,
        realm.new_role("", "other").await,
        realm.new_role("", "unheld").await,
    ];
    let push = realm.new_role(&of_api, "push").await;
    let own = realm.new_role(&format!("/clients/{}", app.id), "own").await;
    app.post("/roles/all/composites", json!([push])).await;
    let mappings = format!("/users/{}/role-mappings", realm.alice);
    app.post(&format!("{mappings}/realm"), json!([roles[0], roles[1]]))
        .await;
    app.post(&format!("{mappings}/clients/{}", app.id), json!([own]))
        .await;
    let carried = async |scope: Option<&str>| {
        let access = app.access(scope).await;
        ["aud", "realm_access", "resource_access"].map(|name| access[name].clone())
    };

    let own = json!({ "app": { "roles": ["own"] } });
    assert_eq!(carried(None).await, [Value::Null, Value::Null, own.clone()]);

    // A role that is not held is not carried, though it gets through.
    let of_app = format!("/clients/{}/scope-mappings/realm", app.id);
    app.post(&of_app, json!([roles[1], roles[2]])).await;
    let other = json!({ "roles": ["other"] });
    assert_eq!(
        carried(None).await,
        [Value::Null, other.clone(), own.clone()]
    );

    // A composite lets through what it contains, once its scope is asked for.
    let of_scope = format!("/client-scopes/{scope}/scope-mappings/realm");
    app.post(&of_scope, json!([roles[0]])).await;
    let both = json!({ "roles": ["all", "other"] });
    let with_push = json!({ "api": { "roles": ["push"] }, "app": { "roles": ["own"] } });
    assert_eq!(carried(Some("s")).await, [json!("api"), both, with_push]);
    assert_eq!(carried(None).await, [Value::Null, other, own]);

    // What a composite contains may change later.
    let change = realm
        .admin
        .call(
            "DELETE".parse().unwrap(),
            &realm.path("/roles/all/composites"),
            Some(json!([push])),
        )
        .await;
    assert_eq!(change.status, 204);
    assert_eq!(carried(Some("s")).await[0], Value::Null);
}

#[tokio::test]
async fn a_scope_with_roles_is_in_force_for_who_holds_one_of_them() {
    let app = App::new(&["s"], &[], json!({})).await;
    let realm = &app.realm;
    let scope = realm.new_scope("s").await;
    let owner = format!("/client-scopes/{scope}");
    let link = realm.path(&format!(
        "/clients/{}/default-client-scopes/{scope}",
        app.id
    ));
    assert_eq!(realm.admin.put(&link, json!({})).await.status, 204);
    let config = json!({ "claim.name": "x", "claim.value": "y", "access.token.claim": "true" });
    app.mapper(&owner, "oidc-hardcoded-claim-mapper", config)
        .await;
    let told = async || {
        let access = app.access(None).await;
        (access["scope"].clone(), access["x"].clone())
    };
    assert_eq!(told().await, (json!("s"), json!("y")));
    let (role, outer) = (
        realm.new_role("", "r").await,
        realm.new_role("", "outer").await,
    );
    app.post(&format!("{owner}/scope-mappings/realm"), json!([outer]))
        .await;
    app.post("/roles/outer/composites", json!([role])).await;
    assert_eq!(told().await, (json!(""), Value::Null));
    let mappings = format!("/users/{}/role-mappings/realm", realm.alice);
    app.post(&mappings, json!([role])).await;
    assert_eq!(told().await, (json!("s"), json!("y")));
}

#[tokio::test]
async fn the_groups_of_a_user_become_a_claim_with_or_without_their_paths() {
    let app = App::new(&["basic"], &[], json!({})).await;
    let realm = &app.realm;
    let top = realm
        .admin
        .create(&realm.path("/groups"), json!({ "name": "top" }))
        .await;
    let below = realm.path(&format!("/groups/{top}/children"));
    let inner = realm.admin.post(&below, json!({ "name": "inner" })).await;
    let inner = inner.json["id"].as_str().unwrap().to_owned();
    for (claim, full) in [("paths", "true"), ("names", "false")] {
        let config =
            json!({ "claim.name": claim, "full.path": full, "access.token.claim": "true" });
        app.own_mapper("oidc-group-membership-mapper", config).await;
    }
    let told = async || {
        let access = app.access(None).await;
        ["paths", "names"].map(|name| access[name].clone())
    };
    assert_eq!(told().await, [Value::Null, Value::Null]);
    let join = realm.path(&format!("/users/{}/groups/{inner}", realm.alice));
    assert_eq!(realm.admin.put(&join, json!({})).await.status, 204);
    assert_eq!(told().await, [json!(["/top/inner"]), json!(["inner"])]);
}
