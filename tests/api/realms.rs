//! Realms: renamed, deleted, changed, and what they may be called.

use serde_json::json;
use uuid::Uuid;

use crate::support::{Admin, Answer, Realm, claims, login, person, server, token};

/// A name that no other test has.
pub fn fresh() -> String {
    format!("r-{}", Uuid::new_v4().simple())
}

/// A docker token request at a realm, for a user of it.
pub async fn docker(realm: &str, user: &str, password: &str) -> Answer {
    let url = format!(
        "{}/realms/{realm}/protocol/docker-v2/auth?service=reg&scope=repository:a:pull",
        server().url
    );
    Answer::read(
        reqwest::Client::new()
            .get(url)
            .basic_auth(user, Some(password))
            .send()
            .await
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn a_rename_moves_everything_to_the_new_name() {
    let realm = Realm::new().await;
    realm.administrator("boss", &["realm-admin"]).await;
    let old = login(&server().url, &realm.name, "boss", "secret").await;
    let client = realm
        .admin
        .get(&format!("/master/clients?clientId={}-realm", realm.name))
        .await
        .json[0]["id"]
        .clone();
    let id = realm.admin.get(&realm.path("")).await.json["id"].clone();
    let name = fresh();
    assert_eq!(
        realm
            .admin
            .put(&realm.path(""), json!({ "realm": name }))
            .await
            .status,
        204
    );

    assert_eq!(docker(&realm.name, "alice", "secret").await.status, 404);
    assert_eq!(realm.admin.get(&realm.path("")).await.status, 404);
    let issuer = format!("{}/realms/{name}", server().url);
    let answer = docker(&name, "alice", "secret").await;
    assert_eq!(
        claims(answer.json["token"].as_str().unwrap())["iss"],
        issuer.as_str()
    );
    let new = login(&server().url, &name, "boss", "secret").await;
    assert_eq!(claims(&new)["iss"], issuer.as_str());
    assert_eq!(
        Admin::with_token(&old)
            .get(&format!("/{name}/users"))
            .await
            .status,
        401
    );
    assert_eq!(
        Admin::with_token(&new)
            .get(&format!("/{name}/users"))
            .await
            .status,
        200
    );
    assert_eq!(realm.admin.get(&format!("/{name}")).await.json["id"], id);
    let found = |name: &str| {
        let (admin, path) = (
            realm.admin.clone(),
            format!("/master/clients?clientId={name}-realm"),
        );
        async move { admin.get(&path).await.json }
    };
    assert_eq!(found(&name).await[0]["id"], client);
    assert_eq!(found(&realm.name).await, json!([]));
    // The old name is free, and nobody of the renamed realm has a right in the new one.
    assert_eq!(
        realm
            .admin
            .post("", json!({ "realm": realm.name, "enabled": true }))
            .await
            .status,
        201
    );
    for token in [&old, &new] {
        assert!(matches!(
            Admin::with_token(token)
                .get(&realm.path("/users"))
                .await
                .status,
            401 | 403
        ));
    }
}

#[tokio::test]
async fn a_deleted_realm_leaves_nothing_behind() {
    let realm = Realm::new().await;
    login(&server().url, &realm.name, "alice", "secret").await;
    let id: Uuid = realm.admin.get(&realm.path("")).await.json["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(realm.admin.delete(&realm.path("")).await.status, 204);
    for path in [
        "",
        "/users",
        "/keys",
        &format!("/clients/{}", realm.registry),
    ] {
        let answer = realm.admin.get(&realm.path(path)).await;
        assert_eq!(
            (answer.status, answer.json),
            (404, json!({ "error": "Realm not found." }))
        );
    }
    assert_eq!(realm.admin.delete(&realm.path("")).await.status, 404);
    assert_eq!(
        realm
            .admin
            .get(&format!("/master/clients?clientId={}-realm", realm.name))
            .await
            .json,
        json!([])
    );
    for url in [
        "",
        "/protocol/openid-connect/certs",
        "/.well-known/openid-configuration",
    ] {
        let answer = reqwest::get(format!("{}/realms/{}{url}", server().url, realm.name))
            .await
            .unwrap();
        assert_eq!(answer.status(), 404, "{url}");
    }
    let mut db = crate::rows::connect().await;
    let tables: Vec<String> =
        sqlx::query_scalar("select table_name::text from information_schema.columns where column_name = 'realm_id' and table_schema = 'public'")
            .fetch_all(&mut db)
            .await
            .unwrap();
    assert!(tables.len() >= 13, "{tables:?}");
    for table in tables {
        let sql = format!("select count(*) from {table} where realm_id = $1");
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_one(&mut db)
            .await
            .unwrap();
        assert_eq!(left, 0, "{table}");
    }
}

#[tokio::test]
async fn master_is_neither_renamed_nor_disabled_nor_deleted() {
    let admin = Admin::master().await;
    for answer in [
        admin.put("/master", json!({ "realm": "other" })).await,
        admin.put("/master", json!({ "enabled": false })).await,
        admin.delete("/master").await,
    ] {
        assert_eq!(
            (answer.status, answer.json["errorMessage"].is_string()),
            (400, true),
            "{}",
            answer.text
        );
    }
    assert_eq!(admin.get("/master").await.json["enabled"], true);
}

#[tokio::test]
async fn a_taken_name_or_id_is_409_and_odd_names_are_refused_in_words() {
    let (realm, other) = (Realm::new().await, Realm::new().await);
    let admin = &realm.admin;
    let id = admin.get(&realm.path("")).await.json["id"].clone();
    for (rep, text) in [
        (
            json!({ "realm": realm.name }),
            format!("Realm {} already exists", realm.name),
        ),
        (
            json!({ "realm": fresh(), "id": id }),
            "Duplicate resource error".to_owned(),
        ),
    ] {
        let answer = admin.post("", rep).await;
        assert_eq!(
            (answer.status, answer.json),
            (409, json!({ "errorMessage": text }))
        );
    }
    let renamed = admin
        .put(&realm.path(""), json!({ "realm": other.name }))
        .await;
    assert_eq!(
        (renamed.status, renamed.json),
        (
            409,
            json!({ "errorMessage": "Realm with same name exists" })
        )
    );
    let long = "x".repeat(300);
    for name in [
        "",
        " ",
        "..",
        ".",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a;b",
        "a%b",
        "a\nb",
        "a\u{7f}b",
        "Master",
        "MASTER",
        "admin",
        "Admin",
        "realms",
        "auth",
        " x",
        "x ",
        "<script>",
        "a\"b",
        "a'b",
        "\u{1b}[31m",
        &long,
    ] {
        let made = admin.post("", json!({ "realm": name })).await;
        let renamed = admin.put(&realm.path(""), json!({ "realm": name })).await;
        for answer in [made, renamed] {
            assert_eq!(answer.status, 400, "{name:?}: {}", answer.text);
            let text = answer
                .json
                .get("errorMessage")
                .or(answer.json.get("error"))
                .unwrap()
                .as_str()
                .unwrap();
            assert!(!text.contains("Database"), "{name:?}: {text}");
        }
    }
    // What is merely unusual works in every path.
    for name in [
        format!("ü {}", fresh()),
        format!("🦀{}", fresh()),
        format!("a+b={}", fresh()),
    ] {
        let made = admin.post("", json!({ "realm": name, "enabled": true, "users": [person("alice")], "clients": [{ "clientId": "reg", "protocol": "docker-v2" }] })).await;
        assert_eq!(made.status, 201, "{name}: {}", made.text);
        let encoded = made.location.rsplit('/').next().unwrap().to_owned();
        assert!(encoded.is_ascii());
        assert_eq!(
            admin.get(&format!("/{encoded}")).await.json["realm"],
            name.as_str()
        );
        let answer = docker(&encoded, "alice", "secret").await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        assert_eq!(
            claims(answer.json["token"].as_str().unwrap())["iss"],
            format!("{}/realms/{encoded}", server().url)
        );
        let own = login(&server().url, &encoded, "alice", "secret").await;
        assert_eq!(
            Admin::with_token(&own)
                .get(&format!("/{encoded}/users"))
                .await
                .status,
            403
        );
        assert_eq!(admin.delete(&format!("/{encoded}")).await.status, 204);
    }
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name() {
    let realm = Realm::with(json!({ "displayName": "D", "smtpServer": { "host": "a", "from": "a@example.org", "password": "sm7p" }, "attributes": { "one": "1", "two": "2" } })).await;
    let before = realm.admin.get(&realm.path("")).await.json;
    assert_eq!(
        realm.admin.put(&realm.path(""), json!({})).await.status,
        204
    );
    assert_eq!(realm.admin.get(&realm.path("")).await.json, before);
    // All of it written back as it was read, masks and all, changes nothing. As in Keycloak some numbers become
    // attributes by it, once.
    let whole = realm.admin.put(&realm.path(""), before.clone()).await;
    assert_eq!(whole.status, 204, "{}", whole.json);
    let written = realm.admin.get(&realm.path("")).await.json;
    let attributes = before["attributes"].as_object().unwrap();
    for (name, value) in attributes {
        assert_eq!(&written["attributes"][name], value, "{name}");
    }
    let mut rest = written.clone();
    rest["attributes"] = before["attributes"].clone();
    assert_eq!(rest, before);
    let before = written;
    let whole = realm.admin.put(&realm.path(""), before.clone()).await;
    assert_eq!(whole.status, 204, "{}", whole.json);
    assert_eq!(realm.admin.get(&realm.path("")).await.json, before);
    let password = "select smtp_password is not null from realm where name = $1";
    let kept: bool = sqlx::query_scalar(password)
        .bind(&realm.name)
        .fetch_one(&mut crate::rows::connect().await)
        .await
        .unwrap();
    assert!(kept);
    let change = json!({ "accessTokenLifespan": 60, "displayName": "E" });
    assert_eq!(realm.admin.put(&realm.path(""), change).await.status, 204);
    let after = realm.admin.get(&realm.path("")).await.json;
    let mut expected = before;
    expected["accessTokenLifespan"] = json!(60);
    expected["displayName"] = json!("E");
    assert_eq!(after, expected);
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "secret"),
    ];
    assert_eq!(
        token(&server().url, &realm.name, &form).await.json["expires_in"],
        60
    );
}
