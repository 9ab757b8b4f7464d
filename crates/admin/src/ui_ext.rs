//! `/admin/realms/{realm}/ui-ext`: what Keycloak's admin console asks beside the admin API.

mod roles;
mod sessions;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use protocol::body::{JsonBytes, parse};
use protocol::{HttpError, provision};
use realm::{RealmRepresentation, required_action};
use serde_json::{Value, json};

use crate::auth::Role::{ManageEvents, ManageRealm, ViewEvents};
use crate::outside::flows;
use crate::page::Query;
use crate::users::{list as users, profile};
use crate::{Admin, at, realms, required_actions};

/// Things in a list without `max`.
const PAGE: i64 = 10;
/// Things in a list at most.
const MAX_LISTED: i64 = 1000;

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(at("/ui-ext").put(update_realm).done())
        .service(at("/ui-ext/info").get(info).done())
        .service(at("/ui-ext/realms/names").get(realm_names).done())
        .service(
            at("/ui-ext/available-event-listeners")
                .get(event_listeners)
                .done(),
        )
        .service(at("/ui-ext/brute-force-user").get(brute_force_users).done())
        .service(
            at("/ui-ext/authentication-management/flows")
                .get(flow_uses)
                .done(),
        )
        .service(
            at("/ui-ext/authentication-management/required-actions")
                .get(configurable_actions)
                .done(),
        )
        .service(
            at("/ui-ext/authentication-management/{type}/{id}")
                .get(users_of_flow)
                .done(),
        )
        .configure(sessions::routes)
        .configure(roles::routes);
}

/// `first` and `max` of a query.
fn page(query: &Query) -> Result<(i64, i64), HttpError> {
    let first = query.number("first")?.unwrap_or(0);
    let max = query.number("max")?.unwrap_or(PAGE).min(MAX_LISTED);
    Ok((first, max))
}

/// The realm's representation and its user profile, as the settings page saves them.
async fn update_realm(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    const NAME: &str = "UIRealmRepresentation";
    let mut whole: Value = parse(&body.0).map_err(|error| error.into_http(NAME))?;
    let given = whole
        .as_object_mut()
        .and_then(|members| members.remove("upConfig"));
    // As it came where that is possible: errors name the place.
    let rest = match &given {
        None => body.0.to_vec(),
        Some(_) => whole.to_string().into_bytes(),
    };
    let rep: RealmRepresentation = parse(&rest).map_err(|error| error.into_http(NAME))?;
    let profile = match given.filter(|profile| !profile.is_null()) {
        Some(profile) => profile::checked(&admin, profile.to_string().as_bytes()).await?,
        None => None,
    };
    let answer = realms::change(&admin, rep).await?;
    if profile.is_some() {
        profile::save(&admin, profile.as_ref()).await?;
    }
    Ok(answer)
}

/// Users come from no other directory.
async fn info(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require_any()?;
    Ok(HttpResponse::Ok().json(json!({ "userProfileProvidersEnabled": false })))
}

/// The realms that the caller administers in whatever way, under any realm; who administers none sees none.
async fn realm_names(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    let (first, max) = page(&query)?;
    let only = administered(&admin);
    let search = query.text("search").unwrap_or_default();
    let names = realm::names(admin.db(), only.as_deref(), &search, first, max).await?;
    let names = names.into_iter().map(|(name, display_name)| {
        let mut rep = json!({ "name": name });
        if let (Some(members), Some(display_name)) = (rep.as_object_mut(), display_name) {
            members.insert("displayName".to_owned(), json!(display_name));
        }
        rep
    });
    Ok(HttpResponse::Ok().json(names.collect::<Vec<_>>()))
}

/// The names of the realms that the caller administers; none for all.
fn administered(admin: &Admin) -> Option<Vec<String>> {
    if admin.is_superuser() {
        return None;
    }
    let clients = admin
        .names
        .clients
        .iter()
        .filter(|(_, roles)| roles.iter().any(|role| role != "impersonation"))
        .map(|(client, _)| client);
    let realms = if admin.home.is_master() {
        clients
            .filter_map(|client| client.strip_suffix("-realm"))
            .map(str::to_owned)
            .collect()
    } else {
        let own = provision::own_management_client(&admin.home);
        clients
            .filter(|client| **client == own)
            .map(|_| admin.home.name.clone())
            .collect()
    };
    Some(realms)
}

async fn event_listeners(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewEvents, ManageEvents])?;
    Ok(HttpResponse::Ok().json(json!([{ "id": "jboss-logging" }, { "id": "email" }])))
}

/// The list of users, each with how brute-force protection stands towards it.
async fn brute_force_users(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    let found = users::found(&admin, &query).await?;
    let ids: Vec<_> = found.iter().map(|user| user.id).collect();
    let now = store::clock::now();
    let mut statuses = user::lockout::statuses(admin.db(), &admin.realm, &ids, now).await?;
    let reps = found.iter().map(|user| {
        let status = statuses.remove(&user.id).unwrap_or_default();
        let mut rep = json!(users::rep(&admin, user, &query));
        rep["bruteForceStatus"] = json!({
            "numFailures": status.num_failures,
            "disabled": status.disabled,
            "lastIPFailure": status.last_ip_failure,
            "lastFailure": status.last_failure,
        });
        rep
    });
    Ok(HttpResponse::Ok().json(reps.collect::<Vec<_>>()))
}

/// The flows, each used by the realm itself.
async fn flow_uses(admin: Admin) -> Result<HttpResponse, HttpError> {
    flows::require_view(&admin)?;
    let flows = flows::all(&admin.realm)?;
    let uses = flows.iter().map(|(flow, _)| {
        json!({ "id": flow["id"], "alias": flow["alias"], "builtIn": true,
                "usedBy": { "type": "DEFAULT", "values": [flow["alias"]] }, "description": flow["description"] })
    });
    Ok(HttpResponse::Ok().json(uses.collect::<Vec<_>>()))
}

/// The clients or identity providers that have a flow of their own: none.
async fn users_of_flow(
    admin: Admin,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, HttpError> {
    flows::require_view(&admin)?;
    if !["clients", "idp"].contains(&path.1.as_str()) {
        return Err(HttpError::plain(400, "Invalid type"));
    }
    let known = flows::all(&admin.realm)?;
    if !known.iter().any(|(flow, _)| flow["id"] == path.2.as_str()) {
        return Err(HttpError::plain(404, "Could not find flow with id"));
    }
    Ok(HttpResponse::Ok().json([(); 0]))
}

async fn configurable_actions(admin: Admin) -> Result<HttpResponse, HttpError> {
    required_actions::require_list(&admin)?;
    let actions = required_action::list(&admin.realm.rep);
    let actions = actions.iter().map(|action| {
        let mut rep = json!(action);
        rep["configurable"] = json!(false);
        rep
    });
    Ok(HttpResponse::Ok().json(actions.collect::<Vec<_>>()))
}
