//! Partial imports: what becomes of each resource, and who may bring what.

use serde_json::{Value, json};

use crate::people::{People, forbidden};
use crate::rows::snapshot;
use crate::support::{Answer, Realm, login, person, server};

async fn import(realm: &Realm, body: Value) -> Answer {
    let path = realm.path("/partialImport");
    realm.admin.post(&path, body).await
}

/// The results without their ids: action, type, name.
fn told(answer: &Answer) -> Vec<String> {
    let one = |result: &Value| {
        let text = |member: &str| result[member].as_str().unwrap().to_owned();
        format!(
            "{} {} {}",
            text("action"),
            text("resourceType"),
            text("resourceName")
        )
    };
    let results = answer.json["results"].as_array();
    results.unwrap().iter().map(one).collect()
}

fn everything() -> Value {
    json!({
        "users": [
            { "username": "Bob", "email": "bob@example.test", "firstName": "B", "lastName": "T", "enabled": true, "groups": ["/devs/core"],
              "realmRoles": ["puller"], "clientRoles": { "app": ["push"] },
              "credentials": [{ "type": "password", "value": "secret" }] },
            { "username": "service-account-app", "serviceAccountClientId": "app", "realmRoles": ["puller"] }
        ],
        "groups": [{ "name": "devs", "path": "/devs", "realmRoles": ["puller"], "subGroups": [{ "name": "core" }] }],
        "roles": {
            "realm": [
                { "name": "puller", "description": "d", "attributes": { "a": ["b"] } },
                { "name": "all", "composite": true, "composites": { "realm": ["puller"], "client": { "app": ["push"] } } }
            ],
            "client": { "app": [{ "name": "push" }] }
        },
        "clients": [{ "clientId": "app", "secret": "s", "serviceAccountsEnabled": true, "protocol": "openid-connect" }],
        "nosuch": [1]
    })
}

#[tokio::test]
async fn everything_is_added_in_keycloaks_order_and_used_at_once() {
    let realm = Realm::new().await;
    let answer = import(&realm, everything()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        told(&answer),
        [
            "ADDED CLIENT app",
            "ADDED REALM_ROLE puller",
            "ADDED REALM_ROLE all",
            "ADDED CLIENT_ROLE app-->push",
            "ADDED GROUP devs",
            "ADDED USER Bob",
            "ADDED USER service-account-app",
        ]
    );
    let counts = ["overwritten", "added", "skipped"].map(|name| answer.json[name].as_u64());
    assert_eq!(counts, [Some(0), Some(7), Some(0)]);
    let results = &answer.json["results"];
    assert_eq!(results[3]["id"], results[0]["id"], "the id of the client");

    let get = async |path: &str| realm.admin.get(&realm.path(path)).await.json;
    let bob = format!("/users/{}", results[5]["id"].as_str().unwrap());
    assert_eq!(get(&bob).await["username"], "bob");
    let mappings = get(&format!("{bob}/role-mappings")).await;
    assert_eq!(mappings["realmMappings"][0]["name"], "puller");
    assert_eq!(
        mappings["realmMappings"].as_array().unwrap().len(),
        1,
        "no default role"
    );
    assert_eq!(
        mappings["clientMappings"]["app"]["mappings"][0]["name"],
        "push"
    );
    assert_eq!(get(&format!("{bob}/groups")).await[0]["path"], "/devs/core");
    let composites = get("/roles/all/composites").await;
    assert_eq!(composites.as_array().unwrap().len(), 2);
    let client = results[0]["id"].as_str().unwrap();
    let account = get(&format!("/clients/{client}/service-account-user")).await;
    assert_eq!(account["id"], results[6]["id"]);
    login(&server().url, &realm.name, "bob", "secret").await;
}

