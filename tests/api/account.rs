//! The account page.

use serde_json::json;

use crate::browser::Browser;
use crate::support::{Answer, Realm, login, patiently, person, server};

pub fn account(realm: &Realm) -> String {
    format!("{}/realms/{}/account", server().url, realm.name)
}

pub async fn with_events() -> Realm {
    Realm::with(json!({ "eventsEnabled": true })).await
}

/// Signs in at the account page.
pub async fn enter(browser: &mut Browser, realm: &Realm, user: &str, password: &str) -> Answer {
    let start = browser.get(&account(realm)).await;
    assert_eq!(start.status, 302, "{}", start.text);
    let form = browser.follow(start).await;
    assert!(form.text.contains("kc-form-login"), "{}", form.text);
    let back = browser
        .submit(&form, &[("username", user), ("password", password)])
        .await;
    browser.follow(back).await
}

fn state_checker(page: &Answer) -> String {
    let (_, rest) = page
        .text
        .split_once("name=\"stateChecker\" value=\"")
        .unwrap_or_else(|| panic!("{}", page.text));
    crate::browser::unescape(rest.split('"').next().unwrap())
}

pub async fn act(
    browser: &mut Browser,
    realm: &Realm,
    page: &Answer,
    form: &[(&str, &str)],
) -> Answer {
    let checker = state_checker(page);
    let mut form = form.to_vec();
    form.push(("stateChecker", &checker));
    browser.post(&account(realm), &form).await
}

#[tokio::test]
async fn somebody_who_is_not_signed_in_signs_in_and_comes_back() {
    let realm = with_events().await;
    let mut browser = Browser::new();
    let page = enter(&mut browser, &realm, "alice", "secret").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.text.contains("data-page-id=\"account\""),
        "{}",
        page.text
    );
    for shown in ["value=\"alice\"", "alice@example.test", "127.0.0.1"] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    assert!(!page.text.contains("<script"));
    let again = browser.get(&account(&realm)).await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn a_form_from_elsewhere_changes_nothing() {
    let realm = with_events().await;
    let (mut browser, mut other) = (Browser::new(), Browser::new());
    let page = enter(&mut browser, &realm, "alice", "secret").await;
    let foreign = state_checker(&enter(&mut other, &realm, "alice", "secret").await);
    assert_ne!(foreign, state_checker(&page));
    for checker in [None, Some(""), Some("x"), Some(foreign.as_str())] {
        let mut form = vec![
            ("do", "profile"),
            ("firstName", "M"),
            ("lastName", "M"),
            ("email", "m@example.test"),
        ];
        form.extend(checker.map(|checker| ("stateChecker", checker)));
        let answer = browser.post(&account(&realm), &form).await;
        assert_eq!(answer.status, 400, "{checker:?}");
        assert!(
            answer.text.contains("This form is too old"),
            "{}",
            answer.text
        );
    }
    let user = realm
        .admin
        .get(&realm.path(&format!("/users/{}", realm.alice)))
        .await
        .json;
    assert_eq!(user["email"], "alice@example.test");
    let stranger = Browser::new()
        .post(&account(&realm), &[("do", "profile")])
        .await;
    assert_eq!(stranger.status, 302, "first sign in");
}

#[tokio::test]
async fn sessions_are_signed_out_here_and_elsewhere() {
    let realm = with_events().await;
    let (mut browser, mut other) = (Browser::new(), Browser::new());
    let page = enter(&mut browser, &realm, "alice", "secret").await;
    enter(&mut other, &realm, "alice", "secret").await;
    let page = {
        let _ = page;
        browser.get(&account(&realm)).await
    };
    assert_eq!(
        page.text.matches("value=\"sign-out\"").count(),
        2,
        "{}",
        page.text
    );
    let done = act(&mut browser, &realm, &page, &[("do", "sign-out-others")]).await;
    assert_eq!(done.status, 303);
    assert_eq!(other.get(&account(&realm)).await.status, 302);

    let page = browser.get(&account(&realm)).await;
    let (_, rest) = page.text.split_once("name=\"session\" value=\"").unwrap();
    let own = rest.split('"').next().unwrap().to_owned();
    // Another's session is not one's own to end.
    realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    enter(&mut other, &realm, "bob", "secret").await;
    let bobs = other.get(&account(&realm)).await;
    act(
        &mut other,
        &realm,
        &bobs,
        &[("do", "sign-out"), ("session", &own)],
    )
    .await;
    assert_eq!(browser.get(&account(&realm)).await.status, 200);

    let out = act(
        &mut browser,
        &realm,
        &page,
        &[("do", "sign-out"), ("session", &own)],
    )
    .await;
    assert_eq!(out.status, 200);
    assert!(out.text.contains("You are logged out"), "{}", out.text);
    assert!(!browser.cookies.contains_key("KEYCLOAK_IDENTITY"));
    assert_eq!(browser.get(&account(&realm)).await.status, 302);
}

