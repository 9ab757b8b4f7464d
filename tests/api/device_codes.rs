//! Device codes: whose they are, how long they are good, and what they cannot be got at by.

use serde_json::json;

use crate::browser::{Browser, CHALLENGE, VERIFIER};
use crate::device::{
    GRANT, PENDING, UNKNOWN, approve, begin, device, device_client, entry, poll, question, realm,
    refusal, wait,
};
use crate::rows::connect;
use crate::support::{Realm, server, token};

#[tokio::test]
async fn a_code_that_has_expired_says_so_to_both() {
    let realm = realm().await;
    let device = device(&realm, &[]).await;
    let mut browser = Browser::new();
    let page = question(&mut browser, &realm, &device.user_code).await;
    let sql = "update device_code d set expires = expires - 600 from realm r where r.id = d.realm_id and r.name = $1";
    sqlx::query(sql)
        .bind(&realm.name)
        .execute(&mut connect().await)
        .await
        .unwrap();
    let expired = (400, "expired_token", "Device code is expired");
    assert_eq!(refusal(&poll(&realm, &device, &[]).await), expired);
    let late = browser.submit(&page, &[("accept", "Yes")]).await;
    let late = browser.follow(late).await;
    assert!(late.text.contains("The code has expired."), "{}", late.text);
    let entered = browser.get(&device.complete).await;
    assert!(
        entered.text.contains("The code has expired."),
        "{}",
        entered.text
    );
    wait(&realm).await;
    assert_eq!(refusal(&poll(&realm, &device, &[]).await), expired);
}