#[tokio::test]
async fn what_is_there_refuses_the_whole_import_unless_told_otherwise() {
    let realm = Realm::new().await;
    assert_eq!(import(&realm, everything()).await.status, 200);
    let before = snapshot(&realm.name).await;
    for (body, text) in [
        (
            json!({ "users": [{ "username": "new" }, { "username": "BOB" }] }),
            "User with user name BOB already exists.",
        ),
        (
            json!({ "users": [{ "username": "other", "email": "bob@example.test" }] }),
            "User with user name other already exists.",
        ),
        (
            json!({ "roles": { "realm": [{ "name": "puller" }] } }),
            "Realm role 'puller' already exists.",
        ),
        (
            json!({ "roles": { "client": { "app": [{ "name": "push" }] } } }),
            "Client role 'push' for client 'app' already exists.",
        ),
        (
            json!({ "clients": [{ "clientId": "app" }] }),
            "Client id 'app' already exists",
        ),
        (
            json!({ "groups": [{ "name": "devs", "path": "/devs" }] }),
            "Group '/devs' already exists",
        ),
        (
            json!({ "groups": [{ "name": "devs" }] }),
            "Duplicate resource error",
        ),
        (
            json!({ "users": [{ "username": "two" }, { "username": "TWO" }] }),
            "Duplicate resource error",
        ),
        (
            json!({ "roles": { "realm": [{ "name": "two" }, { "name": "two" }] } }),
            "Duplicate resource error",
        ),
    ] {
        let answer = import(&realm, body.clone()).await;
        assert_eq!(
            (answer.status, answer.json),
            (409, json!({ "errorMessage": text })),
            "{body}"
        );
    }
    assert_eq!(snapshot(&realm.name).await, before);
}

#[tokio::test]
async fn what_is_there_is_skipped_or_made_anew() {
    let realm = Realm::new().await;
    let first = import(&realm, everything()).await.json;
    let mut again = everything();
    again["ifResourceExists"] = json!("SKIP");
    let before = snapshot(&realm.name).await;
    let skipped = import(&realm, again.clone()).await;
    assert_eq!(skipped.json["skipped"], 7, "{}", skipped.text);
    assert_eq!(snapshot(&realm.name).await, before);

    again["ifResourceExists"] = json!("OVERWRITE");
    again["roles"]["realm"][0]["description"] = json!("new");
    let overwritten = import(&realm, again).await;
    assert_eq!(overwritten.status, 200, "{}", overwritten.text);
    // Keycloak tells of a role twice.
    assert_eq!(
        (&overwritten.json["overwritten"], &overwritten.json["added"]),
        (&json!(7), &json!(3))
    );
    let role = realm.admin.get(&realm.path("/roles/puller")).await.json;
    assert_eq!(role["description"], "new");
    let (old, new) = (
        &first["results"][0]["id"],
        &overwritten.json["results"][0]["id"],
    );
    assert_ne!(old, new, "a client that is overwritten is another");
    login(&server().url, &realm.name, "bob", "secret").await;
}

