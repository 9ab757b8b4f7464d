//! What the links in e-mails do.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::mail_sink::{alice, ask, follow, login, press, with_mail};
use crate::support::{Answer, Realm, server, token};

/// Presses the button of the page that a link leads to, and goes where that leads.
async fn go(browser: &mut Browser, link: &str) -> Answer {
    let (url, key) = link.split_once("?key=").unwrap();
    let answer = browser.post(url, &[("key", key)]).await;
    browser.follow(answer).await
}

#[tokio::test]
async fn a_password_is_set_by_the_link_once_and_by_the_button_only() {
    let (realm, mut sink) = with_mail().await;
    let path = realm.path("");
    let policy = json!({ "passwordPolicy": "length(8)" });
    assert_eq!(realm.admin.put(&path, policy).await.status, 204);
    assert_eq!(
        ask(&realm, "reset-password-email", Value::Null)
            .await
            .status,
        204
    );
    let link = sink.letter().await.link();
    for _ in 0..3 {
        let page = follow(&link).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("Update Password"), "{}", page.text);
        assert!(page.text.contains("Blue &lt;&amp; Co"), "{}", page.text);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'; style-src 'self'"),
            "{policy}"
        );
        assert!(
            page.headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("no-store")
        );
    }
    let mut browser = Browser::new();
    let page = go(&mut browser, &link).await;
    assert!(
        page.text.contains("<label for=\"password-new\">"),
        "{}",
        page.text
    );
    let pair =
        |new: &'static str, same: &'static str| [("password-new", new), ("password-confirm", same)];
    for (form, text) in [
        (
            pair("long enough", "long enougg"),
            "Passwords don&#39;t match.",
        ),
        (
            pair("short", "short"),
            "Invalid password: minimum length 8.",
        ),
        (pair("", ""), "Please specify password."),
    ] {
        let again = browser.submit(&page, &form).await;
        assert!(again.text.contains(text), "{}", again.text);
        assert!(
            again.text.contains("password-confirm"),
            "the form is there again"
        );
    }
    assert_eq!(
        follow(&link).await.status,
        200,
        "nothing was done, so the link is good"
    );
    let session = login(&realm, "secret").await;
    assert_eq!(session.status, 200, "nothing has changed yet");

    let [new, same] = pair("long enough", "long enough");
    let done = browser
        .submit(&page, &[new, same, ("logout-sessions", "on")])
        .await;
    let done = browser.follow(done).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(
        done.text.contains("Your account has been updated"),
        "{}",
        done.text
    );
    assert!(
        !browser.cookies.contains_key("KEYCLOAK_IDENTITY"),
        "nobody is signed in by a link"
    );
    assert_eq!(login(&realm, "secret").await.status, 400);
    assert_eq!(login(&realm, "long enough").await.status, 200);
    let refresh = session.json["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "admin-cli"),
        ("refresh_token", refresh),
    ];
    let refreshed = token(&server().url, &realm.name, &form).await;
    assert_eq!(refreshed.status, 400, "other devices are signed out");

    for page in [follow(&link).await, go(&mut Browser::new(), &link).await] {
        assert_eq!(page.status, 400);
        assert!(
            page.text.contains("This link is not valid any more"),
            "{}",
            page.text
        );
    }
    assert_eq!(login(&realm, "long enough").await.status, 200);
}

#[tokio::test]
async fn of_two_who_follow_a_link_one_sets_the_password() {
    let (realm, mut sink) = with_mail().await;
    ask(&realm, "reset-password-email", Value::Null).await;
    let link = sink.letter().await.link();
    let mut browsers = [Browser::new(), Browser::new()];
    let mut pages = vec![];
    for browser in &mut browsers {
        pages.push(go(browser, &link).await);
    }
    let [first, second] = &mut browsers;
    let form = [("password-new", "first"), ("password-confirm", "first")];
    let done = first.submit(&pages[0], &form).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let form = [("password-new", "second"), ("password-confirm", "second")];
    let late = second.submit(&pages[1], &form).await;
    assert_eq!(late.status, 400, "{}", late.text);
    assert_eq!(login(&realm, "first").await.status, 200);
    assert_eq!(login(&realm, "second").await.status, 400);
}

