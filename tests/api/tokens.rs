//! Tokens that are not what they say: the admin API and the refresh grant take none of them.

use serde_json::{Value, json};

use crate::forge;
use crate::people::forbidden;
use crate::support::{Admin, Answer, Realm, claims, login, person, server, token};

/// A realm that signs with the known key, and the claims of a good access token of its administrator.
struct Forged {
    realm: Realm,
    good: Value,
}

impl Forged {
    async fn new() -> Self {
        let realm = Realm::new().await;
        forge::import(&realm).await;
        realm.administrator("boss", &["realm-admin"]).await;
        let good = claims(&login(&server().url, &realm.name, "boss", "secret").await);
        Self { realm, good }
    }

    /// The claims with some changed; null takes one away.
    fn claims(&self, changes: Value) -> String {
        let mut claims = self.good.clone();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims.to_string()
    }

    async fn status(&self, token: &str) -> u16 {
        Admin::with_token(token)
            .get(&self.realm.path("/users"))
            .await
            .status
    }

    async fn refused(&self, what: &str, token: &str) {
        let answer = Admin::with_token(token)
            .get(&self.realm.path("/users"))
            .await;
        assert_eq!(
            (answer.status, answer.json),
            (401, json!({ "error": "HTTP 401 Unauthorized" })),
            "{what}"
        );
    }
}

#[tokio::test]
async fn the_realms_own_signature_is_all_that_counts() {
    let forged = Forged::new().await;
    let good = forged.claims(json!({}));
    assert_eq!(
        forged.status(&forge::sign(&forge::header(), &good)).await,
        200
    );

    let spki = forge::spki();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64_lines(&spki)
    );
    let with = |changes: Value| {
        let mut header = forge::header();
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    };
    for alg in ["none", "None", "NONE", ""] {
        let header = with(json!({ "alg": alg }));
        forged.refused(alg, &forge::unsigned(&header, &good)).await;
        forged.refused(alg, &forge::sign(&header, &good)).await;
    }
    // The public key as a password of HMAC, in each form that somebody might take for it.
    for key in [
        spki.as_slice(),
        pem.as_bytes(),
        pem.trim_end().as_bytes(),
        b"",
    ] {
        forged
            .refused(
                "HS256",
                &forge::mac(&with(json!({ "alg": "HS256" })), &good, key),
            )
            .await;
        forged
            .refused("RS256 by MAC", &forge::mac(&forge::header(), &good, key))
            .await;
    }
    // An algorithm of the same family that is not the key's.
    for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA"] {
        forged
            .refused(alg, &forge::sign(&with(json!({ "alg": alg })), &good))
            .await;
    }
    // One bit of the claims or of the signature.
    let token = forge::sign(&forge::header(), &good);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = forge::sign(&forge::header(), &forged.claims(json!({ "jti": "x" })));
    forged
        .refused(
            "another's signature",
            &format!("{signed}.{}", other.rsplit_once('.').unwrap().1),
        )
        .await;
    forged
        .refused(
            "half a signature",
            &format!("{signed}.{}", &signature[..signature.len() / 2]),
        )
        .await;
    forged.refused("no signature", &format!("{signed}.")).await;
    forged.refused("four parts", &format!("{token}.x")).await;
}

fn base64_lines(der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(der);
    let lines = text
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_not_used() {
    // The realm has never seen the known key: it is the attacker's here.
    let realm = Realm::new().await;
    realm.administrator("boss", &["realm-admin"]).await;
    let own = login(&server().url, &realm.name, "boss", "secret").await;
    let forged = Forged {
        good: claims(&own),
        realm,
    };
    let good = forged.claims(json!({}));
    let keys = forged
        .realm
        .admin
        .get(&forged.realm.path("/keys"))
        .await
        .json;
    let kid_of_realm = keys["active"]["RS256"].as_str().unwrap().to_owned();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = format!(
        "http://localhost:{}/jwks",
        listener.local_addr().unwrap().port()
    );

    let other = Realm::new().await;
    forge::import(&other).await;
    let certs = format!(
        "{}/realms/{}/protocol/openid-connect/certs",
        server().url,
        other.name
    );
    let published = Answer::read(reqwest::get(certs).await.unwrap()).await.json;
    let jwk = published["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == forge::kid())
        .unwrap()
        .clone();
    let x5c = jwk["x5c"].clone();
    for kid in [
        kid_of_realm.as_str(),
        &forge::kid(),
        "",
        "../../etc/passwd",
        "' or '1'='1",
        "x\u{0}y",
    ] {
        for more in [
            json!({}),
            json!({ "jwk": jwk }),
            json!({ "x5c": x5c }),
            json!({ "jku": url, "x5u": url }),
            json!({ "jwk": jwk, "x5c": x5c, "jku": url, "crit": ["b64"], "b64": true }),
        ] {
            let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid });
            header
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            forged
                .refused(&header.to_string(), &forge::sign(&header, &good))
                .await;
        }
    }
    let nameless = json!({ "alg": "RS256", "jwk": jwk });
    forged
        .refused("no kid", &forge::sign(&nameless, &good))
        .await;
    // Nobody was asked for a key.
    let asked = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(
        asked.is_err(),
        "the server has fetched a key that a token named"
    );
}

