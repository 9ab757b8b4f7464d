//! A client's part in a session: what ends with it does not come back with the client.

use std::time::Duration;

use serde_json::json;
use sqlx::Connection as _;

use crate::apps::{APP, Apps};
use crate::browser::{Browser, auth_url, parameter, redeem};
use crate::rows;
use crate::support::{Answer, person};

/// Tokens say in whole seconds when they were made.
async fn next_second() {
    tokio::time::sleep(Duration::from_millis(1100)).await;
}

async fn signed_in(apps: &Apps) -> Browser {
    let path = apps.realm.path("/users");
    let mut rep = person("bob");
    rep["credentials"] = json!([{ "type": "password", "value": "secret" }]);
    apps.realm.admin.create(&path, rep).await;
    let mut browser = Browser::new();
    let other = auth_url(&apps.realm.name, "").replace("client_id=app", "client_id=web");
    let page = browser.get(&other).await;
    let answer = browser
        .submit(&page, &[("username", "bob"), ("password", "secret")])
        .await;
    assert!(parameter(&answer, "code").is_some(), "{}", answer.text);
    browser
}

/// The tokens of client `app`, for whoever is signed in.
async fn tokens(apps: &Apps, browser: &mut Browser, scope: &str) -> (String, Answer) {
    let query = format!("&scope={scope}");
    let answer = browser.get(&auth_url(&apps.realm.name, &query)).await;
    let code = parameter(&answer, "code").unwrap_or_else(|| panic!("{}", answer.text));
    let tokens = redeem(&apps.realm.name, &code, &[]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    (code, tokens)
}

fn text<'a>(tokens: &'a Answer, name: &str) -> &'a str {
    tokens.json[name].as_str().unwrap()
}

#[tokio::test]
async fn tokens_that_were_taken_back_stay_so_when_the_client_comes_back() {
    let apps = Apps::new().await;
    let mut browser = signed_in(&apps).await;
    for (scope, error) in [
        (
            "openid",
            "refresh token issued before the client session started",
        ),
        (
            "openid+offline_access",
            "Refresh token issued before the user session started",
        ),
    ] {
        let (_, first) = tokens(&apps, &mut browser, scope).await;
        next_second().await;
        let (_, second) = tokens(&apps, &mut browser, scope).await;
        // Another tab takes nothing away.
        apps.refreshed(APP, text(&first, "refresh_token")).await;
        assert_eq!(apps.userinfo(text(&first, "access_token")).await, "200");
        let revoked = apps
            .post("revoke", APP, &[("token", text(&second, "refresh_token"))])
            .await;
        assert_eq!(revoked.status, 200);
        next_second().await;
        let (_, third) = tokens(&apps, &mut browser, scope).await;
        for old in [&first, &second] {
            let refused = apps.refresh(APP, text(old, "refresh_token")).await;
            let description = &refused.json["error_description"];
            assert_eq!((refused.status, description), (400, &json!(error)));
            assert_ne!(apps.userinfo(text(old, "access_token")).await, "200");
        }
        apps.refreshed(APP, text(&third, "refresh_token")).await;
        assert_eq!(apps.userinfo(text(&third, "access_token")).await, "200");
    }
}

#[tokio::test]
async fn what_a_stolen_code_gave_stays_dead_when_its_owner_signs_in_again() {
    let apps = Apps::new().await;
    let mut browser = signed_in(&apps).await;
    let (code, stolen) = tokens(&apps, &mut browser, "openid").await;
    assert_eq!(redeem(&apps.realm.name, &code, &[]).await.status, 400);
    next_second().await;
    tokens(&apps, &mut browser, "openid").await;
    let refused = apps.refresh(APP, text(&stolen, "refresh_token")).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_ne!(apps.userinfo(text(&stolen, "access_token")).await, "200");
}

#[tokio::test]
async fn a_sign_in_that_goes_on_does_not_prolong_the_clients_part() {
    let apps = Apps::with(json!({ "clientSessionMaxLifespan": 1000 })).await;
    let mut browser = signed_in(&apps).await;
    tokens(&apps, &mut browser, "openid").await;
    let age = "update client_session set started = started - 600 where realm_id = (select id from realm where name = $1)";
    rows::execute(age, &apps.realm.name).await;
    let (_, second) = tokens(&apps, &mut browser, "openid").await;
    let left = second.json["refresh_expires_in"].as_i64().unwrap();
    assert!((300..=400).contains(&left), "{left}");
    // One that is over begins anew.
    rows::execute(age, &apps.realm.name).await;
    let (_, third) = tokens(&apps, &mut browser, "openid").await;
    let left = third.json["refresh_expires_in"].as_i64().unwrap();
    assert!((900..=1000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_session_that_ends_while_a_client_asks_lets_nobody_in() {
    for prompt in ["", "&prompt=none"] {
        let apps = Apps::new().await;
        let mut browser = signed_in(&apps).await;
        let (mut other, mut watch) = (rows::connect().await, rows::connect().await);
        let mut ending = other.begin().await.unwrap();
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut *ending)
            .await
            .unwrap();
        sqlx::query(
            "delete from user_session where realm_id = (select id from realm where name = $1)",
        )
        .bind(&apps.realm.name)
        .execute(&mut *ending)
        .await
        .unwrap();
        let end = async {
            let waits = "select exists (select from pg_stat_activity where $1 = any(pg_blocking_pids(pid)))";
            while !sqlx::query_scalar::<_, bool>(waits)
                .bind(pid)
                .fetch_one(&mut watch)
                .await
                .unwrap()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ending.commit().await.unwrap();
        };
        let url = auth_url(&apps.realm.name, &format!("&scope=openid{prompt}"));
        let (answer, ()) = tokio::join!(browser.get(&url), end);
        assert_eq!(parameter(&answer, "code"), None, "{}", answer.location);
        if prompt.is_empty() {
            let page = browser.follow(answer).await;
            assert!(page.text.contains("name=\"password\""), "{}", page.text);
        } else {
            assert_eq!(
                parameter(&answer, "error").as_deref(),
                Some("login_required")
            );
        }
    }
}

#[tokio::test]
async fn a_family_of_refresh_tokens_that_was_ended_does_not_come_back_to_life() {
    let apps = Apps::with(json!({ "revokeRefreshToken": true, "refreshTokenMaxReuse": 0 })).await;
    let mut browser = signed_in(&apps).await;
    let (_, first) = tokens(&apps, &mut browser, "openid").await;
    let first = text(&first, "refresh_token");
    let second = apps.refreshed(APP, first).await;
    assert_eq!(apps.refresh(APP, first).await.status, 400);
    next_second().await;
    let (_, third) = tokens(&apps, &mut browser, "openid").await;
    for old in [first, second.refresh()] {
        assert_eq!(apps.refresh(APP, old).await.status, 400);
    }
    apps.refreshed(APP, text(&third, "refresh_token")).await;
}
