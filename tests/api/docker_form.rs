//! The docker token endpoint by POST: what it takes, and how it refuses.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{Answer, Realm, claims, patiently, server};

const GRANT: [(&str, &str); 4] = [
    ("grant_type", "password"),
    ("service", "reg"),
    ("username", "alice"),
    ("password", "secret"),
];

impl Realm {
    pub fn docker_url(&self) -> String {
        format!(
            "{}/realms/{}/protocol/docker-v2/auth",
            server().url,
            self.name
        )
    }

    /// A docker token request by form.
    pub async fn form(&self, form: &[(&str, &str)]) -> Answer {
        let url = self.docker_url();
        patiently(|| Client::new().post(&url).form(form)).await
    }
}

/// The form with other values: one that has a new value, or (empty) that goes, and those that are new.
fn but<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form: Vec<_> = GRANT
        .into_iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name))
        .collect();
    form.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    form
}

fn names(object: &Value) -> BTreeSet<&str> {
    let members = object.as_object().unwrap().keys();
    members.map(String::as_str).collect()
}

/// The answer is a refusal that both kinds of readers understand.
pub fn is_double(answer: &Answer, error: &str, code: &str, text: &str, detail: Value) {
    let expected = json!({
        "error": error,
        "error_description": text,
        "errors": [{ "code": code, "message": text, "detail": detail }],
    });
    assert_eq!(answer.json, expected);
    assert_eq!(
        answer.headers["cache-control"],
        "no-store, must-revalidate, max-age=0"
    );
}

