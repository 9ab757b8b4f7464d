//! What each kind of mapper of openid-connect puts into tokens, as seen on Keycloak.

use serde_json::{Map, Value, json};

use crate::browser::{Browser, app, parameter, redeem};
use crate::support::{Answer, Realm, claims, server, token};

/// A realm with a client `app`.
pub struct Mapped {
    pub realm: Realm,
    pub app: String,
}

/// The tokens of a sign-in, and what userinfo says.
pub struct Got {
    pub access: Value,
    pub id: Value,
    pub refresh: Value,
    pub userinfo: Value,
    pub answer: Value,
}

impl Mapped {
    pub async fn new(client: Value) -> Self {
        let realm = Realm::with(json!({ "eventsEnabled": true })).await;
        let app = app(&realm, client).await;
        Self { realm, app }
    }

    pub async fn try_mapper(&self, name: &str, kind: &str, config: Value) -> Answer {
        let path = format!("/clients/{}/protocol-mappers/models", self.app);
        let rep = json!({
            "name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config
        });
        self.realm.admin.post(&self.realm.path(&path), rep).await
    }

    pub async fn mapper(&self, name: &str, kind: &str, config: Value) {
        let answer = self.try_mapper(name, kind, config).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.json);
    }

    pub async fn sign_in(&self) -> Got {
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "secret"),
            ("scope", "openid"),
        ];
        self.read(token(&server().url, &self.realm.name, &form).await)
            .await
    }

    /// The same by a browser, with more in the authorization request.
    pub async fn by_code(&self, browser: &mut Browser, query: &str) -> Got {
        let name = &self.realm.name;
        let query = format!("&scope=openid{query}");
        let answer = if browser.cookies.contains_key("KEYCLOAK_IDENTITY") {
            browser.get(&crate::browser::auth_url(name, &query)).await
        } else {
            browser.sign_in(name, &query, "alice", "secret").await
        };
        let code = parameter(&answer, "code").unwrap_or_else(|| panic!("{}", answer.text));
        self.read(redeem(name, &code, &[]).await).await
    }

    pub async fn refresh(&self, got: &Got) -> Got {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            (
                "refresh_token",
                got.answer["refresh_token"].as_str().unwrap(),
            ),
        ];
        self.read(token(&server().url, &self.realm.name, &form).await)
            .await
    }

    async fn read(&self, answer: Answer) -> Got {
        assert_eq!(answer.status, 200, "{}", answer.json);
        let text = |name: &str| answer.json[name].as_str().unwrap();
        let url = format!(
            "{}/realms/{}/protocol/openid-connect/userinfo",
            server().url,
            self.realm.name
        );
        let request = reqwest::Client::new()
            .get(url)
            .bearer_auth(text("access_token"));
        let userinfo = Answer::read(request.send().await.unwrap()).await;
        assert_eq!(userinfo.status, 200, "{}", userinfo.text);
        Got {
            access: claims(text("access_token")),
            id: claims(text("id_token")),
            refresh: claims(text("refresh_token")),
            userinfo: userinfo.json,
            answer: answer.json.clone(),
        }
    }
}

fn sorted(list: &Value) -> Vec<&str> {
    let mut list: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    list.sort_unstable();
    list
}

/// A config that sends a claim everywhere.
fn everywhere(more: Value) -> Value {
    let mut config = json!({
        "access.token.claim": "true", "id.token.claim": "true", "userinfo.token.claim": "true"
    });
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    config
}

#[tokio::test]
async fn a_hardcoded_role_is_in_all_that_tells_of_roles() {
    let it = Mapped::new(json!({})).await;
    for (name, role) in [("a", "hr"), ("b", "shop.seller"), ("c", "offline_access")] {
        it.mapper(name, "oidc-hardcoded-role-mapper", json!({ "role": role }))
            .await;
    }
    let config = everywhere(json!({ "claim.name": "mine", "multivalued": "true" }));
    it.mapper("r", "oidc-usermodel-realm-role-mapper", config)
        .await;
    let got = it.sign_in().await;
    let default = format!("default-roles-{}", it.realm.name);
    let expected = [&*default, "hr", "offline_access", "uma_authorization"];
    assert_eq!(sorted(&got.access["realm_access"]["roles"]), expected);
    assert_eq!(
        got.access["resource_access"]["shop"]["roles"],
        json!(["seller"])
    );
    assert_eq!(sorted(&got.access["aud"]), ["account", "shop"]);
    assert_eq!(sorted(&got.refresh["aud_x"]), ["account", "shop"]);
    for told in [&got.id, &got.userinfo] {
        assert_eq!(sorted(&told["mine"]), expected);
    }
}

