//! Roles in the admin API: their names, and what they are composed of. The exchanges one by one are in `wire`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Admin, Answer, Realm};

pub fn text(answer: &Answer, member: &str) -> String {
    answer.json[member].as_str().unwrap_or_default().to_owned()
}

pub fn names(answer: &Answer) -> Vec<&str> {
    let list = answer
        .json
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.text));
    list.iter()
        .map(|role| role["name"].as_str().unwrap())
        .collect()
}

/// Makes a realm role and gives its representation.
pub async fn new_role(realm: &Realm, name: &str) -> Value {
    let made = realm
        .admin
        .post(&realm.path("/roles"), json!({ "name": name }))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    realm
        .admin
        .get(&realm.path(&format!("/roles/{name}")))
        .await
        .json
}

/// A role of `realm-management`.
pub async fn administrative(realm: &Realm, name: &str) -> Value {
    let found = realm
        .admin
        .get(&realm.path("/clients?clientId=realm-management"))
        .await;
    let client = found.json[0]["id"].as_str().unwrap().to_owned();
    realm
        .admin
        .get(&realm.path(&format!("/clients/{client}/roles/{name}")))
        .await
        .json
}

pub fn by_id(realm: &Realm, role: &Value) -> String {
    realm.path(&format!("/roles-by-id/{}", role["id"].as_str().unwrap()))
}

pub async fn delete_with(admin: &Admin, path: &str, body: Value) -> Answer {
    admin.call(Method::DELETE, path, Some(body)).await
}

// ---- Names and ids

#[tokio::test]
async fn a_role_with_any_name_is_reached_by_its_encoded_name() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    for (name, encoded) in [
        ("a/b", "a%2Fb"),
        ("ü/ %+;?#", "%C3%BC%2F%20%25%2B%3B%3F%23"),
        ("a%2Fb", "a%252Fb"),
        ("composites", "composites"),
    ] {
        for roles in [realm.path("/roles"), format!("{client}/roles")] {
            let made = admin.post(&roles, json!({ "name": name })).await;
            assert_eq!(made.status, 201, "{name}");
            assert!(
                made.location.ends_with(&format!("{roles}/{encoded}")),
                "{}",
                made.location
            );
            let one = format!("{roles}/{encoded}");
            let role = admin.get(&one).await;
            assert_eq!((role.status, text(&role, "name").as_str()), (200, name));
            assert_eq!(
                admin
                    .put(&one, json!({ "name": name, "description": "d" }))
                    .await
                    .status,
                204
            );
            for below in ["/composites", "/composites/realm", "/users", "/groups"] {
                assert_eq!(
                    admin.get(&format!("{one}{below}")).await.json,
                    json!([]),
                    "{name}{below}"
                );
            }
            assert_eq!(text(&admin.get(&one).await, "description"), "d");
            assert_eq!(admin.delete(&one).await.status, 204);
            assert_eq!(text(&admin.get(&one).await, "error"), "Could not find role");
        }
    }
}

#[tokio::test]
async fn a_role_by_id_is_the_role_by_name() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    for roles in [realm.path("/roles"), format!("{client}/roles")] {
        assert_eq!(
            admin.post(&roles, json!({ "name": "puller" })).await.status,
            201
        );
        let one = format!("{roles}/puller");
        let role = admin.get(&one).await.json;
        let by_id = by_id(&realm, &role);
        assert_eq!(admin.get(&by_id).await.json, role);
        let change = json!({ "name": "renamed", "attributes": { "a": ["b"] } });
        assert_eq!(admin.put(&by_id, change).await.status, 204);
        assert_eq!(admin.get(&one).await.status, 404);
        let renamed = admin.get(&format!("{roles}/renamed")).await;
        assert_eq!(
            (text(&renamed, "id"), &renamed.json["attributes"]),
            (
                role["id"].as_str().unwrap().to_owned(),
                &json!({ "a": ["b"] })
            )
        );
        assert_eq!(admin.delete(&by_id).await.status, 204);
        assert_eq!(
            text(&admin.get(&by_id).await, "error"),
            "Could not find role with id"
        );
    }
}

#[tokio::test]
async fn a_change_needs_a_name_that_is_free() {
    let realm = Realm::new().await;
    let path = by_id(&realm, &new_role(&realm, "puller").await);
    for change in [json!({ "description": "d" }), json!({ "name": "" })] {
        let answer = realm.admin.put(&path, change).await;
        assert_eq!(
            (answer.status, text(&answer, "error").as_str()),
            (400, "role has no name")
        );
    }
    let taken = realm
        .admin
        .put(&path, json!({ "name": "offline_access" }))
        .await;
    assert_eq!(
        (taken.status, text(&taken, "error_description").as_str()),
        (409, "Duplicate resource error")
    );
    assert_eq!(text(&realm.admin.get(&path).await, "name"), "puller");
}

#[tokio::test]
async fn roles_are_found_by_a_part_of_their_name_and_paged() {
    let realm = Realm::new().await;
    for name in ["pull-a", "pull-b", "push"] {
        new_role(&realm, name).await;
    }
    let list = async |query: &str| {
        realm
            .admin
            .get(&realm.path(&format!("/roles?{query}")))
            .await
    };
    assert_eq!(names(&list("search=PULL").await), ["pull-a", "pull-b"]);
    assert_eq!(names(&list("search=pull&first=1&max=1").await), ["pull-b"]);
    assert_eq!(list("max=0").await.json, json!([]));
    assert_eq!(list("search=%25").await.json, json!([]));
    assert_eq!(list("first=x").await.status, 404);
    assert_eq!(list("search=push").await.json[0].get("attributes"), None);
    assert_eq!(
        list("search=push&briefRepresentation=false").await.json[0]["attributes"],
        json!({})
    );
}