#[tokio::test]
async fn a_link_leads_through_all_that_was_asked_for() {
    let (realm, mut sink) = with_mail().await;
    let actions = json!(["UPDATE_PASSWORD", "CONFIGURE_TOTP", "webauthn-register"]);
    assert_eq!(
        ask(&realm, "execute-actions-email", actions).await.status,
        204
    );
    let link = sink.letter().await.link();
    let mut browser = Browser::new();
    let page = go(&mut browser, &link).await;
    assert!(
        page.text.contains("login-login-config-totp"),
        "{}",
        page.text
    );
    let (_, rest) = page
        .text
        .split_once("name=\"totpSecret\" value=\"")
        .unwrap();
    let code = crate::second_factor::code(rest.split('"').next().unwrap(), 0);
    let answer = browser.submit(&page, &[("totp", &code)]).await;
    let page = browser.follow(answer).await;
    assert!(
        page.text.contains("login-login-update-password"),
        "{}",
        page.text
    );
    let form = [("password-new", "new"), ("password-confirm", "new")];
    let done = browser.submit(&page, &form).await;
    assert!(
        done.text.contains("Your account has been updated"),
        "{}",
        done.text
    );
    assert!(
        done.text.contains("WebAuthn Register"),
        "what has no page is named: {}",
        done.text
    );
    let after = alice(&realm).await;
    assert_eq!(
        (&after["totp"], &after["emailVerified"]),
        (&json!(true), &json!(true))
    );
    for kind in [
        "VERIFY_EMAIL",
        "UPDATE_TOTP",
        "UPDATE_PASSWORD",
        "EXECUTE_ACTIONS",
    ] {
        let path = realm.path(&format!("/events?type={kind}"));
        let events = realm.admin.get(&path).await.json;
        assert_eq!(events[0]["userId"], json!(realm.alice), "{kind}");
    }
}

