//! `/realms/{realm}/account`: what users see and change of their own account, as a page for browsers and as Keycloak's
//! account REST API for programs. Both go through the same few functions, which record the events.

mod app_passwords;
mod applications;
mod credentials;
mod page;
mod profile;
mod rest;
mod sessions;
pub(crate) mod view;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use client::Known;
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use user::User;
use user::mapping::RoleNames;

use crate::cors;

/// The client whose roles say what users may do here.
const CLIENT: &str = "account";
const METHODS: &str = "HEAD, DELETE, POST, GET, OPTIONS, PUT";

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    let root = protocol::resource("/account")
        .route(web::get().to(get))
        .route(web::head().to(get))
        .route(web::post().to(post));
    cfg.service(cors::with_preflight(root, METHODS));
    rest::routes(cfg);
}

/// A program says that it wants JSON; anybody else gets the page.
async fn get(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    let accept = http.headers().get(header::ACCEPT);
    let json = accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    match json {
        true => rest::get_profile(ctx, http).await,
        false => page::show(ctx, http).await,
    }
}

/// A browser sends a form, a program JSON.
async fn post(ctx: RealmContext, http: HttpRequest, payload: web::Payload) -> HttpResponse {
    let kind = http.headers().get(header::CONTENT_TYPE);
    let form = kind
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    match form {
        true => page::submit(ctx, http, payload).await,
        false => rest::put_profile(ctx, http, payload).await,
    }
}

/// Somebody at their own account.
pub(crate) struct Own {
    pub ctx: RealmContext,
    pub user: User,
    /// Of the roles of client `account`, those that count.
    rights: Vec<String>,
    /// The session of this very request.
    pub session: Option<String>,
}

impl Own {
    fn new(ctx: RealmContext, user: User, roles: &RoleNames, session: Option<String>) -> Self {
        let rights = roles.clients.get(CLIENT).into_iter().flatten();
        Self {
            rights: rights.cloned().collect(),
            ctx,
            user,
            session,
        }
    }

    /// Whether one of these roles is there.
    pub(crate) fn may(&self, roles: &[&str]) -> bool {
        self.rights
            .iter()
            .any(|right| roles.contains(&right.as_str()))
    }

    /// Records what was done.
    async fn record(&self, mut event: Event) {
        event.client_id = Some(CLIENT.to_owned());
        event.user_id = Some(self.user.id.to_string());
        protocol::event::record(&self.ctx, event).await;
    }
}

/// Changes one's own account.
pub(crate) const MANAGE: &str = "manage-account";
/// Sees one's own profile.
pub(crate) const VIEW: &str = "view-profile";

/// Whether the realm has account management at all.
///
/// # Errors
/// 404 when its client is gone or disabled; from the database.
async fn enabled(ctx: &RealmContext) -> Result<Arc<Known>, HttpError> {
    let state = ctx.state();
    let client = state.clients.get(&state.pool, &ctx.realm, CLIENT).await?;
    client
        .filter(|client| client.enabled)
        .ok_or_else(|| HttpError::plain(404, "account management not enabled"))
}
