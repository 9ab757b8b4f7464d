//! Texts that are long, or mean something to a database, a terminal, a browser or a header: refused, or kept as the text
//! that they are.

use reqwest::Client;
use serde_json::{Value, json};

use crate::bodies::{Site, with};
use crate::support::{Answer, Realm, login, person, server, token as grant};

/// Texts that are harmless only where nobody takes them for more than texts.
const TRICKY: [&str; 9] = [
    "a\r\nSet-Cookie: x=y",
    "a\nb",
    "a\rb",
    "\u{1b}[31mred\u{1b}[0m",
    "<script>alert(1)</script>",
    "';drop table realm;--",
    "%0d%0aX: y",
    "${jndi:ldap://localhost/x}",
    "\u{202e}gnp\u{feff}",
];

/// No header of an answer may carry what somebody else has written, unless it is encoded.
fn assert_plain_headers(answer: &Answer, text: &str) {
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        assert!(
            !value.contains(text) || text.chars().all(|c| c.is_ascii_alphanumeric()),
            "{name}: {value}"
        );
        assert!(
            value.is_ascii() && !value.contains(['<', '\u{1b}']),
            "{name}: {value}"
        );
        assert!(*name != "x" && *name != "set-cookie", "{name}: {value}");
    }
}

#[tokio::test]
async fn a_text_of_a_megabyte_is_refused_in_every_member() {
    let site = Site::new().await;
    let long = "x".repeat(1024 * 1024);
    let mut bodies = Vec::new();
    for call in &site.calls {
        let names = [
            "username",
            "email",
            "firstName",
            "lastName",
            "clientId",
            "name",
            "displayName",
            "realm",
            "protocolMapper",
            "providerId",
            "value",
            "userLabel",
        ];
        let mut names: Vec<&str> = names
            .into_iter()
            .filter(|name| call.members.iter().any(|member| member == name))
            .collect();
        // What a call does not look at: the kind of a component, the name of a mapper, a password's label.
        if call.method == reqwest::Method::PUT && call.name == "component" {
            names.retain(|name| *name != "providerId");
        }
        if call.method == reqwest::Method::PUT && call.name == "mapper" {
            names.retain(|name| *name != "name");
        }
        if call.name == "credential" {
            names.retain(|name| *name == "value");
        }
        for name in names {
            bodies.push((
                call,
                format!("a long {name}"),
                with(&call.good, name, json!(long)).to_string().into_bytes(),
            ));
        }
        // Over any limit.
        let huge = with(&call.good, "attributes", json!({ "a": long.repeat(3) })).to_string();
        bodies.push((call, "3 MB".to_owned(), huge.into_bytes()));
    }
    assert!(bodies.len() > 25, "{}", bodies.len());
    site.refused(bodies).await;
}

#[tokio::test]
async fn tricky_texts_are_refused_or_come_back_as_they_went_in() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    for text in TRICKY {
        let user = json!({ "username": text });
        let named = json!({ "username": format!("n{}", uuid::Uuid::new_v4().simple()), "firstName": text, "lastName": text });
        for (path, member, body) in [
            ("/users", "username", user),
            ("/users", "firstName", named),
            ("/clients", "clientId", json!({ "clientId": text })),
            ("/clients", "name", json!({ "name": text })),
            ("/clients", "description", json!({ "description": text })),
            ("/roles", "name", json!({ "name": text })),
        ] {
            let answer = admin.post(&realm.path(path), body).await;
            assert_plain_headers(&answer, text);
            match answer.status {
                201 => {
                    let below = answer
                        .location
                        .split(&format!("/admin/realms/{}", realm.name))
                        .nth(1)
                        .unwrap()
                        .to_owned();
                    let back = admin.get(&realm.path(&below)).await;
                    assert_eq!(back.json[member], text, "{path} {member}");
                    assert_plain_headers(&back, text);
                }
                400 => assert!(
                    answer.json.is_object(),
                    "{path} {member} {text:?}: {}",
                    answer.text
                ),
                other => panic!("{path} {member} {text:?}: {other} {}", answer.text),
            }
        }
        let display = json!({ "displayName": text, "attributes": { "tricky": text } });
        let answer = admin.put(&realm.path(""), display).await;
        assert!(
            answer.status == 204 || answer.status == 400,
            "{text:?}: {}",
            answer.text
        );
    }
    // A header for browsers is no place for line breaks.
    for text in ["a\r\nX: y", "a\nb", "a\u{0}b"] {
        let answer = admin
            .put(
                &realm.path(""),
                json!({ "browserSecurityHeaders": { "xFrameOptions": text } }),
            )
            .await;
        assert_eq!(answer.status, 400, "{text:?}");
    }
    for path in [
        format!("/realms/{}", realm.name),
        format!("/realms/{}/.well-known/openid-configuration", realm.name),
    ] {
        let answer = Answer::read(
            reqwest::get(format!("{}{path}", server().url))
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(answer.status, 200);
        assert_plain_headers(&answer, "red");
    }
}

