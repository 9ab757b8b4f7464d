//! `…/users/{id}/role-mappings` and `…/groups/{id}/role-mappings`: the roles of a user or a group.

use std::collections::BTreeMap;
use std::future::Future;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use realm::role::{self, Of, RoleRepresentation};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use user::mapping::{self, Owner};
use uuid::Uuid;

use crate::auth::Role as Permission;
use crate::auth::Role::{ManageUsers, ViewUsers};
use crate::page::Query;
use crate::roles::reps;
use crate::{Admin, at, groups, users};

/// What roles can be mapped to.
pub(crate) trait Holders: 'static {
    /// The first segment of their paths.
    const PATH: &'static str;

    /// The one with this id, for a caller who holds one of `roles`.
    fn find(
        admin: &Admin,
        id: &str,
        roles: &[Permission],
    ) -> impl Future<Output = Result<Owner, HttpError>>;
}

/// Users.
pub(crate) struct OfUsers;

impl Holders for OfUsers {
    const PATH: &'static str = "/users";

    async fn find(admin: &Admin, id: &str, roles: &[Permission]) -> Result<Owner, HttpError> {
        Ok(Owner::User(users::find(admin, id, roles).await?.id))
    }
}

/// Groups.
pub(crate) struct OfGroups;

impl Holders for OfGroups {
    const PATH: &'static str = "/groups";

    async fn find(admin: &Admin, id: &str, roles: &[Permission]) -> Result<Owner, HttpError> {
        Ok(Owner::Group(groups::find(admin, id, roles).await?.id))
    }
}

const VIEWERS: &[Permission] = &[ViewUsers, ManageUsers];

/// Realm roles and roles of a client are mapped alike.
pub(crate) fn routes<H: Holders>(cfg: &mut ServiceConfig) {
    let above = format!("{}/{{id}}/role-mappings", H::PATH);
    cfg.service(at(&above).get(all::<H>).done());
    for owner in ["realm", "clients/{client}"] {
        let path = format!("{above}/{owner}");
        let direct = at(&path).get(direct::<H>).post(add::<H>);
        cfg.service(direct.delete(remove::<H>).done())
            .service(at(&format!("{path}/available")).get(available::<H>).done())
            .service(at(&format!("{path}/composite")).get(effective::<H>).done());
    }
}

/// Whose mappings, and whose roles: those of the client in the path, else realm roles.
#[derive(Deserialize)]
struct Place {
    id: String,
    client: Option<String>,
}

impl Place {
    async fn roles(&self, admin: &Admin) -> Result<Of, HttpError> {
        let Some(client) = &self.client else {
            return Ok(Of::Realm);
        };
        let unknown = || HttpError::plain(404, "Client not found");
        let id: Uuid = client.parse().map_err(|_| unknown())?;
        let found = client::find(admin.db(), admin.realm.id, id)
            .await?
            .ok_or_else(unknown)?;
        Ok(Of::Client(found.id))
    }
}

async fn all<H: Holders>(
    admin: Admin,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, HttpError> {
    let owner = H::find(&admin, &path.1, VIEWERS).await?;
    let roles = mapping::direct(admin.db(), admin.realm.id, owner, Of::All).await?;
    let mut by_owner: BTreeMap<Option<Uuid>, Vec<RoleRepresentation>> = BTreeMap::new();
    for role in &roles {
        by_owner
            .entry(role.client_id)
            .or_default()
            .push(role.to_rep(&admin.realm, true));
    }
    let owners: Vec<Uuid> = by_owner.keys().copied().flatten().collect();
    let names = client::client_ids(admin.db(), admin.realm.id, &owners).await?;
    let mut rep = Map::new();
    if let Some(mappings) = by_owner.remove(&None) {
        rep.insert("realmMappings".to_owned(), json!(mappings));
    }
    let clients: Map<String, Value> = by_owner
        .into_iter()
        .filter_map(|(id, mappings)| {
            let name = names.get(&id?)?;
            Some((
                name.clone(),
                json!({ "id": id, "client": name, "mappings": mappings }),
            ))
        })
        .collect();
    if !clients.is_empty() {
        rep.insert("clientMappings".to_owned(), Value::Object(clients));
    }
    Ok(HttpResponse::Ok().json(rep))
}

async fn direct<H: Holders>(
    admin: Admin,
    place: web::Path<Place>,
) -> Result<HttpResponse, HttpError> {
    let owner = H::find(&admin, &place.id, VIEWERS).await?;
    let of = place.roles(&admin).await?;
    Ok(reps(
        &admin,
        &mapping::direct(admin.db(), admin.realm.id, owner, of).await?,
        true,
    ))
}

async fn available<H: Holders>(
    admin: Admin,
    place: web::Path<Place>,
) -> Result<HttpResponse, HttpError> {
    let owner = H::find(&admin, &place.id, VIEWERS).await?;
    let of = place.roles(&admin).await?;
    Ok(reps(
        &admin,
        &mapping::available(admin.db(), admin.realm.id, owner, of).await?,
        true,
    ))
}

async fn effective<H: Holders>(
    admin: Admin,
    place: web::Path<Place>,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    let owner = H::find(&admin, &place.id, VIEWERS).await?;
    let of = place.roles(&admin).await?;
    let brief = query.flag("briefRepresentation").unwrap_or(true);
    Ok(reps(
        &admin,
        &mapping::effective(admin.db(), admin.realm.id, owner, of).await?,
        brief,
    ))
}

/// The user or group and the roles of a change, which the caller may hand out.
async fn change<H: Holders>(
    admin: &Admin,
    place: &Place,
    body: &JsonBytes,
) -> Result<(Owner, Vec<Uuid>), HttpError> {
    let found = H::find(admin, &place.id, &[ManageUsers]).await?;
    let of = place.roles(admin).await?;
    let given: Vec<RoleRepresentation> =
        parse(&body.0).map_err(|error| error.into_http("RoleRepresentation"))?;
    let unknown = || HttpError::plain(404, "Role not found");
    let ids = given.iter().map(|rep| rep.id.as_deref()?.parse().ok());
    let mut ids: Vec<Uuid> = ids.collect::<Option<_>>().ok_or_else(unknown)?;
    ids.sort_unstable();
    ids.dedup();
    let owner = if let Of::Client(client) = of {
        Some(client)
    } else {
        None
    };
    let roles = role::find_many(admin.db(), admin.realm.id, &ids).await?;
    if roles.len() != ids.len() || roles.iter().any(|role| role.client_id != owner) {
        return Err(unknown());
    }
    admin.require_may_grant(&ids).await?;
    Ok((found, ids))
}

async fn add<H: Holders>(
    admin: Admin,
    place: web::Path<Place>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let (holder, roles) = change::<H>(&admin, &place, &body).await?;
    mapping::add(admin.db(), admin.realm.id, holder, &roles).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What may not be given may not be taken either: an administrator is not disarmed by one who could not arm him.
async fn remove<H: Holders>(
    admin: Admin,
    place: web::Path<Place>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let (holder, roles) = change::<H>(&admin, &place, &body).await?;
    mapping::remove(admin.db(), admin.realm.id, holder, &roles).await?;
    Ok(HttpResponse::NoContent().finish())
}
