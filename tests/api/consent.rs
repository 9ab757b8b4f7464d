//! What users let clients know: the page that asks, what is remembered, and taking it back.

use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, CALLBACK, action, app, auth_url, parameter, redeem};
use crate::support::{Answer, Realm, server, token};

pub async fn asking(more: Value) -> (Realm, String) {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    let mut rep = json!({ "consentRequired": true });
    rep.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let client = app(&realm, rep).await;
    (realm, client)
}

pub async fn consent_page(browser: &mut Browser, realm: &Realm, query: &str) -> Answer {
    let page = browser.sign_in(&realm.name, query, "alice", "secret").await;
    let page = browser.follow(page).await;
    assert_eq!(page.status, 200, "{}", page.location);
    assert!(
        action(&page).contains("/login-actions/consent?"),
        "{}",
        page.text
    );
    page
}

pub async fn accept(browser: &mut Browser, page: &Answer) -> Answer {
    let answer = browser.submit(page, &[("accept", "Yes")]).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    answer
}

async fn code(browser: &mut Browser, page: &Answer) -> String {
    parameter(&accept(browser, page).await, "code").unwrap()
}

pub async fn consents(realm: &Realm) -> Value {
    let path = realm.path(&format!("/users/{}/consents", realm.alice));
    realm.admin.get(&path).await.json
}

fn items(page: &Answer) -> Vec<&str> {
    let items = page.text.split("<li>").skip(1);
    items
        .map(|item| item.split("</li>").next().unwrap().trim())
        .collect()
}

async fn refresh(realm: &Realm, token_: &Value) -> (u16, String) {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", token_["refresh_token"].as_str().unwrap()),
    ];
    let answer = token(&server().url, &realm.name, &form).await;
    let text = answer.json["error_description"]
        .as_str()
        .unwrap_or_default();
    (answer.status, text.to_owned())
}

#[tokio::test]
async fn what_was_granted_is_remembered_and_only_more_is_asked_for() {
    let (realm, _) = asking(json!({})).await;
    let mut browser = Browser::new();
    let page = consent_page(&mut browser, &realm, "&scope=openid&state=st").await;
    assert!(page.text.contains("Grant Access to app"), "{}", page.text);
    let mut shown = items(&page);
    shown.sort_unstable();
    assert_eq!(shown, ["Email address", "User profile", "User roles"]);
    let answer = accept(&mut browser, &page).await;
    assert_eq!(parameter(&answer, "state").as_deref(), Some("st"));
    let code = parameter(&answer, "code").unwrap();
    assert_eq!(redeem(&realm.name, &code, &[]).await.status, 200);

    let listed = consents(&realm).await;
    assert_eq!(listed[0]["clientId"], "app");
    assert_eq!(listed[0]["additionalGrants"], json!([]));
    let mut names: Vec<_> = listed[0]["grantedClientScopes"].as_array().unwrap().clone();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["email", "profile", "roles"]);

    let again = browser.get(&auth_url(&realm.name, "&scope=openid")).await;
    assert!(parameter(&again, "code").is_some(), "{}", again.location);

    let more = browser
        .get(&auth_url(&realm.name, "&scope=openid%20address"))
        .await;
    let more = browser.follow(more).await;
    assert_eq!(items(&more), ["Address"]);
    accept(&mut browser, &more).await;
    let after = consents(&realm).await;
    assert_eq!(after[0]["grantedClientScopes"].as_array().unwrap().len(), 4);
    assert_eq!(after[0]["createdDate"], listed[0]["createdDate"]);

    // A client may ask for the page all the same.
    let wished = browser
        .get(&auth_url(&realm.name, "&scope=openid&prompt=consent"))
        .await;
    let wished = browser.follow(wished).await;
    assert_eq!(items(&wished).len(), 3);

    let events = realm
        .admin
        .get(&realm.path("/events?type=LOGIN"))
        .await
        .json;
    let told: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["details"]["consent"])
        .collect();
    assert_eq!(
        told,
        ["consent_granted", "persistent_consent", "consent_granted"]
    );
}

