//! Partial exports: what is in them, what never is, and who may ask for it.

use serde_json::{Value, json};

use crate::people::{People, forbidden};
use crate::realms::fresh;
use crate::support::Admin;

const ALL: &str = "exportClients=true&exportGroupsAndRoles=true";

/// A realm of a real export, and what it exports in turn.
async fn exported(query: &str) -> (Value, String) {
    let admin = Admin::master().await;
    let name = fresh();
    let text = include_str!("keycloak_export.json").replace("from-keycloak", &name);
    let mut file: Value = serde_json::from_str(&text).unwrap();
    file["id"] = json!(uuid::Uuid::new_v4());
    assert_eq!(admin.post("", file).await.status, 201);
    let answer = admin
        .post(&format!("/{name}/partial-export?{query}"), Value::Null)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    (answer.json, answer.text)
}

#[tokio::test]
async fn an_export_has_the_parts_that_were_asked_for() {
    let has = |rep: &Value| {
        [
            "clients",
            "roles",
            "groups",
            "users",
            "clientScopes",
            "components",
            "clientScopeMappings",
        ]
        .map(|member| rep.get(member).is_some())
    };
    let (little, _) = exported("").await;
    assert_eq!(
        has(&little),
        [false, false, false, false, true, true, false]
    );
    let (clients, _) = exported("exportClients=true").await;
    assert_eq!(has(&clients), [true, false, false, true, true, true, true]);
    assert!(clients["users"][0].get("realmRoles").is_none());
    let (roles, _) = exported("exportGroupsAndRoles=true").await;
    assert_eq!(has(&roles), [false, true, true, false, true, true, false]);
    assert!(roles["roles"].get("client").is_none());
    let (all, _) = exported(ALL).await;
    assert_eq!(has(&all), [true; 7]);

    let names = |list: &Value, member: &str| {
        let one = |item: &Value| item[member].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&all["users"], "username"),
        ["service-account-azs", "service-account-web"]
    );
    assert_eq!(
        all["groups"][0]["subGroups"][0]["clientRoles"],
        json!({ "reg": ["push"] })
    );
    assert_eq!(all["defaultGroups"], json!(["/everyone"]));
    let composite = all["roles"]["realm"]
        .as_array()
        .unwrap()
        .iter()
        .find(|role| role["name"] == "all");
    assert_eq!(
        composite.unwrap()["composites"],
        json!({ "realm": ["puller"], "client": { "reg": ["push"] } })
    );
    assert_eq!(
        all["scopeMappings"],
        json!([
            { "clientScope": "offline_access", "roles": ["offline_access"] },
            { "clientScope": "team", "roles": ["puller"] },
            { "client": "web", "roles": ["puller"] }
        ])
    );
    assert_eq!(
        all["clientScopeMappings"]["reg"],
        json!([{ "client": "web", "roles": ["push"] }])
    );
}

#[tokio::test]
async fn no_export_over_http_shows_a_secret() {
    let (rep, text) = exported(ALL).await;
    for secret in [
        "made-up-",
        "privateKey",
        "secretData",
        "hashIterations",
        "\"secret\":[",
        "realmCaCertificate",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert_eq!(rep["smtpServer"]["password"], "**********");
    for client in rep["clients"].as_array().unwrap() {
        let shown = client.get("secret");
        assert!(
            shown.is_none() || shown == Some(&json!("**********")),
            "{client}"
        );
    }
    let keys = &rep["components"]["org.keycloak.keys.KeyProvider"];
    assert_eq!(keys.as_array().unwrap().len(), 8, "{keys}");
}

#[tokio::test]
async fn clients_groups_and_roles_need_rights_of_their_own() {
    let realm = People::new().await;
    realm.holder("plain", "manage-realm").await;
    for (name, more) in [("users", "view-users"), ("clients", "view-clients")] {
        let id = realm.holder(name, "manage-realm").await;
        let role = realm.management_role(more).await;
        let client = role["containerId"].as_str().unwrap().to_owned();
        let path = format!("/users/{id}/role-mappings/clients/{client}");
        assert_eq!(
            realm.api.send("POST", &path, &json!([role])).await.status,
            204
        );
    }
    for (who, query, status) in [
        ("plain", "", 200),
        ("plain", "exportClients=true", 403),
        ("plain", "exportGroupsAndRoles=true", 403),
        ("users", "exportGroupsAndRoles=true", 200),
        ("users", ALL, 403),
        ("clients", "exportClients=true", 200),
        ("clients", ALL, 403),
    ] {
        let path = format!("/partial-export?{query}");
        let answer = realm
            .login(who)
            .await
            .send("POST", &path, &Value::Null)
            .await;
        assert_eq!(answer.status, status, "{who} {query}");
        if status == 403 {
            assert_eq!(answer.json, forbidden());
        }
    }
}
