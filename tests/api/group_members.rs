//! Who is in groups, what comes of it, and groups of realm files.

use serde_json::{Value, json};

use crate::groups::{Place, UNKNOWN};
use crate::support::{Admin, Realm};

#[tokio::test]
async fn users_join_and_leave_groups() {
    let place = Place::new().await;
    let devs = place.group(None, json!({ "name": "devs" })).await;
    let low = place.group(Some(&devs), json!({ "name": "in" })).await;
    let ext = place.group(None, json!({ "name": "ext" })).await;
    let create = json!({ "username": "bob", "groups": ["/devs/in", "ext/"] });
    let bob = place.people.api.send("POST", "/users", &create).await;
    let bob = bob.location.rsplit('/').next().unwrap().to_owned();
    let own = format!("/users/{bob}/groups");
    assert_eq!(
        place.get(&own).await,
        json!([
            { "id": ext, "name": "ext", "path": "/ext", "subGroups": [] },
            { "id": low, "name": "in", "path": "/devs/in", "parentId": devs, "subGroups": [] },
        ])
    );
    assert_eq!(
        place.get(&format!("{own}/count")).await,
        json!({ "count": 2 })
    );
    assert_eq!(
        place.get(&format!("{own}/count?search=N")).await,
        json!({ "count": 1 })
    );
    assert_eq!(place.names(&format!("{own}?search=N")).await, json!(["in"]));
    assert_eq!(
        place.names(&format!("{own}?first=1&max=5")).await,
        json!(["in"])
    );
    let full = place.get(&format!("{own}?briefRepresentation=false")).await;
    assert_eq!(full[0]["realmRoles"], json!([]));
    assert_eq!(
        place.get(&format!("/users/{bob}")).await.get("groups"),
        None
    );

    for _ in 0..2 {
        place
            .done("PUT", &format!("{own}/{devs}"), Value::Null)
            .await;
        place
            .done("DELETE", &format!("{own}/{ext}"), Value::Null)
            .await;
    }
    assert_eq!(place.joined(&bob).await, ["/devs", "/devs/in"]);
    for method in ["PUT", "DELETE"] {
        for (path, error) in [
            (format!("{own}/{UNKNOWN}"), "Group not found"),
            (format!("{own}/nope"), "Group not found"),
            (format!("/users/{UNKNOWN}/groups/{devs}"), "User not found"),
        ] {
            let answer = place.send(method, &path, json!({})).await;
            assert_eq!(answer, (404, json!({ "error": error })), "{method} {path}");
        }
    }
    // A change of the user leaves memberships alone, as in Keycloak.
    place
        .done(
            "PUT",
            &format!("/users/{bob}"),
            json!({ "groups": ["/ext"] }),
        )
        .await;
    assert_eq!(place.joined(&bob).await, ["/devs", "/devs/in"]);

    let lost = json!({ "username": "carl", "groups": ["/devs", "/nope"] });
    assert_eq!(
        place.send("POST", "/users", lost).await,
        (400, json!({ "errorMessage": "Group /nope not found" }))
    );
    assert_eq!(place.get("/users/count?username=carl").await, json!(0));

    let members = format!("/groups/{devs}/members");
    let shown = place.get(&members).await;
    assert_eq!(shown[0]["username"], "bob");
    assert_eq!(shown[0]["totp"], false);
    assert_eq!(shown[0].get("access"), None);
    let brief = place
        .get(&format!("{members}?briefRepresentation=true"))
        .await;
    assert_eq!(brief[0].get("totp"), None);
    assert_eq!(place.get(&format!("{members}?first=1")).await, json!([]));
    place
        .done("DELETE", &format!("/users/{bob}"), Value::Null)
        .await;
    assert_eq!(place.get(&members).await, json!([]));
}

