//! Who may do what with roles, and that nobody gets at administration through them.

use serde_json::json;

use crate::roles::{administrative, by_id, delete_with, names, new_role, text};
use crate::support::{Admin, Answer, Realm};

// ---- Administration

#[tokio::test]
async fn who_puts_a_role_into_another_manages_both_where_they_belong() {
    let realm = Realm::new().await;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    realm
        .admin
        .create(&format!("{client}/roles"), json!({ "name": "push" }))
        .await;
    let push = realm.admin.get(&format!("{client}/roles/push")).await.json;
    let (parent, child) = (
        new_role(&realm, "parent").await,
        new_role(&realm, "child").await,
    );
    let of_realm = format!("{}/composites", by_id(&realm, &parent));
    let of_client = format!("{client}/roles/push/composites");

    let of_realms = realm.administrator("realms", &["manage-realm"]).await;
    let of_clients = realm.administrator("clients", &["manage-clients"]).await;
    let both = realm
        .administrator("both", &["manage-realm", "manage-clients"])
        .await;
    for (caller, path, role, status) in [
        (&of_realms, &of_realm, &child, 204),
        (&of_realms, &of_realm, &push, 403),
        (&of_realms, &of_client, &child, 403),
        (&of_clients, &of_client, &push, 204),
        (&of_clients, &of_client, &child, 403),
        (&of_clients, &of_realm, &push, 403),
        (&both, &of_realm, &push, 204),
        (&both, &of_client, &child, 204),
    ] {
        assert_eq!(
            caller.post(path, json!([role])).await.status,
            status,
            "{path} {role}"
        );
        if status == 403 {
            assert_eq!(delete_with(caller, path, json!([role])).await.status, 403);
        }
    }
}

#[tokio::test]
async fn nobody_hands_out_administration_that_he_does_not_hold() {
    let realm = Realm::new().await;
    let powers = ["manage-realm", "manage-clients", "manage-users"];
    let caller = realm.administrator("climber", &powers).await;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    realm
        .admin
        .create(&format!("{client}/roles"), json!({ "name": "push" }))
        .await;
    let own = new_role(&realm, "own").await;
    let chief = administrative(&realm, "realm-admin").await;
    let impersonation = administrative(&realm, "impersonation").await;
    // An ordinary role that contains administration, two levels down.
    let (ops, team) = (
        new_role(&realm, "ops").await,
        new_role(&realm, "team").await,
    );
    let below_ops = format!("{}/composites", by_id(&realm, &ops));
    let below_team = format!("{}/composites", by_id(&realm, &team));
    assert_eq!(
        realm.admin.post(&below_ops, json!([chief])).await.status,
        204
    );
    assert_eq!(
        realm.admin.post(&below_team, json!([ops])).await.status,
        204
    );

    let parents = [
        format!("{}/composites", by_id(&realm, &own)),
        realm.path("/roles/own/composites"),
        realm.path(&format!("/roles/default-roles-{}/composites", realm.name)),
        format!("{client}/roles/push/composites"),
    ];
    for parent in &parents {
        let before = realm.admin.get(parent).await.json;
        for role in [&chief, &impersonation, &ops, &team] {
            // Alone, and hidden behind a harmless one.
            for roles in [json!([role]), json!([own, role])] {
                let answer = caller.post(parent, roles).await;
                assert_eq!(
                    (answer.status, text(&answer, "error").as_str()),
                    (403, "HTTP 403 Forbidden"),
                    "{parent} {role}"
                );
            }
        }
        assert_eq!(realm.admin.get(parent).await.json, before, "{parent}");
    }
    let made_with = [
        json!({ "realm": ["team"] }),
        json!({ "client": { "realm-management": ["realm-admin"] } }),
        json!({ "client": { "realm-management": ["view-events"] } }),
    ];
    for composites in made_with {
        let rep = json!({ "name": "new", "composite": true, "composites": composites });
        for roles in [realm.path("/roles"), format!("{client}/roles")] {
            assert_eq!(caller.post(&roles, rep.clone()).await.status, 403, "{rep}");
            assert_eq!(realm.admin.get(&format!("{roles}/new")).await.status, 404);
        }
    }
    // Nor is it taken from others.
    assert_eq!(
        delete_with(&caller, &below_ops, json!([chief]))
            .await
            .status,
        403
    );
    assert_eq!(names(&realm.admin.get(&below_ops).await), ["realm-admin"]);

    // What he holds himself he may hand on, and who holds all may hand on all.
    let held = administrative(&realm, "manage-users").await;
    assert_eq!(caller.post(&parents[0], json!([held])).await.status, 204);
    let boss = realm.administrator("boss", &["realm-admin"]).await;
    assert_eq!(
        boss.post(&parents[0], json!([chief, team])).await.status,
        204
    );
}