#[tokio::test]
async fn second_factors_are_set_up_and_taken_away_by_their_pages() {
    let realm = with_events().await;
    let mut browser = Browser::new();
    let page = enter(&mut browser, &realm, "alice", "secret").await;
    let (before, _) = page
        .text
        .split_once("kc_action=CONFIGURE_TOTP")
        .or_else(|| page.text.split_once("kc_action&#61;CONFIGURE_TOTP"))
        .unwrap();
    let href = before.rsplit("href=\"").next().unwrap();
    let url = crate::browser::unescape(href) + "kc_action=CONFIGURE_TOTP";
    let setup = browser.get(&url).await;
    let setup = browser.follow(setup).await;
    assert!(
        setup.text.contains("kc-totp-settings-form"),
        "{}",
        setup.text
    );
    let left = browser.submit(&setup, &[("cancel-aia", "true")]).await;
    let back = browser.follow(left).await;
    assert!(
        back.text.contains("data-page-id=\"account\""),
        "{}",
        back.text
    );
}

#[tokio::test]
async fn roles_say_what_is_shown_and_what_may_be_done() {
    let realm = with_events().await;
    let clients = realm
        .admin
        .get(&realm.path("/clients?clientId=account"))
        .await
        .json;
    let client = clients[0]["id"].as_str().unwrap();
    let default = format!("default-roles-{}", realm.name);
    let default = realm
        .admin
        .get(&realm.path(&format!("/roles/{default}")))
        .await
        .json;
    let mappings = realm.path(&format!("/users/{}/role-mappings", realm.alice));
    let mut browser = Browser::new();
    let page = enter(&mut browser, &realm, "alice", "secret").await;

    let gone = realm
        .admin
        .call(
            reqwest::Method::DELETE,
            &format!("{mappings}/realm"),
            Some(json!([default])),
        )
        .await;
    assert_eq!(gone.status, 204);
    let refused = browser.get(&account(&realm)).await;
    assert_eq!(refused.status, 403, "{}", refused.text);

    let role = realm
        .admin
        .get(&realm.path(&format!("/clients/{client}/roles/view-profile")))
        .await
        .json;
    assert_eq!(
        realm
            .admin
            .post(&format!("{mappings}/clients/{client}"), json!([role]))
            .await
            .status,
        204
    );
    let seen = browser.get(&account(&realm)).await;
    assert_eq!(seen.status, 200);
    assert!(!seen.text.contains("<button"), "{}", seen.text);
    let form = [
        ("do", "profile"),
        ("firstName", "M"),
        ("lastName", "M"),
        ("email", "m@example.test"),
    ];
    assert_eq!(act(&mut browser, &realm, &page, &form).await.status, 403);
}

#[tokio::test]
async fn a_realm_without_the_client_account_has_no_page() {
    let realm = with_events().await;
    let clients = realm
        .admin
        .get(&realm.path("/clients?clientId=account"))
        .await
        .json;
    let mut client = clients[0].clone();
    client["enabled"] = json!(false);
    let path = realm.path(&format!("/clients/{}", client["id"].as_str().unwrap()));
    assert_eq!(realm.admin.put(&path, client).await.status, 204);
    let answer = Browser::new().get(&account(&realm)).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text.contains("Page not found"), "{}", answer.text);
}

#[tokio::test]
async fn a_realm_that_is_switched_off_shows_nobody_their_account() {
    let realm = with_events().await;
    let bearer = login(&server().url, &realm.name, "alice", "secret").await;
    let off = realm
        .admin
        .put(&realm.path(""), json!({ "enabled": false }))
        .await;
    assert_eq!(off.status, 204);
    let page = Browser::new().get(&account(&realm)).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("Realm not enabled"), "{}", page.text);
    let program = patiently(|| {
        let request = reqwest::Client::new().get(account(&realm));
        request
            .header("accept", "application/json")
            .bearer_auth(&bearer)
    })
    .await;
    assert_eq!(
        (program.status, &program.json["error_description"]),
        (403, &json!("Realm not enabled"))
    );
}

#[tokio::test]
async fn a_sign_in_that_failed_does_not_go_round_in_circles() {
    let realm = with_events().await;
    let url = format!("{}?error=access_denied&iss=x", account(&realm));
    let page = Browser::new().get(&url).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("backToApplication"), "{}", page.text);
}
