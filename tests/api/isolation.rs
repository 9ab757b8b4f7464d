//! One realm's administrators and another realm's things: an id of elsewhere is as unknown as one that is nowhere.
//!
//! Longer than other files are: every kind of id has its line here.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rows::snapshot;
use crate::support::{Admin, Answer, Realm, login, person, server};

/// The ids of one realm's things, by the name that routes have for them.
struct Things(BTreeMap<&'static str, String>);

impl Things {
    async fn of(admin: &Admin, realm: &str, user: &str, client: &str) -> Self {
        let get = async |path: String| admin.get(&format!("/{realm}{path}")).await.json;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let role = get("/roles/offline_access".to_owned()).await;
        let credentials = get(format!("/users/{user}/credentials")).await;
        let sessions = get(format!("/users/{user}/sessions")).await;
        let components = get("/components".to_owned()).await;
        let mappers = get(format!("/clients/{client}/protocol-mappers/models")).await;
        let own = get(format!("/clients/{client}/roles")).await;
        let scopes = get("/client-scopes".to_owned()).await;
        let group = json!({ "name": Uuid::new_v4().to_string() });
        let group = admin.create(&format!("/{realm}/groups"), group).await;
        Self(BTreeMap::from([
            ("user", user.to_owned()),
            ("client", client.to_owned()),
            ("credential", text(&credentials[0]["id"])),
            ("session", text(&sessions[0]["id"])),
            ("component", text(&components[0]["id"])),
            ("realm role", text(&role["id"])),
            ("client role", text(&own[0]["id"])),
            ("mapper", text(&mappers[0]["id"])),
            ("group", group),
            ("scope", text(&scopes[0]["id"])),
        ]))
    }

    fn nowhere() -> Self {
        let kinds = [
            "user",
            "client",
            "credential",
            "session",
            "component",
            "realm role",
            "client role",
            "mapper",
            "group",
            "scope",
        ];
        Self(kinds.map(|kind| (kind, Uuid::new_v4().to_string())).into())
    }
}

/// A realm with a user, a client with role and mapper, and a session. Its name, its things.
async fn furnished() -> (Realm, Things) {
    let realm = Realm::new().await;
    login(&server().url, &realm.name, "alice", "secret").await;
    let roles = realm.path(&format!("/clients/{}/roles", realm.registry));
    realm
        .admin
        .create(&roles, json!({ "name": "puller" }))
        .await;
    let things = Things::of(&realm.admin, &realm.name, &realm.alice, &realm.registry).await;
    (realm, things)
}

/// The things of master: a user and a client made for this test, beside what master always has.
async fn of_master(admin: &Admin) -> (Things, String) {
    let name = format!("m-{}", Uuid::new_v4().simple());
    let user = admin.create("/master/users", person(&name)).await;
    let client = admin
        .create(
            "/master/clients",
            json!({ "clientId": name, "protocol": "docker-v2" }),
        )
        .await;
    admin
        .create(
            &format!("/master/clients/{client}/roles"),
            json!({ "name": "puller" }),
        )
        .await;
    login(&server().url, "master", &name, "secret").await;
    (Things::of(admin, "master", &user, &client).await, name)
}

/// Each place of an id in each route: `*` is the one that is put to the test, the others are the realm's own.
fn places() -> Vec<(&'static str, String, &'static str)> {
    server();
    let kind = |before: &str, name: &str| match (before, name) {
        (_, "{user}") | ("users", "{id}") => Some("user"),
        (_, "{client}" | "{owner}" | "{container}") | ("clients", "{id}") => Some("client"),
        (_, "{scope}") | ("clientScopes", "{id}") => Some("scope"),
        (_, "{credential}") => Some("credential"),
        (_, "{session}") => Some("session"),
        ("components", "{id}") => Some("component"),
        ("roles-by-id" | "roles", "{id}") => Some("realm role"),
        ("models", "{id}") => Some("mapper"),
        (_, "{group}") | ("groups", "{id}") => Some("group"),
        // Names.
        ("roles", "{role}") | ("providers", "{id}") | (_, "{path:.*}" | "{protocol}") => None,
        // Below the alias of an identity provider.
        ("mappers", "{id}") => None,
        // Keycloak takes any place to move to; what is not there is the end.
        (_, "{previous}") => None,
        // What is not here has no ids either.
        (_, "{alias}" | "{locale}" | "{key}" | "{type}" | "{tail:.*}" | "{execution}") => None,
        (_, "{member}" | "{provider}" | "{resource}" | "{node}" | "{attribute}") => None,
        ("config" | "config-description" | "flows" | "clients-initial-access", "{id}")
        | ("{type}", "{id}") => None,
        other => panic!("what is {other:?}?"),
    };
    let mut places = Vec::new();
    for (method, path) in admin::routes() {
        let parts: Vec<&str> = path.split('/').collect();
        for at in 1..parts.len() {
            let Some(tested) = parts[at]
                .starts_with('{')
                .then(|| kind(parts[at - 1], parts[at]))
                .flatten()
            else {
                continue;
            };
            let mut filled: Vec<String> = Vec::new();
            for (place, part) in parts.iter().enumerate() {
                let own =
                    (place > 0 && part.starts_with('{')).then(|| kind(parts[place - 1], part));
                filled.push(match own {
                    _ if place == at => "*".to_owned(),
                    Some(Some(kind)) => format!("<{kind}>"),
                    Some(None) if *part == "{role}" => "puller".to_owned(),
                    Some(None) if *part == "{protocol}" => "docker-v2".to_owned(),
                    Some(None) if *part == "{path:.*}" => "nowhere".to_owned(),
                    Some(None) => "docker-v2-ca-bundle".to_owned(),
                    None => (*part).to_owned(),
                });
            }
            places.push((method, filled.join("/"), tested));
            if tested == "realm role" {
                places.push((method, filled.join("/"), "client role"));
            }
        }
    }
    assert!(places.len() > 80, "{}", places.len());
    places
}

/// A body that would change something if the gate let it.
fn body(method: &str, path: &str, own: &Things) -> Option<Value> {
    let role = json!([{ "id": own.0["realm role"], "name": "offline_access" }]);
    match method {
        "GET" => None,
        "DELETE" if !path.contains("-mappings/") && !path.ends_with("/composites") => None,
        _ if path.contains("-mappings/realm") || path.ends_with("/composites") => Some(role),
        _ if path.contains("/role-mappings/") || path.contains("/scope-mappings/") => {
            Some(json!([{ "id": own.0["client role"], "name": "puller" }]))
        }
        _ if path.contains("/role-mapping-delete/") => Some(json!([])),
        _ if path.ends_with("/disable-credential-types") => Some(json!(["password"])),
        _ if path.ends_with("/add-models") => Some(json!([])),
        _ if path.ends_with("/reset-password") => {
            Some(json!({ "type": "password", "value": "taken" }))
        }
        _ if path.ends_with("/app-passwords") => Some(json!({ "label": "taken" })),
        _ if path.starts_with("/groups/") => Some(json!({ "name": "taken" })),
        _ if path.contains("/roles") => Some(json!({ "name": "taken" })),
        _ if path.contains("/components/") => Some(json!({ "config": { "enabled": ["false"] } })),
        _ if path.contains("/protocol-mappers/") => {
            Some(json!({ "name": "taken", "protocol": "docker-v2" }))
        }
        _ => Some(json!({ "enabled": false })),
    }
}

async fn call(
    caller: &Admin,
    realm: &Realm,
    own: &Things,
    place: &(&str, String, &str),
    id: &str,
) -> Answer {
    let (method, path, _) = place;
    let mut path = path.replace('*', id);
    for (kind, id) in &own.0 {
        path = path.replace(&format!("<{kind}>"), id);
    }
    let body = body(method, &path, own);
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    caller.call(method, &realm.path(&path), body).await
}

/// Each id of `others` on every route of `realm`, answered like an id of nothing.
async fn all_unknown(caller: &Admin, realm: &Realm, own: &Things, others: &[&Things]) {
    let nowhere = Things::nowhere();
    let places = places();
    let checks = places.iter().map(|place| {
        let nowhere = &nowhere;
        async move {
            let kind = place.2;
            let expected = call(caller, realm, own, place, &nowhere.0[kind]).await;
            for other in others {
                let answer = call(caller, realm, own, place, &other.0[kind]).await;
                assert_eq!(
                    (answer.status, &answer.text),
                    (expected.status, &expected.text),
                    "{} {} with a {kind} of elsewhere",
                    place.0,
                    place.1
                );
            }
            // An unknown user has no failures, and clearing none of them is done at once; all else is not found.
            let lockout = place.1.starts_with("/attack-detection/") && expected.status < 300;
            let label = place.1.ends_with("/userLabel") && expected.status == 415;
            let nowhere_to_look = expected.status == 501;
            assert!(
                expected.status == 404 || lockout || label || nowhere_to_look,
                "{} {} with an unknown {kind} is {}",
                place.0,
                place.1,
                expected.status
            );
        }
    });
    stream::iter(checks)
        .buffer_unordered(8)
        .collect::<()>()
        .await;
}

#[tokio::test]
async fn ids_of_other_realms_are_unknown_to_every_administrator_of_a_realm() {
    let (realm, own) = furnished().await;
    let (other, foreign) = furnished().await;
    let (of_master, master_name) = of_master(&realm.admin).await;
    let boss = realm.administrator("boss", &["realm-admin"]).await;
    let before = snapshot(&other.name).await;
    let delegate = {
        let people = format!("d-{}", realm.name);
        let user = realm.admin.create("/master/users", person(&people)).await;
        let clients = realm
            .admin
            .get(&format!("/master/clients?clientId={}-realm", realm.name))
            .await;
        let client = clients.json[0]["id"].as_str().unwrap().to_owned();
        let roles = realm
            .admin
            .get(&format!("/master/clients/{client}/roles"))
            .await
            .json;
        let mapping = format!("/master/users/{user}/role-mappings/clients/{client}");
        assert_eq!(realm.admin.post(&mapping, roles).await.status, 204);
        Admin::with_token(&login(&server().url, "master", &people, "secret").await)
    };
    for caller in [&boss, &delegate, &realm.admin] {
        all_unknown(caller, &realm, &own, &[&foreign, &of_master]).await;
    }
    assert_eq!(snapshot(&other.name).await, before);
    // Nothing of master was touched: its user still logs in, its client and role are as they were.
    login(&server().url, "master", &master_name, "secret").await;
    let client = realm
        .admin
        .get(&format!("/master/clients/{}", of_master.0["client"]))
        .await;
    assert_eq!(
        (client.status, &client.json["enabled"]),
        (200, &json!(true))
    );
    let role = realm
        .admin
        .get(&format!(
            "/master/roles-by-id/{}",
            of_master.0["client role"]
        ))
        .await;
    assert_eq!(role.json["name"], "puller");
}

#[tokio::test]
async fn a_holder_of_create_realm_reaches_nothing_of_master_through_his_own_realm() {
    let admin = Admin::master().await;
    let name = format!("maker-{}", Uuid::new_v4().simple());
    let maker_id = admin.create("/master/users", person(&name)).await;
    let role = admin.get("/master/roles/create-realm").await.json;
    let mapping = format!("/master/users/{maker_id}/role-mappings/realm");
    assert_eq!(admin.post(&mapping, json!([role])).await.status, 204);
    let maker = Admin::with_token(&login(&server().url, "master", &name, "secret").await);

    let own = format!("own-{}", Uuid::new_v4().simple());
    assert_eq!(
        maker
            .post("", json!({ "realm": own, "enabled": true }))
            .await
            .status,
        201
    );
    assert_eq!(maker.get(&format!("/{own}/users")).await.status, 200);
    // What the request has loaded while it judged the token: the caller himself, and the client of his token.
    let cli = admin.get("/master/clients?clientId=admin-cli").await.json[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (path, change) in [
        (
            format!("/users/{maker_id}"),
            json!({ "firstName": "taken" }),
        ),
        (
            format!("/clients/{cli}"),
            json!({ "redirectUris": ["https://evil.example/*"] }),
        ),
    ] {
        let unknown = path.rsplit_once('/').unwrap().0.to_owned() + &format!("/{}", Uuid::new_v4());
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let body = (method == Method::PUT).then(|| change.clone());
            let answer = maker
                .call(method.clone(), &format!("/{own}{path}"), body.clone())
                .await;
            let expected = maker
                .call(method.clone(), &format!("/{own}{unknown}"), body.clone())
                .await;
            assert_eq!(
                (answer.status, &answer.json),
                (404, &expected.json),
                "{method} {path}"
            );
            let direct = maker
                .call(method.clone(), &format!("/master{path}"), body)
                .await;
            assert_eq!(direct.status, 403, "{method} /master{path}");
        }
    }
    assert_eq!(
        admin.get(&format!("/master/users/{maker_id}")).await.json["firstName"],
        name.as_str()
    );
    let redirects = admin.get(&format!("/master/clients/{cli}")).await.json["redirectUris"].clone();
    assert!(!redirects.to_string().contains("evil"));

    // Other realms, by name: neither those that were there nor those that come later.
    let other = Realm::new().await;
    for path in ["", "/users", "/clients", "/keys", "/roles", "/events"] {
        assert_eq!(maker.get(&other.path(path)).await.status, 403, "{path}");
        assert_eq!(maker.get(&format!("/master{path}")).await.status, 403);
    }
    assert_eq!(maker.delete(&other.path("")).await.status, 403);
}

#[tokio::test]
async fn a_realm_admin_does_nothing_to_another_realm_by_its_name() {
    let (realm, other) = (Realm::new().await, Realm::new().await);
    let boss = realm.administrator("boss", &["realm-admin"]).await;
    let before = snapshot(&other.name).await;
    for name in [other.name.as_str(), "master"] {
        for (method, path, body) in [
            (Method::GET, "", None),
            (Method::PUT, "", Some(json!({ "enabled": false }))),
            (Method::DELETE, "", None),
            (Method::POST, "/users", Some(person("intruder"))),
            (
                Method::POST,
                "/clients",
                Some(json!({ "clientId": "intruder" })),
            ),
            (
                Method::POST,
                "/components",
                Some(json!({ "providerId": "rsa-generated" })),
            ),
            (Method::DELETE, "/events", None),
            (Method::DELETE, "/attack-detection/brute-force/users", None),
        ] {
            let answer = boss
                .call(method.clone(), &format!("/{name}{path}"), body)
                .await;
            assert_eq!(
                (answer.status, answer.json),
                (403, crate::people::forbidden()),
                "{method} {name}{path}"
            );
        }
    }
    // Nor by the other's id, nor by a name written otherwise.
    let id = realm.admin.get(&other.path("")).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for name in [
        id,
        other.name.to_uppercase(),
        format!("{}%00", other.name),
        "nowhere".to_owned(),
    ] {
        let answer = boss.get(&format!("/{name}/users")).await;
        assert_eq!(
            (answer.status, answer.json),
            (404, json!({ "error": "Realm not found." })),
            "{name}"
        );
    }
    assert_eq!(snapshot(&other.name).await, before);
    // Taking another's name is no way in either.
    let taken = boss
        .put(&realm.path(""), json!({ "realm": other.name }))
        .await;
    assert_eq!(
        (taken.status, taken.json),
        (
            409,
            json!({ "errorMessage": "Realm with same name exists" })
        )
    );
}
