//! `…/scope-mappings` of a client and of a client scope: the roles that they let into tokens.
//!
//! A mapping gives nobody a role, so nothing is asked here about what the caller could hand out.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use client::Owner;
use client::scope::mapping;
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use realm::role::{self, Of, Role, RoleRepresentation};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::auth::Role::{ManageClients, ManageRealm};
use crate::clients::{self, require_view};
use crate::page::Query;
use crate::{Admin, at, client_scopes};

/// `base` is `/clients/{client}` or `/client-scopes/{scope}`. Realm roles and roles of a client are mapped alike.
pub(crate) fn routes(cfg: &mut ServiceConfig, base: &str) {
    cfg.service(at(&format!("{base}/scope-mappings")).get(all).done());
    for roles in ["realm", "clients/{container}"] {
        let path = format!("{base}/scope-mappings/{roles}");
        cfg.service(at(&path).get(direct).post(add).delete(remove).done())
            .service(at(&format!("{path}/available")).get(available).done())
            .service(at(&format!("{path}/composite")).get(effective).done());
    }
}

/// Whose mappings (those of the client, else of the client scope), and whose roles: those of the container, else realm
/// roles.
#[derive(Deserialize)]
struct Place {
    client: Option<String>,
    #[serde(default)]
    scope: String,
    container: Option<String>,
}

struct Found {
    owner: Owner,
    /// All roles get through anyway.
    full: bool,
    of: Of,
}

impl Place {
    async fn find(&self, admin: &Admin) -> Result<Found, HttpError> {
        let (owner, full) = match &self.client {
            Some(client) => {
                let client = clients::named(admin, client).await?;
                (Owner::Client(client.id), client.full_scope_allowed())
            }
            None => {
                let scope = client_scopes::named(admin, &self.scope).await?;
                (Owner::Scope(scope.id), false)
            }
        };
        let of = match &self.container {
            Some(container) => Of::Client(clients::named(admin, container).await?.id),
            None => Of::Realm,
        };
        Ok(Found { owner, full, of })
    }

    async fn viewed(&self, admin: &Admin) -> Result<Found, HttpError> {
        require_view(admin)?;
        self.find(admin).await
    }
}

fn reps(admin: &Admin, roles: &[Role], brief: bool) -> HttpResponse {
    let reps = roles.iter().map(|role| role.to_rep(&admin.realm, brief));
    HttpResponse::Ok().json(reps.collect::<Vec<_>>())
}

async fn all(admin: Admin, place: web::Path<Place>) -> Result<HttpResponse, HttpError> {
    let Found { owner, .. } = place.viewed(&admin).await?;
    let roles = mapping::direct(admin.db(), admin.realm.id, owner, Of::All).await?;
    let mut by_client: BTreeMap<Option<Uuid>, Vec<RoleRepresentation>> = BTreeMap::new();
    for role in &roles {
        by_client
            .entry(role.client_id)
            .or_default()
            .push(role.to_rep(&admin.realm, true));
    }
    let clients: Vec<Uuid> = by_client.keys().copied().flatten().collect();
    let names = client::client_ids(admin.db(), admin.realm.id, &clients).await?;
    let mut rep = Map::new();
    if let Some(mappings) = by_client.remove(&None) {
        rep.insert("realmMappings".to_owned(), json!(mappings));
    }
    let clients: Map<String, Value> = by_client
        .into_iter()
        .filter_map(|(id, mappings)| {
            let name = names.get(&id?)?;
            let of_client = json!({ "id": id, "client": name, "mappings": mappings });
            Some((name.clone(), of_client))
        })
        .collect();
    if !clients.is_empty() {
        rep.insert("clientMappings".to_owned(), Value::Object(clients));
    }
    Ok(HttpResponse::Ok().json(rep))
}

async fn direct(admin: Admin, place: web::Path<Place>) -> Result<HttpResponse, HttpError> {
    let Found { owner, of, .. } = place.viewed(&admin).await?;
    let roles = mapping::direct(admin.db(), admin.realm.id, owner, of).await?;
    Ok(reps(&admin, &roles, true))
}

