//! What this server does not have: no operation of Keycloak's admin API is answered as if its path were mistyped.

use futures_util::{StreamExt as _, stream};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Admin, Answer, Realm, login, server};

/// The operations of Keycloak 26.7.3 for administrators: method and path.
const OPERATIONS: &str = include_str!("operations.tsv");

/// Answers to a path that nobody knows.
const UNKNOWN: [&str; 2] = [
    "HTTP 404 Not Found",
    "Unable to find matching target resource method",
];

/// An operation's path in a realm; a name in braces becomes something of its kind, or an id that nobody has.
fn fill(realm: &Realm, path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{realm}" => realm.name.clone(),
        "{user-id}" | "{member-id}" | "{userId}" => realm.alice.clone(),
        "{client-uuid}" => realm.registry.clone(),
        "{locale}" => "en".to_owned(),
        "{attr}" => "jwt.credential".to_owned(),
        "{protocol}" => "docker-v2".to_owned(),
        "{flowAlias}" => "browser".to_owned(),
        "{type}" => "resource".to_owned(),
        part if part.starts_with('{') => Uuid::new_v4().to_string(),
        part => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_operation_of_keycloak_is_known_here() {
    let realm = Realm::new().await;
    let token = login(&server().url, "master", "admin", "admin").await;
    let http = Client::new();
    let call = async |line: &'static str| {
        let (method, path) = line.split_once('\t').unwrap();
        // The realm stays until the end.
        let path = if (method, path) == ("DELETE", "/admin/realms/{realm}") {
            path.replace("{realm}", "no-such-realm")
        } else {
            fill(&realm, path)
        };
        let method: Method = method.parse().unwrap();
        let request = http.request(method.clone(), format!("{}{path}", server().url));
        let request = request.bearer_auth(&token);
        let request = match method {
            Method::GET | Method::DELETE => request,
            _ if path.ends_with("/userLabel") || path.contains("/localization/en/") => {
                request.header("Content-Type", "text/plain").body("text")
            }
            _ => request.json(&json!({})),
        };
        let answer = Answer::read(request.send().await.unwrap()).await;
        let unknown = answer.json["error"]
            .as_str()
            .is_some_and(|error| UNKNOWN.contains(&error));
        (answer.status == 405 || unknown).then_some(line)
    };
    let unknown: Vec<&str> = stream::iter(OPERATIONS.lines())
        .map(call)
        .buffer_unordered(8)
        .filter_map(async |unknown| unknown)
        .collect()
        .await;
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[tokio::test]
async fn a_change_of_what_is_not_here_is_501_and_says_which_area() {
    let realm = Realm::new().await;
    for (path, area) in [
        ("/authentication/flows", "authentication flows"),
        ("/authentication/flows/browser/copy", "authentication flows"),
        ("/authentication/executions", "authentication flows"),
        (
            "/identity-provider/upload-certificate",
            "identity providers",
        ),
        ("/organizations", "organizations"),
        ("/workflows", "workflows"),
        ("/clients-initial-access", "client registration"),
        ("/user-storage/x/sync", "user federation"),
        ("/testLDAPConnection", "user federation"),
    ] {
        let answer = realm
            .admin
            .post(&realm.path(path), json!({ "alias": "x" }))
            .await;
        assert_eq!(answer.status, 501, "{path}");
        let text = format!("{area} is not available on this server");
        assert_eq!(answer.json, json!({ "error": text }), "{path}");
    }
    let resource = format!("/clients/{}/authz/resource-server/resource", realm.registry);
    let answer = realm.admin.post(&realm.path(&resource), json!({})).await;
    assert_eq!(answer.status, 501);
    let profiles = realm.path("/client-policies/profiles");
    let own = json!({ "profiles": [{ "name": "p" }] });
    assert_eq!(realm.admin.put(&profiles, own).await.status, 501);
}

#[tokio::test]
async fn lists_of_what_is_not_here_are_empty() {
    let realm = Realm::new().await;
    let client = format!("/clients/{}/authz/resource-server", realm.registry);
    for (path, body) in [
        ("/clients-initial-access".to_owned(), json!([])),
        ("/workflows".to_owned(), json!([])),
        (
            "/client-policies/profiles".to_owned(),
            json!({ "profiles": [] }),
        ),
        (
            "/client-policies/policies".to_owned(),
            json!({ "policies": [] }),
        ),
        (format!("{client}/resource"), json!([])),
        (format!("{client}/policy"), json!([])),
        (
            format!("/users/{}/federated-identity", realm.alice),
            json!([]),
        ),
        (format!("/users/{}/vc/credentials", realm.alice), json!([])),
    ] {
        let answer = realm.admin.get(&realm.path(&path)).await;
        assert_eq!((answer.status, answer.json), (200, body), "{path}");
    }
    let profiles = realm.path("/client-policies/profiles");
    let same = realm.admin.get(&profiles).await.json;
    assert_eq!(realm.admin.put(&profiles, same).await.status, 204);
}

#[tokio::test]
async fn one_thing_that_is_not_here_is_404_in_words_that_name_it() {
    let realm = Realm::new().await;
    let id = Uuid::new_v4();
    for (path, body) in [
        (
            format!("/authentication/flows/{id}"),
            json!({ "error": "Could not find flow with id" }),
        ),
        (
            "/authentication/flows/nosuch/executions".to_owned(),
            json!({ "error": "Flow not found" }),
        ),
        (
            format!("/authentication/executions/{id}"),
            json!({ "error": "Illegal execution" }),
        ),
        (
            format!("/authentication/config/{id}"),
            json!({ "error": "Could not find authenticator config" }),
        ),
        (
            "/identity-provider/instances/x".to_owned(),
            json!({ "error": "Could not find identity provider" }),
        ),
        (
            "/organizations".to_owned(),
            json!({ "errorMessage": "Organizations not enabled for this realm." }),
        ),
        (
            format!("/clients/{id}/authz/resource-server/resource"),
            json!({ "error": "Could not find client" }),
        ),
        (
            format!("/users/{id}/vc/credentials"),
            json!({ "error": "User not found" }),
        ),
    ] {
        let answer = realm.admin.get(&realm.path(&path)).await;
        assert_eq!((answer.status, answer.json), (404, body), "{path}");
    }
}

#[tokio::test]
async fn a_realm_with_organizations_has_none() {
    let realm = Realm::with(json!({ "organizationsEnabled": true })).await;
    let get = async |path: &str| {
        let answer = realm.admin.get(&realm.path(path)).await;
        (answer.status, answer.json)
    };
    assert_eq!(get("/organizations").await, (200, json!([])));
    assert_eq!(get("/organizations/count").await, (200, json!(0)));
    let missing = json!({ "errorMessage": "Organization not found." });
    assert_eq!(get("/organizations/x/members").await, (404, missing));
}

#[tokio::test]
async fn the_flows_of_a_realm_are_found_by_alias_and_by_id() {
    let realm = Realm::new().await;
    let other = Realm::new().await;
    let flows = async |realm: &Realm| {
        let path = realm.path("/authentication/flows");
        realm.admin.get(&path).await.json
    };
    let known = flows(&realm).await;
    let aliases: Vec<&str> = known
        .as_array()
        .unwrap()
        .iter()
        .map(|flow| flow["alias"].as_str().unwrap())
        .collect();
    assert_eq!(
        aliases,
        [
            "browser",
            "direct grant",
            "registration",
            "reset credentials",
            "clients",
            "first broker login",
            "docker auth"
        ]
    );
    assert_ne!(known[0]["id"], flows(&other).await[0]["id"]);
    let id = known[1]["id"].as_str().unwrap();
    let one = realm
        .admin
        .get(&realm.path(&format!("/authentication/flows/{id}")))
        .await;
    assert_eq!(one.json, known[1]);
    let executions = realm.path("/authentication/flows/direct%20grant/executions");
    let executions = realm.admin.get(&executions).await.json;
    assert_eq!(
        executions[0]["providerId"],
        "direct-grant-validate-username"
    );
}

#[tokio::test]
async fn required_actions_are_kept_in_order_and_asked_of_new_users() {
    let realm = Realm::new().await;
    let all = realm.path("/authentication/required-actions");
    let one = format!("{all}/UPDATE_PASSWORD");
    let list = async || -> Vec<String> {
        let actions = realm.admin.get(&all).await.json;
        let aliases = actions.as_array().unwrap().iter();
        aliases
            .map(|action| action["alias"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = list().await;
    assert_eq!(first.len(), 14);
    assert_eq!(first[4], "UPDATE_PASSWORD");
    let given = json!({
        "alias": "UPDATE_PASSWORD", "name": "Update Password", "providerId": "UPDATE_PASSWORD",
        "enabled": true, "defaultAction": true, "priority": 57, "config": {}
    });
    assert_eq!(realm.admin.put(&one, given.clone()).await.status, 204);
    assert_eq!(realm.admin.get(&one).await.json, given);
    let bob = realm
        .admin
        .create(&realm.path("/users"), json!({ "username": "bob" }))
        .await;
    let bob = realm.admin.get(&realm.path(&format!("/users/{bob}"))).await;
    assert_eq!(bob.json["requiredActions"], json!(["UPDATE_PASSWORD"]));

    let raised = realm
        .admin
        .post(&format!("{one}/raise-priority"), Value::Null)
        .await;
    assert_eq!(raised.status, 204);
    assert_eq!(list().await[3], "UPDATE_PASSWORD");
    // The realm's representation neither shows nor changes them.
    let rep = realm.admin.get(&realm.path("")).await.json;
    assert!(rep.get("requiredActions").is_none());
    let none = json!({ "requiredActions": [] });
    assert_eq!(realm.admin.put(&realm.path(""), none).await.status, 204);
    assert_eq!(list().await[3], "UPDATE_PASSWORD");

    let configured = json!({ "alias": "UPDATE_PASSWORD", "config": { "max_auth_age": "10" } });
    assert_eq!(realm.admin.put(&one, configured).await.status, 501);
    let missing = realm.admin.get(&format!("{all}/nosuch")).await;
    assert_eq!(
        missing.json,
        json!({ "error": "Failed to find required action" })
    );
    let unknown = realm.admin.put(&one, json!({ "nope": 1 })).await;
    assert_eq!(
        unknown.json["error"],
        "Invalid json representation for RequiredActionProviderRepresentation. Unrecognized field \"nope\" at line 1 column 10."
    );
}

#[tokio::test]
async fn nobody_without_a_role_reads_or_writes_what_is_not_here() {
    let realm = Realm::new().await;
    let nobody = Admin::with_token(&login(&server().url, &realm.name, "alice", "secret").await);
    for path in [
        "/workflows",
        "/organizations",
        "/identity-provider/instances",
    ] {
        assert_eq!(nobody.get(&realm.path(path)).await.status, 403, "{path}");
        assert_eq!(
            nobody.post(&realm.path(path), json!({})).await.status,
            403,
            "{path}"
        );
    }
}
