//! What signs the tokens of a realm and of a client, and that nothing else is taken for a signature.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::jws::{header, is_signed};
use crate::support::{Admin, Answer, Realm, claims, server, token};

async fn client(realm: &Realm, name: &str, attributes: Value) {
    let rep = json!({
        "clientId": name, "publicClient": true, "directAccessGrantsEnabled": true, "attributes": attributes
    });
    realm.admin.create(&realm.path("/clients"), rep).await;
}

async fn sign_in(realm: &Realm, client: &str) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("username", "alice"),
        ("password", "secret"),
        ("scope", "openid"),
    ];
    token(&server().url, &realm.name, &form).await
}

fn url(realm: &Realm, path: &str) -> String {
    format!(
        "{}/realms/{}/protocol/openid-connect/{path}",
        server().url,
        realm.name
    )
}

/// The key in the realm's key set that a token names.
async fn key(realm: &Realm, token: &str) -> Value {
    let answer = reqwest::get(url(realm, "certs")).await.unwrap();
    let set: Value = answer.json().await.unwrap();
    let keys = set["keys"].as_array().unwrap();
    let kid = &header(token)["kid"];
    let found = keys.iter().find(|key| key["kid"] == *kid);
    found
        .cloned()
        .unwrap_or_else(|| panic!("{kid} is not in {set}"))
}

async fn userinfo(realm: &Realm, access: &str) -> Answer {
    let request = reqwest::Client::new().get(url(realm, "userinfo"));
    Answer::read(request.bearer_auth(access).send().await.unwrap()).await
}

async fn providers(realm: &Realm) -> Vec<Value> {
    let path = realm.path("/components?type=org.keycloak.keys.KeyProvider");
    let all = realm.admin.get(&path).await.json;
    let all = all.as_array().unwrap().iter();
    let mut found: Vec<Value> = all
        .filter(|one| one["name"].as_str().unwrap().starts_with("fallback-"))
        .map(|one| json!([one["name"], one["providerId"], one["config"]]))
        .collect();
    found.sort_by_key(Value::to_string);
    found
}

fn half(algorithm: &str, token: &str) -> String {
    let how = match &algorithm[2..] {
        "256" => &SHA256,
        "384" => &SHA384,
        _ => &SHA512,
    };
    let hash = digest(how, token.as_bytes());
    let hash = hash.as_ref();
    URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
}

#[tokio::test]
async fn a_client_gets_its_tokens_signed_as_it_wants() {
    let realm = Realm::new().await;
    for algorithm in [
        "RS256", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA",
    ] {
        let attributes = json!({
            "access.token.signed.response.alg": algorithm, "id.token.signed.response.alg": algorithm,
            "user.info.response.signature.alg": algorithm
        });
        client(&realm, algorithm, attributes).await;
        let answer = sign_in(&realm, algorithm).await;
        assert_eq!(answer.status, 200, "{algorithm}: {}", answer.json);
        let text = |name: &str| answer.json[name].as_str().unwrap();
        let (access, id) = (text("access_token"), text("id_token"));
        let shown = userinfo(&realm, access).await;
        assert_eq!(shown.status, 200, "{algorithm}: {}", shown.text);
        assert_eq!(shown.headers["content-type"], "application/jwt");
        for signed in [access, id, &shown.text] {
            assert_eq!(header(signed)["alg"], algorithm);
            let key = key(&realm, signed).await;
            assert_eq!(key["alg"], algorithm);
            assert!(is_signed(signed, &key), "{algorithm}");
        }
        assert_eq!(
            claims(id)["at_hash"],
            half(algorithm, access),
            "{algorithm}"
        );
        let shown = claims(&shown.text);
        assert_eq!(shown["aud"], algorithm);
        assert_eq!(shown["iss"], claims(access)["iss"]);
        assert_eq!(shown["preferred_username"], "alice");
        // Nobody but this server reads them.
        assert_eq!(header(text("refresh_token"))["alg"], "HS512");
        let refreshed = [
            ("grant_type", "refresh_token"),
            ("client_id", algorithm),
            ("refresh_token", text("refresh_token")),
        ];
        let refreshed = token(&server().url, &realm.name, &refreshed).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.json);
    }
}

#[tokio::test]
async fn a_realm_that_lacks_a_key_gets_it_once_with_keycloaks_name() {
    let realm = Realm::with(json!({ "defaultSignatureAlgorithm": "ES256" })).await;
    client(&realm, "app", json!({})).await;
    client(
        &realm,
        "ps",
        json!({ "access.token.signed.response.alg": "PS256" }),
    )
    .await;
    assert!(providers(&realm).await.is_empty());
    let all = (0..8).map(|n| sign_in(&realm, if n % 2 == 0 { "app" } else { "ps" }));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer.status, 200, "{}", answer.json);
        assert_eq!(
            header(answer.json["id_token"].as_str().unwrap())["alg"],
            "ES256"
        );
    }
    assert_eq!(
        providers(&realm).await,
        [
            json!(["fallback-ES256", "ecdsa-generated",
                   { "ecdsaEllipticCurveKey": ["P-256"], "priority": ["-100"] }]),
            json!(["fallback-PS256", "rsa-generated", { "algorithm": ["PS256"], "priority": ["-100"] }]),
        ]
    );
}

