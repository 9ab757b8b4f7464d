//! What a role is composed of.

use actix_web::{HttpRequest, HttpResponse};
use protocol::HttpError;
use protocol::body::JsonBytes;
use realm::role::{self, Of, Role, RoleRepresentation};
use uuid::Uuid;

use super::{Named, managers, read, reps, viewers};
use crate::page::Query;
use crate::{Admin, clients};

/// The roles that a new composite is to contain; it names them. Names of unknown clients are passed over, as in Keycloak.
pub(super) async fn contained(
    admin: &Admin,
    rep: &RoleRepresentation,
) -> Result<Vec<Role>, HttpError> {
    let Some(composites) = rep
        .composites
        .as_ref()
        .filter(|_| rep.composite == Some(true))
    else {
        return Ok(vec![]);
    };
    let (db, realm) = (admin.db(), admin.realm.id);
    let missing = |kind, name| {
        HttpError::message(404, &format!("{kind} Role with name {name} does not exist"))
    };
    let mut contained = Vec::new();
    for name in composites.realm.iter().flatten() {
        let found = role::find_by_name(db, realm, None, name).await?;
        contained.push(found.ok_or_else(|| missing("Realm", name))?);
    }
    for (client, names) in composites.client.iter().flatten() {
        let Some(client) = client::find_by_client_id(db, realm, client).await? else {
            continue;
        };
        for name in names {
            let found = role::find_by_name(db, realm, Some(client.id), name).await?;
            contained.push(found.ok_or_else(|| missing("Client", name))?);
        }
    }
    Ok(contained)
}

pub(super) fn ids(roles: &[Role]) -> Vec<Uuid> {
    roles.iter().map(|role| role.id).collect()
}

/// Refuses to put roles into another, or take them out, for a caller who does not manage them where they belong, or who
/// would hand out more than he holds.
pub(super) async fn require_may_compose(
    admin: &Admin,
    contained: &[Role],
) -> Result<(), HttpError> {
    for role in contained {
        admin.require(managers(role.client_id.is_some()))?;
    }
    admin.require_may_grant(&ids(contained)).await
}

pub(super) async fn all_in(
    admin: Admin,
    http: HttpRequest,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    let parent = Named::find(&admin, &http, viewers).await?.role;
    let mut roles = role::composites(admin.db(), admin.realm.id, parent.id, Of::All).await?;
    if let Some(search) = query.text("search").map(|text| text.to_lowercase()) {
        roles.retain(|role| role.name.to_lowercase().contains(&search));
    }
    let count = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok());
    let first = count(query.number("first")?).unwrap_or(0);
    let max = count(query.number("max")?).unwrap_or(usize::MAX);
    let roles: Vec<Role> = roles.into_iter().skip(first).take(max).collect();
    Ok(reps(&admin, &roles, true))
}

pub(super) async fn realm_roles_in(
    admin: Admin,
    http: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let parent = Named::find(&admin, &http, viewers).await?.role;
    let roles = role::composites(admin.db(), admin.realm.id, parent.id, Of::Realm).await?;
    Ok(reps(&admin, &roles, true))
}

pub(super) async fn client_roles_in(
    admin: Admin,
    http: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let parent = Named::find(&admin, &http, viewers).await?.role;
    let owner = clients::named(&admin, http.match_info().get("owner").unwrap_or_default()).await?;
    let roles =
        role::composites(admin.db(), admin.realm.id, parent.id, Of::Client(owner.id)).await?;
    Ok(reps(&admin, &roles, true))
}

/// The roles of a body, which count by their ids alone.
async fn listed(admin: &Admin, body: &JsonBytes) -> Result<Vec<Role>, HttpError> {
    let missing = || HttpError::plain(404, "Could not find composite role");
    let reps: Vec<RoleRepresentation> = read(body)?;
    let mut ids: Vec<Uuid> = reps
        .iter()
        .map(|rep| Uuid::try_parse(rep.id.as_deref().unwrap_or_default()).map_err(|_| missing()))
        .collect::<Result<_, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    let roles = role::find_many(admin.db(), admin.realm.id, &ids).await?;
    if roles.len() == ids.len() {
        Ok(roles)
    } else {
        Err(missing())
    }
}

pub(super) async fn add(
    admin: Admin,
    http: HttpRequest,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let parent = Named::find_to_change(&admin, &http).await?.role;
    let roles = listed(&admin, &body).await?;
    require_may_compose(&admin, &roles).await?;
    role::add_composites(admin.db(), admin.realm.id, parent.id, &ids(&roles)).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn remove(
    admin: Admin,
    http: HttpRequest,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let parent = Named::find_to_change(&admin, &http).await?.role;
    let roles = listed(&admin, &body).await?;
    take_out(&admin, &parent, &roles).await
}

/// Takes roles out of the one that a path names by its `{id}`; those that are not in it do not matter.
pub(crate) async fn take_out_of_named(
    admin: &Admin,
    http: &HttpRequest,
    roles: &[Role],
) -> Result<HttpResponse, HttpError> {
    let parent = Named::find_to_change(admin, http).await?.role;
    take_out(admin, &parent, roles).await
}

async fn take_out(admin: &Admin, parent: &Role, roles: &[Role]) -> Result<HttpResponse, HttpError> {
    require_may_compose(admin, roles).await?;
    role::remove_composites(admin.db(), admin.realm.id, parent.id, &ids(roles)).await?;
    Ok(HttpResponse::NoContent().finish())
}
