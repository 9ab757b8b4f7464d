//! Who has a client scope: new clients of a realm, and each client. What a realm file says of it.

use serde_json::{Value, json};

use crate::client_scopes::{BUILT_IN, names};
use crate::support::{Admin, Realm, person};

#[tokio::test]
async fn what_new_clients_get_is_for_the_administrator_to_say() {
    let realm = Realm::new().await;
    let (scope, phone, email) = (
        realm.new_scope("s").await,
        realm.scope("phone").await,
        realm.scope("email").await,
    );
    let default = |id: &str| format!("/default-default-client-scopes/{id}");
    let optional = |id: &str| format!("/default-optional-client-scopes/{id}");
    realm.done("PUT", &default(&scope), Value::Null).await;
    realm.done("DELETE", &optional(&phone), Value::Null).await;
    // Whichever way it is had.
    realm.done("DELETE", &optional(&email), Value::Null).await;
    realm.done("DELETE", &default(&email), Value::Null).await;
    let again = realm.told("PUT", &optional(&scope), json!({})).await;
    let conflict = json!({ "error": "conflict", "error_description": "Duplicate resource error" });
    assert_eq!((again.status, again.json), (409, conflict));
    for method in ["PUT", "DELETE"] {
        let answer = realm.told(method, &default("nosuch"), Value::Null).await;
        let missing = json!({ "error": "Client scope not found" });
        assert_eq!((answer.status, answer.json), (404, missing));
    }
    let client = realm.new_client(json!({ "clientId": "web" })).await;
    let client = realm.json(&format!("/clients/{client}")).await;
    let expected = ["web-origins", "acr", "roles", "profile", "basic", "s"];
    assert_eq!(client["defaultClientScopes"], json!(expected));
    let expected = [
        "address",
        "offline_access",
        "organization",
        "microprofile-jwt",
    ];
    assert_eq!(client["optionalClientScopes"], json!(expected));
}

#[tokio::test]
async fn a_client_is_made_with_the_scopes_that_it_names_or_those_of_its_realm() {
    let realm = Realm::new().await;
    let dock = json!({ "name": "dock", "protocol": "docker-v2" });
    realm
        .admin
        .create(&realm.path("/client-scopes"), dock)
        .await;
    let all = ["web-origins", "acr", "roles", "profile", "basic", "email"];
    let asked = [
        "address",
        "phone",
        "offline_access",
        "organization",
        "microprofile-jwt",
    ];
    for (sent, default, optional) in [
        (json!({}), &all[..], &asked[..]),
        (
            json!({ "defaultClientScopes": ["email", "nosuch", "dock"], "optionalClientScopes": ["email", "phone"] }),
            &["email"],
            &["phone"],
        ),
        (
            json!({ "optionalClientScopes": ["phone"] }),
            &[],
            &["phone"],
        ),
        (
            json!({ "defaultClientScopes": ["email"], "serviceAccountsEnabled": true }),
            &["email", "service_account"],
            &[],
        ),
        (json!({ "protocol": "docker-v2" }), &[], &[]),
        (
            json!({ "protocol": "docker-v2", "defaultClientScopes": ["email", "dock"] }),
            &["dock"],
            &[],
        ),
    ] {
        let id = realm.new_client(sent.clone()).await;
        let client = realm.json(&format!("/clients/{id}")).await;
        assert_eq!(client["defaultClientScopes"], json!(default), "{sent}");
        assert_eq!(client["optionalClientScopes"], json!(optional), "{sent}");
    }
}

