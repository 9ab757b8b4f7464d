//! Bodies that are no representation, for every representation and every member of each: 4xx in JSON, nothing written,
//! and never an error of the server.

use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Map, json};

use crate::bodies::{Call, Site, with};

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
        json!(1e20),
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

#[tokio::test]
async fn a_realm_file_with_what_no_member_can_hold_makes_no_realm() {
    let site = Site::new().await;
    let name = format!("bad-{}", uuid::Uuid::new_v4().simple());
    let members = site
        .calls
        .iter()
        .find(|call| call.name == "realm")
        .unwrap()
        .members
        .clone();
    let call = Call {
        name: "new realm",
        method: Method::POST,
        path: String::new(),
        good: json!({ "realm": name }),
        members,
    };
    let mut bodies = Vec::new();
    for member in &call.members {
        for value in [
            "\"a\\u0000b\"",
            "{\"\\u0000\":1}",
            "[\"\\ud800\"]",
            "[1e999]",
            "[{\"a\":1,\"a\":2}]",
        ] {
            let body = with(&call.good, member, json!("#"))
                .to_string()
                .replace("\"#\"", value);
            bodies.push((&call, format!("{member}: {value}"), body.into_bytes()));
        }
    }
    for (member, value) in [
        ("users", json!([null])),
        ("users", json!({ "a": 1 })),
        ("users", json!([{ "username": "a", "credentials": [null] }])),
        ("users", json!([{ "username": "a", "noSuchMember": 1 }])),
        ("users", json!([{ "username": "x".repeat(1000) }])),
        ("clients", json!([null])),
        ("clients", json!("x")),
        (
            "clients",
            json!([{ "clientId": "a", "protocolMappers": [null] }]),
        ),
        ("roles", json!([])),
        ("roles", json!({ "realm": [null] })),
        ("roles", json!({ "client": { "account": [{}] } })),
        ("roles", json!({ "noSuchMember": [] })),
        (
            "components",
            json!({ "org.keycloak.keys.KeyProvider": [null] }),
        ),
        ("components", json!({ "org.keycloak.keys.KeyProvider": {} })),
        (
            "components",
            json!({ "org.keycloak.keys.KeyProvider": [{ "providerId": "rsa", "noSuchMember": 1 }] }),
        ),
        (
            "components",
            json!({ "org.keycloak.keys.KeyProvider": [{ "providerId": "rsa-generated", "config": { "keySize": "2048" } }] }),
        ),
        ("components", json!([])),
        ("smtpServer", json!([])),
        ("attributes", json!({ "a": "x".repeat(100_000) })),
    ] {
        bodies.push((
            &call,
            format!("{member}: {value}"),
            with(&call.good, member, value).to_string().into_bytes(),
        ));
    }
    site.refused(bodies).await;
    assert_eq!(site.realm.admin.get(&format!("/{name}")).await.status, 404);
}

#[tokio::test]
async fn too_many_of_anything_are_refused() {
    let site = Site::new().await;
    let many = |count: usize| {
        (0..count)
            .map(|at| (format!("a{at}"), json!("x")))
            .collect::<Map<_, _>>()
    };
    let call = |name: &str, method: Method| {
        site.calls
            .iter()
            .find(|call| call.name == name && call.method == method)
            .unwrap()
    };
    let bodies = vec![
        (
            call("client", Method::POST),
            json!({ "clientId": "many", "attributes": many(10_000) }),
        ),
        (
            call("client", Method::PUT),
            json!({ "attributes": many(10_000) }),
        ),
        (
            call("client", Method::POST),
            json!({ "clientId": "many", "redirectUris": vec!["https://a.example/"; 10_000] }),
        ),
        (
            call("mapper", Method::POST),
            json!({ "name": "m", "protocol": "docker-v2", "protocolMapper": "docker-v2-allow-all-mapper", "config": many(10_000) }),
        ),
        (
            call("realm", Method::PUT),
            json!({ "attributes": many(10_000) }),
        ),
        (
            call("role", Method::POST),
            json!({ "name": "many", "attributes": { "a": vec!["x"; 100_000] } }),
        ),
        (
            call("user", Method::POST),
            json!({ "username": "many", "credentials": vec![json!({ "value": "secret" }); 1000] }),
        ),
        (
            call("component", Method::POST),
            json!({ "providerId": "aes-generated", "providerType": "org.keycloak.keys.KeyProvider", "config": (0..1000).map(|at| (format!("a{at}"), json!(["x"]))).collect::<Map<_, _>>() }),
        ),
        (
            call("events config", Method::PUT),
            json!({ "enabledEventTypes": (0..10_000).map(|at| format!("T{at}")).collect::<Vec<_>>() }),
        ),
    ];
    site.refused(
        bodies
            .into_iter()
            .map(|(call, body)| (call, "too many".to_owned(), body.to_string().into_bytes()))
            .collect(),
    )
    .await;
}
