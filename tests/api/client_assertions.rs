//! Clients that sign who they are: `private_key_jwt` and `client_secret_jwt` (RFC 7523), their refusals and events.

use serde_json::{Value, json};

use crate::client_signing::{Signing, TYPE};
use crate::forge;
use crate::jws::Pair;
use crate::rows;

const SECRET: &str = "0123456789012345678901234567890123456789";

fn generic(code: &str) -> Value {
    json!({ "error": code, "error_description": "Invalid client or Invalid client credentials" })
}

#[tokio::test]
async fn a_client_signs_in_with_its_key_for_any_audience_that_keycloak_takes() {
    for pair in [Pair::es256(), Pair::eddsa()] {
        let it = Signing::new(pair).await;
        let endpoint = |path: &str| format!("{}/protocol/openid-connect/{path}", it.issuer);
        for audience in [
            json!(it.issuer),
            json!([it.issuer]),
            json!(endpoint("token")),
            json!(endpoint("token/introspect")),
            json!(endpoint("ext/par/request")),
        ] {
            let claims = it.claims("j", json!({ "aud": audience }));
            let answer = it.assert(&it.pair.sign(&it.header(), &claims)).await;
            assert_eq!(answer.status, 200, "{audience}: {}", answer.json);
        }
        let event = it.last_event().await;
        assert_eq!(event["type"], "CLIENT_LOGIN");
        assert_eq!(event["details"]["client_auth_method"], "client-jwt");
        // Without a kid the key that fits counts.
        let header = json!({ "alg": it.pair.algorithm() });
        let claims = it.claims("j", json!({}));
        assert_eq!(it.assert(&it.pair.sign(&header, &claims)).await.status, 200);
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_told_as_keycloak_does() {
    let it = Signing::new(Pair::es256()).await;
    let now = store::clock::now();
    for (changes, text) in [
        (
            json!({ "aud": [it.issuer, "http://other.test"] }),
            "Multiple audiences not allowed",
        ),
        (
            json!({ "aud": "http://other.test" }),
            "Invalid token audience",
        ),
        (
            json!({ "aud": format!("{}/", it.issuer) }),
            "Invalid token audience",
        ),
        (json!({ "aud": null }), "Invalid token audience"),
        (json!({ "exp": now - 60 }), "Token is not active"),
        (json!({ "exp": null }), "Token exp claim is required"),
        (json!({ "nbf": now + 60 }), "Token is not active"),
        (json!({ "iat": now + 60 }), "Token was issued in the future"),
        (
            json!({ "iat": now - 300 }),
            "Token was issued too far in the past to be used now",
        ),
        (
            json!({ "iat": null, "exp": now + 300 }),
            "Token expiration is too far in the future and iat claim not present in token",
        ),
        (json!({ "jti": null }), "Token jti claim is required"),
    ] {
        let assertion = it.pair.sign(&it.header(), &it.claims("j", changes));
        it.refused(&assertion, "invalid_client", text).await;
    }
    let event = it.last_event().await;
    assert_eq!(event["type"], "CLIENT_LOGIN_ERROR");
    assert_eq!(event["clientId"], "j");
    assert_eq!(event["error"], "invalid_client_credentials");
    assert_eq!(
        event["details"],
        json!({
            "grant_type": "client_credentials", "client_assertion_issuer": "j", "client_assertion_sub": "j",
            "client_jwt_kid": "k"
        })
    );

    let bad =
        "Client authentication with signed JWT failed: Signature on JWT token failed validation";
    let forged = Pair::es256().sign(&it.header(), &it.claims("j", json!({})));
    it.refused(&forged, "invalid_client", bad).await;
    it.client("es", json!({ "token.endpoint.auth.signing.alg": "EdDSA" }))
        .await;
    it.refused(
        &it.good("es"),
        "invalid_client",
        "Invalid signature algorithm",
    )
    .await;
    let unknown = json!({ "alg": "ES256", "kid": "other" });
    let unknown = it.pair.sign(&unknown, &it.claims("j", json!({})));
    it.refused(&unknown, "invalid_client", "Unable to load public key")
        .await;
    assert_eq!(
        it.last_event().await["error"],
        "client_credentials_setup_required"
    );

    for changes in [
        json!({ "iss": "other" }),
        json!({ "iss": null }),
        json!({ "sub": null }),
    ] {
        let answer = it
            .assert(&it.pair.sign(&it.header(), &it.claims("j", changes)))
            .await;
        assert_eq!(
            (answer.status, answer.json),
            (401, generic("invalid_client"))
        );
        assert_eq!(it.last_event().await["error"], "client_not_found");
    }
    for assertion in ["", "x", "a.b.c", it.good("nobody").as_str()] {
        let answer = it.assert(assertion).await;
        assert_eq!(
            (answer.status, answer.json),
            (401, generic("invalid_client"))
        );
    }
}

#[tokio::test]
async fn an_assertion_needs_its_parameters_and_the_client_that_it_is_about() {
    let it = Signing::new(Pair::es256()).await;
    it.client("other", json!({})).await;
    let good = it.good("j");
    let wrong_type =
        format!("Parameter client_assertion_type has value 'x' but expected is '{TYPE}'");
    for (form, text) in [
        (
            vec![("client_id", "j")],
            "Parameter client_assertion_type is missing",
        ),
        (
            vec![("client_id", "j"), ("client_secret", "s")],
            "Parameter client_assertion_type is missing",
        ),
        (
            vec![("client_id", "j"), ("client_assertion_type", TYPE)],
            "client_assertion parameter missing",
        ),
        (
            vec![
                ("client_id", "j"),
                ("client_assertion_type", "x"),
                ("client_assertion", &good),
            ],
            &wrong_type,
        ),
        (
            vec![
                ("client_id", "other"),
                ("client_assertion_type", TYPE),
                ("client_assertion", &good),
            ],
            "client_id parameter does not match authenticated client",
        ),
    ] {
        let answer = it.send(&form).await;
        assert_eq!(
            (answer.status, answer.json),
            (
                400,
                json!({ "error": "invalid_client", "error_description": text })
            ),
        );
    }
    // None of these has used it up.
    let form = [
        ("client_id", "j"),
        ("client_assertion_type", TYPE),
        ("client_assertion", &good),
    ];
    assert_eq!(it.send(&form).await.status, 200);
}

#[tokio::test]
async fn an_assertion_works_once_however_many_try_it_at_once() {
    let it = Signing::new(Pair::eddsa()).await;
    let assertion = it.good("j");
    let tries = (0..20).map(|_| it.assert(&assertion));
    let answers = futures_util::future::join_all(tries).await;
    let won = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(won.count(), 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            (lost.status, &lost.json),
            (
                400,
                &json!({ "error": "invalid_client", "error_description": "Token reuse detected" })
            )
        );
    }
    // The name of an assertion is its client's own: nobody can use up another's.
    it.client("other", json!({})).await;
    let claims = it.claims("other", json!({ "jti": "same" }));
    assert_eq!(
        it.assert(&it.pair.sign(&it.header(), &claims)).await.status,
        200
    );
    let claims = it.claims("j", json!({ "jti": "same" }));
    assert_eq!(
        it.assert(&it.pair.sign(&it.header(), &claims)).await.status,
        200
    );

    let mut db = rows::connect().await;
    let later = store::clock::now() + 100;
    assert!(
        client::assertion::sweep(&mut db, later, 10_000)
            .await
            .unwrap()
            >= 3
    );
    let left: i64 = sqlx::query_scalar(
        "select count(*) from used_client_assertion a join realm r on r.id = a.realm_id where r.name = $1",
    )
    .bind(&it.realm.name)
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_secret_signs_where_the_client_says_so() {
    let it = Signing::new(Pair::es256()).await;
    for (name, kind) in [
        ("s", "client-secret-jwt"),
        ("plain", "client-secret"),
        ("x", "client-x509"),
    ] {
        let rep = json!({ "clientId": name, "serviceAccountsEnabled": true, "clientAuthenticatorType": kind,
                          "secret": SECRET });
        it.realm.admin.create(&it.realm.path("/clients"), rep).await;
    }
    let mac = |client: &str, key: &str| {
        let claims = it.claims(client, json!({})).to_string();
        forge::mac(&json!({ "alg": "HS256" }), &claims, key.as_bytes())
    };
    let good = mac("s", SECRET);
    let answer = it.assert(&good).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(
        it.last_event().await["details"]["client_auth_method"],
        "client-secret-jwt"
    );
    it.refused(&good, "invalid_client", "Token reuse detected")
        .await;
    let failed = "Client authentication with client secret signed JWT failed: Signature on JWT token by client secret";
    it.refused(
        &mac("s", "other"),
        "unauthorized_client",
        &format!("{failed}  failed validation"),
    )
    .await;
    it.refused(
        &it.good("s"),
        "unauthorized_client",
        &format!("{failed} failed validation"),
    )
    .await;
    let none = forge::unsigned(
        &json!({ "alg": "none" }),
        &it.claims("s", json!({})).to_string(),
    );
    it.refused(&none, "invalid_client", "Invalid signature algorithm")
        .await;

    // A client that sends its secret does not sign with it, and the other way round.
    let answer = it.assert(&mac("plain", SECRET)).await;
    assert_eq!(
        (answer.status, answer.json),
        (401, generic("invalid_client"))
    );
    let answer = it
        .send(&[("client_id", "s"), ("client_secret", SECRET)])
        .await;
    assert_eq!(answer.status, 400);
    // One that shows a certificate of TLS, which this server does not look at, gets in by nothing else.
    let answer = it
        .send(&[("client_id", "x"), ("client_secret", SECRET)])
        .await;
    assert_eq!(
        (answer.status, answer.json),
        (401, generic("unauthorized_client"))
    );
}

#[tokio::test]
async fn assertions_are_good_at_introspection_and_revocation_too() {
    let it = Signing::new(Pair::eddsa()).await;
    let got = it.assert(&it.good("j")).await;
    let access = got.json["access_token"].as_str().unwrap();
    for (path, status) in [("token/introspect", 200), ("revoke", 200)] {
        let url = format!("{}/protocol/openid-connect/{path}", it.issuer);
        let send = |assertion: String| {
            let form = [
                ("client_assertion_type", TYPE.to_owned()),
                ("client_assertion", assertion),
                ("token", access.to_owned()),
            ];
            reqwest::Client::new().post(&url).form(&form).send()
        };
        let good = it.good("j");
        assert_eq!(send(good.clone()).await.unwrap().status(), status, "{path}");
        assert_eq!(send(good).await.unwrap().status(), 400, "{path}");
    }
}
