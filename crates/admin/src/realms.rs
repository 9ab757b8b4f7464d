//! `/admin/realms` and `/admin/realms/{realm}`.

use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::http::header;
use protocol::body::{JsonBytes, parse};
use protocol::context::encode_segment;
use protocol::{HttpError, provision};
use realm::{MASTER, Realm, RealmRepresentation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::Role::{ManageRealm, ManageUsers, ViewRealm, ViewUsers};
use crate::auth::forbidden;
use crate::page::Query;
use crate::{Admin, groups};

/// Realms that one list holds at most.
const MAX_LISTED: i64 = 10_000;

pub(crate) async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    let first = query.number("first")?.unwrap_or(0);
    let max = query.number("max")?.unwrap_or(MAX_LISTED).min(MAX_LISTED);
    let only = admin.sees_only_home().then_some(admin.home.name.as_str());
    let realms = realm::list(admin.db(), only, first, max).await?;
    let seen = admin.towards(&realms);
    if !admin.is_superuser() && !seen.contains(&true) {
        return Err(forbidden());
    }
    let brief = query.flag("briefRepresentation").unwrap_or(false);
    let shown = realms.iter().filter(|_| !brief);
    let ids: Vec<Uuid> = shown.map(|realm| realm.id).collect();
    let groups = user::group::default_paths(admin.db(), &ids).await?;
    let reps: Vec<Value> = realms
        .iter()
        .zip(seen)
        .filter(|(_, seen)| *seen)
        .map(|(realm, _)| {
            if brief {
                brief_rep(realm)
            } else if admin.is_superuser() || own_full(&admin, realm) {
                full_rep(realm, &groups)
            } else {
                reduced_rep(&admin, realm)
            }
        })
        .collect();
    Ok(HttpResponse::Ok().json(reps))
}

/// Whether the list may show all of a realm: the call is about master or about the caller's own realm, so the roles at
/// hand answer only for that one.
fn own_full(admin: &Admin, realm: &Realm) -> bool {
    realm.id == admin.realm.id && admin.has(&[ViewRealm, ManageRealm])
}

pub(crate) async fn create(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require_create_realm()?;
    // Keycloak reads this body as a stream and has one answer for all that is wrong in it.
    let rep: RealmRepresentation = parse(&body.0)
        .map_err(|_| HttpError::message(400, "unable to read contents from stream"))?;
    let realm = provision::create_realm(admin.state(), rep).await?;
    if !admin.is_superuser() {
        grant_to_creator(&admin, &realm).await?;
    }
    let location = format!(
        "{}/admin/realms/{}",
        admin.request.base,
        encode_segment(&realm.name)
    );
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .finish())
}

/// Who made a realm without being `admin` administers it: he gets the roles of master's client for it.
async fn grant_to_creator(admin: &Admin, realm: &Realm) -> Result<(), HttpError> {
    let name = provision::management_client(&realm.name);
    let Some(own) = client::find_by_client_id(admin.db(), admin.home.id, &name).await? else {
        return Ok(());
    };
    let roles =
        realm::role::list(admin.db(), admin.home.id, Some(own.id), None, None, None).await?;
    let ids: Vec<_> = roles.iter().map(|role| role.id).collect();
    user::mapping::add(admin.db(), admin.home.id, admin.user, &ids).await?;
    Ok(())
}

pub(crate) async fn get(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require_any()?;
    if !admin.has(&[ViewRealm, ManageRealm]) {
        return Ok(HttpResponse::Ok().json(reduced_rep(&admin, &admin.realm)));
    }
    let groups = user::group::default_paths(admin.db(), &[admin.realm.id]).await?;
    Ok(HttpResponse::Ok().json(full_rep(&admin.realm, &groups)))
}

pub(crate) async fn update(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let rep: RealmRepresentation =
        parse(&body.0).map_err(|error| error.into_http("RealmRepresentation"))?;
    change(&admin, rep).await
}

