//! `/admin/realms/{realm}/authentication/required-actions`: what users can be asked to do.
//!
//! Kept and acted on: whether one is enabled, whether new users have to do it, the order. They cannot be configured.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use realm::required_action::{self, RequiredAction};
use serde_json::{Map, Value, json};

use crate::auth::Role::{ManageRealm, QueryUsers, ViewRealm, ViewUsers};
use crate::{Admin, at};

type Path = web::Path<(String, String)>;

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    const ONE: &str = "/authentication/required-actions/{alias}";
    cfg.service(at("/authentication/required-actions").get(list).done())
        .service(at(ONE).get(get).put(update).delete(refuse).done())
        .service(
            at(&format!("{ONE}/config"))
                .get(config)
                .put(refuse)
                .delete(refuse)
                .done(),
        )
        .service(
            at(&format!("{ONE}/config-description"))
                .get(config_description)
                .done(),
        )
        .service(at(&format!("{ONE}/raise-priority")).post(raise).done())
        .service(at(&format!("{ONE}/lower-priority")).post(lower).done());
}

pub(crate) fn require_list(admin: &Admin) -> Result<(), HttpError> {
    admin.require(&[ManageRealm, QueryUsers, ViewRealm, ViewUsers])
}

fn require_view(admin: &Admin) -> Result<(), HttpError> {
    admin.require(&[ViewRealm, ManageRealm])
}

fn refused() -> HttpError {
    HttpError::plain(
        501,
        "required action configuration is not available on this server",
    )
}

fn is(action: &RequiredAction, alias: &str) -> bool {
    action.alias.as_deref() == Some(alias)
}

async fn list(admin: Admin) -> Result<HttpResponse, HttpError> {
    require_list(&admin)?;
    Ok(HttpResponse::Ok().json(required_action::list(&admin.realm.rep)))
}

/// The action of a path, for who may look at the realm.
fn named(admin: &Admin, path: &Path) -> Result<RequiredAction, HttpError> {
    require_view(admin)?;
    required_action::list(&admin.realm.rep)
        .into_iter()
        .find(|action| is(action, &path.1))
        .ok_or_else(|| HttpError::plain(404, "Failed to find required action"))
}

async fn get(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    Ok(HttpResponse::Ok().json(named(&admin, &path)?))
}

async fn config(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    named(&admin, &path)?;
    Ok(HttpResponse::Ok().json(json!({ "config": {} })))
}

async fn config_description(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    named(&admin, &path)?;
    Ok(HttpResponse::Ok().json(json!({ "properties": [] })))
}

async fn refuse(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    Err(refused())
}

/// Changes the actions of the realm; 404 where there was nothing to change.
async fn change(
    admin: &Admin,
    missing: &str,
    change: impl FnOnce(&mut Vec<RequiredAction>) -> bool,
) -> Result<HttpResponse, HttpError> {
    let mut transaction = admin.db().begin().await.map_err(store::Error::from)?;
    if !required_action::update(&mut transaction, admin.realm.id, change).await? {
        return Err(HttpError::plain(404, missing));
    }
    transaction.commit().await.map_err(store::Error::from)?;
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

/// Replaces the members that count, as Keycloak does: one that is left out is off, or zero.
async fn update(admin: Admin, path: Path, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let given: RequiredAction =
        parse(&body.0).map_err(|error| error.into_http("RequiredActionProviderRepresentation"))?;
    let configured = given.config.as_ref().is_some_and(|config| {
        !config
            .values()
            .all(|value| *value == Value::Null || *value == json!(""))
    });
    if configured || given.alias.as_ref().is_some_and(|alias| *alias != path.1) {
        return Err(refused());
    }
    if given.name.as_ref().is_some_and(|name| name.len() > 255)
        || i32::try_from(given.priority).is_err()
    {
        return Err(HttpError::message(
            400,
            "A required action has a name of 255 bytes at most and a priority of 32 bits",
        ));
    }
    let alias = path.1.clone();
    change(&admin, "Failed to find required action", move |actions| {
        let Some(known) = actions.iter_mut().find(|known| is(known, &alias)) else {
            return false;
        };
        known.name = given.name;
        known.enabled = given.enabled;
        known.default_action = given.default_action;
        known.priority = given.priority;
        known.config = Some(Map::new());
        true
    })
    .await
}

async fn raise(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    step(&admin, &path.1, |at| at.checked_sub(1)).await
}

async fn lower(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    step(&admin, &path.1, |at| Some(at + 1)).await
}

/// Changes the places of an action and its neighbour; at either end nothing happens.
async fn step(
    admin: &Admin,
    alias: &str,
    to: impl FnOnce(usize) -> Option<usize>,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    change(admin, "Failed to find required action.", |actions| {
        let Some(at) = actions.iter().position(|known| is(known, alias)) else {
            return false;
        };
        if let Some(to) = to(at).filter(|to| *to < actions.len()) {
            let priority = actions[at].priority;
            actions[at].priority = actions[to].priority;
            actions[to].priority = priority;
        }
        true
    })
    .await
}