#[tokio::test]
async fn tricky_names_at_the_doors_stay_out_of_headers_and_are_kept_as_text_in_events() {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    for text in TRICKY {
        let answer = realm.docker(text, "wrong", "").await;
        assert_eq!(answer.status, 401, "{text:?}");
        assert_plain_headers(&answer, text);
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", text),
            ("password", text),
        ];
        let answer = grant(&server().url, &realm.name, &form).await;
        assert_eq!(answer.status, 400, "{text:?}");
        assert_plain_headers(&answer, text);
        let url = format!(
            "{}/realms/{}/protocol/docker-v2/auth",
            server().url,
            realm.name
        );
        let answer = Client::new()
            .get(&url)
            .query(&[("service", text)])
            .header("User-Agent", "a\u{1b}b<script>".replace('\u{1b}', ""));
        let answer = Answer::read(answer.send().await.unwrap()).await;
        assert_eq!(
            (answer.status, &answer.json["error"]),
            (400, &json!("invalid_client")),
            "{text:?}"
        );
        assert_plain_headers(&answer, text);
    }
    let events = realm.admin.get(&realm.path("/events?max=1000")).await;
    let names: Vec<&Value> = events
        .json
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["details"]["username"])
        .collect();
    for text in TRICKY {
        assert!(names.iter().any(|name| **name == text), "{text:?}");
        // Escaped, so that no line of the answer begins with what somebody chose.
        assert!(
            !text.contains(['\n', '\r', '\u{1b}']) || !events.text.contains(text),
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn paging_and_searching_are_bounded_whatever_is_asked() {
    let realm = Realm::new().await;
    for name in ["a%b", "a_b", "x'y"] {
        realm
            .admin
            .create(&realm.path("/roles"), json!({ "name": name }))
            .await;
    }
    let mut ohara = person("bob");
    ohara["lastName"] = json!("O'Hara");
    realm.admin.create(&realm.path("/users"), ohara).await;
    let lists = [
        "/users",
        "/clients",
        "/roles",
        "/events",
        "/roles/offline_access/users",
        "/roles/offline_access/composites",
    ];
    for list in lists {
        for (query, expected) in [
            ("first=-1", 200),
            ("max=-1", 200),
            ("first=-99999&max=-99999", 200),
            ("max=0", 200),
            ("max=2147483647", 200),
            ("first=2147483647&max=2147483647", 200),
            ("max=2147483648", 404),
            ("max=99999999999999999999", 404),
            ("first=x", 404),
            ("max=1e3", 404),
            ("max=%00", 400),
            ("max=%ff", 400),
            ("max=%", 400),
            ("first=1;drop", 404),
            ("nosuch=1", 200),
            ("=", 200),
            ("&&&", 200),
        ] {
            let answer = realm
                .admin
                .get(&realm.path(&format!("{list}?{query}")))
                .await;
            assert_eq!(answer.status, expected, "{list}?{query}: {}", answer.text);
            assert!(
                answer.status != 200 || answer.json.is_array(),
                "{list}?{query}"
            );
            assert!(
                query != "max=0" || answer.json == json!([]),
                "{list}?{query}: {}",
                answer.text
            );
        }
    }
    let token = login(&server().url, "master", "admin", "admin").await;
    for text in [
        "'",
        "\"",
        "\\",
        "%",
        "_",
        "';--",
        "' or 1=1--",
        "*",
        "\"*",
        "(",
        "\\'",
        "a\u{202e}",
        "%%%%",
        "id:",
        "id:x",
        "$1",
        "{}",
    ] {
        for (list, member) in [
            ("/users", "search"),
            ("/users", "username"),
            ("/users", "email"),
            ("/users", "q"),
            ("/roles", "search"),
            ("/clients", "clientId"),
            ("/components", "name"),
            ("/events", "user"),
            ("/events", "client"),
        ] {
            let url = format!("{}/admin/realms/{}{list}", server().url, realm.name);
            let request = Client::new()
                .get(url)
                .query(&[(member, text)])
                .bearer_auth(&token);
            let answer = Answer::read(request.send().await.unwrap()).await;
            assert_eq!(
                answer.status, 200,
                "{list}?{member}={text}: {}",
                answer.text
            );
            assert!(answer.json.is_array(), "{list}?{member}={text}");
        }
    }
    // A wildcard of SQL is a letter like any other.
    let names = async |path: &str| {
        let found = realm.admin.get(&realm.path(path)).await.json;
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.get("name").or(one.get("username")).unwrap().clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("/roles?search=a%25b").await, ["a%b"]);
    assert_eq!(names("/roles?search=a_b").await, ["a_b"]);
    assert_eq!(names("/users?lastName=o'h").await, ["bob"]);
    assert_eq!(names("/users?username=b_b").await, Vec::<Value>::new());
    assert_eq!(names("/users?username=%25").await, Vec::<Value>::new());
}
