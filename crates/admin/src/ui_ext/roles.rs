//! The roles of users, groups, clients, client scopes and roles, as the admin console shows and takes them.

use std::collections::{BTreeMap, HashMap};

use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};
use client::role::ClientRole;
use client::scope::mapping as scope_mapping;
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use realm::role::{self, Of, Role};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use user::mapping::{self, Owner};
use uuid::Uuid;

use super::page;
use crate::auth::Role as Permission;
use crate::auth::Role::{ManageClients, ManageRealm, ManageUsers, ViewRealm, ViewUsers};
use crate::page::Query;
use crate::roles::composites;
use crate::{Admin, at, client_scopes, clients, groups, roles, users};

/// Whose roles.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Users,
    Groups,
    Clients,
    ClientScopes,
    Roles,
}
use Kind::{ClientScopes, Clients, Groups, Roles, Users};

const KINDS: [(&str, Kind); 5] = [
    ("users", Users),
    ("groups", Groups),
    ("clients", Clients),
    ("clientScopes", ClientScopes),
    ("roles", Roles),
];

pub(super) fn routes(cfg: &mut ServiceConfig) {
    for (name, kind) in KINDS {
        let path = |call: &str| format!("/ui-ext/{call}/{name}/{{id}}");
        cfg.service(
            at(&path("available-roles"))
                .get(move |admin, http, query| available(admin, http, query, kind))
                .done(),
        )
        .service(
            at(&path("effective-roles"))
                .get(move |admin, http| effective(admin, http, kind))
                .done(),
        )
        .service(
            at(&path("effective-roles-all"))
                .get(move |admin, http| effective_all(admin, http, kind))
                .done(),
        )
        .service(
            at(&path("role-mapping-delete"))
                .post(move |admin, http, body| remove(admin, http, body, kind))
                .done(),
        );
    }
    cfg.service(
        at("/ui-ext/role-mappings/roles/{id}")
            .get(composites_of)
            .done(),
    );
}

/// Who has, or is to have, the roles.
#[derive(Clone, Copy)]
enum Holder {
    Mapped(Owner),
    Scope(client::Owner),
    Composite(Uuid),
}

impl Kind {
    /// Who may see its roles.
    fn viewers(self) -> &'static [Permission] {
        match self {
            Users | Groups => &[ViewUsers, ManageUsers],
            Clients | ClientScopes => &[Permission::ViewClients, ManageClients],
            Roles => &[ViewRealm, ManageRealm],
        }
    }

    /// Who may change them.
    fn managers(self) -> &'static [Permission] {
        match self {
            Users | Groups => &[ManageUsers],
            Clients | ClientScopes => &[ManageClients],
            Roles => &[ManageRealm],
        }
    }

    /// Who has the roles, for a caller who holds one of `who`.
    async fn find(
        self,
        admin: &Admin,
        http: &HttpRequest,
        who: &[Permission],
    ) -> Result<Holder, HttpError> {
        let id = http.match_info().get("id").unwrap_or_default();
        if self != Roles {
            admin.require(who)?;
        }
        Ok(match self {
            Users => Holder::Mapped(Owner::User(users::find(admin, id, who).await?.id)),
            Groups => Holder::Mapped(Owner::Group(groups::find(admin, id, who).await?.id)),
            Clients => Holder::Scope(client::Owner::Client(clients::named(admin, id).await?.id)),
            ClientScopes => {
                let scope = client_scopes::named(admin, id).await?;
                Holder::Scope(client::Owner::Scope(scope.id))
            }
            // Of whose kind the role is says who may see it.
            Roles => Holder::Composite(roles::viewed(admin, http).await?.id),
        })
    }
}

impl Holder {
    /// The roles that it has itself.
    async fn direct(self, admin: &Admin) -> Result<Vec<Role>, HttpError> {
        let (db, realm) = (admin.db(), admin.realm.id);
        Ok(match self {
            Self::Mapped(owner) => mapping::direct(db, realm, owner, Of::All).await?,
            Self::Scope(owner) => scope_mapping::direct(db, realm, owner, Of::All).await?,
            Self::Composite(role) => role::composites(db, realm, role, Of::All).await?,
        })
    }