#[tokio::test]
async fn a_client_gets_and_loses_scopes_one_by_one_and_not_by_a_change_of_it() {
    let realm = Realm::new().await;
    let rep = json!({ "clientId": "web", "defaultClientScopes": ["email"], "optionalClientScopes": ["phone"] });
    let one = format!("/clients/{}", realm.new_client(rep).await);
    let told = async || {
        let client = realm.json(&one).await;
        let lists = ["defaultClientScopes", "optionalClientScopes"];
        lists.map(|name| client[name].clone())
    };
    let change = json!({ "defaultClientScopes": ["phone"], "optionalClientScopes": [] });
    realm.done("PUT", &one, change).await;
    assert_eq!(told().await, [json!(["email"]), json!(["phone"])]);

    let (scope, phone) = (realm.new_scope("s").await, realm.scope("phone").await);
    let default = |id: &str| format!("{one}/default-client-scopes/{id}");
    let optional = |id: &str| format!("{one}/optional-client-scopes/{id}");
    realm.done("PUT", &default(&scope), Value::Null).await;
    // It has them already, in some way.
    realm.done("PUT", &optional(&scope), Value::Null).await;
    realm.done("PUT", &default(&phone), Value::Null).await;
    assert_eq!(told().await, [json!(["email", "s"]), json!(["phone"])]);
    let listed = realm.json(&format!("{one}/optional-client-scopes")).await;
    assert_eq!(listed, json!([{ "id": phone, "name": "phone" }]));
    let listed = realm.json(&format!("{one}/default-client-scopes")).await;
    assert_eq!(names(&listed), ["email", "s"]);
    realm.done("DELETE", &default(&phone), Value::Null).await;
    assert_eq!(told().await, [json!(["email", "s"]), json!([])]);

    let service = json!({ "serviceAccountsEnabled": true });
    realm.done("PUT", &one, service).await;
    assert_eq!(told().await[0], json!(["email", "s", "service_account"]));
    let service = json!({ "serviceAccountsEnabled": false });
    realm.done("PUT", &one, service).await;
    assert_eq!(told().await[0], json!(["email", "s"]));

    // A scope that is deleted is nobody's.
    let gone = format!("/client-scopes/{scope}");
    realm.done("DELETE", &gone, Value::Null).await;
    assert_eq!(told().await[0], json!(["email"]));

    let missing = json!({ "error": "Client scope not found" });
    for (method, path, body) in [
        ("PUT", default("nosuch"), &missing),
        ("DELETE", optional(&scope), &missing),
        (
            "PUT",
            format!("/clients/nosuch/default-client-scopes/{phone}"),
            &json!({ "error": "Could not find client" }),
        ),
    ] {
        let answer = realm.told(method, &path, Value::Null).await;
        assert_eq!(
            (answer.status, &answer.json),
            (404, body),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_realm_file_brings_its_scopes_and_those_alone() {
    let admin = Admin::master().await;
    let scopes = |file: Value| {
        let admin = admin.clone();
        async move {
            let name = crate::realms::fresh();
            let mut rep = json!({ "realm": name, "enabled": true });
            rep.as_object_mut()
                .unwrap()
                .extend(file.as_object().unwrap().clone());
            let made = admin.post("", rep).await;
            assert_eq!(made.status, 201, "{}", made.text);
            Realm {
                name,
                admin,
                alice: String::new(),
                registry: String::new(),
            }
        }
    };
    let realm = scopes(json!({
        "clientScopes": [
            { "name": "custom", "protocol": "openid-connect" },
            { "name": "sam", "protocol": "saml",
              "protocolMappers": [{ "name": "role list", "protocol": "saml", "protocolMapper": "saml-role-list-mapper" }] },
            { "name": "email", "protocol": "openid-connect" }
        ],
        "defaultDefaultClientScopes": ["custom", "sam", "nosuch"],
        "clients": [{ "clientId": "x" }, { "clientId": "z", "optionalClientScopes": ["email"] }],
        "roles": { "realm": [{ "name": "r" }], "client": { "x": [{ "name": "xr" }] } },
        "scopeMappings": [{ "clientScope": "custom", "roles": ["r"] }, { "client": "x", "roles": ["r"] }],
        "clientScopeMappings": { "x": [{ "clientScope": "email", "roles": ["xr"] }, { "client": "z", "roles": ["xr", "new"] }] }
    }))
    .await;
    let told = realm.json("/client-scopes").await;
    assert_eq!(names(&told), ["custom", "email", "offline_access", "sam"]);
    let default = realm.json("/default-default-client-scopes").await;
    assert_eq!(names(&default), ["custom", "sam"]);
    let optional = realm.json("/default-optional-client-scopes").await;
    assert_eq!(names(&optional), ["offline_access"]);
    let client =
        async |name: &str| realm.json(&format!("/clients?clientId={name}")).await[0].clone();
    let (x, z) = (client("x").await, client("z").await);
    assert_eq!(
        [
            &x["defaultClientScopes"],
            &x["optionalClientScopes"],
            &z["defaultClientScopes"],
            &z["optionalClientScopes"]
        ],
        [
            &json!(["custom"]),
            &json!(["offline_access"]),
            &json!([]),
            &json!(["email"])
        ]
    );
    let mapped = async |path: String| realm.json(&format!("{path}/scope-mappings")).await;
    let of = |rep: &Value| format!("/clients/{}", rep["id"].as_str().unwrap());
    assert_eq!(names(&mapped(of(&x)).await["realmMappings"]), ["r"]);
    let of_z = mapped(of(&z)).await;
    assert_eq!(
        names(&of_z["clientMappings"]["x"]["mappings"]),
        ["new", "xr"]
    );
    let email = realm.scope("email").await;
    let of_email = mapped(format!("/client-scopes/{email}")).await;
    assert_eq!(names(&of_email["clientMappings"]["x"]["mappings"]), ["xr"]);
    let console = mapped(of(&client("account-console").await)).await;
    assert_eq!(
        names(&console["clientMappings"]["account"]["mappings"]),
        ["manage-account", "view-groups"]
    );

    // Without scopes of its own a file has no say in who gets which.
    let realm =
        scopes(json!({ "defaultDefaultClientScopes": ["email"], "users": [person("bob")] })).await;
    assert_eq!(names(&realm.json("/client-scopes").await), BUILT_IN);
    let default = realm.json("/default-default-client-scopes").await;
    assert_eq!(default.as_array().unwrap().len(), 6);

    for file in [
        json!({ "scopeMappings": [{ "clientScope": "nosuch", "roles": ["r"] }] }),
        json!({ "scopeMappings": [{ "client": "nosuch", "roles": ["r"] }] }),
        json!({ "clientScopeMappings": { "nosuch": [{ "client": "account", "roles": ["r"] }] } }),
        json!({ "clientScopes": [{ "name": "a b", "protocol": "openid-connect" }] }),
        json!({ "clientScopes": [{ "name": 1, "attributes": [] }] }),
        json!({ "clientScopes": {} }),
        json!({ "scopeMappings": [[]] }),
    ] {
        let name = crate::realms::fresh();
        let mut rep = json!({ "realm": name, "enabled": true });
        rep.as_object_mut()
            .unwrap()
            .extend(file.as_object().unwrap().clone());
        let answer = admin.post("", rep).await;
        assert_eq!(answer.status, 400, "{file}: {}", answer.text);
        assert_eq!(admin.get(&format!("/{name}")).await.status, 404);
    }
}