#[tokio::test]
async fn only_clients_that_may_begin_and_only_their_own_codes_are_taken() {
    let realm = realm().await;
    device_client(&realm, "other", json!({})).await;
    device_client(
        &realm,
        "off",
        json!({ "oauth2.device.authorization.grant.enabled": "false" }),
    )
    .await;
    let s256 = json!({ "pkce.code.challenge.method": "S256" });
    device_client(&realm, "s256", s256).await;
    let invalid = "Invalid client or Invalid client credentials";
    let disabled = "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant. \
                    The flow is disabled for the client.";
    let long = "x".repeat(5000);
    for (form, expected) in [
        (vec![], (401, "invalid_client", invalid)),
        (
            vec![("client_id", "nobody")],
            (401, "invalid_client", invalid),
        ),
        (
            vec![("client_id", "off")],
            (400, "unauthorized_client", disabled),
        ),
        (
            vec![("client_id", "s256")],
            (
                400,
                "invalid_request",
                "Missing parameter: code_challenge_method",
            ),
        ),
        (
            vec![("client_id", "tv"), ("code_challenge", "x")],
            (400, "invalid_request", "Invalid parameter: code_challenge"),
        ),
        (
            vec![("client_id", "tv"), ("scope", &long)],
            (400, "invalid_request", "Invalid parameter: scope"),
        ),
    ] {
        assert_eq!(refusal(&begin(&realm, &form).await), expected, "{form:?}");
    }
    let device = device(&realm, &[]).await;
    let poll_as = async |client: &str, code: Option<&str>| {
        let mut form = vec![("grant_type", GRANT), ("client_id", client)];
        form.extend(code.map(|code| ("device_code", code)));
        token(&server().url, &realm.name, &form).await
    };
    for (client, code, expected) in [
        (
            "tv",
            None,
            (400, "invalid_request", "Missing parameter: device_code"),
        ),
        ("tv", Some("x"), UNKNOWN),
        ("tv", Some(device.user_code.as_str()), UNKNOWN),
        (
            "other",
            Some(device.code.as_str()),
            (400, "invalid_grant", "unauthorized client"),
        ),
        (
            "off",
            Some(device.code.as_str()),
            (
                400,
                "invalid_grant",
                "Client not allowed OAuth 2.0 Device Authorization Grant",
            ),
        ),
        ("tv", Some(device.code.as_str()), PENDING),
    ] {
        assert_eq!(
            refusal(&poll_as(client, code).await),
            expected,
            "{client} {code:?}"
        );
    }
    // Nor in another realm, neither by the device nor by its user.
    let elsewhere = self::realm().await;
    assert_eq!(refusal(&poll(&elsewhere, &device, &[]).await), UNKNOWN);
    let url = device.complete.replace(&realm.name, &elsewhere.name);
    let page = Browser::new().get(&url).await;
    assert!(
        page.text.contains("Invalid code, please try again."),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn a_device_proves_that_it_has_begun() {
    let realm = realm().await;
    let challenge = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let mut browser = Browser::new();
    let device = device(&realm, &challenge).await;
    approve(&mut browser, &realm, &device).await;
    let none = "PKCE code verifier not specified";
    assert_eq!(
        refusal(&poll(&realm, &device, &[]).await),
        (400, "invalid_grant", none)
    );
    wait(&realm).await;
    let wrong = poll(&realm, &device, &[("code_verifier", &"w".repeat(50))]).await;
    let mismatch = "PKCE verification failed: Code mismatch";
    assert_eq!(refusal(&wrong), (400, "invalid_grant", mismatch));
    wait(&realm).await;
    assert_eq!(
        poll(&realm, &device, &[("code_verifier", VERIFIER)])
            .await
            .status,
        200
    );

    let device = self::device(&realm, &[]).await;
    approve(&mut browser, &realm, &device).await;
    let unexpected = "PKCE code verifier specified but challenge not present in authorization";
    let answer = poll(&realm, &device, &[("code_verifier", VERIFIER)]).await;
    assert_eq!(refusal(&answer), (400, "invalid_grant", unexpected));
}

#[tokio::test]
async fn user_codes_cannot_be_guessed_by_trying() {
    let realm = realm().await;
    let device = device(&realm, &[]).await;
    let mut browser = Browser::new();
    for _ in 0..30 {
        let page = browser
            .post(&entry(&realm), &[("device_user_code", "BBBB-BBBB")])
            .await;
        assert_eq!(page.status, 200);
        assert!(
            page.text.contains("Invalid code, please try again."),
            "{}",
            page.text
        );
    }
    let wrong = browser
        .post(&entry(&realm), &[("device_user_code", "BBBB-BBBB")])
        .await;
    let right = browser.get(&device.complete).await;
    for page in [wrong, right] {
        assert_eq!(
            (page.status, page.headers["retry-after"].to_str().unwrap()),
            (429, "60")
        );
        assert!(page.text.contains("Too many wrong codes."), "{}", page.text);
    }
    let path = realm.path("/events?type=OAUTH2_DEVICE_VERIFY_USER_CODE_ERROR");
    let events = realm.admin.get(&path).await.json;
    assert_eq!(events.as_array().unwrap().len(), 30);
    assert_eq!(events[0]["error"], "invalid_oauth2_user_code");
}

#[tokio::test]
async fn realm_and_client_say_how_long_and_how_often() {
    let settings = json!({ "oauth2DeviceCodeLifespan": 120, "oauth2DevicePollingInterval": 9 });
    let realm = Realm::with(settings).await;
    device_client(&realm, "tv", json!({})).await;
    let own = json!({ "oauth2.device.code.lifespan": "33", "oauth2.device.polling.interval": "1" });
    device_client(&realm, "own", own).await;
    for (client, expected) in [("tv", (120, 9)), ("own", (33, 1))] {
        let json = begin(&realm, &[("client_id", client)]).await.json;
        assert_eq!(
            (json["expires_in"].clone(), json["interval"].clone()),
            (json!(expected.0), json!(expected.1))
        );
    }
}

#[tokio::test]
async fn a_device_code_is_stored_as_a_digest_and_a_typed_code_is_escaped() {
    let realm = realm().await;
    let device = device(&realm, &[]).await;
    let sql =
        "select d::text from device_code d join realm r on r.id = d.realm_id where r.name = $1";
    let row: String = sqlx::query_scalar(sql)
        .bind(&realm.name)
        .fetch_one(&mut connect().await)
        .await
        .unwrap();
    assert!(!row.contains(&device.code), "{row}");
    for typed in ["\"><script>", "\u{0}", &"x".repeat(5000)] {
        let page = Browser::new()
            .post(&entry(&realm), &[("device_user_code", typed)])
            .await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains("<script>"), "{}", page.text);
    }
}