#[tokio::test]
async fn a_user_who_says_no_grants_nothing_and_the_client_is_told() {
    let (realm, _) = asking(json!({})).await;
    let mut browser = Browser::new();
    let page = consent_page(&mut browser, &realm, "&state=st").await;
    let answer = browser.submit(&page, &[("cancel", "No")]).await;
    assert_eq!(answer.status, 302);
    assert!(
        answer
            .location
            .starts_with(&format!("{CALLBACK}?error=access_denied&state=st&iss=")),
        "{}",
        answer.location
    );
    assert_eq!(parameter(&answer, "error_description"), None);
    assert_eq!(consents(&realm).await, json!([]));
    let events = realm
        .admin
        .get(&realm.path("/events?type=LOGIN_ERROR"))
        .await
        .json;
    assert_eq!(events[0]["error"], "rejected_by_user");
    assert_eq!(events[0]["userId"], realm.alice);
    // The page has had its answer.
    let late = browser.submit(&page, &[("accept", "Yes")]).await;
    assert!(parameter(&late, "code").is_none(), "{}", late.location);
    assert_eq!(consents(&realm).await, json!([]));
}

#[tokio::test]
async fn a_form_that_this_page_did_not_send_grants_nothing() {
    let (realm, _) = asking(json!({})).await;
    let mut browser = Browser::new();
    let page = consent_page(&mut browser, &realm, "").await;
    let url = action(&page);
    for form in [
        vec![("accept", "Yes")],
        vec![("code", "guessed"), ("accept", "Yes")],
        vec![("code", ""), ("cancel", "No")],
    ] {
        let answer = browser.post(&url, &form).await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        assert!(
            answer.location.starts_with(&server().url),
            "{}",
            answer.location
        );
    }
    // Neither yes nor no.
    let neither = browser.submit(&page, &[]).await;
    assert_eq!(neither.status, 200);
    let elsewhere = Browser::new().submit(&page, &[("accept", "Yes")]).await;
    assert_eq!(elsewhere.status, 400);
    assert_eq!(consents(&realm).await, json!([]));
    code(&mut browser, &neither).await;
}

#[tokio::test]
async fn without_a_page_a_client_is_told_that_the_user_has_to_be_asked() {
    let (realm, _) = asking(json!({})).await;
    let mut browser = Browser::new();
    let nobody = browser.get(&auth_url(&realm.name, "&prompt=none")).await;
    assert_eq!(
        parameter(&nobody, "error").as_deref(),
        Some("login_required")
    );
    let page = consent_page(&mut browser, &realm, "").await;
    accept(&mut browser, &page).await;
    let known = browser.get(&auth_url(&realm.name, "&prompt=none")).await;
    assert!(parameter(&known, "code").is_some(), "{}", known.location);
    let more = browser
        .get(&auth_url(&realm.name, "&prompt=none&scope=phone"))
        .await;
    assert_eq!(
        parameter(&more, "error").as_deref(),
        Some("interaction_required")
    );
}

#[tokio::test]
async fn taking_a_consent_back_ends_what_the_client_has() {
    let (realm, _) = asking(json!({})).await;
    let other = json!({ "clientId": "other", "publicClient": true, "redirectUris": [CALLBACK] });
    realm.admin.create(&realm.path("/clients"), other).await;
    let mut browser = Browser::new();
    let page = consent_page(&mut browser, &realm, "&scope=openid").await;
    let tokens = redeem(&realm.name, &code(&mut browser, &page).await, &[])
        .await
        .json;
    let url = auth_url(&realm.name, "&scope=openid").replace("client_id=app", "client_id=other");
    assert!(parameter(&browser.get(&url).await, "code").is_some());
    assert_eq!(refresh(&realm, &tokens).await.0, 200);

    let path = realm.path(&format!("/users/{}/consents/app", realm.alice));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(consents(&realm).await, json!([]));
    let gone = "Session doesn't have required client".to_owned();
    assert_eq!(refresh(&realm, &tokens).await, (400, gone));
    let sessions = realm.path(&format!("/users/{}/sessions", realm.alice));
    let sessions = realm.admin.get(&sessions).await.json;
    let clients = sessions[0]["clients"].as_object().unwrap();
    assert_eq!(clients.values().collect::<Vec<_>>(), ["other"]);
    assert_eq!(realm.admin.delete(&path).await.status, 404);
    // The user is still signed in, and asked once more.
    let again = browser.get(&auth_url(&realm.name, "")).await;
    let again = browser.follow(again).await;
    assert!(
        action(&again).contains("/login-actions/consent?"),
        "{}",
        again.text
    );
}

