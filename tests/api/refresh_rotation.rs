//! Refresh tokens that are good once (`revokeRefreshToken`): who uses one again may have stolen it.

use serde_json::json;

use crate::apps::{APP, Apps, Tokens};
use crate::browser::{Browser, auth_url, parameter, redeem};
use crate::rows;

const TOO_OFTEN: &str = "Maximum allowed refresh token reuse exceeded";
const ENDED: &str = "Session doesn't have required client";

async fn rotating(max_reuse: u32) -> Apps {
    let settings = json!({ "revokeRefreshToken": true, "refreshTokenMaxReuse": max_reuse });
    Apps::with(settings).await
}

async fn chains(apps: &Apps) -> i64 {
    let mut db = rows::connect().await;
    sqlx::query_scalar(
        "select count(*) from refresh_chain c join realm r on r.id = c.realm_id where r.name = $1",
    )
    .bind(&apps.realm.name)
    .fetch_one(&mut db)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_second_use_of_a_refresh_token_ends_what_the_first_one_gave() {
    let apps = rotating(0).await;
    for scope in ["openid", "openid offline_access"] {
        let first = apps.login(APP, scope).await;
        let second = apps.refreshed(APP, first.refresh()).await;
        assert_eq!(apps.userinfo(second.access()).await, "200");
        apps.is_refused(APP, first.refresh(), TOO_OFTEN).await;
        let ended = if scope == "openid" {
            ENDED
        } else {
            "Offline user session not found"
        };
        apps.is_refused(APP, second.refresh(), ended).await;
        for tokens in [&first, &second] {
            assert_eq!(
                apps.userinfo(tokens.access()).await,
                "user_session_not_found"
            );
        }
    }
    assert_eq!(chains(&apps).await, 0);
}

#[tokio::test]
async fn a_token_may_be_used_again_as_often_as_the_realm_says_until_its_successor_is_used() {
    let apps = rotating(1).await;
    let first = apps.login(APP, "openid").await;
    let lost = apps.refreshed(APP, first.refresh()).await;
    let second = apps.refreshed(APP, first.refresh()).await;
    let third = apps.refreshed(APP, second.refresh()).await;
    let chain = |tokens: &Tokens| tokens.claim("refresh_token", "reuse_id");
    assert_eq!(chain(&first), chain(&third));

    // Whoever has the answer that was lost is not the one who went on.
    apps.is_refused(APP, lost.refresh(), "Stale token").await;
    apps.is_refused(APP, third.refresh(), ENDED).await;

    let first = apps.login(APP, "openid").await;
    for _ in 0..2 {
        apps.refreshed(APP, first.refresh()).await;
    }
    apps.is_refused(APP, first.refresh(), TOO_OFTEN).await;
}

#[tokio::test]
async fn of_50_parallel_uses_of_a_refresh_token_one_wins() {
    let apps = rotating(0).await;
    for scope in ["openid", "openid offline_access"] {
        let tokens = apps.login(APP, scope).await;
        let uses = (0..50).map(|_| {
            let (url, refresh) = (apps.url("token"), tokens.refresh().to_owned());
            tokio::spawn(async move {
                let form = [
                    ("grant_type", "refresh_token"),
                    ("client_id", "app"),
                    ("refresh_token", &refresh),
                ];
                let sent = reqwest::Client::new().post(url).form(&form).send().await;
                sent.unwrap().status().as_u16()
            })
        });
        let mut statuses = Vec::new();
        for one in uses.collect::<Vec<_>>() {
            statuses.push(one.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{statuses:?}");
        assert!(
            statuses[1..].iter().all(|status| *status == 400),
            "{statuses:?}"
        );
    }
}

#[tokio::test]
async fn two_tabs_of_a_browser_do_not_use_up_each_others_tokens() {
    let apps = rotating(0).await;
    let name = &apps.realm.name;
    let mut window = Browser::new();
    let answer = window
        .sign_in(name, "&scope=openid", "alice", "secret")
        .await;
    let one = redeem(name, &parameter(&answer, "code").unwrap(), &[]).await;
    let answer = window.get(&auth_url(name, "&scope=openid")).await;
    let other = redeem(name, &parameter(&answer, "code").unwrap(), &[]).await;
    let (one, other) = (Tokens { json: one.json }, Tokens { json: other.json });
    assert_eq!(one.session(), other.session());
    let mut latest = Vec::new();
    for tokens in [one, other] {
        let next = apps.refreshed(APP, tokens.refresh()).await;
        latest.push(apps.refreshed(APP, next.refresh()).await);
    }
    for tokens in &latest {
        apps.refreshed(APP, tokens.refresh()).await;
    }
    // But who steals from one of them is found out, and both have to sign in again.
    apps.is_refused(APP, latest[0].refresh(), TOO_OFTEN).await;
    assert_eq!(
        apps.userinfo(latest[1].access()).await,
        "user_session_not_found"
    );
}

#[tokio::test]
async fn a_realm_that_does_not_count_writes_no_uses_and_may_begin_to_at_any_time() {
    let apps = Apps::new().await;
    let first = apps.login(APP, "openid").await;
    let second = apps.refreshed(APP, first.refresh()).await;
    apps.refreshed(APP, first.refresh()).await;
    assert_eq!(chains(&apps).await, 0);
    apps.set(json!({ "revokeRefreshToken": true })).await;
    apps.refreshed(APP, second.refresh()).await;
    apps.refreshed(APP, first.refresh()).await;
    apps.is_refused(APP, first.refresh(), TOO_OFTEN).await;
}

#[tokio::test]
async fn a_refusal_for_another_reason_does_not_use_a_token_up() {
    let apps = rotating(0).await;
    let tokens = apps.login(APP, "openid").await;
    let path = apps.realm.path(&format!("/users/{}", apps.realm.alice));
    for (enabled, text) in [(false, Some("User disabled")), (true, None)] {
        let answer = apps
            .realm
            .admin
            .put(&path, json!({ "enabled": enabled }))
            .await;
        assert_eq!(answer.status, 204);
        match text {
            Some(text) => apps.is_refused(APP, tokens.refresh(), text).await,
            None => drop(apps.refreshed(APP, tokens.refresh()).await),
        }
    }
}

#[tokio::test]
async fn a_code_that_is_used_again_ends_its_tokens_offline_ones_too() {
    let apps = Apps::new().await;
    let name = &apps.realm.name;
    for scope in ["openid", "openid+offline_access"] {
        let mut window = Browser::new();
        let answer = window
            .sign_in(name, &format!("&scope={scope}"), "alice", "secret")
            .await;
        let code = parameter(&answer, "code").unwrap();
        let tokens = Tokens {
            json: redeem(name, &code, &[]).await.json,
        };
        assert_eq!(apps.userinfo(tokens.access()).await, "200");
        assert_eq!(
            redeem(name, &code, &[]).await.json["error_description"],
            "Code not valid"
        );
        assert_eq!(
            apps.userinfo(tokens.access()).await,
            "user_session_not_found"
        );
        assert_eq!(apps.refresh(APP, tokens.refresh()).await.status, 400);
    }
}
