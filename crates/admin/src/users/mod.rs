//! `/admin/realms/{realm}/users` and all that hangs on a user.

mod app_passwords;
mod consents;
mod credentials;
mod email;
mod groups;
pub(crate) mod list;
pub(crate) mod profile;
mod sessions;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use protocol::provision::write_error;
use realm::role::{MAX_LISTED, Of};
use serde_json::json;
use user::rep::{Access, Rights};
use user::{User, UserRepresentation, group};
use uuid::Uuid;

use crate::auth::Role::{self, Impersonation, ManageUsers, QueryUsers, ViewUsers};
use crate::auth::forbidden;
use crate::page::Query;
use crate::role_mappings::{self, OfUsers};
use crate::{Admin, at, created, groups as realm_groups};

pub(crate) use list::pairs;
pub(crate) use sessions::{lasting, to_rep as session_rep};

/// All below `/admin/realms/{realm}`. actix takes the first resource that fits, so literal paths stand before `{id}`.
pub(crate) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(at("/users").get(list::list).post(create).done())
        .service(at("/users/").get(list::list).post(create).done())
        .service(at("/users/count").get(list::count).done())
        .service(
            at("/users/profile")
                .get(profile::get)
                .put(profile::update)
                .done(),
        )
        .service(
            at("/users/profile/metadata")
                .get(profile::get_metadata)
                .done(),
        )
        .service(at("/users/{id}").get(get).put(update).delete(delete).done())
        .service(
            at("/users/{id}/reset-password")
                .put(credentials::reset_password)
                .done(),
        )
        .service(
            at("/users/{id}/app-passwords")
                .post(app_passwords::create)
                .done(),
        )
        .service(at("/users/{id}/credentials").get(credentials::list).done())
        .service(
            at("/users/{id}/credentials/{credential}")
                .delete(credentials::delete)
                .done(),
        )
        .service(
            at("/users/{id}/credentials/{credential}/userLabel")
                .put(credentials::label)
                .done(),
        )
        .service(
            at("/users/{id}/credentials/{credential}/moveToFirst")
                .post(credentials::move_to_first)
                .done(),
        )
        .service(
            at("/users/{id}/credentials/{credential}/moveAfter/{previous}")
                .post(credentials::move_after)
                .done(),
        )
        .service(
            at("/users/{id}/execute-actions-email")
                .put(email::execute_actions)
                .done(),
        )
        .service(
            at("/users/{id}/reset-password-email")
                .put(email::reset_password)
                .done(),
        )
        .service(
            at("/users/{id}/send-verify-email")
                .put(email::verify)
                .done(),
        )
        .service(
            at("/users/{id}/disable-credential-types")
                .put(credentials::disable_types)
                .done(),
        )
        .service(
            at("/users/{id}/configured-user-storage-credential-types")
                .get(none)
                .done(),
        )
        .service(at("/users/{id}/consents").get(consents::list).done())
        .service(
            at("/users/{id}/consents/{client}")
                .delete(consents::revoke)
                .done(),
        )
        .service(at("/users/{id}/impersonation").post(impersonate).done())
        .service(at("/users/{id}/federated-identity").get(none).done())
        .service(
            at("/users/{id}/unmanagedAttributes")
                .get(unmanaged_attributes)
                .done(),
        )
        .service(at("/users/{id}/groups").get(groups::list).done())
        .service(at("/users/{id}/groups/count").get(groups::count).done())
        .service(
            at("/users/{id}/groups/{group}")
                .put(groups::join)
                .delete(groups::leave)
                .done(),
        )
        .service(at("/users/{id}/sessions").get(sessions::list).done())
        .service(
            at("/users/{id}/offline-sessions/{client}")
                .get(sessions::list_offline)
                .done(),
        )
        .service(at("/users/{id}/logout").post(sessions::logout).done())
        .service(at("/sessions/{session}").delete(sessions::delete).done())
        .configure(role_mappings::routes::<OfUsers>);
}

type UserPath = web::Path<(String, String)>;

fn not_found() -> HttpError {
    HttpError::plain(404, "User not found")
}

/// The user of a path, for a caller who holds one of `roles`. Who may only look for users learns of each id whether it
/// is somebody's, as in Keycloak.
pub(crate) async fn find(admin: &Admin, id: &str, roles: &[Role]) -> Result<User, HttpError> {
    admin.require(&[QueryUsers, ViewUsers, ManageUsers])?;
    let id: Uuid = id.parse().map_err(|_| not_found())?;
    let found = user::find(admin.db(), admin.realm.id, id)
        .await?
        .ok_or_else(not_found)?;
    admin.require(roles)?;
    Ok(found)
}

/// The user of a path, to be read.
async fn viewed(admin: &Admin, id: &str) -> Result<User, HttpError> {
    find(admin, id, &[ViewUsers, ManageUsers]).await
}

