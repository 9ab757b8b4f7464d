//! The certificates of a client: made here or brought, public halves kept, private ones told once.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use serde_json::{Value, json};

use crate::rows::dump;
use crate::support::{Answer, Realm, login, server};

/// Sends a form as browsers do.
async fn upload(realm: &Realm, call: &str, fields: &[(&str, &str)]) -> Answer {
    let token = login(&server().url, "master", "admin", "admin").await;
    let mut body = String::new();
    for (name, value) in fields {
        let file = if *name == "file" {
            "; filename=\"f\""
        } else {
            ""
        };
        body.push_str(&format!(
            "--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str("--b0undary--\r\n");
    let url = format!(
        "{}/admin/realms{}/{call}",
        server().url,
        realm.path(&certificates(realm))
    );
    let request = reqwest::Client::new()
        .post(url)
        .bearer_auth(token)
        .header("Content-Type", "multipart/form-data; boundary=b0undary")
        .body(body);
    Answer::read(request.send().await.unwrap()).await
}

fn certificates(realm: &Realm) -> String {
    format!("/clients/{}/certificates/jwt.credential", realm.registry)
}

async fn shown(realm: &Realm) -> Value {
    realm
        .admin
        .get(&realm.path(&certificates(realm)))
        .await
        .json
}

fn pem(kind: &str, base64: &str) -> String {
    let lines: Vec<String> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        lines.join("\n")
    )
}

async fn generate(realm: &Realm) -> (String, String) {
    let path = realm.path(&format!("{}/generate", certificates(realm)));
    let made = realm.admin.post(&path, Value::Null).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let text = |name: &str| made.json[name].as_str().unwrap().to_owned();
    (text("privateKey"), text("certificate"))
}

#[tokio::test]
async fn a_generated_key_is_told_once_and_kept_nowhere() {
    let realm =
        Realm::with(json!({ "adminEventsEnabled": true, "adminEventsDetailsEnabled": true })).await;
    assert_eq!(shown(&realm).await, json!({}));
    let (private, certificate) = generate(&realm).await;
    let der = STANDARD.decode(&certificate).unwrap();
    let key = rsa::PrivateKey::from_pkcs1_der(&STANDARD.decode(&private).unwrap()).unwrap();
    let modulus = rsa::traits::PublicKeyParts::n_bytes(&key).to_vec();
    assert!(der.windows(modulus.len()).any(|part| part == modulus));

    assert_eq!(shown(&realm).await, json!({ "certificate": certificate }));
    let client = realm.path(&format!("/clients/{}", realm.registry));
    let attributes = realm.admin.get(&client).await.json["attributes"].clone();
    assert_eq!(attributes["jwt.credential.certificate"], certificate);
    let events = realm.admin.get(&realm.path("/admin-events")).await.text;
    for text in [dump(&realm.name).await, events, attributes.to_string()] {
        assert!(!text.contains(&private) && !text.contains("private.key"));
    }
}

#[tokio::test]
async fn a_certificate_or_a_public_key_is_brought_as_pem_and_replaces_the_other() {
    let realm = Realm::new().await;
    let (_, certificate) = generate(&realm).await;
    let other = generate(&realm).await.1;
    let key = realm.admin.get(&realm.path("/keys")).await.json;
    let key = key["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["algorithm"] == "RS256")
        .unwrap();
    let public = pem("PUBLIC KEY", key["publicKey"].as_str().unwrap());
    for call in ["upload", "upload-certificate"] {
        let file = pem("CERTIFICATE", &certificate);
        let taken = upload(
            &realm,
            call,
            &[("keystoreFormat", "Certificate PEM"), ("file", &file)],
        )
        .await;
        let expected = json!({ "certificate": certificate });
        assert_eq!((taken.status, &taken.json), (200, &expected));
        assert_eq!(shown(&realm).await, expected);
        let taken = upload(
            &realm,
            call,
            &[("keystoreFormat", "Public Key PEM"), ("file", &public)],
        )
        .await;
        let expected = json!({ "publicKey": public });
        assert_eq!((taken.status, &taken.json), (200, &expected));
        assert_eq!(shown(&realm).await, expected);
    }
    // Bare base64, and the file first.
    let bare = upload(
        &realm,
        "upload",
        &[("file", &other), ("keystoreFormat", "Certificate PEM")],
    )
    .await;
    assert_eq!(
        (bare.status, bare.json),
        (200, json!({ "certificate": other }))
    );
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_and_changes_nothing() {
    let realm = Realm::new().await;
    let (_, certificate) = generate(&realm).await;
    let long = "x".repeat(300_000);
    for (fields, status, text) in [
        (vec![], 400, "keystoreFormat cannot be null"),
        (vec![("file", "x")], 400, "keystoreFormat cannot be null"),
        (
            vec![("keystoreFormat", "Certificate PEM")],
            400,
            "file cannot be empty",
        ),
        (
            vec![("keystoreFormat", "Certificate PEM"), ("file", "")],
            400,
            "file cannot be empty",
        ),
        (
            vec![("keystoreFormat", "Public Key PEM"), ("file", "xx")],
            400,
            "Failed to decode public key",
        ),
        (
            vec![
                ("keystoreFormat", "Public Key PEM"),
                ("file", certificate.as_str()),
            ],
            400,
            "Failed to decode public key",
        ),
        (
            vec![("file", long.as_str())],
            413,
            "The body is larger than 262144 bytes",
        ),
    ] {
        let answer = upload(&realm, "upload", &fields).await;
        assert_eq!(
            (answer.status, &answer.json),
            (status, &json!({ "error": text }))
        );
    }
    let bad = upload(
        &realm,
        "upload",
        &[("keystoreFormat", "Certificate PEM"), ("file", "xx")],
    )
    .await;
    assert_eq!(
        (bad.status, bad.json),
        (
            400,
            json!({ "errorMessage": "Failed to decode certificate" })
        )
    );
    let json = realm
        .admin
        .post(
            &realm.path(&format!("{}/upload", certificates(&realm))),
            json!({}),
        )
        .await;
    assert_eq!(
        (json.status, json.json),
        (400, json!({ "error": "keystoreFormat cannot be null" }))
    );
    assert_eq!(shown(&realm).await, json!({ "certificate": certificate }));
}

#[tokio::test]
async fn keystores_are_not_available() {
    let realm = Realm::new().await;
    let keystore = upload(
        &realm,
        "upload",
        &[("keystoreFormat", "PKCS12"), ("file", "x")],
    )
    .await;
    assert_eq!(keystore.status, 501);
    for call in ["download", "generate-and-download"] {
        let path = realm.path(&format!("{}/{call}", certificates(&realm)));
        let answer = realm.admin.post(&path, json!({ "format": "PKCS12" })).await;
        assert_eq!(answer.status, 501, "{}", answer.text);
    }
    let nobody = realm.path("/clients/00000000-0000-0000-0000-000000000000/certificates/a");
    let missing = realm.admin.get(&nobody).await;
    assert_eq!(
        (missing.status, missing.json),
        (404, json!({ "error": "Could not find client" }))
    );
    let long = realm.path(&format!(
        "/clients/{}/certificates/{}/generate",
        realm.registry,
        "x".repeat(300)
    ));
    assert_eq!(realm.admin.post(&long, Value::Null).await.status, 400);
}
