//! The description of the admin API: whole, true, and the same as the one that is checked in.

use std::collections::BTreeSet;

use admin::openapi;
use reqwest::Client;
use serde_json::Value;

use crate::support::{Answer, server};

/// Areas of Keycloak that are answered but do not exist here; they are not described.
const OUTSIDE: &[&str] = &[
    "/authentication/authenticator-providers",
    "/authentication/client-authenticator-providers",
    "/authentication/config",
    "/authentication/executions",
    "/authentication/flows",
    "/authentication/form-",
    "/authentication/per-client-config-description",
    "/authentication/register-required-action",
    "/authentication/required-actions/{alias}/config",
    "/client-description-converter",
    "/client-policies",
    "/client-registration-policy",
    "/client-types",
    "/clients-initial-access",
    "/identity-provider/{tail",
    "/ldap-server-capabilities",
    "/organizations",
    "/testLDAPConnection",
    "/user-storage",
    "/users-management-permissions",
    "/workflows",
];
/// The same, where they hang below something that exists.
const OUTSIDE_BELOW: &[&str] = &[
    "/authz/",
    "/vc/",
    "/management/permissions",
    "/impersonation",
    "/federated-identity/",
    "/generate-example-saml-response",
];

fn outside(path: &str) -> bool {
    OUTSIDE.iter().any(|area| path.starts_with(area))
        || OUTSIDE_BELOW.iter().any(|area| path.contains(area))
}

#[test]
fn every_route_is_described_and_nothing_else() {
    server();
    let described: BTreeSet<(&str, &str)> = openapi::operations().into_iter().collect();
    let routes = admin::routes();
    let mounted: BTreeSet<(&str, &str)> = routes
        .iter()
        .map(|(method, path)| (*method, path.as_str()))
        .filter(|(_, path)| !(outside(path) || path.len() > 1 && path.ends_with('/')))
        // A realm is no list: nothing is made below its own path.
        .filter(|route| *route != ("POST", ""))
        .filter(|route| *route != ("DELETE", "/authentication/required-actions/{alias}"))
        .collect();
    let missing: Vec<_> = mounted.difference(&described).collect();
    let unknown: Vec<_> = described.difference(&mounted).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not described: {missing:?}; not mounted: {unknown:?}"
    );
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document = serde_json::to_value(openapi::document()).unwrap();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                references.push(reference.clone());
            }
            members
                .values()
                .for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn the_document_that_is_checked_in_is_the_one_that_the_code_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/admin-openapi.json");
    let made = openapi::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == made,
        "docs/admin-openapi.json is out of date; run: UPDATE_OPENAPI=1 cargo test -p realmkeep-tests --test api openapi"
    );
}

#[tokio::test]
async fn the_server_gives_the_document_without_a_token() {
    let url = format!("{}/admin/openapi.json", server().url);
    let answer = Answer::read(Client::new().get(url).send().await.unwrap()).await;
    assert_eq!(answer.status, 200);
    let made = serde_json::to_value(openapi::document()).unwrap();
    assert_eq!(answer.json, made);
}
