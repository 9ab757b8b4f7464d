//! Tokens of CI jobs as docker passwords: whose, for whom, of which issuer, and what they must not do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::forge;
use crate::issuer::{Issuer, audience};
use crate::jws::Pair;
use crate::support::{Realm, claims};

const ROBOT: &str = "service-account-deploy";

/// A realm with a robot `deploy` for which jobs on the main branch of `org/app` may speak.
async fn trusting() -> (Realm, Issuer) {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    let issuer = Issuer::new().await;
    realm.robot("deploy").await;
    realm.trust(&issuer, "ci", json!({})).await;
    let claims = json!({ "repository": "org/*", "ref": "refs/heads/main" });
    assert_eq!(realm.vouch("ci", "deploy", claims).await.status, 201);
    (realm, issuer)
}

#[tokio::test]
async fn a_jobs_token_is_the_password_of_the_robot_as_often_as_it_is_shown() {
    let (realm, issuer) = trusting().await;
    let token = issuer.token(&realm, json!({}));
    for _ in 0..3 {
        let answer = realm.robot_admitted(ROBOT, &token).await;
        let claims = claims(answer.json["token"].as_str().unwrap());
        assert_eq!(claims["sub"], ROBOT);
    }
    assert_eq!(
        issuer.asked(),
        ["/.well-known/openid-configuration", "/keys"],
        "fetched once"
    );
    let event = realm.newest_event("LOGIN").await;
    assert_eq!(event["details"]["credential_type"], "ci-token");
    assert_eq!(event["details"]["issuer"], issuer.url);
    assert_eq!(
        event["details"]["subject"],
        "repo:org/app:ref:refs/heads/main"
    );
    assert_eq!(event["details"]["identity_provider"], "ci");
    assert!(event["details"]["mapper"].is_string());
    assert!(!event.to_string().contains(&token));
    // Beside the secret, not in its place.
    realm.robot_admitted(ROBOT, "robot-secret").await;
    // Several audiences, and no nbf, iat, sub or kid.
    let several = json!({ "aud": ["x", audience(&realm)], "nbf": null, "iat": null, "sub": null });
    let claims = issuer.claims(&realm, several);
    let bare = issuer.pair.sign(&json!({ "alg": "ES256" }), &claims);
    realm.robot_admitted(ROBOT, &bare).await;
}

#[tokio::test]
async fn a_token_that_is_not_what_the_mapper_says_is_refused_and_the_event_says_why() {
    let (realm, issuer) = trusting().await;
    let now = store::clock::now();
    let signed = |change| issuer.token(&realm, change);
    let headed = |header: Value| issuer.pair.sign(&header, &issuer.claims(&realm, json!({})));
    let text = issuer.claims(&realm, json!({})).to_string();
    let jwk = issuer.pair.jwk("k");
    let good = signed(json!({}));
    let stranger = Pair::es256();
    let cut = |token: &str| token[..token.len() - 8].to_owned();
    let forged = {
        let (head, rest) = good.split_once('.').unwrap();
        let signature = rest.split_once('.').unwrap().1;
        let other = issuer
            .claims(&realm, json!({ "jti": "changed" }))
            .to_string();
        format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(other))
    };
    let (audience_, signature, claims_) = (
        "it is for another audience",
        "none of its issuer's keys has signed it",
        "its claims are not those of the mapper",
    );
    let (future, none, issuer_) = (
        "it is of the future",
        "its algorithm proves nothing about its issuer",
        "no identity provider that is enabled trusts its issuer to vouch for this robot",
    );
    for (what, token, reason) in [
        (
            "audience",
            signed(json!({ "aud": "https://else.where" })),
            audience_,
        ),
        (
            "audience with a slash",
            signed(json!({ "aud": format!("{}/", audience(&realm)) })),
            audience_,
        ),
        ("no audience", signed(json!({ "aud": null })), audience_),
        ("odd audience", signed(json!({ "aud": 5 })), audience_),
        (
            "issuer",
            signed(json!({ "iss": "https://else.where" })),
            issuer_,
        ),
        (
            "issuer with a slash",
            signed(json!({ "iss": format!("{}/", issuer.url) })),
            issuer_,
        ),
        ("no issuer", signed(json!({ "iss": null })), issuer_),
        ("NUL issuer", signed(json!({ "iss": "a\u{0}" })), issuer_),
        (
            "branch",
            signed(json!({ "ref": "refs/heads/other" })),
            claims_,
        ),
        (
            "pull request",
            signed(json!({ "ref": "refs/pull/1/merge" })),
            claims_,
        ),
        ("fork", signed(json!({ "repository": "evil/app" })), claims_),
        (
            "path",
            signed(json!({ "repository": "org/app/evil" })),
            claims_,
        ),
        ("no claim", signed(json!({ "repository": null })), claims_),
        ("expired", signed(json!({ "exp": now })), "it has expired"),
        ("no exp", signed(json!({ "exp": null })), "it has no exp"),
        (
            "odd exp",
            signed(json!({ "exp": "tomorrow" })),
            "a time of it is none",
        ),
        (
            "endless exp",
            signed(json!({ "exp": 1e300 })),
            "a time of it is none",
        ),
        ("nbf", signed(json!({ "nbf": now + 100 })), future),
        ("iat", signed(json!({ "iat": now + 100 })), future),
        (
            "key",
            stranger.sign(&issuer.header(), &issuer.claims(&realm, json!({}))),
            signature,
        ),
        ("changed claims", forged, signature),
        (
            "unknown kid",
            headed(json!({ "alg": "ES256", "kid": "other" })),
            signature,
        ),
        (
            "other algorithm",
            headed(json!({ "alg": "RS256", "kid": "k" })),
            signature,
        ),
        (
            "unknown algorithm",
            headed(json!({ "alg": "ES256K", "kid": "k" })),
            signature,
        ),
        (
            "key in the header",
            stranger.sign(
                &json!({ "alg": "ES256", "jwk": stranger.jwk("k") }),
                &issuer.claims(&realm, json!({})),
            ),
            signature,
        ),
        (
            "none",
            forge::unsigned(&json!({ "alg": "none", "kid": "k" }), &text),
            none,
        ),
        (
            "None",
            forge::unsigned(&json!({ "alg": "None", "kid": "k" }), &text),
            signature,
        ),
        (
            "HS256",
            forge::mac(
                &json!({ "alg": "HS256", "kid": "k" }),
                &text,
                jwk.to_string().as_bytes(),
            ),
            none,
        ),
        (
            "HS256 of x",
            forge::mac(
                &json!({ "alg": "HS256", "kid": "k" }),
                &text,
                jwk["x"].as_str().unwrap().as_bytes(),
            ),
            none,
        ),
    ] {
        realm.robot_refused(ROBOT, &token).await;
        let event = realm.newest_event("LOGIN_ERROR").await;
        assert_eq!(event["error"], "invalid_token", "{what}");
        assert_eq!(event["details"]["reason"], reason, "{what}");
        assert_eq!(event["details"]["credential_type"], "ci-token", "{what}");
        assert!(event["details"]["issuer"].is_string(), "{what}");
        assert!(!event.to_string().contains(&token), "{what}");
    }
    // What is no token at all, or one of a kind of its own, is taken for a secret.
    let crit = headed(json!({ "alg": "ES256", "kid": "k", "crit": ["b64"], "b64": false }));
    for token in [cut(&good), crit] {
        realm.robot_refused(ROBOT, &token).await;
    }
    realm.robot_admitted(ROBOT, &good).await;
    // Of a person it is no password.
    realm.robot_refused("alice", &good).await;
}

