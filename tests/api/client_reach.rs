//! Whoever knows the secret of a client is its service account: nobody gets more rights by that than he has.

use serde_json::{Value, json};

use crate::people::{Api, People, forbidden};
use crate::rows::snapshot;

/// A realm with a client `boss` whose service account has `realm-admin`, and `robot`, whose has nothing.
struct Place {
    people: People,
    boss: String,
    robot: String,
}

impl Place {
    async fn new() -> Self {
        let people = People::new().await;
        let client = async |name: &str| {
            let rep = json!({ "clientId": name, "secret": format!("{name}-s3cret"), "serviceAccountsEnabled": true });
            let answer = people.api.send("POST", "/clients", &rep).await;
            assert_eq!(answer.status, 201, "{}", answer.json);
            answer.location.rsplit('/').next().unwrap().to_owned()
        };
        let (boss, robot) = (client("boss").await, client("robot").await);
        let place = Self {
            people,
            boss,
            robot,
        };
        let account = place.account(&place.boss).await;
        place.arm(&format!("/users/{account}")).await;
        place
    }

    async fn account(&self, client: &str) -> String {
        let path = format!("/clients/{client}/service-account-user");
        let account = self.people.api.get(&path).await.json;
        account["id"].as_str().unwrap().to_owned()
    }

    /// Maps `realm-admin` to a user or group.
    async fn arm(&self, holder: &str) {
        let client = self.people.client("realm-management").await;
        let path = format!("{holder}/role-mappings/clients/{client}");
        let role = json!([self.people.management_role("realm-admin").await]);
        let answer = self.people.api.send("POST", &path, &role).await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }

    async fn caller(&self, role: &str) -> Api {
        self.people.holder("caller", role).await;
        self.people.login("caller").await
    }

    fn realm(&self) -> String {
        self.people.api.path().trim_start_matches('/').to_owned()
    }
}

/// Every way to learn or set what a client signs in by, to do away with it, or with its service account.
fn ways(client: &str) -> Vec<(&'static str, String, Value)> {
    let own = format!("/clients/{client}");
    let jwks = json!({ "attributes": { "use.jwks.string": "true", "jwks.string": "{}" } });
    vec![
        ("GET", format!("{own}/client-secret"), Value::Null),
        ("POST", format!("{own}/client-secret"), Value::Null),
        (
            "DELETE",
            format!("{own}/client-secret/rotated"),
            Value::Null,
        ),
        ("PUT", own.clone(), json!({ "secret": "mine" })),
        ("PUT", own.clone(), json!({ "publicClient": true })),
        ("PUT", own.clone(), json!({ "clientId": "mine" })),
        ("PUT", own.clone(), json!({ "enabled": false })),
        (
            "PUT",
            own.clone(),
            json!({ "serviceAccountsEnabled": false }),
        ),
        ("PUT", own.clone(), jwks),
        (
            "POST",
            format!("{own}/certificates/jwt.credential/generate"),
            Value::Null,
        ),
        ("POST", format!("{own}/nodes"), json!({ "node": "n" })),
        ("DELETE", own, Value::Null),
    ]
}

#[tokio::test]
async fn a_holder_of_manage_clients_does_not_become_a_client_with_more_rights() {
    let place = Place::new().await;
    let caller = place.caller("manage-clients").await;
    let before = snapshot(&place.realm()).await;
    for (method, path, body) in ways(&place.boss) {
        let answer = caller.send(method, &path, &body).await;
        assert_eq!(
            (answer.status, answer.json),
            (403, forbidden()),
            "{method} {path} {body}"
        );
    }
    assert_eq!(snapshot(&place.realm()).await, before);

    // Looking at it is his right, and tells no secret.
    let file = "installation/providers/keycloak-oidc-keycloak-json";
    for path in [
        "/clients".to_owned(),
        "/clients?clientId=boss".to_owned(),
        format!("/clients/{}", place.boss),
        format!("/clients/{}/{file}", place.boss),
    ] {
        let answer = caller.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text.contains("boss-s3cret"), "{path}");
    }
    let shown = caller.get(&format!("/clients/{}", place.boss)).await.json;
    assert_eq!(shown["access"]["manage"], false);
    let listed = caller.get("/clients?clientId=robot").await.json;
    assert_eq!(listed[0]["secret"], "robot-s3cret");
}

#[tokio::test]
async fn a_client_is_as_far_as_the_groups_of_its_service_account_make_it() {
    let place = Place::new().await;
    let caller = place.caller("manage-clients").await;
    let secret = format!("/clients/{}/client-secret", place.robot);
    assert_eq!(caller.get(&secret).await.json["value"], "robot-s3cret");
    let api = &place.people.api;
    let group = async |path: &str, name: &str| {
        let answer = api.send("POST", path, &json!({ "name": name })).await;
        answer.location.rsplit('/').next().unwrap().to_owned()
    };
    let above = group("/groups", "above").await;
    let below = group(&format!("/groups/{above}/children"), "below").await;
    let account = place.account(&place.robot).await;
    let join = format!("/users/{account}/groups/{below}");
    assert_eq!(api.send("PUT", &join, &Value::Null).await.status, 204);
    assert_eq!(caller.get(&secret).await.status, 200);
    place.arm(&format!("/groups/{above}")).await;
    assert_eq!(caller.get(&secret).await.status, 403);
    let listed = caller.get("/clients?clientId=robot").await.json;
    assert!(listed[0].get("secret").is_none(), "{listed}");
}

#[tokio::test]
async fn clients_within_reach_are_managed_as_ever() {
    let place = Place::new().await;
    place.people.holder("chief", "realm-admin").await;
    let chief = place.people.login("chief").await;
    let caller = place.caller("manage-clients").await;
    for (who, api, client) in [
        ("manage-clients", &caller, &place.robot),
        ("realm-admin", &chief, &place.boss),
    ] {
        for (method, path, body) in ways(client) {
            let answer = api.send(method, &path, &body).await;
            assert!(
                answer.status < 300,
                "{who}: {method} {path} {body} is {} {}",
                answer.status,
                answer.json
            );
        }
    }
}

#[tokio::test]
async fn a_partial_import_neither_takes_over_a_client_nor_arms_a_new_one() {
    let place = Place::new().await;
    let caller = place.people.delegate("manage-realm").await;
    let before = snapshot(&place.realm()).await;
    let import = |name: &str| {
        json!({ "ifResourceExists": "OVERWRITE", "clients": [
            { "clientId": name, "secret": "mine", "serviceAccountsEnabled": true, "protocol": "openid-connect" }
        ] })
    };
    let answer = caller.send("POST", "/partialImport", &import("boss")).await;
    assert_eq!((answer.status, answer.json), (403, forbidden()));
    assert_eq!(snapshot(&place.realm()).await, before);
    let plain = caller
        .send("POST", "/partialImport", &import("plain"))
        .await;
    assert_eq!(plain.status, 200, "{}", plain.json);

    // New service accounts hold the default role, too.
    let api = &place.people.api;
    let default = api.get("").await.json["defaultRole"]["id"].clone();
    let path = format!("/roles-by-id/{}/composites", default.as_str().unwrap());
    let role = json!([place.people.management_role("realm-admin").await]);
    assert_eq!(api.send("POST", &path, &role).await.status, 204);
    let before = snapshot(&place.realm()).await;
    let answer = caller.send("POST", "/partialImport", &import("late")).await;
    assert_eq!((answer.status, answer.json), (403, forbidden()));
    assert_eq!(snapshot(&place.realm()).await, before);
}
