//! Clients that sign in as themselves, and sessions that end by their refresh token.

use serde_json::{Value, json};

use crate::support::{Admin, Answer, Realm, claims, server, token};

async fn client(realm: &Realm, rep: Value) -> String {
    realm.admin.create(&realm.path("/clients"), rep).await
}

async fn sign_in(realm: &Realm, client: &str, secret: &str) -> Answer {
    token(
        &server().url,
        &realm.name,
        &[
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", secret),
        ],
    )
    .await
}

#[tokio::test]
async fn a_client_signs_in_as_its_service_account_without_a_session() {
    let realm = Realm::new().await;
    let id = client(
        &realm,
        json!({ "clientId": "robot", "secret": "s3", "serviceAccountsEnabled": true }),
    )
    .await;
    let account = realm
        .admin
        .get(&realm.path(&format!("/clients/{id}/service-account-user")))
        .await
        .json;

    let answer = sign_in(&realm, "robot", "s3").await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let members = answer.json.as_object().unwrap();
    for absent in ["refresh_token", "session_state", "id_token"] {
        assert!(!members.contains_key(absent), "{absent}");
    }
    assert_eq!(answer.json["refresh_expires_in"], 0);
    let access = claims(answer.json["access_token"].as_str().unwrap());
    assert_eq!(access["sub"], account["id"]);
    assert_eq!(access["azp"], "robot");
    assert_eq!(access["client_id"], "robot");
    assert_eq!(access["preferred_username"], "service-account-robot");
    assert_eq!(access["email_verified"], false);
    assert!(access["clientAddress"].is_string() && access["clientHost"].is_string());
    assert!(access.get("sid").is_none());
    let sessions = realm
        .admin
        .get(&realm.path(&format!("/clients/{id}/session-count")))
        .await;
    assert_eq!(sessions.json, json!({ "count": 0 }));
}

#[tokio::test]
async fn a_service_account_with_admin_roles_administers_its_realm_until_it_is_disabled() {
    let realm = Realm::new().await;
    let id = client(
        &realm,
        json!({ "clientId": "ops", "secret": "s3", "serviceAccountsEnabled": true }),
    )
    .await;
    let account = realm
        .admin
        .get(&realm.path(&format!("/clients/{id}/service-account-user")))
        .await
        .json;
    let account = account["id"].as_str().unwrap();
    let management = realm
        .admin
        .get(&realm.path("/clients?clientId=realm-management"))
        .await
        .json[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let role = realm
        .admin
        .get(&realm.path(&format!("/clients/{management}/roles/view-users")))
        .await
        .json;
    let before = sign_in(&realm, "ops", "s3").await;
    let before = Admin::with_token(before.json["access_token"].as_str().unwrap());
    assert_eq!(before.get(&realm.path("/users")).await.status, 403);
    let path = realm.path(&format!(
        "/users/{account}/role-mappings/clients/{management}"
    ));
    assert_eq!(realm.admin.post(&path, json!([role])).await.status, 204);
    // Roles are read at each call: the same token does it.
    assert_eq!(before.get(&realm.path("/users")).await.status, 200);

    let user = realm.path(&format!("/users/{account}"));
    let off = realm.admin.put(&user, json!({ "enabled": false })).await;
    assert_eq!(off.status, 204, "{}", off.json);
    assert_eq!(before.get(&realm.path("/users")).await.status, 401);
    let refused = sign_in(&realm, "ops", "s3").await;
    assert_eq!(
        (refused.status, refused.json),
        (
            401,
            json!({ "error": "invalid_request", "error_description": "User 'service-account-ops' disabled" })
        )
    );
}

#[tokio::test]
async fn who_has_no_service_account_or_the_wrong_secret_is_refused_in_keycloaks_words() {
    let realm = Realm::new().await;
    client(
        &realm,
        json!({ "clientId": "robot", "secret": "s3", "serviceAccountsEnabled": true }),
    )
    .await;
    client(&realm, json!({ "clientId": "none", "secret": "s3" })).await;
    client(&realm, json!({ "clientId": "open", "publicClient": true })).await;
    for (name, secret, text) in [
        (
            "none",
            "s3",
            "Client not enabled to retrieve service account",
        ),
        (
            "open",
            "",
            "Public client not allowed to retrieve service account",
        ),
        (
            "robot",
            "wrong",
            "Invalid client or Invalid client credentials",
        ),
    ] {
        let answer = sign_in(&realm, name, secret).await;
        assert_eq!(
            (answer.status, answer.json),
            (
                401,
                json!({ "error": "unauthorized_client", "error_description": text })
            ),
            "{name}"
        );
    }
}

/// A logout by refresh token.
async fn logout(realm: &Realm, form: &[(&str, &str)]) -> Answer {
    let url = format!(
        "{}/realms/{}/protocol/openid-connect/logout",
        server().url,
        realm.name
    );
    let request = reqwest::Client::new().post(url).form(form);
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn logout_by_refresh_token_ends_the_session_and_may_be_said_twice() {
    let realm = Realm::new().await;
    let session = token(
        &server().url,
        &realm.name,
        &[
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "alice"),
            ("password", "secret"),
        ],
    )
    .await;
    let refresh = session.json["refresh_token"].as_str().unwrap();
    let access = session.json["access_token"].as_str().unwrap();
    client(&realm, json!({ "clientId": "other", "publicClient": true })).await;

    let foreign = logout(
        &realm,
        &[("client_id", "other"), ("refresh_token", refresh)],
    )
    .await;
    assert_eq!(foreign.status, 400, "{}", foreign.json);
    for wrong in ["garbage", access] {
        let answer = logout(
            &realm,
            &[("client_id", "admin-cli"), ("refresh_token", wrong)],
        )
        .await;
        assert_eq!(
            (answer.status, answer.json),
            (
                400,
                json!({ "error": "invalid_grant", "error_description": "Invalid refresh token" })
            )
        );
    }
    let again = async || {
        token(
            &server().url,
            &realm.name,
            &[
                ("grant_type", "refresh_token"),
                ("client_id", "admin-cli"),
                ("refresh_token", refresh),
            ],
        )
        .await
    };
    assert_eq!(again().await.status, 200, "what was refused ended nothing");
    for _ in 0..2 {
        let answer = logout(
            &realm,
            &[("client_id", "admin-cli"), ("refresh_token", refresh)],
        )
        .await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    }
    let refused = again().await;
    assert_eq!(
        (refused.status, refused.json),
        (
            400,
            json!({ "error": "invalid_grant", "error_description": "Session not active" })
        )
    );
}
