//! Key providers: what signs, what is shown of it, and that nothing private is.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use serde_json::{Value, json};

use crate::support::{Answer, Realm, server};
use crate::{forge, x509};

fn provider(id: &str, config: Value) -> Value {
    json!({ "name": id, "providerId": id, "providerType": "org.keycloak.keys.KeyProvider", "config": config })
}

impl Realm {
    async fn add_key(&self, id: &str, config: Value) -> String {
        self.admin
            .create(&self.path("/components"), provider(id, config))
            .await
    }

    async fn keys(&self) -> Value {
        self.admin.get(&self.path("/keys")).await.json
    }

    /// The key of a component, as `GET /keys` shows it.
    async fn key_of(&self, component: &str) -> Option<Value> {
        let keys = self.keys().await;
        let mut keys = keys["keys"].as_array().unwrap().iter();
        keys.find(|key| key["providerId"] == component).cloned()
    }

    async fn change_key(&self, component: &str, member: &str, value: &str) -> u16 {
        let path = self.path(&format!("/components/{component}"));
        let mut config = self.admin.get(&path).await.json["config"].clone();
        config[member] = json!([value]);
        self.admin
            .put(&path, json!({ "config": config }))
            .await
            .status
    }

    /// The key that signs docker tokens just now, as its certificate.
    async fn signer(&self) -> String {
        let answer = self.docker("alice", "secret", "").await;
        x509::header(answer.json["token"].as_str().unwrap())["x5c"][0]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn published(&self) -> Vec<Value> {
        let url = format!(
            "{}/realms/{}/protocol/openid-connect/certs",
            server().url,
            self.name
        );
        let answer = Answer::read(reqwest::get(url).await.unwrap()).await;
        answer.json["keys"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn the_active_key_of_highest_priority_signs() {
    let realm = Realm::new().await;
    let old = realm.signer().await;
    let low = realm
        .add_key("rsa-generated", json!({ "priority": ["50"] }))
        .await;
    assert_eq!(realm.signer().await, old);
    let high = realm
        .add_key("rsa-generated", json!({ "priority": ["150"] }))
        .await;
    let (low_key, high_key) = (
        realm.key_of(&low).await.unwrap(),
        realm.key_of(&high).await.unwrap(),
    );
    assert_eq!(
        (&low_key["status"], &high_key["status"]),
        (&json!("ACTIVE"), &json!("ACTIVE"))
    );
    assert_eq!(realm.signer().await, high_key["certificate"]);
    assert_eq!(realm.keys().await["active"]["RS256"], high_key["kid"]);

    for (component, member, value, expected, status) in [
        (&low, "priority", "200", &low_key, "ACTIVE"),
        (&low, "active", "false", &high_key, "PASSIVE"),
        (&low, "active", "true", &low_key, "ACTIVE"),
        (&low, "enabled", "false", &high_key, "DISABLED"),
        (&low, "enabled", "true", &low_key, "ACTIVE"),
        (&low, "priority", "-7", &high_key, "ACTIVE"),
    ] {
        assert_eq!(realm.change_key(component, member, value).await, 204);
        assert_eq!(
            realm.signer().await,
            expected["certificate"],
            "{member} {value}"
        );
        let key = realm.key_of(component).await.unwrap();
        assert_eq!(key["status"], status, "{member} {value}");
        // The key itself stays what it was.
        assert_eq!(key["kid"], low_key["kid"]);
        let published = realm
            .published()
            .await
            .iter()
            .any(|key| key["kid"] == low_key["kid"]);
        assert_eq!(published, status != "DISABLED", "{member} {value}");
    }
    assert_eq!(
        realm
            .admin
            .delete(&realm.path(&format!("/components/{high}")))
            .await
            .status,
        204
    );
    assert_eq!(realm.signer().await, old);
    assert!(realm.key_of(&high).await.is_none());
}

#[tokio::test]
async fn a_realm_without_a_key_says_so_and_gets_one() {
    let realm = Realm::new().await;
    let components = realm
        .admin
        .get(&realm.path("/components?name=rsa-generated"))
        .await
        .json;
    let id = components[0]["id"].as_str().unwrap();
    assert_eq!(
        realm
            .admin
            .delete(&realm.path(&format!("/components/{id}")))
            .await
            .status,
        204
    );
    let answer = realm.docker("alice", "secret", "").await;
    assert_eq!(
        (answer.status, &answer.json["error"]),
        (500, &json!("server_error"))
    );
    assert!(
        answer.json["error_description"]
            .as_str()
            .unwrap()
            .contains("no active RS256 key")
    );
    // An RS512 key does not stand in for it.
    realm
        .add_key("rsa-generated", json!({ "algorithm": ["RS512"] }))
        .await;
    assert_eq!(realm.docker("alice", "secret", "").await.status, 500);
    realm.add_key("rsa-generated", json!({})).await;
    assert_eq!(realm.docker("alice", "secret", "").await.status, 200);
}

#[tokio::test]
async fn every_kind_of_key_is_made_shown_and_published_as_what_it_is() {
    let realm = Realm::new().await;
    for (id, config, kind, algorithm, key_use) in [
        (
            "rsa-generated",
            json!({ "keySize": ["3072"], "algorithm": ["PS256"] }),
            "RSA",
            "PS256",
            "SIG",
        ),
        (
            "rsa-enc-generated",
            json!({ "algorithm": ["RSA-OAEP-256"] }),
            "RSA",
            "RSA-OAEP-256",
            "ENC",
        ),
        ("ecdsa-generated", json!({}), "EC", "ES256", "SIG"),
        (
            "ecdsa-generated",
            json!({ "ecdsaEllipticCurveKey": ["P-384"] }),
            "EC",
            "ES384",
            "SIG",
        ),
        (
            "ecdsa-generated",
            json!({ "ecdsaEllipticCurveKey": ["P-521"] }),
            "EC",
            "ES512",
            "SIG",
        ),
        ("eddsa-generated", json!({}), "OKP", "EdDSA", "SIG"),
        ("hmac-generated", json!({}), "OCT", "HS256", "SIG"),
        (
            "hmac-generated",
            json!({ "algorithm": ["HS384"], "secretSize": ["64"] }),
            "OCT",
            "HS384",
            "SIG",
        ),
        (
            "aes-generated",
            json!({ "secretSize": ["32"] }),
            "OCT",
            "AES",
            "ENC",
        ),
        (
            "rsa",
            json!({ "privateKey": [forge::PEM] }),
            "RSA",
            "RS256",
            "SIG",
        ),
        (
            "rsa-enc",
            json!({ "privateKey": [forge::PEM] }),
            "RSA",
            "RSA-OAEP",
            "ENC",
        ),
    ] {
        let component = realm.add_key(id, config.clone()).await;
        let key = realm.key_of(&component).await.unwrap();
        assert_eq!(
            (&key["type"], &key["algorithm"], &key["use"], &key["status"]),
            (
                &json!(kind),
                &json!(algorithm),
                &json!(key_use),
                &json!("ACTIVE")
            ),
            "{id} {config}"
        );
        assert_eq!(key.get("publicKey").is_some(), kind != "OCT", "{id}");
        let published = realm.published().await;
        let published: Vec<&Value> = published
            .iter()
            .filter(|jwk| jwk["alg"] == algorithm && jwk["kid"] == key["kid"])
            .collect();
        assert_eq!(published.len(), usize::from(kind != "OCT"), "{id} {config}");
        for jwk in published {
            assert_eq!(
                (&jwk["kty"], &jwk["use"]),
                (&json!(kind), &json!(key_use.to_lowercase()))
            );
            for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
                assert_eq!(jwk.get(private), None, "{id} {private}");
            }
        }
    }
    // Tokens are RS256 as before.
    let answer = realm.docker("alice", "secret", "").await;
    assert_eq!(
        x509::header(answer.json["token"].as_str().unwrap())["alg"],
        "RS256"
    );
}

#[tokio::test]
async fn a_private_key_is_taken_in_both_pem_forms_and_as_bare_base64() {
    let bare = STANDARD.encode(forge::der());
    let pkcs1 = rsa::PrivateKey::from_pkcs8_der(&forge::der())
        .unwrap()
        .to_pkcs1_der()
        .unwrap();
    let pkcs1 = STANDARD.encode(pkcs1.as_bytes());
    let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{pkcs1}\n-----END RSA PRIVATE KEY-----");
    for text in [
        forge::PEM.to_owned(),
        forge::PEM.replace('\n', "\r\n"),
        bare,
        pem,
        pkcs1,
    ] {
        let realm = Realm::new().await;
        let id = realm
            .add_key("rsa", json!({ "privateKey": [text], "priority": ["400"] }))
            .await;
        assert_eq!(realm.key_of(&id).await.unwrap()["kid"], forge::kid());
        let config = realm
            .admin
            .get(&realm.path(&format!("/components/{id}")))
            .await
            .json["config"]
            .clone();
        assert_eq!(config["privateKey"], json!(["**********"]));
        // Written back as it was read, mask and all, it stays.
        let path = realm.path(&format!("/components/{id}"));
        assert_eq!(
            realm
                .admin
                .put(&path, json!({ "config": config }))
                .await
                .status,
            204
        );
        let answer = realm.docker("alice", "secret", "").await;
        let token = answer.json["token"].as_str().unwrap().to_owned();
        assert!(x509::is_signed_by(
            &token,
            &json!({ "keys": [jwk_of_known_key()] }),
            false
        ));
    }
}

/// The known key in public, from its SubjectPublicKeyInfo: the modulus stands before the exponent 65537.
fn jwk_of_known_key() -> Value {
    let spki = forge::spki();
    let modulus = &spki[spki.len() - 5 - 256..spki.len() - 5];
    json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB" })
}

#[tokio::test]
async fn what_is_no_key_is_400_and_adds_none() {
    let realm = Realm::new().await;
    let before = realm.keys().await;
    let short = "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEmo3qGy0t6z09AIJtH+5OeRV1be+N4cDYJKffGzDa88vQENZiRm0GRq6a+HPGQMd2kTQIhAKMSvzIBnni7ot/OSie2TmJLY4SwTQAevXysE2RbFDYdAiEBCUEaRQnMnbp79mxDXDf6AU0cN/RPBjb9qSHDcWZHGzUCIG2Es59z8ugGrDY+pxLQnwfotadxd+Uyv/Ow5T0q5gIJAiEAyS4RaI9YG8EWx/2w0T67ZUVAw8eOMB6BIUg0Xcu+3okCIBOs/5OiPgoTdSy7bcF9IGpSE8ZgGKzgYQVZeN97YE00";
    for (id, config) in [
        ("rsa", json!({})),
        ("rsa", json!({ "privateKey": ["**********"] })),
        ("rsa", json!({ "privateKey": [short] })),
        (
            "rsa",
            json!({ "privateKey": ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] }),
        ),
        ("rsa", json!({ "privateKey": forge::PEM })),
        (
            "rsa",
            json!({ "privateKey": [forge::PEM], "certificate": ["AAAA"] }),
        ),
        ("rsa", json!({ "privateKey": [7] })),
        ("rsa-generated", json!({ "keySize": ["512"] })),
        (
            "rsa-generated",
            json!({ "keySize": ["99999999999999999999"] }),
        ),
        ("rsa-generated", json!({ "priority": ["1.5"] })),
        ("rsa-generated", json!({ "algorithm": ["none"] })),
        ("rsa-generated", json!({ "enabled": ["maybe"] })),
        ("hmac-generated", json!({ "secretSize": ["1"] })),
        ("hmac-generated", json!({ "algorithm": ["RS256"] })),
        ("aes-generated", json!({ "secretSize": ["1000000000"] })),
        (
            "ecdsa-generated",
            json!({ "ecdsaEllipticCurveKey": ["P-1"] }),
        ),
        ("java-keystore", json!({ "keystore": ["/etc/passwd"] })),
        ("rsa-generated", json!({ "x": ["y".repeat(100_000)] })),
    ] {
        let answer = realm
            .admin
            .post(&realm.path("/components"), provider(id, config.clone()))
            .await;
        assert_eq!(answer.status, 400, "{id} {config}");
        assert!(
            answer
                .json
                .get("error")
                .or(answer.json.get("errorMessage"))
                .is_some(),
            "{id} {config}"
        );
    }
    assert_eq!(realm.keys().await, before);
}