    /// Those and what they contain.
    async fn effective(self, admin: &Admin) -> Result<Vec<Role>, HttpError> {
        let (db, realm) = (admin.db(), admin.realm.id);
        Ok(match self {
            Self::Mapped(owner) => mapping::effective(db, realm, owner, Of::All).await?,
            Self::Scope(owner) => {
                let direct = scope_mapping::direct(db, realm, owner, Of::All).await?;
                let ids: Vec<Uuid> = direct.iter().map(|role| role.id).collect();
                role::expand(db, realm, &ids).await?
            }
            Self::Composite(role) => role::expand(db, realm, &[role]).await?,
        })
    }
}

fn client_role(role: &ClientRole) -> Value {
    let mut rep = json!({ "id": role.id, "role": role.name, "client": role.client_id, "clientId": role.client });
    describe(&mut rep, role.description.as_deref());
    rep
}

fn describe(rep: &mut Value, description: Option<&str>) {
    if let (Some(members), Some(description)) = (rep.as_object_mut(), description) {
        members.insert("description".to_owned(), json!(description));
    }
}

/// The client roles that could be given. Keycloak shows them to who may give them, and an empty list to everybody else;
/// here that is for who may look at all.
async fn available(
    admin: Admin,
    http: HttpRequest,
    query: Query,
    kind: Kind,
) -> Result<HttpResponse, HttpError> {
    let holder = kind.find(&admin, &http, kind.viewers()).await?;
    let (first, max) = page(&query)?;
    if !admin.has(kind.managers()) {
        return Ok(HttpResponse::Ok().json([(); 0]));
    }
    // Keycloak leaves out nothing that a role could be composed of.
    let has = match holder {
        Holder::Composite(_) => Vec::new(),
        _ => holder.direct(&admin).await?,
    };
    let has: Vec<Uuid> = has.iter().map(|role| role.id).collect();
    let search = query.get("search").unwrap_or_default();
    let roles = client::role::search(admin.db(), admin.realm.id, &has, search, first, max).await?;
    Ok(HttpResponse::Ok().json(roles.iter().map(client_role).collect::<Vec<_>>()))
}

/// The client roles among these, by client and name.
async fn of_clients(admin: &Admin, roles: Vec<Role>) -> Result<Vec<ClientRole>, HttpError> {
    let names = client_names(admin, &roles).await?;
    let mut roles: Vec<ClientRole> = roles
        .into_iter()
        .filter_map(|role| {
            let client = role.client_id?;
            Some(ClientRole {
                id: role.id,
                name: role.name,
                description: role.description,
                client,
                client_id: names.get(&client)?.clone(),
            })
        })
        .collect();
    roles.sort_by(|a, b| (&a.client_id, &a.name).cmp(&(&b.client_id, &b.name)));
    Ok(roles)
}

async fn client_names(admin: &Admin, roles: &[Role]) -> Result<HashMap<Uuid, String>, HttpError> {
    let clients: Vec<Uuid> = roles.iter().filter_map(|role| role.client_id).collect();
    Ok(client::client_ids(admin.db(), admin.realm.id, &clients).await?)
}

/// The client roles that are had in whatever way. Keycloak overlooks which role is asked about; here it counts.
async fn effective(admin: Admin, http: HttpRequest, kind: Kind) -> Result<HttpResponse, HttpError> {
    let holder = kind.find(&admin, &http, kind.viewers()).await?;
    let roles = of_clients(&admin, holder.effective(&admin).await?).await?;
    Ok(HttpResponse::Ok().json(roles.iter().map(client_role).collect::<Vec<_>>()))
}

