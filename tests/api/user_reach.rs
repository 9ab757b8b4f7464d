//! Who may see and touch whom among users.

use serde_json::{Value, json};

use crate::people::{People, forbidden};

const UNKNOWN: &str = "11111111-2222-3333-4444-555555555555";

#[tokio::test]
async fn a_holder_of_manage_users_cannot_take_over_an_administrator() {
    let realm = People::new().await;
    let boss = realm.holder("boss", "realm-admin").await;
    realm.holder("helper", "manage-users").await;
    let (boss_api, helper_api) = (realm.login("boss").await, realm.login("helper").await);

    let user = format!("/users/{boss}");
    let credential = helper_api.get(&format!("{user}/credentials")).await.json[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let session = helper_api.get(&format!("{user}/sessions")).await.json[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let password = json!({ "type": "password", "value": "stolen" });
    for (method, path, body) in [
        ("PUT", user.clone(), json!({ "enabled": false })),
        (
            "PUT",
            user.clone(),
            json!({ "email": "helper2@example.org" }),
        ),
        (
            "PUT",
            user.clone(),
            json!({ "credentials": [password.clone()] }),
        ),
        ("PUT", format!("{user}/reset-password"), password),
        (
            "PUT",
            format!("{user}/disable-credential-types"),
            json!(["password"]),
        ),
        (
            "PUT",
            format!("{user}/execute-actions-email"),
            json!(["UPDATE_PASSWORD"]),
        ),
        ("PUT", format!("{user}/reset-password-email"), Value::Null),
        ("PUT", format!("{user}/send-verify-email"), Value::Null),
        (
            "DELETE",
            format!("{user}/credentials/{credential}"),
            Value::Null,
        ),
        (
            "POST",
            format!("{user}/credentials/{credential}/moveToFirst"),
            Value::Null,
        ),
        ("POST", format!("{user}/logout"), Value::Null),
        ("DELETE", format!("/sessions/{session}"), Value::Null),
        ("DELETE", user.clone(), Value::Null),
    ] {
        let answer = helper_api.send(method, &path, &body).await;
        assert_eq!(
            (answer.status, answer.json),
            (403, forbidden()),
            "{method} {path}"
        );
    }
    let label = helper_api
        .put_text(
            &format!("{user}/credentials/{credential}/userLabel"),
            "mine",
        )
        .await;
    assert_eq!(label.status, 403);

    // Nothing was written: the session lives, and the password is the old one.
    assert_eq!(boss_api.get(&user).await.json["enabled"], true);
    realm.login("boss").await;
}

#[tokio::test]
async fn an_administrator_changes_himself_and_those_below_him() {
    let realm = People::new().await;
    let boss = realm.holder("boss", "realm-admin").await;
    let helper = realm.holder("helper", "manage-users").await;
    let plain = realm.user("plain").await;
    let name = json!({ "firstName": "New" });
    for (caller, target) in [
        ("helper", &helper),
        ("helper", &plain),
        ("boss", &boss),
        ("boss", &helper),
    ] {
        let answer = realm
            .login(caller)
            .await
            .send("PUT", &format!("/users/{target}"), &name)
            .await;
        assert_eq!(answer.status, 204, "{caller}: {}", answer.json);
    }
}

#[tokio::test]
async fn a_user_of_another_realm_is_not_found_by_any_path() {
    let (realm, other) = (People::new().await, People::new().await);
    realm.holder("boss", "realm-admin").await;
    let boss = realm.login("boss").await;
    let stranger = other.user("stranger").await;
    let session = {
        other.login("stranger").await;
        other
            .api
            .get(&format!("/users/{stranger}/sessions"))
            .await
            .json[0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let credentials = other
        .api
        .get(&format!("/users/{stranger}/credentials"))
        .await
        .json;
    let credential = credentials[0]["id"].as_str().unwrap();
    let user = format!("/users/{stranger}");
    for (method, path, body) in [
        ("GET", user.clone(), Value::Null),
        ("PUT", user.clone(), json!({ "enabled": false })),
        ("DELETE", user.clone(), Value::Null),
        (
            "PUT",
            format!("{user}/reset-password"),
            json!({ "value": "x" }),
        ),
        ("GET", format!("{user}/credentials"), Value::Null),
        (
            "DELETE",
            format!("{user}/credentials/{credential}"),
            Value::Null,
        ),
        ("GET", format!("{user}/sessions"), Value::Null),
        ("POST", format!("{user}/logout"), Value::Null),
        ("GET", format!("{user}/groups"), Value::Null),
        ("GET", format!("{user}/consents"), Value::Null),
        ("GET", format!("{user}/role-mappings"), Value::Null),
        ("POST", format!("{user}/role-mappings/realm"), json!([])),
    ] {
        let answer = boss.send(method, &path, &body).await;
        assert_eq!(
            (answer.status, answer.json),
            (404, json!({ "error": "User not found" })),
            "{method} {path}"
        );
    }
    let answer = boss
        .send("DELETE", &format!("/sessions/{session}"), &Value::Null)
        .await;
    assert_eq!(
        (answer.status, answer.json),
        (404, json!({ "error": "Sesssion not found" }))
    );

    // A credential of the right realm below the wrong user.
    let own = realm.user("own").await;
    let credentials = realm
        .api
        .get(&format!("/users/{own}/credentials"))
        .await
        .json;
    let path = format!(
        "/users/{}/credentials/{}",
        boss.user,
        credentials[0]["id"].as_str().unwrap()
    );
    let answer = realm.api.send("DELETE", &path, &Value::Null).await;
    assert_eq!(
        (answer.status, answer.json),
        (404, json!({ "error": "Credential not found" }))
    );
    other.login("stranger").await;
}

#[tokio::test]
async fn query_users_alone_sees_that_somebody_is_there_and_no_more() {
    let realm = People::new().await;
    let asker = realm.holder("asker", "query-users").await;
    let asker_api = realm.login("asker").await;
    assert_eq!(asker_api.get("/users").await.json, json!([]));
    assert_eq!(asker_api.get("/users/count").await.json, json!(0));
    assert_eq!(
        asker_api.get(&format!("/users/{UNKNOWN}")).await.status,
        404
    );
    for path in [
        "",
        "/credentials",
        "/sessions",
        "/groups",
        "/groups/count",
        "/consents",
        "/role-mappings",
    ] {
        assert_eq!(
            asker_api.get(&format!("/users/{asker}{path}")).await.status,
            403,
            "{path}"
        );
    }
}

#[tokio::test]
async fn access_tells_what_the_caller_may_do() {
    let realm = People::new().await;
    let viewer = realm.holder("viewer", "view-users").await;
    let rep = realm
        .login("viewer")
        .await
        .get(&format!("/users/{viewer}"))
        .await
        .json;
    let access = json!({
        "manageGroupMembership": false, "resetPassword": false, "view": true, "mapRoles": false,
        "impersonate": false, "manage": false,
    });
    assert_eq!(rep["access"], access);
    let listed = realm
        .login("viewer")
        .await
        .get("/users?username=viewer")
        .await
        .json;
    assert_eq!(listed[0]["access"], json!({ "manage": false }));
}

#[tokio::test]
async fn a_new_user_needs_a_caller_who_could_hand_out_the_default_role() {
    let realm = People::new().await;
    let default = realm.api.get("").await.json["defaultRole"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // The helper comes from master, so the realm's default role is not his own.
    let helper = realm.delegate("manage-users").await;
    let body = json!({ "username": "first" });
    assert_eq!(helper.send("POST", "/users", &body).await.status, 201);
    let dangerous = json!([realm.management_role("realm-admin").await]);
    let added = realm
        .api
        .send(
            "POST",
            &format!("/roles-by-id/{default}/composites"),
            &dangerous,
        )
        .await;
    assert_eq!(added.status, 204);
    let body =
        json!({ "username": "second", "credentials": [{ "type": "password", "value": "x" }] });
    assert_eq!(helper.send("POST", "/users", &body).await.status, 403);
    assert_eq!(
        realm.api.get("/users/count?username=second").await.json,
        json!(0)
    );
}
