//! Which keys count for the assertions of a client: its own, and no others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client_signing::Signing;
use crate::forge;
use crate::jws::Pair;
use crate::listener::Listener;

fn answer(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

#[tokio::test]
async fn only_the_clients_own_keys_count_whatever_the_header_says() {
    let it = Signing::new(Pair::es256()).await;
    let attacker = Pair::es256();
    let claims = |_: &str| it.claims("j", json!({}));
    let with = |more: Value| {
        let mut header = it.header();
        header
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        header
    };
    let mut keys = Listener::saying(answer(&json!({ "keys": [attacker.jwk("k")] }))).await;
    for header in [
        with(json!({ "jwk": attacker.jwk("k") })),
        with(json!({ "jku": keys.url, "x5u": keys.url })),
        with(json!({ "x5c": [STANDARD.encode(forge::spki())] })),
        with(json!({ "kid": "../../k" })),
        with(json!({ "kid": "k' or '1'='1" })),
        with(json!({ "kid": "\u{0}" })),
        with(json!({ "alg": "EdDSA" })),
    ] {
        let refused = it.assert(&attacker.sign(&header, &claims(""))).await;
        assert_eq!(refused.status, 400, "{header}: {}", refused.json);
        assert_eq!(refused.json["error"], "invalid_client", "{header}");
    }
    assert!(
        keys.requests.try_recv().is_err(),
        "a URL of the header was called"
    );
    // An extension that has to be understood.
    let critical = it
        .pair
        .sign(&with(json!({ "crit": ["b64"], "b64": false })), &claims(""));
    assert_eq!(it.assert(&critical).await.status, 401);

    let text = claims("").to_string();
    let none = forge::unsigned(&json!({ "alg": "none", "kid": "k" }), &text);
    it.refused(&none, "invalid_client", "Invalid signature algorithm")
        .await;
    // The public key as a password of HMAC, in each form that somebody might take for it.
    let jwk = it.pair.jwk("k");
    for key in [
        jwk.to_string().as_bytes(),
        jwk["x"].as_str().unwrap().as_bytes(),
        b"",
    ] {
        let forged = forge::mac(&json!({ "alg": "HS256", "kid": "k" }), &text, key);
        it.refused(&forged, "invalid_client", "Invalid signature algorithm")
            .await;
    }
}

#[tokio::test]
async fn a_key_without_use_or_for_encryption_is_not_picked() {
    let it = Signing::new(Pair::es256()).await;
    for usage in [Value::Null, json!("enc")] {
        let mut jwk = it.pair.jwk("k");
        jwk["use"] = usage;
        let keys = json!({ "keys": [jwk] }).to_string();
        let name = uuid::Uuid::new_v4().to_string();
        it.client(&name, json!({ "jwks.string": keys })).await;
        it.refused(
            &it.good(&name),
            "invalid_client",
            "Unable to load public key",
        )
        .await;
    }
    for (name, keys) in [("broken", "{nope"), ("none", r#"{"keys":[]}"#)] {
        it.client(name, json!({ "jwks.string": keys })).await;
        it.refused(
            &it.good(name),
            "invalid_client",
            "Unable to load public key",
        )
        .await;
    }
}

#[tokio::test]
async fn keys_at_a_url_are_fetched_once_and_not_again_for_every_unknown_one() {
    let it = Signing::new(Pair::eddsa()).await;
    let mut keys = Listener::saying(answer(&json!({ "keys": [it.pair.jwk("k")] }))).await;
    let attributes =
        json!({ "use.jwks.string": "false", "use.jwks.url": "true", "jwks.url": keys.url });
    it.client("u", attributes).await;
    let tries = (0..5).map(|_| async { it.assert(&it.good("u")).await.status });
    assert_eq!(futures_util::future::join_all(tries).await, [200; 5]);
    for n in 0..5 {
        let header = json!({ "alg": "EdDSA", "kid": format!("unknown-{n}") });
        let unknown = it.pair.sign(&header, &it.claims("u", json!({})));
        it.refused(&unknown, "invalid_client", "Unable to load public key")
            .await;
    }
    keys.request().await;
    assert!(keys.requests.try_recv().is_err(), "fetched twice");

    for url in ["http://127.0.0.1:1/", "file:///etc/passwd", "nonsense"] {
        let name = uuid::Uuid::new_v4().to_string();
        let attributes =
            json!({ "use.jwks.string": "false", "use.jwks.url": "true", "jwks.url": url });
        let rep = json!({ "clientId": name, "clientAuthenticatorType": "client-jwt", "serviceAccountsEnabled": true,
                          "attributes": attributes });
        let made = it.realm.admin.post(&it.realm.path("/clients"), rep).await;
        // Some are refused when they are written.
        if made.status == 201 {
            it.refused(
                &it.good(&name),
                "invalid_client",
                "Unable to load public key",
            )
            .await;
        }
    }
}

#[tokio::test]
async fn the_certificate_of_a_client_is_a_key_of_it() {
    let it = Signing::new(Pair::es256()).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
    let certificate = STANDARD.encode(params.self_signed(&key).unwrap().der());
    let attributes =
        json!({ "use.jwks.string": "false", "jwt.credential.certificate": certificate });
    it.client("cert", attributes).await;
    let how = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let own = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(how, &key.serialize_der()).unwrap();
    let own = Pair::Es256(own);
    let header = json!({ "alg": "ES256" });
    let assertion = own.sign(&header, &it.claims("cert", json!({})));
    let answer = it.assert(&assertion).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let other = it.pair.sign(&header, &it.claims("cert", json!({})));
    it.refused(
        &other,
        "invalid_client",
        "Client authentication with signed JWT failed: Signature on JWT token failed validation",
    )
    .await;
}