#[tokio::test]
async fn roles_that_administer_are_changed_by_nobody() {
    let realm = Realm::new().await;
    let boss = realm.administrator("boss", &["realm-admin"]).await;
    let harmless = new_role(&realm, "harmless").await;
    let role = administrative(&realm, "view-users").await;
    let by_name = realm.path(&format!(
        "/clients/{}/roles/view-users",
        role["containerId"].as_str().unwrap()
    ));
    let parts = names(&realm.admin.get(&format!("{by_name}/composites")).await).join(" ");
    for caller in [&boss, &realm.admin] {
        for path in [by_name.clone(), by_id(&realm, &role)] {
            let composites = format!("{path}/composites");
            let answers = [
                caller
                    .put(&path, json!({ "name": "view-users", "description": "x" }))
                    .await,
                caller.put(&path, json!({ "name": "mine" })).await,
                caller.delete(&path).await,
                caller.post(&composites, json!([harmless])).await,
                delete_with(caller, &composites, json!([harmless])).await,
            ];
            for answer in answers {
                assert_eq!(
                    (answer.status, text(&answer, "error").as_str()),
                    (403, "HTTP 403 Forbidden")
                );
            }
        }
    }
    assert_eq!(realm.admin.get(&by_name).await.json, role);
    assert_eq!(
        names(&realm.admin.get(&format!("{by_name}/composites")).await).join(" "),
        parts
    );

    for name in ["admin", "create-realm"] {
        let path = format!("/master/roles/{name}");
        assert_eq!(
            realm.admin.put(&path, json!({ "name": name })).await.status,
            403
        );
        assert_eq!(realm.admin.delete(&path).await.status, 403);
        // Elsewhere it is a name like any other.
        let ordinary = by_id(&realm, &new_role(&realm, name).await);
        assert_eq!(realm.admin.delete(&ordinary).await.status, 204);
    }
}

#[tokio::test]
async fn the_default_role_cannot_be_removed() {
    let realm = Realm::new().await;
    let path = realm.path(&format!("/roles/default-roles-{}", realm.name));
    let role = realm.admin.get(&path).await.json;
    for path in [path, by_id(&realm, &role)] {
        let answer = realm.admin.delete(&path).await;
        let expected = format!(
            "default-roles-{} is default role of the realm and cannot be removed.",
            realm.name
        );
        assert_eq!(
            (answer.status, text(&answer, "errorMessage")),
            (400, expected)
        );
    }
    assert_eq!(realm.admin.get(&by_id(&realm, &role)).await.status, 200);
}

