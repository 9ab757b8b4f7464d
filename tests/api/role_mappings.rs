//! Role mappings of users: who may hand out what (and the fault that most servers of this kind have had).

use serde_json::{Value, json};

use crate::people::{People, forbidden};

const UNKNOWN: &str = "11111111-2222-3333-4444-555555555555";

async fn names(realm: &People, path: &str) -> Vec<String> {
    let roles = realm.api.get(path).await.json;
    roles
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn manage_users_cannot_make_a_realm_admin_of_anybody() {
    let realm = People::new().await;
    let helper = realm.holder("helper", "manage-users").await;
    let plain = realm.user("plain").await;
    let api = realm.login("helper").await;
    let admin = realm.management_role("realm-admin").await;
    let manage_realm = realm.management_role("manage-realm").await;
    let manage_users = realm.management_role("manage-users").await;
    // By a composite of either kind.
    realm
        .api
        .send("POST", "/roles", &json!({ "name": "harmless" }))
        .await;
    let harmless = realm.api.get("/roles/harmless").await.json;
    let composed = realm
        .api
        .send(
            "POST",
            "/roles/harmless/composites",
            &json!([admin.clone()]),
        )
        .await;
    assert_eq!(composed.status, 204);

    let management = realm.client("realm-management").await;
    for user in [&helper, &plain] {
        for (owner, roles) in [
            (format!("clients/{management}"), json!([admin])),
            (
                format!("clients/{management}"),
                json!([{ "id": admin["id"] }]),
            ),
            (format!("clients/{management}"), json!([manage_realm])),
            (
                format!("clients/{management}"),
                json!([manage_users, admin]),
            ),
            ("realm".to_owned(), json!([harmless])),
        ] {
            let answer = api
                .send(
                    "POST",
                    &format!("/users/{user}/role-mappings/{owner}"),
                    &roles,
                )
                .await;
            assert_eq!(
                (answer.status, answer.json),
                (403, forbidden()),
                "{owner} {roles}"
            );
        }
    }
    let path = format!("/users/{helper}/role-mappings/clients/{management}");
    assert_eq!(names(&realm, &path).await, ["manage-users"]);
    assert_eq!(
        names(
            &realm,
            &format!("/users/{plain}/role-mappings/clients/{management}")
        )
        .await
        .len(),
        0
    );
    assert_eq!(
        names(&realm, &format!("/users/{plain}/role-mappings/realm"))
            .await
            .len(),
        1
    );

    // What the caller holds he may hand out, and take back.
    let path = format!("/users/{plain}/role-mappings/clients/{management}");
    for method in ["POST", "DELETE"] {
        assert_eq!(
            api.send(method, &path, &json!([manage_users])).await.status,
            204,
            "{method}"
        );
    }
}

#[tokio::test]
async fn manage_users_cannot_disarm_a_realm_admin() {
    let realm = People::new().await;
    let boss = realm.holder("boss", "realm-admin").await;
    realm.holder("helper", "manage-users").await;
    let management = realm.client("realm-management").await;
    let path = format!("/users/{boss}/role-mappings/clients/{management}");
    let admin = json!([realm.management_role("realm-admin").await]);
    assert_eq!(
        realm
            .login("helper")
            .await
            .send("DELETE", &path, &admin)
            .await
            .status,
        403
    );
    assert_eq!(names(&realm, &path).await, ["realm-admin"]);
    assert_eq!(
        realm
            .login("boss")
            .await
            .send("DELETE", &path, &admin)
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn a_delegate_of_master_cannot_make_himself_more_than_that() {
    let realm = People::new().await;
    let delegate = realm.delegate("manage-users").await;
    let management = realm.client("realm-management").await;
    let user = realm.user("plain").await;
    let admin = json!([realm.management_role("realm-admin").await]);
    let path = format!("/users/{user}/role-mappings/clients/{management}");
    assert_eq!(delegate.send("POST", &path, &admin).await.status, 403);
    // His own account is in master, where he is nobody.
    assert_eq!(
        delegate
            .get(&format!("/users/{}", delegate.user))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn roles_are_mapped_all_or_none() {
    let realm = People::new().await;
    let user = realm.user("bob").await;
    let management = realm.client("realm-management").await;
    let offline = realm.api.get("/roles/offline_access").await.json;
    let view = realm.management_role("view-users").await;
    let (own, of_client) = (
        format!("/users/{user}/role-mappings/realm"),
        format!("/users/{user}/role-mappings/clients/{management}"),
    );
    for (path, roles) in [
        (
            &own,
            json!([offline, { "id": UNKNOWN, "name": "offline_access" }]),
        ),
        (&own, json!([offline, { "name": "uma_authorization" }])),
        (&own, json!([offline, { "id": "offline_access" }])),
        (&own, json!([offline, view])),
        (&of_client, json!([view, offline])),
    ] {
        for method in ["POST", "DELETE"] {
            let answer = realm.api.send(method, path, &roles).await;
            assert_eq!(
                (answer.status, answer.json),
                (404, json!({ "error": "Role not found" })),
                "{method} {roles}"
            );
        }
    }
    assert_eq!(names(&realm, &own).await.len(), 1);
    assert_eq!(names(&realm, &of_client).await.len(), 0);

    let twice = json!([offline, offline]);
    for method in ["POST", "POST", "DELETE", "DELETE"] {
        assert_eq!(
            realm.api.send(method, &own, &twice).await.status,
            204,
            "{method}"
        );
    }
    assert_eq!(names(&realm, &own).await.len(), 1);
}

#[tokio::test]
async fn bodies_that_are_no_list_of_roles_are_400() {
    let realm = People::new().await;
    let user = realm.user("bob").await;
    let path = format!("/users/{user}/role-mappings/realm");
    for method in ["POST", "DELETE"] {
        for body in [
            Value::Null,
            json!({}),
            json!([null]),
            json!(["offline_access"]),
            json!([{ "nope": 1 }]),
        ] {
            assert_eq!(
                realm.api.send(method, &path, &body).await.status,
                400,
                "{method} {body}"
            );
        }
    }
}

#[tokio::test]
async fn composite_shows_what_is_held_through_other_roles() {
    let realm = People::new().await;
    let user = realm.holder("bob", "view-users").await;
    let management = realm.client("realm-management").await;
    let path = format!("/users/{user}/role-mappings/clients/{management}");
    assert_eq!(names(&realm, &path).await, ["view-users"]);
    assert_eq!(
        names(&realm, &format!("{path}/composite")).await,
        ["query-groups", "query-users", "view-users"]
    );
    assert!(
        names(&realm, &format!("{path}/available"))
            .await
            .contains(&"query-users".to_owned())
    );

    let brief = realm.api.get(&format!("{path}/composite")).await.json;
    let full = realm
        .api
        .get(&format!("{path}/composite?briefRepresentation=false"))
        .await
        .json;
    assert_eq!(
        (brief[0].get("attributes"), &full[0]["attributes"]),
        (None, &json!({}))
    );

    let other = People::new().await;
    let foreign = other.client("realm-management").await;
    for suffix in ["", "/available", "/composite"] {
        let answer = realm
            .api
            .get(&format!(
                "/users/{user}/role-mappings/clients/{foreign}{suffix}"
            ))
            .await;
        assert_eq!(
            (answer.status, answer.json),
            (404, json!({ "error": "Client not found" })),
            "{suffix}"
        );
    }
}
