//! `/admin/realms/{realm}/components`: the key providers, and the user profile where a realm has its own.

use actix_web::{HttpResponse, web};
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use realm::component::{self, ComponentRepresentation, Filter, KEY_PROVIDER};
use realm::{provider, user_profile};
use uuid::Uuid;

use crate::auth::Role::{ManageRealm, ViewRealm};
use crate::page::Query;
use crate::serverinfo;
use crate::users::profile;
use crate::{Admin, created};

/// Key providers that a realm has at most.
const MAX_PER_REALM: usize = 100;

fn not_found() -> HttpError {
    HttpError::plain(404, "Could not find component")
}

fn read(body: &JsonBytes) -> Result<ComponentRepresentation, HttpError> {
    let rep: ComponentRepresentation =
        parse(&body.0).map_err(|error| error.into_http("ComponentRepresentation"))?;
    let texts = [&rep.name, &rep.parent_id, &rep.sub_type];
    if texts
        .into_iter()
        .flatten()
        .any(|text| text.len() > 255 || text.chars().any(char::is_control))
    {
        return Err(HttpError::message(
            400,
            "A component's texts have 255 bytes at most and no control characters",
        ));
    }
    Ok(rep)
}

/// Who brings a key knows it, and signs tokens of everybody with it. Made here, nobody knows it.
fn require_may_bring_key(admin: &Admin, rep: &ComponentRepresentation) -> Result<(), HttpError> {
    let config = rep.config.as_ref();
    if config.is_some_and(provider::brings_key) {
        admin.require_all()?;
    }
    Ok(())
}

fn known_provider(rep: &ComponentRepresentation) -> Result<(), HttpError> {
    let kind = rep.provider_type.as_deref();
    if kind == Some(KEY_PROVIDER) && rep.provider_id.as_deref().is_some_and(provider::is_known) {
        return Ok(());
    }
    Err(HttpError::plain(
        400,
        "Invalid provider type or no such provider",
    ))
}

pub(crate) async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewRealm, ManageRealm])?;
    let filter = Filter {
        name: query.get("name"),
        parent: query.get("parent"),
        provider_type: query.get("type"),
    };
    let components = component::list(admin.db(), admin.realm.id, &filter).await?;
    Ok(HttpResponse::Ok().json(
        components
            .iter()
            .map(component::Component::to_rep)
            .collect::<Vec<_>>(),
    ))
}

pub(crate) async fn get(
    admin: Admin,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewRealm, ManageRealm])?;
    let id: Uuid = path.1.parse().map_err(|_| not_found())?;
    let found = component::find(admin.db(), admin.realm.id, id)
        .await?
        .ok_or_else(not_found)?;
    Ok(HttpResponse::Ok().json(found.to_rep()))
}

pub(crate) async fn create(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let rep = read(&body)?;
    if user_profile::is_profile(rep.provider_type.as_deref(), rep.provider_id.as_deref()) {
        let id = set_profile(&admin, &rep).await?;
        return Ok(created(&admin, &format!("components/{id}")));
    }
    known_provider(&rep)?;
    require_may_bring_key(&admin, &rep)?;
    if admin.realm.keys.len() >= MAX_PER_REALM {
        return Err(HttpError::message(
            400,
            "The realm has 100 key providers already; delete some that no token needs any more",
        ));
    }
    let state = admin.state();
    let id = component::create(&state.pool, &state.sealer, &state.keys, &admin.realm, &rep).await?;
    state.changed(admin.realm.id);
    Ok(created(&admin, &format!("components/{id}")))
}

/// The realm's profile comes as a component, too. It has one; a second takes its place.
async fn set_profile(admin: &Admin, rep: &ComponentRepresentation) -> Result<Uuid, HttpError> {
    let text = user_profile::text_of(rep).unwrap_or_default();
    let profile = profile::checked(admin, text.as_bytes()).await?;
    let profile = profile.ok_or_else(|| {
        HttpError::message(400, "Give the profile as JSON in kc.user.profile.config")
    })?;
    let mut transaction = admin.db().begin().await.map_err(store::Error::from)?;
    user_profile::store(&mut transaction, &admin.realm, Some(&profile)).await?;
    let id = user_profile::describe(&mut transaction, admin.realm.id, rep).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    admin.state().changed(admin.realm.id);
    Ok(id)
}

pub(crate) async fn update(
    admin: Admin,
    path: web::Path<(String, String)>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let rep = read(&body)?;
    require_may_bring_key(&admin, &rep)?;
    let id: Uuid = path.1.parse().map_err(|_| not_found())?;
    let state = admin.state();
    let known = component::find(admin.db(), admin.realm.id, id)
        .await?
        .ok_or_else(not_found)?;
    if user_profile::is_profile(Some(&known.provider_type), Some(&known.provider_id)) {
        if rep.config.is_some() {
            set_profile(&admin, &rep).await?;
        }
        return Ok(HttpResponse::NoContent().finish());
    }
    if !component::update(
        &state.pool,
        &state.sealer,
        &state.keys,
        &admin.realm,
        id,
        &rep,
    )
    .await?
    {
        return Err(not_found());
    }
    state.changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) async fn delete(
    admin: Admin,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let id: Uuid = path.1.parse().map_err(|_| not_found())?;
    if !component::delete(admin.db(), admin.realm.id, id).await? {
        return Err(not_found());
    }
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

/// What can stand below a component, of a type that has to be named.
pub(crate) async fn sub_types(
    admin: Admin,
    path: web::Path<(String, String)>,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewRealm, ManageRealm])?;
    let missing = || HttpError::plain(404, "Could not find parent component");
    let id: Uuid = path.1.parse().map_err(|_| missing())?;
    component::find(admin.db(), admin.realm.id, id)
        .await?
        .ok_or_else(missing)?;
    let kind = query
        .text("type")
        .ok_or_else(|| HttpError::plain(400, "must specify a subtype"))?;
    let types = serverinfo::component_types()?;
    let types = types
        .get(&kind)
        .ok_or_else(|| HttpError::plain(400, "Unknown subtype"))?;
    Ok(HttpResponse::Ok().json(types))
}