#[tokio::test]
async fn a_token_stands_for_no_robot_but_the_one_of_its_mapper() {
    let (realm, issuer) = trusting().await;
    let token = issuer.token(&realm, json!({}));
    let other = realm.robot("Other").await;
    realm.robot_refused("service-account-other", &token).await;
    // By the name of its user as well as by its clientId.
    let claims = json!({ "repository": "org/app" });
    let made = realm.vouch("ci", "service-account-other", claims).await;
    assert_eq!(made.status, 201, "{}", made.json);
    realm.robot_admitted("service-account-Other", &token).await;
    let path = realm.path(&format!("/clients/{other}"));
    let change = json!({ "clientId": "Other", "enabled": false });
    assert_eq!(realm.admin.put(&path, change).await.status, 204);
    realm.robot_refused("service-account-other", &token).await;
    realm.robot_admitted(ROBOT, &token).await;
}

#[tokio::test]
async fn a_provider_that_is_disabled_or_gone_vouches_for_nobody() {
    let (realm, issuer) = trusting().await;
    let token = issuer.token(&realm, json!({}));
    realm.robot_admitted(ROBOT, &token).await;
    let path = realm.path("/identity-provider/instances/ci");
    let mut rep = realm.admin.get(&path).await.json;
    rep["enabled"] = json!(false);
    assert_eq!(realm.admin.put(&path, rep.clone()).await.status, 204);
    realm.robot_refused(ROBOT, &token).await;
    rep["enabled"] = json!(true);
    assert_eq!(realm.admin.put(&path, rep).await.status, 204);
    realm.robot_admitted(ROBOT, &token).await;
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    realm.robot_refused(ROBOT, &token).await;
}

#[tokio::test]
async fn keys_and_audience_are_those_of_the_config() {
    let realm = Realm::new().await;
    let issuer = Issuer::new().await;
    realm.robot("deploy").await;
    let keys = format!("{}/keys", issuer.url);
    let config = json!({ "jwksUrl": keys, "audience": "registry.example.test" });
    realm.trust(&issuer, "ci", config).await;
    let claims = json!({ "sub": "repo:org/app:**" });
    assert_eq!(realm.vouch("ci", "deploy", claims).await.status, 201);
    let own = issuer.token(&realm, json!({}));
    realm.robot_refused(ROBOT, &own).await;
    let named = issuer.token(&realm, json!({ "aud": "registry.example.test" }));
    realm.robot_admitted(ROBOT, &named).await;
    assert_eq!(issuer.asked(), ["/keys"], "no configuration is asked for");
}