/// Changes the realm of the call, for a caller who may.
pub(crate) async fn change(
    admin: &Admin,
    mut change: RealmRepresentation,
) -> Result<HttpResponse, HttpError> {
    realm::settle(&mut change);
    let old = admin.realm.name.clone();
    match change.realm.as_deref() {
        Some(name) if name == old => change.realm = None,
        Some(_) if admin.realm.is_master() => {
            return Err(HttpError::message(400, "Realm master cannot be renamed"));
        }
        Some(name) => provision::check_name(Some(name)).map_err(|error| {
            let text = error.body()["error"].as_str().map(str::to_owned);
            text.map_or(error, |text| HttpError::message(400, &text))
        })?,
        None => {}
    }
    if admin.realm.is_master() && change.enabled == Some(false) {
        return Err(HttpError::message(
            400,
            "Realm master cannot be disabled: nobody could administer this server any more",
        ));
    }
    provision::check_settings(&change)?;
    provision::refuse_areas(&change)?;
    let default_groups = match &change.default_groups {
        Some(paths) => Some(groups::default_groups(admin, paths).await?),
        None => None,
    };
    let state = admin.state();
    let master = if change.realm.is_some() {
        state.realms.get(MASTER).await?
    } else {
        None
    };
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let updated = realm::update(&mut transaction, &state.sealer, admin.realm.id, &change)
        .await
        .map_err(|error| match error {
            store::Error::Duplicate(_) => HttpError::message(409, "Realm with same name exists"),
            other => other.into(),
        })?;
    if !updated {
        return Err(HttpError::plain(404, "Realm not found."));
    }
    if let (Some(new), Some(master)) = (&change.realm, &master) {
        provision::rename_realm(state, &mut transaction, master, &old, new).await?;
    }
    if let Some(groups) = default_groups {
        user::group::set_default(&mut transaction, admin.realm.id, &groups).await?;
    }
    if let Some(allowed) = change
        .duplicate_emails_allowed
        .filter(|allowed| *allowed != admin.realm.settings.duplicate_emails_allowed)
    {
        user::set_duplicate_emails(&mut transaction, admin.realm.id, allowed).await.map_err(|error| match error {
            store::Error::Duplicate(_) => HttpError::message(400, "Users of this realm share e-mail addresses; duplicateEmailsAllowed has to stay on"),
            other => other.into(),
        })?;
    }
    transaction.commit().await.map_err(store::Error::from)?;
    state.changed(admin.realm.id);
    if let Some(master) = master {
        state.changed(master.id);
    }
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) async fn delete(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    if admin.realm.is_master() {
        return Err(HttpError::message(400, "Realm master cannot be deleted"));
    }
    if !provision::delete_realm(admin.state(), &admin.realm).await? {
        return Err(HttpError::plain(404, "Realm not found."));
    }
    Ok(HttpResponse::NoContent().finish())
}

/// The whole of a realm, with the paths of its default groups; secrets stay behind their masks.
fn full_rep(realm: &Realm, default_groups: &HashMap<Uuid, Vec<String>>) -> Value {
    let rep = RealmRepresentation {
        id: Some(realm.public_id.clone()),
        realm: Some(realm.name.clone()),
        enabled: Some(realm.enabled),
        not_before: Some(realm.not_before),
        default_groups: default_groups.get(&realm.id).cloned(),
        required_actions: None,
        default_role: Some(json!({
            "id": realm.default_role,
            "name": realm.default_role_name,
            "description": "${role_default-roles}",
            "composite": true,
            "clientRole": false,
            "containerId": realm.public_id,
        })),
        ..realm.rep.clone()
    };
    json!(rep)
}

fn brief_rep(realm: &Realm) -> Value {
    let mut rep = json!({ "id": realm.public_id, "realm": realm.name, "enabled": realm.enabled });
    if let (Some(name), Some(members)) = (&realm.rep.display_name, rep.as_object_mut()) {
        members.insert("displayName".to_owned(), json!(name));
    }
    rep
}

/// What a caller sees of a realm whose settings are none of his business.
fn reduced_rep(admin: &Admin, realm: &Realm) -> Value {
    let rep = RealmRepresentation {
        realm: Some(realm.name.clone()),
        display_name: realm.rep.display_name.clone(),
        brute_force_protected: realm.rep.brute_force_protected,
        supported_locales: Some(realm.rep.supported_locales.clone().unwrap_or_default()),
        organizations_enabled: realm.rep.organizations_enabled,
        registration_email_as_username: realm
            .rep
            .registration_email_as_username
            .filter(|_| admin.has(&[ManageUsers, ViewUsers])),
        ..RealmRepresentation::default()
    };
    json!(rep)
}
