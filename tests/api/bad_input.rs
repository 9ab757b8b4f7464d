//! Bodies that are no representation, for every representation and every member of each: 4xx in JSON, nothing written,
//! and never an error of the server.

use futures_util::{StreamExt as _, stream};
use reqwest::{Client, Method};
use serde_json::{Map, Value, json};

use crate::rows::snapshot;
use crate::support::{Answer, Realm, login, server};

/// A call that reads a representation, and a body that it takes.
struct Call {
    name: &'static str,
    method: Method,
    path: String,
    good: Value,
    /// The names of all members that the representation has.
    members: Vec<String>,
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

struct Site {
    realm: Realm,
    token: String,
    http: Client,
    calls: Vec<Call>,
}

impl Site {
    async fn new() -> Self {
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

    async fn send(&self, call: &Call, body: Vec<u8>) -> Answer {
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
    async fn refused(&self, bodies: Vec<(&Call, String, Vec<u8>)>) {
        let before = snapshot(&self.realm.name).await;
        let wrong = stream::iter(bodies).map(|(call, what, body)| async move {
            let answer = self.send(call, body).await;
            let told = answer.json.get("error").or(answer.json.get("errorMessage"));
            let refused = (400..500).contains(&answer.status) && told.is_some_and(Value::is_string);
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

fn with(good: &Value, name: &str, value: Value) -> Value {
    let mut body = good.clone();
    body[name] = value;
    body
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_everywhere() {
    let site = Site::new().await;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(5000), close.repeat(5000));
    let mut bodies = Vec::new();
    for call in &site.calls {
        let good = call.good.to_string();
        let open = &good[..good.len() - 1];
        let comma = if call.good.as_object().is_some_and(Map::is_empty) {
            ""
        } else {
            ","
        };
        let first = &call.members[0];
        let texts: Vec<(&str, Vec<u8>)> = vec![
            ("empty", vec![]),
            ("blank", b"  \n".to_vec()),
            ("null", b"null".to_vec()),
            ("array", b"[]".to_vec()),
            ("array of null", b"[null]".to_vec()),
            ("array of values", b"[\"a\",\"b\"]".to_vec()),
            ("number", b"7".to_vec()),
            ("text", b"\"x\"".to_vec()),
            ("true", b"true".to_vec()),
            ("half", open.as_bytes().to_vec()),
            ("garbage after", format!("{good} x").into_bytes()),
            ("two", format!("{good}{good}").into_bytes()),
            ("comma", format!("{open},}}").into_bytes()),
            ("comment", format!("/* c */{good}").into_bytes()),
            (
                "single quotes",
                good.replace('"', "'").replace("{}", "{'a':1}").into_bytes(),
            ),
            ("BOM", format!("\u{feff}{good}").into_bytes()),
            (
                "UTF-16",
                good.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            ),
            (
                "latin-1",
                [open.as_bytes(), comma.as_bytes(), b"\"name\":\"\xe4\"}"].concat(),
            ),
            (
                "overlong UTF-8",
                [open.as_bytes(), comma.as_bytes(), b"\"name\":\"\xc0\x80\"}"].concat(),
            ),
            ("raw NUL", [good.as_bytes(), b"\0"].concat()),
            (
                "raw control character",
                format!("{open}{comma}\"name\":\"a\nb\"}}").into_bytes(),
            ),
            (
                "doubled member",
                format!("{open}{comma}\"{first}\":null,\"{first}\":null}}").into_bytes(),
            ),
            (
                "doubled by escape",
                format!(
                    "{open}{comma}\"{first}\":null,\"\\u00{:02x}{}\":null}}",
                    first.as_bytes()[0],
                    &first[1..]
                )
                .into_bytes(),
            ),
            (
                "unknown member",
                format!("{open}{comma}\"noSuchMember\":1}}").into_bytes(),
            ),
            (
                "NUL in a name",
                format!("{open}{comma}\"a\\u0000b\":1}}").into_bytes(),
            ),
            ("empty name", format!("{open}{comma}\"\":1}}").into_bytes()),
            ("deep array", deep("[", "]").into_bytes()),
            ("deep object", deep("{\"a\":", "}").into_bytes()),
            (
                "deep member",
                format!("{open}{comma}\"attributes\":{}}}", deep("[", "]")).into_bytes(),
            ),
            (
                "NaN",
                format!("{open}{comma}\"{first}\":NaN}}").into_bytes(),
            ),
            (
                "hexadecimal",
                format!("{open}{comma}\"{first}\":0x10}}").into_bytes(),
            ),
        ];
        bodies.extend(
            texts
                .into_iter()
                .map(|(what, text)| (call, what.to_owned(), text)),
        );
    }
    site.refused(bodies).await;
}

#[tokio::test]
async fn a_member_that_holds_what_no_member_can_is_refused_everywhere() {
    let site = Site::new().await;
    let mut bodies = Vec::new();
    for call in &site.calls {
        for name in &call.members {
            // Whatever its type: text that the database cannot hold, numbers beyond all bounds.
            for value in [
                "\"a\\u0000b\"",
                "[\"a\\u0000b\"]",
                "{\"a\":\"\\u0000\"}",
                "{\"\\u0000\":\"a\"}",
                "\"\\ud800\"",
                "[\"\\udfff\"]",
                "1e999",
                "[1e999]",
                "{\"a\":1,\"a\":2}",
            ] {
                let body = with(&call.good, name, json!("#"))
                    .to_string()
                    .replace("\"#\"", value);
                bodies.push((call, format!("{name}: {value}"), body.into_bytes()));
            }
        }
    }
    assert!(bodies.len() > 3000, "{}", bodies.len());
    site.refused(bodies).await;
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_never_an_error_of_the_server() {
    let site = Site::new().await;
    let values = [
        json!(7),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(true),
        json!("x"),
        json!(""),
        json!([]),
        json!([null]),
        json!([[1]]),
        json!([{ "noSuchMember": 1 }]),
        json!({}),
        json!({ "a": [null] }),
        json!({ "a": { "b": 1 } }),
        json!(["x"]),
    ];
    let mut bodies = Vec::new();
    for call in &site.calls {
        for name in &call.members {
            // What is renamed, disabled or moved away would be missing in the calls that follow.
            if call.name == "realm"
                && ["realm", "enabled", "sslRequired", "notBefore"].contains(&name.as_str())
            {
                continue;
            }
            for value in &values {
                bodies.push((
                    call,
                    format!("{name}: {value}"),
                    with(&call.good, name, value.clone())
                        .to_string()
                        .into_bytes(),
                ));
            }
        }
    }
    let site = &site;
    let wrong = stream::iter(bodies).map(|(call, what, body)| async move {
        let answer = site.send(call, body).await;
        let told = answer
            .json
            .get("error")
            .or(answer.json.get("errorMessage"))
            .or(answer.json.get("errors"));
        // Whatever is taken has the member's type; what is not is refused in words. 501 names an area that is not here.
        let fine = answer.status < 300
            || (told.is_some() && (answer.status < 500 || answer.status == 501));
        (!fine).then(|| {
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
    // The realm is as usable as before.
    for path in [
        "",
        "/users",
        "/clients",
        "/roles",
        "/keys",
        "/components",
        "/events/config",
    ] {
        assert_eq!(
            site.realm.admin.get(&site.realm.path(path)).await.status,
            200,
            "{path}"
        );
    }
    assert_eq!(
        site.realm
            .admin
            .put(
                &site
                    .realm
                    .path(&format!("/users/{}/reset-password", site.realm.alice)),
                json!({ "value": "secret" })
            )
            .await
            .status,
        204
    );
}
