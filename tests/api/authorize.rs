//! Signing in by a browser, and what becomes of the code.

use serde_json::json;

use crate::browser::{
    Browser, CALLBACK, CHALLENGE, VERIFIER, action, app, auth_url, parameter, redeem,
};
use crate::support::{Realm, claims, server, token};

async fn code(browser: &mut Browser, realm: &Realm, query: &str) -> String {
    let answer = browser.sign_in(&realm.name, query, "alice", "secret").await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    parameter(&answer, "code").unwrap_or_else(|| panic!("no code in {}", answer.location))
}

#[tokio::test]
async fn a_password_becomes_a_code_and_a_code_becomes_tokens() {
    let realm = Realm::new().await;
    app(&realm, json!({})).await;
    let mut browser = Browser::new();
    let query = format!(
        "&scope=openid&state=st&nonce=n1&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let answer = browser
        .sign_in(&realm.name, &query, "alice", "secret")
        .await;
    assert_eq!(answer.status, 302);
    assert!(
        answer
            .location
            .starts_with(&format!("{CALLBACK}?state=st&")),
        "{}",
        answer.location
    );
    let issuer = format!("{}/realms/{}", server().url, realm.name);
    assert_eq!(parameter(&answer, "iss"), Some(issuer));

    let code = parameter(&answer, "code").unwrap();
    let tokens = redeem(&realm.name, &code, &[("code_verifier", VERIFIER)]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.json);
    let id = claims(tokens.json["id_token"].as_str().unwrap());
    assert_eq!(
        (&id["nonce"], &id["acr"], &id["aud"]),
        (&json!("n1"), &json!("1"), &json!("app"))
    );
    assert_eq!(
        id["sid"],
        json!(parameter(&answer, "session_state").unwrap())
    );
    assert!(id["auth_time"].is_i64());
    let access = claims(tokens.json["access_token"].as_str().unwrap());
    assert!(
        access["jti"].as_str().unwrap().starts_with("onrtac:"),
        "{access}"
    );

    // Signed in already: no page, another code of the same session.
    let again = browser.get(&auth_url(&realm.name, "&scope=openid")).await;
    assert_eq!(again.status, 302);
    assert_eq!(
        parameter(&again, "session_state"),
        parameter(&answer, "session_state")
    );
}

#[tokio::test]
async fn a_code_that_is_used_twice_ends_what_it_gave() {
    let realm = Realm::new().await;
    app(&realm, json!({})).await;
    let code = code(&mut Browser::new(), &realm, "&scope=openid").await;
    let first = redeem(&realm.name, &code, &[]).await;
    assert_eq!(first.status, 200);
    let second = redeem(&realm.name, &code, &[]).await;
    assert_eq!(
        (second.status, second.json),
        (
            400,
            json!({ "error": "invalid_grant", "error_description": "Code not valid" })
        )
    );
    let refresh = first.json["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", refresh),
    ];
    let refreshed = token(&server().url, &realm.name, &form).await;
    assert_eq!(
        (refreshed.status, &refreshed.json["error_description"]),
        (400, &json!("Session doesn't have required client"))
    );
    let userinfo = format!(
        "{}/realms/{}/protocol/openid-connect/userinfo",
        server().url,
        realm.name
    );
    let access = first.json["access_token"].as_str().unwrap();
    let answer = reqwest::Client::new()
        .get(userinfo)
        .bearer_auth(access)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn of_many_uses_of_a_code_at_once_one_succeeds() {
    let realm = Realm::new().await;
    app(&realm, json!({})).await;
    let code = code(&mut Browser::new(), &realm, "&scope=openid").await;
    let tries = (0..20).map(|_| redeem(&realm.name, &code, &[]));
    let answers = futures_util::future::join_all(tries).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(good <= 1, "{good}");
}

#[tokio::test]
async fn a_code_is_good_for_its_client_its_redirect_uri_and_its_verifier_only() {
    let realm = Realm::new().await;
    app(
        &realm,
        json!({ "redirectUris": [CALLBACK, "http://app.test/other"] }),
    )
    .await;
    realm
        .admin
        .create(
            &realm.path("/clients"),
            json!({ "clientId": "other", "publicClient": true, "redirectUris": [CALLBACK] }),
        )
        .await;
    let pkce = format!("&code_challenge={CHALLENGE}&code_challenge_method=S256");
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 6] = [
        (
            "",
            &[("client_id", "other")],
            "Auth error: Found different client_id in clientSession",
        ),
        (
            "",
            &[("redirect_uri", "http://app.test/other")],
            "Incorrect redirect_uri",
        ),
        ("", &[("redirect_uri", "")], "Incorrect redirect_uri"),
        (
            "",
            &[("code_verifier", VERIFIER)],
            "PKCE code verifier specified but challenge not present in authorization",
        ),
        (&pkce, &[], "PKCE code verifier not specified"),
        (
            &pkce,
            &[("code_verifier", CHALLENGE)],
            "PKCE verification failed: Code mismatch",
        ),
    ];
    for (query, form, expected) in cases {
        let code = code(&mut Browser::new(), &realm, query).await;
        let answer = redeem(&realm.name, &code, form).await;
        assert_eq!(
            (answer.status, &answer.json["error_description"]),
            (400, &json!(expected)),
            "{query} {form:?}"
        );
        assert_eq!(
            redeem(&realm.name, &code, &[]).await.status,
            400,
            "the try has used the code"
        );
    }
}