#[tokio::test]
async fn a_token_counts_in_its_time_and_for_its_purpose_only() {
    let forged = Forged::new().await;
    let sign = |changes: Value| forge::sign(&forge::header(), &forged.claims(changes));
    let now = forged.good["iat"].as_i64().unwrap();
    let far = now + 100_000;
    for changes in [
        json!({ "exp": now - 1 }),
        json!({ "exp": now - 1, "iat": now - 100 }),
        json!({ "exp": 0 }),
        json!({ "exp": -1 }),
        json!({ "exp": null }),
        json!({ "exp": far.to_string() }),
        json!({ "exp": far as f64 + 0.5 }),
        json!({ "exp": 1e300 }),
        json!({ "exp": [far] }),
        json!({ "exp": u64::MAX }),
        json!({ "nbf": far }),
        json!({ "nbf": far.to_string() }),
        json!({ "iat": far }),
        json!({ "iat": null }),
        json!({ "typ": null }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Refresh" }),
        json!({ "typ": "bearer" }),
        json!({ "azp": null }),
        json!({ "azp": "reg" }),
        json!({ "azp": "nosuch" }),
        json!({ "azp": "a\u{0}b" }),
        json!({ "sub": null, "sid": null }),
        json!({ "sub": "boss" }),
        json!({ "sub": uuid::Uuid::new_v4() }),
        json!({ "sid": "nosuch" }),
        json!({ "sid": "a\u{0}b" }),
        json!({ "sid": 7 }),
        json!({ "iss": null }),
        json!({ "iss": format!("{}/realms/master", server().url) }),
        json!({ "iss": format!("https://evil.example/realms/{}", forged.realm.name) }),
        json!({ "iss": format!("{}/realms/%00", server().url) }),
        json!({ "iss": format!("{}/realms/{}/", server().url, forged.realm.name) }),
        json!({ "iss": [format!("{}/realms/{}", server().url, forged.realm.name)] }),
    ] {
        forged.refused(&changes.to_string(), &sign(changes)).await;
    }
    let good = forged.claims(json!({}));
    let doubled = good.replacen('{', &format!("{{\"exp\":{far},"), 1);
    forged
        .refused("two exp", &forge::sign(&forge::header(), &doubled))
        .await;
    let doubled = good.replacen('{', "{\"sub\":\"x\",", 1);
    forged
        .refused("two sub", &forge::sign(&forge::header(), &doubled))
        .await;
    for claims in ["", "null", "[]", "{}", "7", "\u{feff}{}"] {
        forged
            .refused(claims, &forge::sign(&forge::header(), claims))
            .await;
    }
    // Whom a token is for beside this API does not matter, as in Keycloak: those of admin-cli name nobody.
    for audience in [
        json!("account"),
        json!(["realm-management", "account"]),
        json!(null),
    ] {
        assert_eq!(
            forged.status(&sign(json!({ "aud": audience }))).await,
            200,
            "{audience}"
        );
    }
    assert_eq!(
        forged
            .status(&sign(json!({ "exp": far, "nbf": now - 5 })))
            .await,
        200
    );
}

#[tokio::test]
async fn a_token_of_one_realm_is_nothing_in_another() {
    let (realm, other) = (Forged::new().await, Forged::new().await);
    // Both realms have the same key, so nothing but the claims is left.
    let issuer = |forged: &Forged| json!(format!("{}/realms/{}", server().url, forged.realm.name));
    let mixed = forge::sign(
        &forge::header(),
        &realm.claims(json!({ "iss": issuer(&other) })),
    );
    other.refused("a user of another realm", &mixed).await;
    realm.refused("a user of another realm", &mixed).await;
    let own = forge::sign(&forge::header(), &realm.claims(json!({})));
    let answer = Admin::with_token(&own)
        .get(&other.realm.path("/users"))
        .await;
    assert_eq!((answer.status, answer.json), (403, forbidden()));

    let url = &server().url;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "boss"),
        ("password", "secret"),
    ];
    let refresh = token(url, &realm.realm.name, &form).await.json["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    for given in [refresh.as_str(), &own, "x", "x.y.z", ""] {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "admin-cli"),
            ("refresh_token", given),
        ];
        let answer = token(url, &other.realm.name, &form).await;
        assert_eq!(
            (answer.status, &answer.json["error"]),
            (400, &json!("invalid_grant")),
            "{given}"
        );
    }
    // Neither an access token nor an ID token nor a docker token refreshes.
    let docker = realm.realm.docker("alice", "secret", "").await.json["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let form = [form.as_slice(), &[("scope", "openid")]].concat();
    let id = token(url, &realm.realm.name, &form).await.json["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    for given in [&docker, &id, &own] {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "admin-cli"),
            ("refresh_token", given),
        ];
        let answer = token(url, &realm.realm.name, &form).await;
        assert_eq!(
            (answer.status, &answer.json["error"]),
            (400, &json!("invalid_grant")),
            "{given}"
        );
    }
}

#[tokio::test]
async fn a_registrys_client_gets_no_token_that_administers() {
    let forged = Forged::new().await;
    // A docker token is signed by the realm's own key; even if its `kid` were the ordinary one, its client is no one's.
    let docker = forged
        .realm
        .docker("boss", "secret", "&scope=registry:catalog:*")
        .await;
    let docker = docker.json["token"].as_str().unwrap();
    forged.refused("docker token", docker).await;
    let text = claims(docker).to_string();
    forged
        .refused("docker claims", &forge::sign(&forge::header(), &text))
        .await;
    let user = forged.claims(json!({ "azp": "reg", "aud": "reg" }));
    forged
        .refused("docker client", &forge::sign(&forge::header(), &user))
        .await;
    let people = person("never");
    let made = Admin::with_token(docker)
        .post(&forged.realm.path("/users"), people)
        .await;
    assert_eq!(made.status, 401);
}
