//! Roles of the realm at `/roles`, of a client at `/clients/{client}/roles`, and both at `/roles-by-id`.
//!
//! One set of handlers serves all three: which role is meant is read from the names in the path.

pub(crate) mod composites;

use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};
use client::Client;
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use protocol::context::{decode_segment, encode_segment};
use realm::role::{self, NewRole, Role, RoleRepresentation};
use serde::de::DeserializeOwned;
use serde_json::json;
use store::Error;
use user::rep::{Access, Rights};
use user::{group, mapping, search};
use uuid::Uuid;

use crate::auth::Role as Permission;
use crate::auth::Role::{
    ManageClients, ManageIdentityProviders, ManageRealm, ManageUsers, QueryUsers, ViewClients,
    ViewRealm, ViewUsers,
};
use crate::auth::forbidden;
use crate::groups::reps as group_reps;
use crate::page::Query;
use crate::{Admin, at, clients, created};

/// Realm roles of master that the permission gate reads by their name.
const OF_THE_SERVER: [&str; 2] = ["admin", "create-realm"];

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    for all in ["/roles", "/clients/{client}/roles"] {
        for path in [all, &format!("{all}/")] {
            cfg.service(at(path).get(list).post(create).done());
        }
        cfg.service(at(&format!("{all}/{{role}}/users")).get(users).done())
            .service(at(&format!("{all}/{{role}}/groups")).get(groups).done());
    }
    for one in [
        "/roles/{role}",
        "/clients/{client}/roles/{role}",
        "/roles-by-id/{id}",
    ] {
        let below = format!("{one}/composites");
        cfg.service(at(one).get(get).put(update).delete(delete).done())
            .service(
                at(&below)
                    .get(composites::all_in)
                    .post(composites::add)
                    .delete(composites::remove)
                    .done(),
            )
            .service(
                at(&format!("{below}/realm"))
                    .get(composites::realm_roles_in)
                    .done(),
            )
            .service(
                at(&format!("{below}/clients/{{owner}}"))
                    .get(composites::client_roles_in)
                    .done(),
            );
    }
}

/// Who may look at roles of a client, or of the realm.
fn viewers(of_client: bool) -> &'static [Permission] {
    if of_client {
        &[ViewClients, ManageClients]
    } else {
        &[ViewRealm, ManageRealm]
    }
}

/// Who may change them.
fn managers(of_client: bool) -> &'static [Permission] {
    if of_client {
        &[ManageClients]
    } else {
        &[ManageRealm]
    }
}

/// The role that a path names.
struct Named {
    role: Role,
    /// The client that it belongs to; none for a realm role.
    owner: Option<Client>,
}

/// The client of a path below `/clients/{client}`.
async fn owner(admin: &Admin, http: &HttpRequest) -> Result<Option<Client>, HttpError> {
    match http.match_info().get("client") {
        Some(id) => clients::named(admin, id).await.map(Some),
        None => Ok(None),
    }
}

fn is_below_client(http: &HttpRequest) -> bool {
    http.match_info().get("client").is_some()
}

impl Named {
    /// Looks for it on behalf of a caller who may do what he is about to do with roles of its kind.
    async fn find(
        admin: &Admin,
        http: &HttpRequest,
        permitted: fn(bool) -> &'static [Permission],
    ) -> Result<Self, HttpError> {
        let (db, realm) = (admin.db(), admin.realm.id);
        let Some(id) = http.match_info().get("id") else {
            admin.require(permitted(is_below_client(http)))?;
            let owner = owner(admin, http).await?;
            let missing = || HttpError::plain(404, "Could not find role");
            // A `/` in a name comes as `%2F` up to here.
            let name = http
                .match_info()
                .get("role")
                .and_then(decode_segment)
                .ok_or_else(missing)?;
            let role = role::find_by_name(db, realm, owner.as_ref().map(|client| client.id), &name)
                .await?;
            return Ok(Self {
                role: role.ok_or_else(missing)?,
                owner,
            });
        };
        // Of which kind it is turns out only when it is found.
        admin.require(&[permitted(false), permitted(true)].concat())?;
        let missing = || HttpError::plain(404, "Could not find role with id");
        let id = Uuid::try_parse(id).map_err(|_| missing())?;
        let role = role::find(db, realm, id).await?.ok_or_else(missing)?;
        admin.require(permitted(role.client_id.is_some()))?;
        let owner = match role.client_id {
            Some(client) => Some(client::find(db, realm, client).await?.ok_or_else(missing)?),
            None => None,
        };
        Ok(Self { role, owner })
    }

    /// Looks for one that is to be changed. Those that the permission gate reads are changed by nobody.
    async fn find_to_change(admin: &Admin, http: &HttpRequest) -> Result<Self, HttpError> {
        let named = Self::find(admin, http, managers).await?;
        let administrative = match &named.owner {
            Some(client) => client.is_built_in(&admin.realm),
            None => admin.realm.is_master() && OF_THE_SERVER.contains(&named.role.name.as_str()),
        };
        if administrative {
            return Err(forbidden());
        }
        if named.owner.is_some() {
            admin.note(|note| note.resource_type = Some("CLIENT_ROLE"));
        }
        Ok(named)
    }
}

/// The role that a path names by its `{id}`, to be looked at.
pub(crate) async fn viewed(admin: &Admin, http: &HttpRequest) -> Result<Role, HttpError> {
    Ok(Named::find(admin, http, viewers).await?.role)
}

fn read<T: DeserializeOwned>(body: &JsonBytes) -> Result<T, HttpError> {
    parse(&body.0).map_err(|error| error.into_http("RoleRepresentation"))
}