/// The user of a path, to be changed; see [`require_reach`].
async fn managed(admin: &Admin, id: &str) -> Result<User, HttpError> {
    let found = find(admin, id, &[ManageUsers]).await?;
    require_reach(admin, found.id).await?;
    Ok(found)
}

/// Refuses to touch a user who holds administrative roles that the caller could not hand out.
///
/// Our decision beyond Keycloak, where `manage-users` is enough to set the password of a realm's administrator and so to
/// become one: whoever changes, logs out or deletes a user has to hold that user's administrative roles. Oneself is
/// always within reach. Giving and taking roles is judged by those roles alone, in `role_mappings`.
///
/// # Errors
/// 403.
async fn require_reach(admin: &Admin, target: Uuid) -> Result<(), HttpError> {
    let oneself = target == admin.user && admin.home.id == admin.realm.id;
    if oneself || admin.is_superuser() {
        return Ok(());
    }
    let held = user::mapping::effective(admin.db(), admin.realm.id, target, Of::All).await?;
    // A list that was cut off does not tell what the user cannot do.
    if i64::try_from(held.len()).is_ok_and(|held| held >= MAX_LISTED) {
        return Err(forbidden());
    }
    let ids: Vec<Uuid> = held.iter().map(|role| role.id).collect();
    admin.require_may_grant(&ids).await
}

/// What the caller may do with users, as representations tell.
fn rights(admin: &Admin) -> Rights {
    let manage = admin.has(&[ManageUsers]);
    Rights {
        view: admin.has(&[ViewUsers, ManageUsers]),
        manage,
        map_roles: manage,
        impersonate: admin.has(&[Impersonation]),
    }
}

fn read(body: &JsonBytes) -> Result<UserRepresentation, HttpError> {
    parse(&body.0).map_err(|error| error.into_http("UserRepresentation"))
}

async fn create(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageUsers])?;
    let mut rep = read(&body)?;
    let paths = rep.groups.take().unwrap_or_default();
    // By id from here on: a path may be another group's by the time the user is written.
    let groups = realm_groups::to_join(&admin, &paths).await?;
    let state = admin.state();
    let draft = user::prepare(&state.hasher, &admin.realm, &rep, user::Options::default())
        .await
        .map_err(write_error)?;
    if groups.is_empty() && draft.is_one_statement() {
        let mut connection = state.pool.acquire().await.map_err(store::Error::from)?;
        let id = draft
            .insert(&mut connection, &state.sealer, &admin.realm)
            .await
            .map_err(write_error)?;
        return Ok(created(&admin, &format!("users/{id}")));
    }
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let id = draft
        .insert(&mut transaction, &state.sealer, &admin.realm)
        .await
        .map_err(write_error)?;
    if !groups.is_empty() {
        group::join(&mut *transaction, admin.realm.id, id, &groups).await?;
    }
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(created(&admin, &format!("users/{id}")))
}

async fn get(admin: Admin, path: UserPath, query: Query) -> Result<HttpResponse, HttpError> {
    let found = viewed(&admin, &path.1).await?;
    let rep = found.to_rep(Some(Access::single(rights(&admin))));
    let mut rep = user::profile::shown(&admin.realm, &found, rep);
    if query.flag("userProfileMetadata") == Some(true) {
        rep.user_profile_metadata = Some(user::profile::metadata(&admin.realm, true));
    }
    Ok(HttpResponse::Ok().json(rep))
}

async fn update(admin: Admin, path: UserPath, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let rep = read(&body)?;
    let state = admin.state();
    let change = user::prepare_update(&state.hasher, &admin.realm, &found, &rep)
        .await
        .map_err(write_error)?;
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    if !change
        .apply(&mut transaction, &state.sealer, &admin.realm)
        .await
        .map_err(write_error)?
    {
        return Err(not_found());
    }
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn delete(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    if !user::delete(admin.db(), admin.realm.id, found.id).await? {
        return Err(not_found());
    }
    let told = || json!({ "id": found.id, "username": found.username });
    admin.note(|note| note.representation = Some(told()));
    Ok(HttpResponse::NoContent().finish())
}

/// What no user of this server has: identities and credentials kept elsewhere.
async fn none(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    viewed(&admin, &path.1).await?;
    Ok(HttpResponse::Ok().json(json!([])))
}

async fn unmanaged_attributes(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    let found = viewed(&admin, &path.1).await?;
    Ok(HttpResponse::Ok().json(user::profile::unmanaged(&admin.realm, &found)))
}

/// There are no pages here on which somebody could go on as another.
async fn impersonate(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    admin.require(&[Impersonation])?;
    let id: Uuid = path.1.parse().map_err(|_| not_found())?;
    user::find(admin.db(), admin.realm.id, id)
        .await?
        .ok_or_else(not_found)?;
    Err(HttpError::plain(
        501,
        "impersonation is not available on this server",
    ))
}
