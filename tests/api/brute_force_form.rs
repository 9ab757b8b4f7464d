//! Brute-force protection of the login form, and what it tells those who guess.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::{Browser, auth_url, parameter};
use crate::second_factor::{event, failures, guarded};
use crate::support::{Answer, Realm, server, token};

/// Types a name and a password into a form; the page as it came, and how long it took.
async fn attempt(
    browser: &mut Browser,
    page: &Answer,
    user: &str,
    password: &str,
) -> (Answer, Duration) {
    let begun = Instant::now();
    let answer = browser
        .submit(page, &[("username", user), ("password", password)])
        .await;
    (answer, begun.elapsed())
}

async fn form(browser: &mut Browser, realm: &Realm) -> Answer {
    let page = browser.get(&auth_url(&realm.name, "")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page
}

/// A page without what differs from one login to the next.
fn plain(page: &Answer, user: &str) -> String {
    let mut text = page.text.replace(user, "NAME");
    for name in ["session_code=", "tab_id="] {
        while let Some(at) = text.find(name) {
            let rest = text[at + name.len()..].find(['&', '"']).unwrap_or_default();
            text.replace_range(at..at + name.len() + rest, "");
        }
    }
    text
}

#[tokio::test]
async fn the_form_the_token_endpoint_and_docker_count_into_one_number() {
    let realm = guarded(json!({ "failureFactor": 3 })).await;
    let mut browser = Browser::new();
    let page = form(&mut browser, &realm).await;
    attempt(&mut browser, &page, "alice", "wrong").await;
    let grant = async |password: &str| {
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", password),
        ];
        token(&server().url, &realm.name, &form).await
    };
    assert_eq!(grant("wrong").await.status, 400);
    assert_eq!(failures(&realm).await, 2);
    assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
    assert_eq!(failures(&realm).await, 3);
    let (locked, _) = attempt(&mut browser, &page, "alice", "secret").await;
    assert_eq!(locked.status, 200);
    assert!(
        locked.text.contains("Invalid username or password."),
        "{}",
        locked.text
    );
    assert_eq!(
        grant("secret").await.json["error_description"],
        "Invalid user credentials"
    );
    let events = event(&realm, "LOGIN_ERROR").await;
    assert_eq!(events["error"], "user_temporarily_disabled");

    let path = format!("/attack-detection/brute-force/users/{}", realm.alice);
    assert_eq!(realm.admin.delete(&realm.path(&path)).await.status, 204);
    let (done, _) = attempt(&mut browser, &page, "alice", "secret").await;
    assert!(parameter(&done, "code").is_some(), "{}", done.text);
}

#[tokio::test]
async fn a_lock_ends_no_session_that_there_is() {
    let realm = guarded(json!({ "failureFactor": 1 })).await;
    let mut browser = Browser::new();
    let page = form(&mut browser, &realm).await;
    attempt(&mut browser, &page, "alice", "secret").await;
    let mut other = Browser::new();
    let page = form(&mut other, &realm).await;
    attempt(&mut other, &page, "alice", "wrong").await;
    let (locked, _) = attempt(&mut other, &page, "alice", "secret").await;
    assert_eq!(locked.status, 200);
    let silent = browser.get(&auth_url(&realm.name, "&prompt=none")).await;
    assert!(parameter(&silent, "code").is_some(), "{}", silent.location);
}

