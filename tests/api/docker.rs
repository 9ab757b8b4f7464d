//! Docker tokens: what is in them, and what a registry can trust while keys come and go.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, Realm, claims, server};
use crate::{forge, x509};

impl Realm {
    /// A token for everything in repository `a`.
    async fn docker_token(&self) -> String {
        let answer = self
            .docker("alice", "secret", "&scope=repository:a:pull,push")
            .await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json["token"].as_str().unwrap().to_owned()
    }

    async fn file(&self, id: &str) -> Answer {
        let path = format!("/clients/{}/installation/providers/{id}", self.registry);
        self.admin.get(&self.path(&path)).await
    }

    async fn bundle(&self) -> String {
        self.file("docker-v2-ca-bundle").await.text
    }

    async fn certs(&self) -> Value {
        let url = format!(
            "{}/realms/{}/protocol/openid-connect/certs",
            server().url,
            self.name
        );
        Answer::read(reqwest::get(url).await.unwrap()).await.json
    }
}

fn names(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn a_token_holds_what_a_registry_needs_and_no_more() {
    let realm = Realm::new().await;
    let answer = realm
        .docker("ALICE", "secret", "&scope=repository:a:pull,push")
        .await;
    assert_eq!(
        names(&answer.json),
        ["expires_in", "issued_at", "token"].into()
    );
    let token = answer.json["token"].as_str().unwrap();
    let header = x509::header(token);
    assert_eq!(names(&header), ["alg", "kid", "typ", "x5c"].into());
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("RS256"), &json!("JWT"))
    );
    let groups: Vec<&str> = header["kid"].as_str().unwrap().split(':').collect();
    assert!(
        groups.len() == 12 && groups.iter().all(|group| group.len() == 4),
        "{}",
        header["kid"]
    );

    let claims = claims(token);
    let expected = [
        "access", "aud", "azp", "exp", "iat", "iss", "jti", "nbf", "sub", "typ",
    ];
    assert_eq!(names(&claims), expected.into());
    let time = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!((time("nbf"), time("exp")), (time("iat"), time("iat") + 300));
    assert_eq!(answer.json["expires_in"], 300);
    for (name, value) in [
        ("sub", json!("alice")),
        ("aud", json!("reg")),
        ("azp", json!("reg")),
        ("typ", json!("Bearer")),
        (
            "iss",
            json!(format!("{}/realms/{}", server().url, realm.name)),
        ),
        (
            "access",
            json!([{ "type": "repository", "name": "a", "actions": ["pull", "push"] }]),
        ),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    let again = self::claims(&realm.docker_token().await);
    assert_ne!(claims["jti"], again["jti"]);
    assert!(uuid::Uuid::try_parse(claims["jti"].as_str().unwrap()).is_ok());
}

#[tokio::test]
async fn the_lifetime_is_the_clients_else_the_realms() {
    let realm = Realm::with(json!({ "accessTokenLifespan": 77 })).await;
    let lifetime = async || {
        let answer = realm.docker("alice", "secret", "").await.json;
        let claims = claims(answer["token"].as_str().unwrap());
        assert_eq!(
            answer["expires_in"],
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
        );
        answer["expires_in"].as_i64().unwrap()
    };
    assert_eq!(lifetime().await, 77);
    let client = realm.path(&format!("/clients/{}", realm.registry));
    for (attribute, expected) in [
        ("44", 44),
        ("", 77),
        ("x", 77),
        ("-5", 77),
        ("0", 77),
        ("99999999999999999999", 77),
    ] {
        let change = json!({ "attributes": { "access.token.lifespan": attribute } });
        let status = realm.admin.put(&client, change).await.status;
        assert!(status == 204 || status == 400, "{attribute}: {status}");
        if status == 204 {
            assert_eq!(lifetime().await, expected, "{attribute}");
        }
    }
}