#[tokio::test]
async fn a_form_with_a_password_is_answered_as_the_token_specification_says() {
    let realm = Realm::new().await;
    let answer = realm
        .form(&but(&[
            ("client_id", "docker"),
            ("scope", "repository:a:pull,push registry:catalog:*"),
            ("scope", "repository:b:pull"),
        ]))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(
        names(&answer.json),
        ["access_token", "expires_in", "issued_at", "scope"].into()
    );
    assert_eq!(
        answer.json["scope"],
        "repository:a:pull,push registry:catalog:* repository:b:pull"
    );
    assert_eq!(answer.json["expires_in"], 300);
    let claims = claims(answer.json["access_token"].as_str().unwrap());
    assert_eq!(
        (&claims["sub"], &claims["aud"]),
        (&json!("alice"), &json!("reg"))
    );
    assert_eq!(claims["access"].as_array().unwrap().len(), 3);
    assert_eq!(
        answer.headers["cache-control"],
        "no-store, must-revalidate, max-age=0"
    );
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn a_form_may_leave_out_the_scope_and_the_program() {
    let realm = Realm::new().await;
    for changes in [&[][..], &[("scope", " ")], &[("client_id", "oras-go")]] {
        let answer = realm.form(&but(changes)).await;
        assert_eq!((answer.status, &answer.json["scope"]), (200, &json!("")));
    }
}

#[tokio::test]
async fn a_wrong_password_in_a_form_is_401_with_the_challenge_in_both_shapes() {
    let realm = Realm::new().await;
    let text = "Invalid username or password.";
    let asked = json!([{ "type": "repository", "name": "a", "actions": ["pull"] }]);
    for (changes, detail) in [
        (
            &[("password", "wrong"), ("scope", "repository:a:pull")][..],
            asked,
        ),
        (&[("username", "nobody")], json!([{}])),
    ] {
        let answer = realm.form(&but(changes)).await;
        assert_eq!(answer.status, 401);
        let challenge = format!("Basic realm=\"{}\", charset=\"UTF-8\"", realm.name);
        assert_eq!(answer.headers["www-authenticate"], challenge.as_str());
        is_double(&answer, "invalid_grant", "UNAUTHORIZED", text, detail);
    }
}

#[tokio::test]
async fn a_parameter_that_is_missing_or_unknown_is_400_and_named() {
    let realm = Realm::new().await;
    let app = json!({ "clientId": "app" });
    realm.admin.create(&realm.path("/clients"), app).await;
    let bad = "invalid_request";
    /// Parameters instead of the good ones, the error and its description.
    type Case = (
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static str,
    );
    let cases: &[Case] = &[
        (
            &[("grant_type", "")],
            bad,
            "Missing form parameter: grant_type",
        ),
        (&[("username", "")], bad, "Missing form parameter: username"),
        (&[("password", "")], bad, "Missing form parameter: password"),
        (
            &[("grant_type", "refresh_token")],
            bad,
            "Missing form parameter: refresh_token",
        ),
        (
            &[("service", "")],
            bad,
            "service parameter must be provided",
        ),
        (
            &[("service", "nope")],
            "invalid_client",
            "Client specified by 'service' parameter does not exist",
        ),
        (
            &[("service", "app")],
            "invalid_client",
            "Client specified by 'service' is not a docker-v2 client",
        ),
        (
            &[("access_type", "forever")],
            bad,
            "access_type is 'online' or 'offline'",
        ),
        (
            &[("scope", "foo")],
            bad,
            "Invalid scope 'foo': it is not of the form type:name:actions",
        ),
        (
            &[("client_id", "a"), ("client_id", "b")],
            bad,
            "duplicated parameter",
        ),
        (
            &[("username", "alice"), ("username", "alice")],
            bad,
            "duplicated parameter",
        ),
        (&[("username", "a\0")], bad, "A parameter is not readable"),
    ];
    for (changes, error, text) in cases {
        let answer = realm.form(&but(changes)).await;
        assert_eq!(answer.status, 400, "{changes:?}");
        is_double(&answer, error, "DENIED", text, json!([]));
    }
    for grant in ["client_credentials", "PASSWORD", "urn:x"] {
        let answer = realm.form(&but(&[("grant_type", grant)])).await;
        assert_eq!(answer.status, 400, "{grant}");
        let text = "grant_type is 'password' or 'refresh_token'";
        is_double(
            &answer,
            "unsupported_grant_type",
            "UNSUPPORTED",
            text,
            json!([]),
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let realm = Realm::new().await;
    let text = "grant_type=password&service=reg&username=alice&password=secret";
    for kind in ["application/json", "text/plain", "multipart/form-data", ""] {
        let request = || {
            Client::new()
                .post(realm.docker_url())
                .header("content-type", kind)
        };
        let answer = patiently(|| request().body(text)).await;
        assert_eq!(answer.status, 400, "{kind}");
        let text = "The body has to be of type application/x-www-form-urlencoded";
        is_double(&answer, "invalid_request", "DENIED", text, json!([]));
    }
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    let request = || {
        Client::new()
            .post(realm.docker_url())
            .header("content-type", kind)
    };
    assert_eq!(patiently(|| request().body(text)).await.status, 200);
    let answer = patiently(|| request().body(vec![b'\xff'; 10])).await;
    assert_eq!(
        (answer.status, &answer.json["error"]),
        (400, &json!("invalid_request"))
    );
    let answer = patiently(|| request().body("a".repeat(64 * 1024 + 1))).await;
    let text = "The body is larger than 65536 bytes";
    assert_eq!(answer.status, 413);
    is_double(&answer, "invalid_request", "DENIED", text, json!([]));
}

/// Sends a body in chunks, without its length, as skopeo does.
fn chunked(realm: &Realm, chunks: &[&str]) -> (u16, Value) {
    let address = server().url.trim_start_matches("http://").to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let path = format!("/realms/{}/protocol/docker-v2/auth", realm.name);
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    );
    for chunk in chunks {
        request += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
    }
    request += "0\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn a_form_may_come_in_chunks_without_its_length() {
    let realm = Realm::new().await;
    let whole = loop {
        let chunks = [
            "grant_type=pass",
            "word&service=reg&username=ali",
            "ce&password=secret",
        ];
        match chunked(&realm, &chunks) {
            (503, _) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
            other => break other,
        }
    };
    assert_eq!(
        (whole.0, whole.1["access_token"].is_string()),
        (200, true),
        "{whole:?}"
    );
    let (status, body) = chunked(
        &realm,
        &["grant_type=refresh_token&service=reg&refresh_token=x"],
    );
    assert_eq!((status, &body["error"]), (401, &json!("invalid_grant")));
    let long = "a".repeat(40_000);
    assert_eq!(chunked(&realm, &[&long, &long]).0, 413);
}

#[tokio::test]
async fn a_realm_that_lets_nobody_in_says_so_to_forms_too() {
    let realm = Realm::new().await;
    let refused = async |text: &str| {
        let answer = realm.form(&GRANT).await;
        assert_eq!(answer.status, 400);
        is_double(&answer, "invalid_request", "DENIED", text, json!([]));
    };
    let set = async |change: Value| {
        assert_eq!(realm.admin.put(&realm.path(""), change).await.status, 204);
    };
    set(json!({ "sslRequired": "all" })).await;
    refused("HTTPS required").await;
    set(json!({ "sslRequired": "none", "enabled": false })).await;
    refused("Realm not enabled").await;
    let url = realm.docker_url().replace(&realm.name, "nosuch");
    let answer = patiently(|| Client::new().post(&url).form(&GRANT)).await;
    assert_eq!(
        (answer.status, answer.json),
        (404, json!({ "error": "Realm does not exist" }))
    );
}

#[tokio::test]
async fn options_name_post_and_other_methods_are_405() {
    let realm = Realm::new().await;
    let url = realm.docker_url();
    let client = Client::new();
    let options = client
        .request(reqwest::Method::OPTIONS, &url)
        .send()
        .await
        .unwrap();
    let allow = options.headers()["allow"].to_str().unwrap().to_owned();
    assert_eq!(options.status(), 200);
    for method in ["HEAD", "GET", "POST", "OPTIONS"] {
        assert!(allow.split(", ").any(|known| known == method), "{allow}");
    }
    for method in ["PUT", "PATCH", "DELETE"] {
        let method = method.parse().unwrap();
        let answer = client.request(method, &url).send().await.unwrap();
        assert_eq!(answer.status(), 405);
    }
}

#[tokio::test]
async fn wrong_passwords_of_forms_count_and_lock() {
    let realm = Realm::with(json!({ "bruteForceProtected": true, "failureFactor": 3 })).await;
    for _ in 0..3 {
        assert_eq!(realm.form(&but(&[("password", "wrong")])).await.status, 401);
    }
    assert_eq!(realm.form(&GRANT).await.status, 401);
    let path = realm.path(&format!(
        "/attack-detection/brute-force/users/{}",
        realm.alice
    ));
    let status = realm.admin.get(&path).await.json;
    assert_eq!(
        (&status["disabled"], &status["numFailures"]),
        (&json!(true), &json!(3))
    );
}
