//! The roles that the admin console shows, offers and takes away.

use serde_json::{Value, json};

use crate::support::Realm;
use crate::ui_ext::get;

/// A realm in which alice holds a realm role with a client role in it, and a client role.
async fn with_roles() -> (Realm, Value, Value) {
    let realm = Realm::new().await;
    let of_realm = realm.path("/roles");
    realm
        .admin
        .create(&of_realm, json!({ "name": "outer" }))
        .await;
    let outer = realm.admin.get(&realm.path("/roles/outer")).await.json;
    let of_client = realm.path(&format!("/clients/{}/roles", realm.registry));
    for name in ["pull", "push"] {
        realm
            .admin
            .create(&of_client, json!({ "name": name }))
            .await;
    }
    let pull = realm.admin.get(&format!("{of_client}/pull")).await.json;
    let push = realm.admin.get(&format!("{of_client}/push")).await.json;
    let composites = realm.path("/roles/outer/composites");
    assert_eq!(
        realm.admin.post(&composites, json!([pull])).await.status,
        204
    );
    let mappings = realm.path(&format!("/users/{}/role-mappings", realm.alice));
    let given = realm
        .admin
        .post(&format!("{mappings}/realm"), json!([outer]))
        .await;
    assert_eq!(given.status, 204);
    let given = realm
        .admin
        .post(
            &format!("{mappings}/clients/{}", realm.registry),
            json!([push]),
        )
        .await;
    assert_eq!(given.status, 204);
    (realm, outer, push)
}

fn roles(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = |role: &Value| text(role.get("role").unwrap_or(&role["name"]));
    let items = list.as_array().unwrap().iter();
    items
        .map(|role| (text(&role["client"]), name(role)))
        .collect()
}

#[tokio::test]
async fn the_roles_of_a_user_are_shown_with_their_clients() {
    let (realm, outer, _) = with_roles().await;
    let alice = &realm.alice;
    let effective = get(&realm, &format!("/effective-roles/users/{alice}")).await;
    let own = roles(&effective);
    assert!(own.contains(&("reg".to_owned(), "pull".to_owned())));
    assert!(own.contains(&("reg".to_owned(), "push".to_owned())));
    assert!(own.iter().all(|(client, _)| !client.is_empty()));
    let all = get(&realm, &format!("/effective-roles-all/users/{alice}")).await;
    assert!(roles(&all).contains(&(String::new(), "outer".to_owned())));
    let free = get(
        &realm,
        &format!("/available-roles/users/{alice}?search=REG&max=20"),
    )
    .await;
    assert_eq!(roles(&free), [("reg".to_owned(), "pull".to_owned())]);
    let whole = get(&realm, &format!("/available-roles/users/{alice}?max=1000")).await;
    let first = get(
        &realm,
        &format!("/available-roles/users/{alice}?first=2&max=2"),
    )
    .await;
    assert_eq!(roles(&first), roles(&whole)[2..4]);
    assert_eq!(
        get(&realm, &format!("/available-roles/users/{alice}"))
            .await
            .as_array()
            .unwrap()
            .len(),
        10
    );

    let id = outer["id"].as_str().unwrap();
    let composed = get(&realm, &format!("/role-mappings/roles/{id}")).await;
    assert_eq!(
        composed["clientMappings"]["reg"]["mappings"][0]["containerId"],
        "reg"
    );
    let all = get(&realm, &format!("/effective-roles-all/roles/{id}")).await;
    let expected = [
        (String::new(), "outer".to_owned()),
        ("reg".to_owned(), "pull".to_owned()),
    ];
    assert_eq!(roles(&all), expected);
}

#[tokio::test]
async fn the_roles_of_groups_clients_and_scopes_are_shown_alike() {
    let (realm, outer, push) = with_roles().await;
    let group = realm
        .admin
        .create(&realm.path("/groups"), json!({ "name": "g" }))
        .await;
    let scopes = realm.admin.get(&realm.path("/client-scopes")).await.json;
    let scope = scopes[0]["id"].as_str().unwrap();
    let client = realm
        .admin
        .get(&realm.path("/clients?clientId=account-console"))
        .await
        .json;
    let client = client[0]["id"].as_str().unwrap();
    for (kind, id, mappings) in [
        (
            "groups",
            group.as_str(),
            format!("/groups/{group}/role-mappings"),
        ),
        (
            "clients",
            client,
            format!("/clients/{client}/scope-mappings"),
        ),
        (
            "clientScopes",
            scope,
            format!("/client-scopes/{scope}/scope-mappings"),
        ),
    ] {
        let before = roles(&get(&realm, &format!("/effective-roles-all/{kind}/{id}")).await);
        let to_realm = realm.path(&format!("{mappings}/realm"));
        assert_eq!(
            realm.admin.post(&to_realm, json!([outer])).await.status,
            204,
            "{kind}"
        );
        let to_client = realm.path(&format!("{mappings}/clients/{}", realm.registry));
        assert_eq!(
            realm.admin.post(&to_client, json!([push])).await.status,
            204,
            "{kind}"
        );
        let all = roles(&get(&realm, &format!("/effective-roles-all/{kind}/{id}")).await);
        for role in [("", "outer"), ("reg", "pull"), ("reg", "push")] {
            let role = (role.0.to_owned(), role.1.to_owned());
            assert!(
                all.contains(&role) && !before.contains(&role),
                "{kind} {role:?}"
            );
        }
        let free = get(&realm, &format!("/available-roles/{kind}/{id}?search=reg")).await;
        assert_eq!(
            roles(&free),
            [("reg".to_owned(), "pull".to_owned())],
            "{kind}"
        );

        let both = json!([
            { "roleId": outer["id"], "roleName": "outer" },
            { "roleId": push["id"], "roleName": "push", "clientId": realm.registry }
        ]);
        let path = realm.path(&format!("/ui-ext/role-mapping-delete/{kind}/{id}"));
        assert_eq!(realm.admin.post(&path, both).await.status, 204, "{kind}");
        let after = roles(&get(&realm, &format!("/effective-roles-all/{kind}/{id}")).await);
        assert_eq!(after, before, "{kind}");
    }
}