#[tokio::test]
async fn tokens_chain_to_the_ca_bundle_through_every_rotation() {
    let realm = Realm::new().await;
    let bundle = realm.bundle().await;
    assert_eq!(x509::pem(&bundle).len(), 1);
    let mut tokens = vec![realm.docker_token().await];
    let mut providers = Vec::new();
    for round in 1..=3 {
        let component = json!({
            "name": format!("round {round}"), "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider", "config": { "priority": [(200 + round).to_string()] }
        });
        providers.push(
            realm
                .admin
                .create(&realm.path("/components"), component)
                .await,
        );
        tokens.push(realm.docker_token().await);
        assert_eq!(realm.bundle().await, bundle, "round {round}");
    }
    let kids: BTreeSet<String> = tokens
        .iter()
        .map(|token| x509::header(token)["kid"].to_string())
        .collect();
    assert_eq!(kids.len(), tokens.len());
    let other = Realm::new().await;
    let (certs, foreign) = (realm.certs().await, other.bundle().await);
    let jwks = realm.file("docker-v2-jwks").await.json;
    let keys = realm.admin.get(&realm.path("/keys")).await.text;
    for token in &tokens {
        assert!(x509::is_trusted(token, &bundle) && !x509::is_trusted(token, &foreign));
        assert!(
            x509::is_signed_by(token, &certs, false)
                && !x509::is_signed_by(token, &other.certs().await, false)
        );
        assert!(x509::is_signed_by(token, &jwks, true));
        assert!(keys.contains(x509::header(token)["x5c"][0].as_str().unwrap()));
    }
    // A key that is gone is in no set any more; the bundle does not change even then.
    for provider in &providers {
        assert_eq!(
            realm
                .admin
                .delete(&realm.path(&format!("/components/{provider}")))
                .await
                .status,
            204
        );
    }
    assert!(!x509::is_signed_by(&tokens[3], &realm.certs().await, false));
    assert!(!x509::is_signed_by(
        &tokens[3],
        &realm.file("docker-v2-jwks").await.json,
        true
    ));
    assert_eq!(realm.bundle().await, bundle);
    assert_eq!(
        x509::header(&realm.docker_token().await)["kid"],
        x509::header(&tokens[0])["kid"]
    );
}

