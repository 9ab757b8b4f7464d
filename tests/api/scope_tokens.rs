//! What client scopes do to tokens.

use serde_json::{Value, json};

use crate::support::{Answer, Realm, claims, server, token};

/// A realm with a public client `app` that has just these scopes.
pub struct App {
    pub realm: Realm,
    pub id: String,
}

impl App {
    pub async fn new(default: &[&str], optional: &[&str], more: Value) -> Self {
        let realm = Realm::new().await;
        let mut rep = json!({
            "clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true,
            "defaultClientScopes": default, "optionalClientScopes": optional
        });
        rep.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let id = realm.new_client(rep).await;
        Self { realm, id }
    }

    async fn ask(&self, scope: Option<&str>) -> Answer {
        let mut form = vec![
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "secret"),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        token(&server().url, &self.realm.name, &form).await
    }

    /// The claims of the access token, and of the ID token where there is one.
    async fn tokens(&self, scope: Option<&str>) -> (Value, Value) {
        let answer = self.ask(scope).await;
        assert_eq!(answer.status, 200, "{scope:?}: {}", answer.text);
        let read = |name: &str| answer.json[name].as_str().map_or(Value::Null, claims);
        assert_eq!(answer.json["scope"], read("access_token")["scope"]);
        (read("access_token"), read("id_token"))
    }

    pub async fn access(&self, scope: Option<&str>) -> Value {
        self.tokens(scope).await.0
    }

