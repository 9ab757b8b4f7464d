//! Pushed authorization requests (RFC 9126).

use reqwest::{Client, Method};
use serde_json::json;

use crate::browser::{Browser, CALLBACK, CHALLENGE, VERIFIER, parameter, redeem};
use crate::rows::connect;
use crate::support::{Answer, Realm, server};

type Form<'a> = Vec<(&'a str, &'a str)>;

const GOOD: [(&str, &str); 5] = [
    ("client_id", "conf"),
    ("client_secret", "s3cret-of-conf"),
    ("redirect_uri", CALLBACK),
    ("response_type", "code"),
    ("scope", "openid"),
];

/// A good request with other values; an empty one leaves the parameter out.
fn with<'a>(changes: &[(&'a str, &'a str)]) -> Form<'a> {
    let kept = GOOD
        .into_iter()
        .filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    let changed = changes
        .iter()
        .copied()
        .filter(|(_, value)| !value.is_empty());
    kept.chain(changed).collect()
}

async fn realm() -> Realm {
    let realm = Realm::new().await;
    let conf = json!({
        "clientId": "conf", "secret": "s3cret-of-conf", "redirectUris": [CALLBACK], "webOrigins": ["http://app.test"]
    });
    realm.admin.create(&realm.path("/clients"), conf).await;
    realm
}

fn endpoint(realm: &Realm, below: &str) -> String {
    format!(
        "{}/realms/{}/protocol/openid-connect/{below}",
        server().url,
        realm.name
    )
}

async fn push(realm: &Realm, form: &Form<'_>) -> Answer {
    let request = Client::new()
        .post(endpoint(realm, "ext/par/request"))
        .form(form);
    Answer::read(request.send().await.unwrap()).await
}

async fn pushed(realm: &Realm, form: &Form<'_>) -> String {
    let answer = push(realm, form).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json["request_uri"].as_str().unwrap().to_owned()
}

async fn open(browser: &mut Browser, realm: &Realm, client: &str, uri: &str) -> Answer {
    let url = endpoint(
        realm,
        &format!("auth?client_id={client}&request_uri={uri}&state=other&scope=phone"),
    );
    browser.get(&url).await
}