#[tokio::test]
async fn a_token_without_an_issuer_is_not_of_a_provider_without_one() {
    let realm = Realm::new().await;
    let issuer = Issuer::new().await;
    realm.robot("deploy").await;
    let config = json!({ "issuer": "", "jwksUrl": format!("{}/keys", issuer.url) });
    realm.trust(&issuer, "ci", config).await;
    let claims = json!({ "repository": "org/app" });
    assert_eq!(realm.vouch("ci", "deploy", claims).await.status, 201);
    for iss in [json!(null), json!("")] {
        let token = issuer.token(&realm, json!({ "iss": iss }));
        realm.robot_refused(ROBOT, &token).await;
    }
}

#[tokio::test]
async fn new_keys_of_an_issuer_are_fetched_and_old_ones_forgotten() {
    let (realm, issuer) = trusting().await;
    let old = issuer.token(&realm, json!({}));
    realm.robot_admitted(ROBOT, &old).await;
    let next = Pair::eddsa();
    issuer.keys(&json!([next.jwk("next")]));
    let header = json!({ "alg": "EdDSA", "kid": "next" });
    let new = next.sign(&header, &issuer.claims(&realm, json!({})));
    let asked = issuer.asked().len();
    for _ in 0..3 {
        realm.robot_refused(ROBOT, &new).await;
    }
    assert_eq!(issuer.asked().len(), asked, "not again within the minute");
    let reload = realm.path("/identity-provider/instances/ci/reload-keys");
    assert_eq!(realm.admin.get(&reload).await.json, json!(true));
    realm.robot_admitted(ROBOT, &new).await;
    realm.robot_refused(ROBOT, &old).await;
}

#[tokio::test]
async fn keys_that_cannot_be_had_in_good_order_let_nobody_in() {
    let (realm, issuer) = trusting().await;
    let token = issuer.token(&realm, json!({}));
    let reload = realm.path("/identity-provider/instances/ci/reload-keys");
    let elsewhere = Issuer::new().await;
    elsewhere.keys(&json!([issuer.pair.jwk("k")]));
    let redirect = format!("302 Found\r\nLocation: {}/keys", elsewhere.url);
    let jwk = issuer.pair.jwk("k");
    let huge = json!({ "keys": [jwk], "x": "x".repeat(300 * 1024) }).to_string();
    let discovery = "/.well-known/openid-configuration";
    for (path, status, body) in [
        ("/keys", redirect.as_str(), "".to_owned()),
        ("/keys", "200 OK", huge),
        ("/keys", "500 Oops", json!({ "keys": [jwk] }).to_string()),
        ("/keys", "200 OK", "{nope".to_owned()),
        ("/keys", "200 OK", "[]".to_owned()),
        (discovery, redirect.as_str(), "".to_owned()),
        (discovery, "200 OK", "{}".to_owned()),
        (
            discovery,
            "200 OK",
            json!({ "issuer": elsewhere.url, "jwks_uri": format!("{}/keys", issuer.url) })
                .to_string(),
        ),
        (
            discovery,
            "200 OK",
            json!({ "issuer": issuer.url, "jwks_uri": "file:///etc/passwd" }).to_string(),
        ),
    ] {
        issuer.answer(path, status, &body);
        realm.robot_refused(ROBOT, &token).await;
        let event = realm.newest_event("LOGIN_ERROR").await;
        assert_eq!(event["error"], "invalid_token", "{path} {status}");
        realm.admin.get(&reload).await;
        issuer.configuration(&issuer.url);
        issuer.keys(&json!([jwk]));
        realm.robot_admitted(ROBOT, &token).await;
        realm.admin.get(&reload).await;
    }
    assert!(elsewhere.asked().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_not_waited_for_long_and_holds_up_nobody_else() {
    let (realm, issuer) = trusting().await;
    let known = issuer.token(&realm, json!({}));
    realm.robot_admitted(ROBOT, &known).await;
    let silent = Issuer::new().await;
    silent.answer("/keys", "silence", "");
    realm.trust(&silent, "silent", json!({})).await;
    let claims = json!({ "repository": "org/app" });
    assert_eq!(realm.vouch("silent", "deploy", claims).await.status, 201);
    let token = silent.token(&realm, json!({}));
    let ended = std::cell::Cell::new(false);
    let waiting = async {
        let tries = (0..40).map(|_| realm.robot_refused(ROBOT, &token));
        futures_util::future::join_all(tries).await;
        ended.set(true);
    };
    let others = async {
        while !silent.asked().contains(&"/keys".to_owned()) {
            tokio::task::yield_now().await;
        }
        realm.robot_admitted(ROBOT, &known).await;
        assert!(!ended.get(), "held up");
    };
    tokio::join!(waiting, others);
    let keys = silent
        .asked()
        .iter()
        .filter(|path| *path == "/keys")
        .count();
    assert_eq!(keys, 1, "asked once for all");
}