#[tokio::test]
async fn new_users_join_the_default_groups() {
    let place = Place::new().await;
    let devs = place.group(None, json!({ "name": "devs" })).await;
    let low = place.group(Some(&devs), json!({ "name": "in" })).await;
    assert_eq!(place.get("/default-groups").await, json!([]));
    assert_eq!(place.get("").await.get("defaultGroups"), None);
    for _ in 0..2 {
        place
            .done("PUT", &format!("/default-groups/{low}"), Value::Null)
            .await;
    }
    place
        .done("PUT", &format!("/default-groups/{devs}"), json!({}))
        .await;
    assert_eq!(
        place.get("/default-groups").await,
        json!([
            { "id": devs, "name": "devs", "path": "/devs", "subGroups": [] },
            { "id": low, "name": "in", "path": "/devs/in", "parentId": devs, "subGroups": [] },
        ])
    );
    assert_eq!(
        place.get("").await["defaultGroups"],
        json!(["/devs", "/devs/in"])
    );
    let bob = place.people.user("bob").await;
    assert_eq!(place.joined(&bob).await, ["/devs", "/devs/in"]);
    let account = json!({ "clientId": "robot", "serviceAccountsEnabled": true });
    assert_eq!(place.send("POST", "/clients", account).await.0, 201);
    let client = place.people.client("robot").await;
    let account = place
        .get(&format!("/clients/{client}/service-account-user"))
        .await;
    assert_eq!(
        place.joined(account["id"].as_str().unwrap()).await,
        ["/devs", "/devs/in"]
    );

    // The realm's own representation says them, too.
    place
        .done("PUT", "", json!({ "defaultGroups": ["/devs"] }))
        .await;
    assert_eq!(place.get("").await["defaultGroups"], json!(["/devs"]));
    assert_eq!(
        place
            .send("PUT", "", json!({ "defaultGroups": ["/nope"] }))
            .await,
        (400, json!({ "errorMessage": "Group /nope not found" }))
    );
    for _ in 0..2 {
        place
            .done("DELETE", &format!("/default-groups/{devs}"), Value::Null)
            .await;
    }
    assert_eq!(place.get("").await.get("defaultGroups"), None);
    for method in ["PUT", "DELETE"] {
        let path = format!("/default-groups/{UNKNOWN}");
        assert_eq!(
            place.send(method, &path, Value::Null).await,
            (404, json!({ "error": "Group not found" }))
        );
    }
    let carl = place.people.user("carl").await;
    assert!(place.joined(&carl).await.is_empty());
}

