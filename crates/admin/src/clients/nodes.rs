//! The cluster nodes of a client, kept by name for those who ask; nobody here calls them.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use client::{Client, ClientRepresentation};
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use protocol::context::decode_segment;
use serde_json::{Map, Value};

use super::change::change;
use super::named;
use crate::Admin;
use crate::auth::Role::ManageClients;
use crate::realm_actions::nobody_reached;

type Path = web::Path<(String, String)>;

/// Answers that no node was told, or found available: none is ever called.
pub(super) async fn call_all(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    named(&admin, &path.1).await?;
    Ok(nobody_reached())
}

pub(super) async fn add(
    admin: Admin,
    path: Path,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    named(&admin, &path.1).await?;
    let params: Map<String, Value> = parse(&body.0).map_err(|error| error.into_http("Map"))?;
    let node = match params.get("node") {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => return Err(HttpError::plain(400, "Node not found in params")),
    };
    if node.contains('/') {
        return Err(HttpError::plain(400, "Character '/' not allowed."));
    }
    admin.note(|note| note.path = Some(format!("clients/{}/nodes/{node}", path.1)));
    change(&admin, &path.1, |client| {
        let mut nodes = nodes_of(client);
        nodes.insert(node, store::clock::now());
        Some(with(nodes))
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn remove(
    admin: Admin,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, HttpError> {
    let node = decode_segment(&path.2).unwrap_or_default();
    let there = change(&admin, &path.1, |client| {
        let mut nodes = nodes_of(client);
        nodes.remove(&node).map(|_| with(nodes))
    });
    if !there.await? {
        return Err(HttpError::plain(404, "Client does not have node "));
    }
    Ok(HttpResponse::NoContent().finish())
}

fn nodes_of(client: &Client) -> BTreeMap<String, i64> {
    client.settings.registered_nodes.clone().unwrap_or_default()
}

fn with(nodes: BTreeMap<String, i64>) -> ClientRepresentation {
    ClientRepresentation {
        registered_nodes: Some(nodes),
        ..ClientRepresentation::default()
    }
}