#[tokio::test]
async fn a_renamed_realm_keeps_its_chain() {
    let mut realm = Realm::new().await;
    let (bundle, before) = (realm.bundle().await, realm.docker_token().await);
    let name = format!("{}-new", realm.name);
    assert_eq!(
        realm
            .admin
            .put(&realm.path(""), json!({ "realm": name }))
            .await
            .status,
        204
    );
    realm.name = name;
    let component = json!({ "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "config": { "priority": ["300"] } });
    realm
        .admin
        .create(&realm.path("/components"), component)
        .await;
    assert_eq!(realm.bundle().await, bundle);
    for token in [before, realm.docker_token().await] {
        assert!(x509::is_trusted(&token, &bundle));
    }
}

#[tokio::test]
async fn an_imported_key_without_a_certificate_gets_one_of_the_realms_ca() {
    let realm = Realm::new().await;
    let bundle = realm.bundle().await;
    forge::import(&realm).await;
    let token = realm.docker_token().await;
    assert!(x509::is_trusted(&token, &bundle));
    assert!(x509::is_signed_by(&token, &realm.certs().await, false));
}

#[tokio::test]
async fn an_imported_key_keeps_its_certificate_in_tokens_and_in_the_bundle() {
    let realm = Realm::new().await;
    let before = realm.bundle().await;
    let mut params = rcgen::CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "from elsewhere");
    let pair = rcgen::KeyPair::try_from(forge::der()).unwrap();
    let certificate = params.self_signed(&pair).unwrap().der().to_vec();
    let text = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(&certificate)
    };
    let mut component = forge::component(500);
    component["config"]["certificate"] = json!([text]);
    let id = realm
        .admin
        .create(&realm.path("/components"), component)
        .await;

    let token = realm.docker_token().await;
    assert_eq!(x509::certificate(&token), certificate);
    let bundle = realm.bundle().await;
    assert!(bundle.starts_with(&before) && x509::pem(&bundle).contains(&certificate));
    assert!(x509::is_trusted(&token, &bundle) && !x509::is_trusted(&token, &before));
    // Without it the bundle is the old one.
    let path = realm.path(&format!("/components/{id}"));
    let mut config = realm.admin.get(&path).await.json["config"].clone();
    assert_eq!(config["certificate"], json!([text]));
    config["enabled"] = json!(["false"]);
    assert_eq!(
        realm
            .admin
            .put(&path, json!({ "config": config }))
            .await
            .status,
        204
    );
    assert_eq!(realm.bundle().await, before);

    // A certificate of another key is refused.
    let other = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default()
        .self_signed(&other)
        .unwrap()
        .der()
        .to_vec();
    let mut component = forge::component(501);
    component["config"]["certificate"] = json!([base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        certificate
    )]);
    let answer = realm
        .admin
        .post(&realm.path("/components"), component)
        .await;
    assert_eq!(
        (answer.status, answer.json["errorMessage"].is_string()),
        (400, true),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn x5c_is_left_out_where_the_client_says_so() {
    let realm = Realm::new().await;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    for (value, expected) in [("false", false), ("true", true), ("no", true)] {
        let change = json!({ "attributes": { "docker-v2.x5c": value } });
        assert_eq!(realm.admin.put(&client, change).await.status, 204);
        let token = realm.docker_token().await;
        assert_eq!(
            x509::header(&token).get("x5c").is_some(),
            expected,
            "{value}"
        );
        assert!(x509::is_signed_by(
            &token,
            &realm.file("docker-v2-jwks").await.json,
            true
        ));
    }
}

#[tokio::test]
async fn a_second_factor_refuses_the_bare_password_unless_the_realm_allows_it() {
    let realm = Realm::new().await;
    let otp = json!({
        "username": "carol", "enabled": true, "email": "carol@example.test", "firstName": "C", "lastName": "T",
        "credentials": [
            { "type": "password", "value": "secret" },
            { "type": "otp", "secretData": "{\"value\":\"JBSWY3DPEHPK3PXP\"}", "credentialData": "{\"subType\":\"totp\",\"digits\":6,\"period\":30,\"algorithm\":\"HmacSHA1\"}" }
        ]
    });
    realm.admin.create(&realm.path("/users"), otp).await;
    let answer = realm
        .docker("carol", "secret", "&scope=repository:a:pull")
        .await;
    assert_eq!(answer.status, 401);
    let message = "A second factor protects this account. Use an app password.";
    assert_eq!(answer.json["errors"][0]["message"], message);
    // A wrong password learns nothing of it.
    let wrong = realm.docker("carol", "wrong", "").await;
    assert_eq!(
        wrong.json["errors"][0]["message"],
        "Invalid username or password."
    );
    for (value, status) in [("true", 200), ("yes", 401), ("false", 401)] {
        let change = json!({ "attributes": { "dockerV2.passwordWithSecondFactor": value } });
        assert_eq!(realm.admin.put(&realm.path(""), change).await.status, 204);
        assert_eq!(
            realm.docker("carol", "secret", "").await.status,
            status,
            "{value}"
        );
        assert_eq!(realm.docker("carol", "wrong", "").await.status, 401);
    }
}

#[tokio::test]
async fn an_e_mail_address_is_a_name_where_the_realm_says_so_and_addresses_are_unique() {
    let realm = Realm::new().await;
    for name in ["alice@example.test", "Alice@Example.Test"] {
        let answer = realm.docker(name, "secret", "").await;
        assert_eq!(
            claims(answer.json["token"].as_str().unwrap())["sub"],
            "alice"
        );
    }
    for change in [
        json!({ "loginWithEmailAllowed": false }),
        json!({ "loginWithEmailAllowed": true, "duplicateEmailsAllowed": true }),
    ] {
        assert_eq!(
            realm
                .admin
                .put(&realm.path(""), change.clone())
                .await
                .status,
            204
        );
        assert_eq!(
            realm
                .docker("alice@example.test", "secret", "")
                .await
                .status,
            401,
            "{change}"
        );
    }
}