/// What the caller could map.
async fn available(admin: Admin, place: web::Path<Place>) -> Result<HttpResponse, HttpError> {
    let Found { owner, of, .. } = place.viewed(&admin).await?;
    if require_may_map(&admin, of == Of::Realm).is_err() {
        return Ok(HttpResponse::Ok().json([(); 0]));
    }
    let roles = mapping::available(admin.db(), admin.realm.id, owner, of).await?;
    Ok(reps(&admin, &roles, true))
}

async fn effective(
    admin: Admin,
    place: web::Path<Place>,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    let found = place.viewed(&admin).await?;
    let (db, realm) = (admin.db(), admin.realm.id);
    let roles = match (found.full, found.of) {
        (false, of) => mapping::effective(db, realm, found.owner, of).await?,
        (true, Of::Client(client)) => role::list(db, realm, Some(client), None, None, None).await?,
        (true, _) => role::list(db, realm, None, None, None, None).await?,
    };
    let brief = query.flag("briefRepresentation").unwrap_or(true);
    Ok(reps(&admin, &roles, brief))
}

/// Mapping realm roles asks for `manage-realm` too, as in Keycloak.
fn require_may_map(admin: &Admin, realm_roles: bool) -> Result<(), HttpError> {
    admin.require(&[ManageClients])?;
    if realm_roles {
        admin.require(&[ManageRealm])?;
    }
    Ok(())
}

fn unknown() -> HttpError {
    HttpError::plain(404, "Role not found")
}

fn read(body: &JsonBytes) -> Result<Vec<RoleRepresentation>, HttpError> {
    parse(&body.0).map_err(|error| error.into_http("RoleRepresentation"))
}

/// The roles of a change. Realm roles go by id, those of a client by name, as in Keycloak.
async fn roles(
    admin: &Admin,
    of: Of,
    given: &[RoleRepresentation],
) -> Result<Vec<Uuid>, HttpError> {
    let (db, realm) = (admin.db(), admin.realm.id);
    let roles = if let Of::Client(client) = of {
        let names = given.iter().map(|rep| rep.name.as_deref());
        let mut names: Vec<&str> = names.collect::<Option<_>>().ok_or_else(unknown)?;
        names.sort_unstable();
        names.dedup();
        let roles = role::list(db, realm, Some(client), None, None, None).await?;
        let named = roles
            .into_iter()
            .filter(|role| names.binary_search(&role.name.as_str()).is_ok());
        let named: Vec<_> = named.collect();
        (named.len() == names.len()).then_some(named)
    } else {
        let ids = given.iter().map(|rep| rep.id.as_deref()?.parse().ok());
        let mut ids: Vec<Uuid> = ids.collect::<Option<_>>().ok_or_else(unknown)?;
        ids.sort_unstable();
        ids.dedup();
        let roles = role::find_many(db, realm, &ids).await?;
        (roles.len() == ids.len()).then_some(roles)
    };
    let roles = roles.ok_or_else(unknown)?;
    require_may_map(admin, roles.iter().any(|role| role.client_id.is_none()))?;
    Ok(roles.iter().map(|role| role.id).collect())
}

async fn add(
    admin: Admin,
    place: web::Path<Place>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let Found { owner, of, .. } = place.find(&admin).await?;
    let roles = roles(&admin, of, &read(&body)?).await?;
    mapping::add(admin.db(), admin.realm.id, owner, &roles).await?;
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

/// Without a body: all of them.
async fn remove(
    admin: Admin,
    place: web::Path<Place>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let Found { owner, of, .. } = place.find(&admin).await?;
    let roles = if body.0.is_empty() {
        require_may_map(&admin, of == Of::Realm)?;
        let mapped = mapping::direct(admin.db(), admin.realm.id, owner, of).await?;
        mapped.iter().map(|role| role.id).collect()
    } else {
        roles(&admin, of, &read(&body)?).await?
    };
    mapping::remove(admin.db(), admin.realm.id, owner, &roles).await?;
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}
