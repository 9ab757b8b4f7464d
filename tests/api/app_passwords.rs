//! App passwords: how they are made, what they are good for, and what ends them. How they are judged at a login is in
//! `app_password_logins`.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::rows::{connect, dump, execute};
use crate::second_factor::{failures, guarded, says};
use crate::support::{Answer, Realm, login, person, server, token};

impl Realm {
    pub async fn app_password(&self, body: Value) -> Answer {
        let path = format!("/users/{}/app-passwords", self.alice);
        self.admin.post(&self.path(&path), body).await
    }

    /// A new one of alice's: its id and what it is.
    pub async fn new_app_password(&self, body: Value) -> (String, String) {
        let made = self.app_password(body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let text = |name: &str| made.json[name].as_str().unwrap().to_owned();
        (text("id"), text("value"))
    }

    /// Alice's app passwords as credentials.
    pub async fn app_passwords(&self) -> Vec<Value> {
        let path = self.path(&format!("/users/{}/credentials", self.alice));
        let mut all: Vec<Value> = serde_json::from_value(self.admin.get(&path).await.json).unwrap();
        all.retain(|one| one["type"] == "app-password");
        all
    }

    /// The status of a docker login of alice's.
    pub async fn lets_in(&self, password: &str) -> u16 {
        self.docker("alice", password, "").await.status
    }
}

#[tokio::test]
async fn one_is_made_shown_once_listed_and_deleted_as_a_credential() {
    let realm = Realm::new().await;
    let expires = store::clock::now_ms() + 1_000_000;
    let body = json!({ "label": "laptop", "expirationDate": expires, "clients": ["reg", "later"] });
    let made = realm.app_password(body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, value) = (&made.json["id"], made.json["value"].as_str().unwrap());
    let own = realm.path(&format!(
        "/users/{}/credentials/{}",
        realm.alice,
        id.as_str().unwrap()
    ));
    assert_eq!(made.location, format!("{}/admin/realms{own}", server().url));
    let mut shown = made.json.clone();
    shown.as_object_mut().unwrap().remove("value");
    assert_eq!(
        shown,
        json!({
            "id": id, "label": "laptop", "createdDate": made.json["createdDate"], "expirationDate": expires,
            "clients": ["later", "reg"]
        })
    );
    let (id_part, secret) = value.strip_prefix("rkp_").unwrap().split_once('_').unwrap();
    assert_eq!((id_part.len(), secret.len()), (22, 49), "{value}");
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
    assert!(plain(id_part) && plain(secret), "{value}");

    let listed = realm.app_passwords().await;
    assert_eq!(
        listed,
        [json!({
            "id": id, "type": "app-password", "userLabel": "laptop", "createdDate": made.json["createdDate"],
            "credentialData": format!(r#"{{"clients":["later","reg"],"expirationDate":{expires}}}"#)
        })]
    );
    assert!(!dump(&realm.name).await.contains(&value[27..70]));
    let answer = realm
        .docker("alice", value, "&scope=repository:a:pull")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        crate::support::claims(answer.json["token"].as_str().unwrap())["sub"],
        "alice"
    );

    assert_eq!(realm.admin.delete(&own).await.status, 204);
    assert_eq!(realm.lets_in(value).await, 401);
    assert_eq!(realm.app_passwords().await, [] as [Value; 0]);
    assert_eq!(realm.admin.delete(&own).await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_one_is_refused_with_a_text_and_nothing_is_made() {
    let realm = Realm::new().await;
    let long = "x".repeat(256);
    let many: Vec<String> = (0..51).map(|number| number.to_string()).collect();
    for body in [
        json!({}),
        json!({ "label": "" }),
        json!({ "label": null }),
        json!({ "label": 5 }),
        json!({ "label": long }),
        json!({ "label": "a\u{0}" }),
        json!({ "label": "a\nb" }),
        json!({ "label": "a", "expirationDate": 1 }),
        json!({ "label": "a", "expirationDate": "tomorrow" }),
        json!({ "label": "a", "expirationDate": 1e30 }),
        json!({ "label": "a", "clients": "reg" }),
        json!({ "label": "a", "clients": [] }),
        json!({ "label": "a", "clients": [""] }),
        json!({ "label": "a", "clients": [7] }),
        json!({ "label": "a", "clients": many }),
        json!({ "label": "a", "clients": ["\u{0}"] }),
        json!({ "label": "a", "value": "mine" }),
        json!({ "label": "a", "unknown": true }),
        json!([]),
        json!("a"),
        Value::Null,
    ] {
        let refused = realm.app_password(body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        assert!(refused.json.is_object(), "{body}: {}", refused.text);
    }
    assert_eq!(realm.app_passwords().await.len(), 0);
    let path = realm.path("/users/nobody/app-passwords");
    let nobody = realm.admin.post(&path, json!({ "label": "a" })).await;
    assert_eq!(
        (nobody.status, &nobody.json),
        (404, &json!({ "error": "User not found" }))
    );
    let robot =
        json!({ "clientId": "robot", "serviceAccountsEnabled": true, "publicClient": false });
    let robot = realm.admin.create(&realm.path("/clients"), robot).await;
    let path = realm.path(&format!("/clients/{robot}/service-account-user"));
    let user = realm.admin.get(&path).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = realm.path(&format!("/users/{user}/app-passwords"));
    let refused = realm.admin.post(&path, json!({ "label": "a" })).await;
    assert_eq!(
        (refused.status, &refused.json),
        (
            400,
            &json!({ "errorMessage": "A service account logs in with the secret of its client" })
        )
    );
}

#[tokio::test]
async fn its_last_use_is_noted_once_a_minute_and_nobody_writes_it_by_a_label() {
    let realm = Realm::new().await;
    let (id, value) = realm
        .new_app_password(json!({ "label": "laptop", "clients": ["reg"] }))
        .await;
    let data = async || realm.app_passwords().await[0]["credentialData"].clone();
    let before = store::clock::now_ms();
    assert_eq!(realm.lets_in(&value).await, 200);
    let noted = data().await;
    let used: Value = serde_json::from_str(noted.as_str().unwrap()).unwrap();
    assert!(used["lastUsedDate"].as_i64().unwrap() >= before, "{used}");
    assert_eq!(used["clients"], json!(["reg"]));
    assert_eq!(realm.lets_in(&value).await, 200);
    assert_eq!(data().await, noted);

    let label = format!("/users/{}/credentials/{id}/userLabel", realm.alice);
    let url = format!("{}/admin/realms{}", server().url, realm.path(&label));
    let bearer = login(&server().url, "master", "admin", "admin").await;
    let put = reqwest::Client::new().put(url).bearer_auth(bearer);
    let put = put
        .header("content-type", "text/plain")
        .body(r#"{"lastUsedDate":1,"clients":null}"#);
    assert_eq!(put.send().await.unwrap().status(), 204);
    assert_eq!(data().await, noted);

    let mut db = connect().await;
    let id: uuid::Uuid = id.parse().unwrap();
    sqlx::query("update credential set credential_data = $2 where id = $1")
        .bind(id)
        .bind(format!(
            r#"{{"clients":["reg"],"lastUsedDate":{}}}"#,
            before - 60_001
        ))
        .execute(&mut db)
        .await
        .unwrap();
    assert_eq!(realm.lets_in(&value).await, 200);
    let used: Value = serde_json::from_str(data().await.as_str().unwrap()).unwrap();
    assert!(used["lastUsedDate"].as_i64().unwrap() >= before, "{used}");
}

#[tokio::test]
async fn it_is_good_at_registries_only() {
    let realm = guarded(json!({})).await;
    let (_, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", value.as_str()),
    ];
    let refused = token(&server().url, &realm.name, &form).await;
    assert_eq!(
        (refused.status, &refused.json["error"]),
        (400, &json!("invalid_grant"))
    );
    assert_eq!(failures(&realm).await, 1);
    let mut browser = Browser::new();
    let page = browser
        .sign_in(&realm.name, "&scope=openid", "alice", &value)
        .await;
    says(&page, "kc-form-login", "Invalid username or password.");
    assert_eq!(failures(&realm).await, 2);
}

#[tokio::test]
async fn its_admin_event_tells_all_but_its_value() {
    let settings = json!({ "adminEventsEnabled": true, "adminEventsDetailsEnabled": true });
    let realm = Realm::with(settings).await;
    let (id, value) = realm
        .new_app_password(json!({ "label": "laptop", "clients": ["reg"] }))
        .await;
    let events = realm.admin.get(&realm.path("/admin-events?max=1")).await;
    assert!(!events.text.contains(&value[27..70]) && !events.text.contains("\\\"value\\\""));
    let told = &events.json[0];
    assert_eq!(
        (
            &told["operationType"],
            &told["resourceType"],
            &told["resourcePath"]
        ),
        (
            &json!("ACTION"),
            &json!("USER"),
            &json!(format!("users/{}/app-passwords/{id}", realm.alice))
        )
    );
    let told: Value = serde_json::from_str(told["representation"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&told["id"], &told["label"], &told["clients"]),
        (&json!(id), &json!("laptop"), &json!(["reg"]))
    );
}

#[tokio::test]
async fn a_realm_file_brings_it_along_by_its_id_and_the_hash_of_its_secret() {
    let realm = Realm::new().await;
    let (id, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    let hash = STANDARD.encode(digest(&SHA256, &value.as_bytes()[27..70]));
    let mut alice = person("alice");
    alice["credentials"] = json!([{
        "id": id, "type": "app-password", "userLabel": "laptop", "createdDate": 5,
        "credentialData": r#"{"clients":["reg"]}"#,
        "secretData": json!({ "value": hash, "algorithm": "SHA-256" }).to_string()
    }]);
    let name = format!("{}-moved", realm.name);
    let file = json!({
        "realm": name, "enabled": true, "users": [alice],
        "clients": [{ "clientId": "reg", "protocol": "docker-v2" }, { "clientId": "other", "protocol": "docker-v2" }]
    });
    let made = realm.admin.post("", file).await;
    assert_eq!(made.status, 201, "{}", made.text);
    for (service, status) in [("reg", 200), ("other", 401)] {
        let url = format!(
            "{}/realms/{name}/protocol/docker-v2/auth?service={service}",
            server().url
        );
        let request = reqwest::Client::new()
            .get(url)
            .basic_auth("alice", Some(&value));
        assert_eq!(request.send().await.unwrap().status(), status, "{service}");
    }
}

#[tokio::test]
async fn the_hundred_and_first_is_refused() {
    let realm = Realm::new().await;
    let fill = "insert into credential (realm_id, id, user_id, type, created_date, priority, credential_data, secret_data) \
                select u.realm_id, gen_random_uuid(), u.id, 'app-password', 0, 5, '{}', '' from generate_series(1, 100), \
                user_entity u join realm r on r.id = u.realm_id where r.name = $1 and u.username = 'alice'";
    execute(fill, &realm.name).await;
    let refused = realm.app_password(json!({ "label": "one more" })).await;
    assert_eq!(
        (refused.status, &refused.json),
        (
            400,
            &json!({ "errorMessage": "A user has at most 100 app passwords" })
        )
    );
}
