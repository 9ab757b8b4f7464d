//! Realms made from files, with all that they bring; hashes as exports of Keycloak carry them.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::realms::{docker, fresh};
use crate::rows::dump;
use crate::support::{Admin, claims, login, server};
use crate::{forge, x509};

/// A password's hash as exports of Keycloak carry it.
fn pbkdf2(password: &str) -> Value {
    let (salt, mut hash) = (b"0123456789abcdef", [0; 32]);
    let iterations = NonZeroU32::new(27_500).unwrap();
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        password.as_bytes(),
        &mut hash,
    );
    json!({
        "type": "password",
        "credentialData": r#"{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#,
        "secretData": json!({ "value": STANDARD.encode(hash), "salt": STANDARD.encode(salt), "additionalParameters": {} }).to_string()
    })
}

/// The same with argon2id, of Keycloak's parameters.
fn argon2(password: &str) -> Value {
    let salt = b"fedcba9876543210";
    let params = argon2::Params::new(7168, 5, 1, Some(32)).unwrap();
    let mut hash = [0; 32];
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut hash)
        .unwrap();
    json!({
        "type": "password",
        "credentialData": r#"{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}"#,
        "secretData": json!({ "value": STANDARD.encode(hash), "salt": STANDARD.encode(salt), "additionalParameters": {} }).to_string()
    })
}

fn imported(name: &str, credential: Value) -> Value {
    json!({
        "username": name, "enabled": true, "email": format!("{name}@example.test"), "firstName": name, "lastName": "T",
        "credentials": [credential], "realmRoles": ["puller"],
        "clientRoles": { "realm-management": ["view-users"], "reg": ["push"] }
    })
}

fn file(name: &str, client: Uuid, component: Uuid) -> Value {
    json!({
        "id": format!("{name}-id"), "realm": name, "enabled": true, "accessTokenLifespan": 123, "displayName": "D",
        "attributes": { "own": "kept" },
        "smtpServer": { "host": "mail.example.test", "from": "a@example.test", "password": "sm7p-secret" },
        "roles": {
            "realm": [
                { "name": "puller", "description": "pulls" },
                { "name": "all", "composite": true, "composites": { "realm": ["puller"], "client": { "reg": ["push"] } } }
            ],
            "client": { "reg": [{ "name": "push" }] }
        },
        "clients": [
            { "id": client, "clientId": "reg", "protocol": "docker-v2", "enabled": true, "secret": "kn0wn-client-secret",
              "attributes": { "access.token.lifespan": "44" },
              "protocolMappers": [{ "name": "all", "protocol": "docker-v2", "protocolMapper": "docker-v2-allow-all-mapper", "config": {} }] }
        ],
        "components": { "org.keycloak.keys.KeyProvider": [
            { "id": component, "name": "known", "providerId": "rsa", "config": { "privateKey": [forge::PEM], "priority": ["200"] } },
            { "name": "hmac", "providerId": "hmac-generated", "config": { "algorithm": ["HS512"] } }
        ] },
        "users": [imported("plain", json!({ "type": "password", "value": "secret" })), imported("old", pbkdf2("pässword")), imported("new", argon2("secret"))]
    })
}

