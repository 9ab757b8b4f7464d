//! `manage-realm` is no way to the rights of others.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::forge;
use crate::people::{People, forbidden};
use crate::rows::snapshot;
use crate::support::{Admin, Realm, login, person, server};

fn provider(kind: &str, config: Value) -> Value {
    json!({ "name": kind, "providerId": kind, "providerType": "org.keycloak.keys.KeyProvider", "config": config })
}

#[tokio::test]
async fn who_does_not_hold_all_rights_brings_no_key_to_sign_tokens_with() {
    let realm = People::new().await;
    realm.holder("caller", "manage-realm").await;
    realm.holder("boss", "realm-admin").await;
    let caller = realm.login("caller").await;
    let made = realm
        .api
        .send("POST", "/components", &forge::component(1))
        .await;
    let own = made.location.rsplit('/').next().unwrap().to_owned();
    let name = realm.api.path().trim_start_matches('/').to_owned();
    let before = snapshot(&name).await;
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
    for (method, path, body) in [
        ("POST", "/components".to_owned(), forge::component(500)),
        (
            "POST",
            "/components".to_owned(),
            provider("rsa-generated", json!({ "privateKey": [forge::PEM] })),
        ),
        (
            "POST",
            "/components".to_owned(),
            provider(
                "hmac-generated",
                json!({ "secret": [secret], "kid": ["k"] }),
            ),
        ),
        ("PUT", format!("/components/{own}"), forge::component(500)),
    ] {
        let answer = caller.send(method, &path, &body).await;
        assert_eq!(
            (answer.status, answer.json),
            (403, forbidden()),
            "{method} {path} {body}"
        );
    }
    assert_eq!(snapshot(&name).await, before);
    // Keys that nobody knows are his to make, and what is masked stays.
    let shown = caller.get(&format!("/components/{own}")).await.json;
    assert_eq!(shown["config"]["privateKey"], json!(["**********"]));
    let back = caller
        .send("PUT", &format!("/components/{own}"), &shown)
        .await;
    assert_eq!(back.status, 204, "{}", back.json);
    let fresh = provider("rsa-generated", json!({}));
    assert_eq!(caller.send("POST", "/components", &fresh).await.status, 201);
    let boss = realm.login("boss").await;
    let brought = boss.send("POST", "/components", &forge::component(2)).await;
    assert_eq!(brought.status, 201, "{}", brought.json);
}

#[tokio::test]
async fn who_made_a_realm_holds_all_of_it_and_hands_it_out() {
    let admin = Admin::master().await;
    let name = format!("maker-{}", Uuid::new_v4().simple());
    let user = admin.create("/master/users", person(&name)).await;
    let role = admin.get("/master/roles/create-realm").await.json;
    let mapping = format!("/master/users/{user}/role-mappings/realm");
    assert_eq!(admin.post(&mapping, json!([role])).await.status, 204);
    let maker = Admin::with_token(&login(&server().url, "master", &name, "secret").await);
    let own = format!("own-{}", Uuid::new_v4().simple());
    let made = maker
        .post("", json!({ "realm": own, "enabled": true }))
        .await;
    assert_eq!(made.status, 201, "{}", made.json);
    let key = maker
        .post(&format!("/{own}/components"), forge::component(2))
        .await;
    assert_eq!(key.status, 201, "{}", key.json);
    let heir = maker.create(&format!("/{own}/users"), person("heir")).await;
    let clients = maker
        .get(&format!("/{own}/clients?clientId=realm-management"))
        .await
        .json;
    let client = clients[0]["id"].as_str().unwrap();
    let role = maker
        .get(&format!("/{own}/clients/{client}/roles/realm-admin"))
        .await
        .json;
    let mapping = format!("/{own}/users/{heir}/role-mappings/clients/{client}");
    assert_eq!(maker.post(&mapping, json!([role])).await.status, 204);
}

#[tokio::test]
async fn a_role_that_contains_more_than_the_caller_holds_is_not_his_to_delete() {
    let realm = People::new().await;
    realm.holder("caller", "manage-realm").await;
    realm.holder("clients", "manage-clients").await;
    let (caller, clients) = (realm.login("caller").await, realm.login("clients").await);
    let app = realm
        .api
        .send("POST", "/clients", &json!({ "clientId": "app" }))
        .await;
    let app = app.location.rsplit('/').next().unwrap().to_owned();
    let admin = json!([realm.management_role("realm-admin").await]);
    for all in ["/roles".to_owned(), format!("/clients/{app}/roles")] {
        for name in ["chief", "plain"] {
            let made = realm.api.send("POST", &all, &json!({ "name": name })).await;
            assert_eq!(made.status, 201);
        }
        let put = realm
            .api
            .send("POST", &format!("{all}/chief/composites"), &admin)
            .await;
        assert_eq!(put.status, 204);
    }
    for (api, path, status) in [
        (&caller, "/roles/chief".to_owned(), 403),
        (&caller, "/roles/plain".to_owned(), 204),
        (&clients, format!("/clients/{app}/roles/chief"), 403),
        (&clients, format!("/clients/{app}/roles/plain"), 204),
        (&clients, format!("/clients/{app}"), 403),
    ] {
        let answer = api.send("DELETE", &path, &Value::Null).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.json);
    }
}

#[tokio::test]
async fn the_mail_password_goes_to_no_other_server() {
    let smtp = json!({ "host": "a.test", "from": "a@b.test", "user": "u", "password": "sm7p" });
    let realm = Realm::with(json!({ "smtpServer": smtp })).await;
    let shown = realm.admin.get(&realm.path("")).await.json["smtpServer"].clone();
    for (member, value) in [("host", "evil.test"), ("port", "2525"), ("user", "v")] {
        let mut other = shown.clone();
        other[member] = json!(value);
        let answer = realm
            .admin
            .put(&realm.path(""), json!({ "smtpServer": other }))
            .await;
        let text = "Give the password of smtpServer with another host, port or user";
        assert_eq!(
            (answer.status, answer.json),
            (400, json!({ "errorMessage": text }))
        );
        other["password"] = json!("new");
        let given = realm
            .admin
            .put(&realm.path(""), json!({ "smtpServer": other }))
            .await;
        assert_eq!(given.status, 204);
        let mut first = smtp.clone();
        first["password"] = json!("sm7p");
        let back = json!({ "smtpServer": first });
        assert_eq!(realm.admin.put(&realm.path(""), back).await.status, 204);
    }
    let same = json!({ "smtpServer": shown });
    assert_eq!(realm.admin.put(&realm.path(""), same).await.status, 204);
}
