//! Back-channel logout: what a client is sent when a session that it took part in ends, and by whom it may end.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::browser::{Browser, app, auth_url, parameter, redeem};
use crate::listener::{Listener, Request};
use crate::support::{Answer, Realm, claims, server, token};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The client `app`, which wants to be told at this URL; and with what else is given.
async fn told_at(realm: &Realm, url: &str, more: Value) -> String {
    let mut attributes = json!({ "backchannel.logout.url": url });
    attributes
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    app(realm, json!({ "attributes": attributes })).await
}

async fn sign_in(realm: &Realm) -> Value {
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "secret"),
        ("scope", "openid"),
    ];
    let answer = token(&server().url, &realm.name, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

async fn log_out(realm: &Realm, tokens: &Value) -> Answer {
    let url = format!(
        "{}/realms/{}/protocol/openid-connect/logout",
        server().url,
        realm.name
    );
    let form = [
        ("client_id", "app"),
        ("refresh_token", text(tokens, "refresh_token")),
    ];
    Answer::read(Client::new().post(url).form(&form).send().await.unwrap()).await
}

/// The claims of a logout token, whose signature is checked with the realm's published keys.
async fn verified(realm: &Realm, request: &Request) -> Value {
    assert!(request.line.starts_with("POST "), "{}", request.line);
    let form = request.form();
    assert_eq!(form.len(), 1, "{form:?}");
    let token = &form["logout_token"];
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let head = signed.split('.').next().unwrap();
    let head: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    assert_eq!(
        (&head["typ"], &head["alg"]),
        (&json!("logout+jwt"), &json!("RS256"))
    );
    let certs = format!(
        "{}/realms/{}/protocol/openid-connect/certs",
        server().url,
        realm.name
    );
    let keys = Answer::read(Client::new().get(certs).send().await.unwrap())
        .await
        .json;
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == head["kid"]);
    let key = key.expect("a key of the realm");
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let (n, e) = (number("n"), number("e"));
    let public = aws_lc_rs::signature::RsaPublicKeyComponents { n: &n, e: &e };
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let algorithm = &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
    public
        .verify(algorithm, signed.as_bytes(), &signature)
        .expect("a good signature");
    claims(token)
}

#[tokio::test]
async fn a_logout_token_says_whose_session_has_ended() {
    let realm = Realm::new().await;
    let mut listener = Listener::answering("200 OK").await;
    let url = format!("{}/told?x=y", listener.url);
    let more = json!({
        "backchannel.logout.session.required": "true", "backchannel.logout.revoke.offline.tokens": "true"
    });
    told_at(&realm, &url, more).await;
    let tokens = sign_in(&realm).await;
    assert_eq!(log_out(&realm, &tokens).await.status, 204);

    let request = listener.request().await;
    assert_eq!(request.line, "POST /told?x=y HTTP/1.1");
    let found = verified(&realm, &request).await;
    let issuer = format!("{}/realms/{}", server().url, realm.name);
    let expected = json!({
        "exp": found["iat"].as_i64().unwrap() + 120, "iat": found["iat"], "jti": found["jti"], "iss": issuer,
        "aud": "app", "sub": realm.alice, "typ": "Logout", "sid": claims(text(&tokens, "id_token"))["sid"],
        "events": { EVENT: {}, "revoke_offline_access": true }
    });
    assert_eq!(found, expected);

    // There is nothing left to tell.
    assert_eq!(log_out(&realm, &tokens).await.status, 204);
    let tokens = sign_in(&realm).await;
    assert_eq!(log_out(&realm, &tokens).await.status, 204);
    let next = verified(&realm, &listener.request().await).await;
    assert_eq!(next["sid"], claims(text(&tokens, "id_token"))["sid"]);
}

#[tokio::test]
async fn only_a_client_that_asks_for_it_learns_the_session() {
    let realm = Realm::new().await;
    let mut listener = Listener::answering("200 OK").await;
    let more = json!({ "backchannel.logout.session.required": "false" });
    told_at(&realm, &listener.url, more).await;
    log_out(&realm, &sign_in(&realm).await).await;
    let found = verified(&realm, &listener.request().await).await;
    assert_eq!(
        (found.get("sid"), &found["events"]),
        (None, &json!({ EVENT: {} }))
    );
}

#[tokio::test]
async fn a_client_with_pairwise_subjects_is_told_the_one_that_it_knows() {
    let realm = Realm::new().await;
    let mut listener = Listener::answering("200 OK").await;
    let pairwise = json!({
        "name": "pairwise", "protocol": "openid-connect", "protocolMapper": "oidc-sha256-pairwise-sub-mapper",
        "config": { "pairwiseSubAlgorithmSalt": "salt" }
    });
    let more = json!({
        "attributes": { "backchannel.logout.url": listener.url }, "protocolMappers": [pairwise]
    });
    app(&realm, more).await;
    let tokens = sign_in(&realm).await;
    log_out(&realm, &tokens).await;
    let found = verified(&realm, &listener.request().await).await;
    assert_eq!(found["sub"], claims(text(&tokens, "id_token"))["sub"]);
    assert_ne!(found["sub"], json!(realm.alice));
}

