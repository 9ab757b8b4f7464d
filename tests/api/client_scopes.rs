//! Client scopes by the admin API, and their mappers.

use serde_json::{Value, json};

use crate::support::{Answer, Realm};

pub const BUILT_IN: [&str; 12] = [
    "acr",
    "address",
    "basic",
    "email",
    "microprofile-jwt",
    "offline_access",
    "organization",
    "phone",
    "profile",
    "roles",
    "service_account",
    "web-origins",
];

pub fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list}"));
    list.iter()
        .map(|rep| rep["name"].as_str().unwrap())
        .collect()
}

impl Realm {
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.admin.get(&self.path(path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json
    }

    /// The id of a client scope.
    pub async fn scope(&self, name: &str) -> String {
        let scopes = self.json("/client-scopes").await;
        let mut scopes = scopes.as_array().unwrap().iter();
        let scope = scopes.find(|scope| scope["name"] == name).unwrap();
        scope["id"].as_str().unwrap().to_owned()
    }

    pub async fn new_scope(&self, name: &str) -> String {
        let rep = json!({ "name": name, "protocol": "openid-connect" });
        self.admin.create(&self.path("/client-scopes"), rep).await
    }

    pub async fn new_client(&self, rep: Value) -> String {
        self.admin.create(&self.path("/clients"), rep).await
    }

    pub async fn new_role(&self, owner: &str, name: &str) -> Value {
        let path = self.path(&format!("{owner}/roles"));
        let made = self.admin.post(&path, json!({ "name": name })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        self.json(&format!("{owner}/roles/{name}")).await
    }

    /// A call that answers 204.
    pub async fn done(&self, method: &str, path: &str, body: Value) {
        let answer = self.told(method, path, body).await;
        assert_eq!(answer.status, 204, "{method} {path}: {}", answer.text);
    }

    pub async fn told(&self, method: &str, path: &str, body: Value) -> Answer {
        let method = method.parse().unwrap();
        let body = Some(body).filter(|body| !body.is_null());
        self.admin.call(method, &self.path(path), body).await
    }
}

#[tokio::test]
async fn a_new_realm_has_keycloaks_scopes_but_those_of_saml() {
    let realm = Realm::new().await;
    let scopes = realm.json("/client-scopes").await;
    assert_eq!(names(&scopes), BUILT_IN);
    let acr = &scopes[0];
    let mapper = &acr["protocolMappers"][0];
    let told = json!({
        "id": acr["id"], "name": "acr",
        "description": "OpenID Connect scope for add acr (authentication context class reference) to the token",
        "protocol": "openid-connect",
        "attributes": { "include.in.token.scope": "false", "display.on.consent.screen": "false" },
        "protocolMappers": [{
            "id": mapper["id"], "name": "acr loa level", "protocol": "openid-connect",
            "protocolMapper": "oidc-acr-mapper", "consentRequired": false,
            "config": { "id.token.claim": "true", "introspection.token.claim": "true", "access.token.claim": "true", "userinfo.token.claim": "true" }
        }]
    });
    assert_eq!(*acr, told);
    let default = realm.json("/default-default-client-scopes").await;
    let expected = ["web-origins", "acr", "roles", "profile", "basic", "email"];
    assert_eq!(names(&default), expected);
    let one = json!({ "id": acr["id"], "name": "acr", "protocol": "openid-connect" });
    assert_eq!(default[1], one);
    let optional = realm.json("/default-optional-client-scopes").await;
    let expected = [
        "address",
        "phone",
        "offline_access",
        "organization",
        "microprofile-jwt",
    ];
    assert_eq!(names(&optional), expected);
    let offline = realm.scope("offline_access").await;
    let mapped = realm
        .json(&format!("/client-scopes/{offline}/scope-mappings/realm"))
        .await;
    assert_eq!(names(&mapped), ["offline_access"]);
}

#[tokio::test]
async fn scopes_are_made_changed_and_deleted() {
    let realm = Realm::new().await;
    let id = uuid::Uuid::new_v4();
    let sent = json!({
        "id": id, "name": "a/b:*", "protocol": "openid-connect", "description": "d",
        "attributes": { "a": "b", "include.in.token.scope": "" },
        "protocolMappers": [{ "name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
                              "config": { "claim.name": "x", "access.token.claim": "true" } }]
    });
    let made = realm
        .admin
        .post(&realm.path("/client-scopes"), sent.clone())
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(made.location.ends_with(&format!("/client-scopes/{id}")));
    let one = format!("/client-scopes/{id}");
    let mut told = realm.json(&one).await;
    let mapper = told["protocolMappers"][0].take();
    assert_eq!(mapper["config"], sent["protocolMappers"][0]["config"]);
    assert_eq!(told["attributes"], sent["attributes"]);
    assert_eq!(told["name"], sent["name"]);

    let change = json!({ "name": "s", "attributes": { "a": null, "c": 1 }, "protocolMappers": [] });
    realm.done("PUT", &one, change).await;
    let told = realm.json(&one).await;
    assert_eq!(
        (&told["name"], &told["description"]),
        (&json!("s"), &json!("d"))
    );
    let attributes = json!({ "c": "1", "include.in.token.scope": "" });
    assert_eq!(told["attributes"], attributes);
    assert_eq!(told["protocolMappers"].as_array().unwrap().len(), 1);

    realm.done("DELETE", &one, Value::Null).await;
    let gone = realm.admin.get(&realm.path(&one)).await;
    let missing = json!({ "error": "Could not find client scope" });
    assert_eq!((gone.status, gone.json), (404, missing.clone()));
    for (method, path) in [
        ("PUT", &one),
        ("DELETE", &one),
        ("DELETE", &"/client-scopes/x".to_owned()),
    ] {
        let answer = realm.told(method, path, json!({ "name": "x" })).await;
        assert_eq!((answer.status, &answer.json), (404, &missing), "{method}");
    }
}

#[tokio::test]
async fn bad_scopes_are_refused_in_keycloaks_words() {
    let realm = Realm::new().await;
    let phone = realm.scope("phone").await;
    let message = |text: &str| json!({ "errorMessage": text });
    let exists = message("Client Scope email already exists");
    let unexpected = |name: &str| message(&format!("Unexpected name \"{name}\" for ClientScope"));
    for (body, status, told) in [
        (
            json!({ "name": "email", "protocol": "openid-connect" }),
            409,
            exists.clone(),
        ),
        (json!({ "name": "s" }), 400, message("Unexpected protocol")),
        (
            json!({ "name": "s", "protocol": "nosuch" }),
            400,
            message("Unexpected protocol"),
        ),
        (
            json!({ "name": "a b", "protocol": "openid-connect" }),
            400,
            unexpected("a b"),
        ),
        (
            json!({ "name": "", "protocol": "openid-connect" }),
            400,
            unexpected(""),
        ),
        (json!({}), 400, unexpected("")),
        (
            json!([]),
            400,
            json!({ "error": "unknown_error", "error_description": "Cannot parse the JSON" }),
        ),
    ] {
        let answer = realm.told("POST", "/client-scopes", body.clone()).await;
        assert_eq!((answer.status, answer.json), (status, told), "{body}");
    }
    let unknown = json!({ "name": "s", "protocol": "openid-connect", "nope": 1 });
    let answer = realm.told("POST", "/client-scopes", unknown).await;
    assert_eq!(answer.status, 201, "{}", answer.text);

    let one = format!("/client-scopes/{phone}");
    for (body, status, told) in [
        (json!({ "name": "email" }), 409, exists),
        (json!({ "name": "a b" }), 400, unexpected("a b")),
        (json!({}), 400, unexpected("")),
        (
            json!({ "name": "phone", "protocol": "nosuch" }),
            400,
            message("Unexpected protocol"),
        ),
    ] {
        let answer = realm.told("PUT", &one, body.clone()).await;
        assert_eq!((answer.status, answer.json), (status, told), "{body}");
    }
    assert_eq!(realm.json(&one).await["name"], "phone");
}

#[tokio::test]
async fn mappers_of_a_scope_are_handled_as_those_of_a_client() {
    let realm = Realm::new().await;
    let scope = realm.new_scope("s").await;
    let base = format!("/client-scopes/{scope}/protocol-mappers");
    let mapper = |name: &str| {
        json!({ "name": name, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
                "config": { "claim.name": "x", "claim.value": "1", "id.token.claim": "true" } })
    };
    let models = format!("{base}/models");
    let made = realm.admin.post(&realm.path(&models), mapper("one")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(made.location.contains(&models), "{}", made.location);
    let id = made.location.rsplit('/').next().unwrap().to_owned();
    let many = json!([mapper("two"), mapper("three")]);
    realm
        .done("POST", &format!("{base}/add-models"), many)
        .await;
    assert_eq!(names(&realm.json(&models).await), ["one", "three", "two"]);
    let of_protocol = realm.json(&format!("{base}/protocol/docker-v2")).await;
    assert_eq!(of_protocol, json!([]));

    let again = realm.told("POST", &models, mapper("one")).await;
    let exists = json!({ "errorMessage": "Protocol mapper exists with same name" });
    assert_eq!((again.status, again.json), (409, exists));
    let one = format!("{models}/{id}");
    let mut changed = mapper("one");
    changed["config"]["claim.name"] = json!("y");
    realm.done("PUT", &one, changed).await;
    let told = realm.json(&one).await;
    assert_eq!(
        (
            &told["config"]["claim.name"],
            &told["config"]["userinfo.token.claim"]
        ),
        (&json!("y"), &json!("true"))
    );
    let other = format!(
        "/client-scopes/{}/protocol-mappers/models/{id}",
        realm.scope("email").await
    );
    for path in [other.as_str(), &format!("{models}/x")] {
        let answer = realm.admin.get(&realm.path(path)).await;
        let missing = json!({ "error": "Model not found" });
        assert_eq!((answer.status, answer.json), (404, missing), "{path}");
    }
    realm.done("DELETE", &one, Value::Null).await;
    assert_eq!(names(&realm.json(&models).await), ["three", "two"]);
}