#[tokio::test]
async fn roles_of_groups_reach_the_tokens_of_their_members() {
    let place = Place::new().await;
    let api = &place.people.api;
    let top = place.group(None, json!({ "name": "top" })).await;
    let low = place.group(Some(&top), json!({ "name": "low" })).await;
    let web = json!({ "clientId": "web" });
    assert_eq!(place.send("POST", "/clients", web).await.0, 201);
    let web = place.people.client("web").await;
    for name in ["r1", "r2"] {
        assert_eq!(
            place
                .send("POST", "/roles", json!({ "name": name }))
                .await
                .0,
            201
        );
    }
    let roles = format!("/clients/{web}/roles");
    assert_eq!(
        place.send("POST", &roles, json!({ "name": "c1" })).await.0,
        201
    );
    let (r1, r2) = (place.get("/roles/r1").await, place.get("/roles/r2").await);
    let c1 = place.get(&format!("{roles}/c1")).await;
    place
        .done("POST", "/roles/r1/composites", json!([r2]))
        .await;
    let mappings = |id: &str| format!("/groups/{id}/role-mappings");
    for _ in 0..2 {
        place
            .done("POST", &format!("{}/realm", mappings(&top)), json!([r1]))
            .await;
        place
            .done(
                "POST",
                &format!("{}/clients/{web}", mappings(&low)),
                json!([c1]),
            )
            .await;
    }

    let names = async |path: String| {
        let roles = api.get(&path).await.json;
        let roles = roles.as_array().unwrap().iter();
        roles
            .map(|role| role["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(format!("{}/realm", mappings(&top))).await, ["r1"]);
    assert!(names(format!("{}/realm", mappings(&low))).await.is_empty());
    assert_eq!(
        names(format!("{}/realm/composite", mappings(&low))).await,
        ["r1", "r2"]
    );
    let available = names(format!("{}/realm/available", mappings(&top))).await;
    assert!(available.contains(&"r2".to_owned()) && !available.contains(&"r1".to_owned()));
    assert!(
        names(format!("{}/clients/{web}/available", mappings(&low)))
            .await
            .is_empty()
    );
    let all = place.get(&mappings(&low)).await;
    assert_eq!(all["clientMappings"]["web"]["mappings"][0]["name"], "c1");
    assert_eq!(all.get("realmMappings"), None);
    assert_eq!(
        place.get(&format!("/groups/{top}")).await["realmRoles"],
        json!(["r1"])
    );
    let shown = place.get(&format!("/groups/{low}")).await;
    assert_eq!(shown["clientRoles"], json!({ "web": ["c1"] }));
    assert_eq!(
        place.get("/roles/r1/groups").await,
        json!([{ "id": top, "name": "top", "path": "/top", "subGroups": [] }])
    );
    assert_eq!(
        place.names(&format!("{roles}/c1/groups")).await,
        json!(["low"])
    );
    assert_eq!(place.get("/roles/r2/groups").await, json!([]));
    assert_eq!(place.get("/roles/r1/groups?first=1").await, json!([]));

    let bob = place.people.user("bob").await;
    place
        .done("PUT", &format!("/users/{bob}/groups/{low}"), Value::Null)
        .await;
    let composite = names(format!("/users/{bob}/role-mappings/realm/composite")).await;
    assert!(composite.contains(&"r2".to_owned()));
    let client_composite = format!("/users/{bob}/role-mappings/clients/{web}/composite");
    assert_eq!(names(client_composite).await, ["c1"]);
    assert!(
        names(format!("/users/{bob}/role-mappings/clients/{web}"))
            .await
            .is_empty()
    );
    place
        .done("DELETE", &format!("{}/realm", mappings(&top)), json!([r1]))
        .await;
    let composite = names(format!("/users/{bob}/role-mappings/realm/composite")).await;
    assert!(!composite.contains(&"r2".to_owned()));
    let unknown = json!([{ "id": UNKNOWN, "name": "x" }]);
    assert_eq!(
        place
            .send("POST", &format!("{}/realm", mappings(&top)), unknown)
            .await,
        (404, json!({ "error": "Role not found" }))
    );
}

#[tokio::test]
async fn a_realm_file_brings_groups_with_roles_and_members() {
    let realm = Realm::with(json!({
        "roles": { "realm": [{ "name": "r" }] },
        "groups": [
            {
                "id": "66666666-2222-3333-4444-555555555555", "name": "a", "path": "/wrong", "realmRoles": ["r", "made"],
                "clientRoles": { "account": ["view-profile"] }, "attributes": { "k": ["v"] },
                "subGroups": [{ "name": "b", "realmRoles": ["offline_access"] }, { "name": "c/d" }],
            },
            { "name": "z" },
        ],
        "defaultGroups": ["/a/b", "z", "/unknown"],
        "users": [{ "username": "named", "groups": ["/a/b", "/a/c/d"] }, { "username": "plain" }],
    }))
    .await;
    let get = async |path: &str| realm.admin.get(&realm.path(path)).await.json;
    let found = get("/group-by-path/a").await;
    assert_eq!(found["id"], "66666666-2222-3333-4444-555555555555");
    assert_eq!(found["realmRoles"], json!(["made", "r"]));
    assert_eq!(found["clientRoles"], json!({ "account": ["view-profile"] }));
    assert_eq!(found["attributes"], json!({ "k": ["v"] }));
    assert_eq!(found["subGroupCount"], 2);
    assert_eq!(get("").await["defaultGroups"], json!(["/a/b", "/z"]));
    let paths = async |user: &str| {
        let users = get(&format!("/users?username={user}&exact=true")).await;
        let id = users[0]["id"].as_str().unwrap().to_owned();
        let groups = get(&format!("/users/{id}/groups")).await;
        let groups = groups.as_array().unwrap().iter();
        groups
            .map(|group| group["path"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(paths("named").await, ["/a/b", "/a/c/d"]);
    // Users of a file join what it says and no default group; those who come later do.
    assert!(paths("plain").await.is_empty());
    assert_eq!(paths("alice").await, ["/a/b", "/z"]);
}

#[tokio::test]
async fn a_realm_file_with_impossible_groups_makes_no_realm() {
    let admin = Admin::master().await;
    let name = format!("r-{}", uuid::Uuid::new_v4().simple());
    let unreadable = || json!({ "errorMessage": "unable to read contents from stream" });
    let message = |text: &str| json!({ "errorMessage": text });
    for (groups, users, status, expected) in [
        (
            json!([{ "name": "a" }, { "name": "a" }]),
            json!([]),
            409,
            message("Duplicate resource error"),
        ),
        (
            json!([{}]),
            json!([]),
            400,
            message("Group name is missing"),
        ),
        (
            json!([{ "name": "a", "clientRoles": { "nope": ["x"] } }]),
            json!([]),
            400,
            message("Unable to find client role mappings for client: nope"),
        ),
        (json!({}), json!([]), 400, unreadable()),
        (json!(["a"]), json!([]), 400, unreadable()),
        (
            json!([{ "name": "a", "nope": 1 }]),
            json!([]),
            400,
            unreadable(),
        ),
        (
            json!([]),
            json!([{ "username": "u", "groups": ["/nope"] }]),
            400,
            message("Group /nope not found"),
        ),
    ] {
        let body = json!({ "realm": name, "groups": groups, "users": users });
        let answer = admin.post("", body).await;
        assert_eq!(
            (answer.status, answer.json),
            (status, expected),
            "{groups} {users}"
        );
        assert_eq!(admin.get(&format!("/{name}")).await.status, 404);
    }
}