#[tokio::test]
async fn a_realm_file_is_taken_in_whole() {
    let admin = Admin::master().await;
    let (name, client, component) = (fresh(), Uuid::new_v4(), Uuid::new_v4());
    let made = admin.post("", file(&name, client, component)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(
        made.location,
        format!("{}/admin/realms/{name}", server().url)
    );
    let get = async |path: &str| admin.get(&format!("/{name}{path}")).await.json;

    let realm = get("").await;
    for (member, value) in [
        ("id", json!(format!("{name}-id"))),
        ("accessTokenLifespan", json!(123)),
        ("displayName", json!("D")),
        (
            "smtpServer",
            json!({ "host": "mail.example.test", "from": "a@example.test", "password": "**********" }),
        ),
    ] {
        assert_eq!(realm[member], value, "{member}");
    }
    assert_eq!(realm["attributes"]["own"], "kept");
    let found = get(&format!("/clients/{client}")).await;
    assert_eq!(
        (&found["clientId"], &found["secret"]),
        (&json!("reg"), &json!("kn0wn-client-secret"))
    );
    assert_eq!(found["protocolMappers"].as_array().unwrap().len(), 1);
    let known = get(&format!("/components/{component}")).await;
    assert_eq!(known["config"]["privateKey"], json!(["**********"]));
    assert_eq!(get("/keys").await["active"]["RS256"], forge::kid());
    let names = |list: &Value| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|role| role["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&get("/roles/all/composites").await),
        ["puller", "push"]
    );

    for (user, password) in [("plain", "secret"), ("old", "pässword"), ("new", "secret")] {
        for _ in 0..2 {
            // Twice: a hash of another kind is replaced by the first login.
            let answer = docker(&name, user, password).await;
            assert_eq!(
                (answer.status, &answer.json["expires_in"]),
                (200, &json!(44)),
                "{user} {}",
                answer.text
            );
            let token = answer.json["token"].as_str().unwrap();
            assert_eq!(x509::header(token)["alg"], "RS256");
            assert_eq!(claims(token)["access"][0]["name"], "a");
        }
        assert_eq!(docker(&name, user, "wrong").await.status, 401, "{user}");
        let users = get(&format!("/users?username={user}&exact=true")).await;
        let mappings = get(&format!(
            "/users/{}/role-mappings",
            users[0]["id"].as_str().unwrap()
        ))
        .await;
        assert!(
            names(&mappings["realmMappings"]).contains(&"puller".to_owned()),
            "{mappings}"
        );
        assert_eq!(
            names(&mappings["clientMappings"]["reg"]["mappings"]),
            ["push"]
        );
        // Roles of the file count as those given by hand.
        let caller = Admin::with_token(&login(&server().url, &name, user, password).await);
        assert_eq!(caller.get(&format!("/{name}/users")).await.status, 200);
        assert_eq!(caller.get(&format!("/{name}/clients")).await.status, 403);
    }
    let old = get("/users?username=old").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let credentials = get(&format!("/users/{old}/credentials")).await;
    assert!(
        credentials[0]["credentialData"]
            .as_str()
            .unwrap()
            .contains("argon2"),
        "{credentials}"
    );

    let rows = dump(&name).await;
    let hex = |text: &str| {
        text.bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    for secret in ["sm7p-secret", "kn0wn-client-secret"] {
        for shape in [secret.to_owned(), STANDARD.encode(secret), hex(secret)] {
            assert!(!rows.contains(&shape), "{shape}");
        }
    }
}

#[tokio::test]
async fn of_a_file_with_one_fault_nothing_is_left() {
    let admin = Admin::master().await;
    let name = fresh();
    let good = || file(&name, Uuid::new_v4(), Uuid::new_v4());
    for (pointer, value, status) in [
        ("/users/2/username", json!("old"), 409),
        ("/users/2/email", json!("old@example.test"), 409),
        ("/users/2/username", json!(null), 400),
        ("/users/2/credentials/0/credentialData", json!("{"), 400),
        ("/users/2/nosuch", json!(1), 400),
        ("/roles/realm/0/name", json!(""), 400),
        ("/roles/realm/1/composites/realm/0", json!("nosuch"), 400),
        ("/roles/client/nosuch", json!([{ "name": "x" }]), 400),
        ("/clients/0/protocol", json!("nosuch"), 400),
        (
            "/clients/0/protocolMappers/0/protocolMapper",
            json!("nosuch"),
            400,
        ),
        (
            "/components/org.keycloak.keys.KeyProvider/0/config/privateKey/0",
            json!("x"),
            400,
        ),
        ("/groups", json!([{ "path": "/g" }]), 400),
        ("/users/2/groups", json!(["/nosuch"]), 400),
        (
            "/identityProviders",
            json!([{ "alias": "i", "providerId": "saml" }]),
            501,
        ),
        ("/organizations", json!([{ "name": "o" }]), 501),
        ("/federatedUsers", json!([{ "id": "f" }]), 501),
        (
            "/components/org.keycloak.storage.UserStorageProvider",
            json!([{ "name": "ldap" }]),
            501,
        ),
        ("/components/nosuch", json!([{ "name": "x" }]), 400),
        ("/browserFlow", json!("my browser"), 400),
        ("/passwordPolicy", json!("nosuch(1)"), 400),
    ] {
        let mut rep = good();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        match rep.pointer_mut(parent).unwrap() {
            Value::Array(list) => list[member.parse::<usize>().unwrap()] = value,
            object => object[member] = value,
        }
        let answer = admin.post("", rep).await;
        assert_eq!(answer.status, status, "{pointer}: {}", answer.text);
        assert!(
            answer
                .json
                .get("error")
                .or(answer.json.get("errorMessage"))
                .is_some(),
            "{pointer}: {}",
            answer.text
        );
        assert_eq!(
            admin.get(&format!("/{name}")).await.status,
            404,
            "{pointer}"
        );
        assert_eq!(
            admin
                .get(&format!("/master/clients?clientId={name}-realm"))
                .await
                .json,
            json!([]),
            "{pointer}"
        );
    }
    assert_eq!(admin.post("", good()).await.status, 201);
}
