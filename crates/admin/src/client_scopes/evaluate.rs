//! `/admin/realms/{realm}/clients/{client}/evaluate-scopes`: what tokens of a client would carry.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use client::{Client, Owner, scope::mapping};
use protocol::{Example, ExampleInput, HttpError};
use realm::role::{self, Of, Role};
use serde_json::{Value, json};

use crate::auth::Role::{ManageUsers, ViewUsers};
use crate::clients::{named, require_view};
use crate::page::Query;
use crate::{Admin, at};

type Path = web::Path<(String, String)>;
type OfContainer = web::Path<(String, String, String)>;

const EXAMPLES: [(&str, Example); 3] = [
    ("access-token", Example::AccessToken),
    ("id-token", Example::IdToken),
    ("userinfo", Example::Userinfo),
];

pub(super) fn routes(cfg: &mut ServiceConfig) {
    let below = |path: &str| at(&format!("/clients/{{client}}/evaluate-scopes{path}"));
    cfg.service(below("/protocol-mappers").get(mappers).done());
    for (path, is_granted) in [("granted", true), ("not-granted", false)] {
        cfg.service(
            below(&format!("/scope-mappings/{{container}}/{path}"))
                .get(move |admin, path, query| roles(admin, path, query, is_granted))
                .done(),
        );
    }
    for (path, which) in EXAMPLES {
        cfg.service(
            below(&format!("/generate-example-{path}"))
                .get(move |admin, path, query| example(admin, path, query, which))
                .done(),
        );
    }
}

/// The client scopes of a client that asks for `scope`; names of others are passed over, as in Keycloak.
async fn scopes(
    admin: &Admin,
    client: &Client,
    query: &Query,
) -> Result<Vec<client::ClientScope>, HttpError> {
    let asked = query.get("scope").unwrap_or_default();
    let mut scopes = client::scope::list(admin.db(), admin.realm.id).await?;
    scopes.retain(|scope| {
        let has = |names: &[String]| names.contains(&scope.name);
        has(client.default_client_scopes())
            || has(client.optional_client_scopes()) && asked.split(' ').any(|n| n == scope.name)
    });
    Ok(scopes)
}

async fn mappers(admin: Admin, path: Path, query: Query) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = named(&admin, &path.1).await?;
    let scopes = scopes(&admin, &client, &query).await?;
    let name = client.settings.name.as_deref().unwrap_or_default();
    let own = client
        .mappers
        .iter()
        .map(|mapper| (mapper, client.id, name, "client"));
    let of_scopes = scopes.iter().flat_map(|scope| {
        let mappers = scope.mappers.iter();
        mappers.map(|mapper| (mapper, scope.id, scope.name.as_str(), "client-scope"))
    });
    let reps = of_scopes
        .chain(own)
        .filter(|(mapper, ..)| mapper.protocol == client.protocol)
        .map(|(mapper, id, name, kind)| {
            json!({
                "mapperId": mapper.id,
                "mapperName": mapper.name,
                "containerId": id,
                "containerName": name,
                "containerType": kind,
                "protocolMapper": mapper.protocol_mapper,
            })
        });
    Ok(HttpResponse::Ok().json(reps.collect::<Vec<Value>>()))
}

/// The roles of a client (its id) or of the realm (its name) that tokens may carry, or may not.
async fn roles(
    admin: Admin,
    path: OfContainer,
    query: Query,
    is_granted: bool,
) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = named(&admin, &path.1).await?;
    let of = if path.2 == admin.realm.name {
        Of::Realm
    } else {
        let missing = |_| HttpError::plain(404, "Role Container not found");
        Of::Client(named(&admin, &path.2).await.map_err(missing)?.id)
    };
    let (db, realm) = (admin.db(), admin.realm.id);
    let container = if let Of::Client(id) = of {
        Some(id)
    } else {
        None
    };
    let all = role::list(db, realm, container, None, None, None).await?;
    let granted: Vec<Role> = if client.full_scope_allowed() {
        all.clone()
    } else {
        let mut granted = mapping::effective(db, realm, Owner::Client(client.id), of).await?;
        for scope in scopes(&admin, &client, &query).await? {
            granted.extend(mapping::effective(db, realm, Owner::Scope(scope.id), of).await?);
        }
        granted
    };
    let reps = all
        .iter()
        .filter(|role| granted.iter().any(|known| known.id == role.id) == is_granted)
        .map(|role| role.to_rep(&admin.realm, true));
    Ok(HttpResponse::Ok().json(reps.collect::<Vec<_>>()))
}

async fn example(
    admin: Admin,
    path: Path,
    query: Query,
    which: Example,
) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let (state, realm) = (admin.state(), &admin.realm);
    let missing = |text| HttpError::plain(404, text);
    let named = named(&admin, &path.1).await?;
    let user = query
        .text("userId")
        .ok_or_else(|| missing("No userId provided"))?;
    admin.require(&[ViewUsers, ManageUsers])?;
    let user = match user.parse() {
        Ok(id) => user::find(admin.db(), realm.id, id).await?,
        Err(_) => None,
    };
    let user = user.ok_or_else(|| missing("No user found"))?;
    let known = state
        .clients
        .get(&state.pool, realm, &named.client_id)
        .await?;
    let client = known.ok_or_else(|| missing("Could not find client"))?;
    let roles = user::mapping::effective_names(admin.db(), realm.id, user.id).await?;
    let groups = user::group::of_user(admin.db(), realm.id, user.id).await?;
    let claims = state.protocols.get(&client.protocol).and_then(|protocol| {
        protocol.example(
            which,
            &ExampleInput {
                realm,
                client: &client,
                user: &user,
                roles: &roles,
                groups: &groups,
                scope: query.get("scope").unwrap_or_default(),
                issuer: &admin.request.issuer(&realm.name),
                ip: admin.request.ip,
            },
        )
    });
    let claims = claims.ok_or_else(HttpError::not_found)?;
    Ok(HttpResponse::Ok().json(claims))
}
