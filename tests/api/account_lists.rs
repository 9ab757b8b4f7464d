//! What Keycloak's account REST API lists, and takes away: sessions, credentials, applications.

use reqwest::Method;
use serde_json::{Value, json};

use crate::account_rest::{access, call, tokens, with_app};
use crate::support::person;

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let realm = with_app().await;
    let bearer = access(&realm, "alice").await;
    let other = tokens(&realm, "alice", "openid").await["session_state"]
        .as_str()
        .unwrap()
        .to_owned();
    let list = async || {
        call(&realm.name, Method::GET, "/sessions", &bearer, None)
            .await
            .json
    };
    let sessions = list().await;
    assert_eq!(sessions.as_array().unwrap().len(), 2, "{sessions}");
    let current: Vec<&Value> = sessions
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["ipAddress"], "127.0.0.1");
    assert_eq!(
        current[0]["clients"][0],
        json!({"clientId": "app", "clientName": "App & Co", "userConsentRequired": false, "inUse": false, "offlineAccess": false})
    );
    let devices = call(&realm.name, Method::GET, "/sessions/devices", &bearer, None)
        .await
        .json;
    assert_eq!(
        (
            devices[0]["sessions"].as_array().unwrap().len(),
            &devices[0]["current"]
        ),
        (2, &json!(true))
    );

    // Of somebody else nothing is ended.
    realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    let bob = access(&realm, "bob").await;
    let path = format!("/sessions/{other}");
    assert_eq!(
        call(&realm.name, Method::DELETE, &path, &bob, None)
            .await
            .status,
        204
    );
    assert_eq!(list().await.as_array().unwrap().len(), 2);

    assert_eq!(
        call(&realm.name, Method::DELETE, &path, &bearer, None)
            .await
            .status,
        204
    );
    assert_eq!(list().await.as_array().unwrap().len(), 1);
    access(&realm, "alice").await;
    assert_eq!(
        call(&realm.name, Method::DELETE, "/sessions", &bearer, None)
            .await
            .status,
        204
    );
    assert_eq!(
        list().await.as_array().unwrap().len(),
        1,
        "the current one stays"
    );
    assert_eq!(
        call(
            &realm.name,
            Method::DELETE,
            "/sessions?current=true",
            &bearer,
            None
        )
        .await
        .status,
        204
    );
    assert_eq!(
        call(&realm.name, Method::GET, "/sessions", &bearer, None)
            .await
            .status,
        401
    );
    let events = realm
        .admin
        .get(&realm.path("/events?type=LOGOUT"))
        .await
        .json;
    assert_eq!(events.as_array().unwrap().len(), 3, "{events}");
    assert!(
        events
            .as_array()
            .unwrap()
            .iter()
            .all(|event| event["sessionId"].is_string())
    );
}