#[tokio::test]
async fn a_role_that_is_told_gives_no_right() {
    let it = Mapped::new(json!({})).await;
    let config = json!({ "role": "realm-management.realm-admin" });
    it.mapper("a", "oidc-hardcoded-role-mapper", config).await;
    let got = it.sign_in().await;
    assert_eq!(
        got.access["resource_access"]["realm-management"]["roles"],
        json!(["realm-admin"])
    );
    let alice = crate::support::Admin::with_token(got.answer["access_token"].as_str().unwrap());
    assert_eq!(alice.get(&it.realm.path("/users")).await.status, 403);
}

#[tokio::test]
async fn a_role_is_told_by_another_name_and_place() {
    let it = Mapped::new(json!({})).await;
    for (name, role, new) in [
        ("a", "offline_access", "renamed"),
        ("b", "account.view-profile", "shop.viewer"),
        ("c", "uma_authorization", "other.uma"),
        ("d", "account.manage-account", "plain"),
        ("e", "nosuch", "never"),
        // Renaming comes before hardcoding.
        ("f", "hard", "soft"),
    ] {
        let config = json!({ "role": role, "new.role.name": new });
        it.mapper(name, "oidc-role-name-mapper", config).await;
    }
    it.mapper("g", "oidc-hardcoded-role-mapper", json!({ "role": "hard" }))
        .await;
    let got = it.sign_in().await;
    let default = format!("default-roles-{}", it.realm.name);
    assert_eq!(
        sorted(&got.access["realm_access"]["roles"]),
        [&*default, "hard", "plain", "renamed"]
    );
    assert_eq!(
        got.access["resource_access"],
        json!({
            "account": { "roles": ["manage-account-links"] }, "other": { "roles": ["uma"] },
            "shop": { "roles": ["viewer"] }
        })
    );
    assert_eq!(sorted(&got.access["aud"]), ["account", "other", "shop"]);
}

#[tokio::test]
async fn the_session_and_the_nonce_go_where_older_adapters_look_for_them() {
    let it = Mapped::new(json!({})).await;
    let mut browser = Browser::new();
    let plain = it.by_code(&mut browser, "&nonce=n1").await;
    assert_eq!(plain.id["nonce"], "n1");
    for told in [&plain.access, &plain.refresh, &plain.userinfo] {
        assert!(told.get("nonce").is_none() && told.get("session_state").is_none());
    }
    assert!(it.refresh(&plain).await.id.get("nonce").is_none());

    it.mapper("n", "oidc-nonce-backwards-compatible-mapper", json!({}))
        .await;
    it.mapper("s", "oidc-session-state-mapper", everywhere(json!({})))
        .await;
    let got = it.by_code(&mut browser, "&nonce=n2").await;
    let refreshed = it.refresh(&got).await;
    for got in [&got, &refreshed] {
        for told in [&got.access, &got.id, &got.refresh] {
            assert_eq!(told["nonce"], "n2");
        }
        for told in [&got.access, &got.id, &got.userinfo] {
            assert_eq!(told["session_state"], got.access["sid"]);
        }
        assert!(got.userinfo.get("nonce").is_none());
    }
}

#[tokio::test]
async fn acr_and_auth_time_tell_of_the_sign_in_and_amr_is_there_where_asked_for() {
    let it = Mapped::new(json!({})).await;
    it.mapper("amr", "oidc-amr-mapper", everywhere(json!({})))
        .await;
    let got = it.sign_in().await;
    assert_eq!(
        (&got.access["acr"], &got.id["acr"]),
        (&json!("1"), &json!("1"))
    );
    assert!(got.access.get("auth_time").is_none() && got.id.get("auth_time").is_none());
    assert!(got.access["amr"].is_array() && got.id["amr"].is_array());
    assert!(got.userinfo.get("amr").is_none());

    let mut browser = Browser::new();
    let first = it.by_code(&mut browser, "").await;
    assert_eq!(first.id["acr"], "1");
    let time = first.id["auth_time"].as_i64().unwrap();
    assert!(time <= first.id["iat"].as_i64().unwrap());
    assert_eq!(first.access["auth_time"], time);
    // The same session once more: nobody has proven anything this time.
    let again = it.by_code(&mut browser, "").await;
    assert_eq!(
        (&again.id["acr"], &again.id["auth_time"]),
        (&json!("0"), &json!(time))
    );
    assert_eq!(it.refresh(&again).await.id["acr"], "0");
}