#[tokio::test]
async fn nobody_is_sent_to_a_place_that_is_not_the_clients() {
    let realm = Realm::new().await;
    app(&realm, json!({})).await;
    let mut browser = Browser::new();
    let base = format!(
        "{}/realms/{}/protocol/openid-connect/auth?response_type=code",
        server().url,
        realm.name
    );
    for query in [
        "&client_id=app&redirect_uri=http://evil.test/cb",
        "&client_id=app",
        "&client_id=nobody&redirect_uri=http://app.test/cb",
        "&redirect_uri=http://app.test/cb",
        "&client_id=app&client_id=app&redirect_uri=http://app.test/cb",
        "&client_id=app&redirect_uri=javascript:alert(1)",
        "&client_id=app&redirect_uri=http://app.test/cb%0d%0aSet-Cookie:x=y",
    ] {
        let answer = browser.get(&format!("{base}{query}")).await;
        assert_eq!(
            (answer.status, answer.location.as_str()),
            (400, ""),
            "{query}"
        );
        assert!(answer.text.contains("<html"), "{query}");
    }
}

#[tokio::test]
async fn a_form_is_taken_once_and_only_from_the_browser_that_got_it() {
    let realm = Realm::new().await;
    app(&realm, json!({})).await;
    let mut browser = Browser::new();
    let page = browser.get(&auth_url(&realm.name, "&state=st")).await;
    let values = [("username", "alice"), ("password", "secret")];

    let stranger = Browser::new().post(&action(&page), &values).await;
    assert_eq!((stranger.status, stranger.location.as_str()), (400, ""));

    let forged = action(&page).replace("session_code=", "session_code=x");
    let refused = browser.post(&forged, &values).await;
    assert_eq!(refused.status, 302);
    assert!(
        refused.location.contains("/login-actions/authenticate?"),
        "{}",
        refused.location
    );

    let done = browser.post(&action(&page), &values).await;
    assert!(parameter(&done, "code").is_some());
    let again = browser.post(&action(&page), &values).await;
    assert_eq!(again.status, 302);
    assert_eq!(
        parameter(&again, "error").as_deref(),
        Some("temporarily_unavailable")
    );
    assert_eq!(
        parameter(&again, "error_description").as_deref(),
        Some("authentication_expired")
    );
}

#[tokio::test]
async fn an_application_can_ask_without_a_page_and_for_a_new_password() {
    let realm = Realm::new().await;
    app(&realm, json!({})).await;
    let mut browser = Browser::new();
    let none = browser
        .get(&auth_url(&realm.name, "&prompt=none&state=s"))
        .await;
    assert_eq!(parameter(&none, "error").as_deref(), Some("login_required"));

    code(&mut browser, &realm, "").await;
    let silent = browser.get(&auth_url(&realm.name, "&prompt=none")).await;
    assert!(parameter(&silent, "code").is_some(), "{}", silent.location);
    for query in ["&prompt=login", "&max_age=0"] {
        let page = browser.get(&auth_url(&realm.name, query)).await;
        assert_eq!(page.status, 200, "{query}");
        assert!(
            page.text.contains("Please re-authenticate to continue"),
            "{query}"
        );
        let session = parameter(&silent, "session_state");
        // Another name does not matter: it is the same person or nobody.
        let done = browser
            .submit(&page, &[("username", "bob"), ("password", "secret")])
            .await;
        assert_eq!(parameter(&done, "session_state"), session, "{query}");
    }
}

#[tokio::test]
async fn what_was_planted_before_the_password_finds_no_login_after_it() {
    let realm = Realm::new().await;
    app(&realm, json!({})).await;
    let mut thief = Browser::new();
    let page = thief.get(&auth_url(&realm.name, "")).await;
    // The victim's browser has the thief's cookies, and the victim the thief's form.
    let mut victim = Browser::new();
    victim.cookies = thief.cookies.clone();
    let done = victim
        .submit(&page, &[("username", "alice"), ("password", "secret")])
        .await;
    assert!(parameter(&done, "code").is_some());
    let shown = thief.get(&action(&page)).await;
    assert!(parameter(&shown, "code").is_none(), "{}", shown.location);
    let silent = thief.get(&auth_url(&realm.name, "&prompt=none")).await;
    assert_eq!(
        parameter(&silent, "error").as_deref(),
        Some("login_required")
    );
}

#[tokio::test]
async fn a_login_that_waits_ends_with_the_password_that_began_it() {
    let realm = Realm::new().await;
    app(&realm, json!({})).await;
    let user = realm.path(&format!("/users/{}", realm.alice));
    let waits = json!({ "requiredActions": ["UPDATE_PASSWORD"] });
    assert_eq!(realm.admin.put(&user, waits).await.status, 204);
    for end in ["reset-password", "logout", "logout-all"] {
        let mut browser = Browser::new();
        let password = if end == "reset-password" {
            "secret"
        } else {
            "other"
        };
        let waiting = browser.sign_in(&realm.name, "", "alice", password).await;
        assert!(
            waiting.location.contains("/required-action?"),
            "{end}: {}",
            waiting.location
        );
        let ended = match end {
            "reset-password" => {
                let body = json!({ "type": "password", "value": "other", "temporary": true });
                realm
                    .admin
                    .put(&format!("{user}/reset-password"), body)
                    .await
            }
            "logout" => realm.admin.post(&format!("{user}/logout"), json!({})).await,
            _ => {
                realm
                    .admin
                    .post(&realm.path("/logout-all"), json!({}))
                    .await
            }
        };
        assert!(ended.status < 300, "{end}: {}", ended.text);
        let page = browser.follow(waiting).await;
        assert!(page.text.contains("kc-form-login"), "{end}: {}", page.text);
    }
}