#[tokio::test]
async fn each_kind_of_role_asks_for_its_own_permission() {
    let realm = Realm::new().await;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    realm
        .admin
        .create(&format!("{client}/roles"), json!({ "name": "push" }))
        .await;
    let push = realm.admin.get(&format!("{client}/roles/push")).await.json;
    let puller = new_role(&realm, "puller").await;
    let (of_realm, of_client) = (by_id(&realm, &puller), by_id(&realm, &push));
    let nowhere = realm.path(&format!("/roles-by-id/{}", uuid::Uuid::new_v4()));
    // Role; the status of reading and changing a realm role, of the same with a client role, of an unknown id.
    for (role, statuses) in [
        ("view-realm", [200, 403, 403, 403, 404]),
        ("manage-realm", [200, 204, 403, 403, 404]),
        ("view-clients", [403, 403, 200, 403, 404]),
        ("manage-clients", [403, 403, 200, 204, 404]),
        ("manage-users", [403, 403, 403, 403, 403]),
        ("manage-identity-providers", [403, 403, 403, 403, 403]),
    ] {
        let caller = realm.administrator(&format!("u-{role}"), &[role]).await;
        let seen = [
            caller.get(&of_realm).await.status,
            caller
                .put(&of_realm, json!({ "name": "puller" }))
                .await
                .status,
            caller.get(&of_client).await.status,
            caller
                .put(&of_client, json!({ "name": "push" }))
                .await
                .status,
            caller.get(&nowhere).await.status,
        ];
        assert_eq!(seen, statuses, "{role}");
        let lists = [
            (
                "/roles",
                ["view-realm", "manage-realm", "manage-identity-providers"].contains(&role),
            ),
            ("/roles/puller", role.ends_with("-realm")),
            (
                &format!("/clients/{}/roles", realm.registry),
                role.ends_with("-clients"),
            ),
        ];
        for (path, may) in lists {
            let status = caller.get(&realm.path(path)).await.status;
            assert_eq!(status == 200, may, "{role} {path}");
            assert!(may || status == 403, "{role} {path}");
        }
    }
}

// ---- Who holds a role

#[tokio::test]
async fn the_users_of_a_role_are_those_that_hold_it_directly() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    let (outer, inner) = (
        new_role(&realm, "outer").await,
        new_role(&realm, "inner").await,
    );
    let composites = format!("{}/composites", by_id(&realm, &outer));
    assert_eq!(admin.post(&composites, json!([inner])).await.status, 204);
    let bob = admin
        .create(&realm.path("/users"), crate::support::person("bob"))
        .await;
    for user in [&realm.alice, &bob] {
        let mapping = realm.path(&format!("/users/{user}/role-mappings/realm"));
        assert_eq!(admin.post(&mapping, json!([outer])).await.status, 204);
    }
    let users = async |caller: &Admin, query: &str| {
        caller.get(&realm.path(&format!("/roles/{query}"))).await
    };
    let usernames = |answer: &Answer| {
        let list = answer.json.as_array().unwrap().clone();
        list.iter()
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = users(admin, "outer/users").await;
    assert_eq!(usernames(&all), ["alice", "bob"]);
    assert_eq!(
        (&all.json[0]["totp"], &all.json[0]["access"]),
        (&json!(false), &json!({ "manage": true }))
    );
    assert_eq!(
        usernames(&users(admin, "outer/users?first=1&max=1").await),
        ["bob"]
    );
    assert_eq!(users(admin, "outer/users?max=0").await.json, json!([]));
    let brief = users(admin, "outer/users?briefRepresentation=true").await;
    assert_eq!(brief.json[0].get("totp"), None);
    assert_eq!(users(admin, "inner/users").await.json, json!([]));
    assert_eq!(
        text(&users(admin, "nosuch/users").await, "error"),
        "Could not find role"
    );

    for (powers, status, seen) in [
        (&["view-realm"][..], 403, 0),
        (&["view-users"], 403, 0),
        (&["view-realm", "query-users"], 200, 0),
        (&["view-realm", "view-users"], 200, 2),
    ] {
        let caller = realm.administrator(&powers.join("-"), powers).await;
        let answer = users(&caller, "outer/users").await;
        assert_eq!(answer.status, status, "{powers:?}");
        assert_eq!(
            answer.json.as_array().map_or(0, Vec::len),
            seen,
            "{powers:?}"
        );
    }
}