#[tokio::test]
async fn a_browser_signs_in_by_what_the_client_has_pushed() {
    let realm = realm().await;
    let form = with(&[
        ("state", "pushed"),
        ("nonce", "n"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let answer = push(&realm, &form).await;
    assert_eq!(
        (answer.status, &answer.json["expires_in"]),
        (201, &json!(60))
    );
    let uri = answer.json["request_uri"].as_str().unwrap();
    let id = uri
        .strip_prefix("urn:ietf:params:oauth:request_uri:")
        .unwrap();
    assert!(uuid::Uuid::try_parse(id).is_ok(), "{uri}");

    let mut browser = Browser::new();
    let page = open(&mut browser, &realm, "conf", uri).await;
    let page = browser.follow(page).await;
    let answer = browser
        .submit(&page, &[("username", "alice"), ("password", "secret")])
        .await;
    assert_eq!(
        parameter(&answer, "state").as_deref(),
        Some("pushed"),
        "{}",
        answer.text
    );
    let code = parameter(&answer, "code").unwrap();
    let client = [
        ("client_id", "conf"),
        ("client_secret", "s3cret-of-conf"),
        ("code_verifier", VERIFIER),
    ];
    let tokens = redeem(&realm.name, &code, &client).await;
    assert_eq!(
        (tokens.status, &tokens.json["scope"]),
        (200, &json!("openid profile email")),
        "{}",
        tokens.text
    );
}

#[tokio::test]
async fn a_pushed_request_opens_once_for_its_client_alone_and_not_too_late() {
    let realm = realm().await;
    let other = json!({ "clientId": "other", "publicClient": true, "redirectUris": [CALLBACK] });
    realm.admin.create(&realm.path("/clients"), other).await;
    let mut browser = Browser::new();
    let uri = pushed(&realm, &with(&[])).await;
    let refused = |answer: Answer| {
        assert_eq!((answer.status, answer.location.as_str()), (400, ""));
        assert!(answer.text.contains("Invalid Request"), "{}", answer.text);
    };
    refused(open(&mut browser, &realm, "other", &uri).await);
    let opened = open(&mut browser, &realm, "conf", &uri).await;
    assert!(opened.status < 400, "{}", opened.text);
    refused(open(&mut browser, &realm, "conf", &uri).await);

    let uri = pushed(&realm, &with(&[])).await;
    let sql = "update pushed_authorization_request p set expires = expires - 60 from realm r \
               where r.id = p.realm_id and r.name = $1";
    sqlx::query(sql)
        .bind(&realm.name)
        .execute(&mut connect().await)
        .await
        .unwrap();
    refused(open(&mut browser, &realm, "conf", &uri).await);
    for uri in [
        "urn:ietf:params:oauth:request_uri:x",
        "http://app.test/request",
        "",
    ] {
        refused(open(&mut browser, &realm, "conf", uri).await);
    }
    // Nor in another realm, whose client has the same name.
    let uri = pushed(&realm, &with(&[])).await;
    let elsewhere = self::realm().await;
    refused(open(&mut browser, &elsewhere, "conf", &uri).await);
}

#[tokio::test]
async fn what_is_wrong_with_a_pushed_request_is_said_at_once() {
    let realm = realm().await;
    for (client, more) in [
        ("public", json!({ "publicClient": true })),
        (
            "nostd",
            json!({ "publicClient": true, "standardFlowEnabled": false }),
        ),
        ("off", json!({ "publicClient": true, "enabled": false })),
        (
            "s256",
            json!({ "publicClient": true, "attributes": { "pkce.code.challenge.method": "S256" } }),
        ),
    ] {
        let mut rep = json!({ "clientId": client, "redirectUris": [CALLBACK] });
        rep.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        realm.admin.create(&realm.path("/clients"), rep).await;
    }
    let long = "x".repeat(5000);
    let huge = "x".repeat(40_000);
    let failed = "Authentication failed.";
    let no_standard_flow = "Client is not allowed to initiate browser login with given response_type. \
                            Standard flow is disabled for the client.";
    for (changes, status, error, description) in [
        (vec![("client_secret", "")], 401, "invalid_request", failed),
        (vec![("client_secret", "x")], 401, "invalid_request", failed),
        (
            vec![("client_id", "nobody")],
            401,
            "invalid_request",
            failed,
        ),
        (vec![("client_id", "off")], 401, "invalid_request", failed),
        (vec![("client_id", "")], 401, "invalid_request", failed),
        (
            vec![("redirect_uri", "http://evil.test")],
            400,
            "invalid_request",
            "Invalid parameter: redirect_uri",
        ),
        (
            vec![("response_type", "")],
            400,
            "invalid_request",
            "Missing parameter: response_type",
        ),
        (
            vec![("response_type", "token")],
            400,
            "invalid_request",
            "Unsupported response type",
        ),
        (
            vec![("response_mode", "x")],
            400,
            "invalid_request",
            "Invalid parameter: response_mode",
        ),
        (
            vec![("scope", "openid nope")],
            400,
            "invalid_request",
            "Invalid scopes: openid nope",
        ),
        (
            vec![("request_uri", "urn:x")],
            400,
            "invalid_request",
            "It is not allowed to include request_uri to PAR.",
        ),
        (
            vec![("request", "x")],
            400,
            "invalid_request_object",
            "invalidRequestMessage",
        ),
        (
            vec![("code_challenge", "x")],
            400,
            "invalid_request",
            "Invalid parameter: code_challenge",
        ),
        (
            vec![("state", &long)],
            400,
            "invalid_request",
            "Invalid parameter: state",
        ),
        (
            vec![("login_hint", &huge)],
            400,
            "invalid_request",
            "The request is too large",
        ),
        (
            vec![("client_id", "s256")],
            400,
            "invalid_request",
            "Missing parameter: code_challenge_method",
        ),
        (
            vec![("client_id", "nostd")],
            401,
            "unauthorized_client",
            no_standard_flow,
        ),
    ] {
        let answer = push(&realm, &with(&changes)).await;
        let expected = json!({ "error": error, "error_description": description });
        assert_eq!(
            (answer.status, answer.json),
            (status, expected),
            "{changes:?}"
        );
    }
    let twice = push(&realm, &[&GOOD[..], &[("scope", "openid")]].concat()).await;
    assert_eq!(
        (twice.status, &twice.json["error_description"]),
        (400, &json!("duplicated parameter"))
    );
    pushed(
        &realm,
        &with(&[("client_id", "public"), ("client_secret", "")]),
    )
    .await;

    let request = Client::new().request(Method::GET, endpoint(&realm, "ext/par/request"));
    assert_eq!(request.send().await.unwrap().status(), 405);
    for (origin, status) in [("http://app.test", 201), ("http://evil.test", 403)] {
        let request = Client::new()
            .post(endpoint(&realm, "ext/par/request"))
            .form(&with(&[]));
        let answer = request.header("origin", origin).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
}

#[tokio::test]
async fn a_client_may_have_to_push_its_requests() {
    let realm = realm().await;
    let required = json!({
        "clientId": "strict", "publicClient": true, "redirectUris": [CALLBACK],
        "attributes": { "require.pushed.authorization.requests": "true" }
    });
    realm.admin.create(&realm.path("/clients"), required).await;
    let mut browser = Browser::new();
    let query =
        format!("auth?client_id=strict&response_type=code&state=st&redirect_uri={CALLBACK}");
    let plain = browser.get(&endpoint(&realm, &query)).await;
    assert_eq!(
        parameter(&plain, "error").as_deref(),
        Some("invalid_request")
    );
    let text = "Pushed Authorization Request is only allowed.";
    assert_eq!(
        parameter(&plain, "error_description").as_deref(),
        Some(text)
    );
    let uri = pushed(
        &realm,
        &with(&[("client_id", "strict"), ("client_secret", "")]),
    )
    .await;
    let opened = open(&mut browser, &realm, "strict", &uri).await;
    let page = browser.follow(opened).await;
    assert_eq!(page.status, 200, "{}", page.text);
}

#[tokio::test]
async fn the_realm_says_how_long_a_pushed_request_is_good_and_no_secret_is_kept() {
    let realm = realm().await;
    let path = realm.path("");
    for (attribute, seconds) in [("7", 7), ("0", 60), ("x", 60)] {
        let settings = json!({ "attributes": { "parRequestUriLifespan": attribute } });
        assert_eq!(realm.admin.put(&path, settings).await.status, 204);
        let answer = push(&realm, &with(&[])).await;
        assert_eq!(answer.json["expires_in"], seconds, "{}", answer.text);
    }
    let sql = "select p.parameters::text, encode(p.id, 'hex') from pushed_authorization_request p \
               join realm r on r.id = p.realm_id where r.name = $1";
    let mut db = connect().await;
    let rows: Vec<(String, String)> = sqlx::query_as(sql)
        .bind(&realm.name)
        .fetch_all(&mut db)
        .await
        .unwrap();
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter()
            .all(|(text, _)| text.contains("openid") && !text.contains("s3cret")),
        "{rows:?}"
    );
}