#[tokio::test]
async fn credentials_are_listed_named_and_removed() {
    let realm = with_app().await;
    let otp = json!({
        "type": "otp", "userLabel": "phone", "secretData": "{\"value\":\"JBSWY3DPEHPK3PXPJBSW\"}",
        "credentialData": "{\"subType\":\"totp\",\"digits\":6,\"counter\":0,\"period\":30,\"algorithm\":\"HmacSHA1\"}"
    });
    let bearer = access(&realm, "alice").await;
    let added = realm
        .admin
        .put(
            &realm.path(&format!("/users/{}", realm.alice)),
            json!({ "credentials": [otp] }),
        )
        .await;
    assert_eq!(added.status, 204, "{}", added.text);
    let list = async |query: &str| {
        call(
            &realm.name,
            Method::GET,
            &format!("/credentials{query}"),
            &bearer,
            None,
        )
        .await
        .json
    };
    let all = list("").await;
    let types: Vec<&Value> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| &kind["type"])
        .collect();
    assert_eq!(types[..2], [&json!("password"), &json!("otp")]);
    assert_eq!(
        (
            &all[0]["updateAction"],
            &all[0]["removeable"],
            &all[1]["createAction"],
            &all[1]["removeable"]
        ),
        (
            &json!("UPDATE_PASSWORD"),
            &json!(false),
            &json!("CONFIGURE_TOTP"),
            &json!(true)
        )
    );
    assert!(
        !all.to_string().contains("JBSWY3DPEHPK3PXP"),
        "no secret comes back"
    );
    assert!(
        list("?user-credentials=false").await[0]
            .get("userCredentialMetadatas")
            .is_none()
    );
    assert_eq!(list("?type=nope").await, json!([]));
    let id = |kind: &Value| {
        kind["userCredentialMetadatas"][0]["credential"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (password, otp) = (id(&all[0]), id(&all[1]));
    let label = async |id: &str, label: Value| {
        call(
            &realm.name,
            Method::PUT,
            &format!("/credentials/{id}/label"),
            &bearer,
            Some(label),
        )
        .await
    };
    assert_eq!(label(&otp, json!("tablet")).await.status, 204);
    assert_eq!(label(&otp, json!({"a": 1})).await.status, 400);
    assert_eq!(label(&otp, json!("x".repeat(300))).await.status, 400);
    let remove = async |id: &str| {
        call(
            &realm.name,
            Method::DELETE,
            &format!("/credentials/{id}"),
            &bearer,
            None,
        )
        .await
    };
    let kept = remove(&password).await;
    assert_eq!(
        (kept.status, &kept.json),
        (400, &json!({"error": "Credential type cannot be removed"}))
    );
    assert_eq!(remove(&otp).await.status, 204);
    assert_eq!(remove(&otp).await.status, 404);
    let events = realm
        .admin
        .get(&realm.path("/events?type=REMOVE_CREDENTIAL"))
        .await
        .json;
    assert_eq!(
        events[0]["details"],
        json!({"credential_type": "otp", "selected_credential_id": otp, "credential_user_label": "tablet"})
    );
    assert_eq!(
        realm
            .admin
            .get(&realm.path("/events?type=REMOVE_TOTP"))
            .await
            .json
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn what_applications_may_know_is_granted_and_taken_back() {
    let realm = with_app().await;
    let bearer = access(&realm, "alice").await;
    let scopes = realm.admin.get(&realm.path("/client-scopes")).await.json;
    let profile = scopes
        .as_array()
        .unwrap()
        .iter()
        .find(|scope| scope["name"] == "profile")
        .unwrap()["id"]
        .clone();
    let consent = async |method: Method, body: Option<Value>| {
        call(
            &realm.name,
            method,
            "/applications/app/consent",
            &bearer,
            body,
        )
        .await
    };
    assert_eq!(consent(Method::GET, None).await.status, 204);
    let strange = uuid::Uuid::new_v4();
    assert_eq!(
        consent(
            Method::POST,
            Some(json!({"grantedScopes": [{"id": strange}]}))
        )
        .await
        .status,
        400
    );
    assert_eq!(
        consent(Method::POST, Some(json!({"grantedScopes": "x"})))
            .await
            .status,
        400
    );
    let granted = consent(
        Method::POST,
        Some(json!({"grantedScopes": [{"id": profile}]})),
    )
    .await;
    assert_eq!(granted.status, 200, "{}", granted.text);
    assert_eq!(
        granted.json["grantedScopes"],
        json!([{"id": profile, "name": "${profileScopeConsentText}", "displayText": "User profile", "displayTest": "User profile"}])
    );
    tokens(&realm, "alice", "openid offline_access").await;
    let list = async || {
        call(&realm.name, Method::GET, "/applications", &bearer, None)
            .await
            .json
    };
    let applications = list().await;
    assert_eq!(
        (
            &applications[0]["clientId"],
            &applications[0]["clientName"],
            &applications[0]["inUse"],
            &applications[0]["offlineAccess"]
        ),
        (
            &json!("app"),
            &json!("App & Co"),
            &json!(true),
            &json!(true)
        )
    );
    assert_eq!(applications[0]["effectiveUrl"], "http://app.test/");
    assert!(applications[0]["consent"]["createdDate"].is_i64());
    assert_eq!(consent(Method::DELETE, None).await.status, 204);
    assert_eq!(
        consent(Method::GET, None).await.status,
        401,
        "its sessions are over, and with them this token"
    );
    let bearer = access(&realm, "alice").await;
    let applications = call(&realm.name, Method::GET, "/applications", &bearer, None)
        .await
        .json;
    assert_eq!(
        (
            &applications[0]["offlineAccess"],
            &applications[0]["consent"]
        ),
        (&json!(false), &Value::Null)
    );
    let unknown = call(
        &realm.name,
        Method::DELETE,
        "/applications/nope/consent",
        &bearer,
        None,
    )
    .await;
    assert_eq!(
        (unknown.status, &unknown.json),
        (
            404,
            &json!({"errorMessage": "No client with clientId: nope found."})
        )
    );
    for kind in ["GRANT_CONSENT", "REVOKE_GRANT"] {
        let events = realm
            .admin
            .get(&realm.path(&format!("/events?type={kind}")))
            .await
            .json;
        assert_eq!(events.as_array().unwrap().len(), 1, "{kind}: {events}");
    }
}