#[tokio::test]
async fn attributes_come_from_the_user_and_else_from_the_groups() {
    let it = Mapped::new(json!({})).await;
    let (admin, realm) = (&it.realm.admin, &it.realm);
    let mut profile = admin.get(&realm.path("/users/profile")).await.json;
    profile["unmanagedAttributePolicy"] = json!("ENABLED");
    assert_eq!(
        admin
            .put(&realm.path("/users/profile"), profile)
            .await
            .status,
        200
    );
    let group = |name: &str, attributes: Value| json!({ "name": name, "attributes": attributes });
    let top = group("g1", json!({ "at": ["g1a", "g1b"], "only": ["G1"] }));
    let top = admin.create(&realm.path("/groups"), top).await;
    let below = group("g2", json!({ "at": ["g2a"], "sub": ["S"] }));
    let below = admin
        .create(&realm.path(&format!("/groups/{top}/children")), below)
        .await;
    let other = group("g3", json!({ "at": ["g3a"], "only": ["G3"] }));
    let other = admin.create(&realm.path("/groups"), other).await;
    let path = realm.path(&format!("/users/{}", it.realm.alice));
    let mut alice = admin.get(&path).await.json;
    alice["attributes"] = json!({ "at": ["u1", "u2"], "own": ["o"] });
    assert_eq!(admin.put(&path, alice).await.status, 204);
    for group in [below, other] {
        let path = realm.path(&format!("/users/{}/groups/{group}", it.realm.alice));
        assert_eq!(admin.put(&path, Value::Null).await.status, 204);
    }
    for name in ["at", "own", "only", "sub", "none"] {
        for many in ["true", "false"] {
            for all in ["true", "false"] {
                let config = everywhere(json!({
                    "user.attribute": name, "claim.name": format!("x_{name}_{many}_{all}"), "multivalued": many,
                    "aggregate.attrs": all, "jsonType.label": "String"
                }));
                let mapper = format!("{name}-{many}-{all}");
                it.mapper(&mapper, "oidc-usermodel-attribute-mapper", config)
                    .await;
            }
        }
    }
    let got = it.sign_in().await;
    let expected = json!({
        "x_at_true_true": ["u1", "u2", "g2a", "g1a", "g1b", "g3a"], "x_at_true_false": ["u1", "u2"],
        "x_at_false_true": "u1", "x_at_false_false": "u1",
        "x_own_true_true": ["o"], "x_own_true_false": ["o"], "x_own_false_true": "o", "x_own_false_false": "o",
        "x_only_true_true": ["G1", "G3"], "x_only_true_false": ["G1"],
        "x_only_false_true": "G1", "x_only_false_false": "G1",
        "x_sub_true_true": ["S"], "x_sub_true_false": ["S"], "x_sub_false_true": "S", "x_sub_false_false": "S",
    });
    for told in [&got.access, &got.id, &got.userinfo] {
        let told = told
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.starts_with("x_"));
        let told: Map<String, Value> = told
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        assert_eq!(Value::Object(told), expected);
    }
    let path = format!(
        "/clients/{}/evaluate-scopes/generate-example-id-token?scope=openid&userId={}",
        it.app, it.realm.alice
    );
    let example = admin.get(&realm.path(&path)).await.json;
    assert_eq!(example["x_at_true_true"], expected["x_at_true_true"]);
}

#[tokio::test]
async fn the_claims_parameter_gives_names_and_values_that_it_calls_essential() {
    let only = json!({ "defaultClientScopes": ["basic"], "optionalClientScopes": [] });
    let it = Mapped::new(only).await;
    it.mapper("p", "oidc-claims-param-token-mapper", everywhere(json!({})))
        .await;
    let config = json!({ "claim.name": "vot", "id.token.claim": "true" });
    it.mapper("v", "oidc-claims-param-value-idtoken-mapper", config)
        .await;
    let essential = json!({ "essential": true });
    let request = json!({
        "id_token": {
            "name": essential, "email": essential, "given_name": null, "family_name": { "essential": false },
            "vot": { "essential": true, "value": "P2" }, "sub": { "essential": true, "value": "evil" }
        },
        "userinfo": { "preferred_username": essential, "email": { "essential": "true" } }
    });
    let mut browser = Browser::new();
    let query = |claims: &str| {
        let url = reqwest::Url::parse_with_params("http://x/", [("claims", claims)]).unwrap();
        format!("&{}", url.query().unwrap())
    };
    let got = it.by_code(&mut browser, &query(&request.to_string())).await;
    for got in [&got, &it.refresh(&got).await] {
        let names = [
            "name",
            "email",
            "vot",
            "given_name",
            "family_name",
            "preferred_username",
        ];
        let told = names.map(|name| got.id.get(name).and_then(Value::as_str));
        assert_eq!(
            told,
            [
                Some("alice Test"),
                Some("alice@example.test"),
                Some("P2"),
                None,
                None,
                None
            ]
        );
        assert_eq!(got.id["sub"], json!(it.realm.alice));
        let expected = json!({ "sub": it.realm.alice, "preferred_username": "alice" });
        assert_eq!(got.userinfo, expected);
        assert!(got.access.get("vot").is_none() && got.access.get("name").is_none());
    }
    for odd in [
        "",
        "notjson",
        "[]",
        "5",
        r#"{"id_token":5}"#,
        r#"{"id_token":{"vot":{"essential":true,"value":{"a":1}}}}"#,
    ] {
        let got = it.by_code(&mut browser, &query(odd)).await;
        assert!(
            got.id.get("vot").is_none() && got.id.get("name").is_none(),
            "{odd}"
        );
    }
}
