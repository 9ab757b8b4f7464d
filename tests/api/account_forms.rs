//! The forms of the account page: profile and password.

use serde_json::{Value, json};

use crate::account::{account, act, enter, with_events};
use crate::browser::Browser;
use crate::support::{Realm, login, person, server, token};

async fn kinds(realm: &Realm) -> Vec<(String, Value)> {
    let path = realm.path("/events?max=100");
    let events = realm.admin.get(&path).await.json;
    let events = events.as_array().unwrap().iter();
    events
        .map(|event| {
            (
                event["type"].as_str().unwrap().to_owned(),
                event["details"].clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_profile_is_changed_by_its_rules() {
    let realm = with_events().await;
    let mut browser = Browser::new();
    let page = enter(&mut browser, &realm, "alice", "secret").await;
    let bad = [
        ("do", "profile"),
        ("firstName", "<i>"),
        ("lastName", ""),
        ("email", "nomail"),
    ];
    let refused = act(&mut browser, &realm, &page, &bad).await;
    assert_eq!(refused.status, 400);
    for shown in [
        "id=\"input-error-email\" role=\"alert\"",
        "id=\"input-error-lastName\" role=\"alert\"",
        "value=\"nomail\"",
        "value=\"&lt;i&gt;\"",
    ] {
        assert!(refused.text.contains(shown), "{shown}: {}", refused.text);
    }
    let good = [
        ("do", "profile"),
        ("firstName", "Al"),
        ("lastName", "Ice"),
        ("email", "New@Example.test"),
        ("username", "root"),
        ("enabled", "false"),
        ("emailVerified", "true"),
    ];
    let done = act(&mut browser, &realm, &page, &good).await;
    assert_eq!(
        (done.status, done.location.as_str()),
        (303, format!("{}?done=profile", account(&realm)).as_str())
    );
    let shown = browser.get(&done.location).await;
    assert!(
        shown.text.contains("Your account has been updated."),
        "{}",
        shown.text
    );
    let user = realm
        .admin
        .get(&realm.path(&format!("/users/{}", realm.alice)))
        .await
        .json;
    assert_eq!(
        (
            &user["username"],
            &user["firstName"],
            &user["email"],
            &user["emailVerified"],
            &user["enabled"]
        ),
        (
            &json!("alice"),
            &json!("Al"),
            &json!("new@example.test"),
            &json!(false),
            &json!(true)
        )
    );
    let events = kinds(&realm).await;
    let (_, details) = events
        .iter()
        .find(|(kind, _)| kind == "UPDATE_PROFILE")
        .unwrap();
    assert_eq!(details["context"], "ACCOUNT");
    assert_eq!(
        (&details["previous_email"], &details["updated_email"]),
        (&json!("alice@example.test"), &json!("new@example.test"))
    );

    realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    let taken = [
        ("do", "profile"),
        ("firstName", "A"),
        ("lastName", "B"),
        ("email", "bob@example.test"),
    ];
    let refused = act(&mut browser, &realm, &page, &taken).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("Email already exists."),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_the_old_one() {
    let realm = Realm::with(
        json!({ "eventsEnabled": true, "bruteForceProtected": true, "failureFactor": 5, "passwordPolicy": "length(5)" }),
    )
    .await;
    let mut browser = Browser::new();
    let page = enter(&mut browser, &realm, "alice", "secret").await;
    let refresh = crate::support::token(
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
    let form = |old: &'static str, new: &'static str, same: &'static str| {
        [
            ("do", "password"),
            ("password", old),
            ("password-new", new),
            ("password-confirm", same),
            ("logout-sessions", "on"),
        ]
    };
    for (sent, id, text) in [
        (
            form("secret", "abc", "abc"),
            "password-new",
            "minimum length 5",
        ),
        (
            form("secret", "another", "anothre"),
            "password-confirm",
            "Passwords don&#39;t match.",
        ),
        (
            form("wrong", "another", "another"),
            "password",
            "Invalid existing password.",
        ),
    ] {
        let refused = act(&mut browser, &realm, &page, &sent).await;
        assert_eq!(refused.status, 400);
        assert!(
            refused.text.contains(&format!("id=\"input-error-{id}\""))
                && refused.text.contains(text),
            "{}",
            refused.text
        );
        assert!(!refused.text.contains("another"), "no password comes back");
    }
    let path = realm.path(&format!(
        "/attack-detection/brute-force/users/{}",
        realm.alice
    ));
    assert_eq!(realm.admin.get(&path).await.json["numFailures"], 1);

    let done = act(
        &mut browser,
        &realm,
        &page,
        &form("secret", "another", "another"),
    )
    .await;
    assert_eq!(done.status, 303, "{}", done.text);
    login(&server().url, &realm.name, "alice", "another").await;
    let again = token(
        &server().url,
        &realm.name,
        &[
            ("grant_type", "refresh_token"),
            ("client_id", "admin-cli"),
            (
                "refresh_token",
                refresh.json["refresh_token"].as_str().unwrap(),
            ),
        ],
    )
    .await;
    assert_eq!(again.status, 400, "other sessions are over");
    assert_eq!(
        browser.get(&account(&realm)).await.status,
        200,
        "this one is not"
    );
    let events = kinds(&realm).await;
    for kind in ["UPDATE_PASSWORD", "UPDATE_CREDENTIAL", "LOGOUT"] {
        assert!(
            events.iter().any(|(known, _)| known == kind),
            "{kind}: {events:?}"
        );
    }
}