#[tokio::test]
async fn a_client_that_failed_is_told_once_more_and_no_more() {
    let realm = Realm::new().await;
    let mut listener = Listener::answering("503 Not Now").await;
    let more = json!({ "backchannel.logout.session.required": "true" });
    told_at(&realm, &listener.url, more).await;
    // The second session's second call comes later than a third one of the first would.
    for _ in 0..2 {
        let tokens = sign_in(&realm).await;
        log_out(&realm, &tokens).await;
        for _ in 0..2 {
            let found = verified(&realm, &listener.request().await).await;
            assert_eq!(found["sid"], tokens["session_state"]);
        }
    }
}

#[tokio::test]
async fn administrators_end_sessions_and_the_client_is_told() {
    let realm = Realm::new().await;
    let mut listener = Listener::answering("200 OK").await;
    told_at(
        &realm,
        &listener.url,
        json!({ "backchannel.logout.session.required": "true" }),
    )
    .await;
    for call in ["session", "user", "realm"] {
        let tokens = sign_in(&realm).await;
        let sid = text(&tokens, "session_state");
        let (method, path) = match call {
            "session" => (Method::DELETE, format!("/sessions/{sid}")),
            "user" => (Method::POST, format!("/users/{}/logout", realm.alice)),
            _ => (Method::POST, "/logout-all".to_owned()),
        };
        let answer = realm.admin.call(method, &realm.path(&path), None).await;
        assert!(answer.status < 300, "{call}: {}", answer.json);
        let found = verified(&realm, &listener.request().await).await;
        assert_eq!(found["sid"], json!(sid), "{call}");
    }
}

#[tokio::test]
async fn every_client_of_a_browsers_session_is_told_whichever_asked() {
    let realm = Realm::new().await;
    let mut listener = Listener::answering("200 OK").await;
    told_at(&realm, &listener.url, json!({})).await;
    let other = json!({
        "clientId": "other", "publicClient": true, "redirectUris": ["*"],
        "attributes": { "backchannel.logout.url": "/other" }, "rootUrl": listener.url
    });
    realm.admin.create(&realm.path("/clients"), other).await;
    let mut browser = Browser::new();
    let back = browser
        .sign_in(&realm.name, "&scope=openid", "alice", "secret")
        .await;
    let code = parameter(&back, "code").unwrap();
    let tokens = redeem(&realm.name, &code, &[]).await.json;
    let sso = auth_url(&realm.name, "").replace("client_id=app", "client_id=other");
    assert_eq!(browser.get(&sso).await.status, 302);

    let url = format!(
        "{}/realms/{}/protocol/openid-connect/logout?id_token_hint={}",
        server().url,
        realm.name,
        text(&tokens, "id_token")
    );
    assert_eq!(browser.get(&url).await.status, 200);
    let mut told = Vec::new();
    for _ in 0..2 {
        let request = listener.request().await;
        let found = verified(&realm, &request).await;
        told.push((request.line, found["aud"].as_str().unwrap().to_owned()));
    }
    told.sort();
    let line = |path: &str| format!("POST {path} HTTP/1.1");
    assert_eq!(
        told,
        [
            (line("/"), "app".to_owned()),
            (line("/other"), "other".to_owned())
        ]
    );
}

#[tokio::test]
async fn a_client_that_cannot_be_told_delays_and_fails_nobody() {
    let realm = Realm::new().await;
    // Nobody listens there: the port has just been given back.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    drop(silent);
    // This one takes the call and never answers.
    let dumb = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dumb_url = format!("http://127.0.0.1:{}/", dumb.local_addr().unwrap().port());
    let refusing = Listener::answering("500 No").await;
    let id = told_at(&realm, &gone, json!({})).await;
    for url in [gone, dumb_url, refusing.url] {
        let path = realm.path(&format!("/clients/{id}"));
        let mut client = realm.admin.get(&path).await.json;
        client["attributes"]["backchannel.logout.url"] = json!(url);
        assert_eq!(realm.admin.put(&path, client).await.status, 204);
        let tokens = sign_in(&realm).await;
        let begun = std::time::Instant::now();
        assert_eq!(log_out(&realm, &tokens).await.status, 204);
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(4),
            "{url}: {:?}",
            begun.elapsed()
        );
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", text(&tokens, "refresh_token")),
        ];
        let after = token(&server().url, &realm.name, &form).await;
        assert_eq!(after.json["error_description"], "Session not active");
    }
}