#[tokio::test]
async fn an_address_is_verified_by_the_button_and_the_demand_ends() {
    let (realm, mut sink) = with_mail().await;
    let path = realm.path(&format!("/users/{}", realm.alice));
    let wanted = json!({ "requiredActions": ["VERIFY_EMAIL"], "emailVerified": false });
    assert_eq!(realm.admin.put(&path, wanted).await.status, 204);
    assert_eq!(
        ask(&realm, "send-verify-email", Value::Null).await.status,
        204
    );
    let letter = sink.letter().await;
    assert!(
        letter.text.contains("Subject: Verify email\n"),
        "{}",
        letter.text
    );
    let link = letter.link();
    assert!(
        follow(&link)
            .await
            .text
            .contains("Verify your e-mail address")
    );
    assert_eq!(alice(&realm).await["emailVerified"], false);
    let page = press(&link, &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let after = alice(&realm).await;
    assert_eq!(
        (&after["emailVerified"], &after["requiredActions"]),
        (&json!(true), &json!([]))
    );
    let events = realm
        .admin
        .get(&realm.path("/events?type=VERIFY_EMAIL"))
        .await
        .json;
    assert_eq!(events[0]["userId"], json!(realm.alice));
}

#[tokio::test]
async fn a_link_ends_with_its_address_its_time_its_user_and_its_realm() {
    let (realm, mut sink) = with_mail().await;
    let path = realm.path(&format!("/users/{}", realm.alice));
    let dead = async |link: &str| {
        let (shown, pressed) = (follow(link).await, press(link, &[]).await);
        assert_eq!((shown.status, pressed.status), (400, 400), "{}", shown.text);
        assert!(!shown.text.contains("<form"), "{}", shown.text);
    };
    let mut link = async |query: &str| {
        let call = format!("send-verify-email{query}");
        assert_eq!(ask(&realm, &call, Value::Null).await.status, 204);
        sink.letter().await.link()
    };
    dead(&link("?lifespan=0").await).await;

    let old = link("").await;
    assert_eq!(
        realm
            .admin
            .put(&path, json!({ "email": "new@example.test" }))
            .await
            .status,
        204
    );
    dead(&old).await;

    let current = link("").await;
    assert_eq!(
        realm
            .admin
            .put(&path, json!({ "enabled": false }))
            .await
            .status,
        204
    );
    dead(&current).await;
    assert_eq!(
        realm
            .admin
            .put(&path, json!({ "enabled": true }))
            .await
            .status,
        204
    );
    assert_eq!(follow(&current).await.status, 200);

    let other = Realm::new().await;
    dead(&current.replace(&realm.name, &other.name)).await;
    let (start, signature) = current.rsplit_once('.').unwrap();
    dead(&format!(
        "{start}.{}",
        signature.chars().rev().collect::<String>()
    ))
    .await;
    dead(&format!(
        "{}/realms/{}/login-actions/action-token?key=",
        server().url,
        realm.name
    ))
    .await;

    // A token of another kind is no action token, nor the other way round.
    let refresh = login(&realm, "secret").await.json["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    dead(&format!("{}={refresh}", current.split_once('=').unwrap().0)).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "admin-cli"),
        ("refresh_token", current.split_once('=').unwrap().1),
    ];
    assert_eq!(token(&server().url, &realm.name, &form).await.status, 400);
    assert_eq!(alice(&realm).await["emailVerified"], false);
}

#[tokio::test]
async fn a_link_ends_when_what_was_issued_before_is_revoked() {
    let (realm, mut sink) = with_mail().await;
    ask(&realm, "reset-password-email", Value::Null).await;
    let link = sink.letter().await.link();
    for (time, status) in [(i64::from(i32::MAX), 400), (0, 200)] {
        sqlx::query("update user_entity set not_before = $1 where id::text = $2")
            .bind(time)
            .bind(&realm.alice)
            .execute(&mut crate::rows::connect().await)
            .await
            .unwrap();
        assert_eq!(follow(&link).await.status, status);
    }
    let of_realm = json!({ "notBefore": i32::MAX });
    let put = realm.admin.put(&realm.path(""), of_realm).await;
    assert_eq!(put.status, 204);
    assert_eq!(follow(&link).await.status, 400);
}

#[tokio::test]
async fn a_user_is_sent_back_to_places_of_the_client_only() {
    let (realm, mut sink) = with_mail().await;
    let app = json!({ "clientId": "app", "redirectUris": ["https://app.example/*"] });
    realm.admin.create(&realm.path("/clients"), app).await;
    let off = json!({ "clientId": "off", "enabled": false });
    realm.admin.create(&realm.path("/clients"), off).await;
    for (query, text) in [
        ("client_id=nosuch", "Client doesn't exist"),
        ("client_id=off", "Client is not enabled"),
        ("redirect_uri=https://app.example/", "Client id missing"),
        (
            "client_id=app&redirect_uri=https://evil.example/",
            "Invalid redirect uri.",
        ),
        (
            "client_id=app&redirect_uri=https://app.example.evil/",
            "Invalid redirect uri.",
        ),
        (
            "client_id=app&redirect_uri=javascript:alert(1)",
            "Invalid redirect uri.",
        ),
    ] {
        let call = format!("execute-actions-email?{query}");
        let answer = ask(&realm, &call, json!(["VERIFY_EMAIL"])).await;
        assert_eq!(
            (answer.status, answer.json),
            (400, json!({ "errorMessage": text })),
            "{query}"
        );
    }
    let call =
        "execute-actions-email?client_id=app&redirect_uri=https://app.example/x?a=%22b&lifespan=60";
    let actions = json!(["VERIFY_EMAIL", "CONFIGURE_TOTP"]);
    assert_eq!(
        ask(&realm, call, actions).await.status,
        400,
        "a quote is no part of a URI"
    );
    let call =
        "execute-actions-email?client_id=app&redirect_uri=https://app.example/x?a=b&lifespan=60";
    let actions = json!(["VERIFY_EMAIL", "CONFIGURE_TOTP"]);
    assert_eq!(ask(&realm, call, actions).await.status, 204);
    let letter = sink.letter().await;
    assert!(
        letter.text.contains("expire within 1 minute."),
        "{}",
        letter.text
    );
    let mut browser = Browser::new();
    let page = go(&mut browser, &letter.link()).await;
    let (_, rest) = page
        .text
        .split_once("name=\"totpSecret\" value=\"")
        .unwrap();
    let code = crate::second_factor::code(rest.split('"').next().unwrap(), 0);
    let page = browser.submit(&page, &[("totp", &code)]).await;
    assert!(
        page.text.contains("<a href=\"https://app.example/x?a=b\">"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn a_page_that_was_open_when_its_link_ended_changes_nothing() {
    let (realm, mut sink) = with_mail().await;
    let user = realm.path(&format!("/users/{}", realm.alice));
    for (ends, value) in [
        (user.as_str(), json!({ "email": "new@example.test" })),
        (&realm.path(""), json!({ "notBefore": i32::MAX })),
    ] {
        ask(&realm, "reset-password-email", Value::Null).await;
        let mut browser = Browser::new();
        let page = go(&mut browser, &sink.letter().await.link()).await;
        assert_eq!(realm.admin.put(ends, value).await.status, 204);
        let form = [("password-new", "stolen"), ("password-confirm", "stolen")];
        let answer = browser.submit(&page, &form).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    let zero = json!({ "notBefore": 0 });
    assert_eq!(realm.admin.put(&realm.path(""), zero).await.status, 204);
    assert_eq!(login(&realm, "stolen").await.status, 400);
    assert_eq!(login(&realm, "secret").await.status, 200);
}