#[tokio::test]
async fn a_client_that_begins_to_need_consent_gets_no_more_tokens_without() {
    let (realm, client) = asking(json!({ "consentRequired": false })).await;
    let mut browser = Browser::new();
    let first = browser.sign_in(&realm.name, "", "alice", "secret").await;
    let first = parameter(&first, "code").unwrap();
    let second = browser.get(&auth_url(&realm.name, "")).await;
    let second = parameter(&second, "code").unwrap();
    let tokens = redeem(&realm.name, &first, &[]).await.json;
    let change = json!({ "clientId": "app", "consentRequired": true });
    let path = realm.path(&format!("/clients/{client}"));
    assert_eq!(realm.admin.put(&path, change).await.status, 204);
    let text = "Client no longer has requested consent from user";
    let answer = redeem(&realm.name, &second, &[]).await;
    let expected = json!({ "error": "invalid_scope", "error_description": text });
    assert_eq!((answer.status, answer.json), (400, expected));
    assert_eq!(refresh(&realm, &tokens).await, (400, text.to_owned()));
}

#[tokio::test]
async fn the_page_names_things_as_the_administrator_does_and_in_that_order() {
    let attributes = json!({
        "display.on.consent.screen": "true", "consent.screen.text": "The <i>app</i> itself",
        "tosUri": "https://a.org/tos", "policyUri": "https://a.org/policy"
    });
    let (realm, client) = asking(json!({ "name": "My <b>app", "attributes": attributes })).await;
    for (name, text, order, shown) in [
        ("second", "", "2", "true"),
        ("first", "One & only", "1", "true"),
        ("hidden", "Never", "0", "false"),
    ] {
        let scope = json!({
            "name": name, "protocol": "openid-connect",
            "attributes": { "display.on.consent.screen": shown, "consent.screen.text": text, "gui.order": order }
        });
        let id = realm
            .admin
            .create(&realm.path("/client-scopes"), scope)
            .await;
        let path = realm.path(&format!("/clients/{client}/default-client-scopes/{id}"));
        assert_eq!(realm.admin.call(Method::PUT, &path, None).await.status, 204);
    }
    let mut browser = Browser::new();
    let page = consent_page(&mut browser, &realm, "").await;
    assert!(
        !page.text.contains("<b>app") && !page.text.contains("<i>app"),
        "{}",
        page.text
    );
    let shown: Vec<_> = items(&page)
        .into_iter()
        .map(crate::browser::unescape)
        .collect();
    assert_eq!(shown[..2], ["One & only", "second"]);
    assert!(
        shown.contains(&"The <i>app</i> itself".to_owned()),
        "{shown:?}"
    );
    assert!(!shown.contains(&"Never".to_owned()));
    assert!(
        page.text.contains("href=\"https://a.org/tos\""),
        "{}",
        page.text
    );
    accept(&mut browser, &page).await;
    let granted = consents(&realm).await;
    let granted = granted[0]["grantedClientScopes"].as_array().unwrap();
    assert!(
        granted.contains(&json!("app")) && granted.contains(&json!("first")),
        "{granted:?}"
    );
}

#[tokio::test]
async fn offline_tokens_stand_among_the_consents_and_go_with_them() {
    let (realm, client) = asking(json!({})).await;
    let free =
        json!({ "clientId": "free", "publicClient": true, "directAccessGrantsEnabled": true });
    let free = realm.admin.create(&realm.path("/clients"), free).await;
    let mut browser = Browser::new();
    let query = "&scope=openid%20offline_access";
    let page = consent_page(&mut browser, &realm, query).await;
    assert!(items(&page).contains(&"Offline Access"), "{}", page.text);
    let code = code(&mut browser, &page).await;
    let tokens = redeem(&realm.name, &code, &[]).await.json;
    let form = [
        ("grant_type", "password"),
        ("client_id", "free"),
        ("username", "alice"),
        ("password", "secret"),
        ("scope", "offline_access"),
    ];
    let other = token(&server().url, &realm.name, &form).await;
    assert_eq!(other.status, 200, "{}", other.text);

    let listed = consents(&realm).await;
    let grant = |client: &str| json!([{ "client": client, "key": "Offline Token" }]);
    assert_eq!(
        (&listed[0]["clientId"], &listed[0]["additionalGrants"]),
        (&json!("app"), &grant(&client))
    );
    let bare = json!({
        "clientId": "free", "grantedClientScopes": [], "additionalGrants": grant(&free)
    });
    assert_eq!(listed[1], bare);
    assert_eq!(refresh(&realm, &tokens).await.0, 200);
    for client in ["app", "free"] {
        let path = realm.path(&format!("/users/{}/consents/{client}", realm.alice));
        assert_eq!(realm.admin.delete(&path).await.status, 204);
        assert_eq!(realm.admin.delete(&path).await.status, 404);
    }
    let gone = "Offline user session not found".to_owned();
    assert_eq!(refresh(&realm, &tokens).await, (400, gone));
    assert_eq!(consents(&realm).await, json!([]));
}
