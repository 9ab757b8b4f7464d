//! What is stored of consents: what it hangs on, where it comes from, whose it is.

use serde_json::json;

use crate::browser::{Browser, CALLBACK, action, app, auth_url};
use crate::consent::{accept, asking, consent_page, consents};
use crate::rows::connect;
use crate::support::{Admin, server, token};

#[tokio::test]
async fn consents_go_with_their_scope_their_client_and_their_user() {
    let (realm, client) = asking(json!({})).await;
    let count = async || -> (i64, i64) {
        let sql = "select (select count(*) from user_consent n where n.realm_id = r.id), \
                   (select count(*) from user_consent_scope n where n.realm_id = r.id) from realm r where r.name = $1";
        let mut db = connect().await;
        sqlx::query_as(sql)
            .bind(&realm.name)
            .fetch_one(&mut db)
            .await
            .unwrap()
    };
    let mut browser = Browser::new();
    let page = consent_page(&mut browser, &realm, "").await;
    accept(&mut browser, &page).await;
    assert_eq!(count().await, (1, 3));
    let scopes = realm.admin.get(&realm.path("/client-scopes")).await.json;
    let scopes = scopes.as_array().unwrap();
    let email = scopes
        .iter()
        .find(|scope| scope["name"] == "email")
        .unwrap();
    let path = realm.path(&format!("/client-scopes/{}", email["id"].as_str().unwrap()));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(count().await, (1, 2));
    let path = realm.path(&format!("/clients/{client}"));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(count().await, (0, 0));

    app(&realm, json!({ "consentRequired": true })).await;
    let page = browser.get(&auth_url(&realm.name, "")).await;
    let page = browser.follow(page).await;
    accept(&mut browser, &page).await;
    assert_eq!(count().await, (1, 2));
    let path = realm.path(&format!("/users/{}", realm.alice));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(count().await, (0, 0));
}

#[tokio::test]
async fn a_realm_file_brings_consents_along() {
    let name = format!("r-{}", uuid::Uuid::new_v4().simple());
    let file = |client: &str, scope: &str| {
        json!({
            "realm": name, "enabled": true,
            "clients": [{ "clientId": "app", "publicClient": true, "redirectUris": [CALLBACK], "consentRequired": true }],
            "users": [{
                "username": "bob", "enabled": true,
                "clientConsents": [{
                    "clientId": client, "grantedClientScopes": ["profile", scope], "createdDate": 1000,
                    "lastUpdatedDate": 2000
                }]
            }]
        })
    };
    let admin = Admin::master().await;
    let refused = admin.post("", file("nobody", "email")).await;
    assert_eq!(
        (refused.status / 100, refused.text.contains("nobody")),
        (4, true),
        "{}",
        refused.text
    );
    let refused = admin.post("", file("app", "nothing")).await;
    assert_eq!(
        (refused.status / 100, refused.text.contains("nothing")),
        (4, true),
        "{}",
        refused.text
    );
    let made = admin.post("", file("app", "email")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let users = admin.get(&format!("/{name}/users?username=bob")).await.json;
    let id = users[0]["id"].as_str().unwrap();
    let mut listed = admin
        .get(&format!("/{name}/users/{id}/consents"))
        .await
        .json;
    let granted = listed[0]["grantedClientScopes"].as_array_mut().unwrap();
    granted.sort_by_key(ToString::to_string);
    assert_eq!(
        listed,
        json!([{
            "clientId": "app", "grantedClientScopes": ["email", "profile"], "createdDate": 1000,
            "lastUpdatedDate": 2000, "additionalGrants": []
        }])
    );
}

#[tokio::test]
async fn consents_of_one_realm_are_none_of_another() {
    let (one, _) = asking(json!({})).await;
    let (other, _) = asking(json!({})).await;
    let mut browser = Browser::new();
    let page = consent_page(&mut browser, &one, "").await;
    // The page of one realm, sent to the other.
    let url = action(&page).replace(&one.name, &other.name);
    let value = page.text.split("name=\"code\" value=\"").nth(1).unwrap();
    let value = value.split('"').next().unwrap().to_owned();
    let answer = browser
        .post(&url, &[("code", &value), ("accept", "Yes")])
        .await;
    assert_eq!(answer.status, 400, "{}", answer.location);
    accept(&mut browser, &page).await;
    let foreign = other.path(&format!("/users/{}/consents", one.alice));
    assert_eq!(other.admin.get(&foreign).await.status, 404);
    let foreign = other.path(&format!("/users/{}/consents/app", one.alice));
    assert_eq!(other.admin.delete(&foreign).await.status, 404);
    assert_eq!(consents(&one).await.as_array().unwrap().len(), 1);
    // A password grant needs no page, so such a client gets none.
    let refused = token(
        &server().url,
        &one.name,
        &[
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "secret"),
        ],
    );
    assert_eq!(
        refused.await.json["error_description"],
        "Client requires user consent"
    );
}
