//! A realm, and every call that reads a representation there, with the members that the representation has.

use futures_util::{StreamExt as _, stream};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::rows::snapshot;
use crate::support::{Answer, Realm, login, server};

/// A call that reads a representation, and a body that it takes.
pub struct Call {
    pub name: &'static str,
    pub method: Method,
    pub path: String,
    pub good: Value,
    /// The names of all members that the representation has.
    pub members: Vec<String>,
}

/// The members that a representation is written with when each has a value, and those of its struct that are absent.
///
/// serde names all of them when it meets one that it does not know.
fn members<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let error = serde_json::from_value::<T>(json!({ "noSuchMember": 1 }))
        .err()
        .unwrap()
        .to_string();
    let (_, list) = error.split_once("expected").unwrap();
    let names: Vec<String> = list
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 3, "{error}");
    names
}

/// Where the calls go.
pub struct Site {
    pub realm: Realm,
    token: String,
    http: Client,
    pub calls: Vec<Call>,
}

impl Site {
    pub async fn new() -> Self {
        let realm = Realm::new().await;
        let token = login(&server().url, "master", "admin", "admin").await;
        let role = realm
            .admin
            .get(&realm.path("/roles/offline_access"))
            .await
            .json;
        let component = realm.admin.get(&realm.path("/components")).await.json[0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let models = format!("/clients/{}/protocol-mappers/models", realm.registry);
        let mapper = realm.admin.get(&realm.path(&models)).await.json[0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let group = json!({ "name": "good" });
        let group = realm.admin.create(&realm.path("/groups"), group).await;
        let events: Vec<String> = [
            "eventsEnabled",
            "eventsExpiration",
            "eventsListeners",
            "enabledEventTypes",
            "adminEventsEnabled",
            "adminEventsDetailsEnabled",
        ]
        .map(str::to_owned)
        .into();
        let of_user = members::<user::UserRepresentation>();
        let of_credential = members::<user::CredentialRepresentation>();
        let of_client = members::<client::ClientRepresentation>();
        let of_mapper = members::<client::ProtocolMapperRepresentation>();
        let of_role = members::<realm::role::RoleRepresentation>();
        let of_group = members::<user::GroupRepresentation>();
        let of_component = members::<realm::component::ComponentRepresentation>();
        let of_realm = members::<realm::RealmRepresentation>();
        let mapper_rep = json!({ "name": "m", "protocol": "docker-v2", "protocolMapper": "docker-v2-allow-all-mapper" });
        let calls = [
            (
                "user",
                Method::POST,
                "/users".to_owned(),
                json!({ "username": "bad" }),
                &of_user,
            ),
            (
                "user",
                Method::PUT,
                format!("/users/{}", realm.alice),
                json!({}),
                &of_user,
            ),
            (
                "credential",
                Method::PUT,
                format!("/users/{}/reset-password", realm.alice),
                json!({ "value": "secret" }),
                &of_credential,
            ),
            (
                "client",
                Method::POST,
                "/clients".to_owned(),
                json!({ "clientId": "bad" }),
                &of_client,
            ),
            (
                "client",
                Method::PUT,
                format!("/clients/{}", realm.registry),
                json!({}),
                &of_client,
            ),
            (
                "mapper",
                Method::POST,
                models.clone(),
                mapper_rep.clone(),
                &of_mapper,
            ),
            (
                "mapper",
                Method::PUT,
                format!("{models}/{mapper}"),
                mapper_rep,
                &of_mapper,
            ),
            (
                "role",
                Method::POST,
                "/roles".to_owned(),
                json!({ "name": "bad" }),
                &of_role,
            ),
            (
                "role",
                Method::PUT,
                format!("/roles-by-id/{}", role["id"].as_str().unwrap()),
                json!({ "name": "offline_access" }),
                &of_role,
            ),
            (
                "group",
                Method::POST,
                "/groups".to_owned(),
                json!({ "name": "bad" }),
                &of_group,
            ),
            (
                "group",
                Method::PUT,
                format!("/groups/{group}"),
                json!({ "name": "good" }),
                &of_group,
            ),
            (
                "group",
                Method::POST,
                format!("/groups/{group}/children"),
                json!({ "name": "bad" }),
                &of_group,
            ),
            (
                "component",
                Method::POST,
                "/components".to_owned(),
                json!({ "providerId": "aes-generated", "providerType": "org.keycloak.keys.KeyProvider" }),
                &of_component,
            ),
            (
                "component",
                Method::PUT,
                format!("/components/{component}"),
                json!({}),
                &of_component,
            ),
            (
                "events config",
                Method::PUT,
                "/events/config".to_owned(),
                json!({}),
                &events,
            ),
            ("realm", Method::PUT, String::new(), json!({}), &of_realm),
        ];
        let calls = calls
            .into_iter()
            .map(|(name, method, path, good, members)| {
                let path = realm.path(&path);
                Call {
                    name,
                    method,
                    path,
                    good,
                    members: members.clone(),
                }
            });
        let calls = calls.collect();
        Self {
            realm,
            token,
            http: Client::new(),
            calls,
        }
    }

    /// One of the calls, with this body.
    pub async fn send(&self, call: &Call, body: Vec<u8>) -> Answer {
        let url = format!("{}/admin/realms{}", server().url, call.path);
        let request = self
            .http
            .request(call.method.clone(), url)
            .bearer_auth(&self.token);
        Answer::read(
            request
                .header("Content-Type", "application/json")
                .body(body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    /// Sends each of these bodies, and says which was not refused with 4xx in JSON.
    pub async fn refused(&self, bodies: Vec<(&Call, String, Vec<u8>)>) {
        let before = snapshot(&self.realm.name).await;
        let wrong = stream::iter(bodies).map(|(call, what, body)| async move {
            let answer = self.send(call, body).await;
            let told = answer
                .json
                .get("error")
                .or(answer.json.get("errorMessage"))
                .or(answer.json.get("errors"));
            let refused = (400..500).contains(&answer.status) && told.is_some();
            (!refused).then(|| {
                format!(
                    "{} {}: {what}: {} {}",
                    call.method, call.name, answer.status, answer.text
                )
            })
        });
        let wrong: Vec<String> = wrong
            .buffer_unordered(6)
            .filter_map(std::future::ready)
            .collect()
            .await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(
            snapshot(&self.realm.name).await,
            before,
            "something was written"
        );
    }
}

/// A body with one more member, or another value for it.
pub fn with(good: &Value, name: &str, value: Value) -> Value {
    let mut body = good.clone();
    body[name] = value;
    body
}