    pub async fn mapper(&self, owner: &str, kind: &str, config: Value) {
        let path = self.realm.path(&format!("{owner}/protocol-mappers/models"));
        let name = uuid::Uuid::new_v4();
        let rep = json!({ "name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config });
        self.realm.admin.create(&path, rep).await;
    }

    pub async fn own_mapper(&self, kind: &str, config: Value) {
        let owner = format!("/clients/{}", self.id);
        self.mapper(&owner, kind, config).await;
    }

    pub async fn post(&self, path: &str, body: Value) {
        let answer = self.realm.admin.post(&self.realm.path(path), body).await;
        assert_eq!(answer.status, 204, "{path}: {}", answer.text);
    }
}

/// Names of the members but for those that every access token has.
fn members(claims: &Value) -> Vec<&str> {
    let always = ["exp", "iat", "jti", "iss", "typ", "azp", "sid", "scope"];
    let names = claims.as_object().unwrap().keys();
    let mut names: Vec<_> = names
        .map(String::as_str)
        .filter(|name| !always.contains(name))
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn each_built_in_scope_brings_its_claims() {
    let optional = [
        "basic",
        "acr",
        "roles",
        "web-origins",
        "email",
        "profile",
        "address",
        "phone",
        "microprofile-jwt",
        "organization",
    ];
    let more = json!({ "webOrigins": ["https://a.example", "+"], "redirectUris": ["https://b.example/*"] });
    let app = App::new(&[], &optional, more).await;
    for (asked, named, brought, in_id) in [
        (None, "", &[][..], None),
        (
            Some("openid"),
            "openid",
            &[],
            Some(&["aud", "sub", "at_hash"][..]),
        ),
        (Some("basic"), "", &["sub"], None),
        (
            Some("acr openid"),
            "openid",
            &["acr"],
            Some(&["aud", "sub", "at_hash", "acr"]),
        ),
        (
            Some("roles"),
            "",
            &["aud", "realm_access", "resource_access"],
            None,
        ),
        (Some("web-origins"), "", &["allowed-origins"], None),
        (
            Some("openid email"),
            "openid email",
            &["email", "email_verified"],
            Some(&["aud", "sub", "at_hash", "email", "email_verified"]),
        ),
        (
            Some("profile"),
            "profile",
            &["family_name", "given_name", "name", "preferred_username"],
            None,
        ),
        // alice has neither address nor telephone.
        (Some("address phone"), "address phone", &[], None),
        (
            Some("microprofile-jwt"),
            "microprofile-jwt",
            &["groups", "upn"],
            None,
        ),
        // Nobody belongs to an organization.
        (Some("organization"), "", &[], None),
    ] {
        let (access, id) = app.tokens(asked).await;
        assert_eq!(access["scope"], named, "{asked:?}");
        let mut brought = brought.to_vec();
        brought.sort_unstable();
        assert_eq!(members(&access), brought, "{asked:?}");
        let mut expected = in_id.unwrap_or_default().to_vec();
        expected.sort_unstable();
        let found = if id.is_null() { vec![] } else { members(&id) };
        assert_eq!(found, expected, "{asked:?}");
    }
    let access = app
        .access(Some("web-origins microprofile-jwt acr basic"))
        .await;
    assert_eq!(
        access["allowed-origins"],
        json!(["https://a.example", "https://b.example"])
    );
    assert_eq!(
        (&access["upn"], &access["acr"]),
        (&json!("alice"), &json!("1"))
    );
    assert_eq!(access["sub"], app.realm.alice);
    let groups = access["groups"].as_array().unwrap();
    assert!(groups.contains(&json!("offline_access")), "{access}");
}

#[tokio::test]
async fn attributes_of_the_user_become_claims_of_their_kind() {
    let policy = json!({ "unmanagedAttributePolicy": "ENABLED", "attributes": [{ "name": "username" }, { "name": "email" }] });
    let app = App::new(&[], &["address", "phone", "profile"], json!({})).await;
    let realm = &app.realm;
    let set = realm.admin.put(&realm.path("/users/profile"), policy).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let attributes = json!({
        "street": ["S 1"], "locality": ["L"], "country": ["C"], "phoneNumber": ["+1"], "phoneNumberVerified": ["true"],
        "updatedAt": ["17"], "website": ["https://w.example", "https://x.example"], "zoneinfo": []
    });
    let path = realm.path(&format!("/users/{}", realm.alice));
    let put = realm
        .admin
        .put(
            &path,
            json!({ "username": "alice", "email": "alice@example.test", "attributes": attributes }),
        )
        .await;
    assert_eq!(put.status, 204, "{}", put.text);
    let access = app.access(Some("address phone profile")).await;
    let address = json!({ "street_address": "S 1", "locality": "L", "country": "C" });
    assert_eq!(access["address"], address);
    let told = [
        "phone_number",
        "phone_number_verified",
        "updated_at",
        "website",
    ]
    .map(|name| &access[name]);
    assert_eq!(
        told,
        [
            &json!("+1"),
            &json!(true),
            &json!(17),
            &json!("https://w.example")
        ]
    );
}

#[tokio::test]
async fn a_scope_that_the_client_has_not_is_refused() {
    let app = App::new(&["email"], &["phone"], json!({})).await;
    for asked in ["address", "phone nosuch", "offline_access", "", " "] {
        let answer = app.ask(Some(asked)).await;
        let told = json!({ "error": "invalid_scope", "error_description": format!("Invalid scopes: {asked}") });
        assert_eq!((answer.status, answer.json), (400, told));
    }
    assert_eq!(
        app.access(Some("phone email")).await["scope"],
        "email phone"
    );
}

#[tokio::test]
async fn a_change_of_a_scope_is_in_the_next_token() {
    let app = App::new(&["basic"], &[], json!({})).await;
    let scope = app.realm.new_scope("s").await;
    assert_eq!(app.access(None).await["scope"], "");
    let link = format!("/clients/{}/default-client-scopes/{scope}", app.id);
    let linked = app
        .realm
        .admin
        .call("PUT".parse().unwrap(), &app.realm.path(&link), None)
        .await;
    assert_eq!(linked.status, 204);
    assert_eq!(app.access(None).await["scope"], "s");

    let owner = format!("/client-scopes/{scope}");
    let config = json!({ "claim.name": "a.b", "claim.value": "7", "jsonType.label": "int", "access.token.claim": "true" });
    app.mapper(&owner, "oidc-hardcoded-claim-mapper", config)
        .await;
    assert_eq!(app.access(None).await["a"], json!({ "b": 7 }));

    let change = json!({ "name": "t", "attributes": { "include.in.token.scope": "false" } });
    let put = app.realm.admin.put(&app.realm.path(&owner), change).await;
    assert_eq!(put.status, 204);
    let access = app.access(None).await;
    assert_eq!(
        (&access["scope"], &access["a"]),
        (&json!(""), &json!({ "b": 7 }))
    );
    let gone = app.realm.admin.delete(&app.realm.path(&owner)).await;
    assert_eq!(gone.status, 204);
    assert_eq!(app.access(None).await.get("a"), None);
}

#[tokio::test]
async fn mappers_write_what_keycloaks_write() {
    let app = App::new(&["basic"], &[], json!({})).await;
    let into = |config: Value| {
        let mut config = config;
        config["access.token.claim"] = json!("true");
        config
    };
    let hardcoded = "oidc-hardcoded-claim-mapper";
    app.own_mapper(
        hardcoded,
        json!({ "claim.name": "unflagged", "claim.value": "1" }),
    )
    .await;
    for (name, value, kind) in [
        ("n.a.b", "1", "int"),
        ("n.a.c\\.d", "{\"x\":1}", "JSON"),
        ("bad", "x", "int"),
        ("sub", "somebody", "String"),
        ("realm_access.roles", "admin", "String"),
        ("aud", "x", "String"),
    ] {
        let config = json!({ "claim.name": name, "claim.value": value, "jsonType.label": kind });
        app.own_mapper(hardcoded, into(config)).await;
    }
    app.own_mapper("oidc-audience-resolve-mapper", json!({}))
        .await;
    app.own_mapper(
        "oidc-audience-mapper",
        into(json!({ "included.custom.audience": "custom" })),
    )
    .await;
    let realm_role = "oidc-usermodel-realm-role-mapper";
    let prefix = json!({ "claim.name": "rr", "usermodel.realmRoleMapping.rolePrefix": "p_", "multivalued": "true" });
    app.own_mapper(realm_role, into(prefix)).await;
    // Roles stay where roles of their kind belong.
    for name in ["resource_access.app.roles", "realm_access.other", "scope"] {
        app.own_mapper(
            realm_role,
            into(json!({ "claim.name": name, "multivalued": "true" })),
        )
        .await;
    }
    let client_role = "oidc-usermodel-client-role-mapper";
    let config = json!({ "claim.name": "cr.${client_id}", "usermodel.clientRoleMapping.clientId": "account",
                         "usermodel.clientRoleMapping.rolePrefix": "c_", "multivalued": "true" });
    app.own_mapper(client_role, into(config)).await;
    let config =
        json!({ "claim.name": "pe", "user.attribute": "enabled", "jsonType.label": "boolean" });
    app.own_mapper("oidc-usermodel-property-mapper", into(config))
        .await;
    let config = json!({ "claim.name": "mail", "user.attribute": "email", "multivalued": "true" });
    app.own_mapper("oidc-usermodel-attribute-mapper", into(config))
        .await;

    let access = app.access(Some("openid")).await;
    assert_eq!(access["n"], json!({ "a": { "b": 1, "c.d": { "x": 1 } } }));
    assert_eq!(access["sub"], app.realm.alice);
    assert_eq!(
        (&access["pe"], &access["mail"]),
        (&json!(true), &json!(["alice@example.test"]))
    );
    let mut audience: Vec<_> = access["aud"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a.as_str().unwrap())
        .collect();
    audience.sort_unstable();
    assert_eq!(audience, ["account", "custom"]);
    let roles = access["rr"].as_array().unwrap();
    assert!(roles.contains(&json!("p_uma_authorization")), "{access}");
    assert!(
        access["cr"]["account"]
            .as_array()
            .unwrap()
            .contains(&json!("c_view-profile")),
        "{access}"
    );
    for name in ["unflagged", "bad", "realm_access", "resource_access"] {
        assert_eq!(access.get(name), None, "{name}");
    }
    assert_eq!(access["scope"], "openid");
}

#[tokio::test]
async fn a_lightweight_token_has_only_what_is_marked_for_it() {
    let light = json!({ "attributes": { "client.use.lightweight.access.token.enabled": "true" } });
    let app = App::new(&["basic", "roles", "email"], &[], light).await;
    let config = json!({ "claim.name": "x", "claim.value": "y", "lightweight.claim": "true", "access.token.claim": "false" });
    app.own_mapper("oidc-hardcoded-claim-mapper", config).await;
    assert_eq!(members(&app.access(None).await), ["sub", "x"]);
}

#[tokio::test]
async fn a_refreshed_token_keeps_its_scopes_and_may_ask_for_fewer() {
    let app = App::new(&["email"], &["phone", "address"], json!({})).await;
    let first = app.ask(Some("openid phone")).await.json;
    let refresh = async |scope: Option<&str>| {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", first["refresh_token"].as_str().unwrap()),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        token(&server().url, &app.realm.name, &form).await
    };
    assert_eq!(refresh(None).await.json["scope"], "openid email phone");
    assert_eq!(refresh(Some("openid")).await.json["scope"], "openid email");
    let more = refresh(Some("address")).await;
    assert_eq!(
        (more.status, &more.json["error"]),
        (400, &json!("invalid_scope"))
    );
    let phone = app.realm.scope("phone").await;
    let gone = app
        .realm
        .admin
        .delete(&app.realm.path(&format!("/client-scopes/{phone}")))
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(refresh(None).await.json["scope"], "openid email");
}