#[tokio::test]
async fn unknown_user_wrong_password_and_lock_look_alike() {
    let realm = guarded(json!({ "failureFactor": 2 })).await;
    let mut browser = Browser::new();
    let page = form(&mut browser, &realm).await;
    let (wrong, _) = attempt(&mut browser, &page, "alice", "wrong").await;
    let (unknown, _) = attempt(&mut browser, &page, "nobody", "wrong").await;
    attempt(&mut browser, &page, "alice", "wrong").await;
    let (locked, _) = attempt(&mut browser, &page, "alice", "secret").await;
    let (empty, _) = attempt(&mut browser, &page, "", "").await;
    let text = plain(&wrong, "alice");
    assert!(text.contains("Invalid username or password."), "{text}");
    assert_eq!(text, plain(&locked, "alice"));
    assert_eq!(text, plain(&unknown, "nobody"));
    assert_eq!(empty.status, 200);
    let names = |answer: &Answer| -> Vec<String> {
        let names = answer
            .headers
            .keys()
            .filter(|name| *name != "content-length" && *name != "date");
        names.map(ToString::to_string).collect()
    };
    assert_eq!(names(&wrong), names(&unknown));
    assert_eq!(names(&wrong), names(&locked));
}

#[tokio::test]
async fn unknown_user_wrong_password_and_lock_last_alike() {
    let realm = guarded(json!({ "failureFactor": 1000 })).await;
    let locked = json!({
        "username": "locked", "enabled": true, "email": "l@example.test", "firstName": "L", "lastName": "L",
        "credentials": [{ "type": "password", "value": "secret" }]
    });
    let locked = realm.admin.create(&realm.path("/users"), locked).await;
    let mut browser = Browser::new();
    let page = form(&mut browser, &realm).await;
    attempt(&mut browser, &page, "locked", "wrong").await;
    sqlx::query("update login_failure set failed_login_not_before = $1 where user_id::text = $2")
        .bind(store::clock::now() + 10_000)
        .bind(&locked)
        .execute(&mut crate::rows::connect().await)
        .await
        .unwrap();
    // One after the other in turn, so that what else goes on meets all of them alike; the least time of each counts.
    let cases = [
        ("alice", "wrong"),
        ("nobody", "wrong"),
        ("locked", "secret"),
    ];
    let mut least = [Duration::MAX; 3];
    for _ in 0..12 {
        for (place, (user, password)) in cases.iter().enumerate() {
            let (answer, took) = attempt(&mut browser, &page, user, password).await;
            assert_eq!(answer.status, 200);
            least[place] = least[place].min(took);
        }
    }
    let (shortest, longest) = (least.iter().min().unwrap(), least.iter().max().unwrap());
    assert!(*longest < *shortest * 2, "{least:?}");
}

#[tokio::test]
async fn of_many_guesses_at_once_as_many_are_judged_as_the_realm_allows() {
    let realm = guarded(json!({ "failureFactor": 3 })).await;
    let guesses = (0..30).map(|_| async {
        let mut browser = Browser::new();
        let page = form(&mut browser, &realm).await;
        attempt(&mut browser, &page, "alice", "wrong")
            .await
            .0
            .status
    });
    let statuses = futures_util::future::join_all(guesses).await;
    assert_eq!(statuses, vec![200; 30]);
    assert_eq!(failures(&realm).await, 30);
    let path = realm.path("/events?type=LOGIN_ERROR&max=1000");
    let events = realm.admin.get(&path).await.json;
    let judged = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["error"] == "invalid_user_credentials");
    assert_eq!(judged.count(), 3);
}

#[tokio::test]
async fn a_permanent_lock_is_answered_as_a_wrong_password_until_the_right_one_comes() {
    let realm = guarded(json!({ "failureFactor": 2, "permanentLockout": true })).await;
    let mut browser = Browser::new();
    let page = form(&mut browser, &realm).await;
    for _ in 0..3 {
        let (wrong, _) = attempt(&mut browser, &page, "alice", "wrong").await;
        assert!(
            wrong.text.contains("Invalid username or password."),
            "{}",
            wrong.text
        );
    }
    let user = realm
        .admin
        .get(&realm.path(&format!("/users/{}", realm.alice)))
        .await
        .json;
    assert_eq!(user["enabled"], false);
    let (right, _) = attempt(&mut browser, &page, "alice", "secret").await;
    assert!(parameter(&right, "code").is_none());
    assert_eq!(right.status, 200);
}