#[tokio::test]
async fn a_fallback_key_that_was_switched_off_is_not_made_again() {
    let realm = Realm::new().await;
    client(
        &realm,
        "app",
        json!({ "id.token.signed.response.alg": "EdDSA" }),
    )
    .await;
    assert_eq!(sign_in(&realm, "app").await.status, 200);
    let path = realm.path("/components?name=fallback-EdDSA");
    let mut rep = realm.admin.get(&path).await.json[0].clone();
    rep["config"]["enabled"] = json!(["false"]);
    let path = realm.path(&format!("/components/{}", rep["id"].as_str().unwrap()));
    assert_eq!(realm.admin.put(&path, rep).await.status, 204);
    let answer = sign_in(&realm, "app").await;
    assert_eq!(answer.status, 500);
    let text = answer.json["error_description"].as_str().unwrap();
    assert!(text.contains("fallback-EdDSA"), "{text}");
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(sign_in(&realm, "app").await.status, 200);
}

#[tokio::test]
async fn what_cannot_sign_is_named_and_no_fault_of_the_server() {
    let realm = Realm::new().await;
    for (n, algorithm) in ["none", "foo", "RSA-OAEP", "AES", "rs256"]
        .iter()
        .enumerate()
    {
        let name = format!("app{n}");
        client(
            &realm,
            &name,
            json!({ "access.token.signed.response.alg": algorithm }),
        )
        .await;
        let answer = sign_in(&realm, &name).await;
        let error = &answer.json["error"];
        assert_eq!(
            (answer.status, error),
            (400, &json!("invalid_request")),
            "{algorithm}: {}",
            answer.text
        );
        assert!(
            answer.json.to_string().contains(algorithm),
            "{}",
            answer.json
        );
    }
    assert!(providers(&realm).await.is_empty());
}

#[tokio::test]
async fn every_algorithm_that_signs_is_taken_back_and_no_token_by_another_key() {
    let realm = Realm::new().await;
    let other = Realm::new().await;
    for algorithm in ["ES256", "EdDSA", "HS256"] {
        let attributes = json!({ "access.token.signed.response.alg": algorithm });
        for realm in [&realm, &other] {
            client(realm, algorithm, attributes.clone()).await;
        }
        let answer = sign_in(&realm, algorithm).await;
        let access = answer.json["access_token"].as_str().unwrap();
        assert_eq!(userinfo(&realm, access).await.status, 200, "{algorithm}");
        assert_eq!(
            Admin::with_token(access)
                .get(&realm.path("/users"))
                .await
                .status,
            403
        );
        // The same at another realm: its key has another name, and its issuer too.
        assert_eq!(userinfo(&other, access).await.status, 401, "{algorithm}");

        let (signed, signature) = access.rsplit_once('.').unwrap();
        let (_, body) = signed.split_once('.').unwrap();
        for (name, value) in [
            ("alg", json!("none")),
            ("alg", json!("HS512")),
            ("alg", json!("RS256")),
            ("kid", json!("../../etc/passwd")),
            ("kid", json!("x' or '1'='1")),
            ("kid", Value::Null),
            ("crit", json!(["exp"])),
        ] {
            let mut head = header(access);
            head[name] = value;
            let head = URL_SAFE_NO_PAD.encode(head.to_string());
            let forged = format!("{head}.{body}.{signature}");
            assert_eq!(
                userinfo(&realm, &forged).await.status,
                401,
                "{algorithm} {name}"
            );
            let forged = format!("{head}.{body}.");
            assert_eq!(
                userinfo(&realm, &forged).await.status,
                401,
                "{algorithm} {name}"
            );
        }
    }
    // A refresh token is signed by a key that may sign access tokens: its type keeps it out.
    client(
        &realm,
        "hs",
        json!({ "access.token.signed.response.alg": "HS512" }),
    )
    .await;
    let answer = sign_in(&realm, "hs").await.json;
    assert_eq!(
        userinfo(&realm, answer["access_token"].as_str().unwrap())
            .await
            .status,
        200
    );
    assert_eq!(
        userinfo(&realm, answer["refresh_token"].as_str().unwrap())
            .await
            .status,
        401
    );
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "hs"),
        ("refresh_token", answer["access_token"].as_str().unwrap()),
    ];
    let traded = token(&server().url, &realm.name, &form).await;
    assert_eq!(traded.json["error_description"], "Invalid refresh token");
}
