//! App passwords at the door: whom they let in, and what counts as a guess.

use serde_json::{Value, json};

use crate::rows::execute;
use crate::second_factor::{KEY, device, event, failures, give, guarded};
use crate::support::{Realm, person};

/// An app password with the secret of another, and the checksum that belongs to it.
fn with_other_secret(of: &str, from: &str) -> String {
    let body = format!("{}{}", &of[..27], &from[27..70]);
    let crc = body.bytes().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    });
    let letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = !crc;
    let mut check = [0; 6];
    for place in check.iter_mut().rev() {
        *place = letters[usize::try_from(rest % 62).unwrap()];
        rest /= 62;
    }
    body + std::str::from_utf8(&check).unwrap()
}

#[tokio::test]
async fn a_user_with_a_second_factor_logs_in_with_one_and_not_with_the_bare_password() {
    let realm = Realm::new().await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let (_, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    assert_eq!(realm.lets_in(&value).await, 200);
    let bare = realm.docker("alice", "secret", "").await;
    assert_eq!(bare.status, 401);
    assert_eq!(
        bare.json["errors"][0]["message"],
        "A second factor protects this account. Use an app password."
    );
}

#[tokio::test]
async fn it_goes_by_the_owners_names_and_by_nobody_elses() {
    let realm = Realm::with(json!({ "loginWithEmailAllowed": true })).await;
    realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    let (_, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    for (name, status) in [
        ("alice", 200),
        ("ALICE", 200),
        ("Alice@Example.test", 200),
        ("bob", 401),
        ("bob@example.test", 401),
        ("nobody", 401),
        ("", 401),
    ] {
        assert_eq!(
            realm.docker(name, &value, "").await.status,
            status,
            "{name}"
        );
    }
    let path = realm.path("");
    let change = json!({ "loginWithEmailAllowed": false });
    assert_eq!(realm.admin.put(&path, change).await.status, 204);
    assert_eq!(
        realm.docker("alice@example.test", &value, "").await.status,
        401
    );
}

#[tokio::test]
async fn it_is_independent_of_the_password_and_of_what_is_left_to_do() {
    let realm = Realm::new().await;
    let (_, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    let reset = realm.path(&format!("/users/{}/reset-password", realm.alice));
    for temporary in [false, true] {
        let new = json!({ "type": "password", "value": "another", "temporary": temporary });
        assert_eq!(realm.admin.put(&reset, new).await.status, 204);
        assert_eq!(realm.lets_in(&value).await, 200, "{temporary}");
    }
    let refused = realm.docker("alice", "another", "").await;
    assert!(
        refused.text.contains("not fully set up"),
        "{}",
        refused.text
    );
    let user = realm.path(&format!("/users/{}", realm.alice));
    for (enabled, status) in [(false, 401), (true, 200)] {
        let change = json!({ "enabled": enabled });
        assert_eq!(realm.admin.put(&user, change).await.status, 204);
        assert_eq!(realm.lets_in(&value).await, status);
    }
}

#[tokio::test]
async fn a_wrong_one_is_a_wrong_password_and_one_that_is_not_good_here_is_no_guess() {
    let realm = guarded(json!({ "failureFactor": 30 })).await;
    let (id, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    let (foreign, elsewhere) = realm
        .new_app_password(json!({ "label": "ci", "clients": ["other"] }))
        .await;
    let (gone, deleted) = realm.new_app_password(json!({ "label": "old" })).await;
    let path = realm.path(&format!("/users/{}/credentials/{gone}", realm.alice));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    let wrong_password = realm.docker("alice", "wrong", "").await;
    assert_eq!(failures(&realm).await, 1);

    let other = with_other_secret(&value, &elsewhere);
    for (given, error, selected, counted) in [
        (&other, "invalid_user_credentials", json!(id), 2),
        (&deleted, "invalid_user_credentials", Value::Null, 3),
        (&elsewhere, "app_password_not_for_client", json!(foreign), 3),
    ] {
        let refused = realm.docker("alice", given, "").await;
        assert_eq!(
            (refused.status, &refused.text),
            (401, &wrong_password.text),
            "{error}"
        );
        let told = event(&realm, "LOGIN_ERROR").await;
        let details = &told["details"];
        assert_eq!(
            (
                &told["error"],
                &details["credential_type"],
                &details["selected_credential_id"]
            ),
            (&json!(error), &json!("app-password"), &selected)
        );
        assert_eq!(failures(&realm).await, counted, "{error}");
    }
    // A right one forgets no failures: whoever has it could try passwords without end.
    assert_eq!(realm.lets_in(&value).await, 200);
    assert_eq!(failures(&realm).await, 3);
    let told = event(&realm, "LOGIN").await;
    assert_eq!(told["details"]["credential_type"], "app-password");

    let expire = "update credential c set credential_data = '{\"expirationDate\":1}' from realm r \
                  where r.id = c.realm_id and r.name = $1 and c.type = 'app-password'";
    execute(expire, &realm.name).await;
    let expired = realm.docker("alice", &value, "").await;
    assert_eq!((expired.status, &expired.text), (401, &wrong_password.text));
    assert_eq!(
        event(&realm, "LOGIN_ERROR").await["error"],
        "app_password_expired"
    );
    assert_eq!(failures(&realm).await, 3);
    let nobody = realm.docker("nobody", &value, "").await;
    assert_eq!((nobody.status, &nobody.text), (401, &wrong_password.text));
    // What only looks like one is a password like any other.
    assert_eq!(realm.lets_in(&value[..75]).await, 401);
    assert_eq!(failures(&realm).await, 4);
}

#[tokio::test]
async fn a_lock_holds_for_the_right_one_too_and_wrong_ones_lock() {
    let realm = guarded(json!({ "failureFactor": 3 })).await;
    let (_, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    let (_, other) = realm.new_app_password(json!({ "label": "other" })).await;
    let wrong = with_other_secret(&value, &other);
    for _ in 0..3 {
        assert_eq!(realm.lets_in(&wrong).await, 401);
    }
    assert_eq!(realm.lets_in(&value).await, 401);
    assert_eq!(
        event(&realm, "LOGIN_ERROR").await["error"],
        "user_temporarily_disabled"
    );
    assert_eq!(failures(&realm).await, 3, "the right one is no failure");
    let path = format!("/attack-detection/brute-force/users/{}", realm.alice);
    assert_eq!(realm.admin.delete(&realm.path(&path)).await.status, 204);
    assert_eq!(realm.lets_in(&value).await, 200);
}

#[tokio::test]
async fn many_right_ones_at_once_are_all_let_in() {
    let realm = guarded(json!({})).await;
    let (_, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    let logins = (0..50).map(|_| realm.lets_in(&value));
    let statuses = futures_util::future::join_all(logins).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let data: Value = serde_json::from_str(
        realm.app_passwords().await[0]["credentialData"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    assert!(data["lastUsedDate"].is_i64(), "{data}");
}