#[tokio::test]
async fn a_role_of_another_realm_is_as_unknown_as_one_that_is_nowhere() {
    let (realm, other) = (Realm::new().await, Realm::new().await);
    let strange = new_role(&other, "strange").await;
    let nowhere = json!({ "id": uuid::Uuid::new_v4(), "name": "strange" });
    let own = by_id(&realm, &new_role(&realm, "own").await);
    for caller in [
        realm.admin.clone(),
        realm.administrator("boss", &["realm-admin"]).await,
    ] {
        for below in [
            "",
            "/composites",
            "/composites/realm",
            &format!("/composites/clients/{}", realm.registry),
        ] {
            for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
                let (one, two) = (
                    format!("{}{below}", by_id(&realm, &strange)),
                    format!("{}{below}", by_id(&realm, &nowhere)),
                );
                let body = (method != Method::GET).then(|| json!({ "name": "mine" }));
                let one = caller.call(method.clone(), &one, body.clone()).await;
                let two = caller.call(method.clone(), &two, body).await;
                assert_eq!(
                    (one.status, &one.text),
                    (two.status, &two.text),
                    "{method} {below}"
                );
                assert!(
                    one.status == 404 || one.status == 405,
                    "{method} {below}: {}",
                    one.status
                );
            }
        }
        for role in [&strange, &nowhere] {
            for method in [Method::POST, Method::DELETE] {
                let answer = caller
                    .call(method, &format!("{own}/composites"), Some(json!([role])))
                    .await;
                assert_eq!(
                    (answer.status, text(&answer, "error").as_str()),
                    (404, "Could not find composite role")
                );
            }
        }
    }
    assert_eq!(
        other.admin.get(&by_id(&other, &strange)).await.json,
        strange
    );
}

// ---- What roles are composed of

#[tokio::test]
async fn a_composite_lists_its_parts_by_where_they_belong() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    let parent = new_role(&realm, "parent").await;
    let child = new_role(&realm, "child").await;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    admin
        .create(&format!("{client}/roles"), json!({ "name": "push" }))
        .await;
    let push = admin.get(&format!("{client}/roles/push")).await.json;

    let composites = format!("{}/composites", by_id(&realm, &parent));
    assert_eq!(
        admin.post(&composites, json!([child, push])).await.status,
        204
    );
    assert_eq!(admin.post(&composites, json!([child])).await.status, 204);
    for base in [composites.clone(), realm.path("/roles/parent/composites")] {
        assert_eq!(names(&admin.get(&base).await), ["child", "push"]);
        assert_eq!(names(&admin.get(&format!("{base}/realm")).await), ["child"]);
        let of_client = format!("{base}/clients/{}", realm.registry);
        assert_eq!(names(&admin.get(&of_client).await), ["push"]);
        assert_eq!(
            text(&admin.get(&format!("{base}/clients/nosuch")).await, "error"),
            "Could not find client"
        );
        assert_eq!(
            names(&admin.get(&format!("{base}?search=PU&max=5")).await),
            ["push"]
        );
        assert_eq!(
            names(&admin.get(&format!("{base}?first=1&max=1")).await),
            ["push"]
        );
    }
    assert_eq!(
        admin.get(&by_id(&realm, &parent)).await.json["composite"],
        true
    );
    assert_eq!(
        delete_with(admin, &composites, json!([child, push]))
            .await
            .status,
        204
    );
    assert_eq!(
        admin.get(&by_id(&realm, &parent)).await.json["composite"],
        false
    );
}

#[tokio::test]
async fn a_list_with_one_unknown_role_adds_none() {
    let realm = Realm::new().await;
    let (parent, child) = (
        new_role(&realm, "parent").await,
        new_role(&realm, "child").await,
    );
    let composites = format!("{}/composites", by_id(&realm, &parent));
    for unknown in [
        json!({ "name": "child" }),
        json!({ "id": "zz" }),
        json!({ "id": uuid::Uuid::nil() }),
    ] {
        let answer = realm.admin.post(&composites, json!([child, unknown])).await;
        assert_eq!(
            (answer.status, text(&answer, "error").as_str()),
            (404, "Could not find composite role")
        );
    }
    assert_eq!(realm.admin.get(&composites).await.json, json!([]));
}

#[tokio::test]
async fn a_role_can_be_made_with_its_parts() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    admin
        .create(&format!("{client}/roles"), json!({ "name": "push" }))
        .await;
    let rep = |name: &str, realm: &str, of_client: &str| json!({ "name": name, "composite": true, "composites": { "realm": [realm], "client": { "reg": [of_client] } } });
    let roles = realm.path("/roles");
    assert_eq!(
        admin
            .post(&roles, rep("all", "offline_access", "push"))
            .await
            .status,
        201
    );
    let parts = admin.get(&realm.path("/roles/all/composites")).await;
    assert_eq!(names(&parts), ["offline_access", "push"]);
    let unknown = admin
        .post(&roles, rep("none", "offline_access", "nosuch"))
        .await;
    assert_eq!(
        (unknown.status, text(&unknown, "errorMessage").as_str()),
        (404, "Client Role with name nosuch does not exist")
    );
    assert_eq!(admin.get(&realm.path("/roles/none")).await.status, 404);
}