#[tokio::test]
async fn roles_are_taken_away_only_by_who_could_give_them() {
    let (realm, outer, _) = with_roles().await;
    let management = realm
        .admin
        .get(&realm.path("/clients?clientId=realm-management"))
        .await
        .json;
    let management = management[0]["id"].as_str().unwrap();
    let admin_role = realm
        .admin
        .get(&realm.path(&format!("/clients/{management}/roles/manage-realm")))
        .await
        .json;
    let mappings = realm.path(&format!(
        "/users/{}/role-mappings/clients/{management}",
        realm.alice
    ));
    assert_eq!(
        realm
            .admin
            .post(&mappings, json!([admin_role]))
            .await
            .status,
        204
    );
    let manager = realm.administrator("manager", &["manage-users"]).await;
    let path = realm.path(&format!(
        "/ui-ext/role-mapping-delete/users/{}",
        realm.alice
    ));
    let request = json!([{ "roleId": admin_role["id"], "roleName": "manage-realm" }]);
    assert_eq!(manager.post(&path, request.clone()).await.status, 403);
    assert_eq!(
        realm.admin.get(&mappings).await.json[0]["name"],
        "manage-realm"
    );
    let plain = json!([{ "roleId": outer["id"], "roleName": "outer" }]);
    assert_eq!(manager.post(&path, plain).await.status, 204);
    assert_eq!(realm.admin.post(&path, request).await.status, 204);
    assert_eq!(realm.admin.get(&mappings).await.json, json!([]));

    // Nor out of a composite role, and never out of those of the server itself.
    let composite = realm
        .admin
        .get(&realm.path(&format!("/clients/{management}/roles/view-users")))
        .await
        .json;
    let inner = realm
        .admin
        .get(&realm.path(&format!("/clients/{management}/roles/query-users")))
        .await
        .json;
    let path = realm.path(&format!(
        "/ui-ext/role-mapping-delete/roles/{}",
        composite["id"].as_str().unwrap()
    ));
    let request = json!([{ "roleId": inner["id"], "roleName": "query-users" }]);
    assert_eq!(realm.admin.post(&path, request).await.status, 403);
}

#[tokio::test]
async fn bad_requests_to_take_roles_are_400_or_change_nothing() {
    let (realm, ..) = with_roles().await;
    let path = realm.path(&format!(
        "/ui-ext/role-mapping-delete/users/{}",
        realm.alice
    ));
    for (body, status) in [
        (json!({}), 400),
        (json!([1]), 400),
        (json!([{ "roleId": 1 }]), 400),
        (json!([{ "id": "x" }]), 400),
        (Value::Null, 400),
        (json!([{ "roleId": "nosuch" }]), 204),
        (json!([{}]), 204),
        (json!([]), 204),
    ] {
        assert_eq!(
            realm.admin.post(&path, body.clone()).await.status,
            status,
            "{body}"
        );
    }
    let unknown = realm.path("/ui-ext/role-mapping-delete/users/nosuch");
    assert_eq!(
        realm.admin.post(&unknown, json!([])).await.json,
        json!({ "error": "User not found" })
    );
    let kind = realm
        .admin
        .get(&realm.path("/ui-ext/effective-roles/zz/x"))
        .await;
    assert_eq!(kind.status, 404);
}

#[tokio::test]
async fn whoever_may_only_look_is_offered_no_roles() {
    let (realm, ..) = with_roles().await;
    let viewer = realm.administrator("viewer", &["view-users"]).await;
    let path = realm.path(&format!("/ui-ext/available-roles/users/{}", realm.alice));
    let answer = viewer.get(&path).await;
    assert_eq!((answer.status, answer.json), (200, json!([])));
}