#[tokio::test]
async fn the_default_role_keeps_its_place_when_it_is_overwritten() {
    let realm = Realm::new().await;
    let name = format!("default-roles-{}", realm.name);
    let body = json!({ "ifResourceExists": "OVERWRITE", "roles": { "realm": [
        { "name": name, "description": "ours", "composite": true, "composites": { "realm": ["offline_access"] } }
    ] } });
    let answer = import(&realm, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let rep = realm.admin.get(&realm.path("")).await.json;
    assert_eq!(rep["defaultRole"]["id"], answer.json["results"][0]["id"]);
    let contained = realm
        .admin
        .get(&realm.path(&format!("/roles/{name}/composites")))
        .await
        .json;
    assert_eq!(contained.as_array().unwrap().len(), 1, "{contained}");
}

#[tokio::test]
async fn clients_that_every_realm_has_are_passed_over() {
    let realm = Realm::new().await;
    let before = snapshot(&realm.name).await;
    let answer = import(
        &realm,
        json!({ "ifResourceExists": "OVERWRITE", "clients": [{ "clientId": "realm-management" }, { "clientId": "account" }] }),
    )
    .await;
    assert_eq!((answer.status, &answer.json["results"]), (200, &json!([])));
    assert_eq!(snapshot(&realm.name).await, before);
}

#[tokio::test]
async fn a_group_finds_its_place_by_its_path_or_at_the_top() {
    let realm = Realm::new().await;
    let groups = json!([{ "name": "top" }, { "name": "below", "path": "/top/below" }]);
    let answer = import(&realm, json!({ "groups": groups })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let found = realm
        .admin
        .get(&realm.path("/group-by-path/top/below"))
        .await;
    assert_eq!(found.json["id"], answer.json["results"][1]["id"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_nothing_of_it_stays() {
    let realm = Realm::new().await;
    let before = snapshot(&realm.name).await;
    let first = json!([{ "username": "first" }]);
    for (body, status) in [
        (json!({ "users": [{ "username": "x", "nosuch": 1 }] }), 400),
        (json!({ "users": [{ "email": "no@name.test" }] }), 400),
        (json!({ "users": [null] }), 400),
        (json!({ "users": {} }), 400),
        (json!({ "ifResourceExists": "ZZ" }), 400),
        (json!({ "users": first, "roles": [] }), 400),
        (
            json!({ "users": first, "roles": { "realm": [{ "description": "x" }] } }),
            400,
        ),
        (
            json!({ "users": first, "roles": { "client": { "nosuch": [{ "name": "x" }] } } }),
            412,
        ),
        (
            json!({ "users": first, "roles": { "realm": [{ "name": "x", "composites": { "realm": ["nosuch"] } }] } }),
            400,
        ),
        (json!({ "users": first, "groups": [{ "path": "/x" }] }), 400),
        (
            json!({ "users": first, "groups": [{ "name": "y", "path": "/x" }] }),
            400,
        ),
        (
            json!({ "users": first, "groups": [{ "name": "y", "path": "/nosuch/y" }] }),
            400,
        ),
        (json!({ "users": first, "clients": [{}] }), 400),
        (
            json!({ "users": first, "clients": [{ "clientId": "x", "protocol": "nosuch" }] }),
            400,
        ),
        (
            json!({ "users": [{ "username": "x", "groups": ["/nosuch"] }] }),
            400,
        ),
        (
            json!({ "users": [{ "username": "x", "clientRoles": { "nosuch": ["y"] } }] }),
            400,
        ),
        (
            json!({ "users": [{ "username": "x", "serviceAccountClientId": "nosuch" }] }),
            400,
        ),
        (
            json!({ "users": first, "identityProviders": [{ "alias": "x", "providerId": "saml" }] }),
            501,
        ),
    ] {
        let answer = import(&realm, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
        let error = answer.json.get("error").or(answer.json.get("errorMessage"));
        assert!(error.is_some(), "{body}: {}", answer.text);
    }
    assert_eq!(snapshot(&realm.name).await, before);
}

#[tokio::test]
async fn nobody_imports_rights_that_he_could_not_hand_out() {
    let realm = People::new().await;
    realm.holder("helper", "manage-realm").await;
    let helper = realm.login("helper").await;
    // A group and a role that lead to all rights, and people who hold them.
    let boss = json!({ "realm-management": ["realm-admin"] });
    let prepared = json!({
        "roles": { "realm": [{ "name": "inner", "composites": { "client": boss } }] },
        "groups": [{ "name": "bosses", "realmRoles": ["inner"] }],
        "users": [{ "username": "boss", "groups": ["/bosses"] }],
        "clients": [{ "clientId": "robot", "serviceAccountsEnabled": true }]
    });
    assert_eq!(
        realm
            .api
            .send("POST", "/partialImport", &prepared)
            .await
            .status,
        200
    );
    let robot = json!({ "ifResourceExists": "OVERWRITE", "users": [
        { "username": "service-account-robot", "serviceAccountClientId": "robot", "clientRoles": boss }
    ] });
    assert_eq!(
        realm
            .api
            .send("POST", "/partialImport", &robot)
            .await
            .status,
        200
    );

    let name = realm.api.path().trim_start_matches('/');
    let before = snapshot(name).await;
    for body in [
        json!({ "users": [{ "username": "evil", "clientRoles": boss }] }),
        json!({ "users": [{ "username": "evil", "realmRoles": ["inner"] }] }),
        json!({ "users": [{ "username": "evil", "groups": ["/bosses"] }] }),
        json!({ "groups": [{ "name": "evil", "clientRoles": boss }] }),
        json!({ "groups": [{ "name": "evil", "path": "/bosses/evil" }], "users": [{ "username": "evil", "groups": ["/bosses/evil"] }] }),
        json!({ "groups": [{ "name": "evil", "subGroups": [{ "name": "deep", "realmRoles": ["inner"] }] }] }),
        json!({ "roles": { "realm": [{ "name": "evil", "composites": { "client": boss } }] } }),
        json!({ "roles": { "realm": [{ "name": "evil", "composites": { "realm": ["inner"] } }] } }),
        json!({ "ifResourceExists": "OVERWRITE", "roles": { "realm": [
            { "name": format!("default-roles-{name}"), "composites": { "client": boss } }] } }),
        json!({ "clients": [{ "clientId": "evil", "serviceAccountsEnabled": true }],
                "users": [{ "username": "service-account-evil", "serviceAccountClientId": "evil", "clientRoles": boss }] }),
        // What may not be given may not be taken either, and an administrator is not replaced by one of the same name.
        json!({ "ifResourceExists": "OVERWRITE", "users": [{ "username": "boss", "credentials": [{ "value": "x" }] }] }),
        json!({ "ifResourceExists": "OVERWRITE", "clients": [{ "clientId": "robot", "secret": "known" }] }),
        json!({ "ifResourceExists": "OVERWRITE", "groups": [{ "name": "bosses" }] }),
        json!({ "ifResourceExists": "OVERWRITE", "roles": { "realm": [{ "name": "inner" }] } }),
        // The roles that the permission gate reads are made and changed by nobody.
        json!({ "roles": { "client": { "realm-management": [{ "name": "evil" }] } } }),
        json!({ "ifResourceExists": "OVERWRITE", "roles": { "client": { "realm-management": [{ "name": "manage-users" }] } } }),
    ] {
        let answer = helper.send("POST", "/partialImport", &body).await;
        assert_eq!((answer.status, answer.json), (403, forbidden()), "{body}");
    }
    assert_eq!(snapshot(name).await, before);

    // What he holds himself he may hand out, and what is no right at all.
    let own = json!({ "realm-management": ["manage-realm"] });
    for body in [
        json!({ "users": [{ "username": "plain" }] }),
        json!({ "users": [{ "username": "peer", "clientRoles": own }] }),
        json!({ "roles": { "realm": [{ "name": "reader" }] } }),
    ] {
        let answer = helper.send("POST", "/partialImport", &body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.json);
    }
}

#[tokio::test]
async fn thousands_of_users_come_in_one_call() {
    let realm = Realm::new().await;
    let user = |n: usize| {
        let mut user = person(&format!("many-{n:05}"));
        user.as_object_mut().unwrap().remove("credentials");
        user["attributes"] = json!({ "n": [n.to_string()] });
        user
    };
    // More than the two megabytes that other calls may send.
    let users: Vec<Value> = (0..15_000).map(user).collect();
    let answer = import(&realm, json!({ "users": users })).await;
    assert_eq!(answer.json["added"], 15_000, "{}", &answer.text[..200]);
    let count = realm
        .admin
        .get(&realm.path("/users/count?username=many-"))
        .await;
    assert_eq!(count.json, json!(15_000));
}
