//! Calls about a realm as a whole that are no resource of it.

use actix_web::HttpResponse;
use actix_web::web::ServiceConfig;
use protocol::HttpError;
use realm::RealmRepresentation;
use serde_json::json;
use user::session;

use crate::auth::Role::{ManageRealm, ManageUsers, ViewRealm};
use crate::{Admin, at};

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(at("/logout-all").post(logout_all).done())
        .service(at("/push-revocation").post(push_revocation).done())
        .service(at("/client-session-stats").get(client_session_stats).done());
    for cache in ["realm", "user", "keys", "crl"] {
        cfg.service(
            at(&format!("/clear-{cache}-cache"))
                .post(clear_cache)
                .done(),
        );
    }
    for of in [
        "/clients/{client}/management/permissions",
        "/clients/{client}/roles/{role}/management/permissions",
        "/groups/{group}/management/permissions",
        "/roles/{role}/management/permissions",
        "/roles-by-id/{id}/management/permissions",
        "/users-management-permissions",
    ] {
        cfg.service(
            at(of)
                .get(fine_grained_permissions)
                .put(fine_grained_permissions)
                .done(),
        );
    }
}

/// Ends all sessions of the realm, and all tokens issued before this second.
async fn logout_all(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageUsers])?;
    let (state, realm) = (admin.state(), admin.realm.id);
    let change = RealmRepresentation {
        not_before: Some(store::clock::now()),
        ..RealmRepresentation::default()
    };
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    realm::update(&mut transaction, &state.sealer, realm, &change).await?;
    let ended = session::end_all(&mut *transaction, realm).await?;
    user::auth_session::end_all(&mut *transaction, realm).await?;
    session::offline::delete_all(&mut *transaction, realm).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    state.changed(realm);
    protocol::session::told(&admin.context(), &ended);
    Ok(nobody_reached())
}

/// Tells nobody: clients of this server ask for what is revoked, none has an address to be told at.
async fn push_revocation(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    Ok(nobody_reached())
}

/// A GlobalRequestResult: the addresses that were told, and those that could not be.
pub(crate) fn nobody_reached() -> HttpResponse {
    HttpResponse::Ok().json(json!({}))
}

async fn client_session_stats(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewRealm, ManageRealm])?;
    let counts = session::count_by_client(admin.db(), admin.realm.id).await?;
    let stats = counts.into_iter().map(|count| {
        json!({
            "offline": count.offline.to_string(), "clientId": count.client_id, "active": count.active.to_string(),
            "id": count.id
        })
    });
    Ok(HttpResponse::Ok().json(stats.collect::<Vec<_>>()))
}

/// Drops what all nodes keep of the realm: settings, keys, clients. Users are kept nowhere.
async fn clear_cache(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    realm::tell_changed(admin.db(), admin.realm.id).await?;
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

/// As a Keycloak without the feature answers.
async fn fine_grained_permissions(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require_any()?;
    Err(HttpError::oauth(
        501,
        "Feature not enabled",
        "For more on this error consult the server log.",
    ))
}
