//! What must stand neither in the database nor in the log.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use testkit::http::Request;

use crate::admin::REFUSED;
use crate::node::{Node, Setup};
use crate::postgres::Postgres;
use crate::{ANSWER, beside};

/// A secret, and what it is.
type Secrets = Vec<(&'static str, Vec<u8>)>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What base64 makes of bytes somewhere inside a longer text: three forms, without the characters that depend on what
/// stands around them.
fn base64_inside(bytes: &[u8]) -> Vec<String> {
    (0..3)
        .map(|shift| {
            let text = BASE64_STANDARD.encode([&vec![0; shift][..], bytes].concat());
            let skip = [0, 2, 3][shift];
            text[skip..]
                .trim_end_matches('=')
                .rsplit_once(char::is_alphanumeric)
                .map_or("", |(head, _)| head)
                .to_owned()
        })
        .collect()
}

/// Uses all that has secrets, and names them.
fn exercise(node: &Node) -> Secrets {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8 = AsDer::<Pkcs8V1Der>::as_der(&key).unwrap().as_ref().to_vec();
    let body = BASE64_STANDARD.encode(&pkcs8);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let mut secrets: Secrets = vec![
        ("a password", b"Wonderland-Rabbit-Hole-1".to_vec()),
        ("a changed password", b"Wonderland-Looking-Glass-2".to_vec()),
        ("a wrong password", b"Wonderland-Jabberwock-3".to_vec()),
        (
            "a given client secret",
            b"GivenSecretOfTheConfidentialClient4".to_vec(),
        ),
        ("an OTP secret", b"OtpSecretTwentyBytes".to_vec()),
        ("a mail password", b"Wonderland-Mail-Password-5".to_vec()),
        // Prime p lies in the second half of a PKCS#8 key.
        ("an imported private key", pkcs8[700..760].to_vec()),
    ];
    let text = |secrets: &Secrets, n: usize| String::from_utf8(secrets[n].1.clone()).unwrap();

    node.create("", &json!({
        "realm": "secret",
        "enabled": true,
        "eventsEnabled": true,
        "bruteForceProtected": true,
            "quickLoginCheckMilliSeconds": 0,
        "smtpServer": {"host": "localhost", "from": "realm@example.org", "auth": "true", "user": "mail", "password": text(&secrets, 5)},
        "users": [{
            "username": "bob", "enabled": true, "email": "bob@example.org", "firstName": "Bob", "lastName": "Example",
            "credentials": [
                {"type": "password", "value": text(&secrets, 0)},
                {"type": "otp", "secretData": json!({"value": text(&secrets, 4)}).to_string(),
                 "credentialData": r#"{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}"#},
            ],
        }],
    }));
    let alice = node.user("secret", "alice", &text(&secrets, 0));
    let reset = json!({"type": "password", "value": text(&secrets, 1), "temporary": false});
    node.admin(
        "PUT",
        &format!("/secret/users/{alice}/reset-password"),
        Some(&reset),
    );
    node.registry("secret");
    let confidential = json!({"clientId": "confidential", "secret": text(&secrets, 3), "directAccessGrantsEnabled": true});
    let client = node.create("/secret/clients", &confidential);
    let realm = node.admin("GET", "/secret", None).json()["id"].clone();
    let component = |name: &str, provider: &str, config: Value| json!({"name": name, "providerId": provider, "providerType": "org.keycloak.keys.KeyProvider", "parentId": realm, "config": config});
    node.create(
        "/secret/components",
        &component(
            "imported",
            "rsa",
            json!({"priority": ["300"], "privateKey": [pem]}),
        ),
    );
    for provider in [
        "ecdsa-generated",
        "eddsa-generated",
        "hmac-generated",
        "aes-generated",
    ] {
        node.create(
            "/secret/components",
            &component(
                &format!("more {provider}"),
                provider,
                json!({"priority": ["50"]}),
            ),
        );
    }

    let token_request = |form: String| {
        let answer = Request::new("POST", "/realms/secret/protocol/openid-connect/token")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
            .send(&node.url)
            .unwrap();
        (answer.status, answer.json())
    };
    let string = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let with_client = format!("client_id=confidential&client_secret={}", text(&secrets, 3));
    let password = format!(
        "grant_type=password&scope=openid&username=alice&password={}",
        text(&secrets, 1)
    );
    let (status, tokens) = token_request(format!("{password}&{with_client}"));
    assert_eq!(status, 200, "{tokens}");
    let refresh = string(&tokens, "refresh_token");
    let (status, refreshed) = token_request(format!(
        "grant_type=refresh_token&refresh_token={refresh}&{with_client}"
    ));
    assert_eq!(status, 200, "{refreshed}");
    let (status, _) = token_request(format!(
        "{password}&client_id=confidential&client_secret=wrong"
    ));
    assert_eq!(status, 401);
    assert_eq!(
        node.login("secret", "alice", &text(&secrets, 2)).status,
        REFUSED
    );
    assert_eq!(
        node.docker("secret", "alice", &text(&secrets, 2)).status,
        401
    );
    let docker = node.docker("secret", "alice", &text(&secrets, 1));
    assert_eq!(docker.status, 200, "{}", docker.text());

    let made = node
        .admin(
            "POST",
            &format!("/secret/clients/{client}/client-secret"),
            None,
        )
        .json();
    secrets.push(("a made client secret", string(&made, "value").into_bytes()));
    for path in [
        "/secret",
        "/secret/components",
        "/secret/users",
        "/secret/clients",
        "/secret/keys",
        "/secret/events",
    ] {
        node.admin("GET", path, None);
    }
    // A token without its signature is no secret; the signature cannot be guessed from what else is logged.
    let signature = |token: &str| token.rsplit('.').next().unwrap().as_bytes().to_vec();
    for answer in [&tokens, &refreshed] {
        secrets.push((
            "an access token",
            signature(&string(answer, "access_token")),
        ));
        secrets.push((
            "a refresh token",
            signature(&string(answer, "refresh_token")),
        ));
        secrets.push(("an ID token", signature(&string(answer, "id_token"))));
    }
    secrets.push((
        "a docker token",
        signature(&string(&docker.json(), "token")),
    ));
    secrets.push(("the administrator's token", signature(&node.token())));
    secrets
}

/// # Panics
/// When one of the secrets stands in the text: plain, in base64 or in hex.
fn holds_none(place: &str, text: &str, secrets: &Secrets) {
    for (what, secret) in secrets {
        let mut forms = base64_inside(secret);
        forms.extend([
            hex(secret),
            hex(secret).to_uppercase(),
            BASE64_URL_SAFE_NO_PAD.encode(secret),
        ]);
        forms.extend(String::from_utf8(secret.clone()));
        for form in forms {
            assert!(
                form.len() >= 12,
                "{what}: {form} is too short to be looked for"
            );
            if let Some(at) = text.find(&form) {
                let before = text[..at].rfind('\n').map_or(0, |line| line + 1);
                panic!(
                    "{place} holds {what}: {}",
                    text[before..]
                        .lines()
                        .next()
                        .unwrap()
                        .chars()
                        .take(600)
                        .collect::<String>()
                );
            }
        }
    }
}

#[test]
fn neither_the_database_nor_a_log_at_trace_level_holds_a_secret() {
    let _beside = beside();
    // Its own Postgres, for its log.
    let postgres = Postgres::new();
    let database = postgres.database();
    let mut node = Setup::start(&database).env("KC_LOG_LEVEL", "trace").ready();
    let mut secrets = exercise(&node);
    secrets.extend(crate::typed::exercise(&node));

    let dump = database.dump();
    assert!(
        dump.contains("'bob'") && dump.contains("'confidential'") && dump.contains("argon2"),
        "the dump is not whole"
    );
    holds_none("the database", &dump, &secrets);
    assert!(
        !dump.contains("PRIVATE KEY"),
        "the database holds a private key in PEM"
    );
    for der in [
        // PKCS#8 (RFC 5208): version 0 and the algorithms RSA, EC, Ed25519; PKCS#1: version 0 and a modulus of 2048 bits.
        "020100300d06092a864886f70d010101",
        "020100301306072a8648ce3d0201",
        "020100300506032b6570",
        "02010002820101",
    ] {
        assert!(
            !dump.contains(der),
            "the database holds a private key in DER"
        );
    }
    // The first bytes of a 2048-bit PKCS#8 key.
    assert!(
        !dump.contains("MIIEv"),
        "the database holds a private key in base64"
    );
    let compact: String = dump.chars().filter(|c| !c.is_whitespace()).collect();
    for member in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
        assert!(
            !compact.contains(&format!(r#""{member}":"#)),
            "the database holds the private JWK member {member}"
        );
    }

    node.terminate();
    node.wait_end(ANSWER * 2);
    let log = node.log();
    assert!(
        log.contains(" TRACE ") && log.contains("LOGIN_ERROR"),
        "the log is not at trace level"
    );
    holds_none("the log", &log, &secrets);
    let mut typed = vec![(
        "the first administrator's credentials",
        BASE64_STANDARD.encode("alice:Wonderland").into_bytes(),
    )];
    typed.push(("the seal key", std::fs::read(&database.seal_key).unwrap()));
    holds_none("the log", &log, &typed);
    holds_none("Postgres's log", &postgres.log(), &secrets);
    assert!(!log.contains("PRIVATE KEY") && !log.contains("client_secret="));
}