/// All roles that are had in whatever way: realm roles by name, then those of clients.
async fn effective_all(
    admin: Admin,
    http: HttpRequest,
    kind: Kind,
) -> Result<HttpResponse, HttpError> {
    let holder = kind.find(&admin, &http, kind.viewers()).await?;
    let roles = holder.effective(&admin).await?;
    let mut of_realm: Vec<&Role> = roles
        .iter()
        .filter(|role| role.client_id.is_none())
        .collect();
    of_realm.sort_by(|a, b| a.name.cmp(&b.name));
    let mut reps: Vec<Value> = of_realm
        .into_iter()
        .map(|role| {
            let mut rep = json!({ "id": role.id, "name": role.name });
            describe(&mut rep, role.description.as_deref());
            rep["clientRole"] = json!(false);
            rep
        })
        .collect();
    reps.extend(of_clients(&admin, roles).await?.iter().map(|role| {
        let mut rep = json!({ "id": role.id, "name": role.name });
        describe(&mut rep, role.description.as_deref());
        rep["clientRole"] = json!(true);
        rep["client"] = json!(role.client_id);
        rep["clientId"] = json!(role.client);
        rep
    }));
    Ok(HttpResponse::Ok().json(reps))
}

/// What a role is composed of; the container of a client's role is its `clientId` here.
async fn composites_of(admin: Admin, http: HttpRequest) -> Result<HttpResponse, HttpError> {
    let holder = Roles.find(&admin, &http, Roles.viewers()).await?;
    let roles = holder.direct(&admin).await?;
    let names = client_names(&admin, &roles).await?;
    let mut of_realm = Vec::new();
    let mut by_client: BTreeMap<&str, (Uuid, Vec<Value>)> = BTreeMap::new();
    for role in &roles {
        let mut rep = json!(role.to_rep(&admin.realm, true));
        match role.client_id.map(|id| (id, names.get(&id))) {
            None => of_realm.push(rep),
            Some((id, Some(name))) => {
                rep["containerId"] = json!(name);
                let mappings = by_client.entry(name).or_insert((id, Vec::new()));
                mappings.1.push(rep);
            }
            Some((_, None)) => {}
        }
    }
    let mut rep = Map::new();
    if !of_realm.is_empty() {
        rep.insert("realmMappings".to_owned(), json!(of_realm));
    }
    if !by_client.is_empty() {
        let clients: Map<String, Value> = by_client
            .into_iter()
            .map(|(name, (id, mappings))| {
                (
                    name.to_owned(),
                    json!({ "id": id, "client": name, "mappings": mappings }),
                )
            })
            .collect();
        rep.insert("clientMappings".to_owned(), Value::Object(clients));
    }
    Ok(HttpResponse::Ok().json(rep))
}

/// A role to be taken away; its id says which.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RoleDeleteRequest {
    role_id: Option<String>,
    #[serde(rename = "roleName")]
    _role_name: Option<String>,
    #[serde(rename = "clientId")]
    _client_id: Option<String>,
}

/// Takes roles away, of the realm and of clients at once; those that are not had do not matter. What may not be given may
/// not be taken.
async fn remove(
    admin: Admin,
    http: HttpRequest,
    body: JsonBytes,
    kind: Kind,
) -> Result<HttpResponse, HttpError> {
    match kind {
        // Of whose kind the role is turns out only when it is found.
        Roles => admin.require(&[ManageRealm, ManageClients])?,
        _ => admin.require(kind.managers())?,
    }
    let given: Vec<RoleDeleteRequest> =
        parse(&body.0).map_err(|error| error.into_http("RoleDeleteRequest"))?;
    let asked: Vec<Uuid> = given
        .iter()
        .filter_map(|role| role.role_id.as_deref()?.parse().ok())
        .collect();
    let (db, realm) = (admin.db(), admin.realm.id);
    let roles = role::find_many(db, realm, &asked).await?;
    let ids: Vec<Uuid> = roles.iter().map(|role| role.id).collect();
    if kind == Roles {
        return composites::take_out_of_named(&admin, &http, &roles).await;
    }
    match kind.find(&admin, &http, kind.managers()).await? {
        Holder::Mapped(owner) => {
            admin.require_may_grant(&ids).await?;
            mapping::remove(db, realm, owner, &ids).await?;
        }
        Holder::Scope(owner) => {
            if roles.iter().any(|role| role.client_id.is_none()) {
                admin.require(&[ManageRealm])?;
            }
            scope_mapping::remove(db, realm, owner, &ids).await?;
            admin.state().changed(realm);
        }
        Holder::Composite(_) => {}
    }
    Ok(HttpResponse::NoContent().finish())
}