fn nameless() -> HttpError {
    HttpError::plain(400, "role has no name")
}

pub(crate) fn reps(admin: &Admin, roles: &[Role], brief: bool) -> HttpResponse {
    HttpResponse::Ok().json(
        roles
            .iter()
            .map(|role| role.to_rep(&admin.realm, brief))
            .collect::<Vec<_>>(),
    )
}

async fn list(admin: Admin, http: HttpRequest, query: Query) -> Result<HttpResponse, HttpError> {
    if is_below_client(&http) {
        admin.require(viewers(true))?;
    } else {
        admin.require(&[ViewRealm, ManageRealm, ManageIdentityProviders])?;
    }
    let (search, first, max) = (
        query.text("search"),
        query.number("first")?,
        query.number("max")?,
    );
    let owner = owner(&admin, &http).await?.map(|client| client.id);
    let roles = role::list(
        admin.db(),
        admin.realm.id,
        owner,
        search.as_deref(),
        first,
        max,
    )
    .await?;
    Ok(reps(
        &admin,
        &roles,
        query.flag("briefRepresentation").unwrap_or(true),
    ))
}

async fn create(
    admin: Admin,
    http: HttpRequest,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    admin.require(managers(is_below_client(&http)))?;
    let owner = owner(&admin, &http).await?;
    if owner
        .as_ref()
        .is_some_and(|client| client.is_built_in(&admin.realm))
    {
        return Err(forbidden());
    }
    let rep: RoleRepresentation = read(&body)?;
    let new =
        NewRole::from_rep(owner.as_ref().map(|client| client.id), &rep).map_err(|_| nameless())?;
    let contained = composites::contained(&admin, &rep).await?;
    composites::require_may_compose(&admin, &contained).await?;

    let mut transaction = admin.db().begin().await.map_err(Error::from)?;
    role::create(&mut *transaction, admin.realm.id, &new)
        .await
        .map_err(|error| match error {
            Error::Duplicate(_) => {
                HttpError::message(409, &format!("Role with name {} already exists", new.name))
            }
            other => other.into(),
        })?;
    role::add_composites(
        &mut *transaction,
        admin.realm.id,
        new.id,
        &composites::ids(&contained),
    )
    .await?;
    transaction.commit().await.map_err(Error::from)?;
    let name = encode_segment(&new.name);
    Ok(created(
        &admin,
        &match owner {
            Some(client) => format!("clients/{}/roles/{name}", client.id),
            None => format!("roles/{name}"),
        },
    ))
}

async fn get(admin: Admin, http: HttpRequest) -> Result<HttpResponse, HttpError> {
    let named = Named::find(&admin, &http, viewers).await?;
    Ok(HttpResponse::Ok().json(named.role.to_rep(&admin.realm, false)))
}

async fn update(
    admin: Admin,
    http: HttpRequest,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let Named { mut role, .. } = Named::find_to_change(&admin, &http).await?;
    let rep: RoleRepresentation = read(&body)?;
    if rep.name.as_deref().is_none_or(str::is_empty) {
        return Err(nameless());
    }
    role.apply(&rep);
    if !role::update(admin.db(), admin.realm.id, &role).await? {
        return Err(HttpError::plain(404, "Could not find role"));
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn delete(admin: Admin, http: HttpRequest) -> Result<HttpResponse, HttpError> {
    let Named { role, .. } = Named::find_to_change(&admin, &http).await?;
    if role.id == admin.realm.default_role {
        let text = format!(
            "{} is default role of the realm and cannot be removed.",
            role.name
        );
        return Err(HttpError::message(400, &text));
    }
    // Whoever holds it loses what it contains.
    admin.require_may_grant(&[role.id]).await?;
    if !role::delete(admin.db(), admin.realm.id, role.id).await? {
        return Err(HttpError::plain(404, "Could not find role"));
    }
    admin.note(|note| note.representation = Some(json!({ "id": role.id, "name": role.name })));
    Ok(HttpResponse::NoContent().finish())
}

/// Who holds a role directly. Who may only look for users sees none of them.
async fn users(admin: Admin, http: HttpRequest, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[QueryUsers, ViewUsers, ManageUsers])?;
    let (first, max) = (
        query.number("first")?.unwrap_or(0),
        query.number("max")?.unwrap_or(search::DEFAULT_MAX),
    );
    let role = Named::find(&admin, &http, viewers).await?.role;
    if !admin.has(&[ViewUsers, ManageUsers]) {
        return Ok(HttpResponse::Ok().json([(); 0]));
    }
    let manage = admin.has(&[ManageUsers]);
    let access = Access::listed(Rights {
        view: true,
        manage,
        ..Rights::default()
    });
    let brief = query.flag("briefRepresentation").unwrap_or(false);
    let users = mapping::holders(admin.db(), admin.realm.id, role.id, first, max).await?;
    let reps = users.iter().map(|user| {
        let access = Some(access.clone());
        let rep = if brief {
            user.to_brief_rep(access)
        } else {
            user.to_rep(access)
        };
        user::profile::shown(&admin.realm, user, rep)
    });
    Ok(HttpResponse::Ok().json(reps.collect::<Vec<_>>()))
}

/// The groups that a role is mapped to directly.
async fn groups(admin: Admin, http: HttpRequest, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewUsers, ManageUsers])?;
    let (first, max) = (query.number("first")?.unwrap_or(0), query.number("max")?);
    let role = Named::find(&admin, &http, viewers).await?.role;
    let groups = group::list_with_role(admin.db(), admin.realm.id, role.id, first, max).await?;
    let brief = query.flag("briefRepresentation").unwrap_or(true);
    Ok(group_reps(&groups, brief))
}
