//! Keycloak's account REST API: bearer tokens for `account`, JSON.

use std::collections::BTreeSet;
use std::future::Future;

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use protocol::context::decode_segment;
use protocol::{HttpError, RealmContext, access, body};
use serde::Deserialize;
use serde_json::json;
use user::{UserRepresentation, group};
use uuid::Uuid;

use super::{
    CLIENT, MANAGE, METHODS, Own, VIEW, applications, credentials, enabled, profile, sessions,
};
use crate::cors;
use crate::form::Pairs;
use crate::pages::Frame;
use crate::token;

/// Bytes of a body.
const MAX_BODY: usize = 256 * 1024;
/// Groups that are listed.
const MAX_GROUPS: i64 = 1000;

pub(super) fn routes(cfg: &mut ServiceConfig) {
    let resource = |path: &str| protocol::resource(&format!("/account{path}"));
    let sessions = resource("/sessions")
        .route(web::get().to(list_sessions))
        .route(web::delete().to(end_sessions));
    let credential = resource("/credentials/{id}").route(web::delete().to(remove_credential));
    let label = resource("/credentials/{id}/label").route(web::put().to(label_credential));
    let consent = resource("/applications/{client}/consent")
        .route(web::get().to(show_consent))
        .route(web::post().to(grant))
        .route(web::put().to(grant))
        .route(web::delete().to(revoke));
    for resource in [
        resource("/sessions/devices").route(web::get().to(list_devices)),
        sessions,
        resource("/sessions/{id}").route(web::delete().to(end_session)),
        resource("/credentials").route(web::get().to(list_credentials)),
        credential,
        label,
        resource("/applications").route(web::get().to(list_applications)),
        consent,
        resource("/groups").route(web::get().to(list_groups)),
        resource("/supportedLocales").route(web::get().to(list_locales)),
        resource("/linked-accounts").route(web::get().to(list_linked)),
        resource("/resources").route(web::get().to(list_resources)),
    ] {
        cfg.service(cors::with_preflight(resource, METHODS));
    }
}

/// Whoever the token belongs to.
///
/// # Errors
/// 401 for a token that is not good or not for here, 403 for a page that may not ask or a user who may not.
async fn own(
    ctx: RealmContext,
    http: &HttpRequest,
    roles: &[&str],
    allowed: &mut bool,
) -> Result<Own, HttpError> {
    #[derive(Deserialize)]
    struct Audience {
        #[serde(default)]
        aud: serde_json::Value,
    }
    token::check_realm(&ctx)?;
    enabled(&ctx).await?;
    let unauthorized = || HttpError::plain(401, "HTTP 401 Unauthorized");
    let bearer = http
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, bearer)| bearer.trim())
        .ok_or_else(unauthorized)?;
    let (issuer, state) = (ctx.issuer(), ctx.state());
    let opened =
        access::open_with_roles(state, &ctx.realm, bearer, |known| known == issuer).await?;
    let (access, held) = opened.map_err(|_| unauthorized())?;
    let audience: Audience =
        protocol::token::open(&ctx.realm, bearer, access::ALGORITHMS).ok_or_else(unauthorized)?;
    let named = match &audience.aud {
        serde_json::Value::Array(all) => all.iter().any(|one| one == CLIENT),
        one => one == CLIENT,
    };
    if !named {
        return Err(unauthorized());
    }
    cors::check(&ctx, http, &access.client, allowed)?;
    let found = user::find(&state.pool, ctx.realm.id, access.user).await?;
    let found = found.ok_or_else(unauthorized)?;
    if found.service_account_client.is_some() {
        return Err(unauthorized());
    }
    let session = access.session.clone();
    let own = Own::new(ctx, found, &access.brings(held), session);
    if roles.is_empty() || own.may(roles) {
        return Ok(own);
    }
    Err(HttpError::plain(403, "HTTP 403 Forbidden"))
}

/// Answers whoever has one of these roles; any role when none is named.
async fn answer<F: Future<Output = Result<HttpResponse, HttpError>>>(
    ctx: RealmContext,
    http: &HttpRequest,
    roles: &[&str],
    act: impl FnOnce(Own) -> F,
) -> HttpResponse {
    let mut allowed = false;
    let answer = match own(ctx, http, roles, &mut allowed).await {
        Ok(own) => act(own).await,
        Err(error) => Err(error),
    };
    let mut response = answer.unwrap_or_else(|error| error.error_response());
    let no_cache = header::HeaderValue::from_static("no-cache");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_cache);
    if let Some(origin) = http.headers().get(header::ORIGIN).filter(|_| allowed) {
        cors::allow(response.headers_mut(), origin);
    }
    response
}

fn segment(http: &HttpRequest, name: &str) -> String {
    let text = http.match_info().get(name).and_then(decode_segment);
    text.filter(|text| store::text::storable(text))
        .unwrap_or_default()
}

fn done() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

async fn bytes(http: &HttpRequest, payload: web::Payload) -> Result<web::Bytes, HttpError> {
    body::read(http, &mut payload.into_inner(), MAX_BODY).await
}

pub(super) async fn get_profile(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE, VIEW], async |own| {
        let query = Pairs::of_query(&http);
        let metadata = query.get("userProfileMetadata") != Some("false");
        Ok(HttpResponse::Ok().json(profile::to_json(&own, metadata)))
    })
    .await
}

pub(super) async fn put_profile(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    answer(ctx, &http, &[MANAGE], async |own| {
        let bytes = bytes(&http, payload).await?;
        let rep: UserRepresentation =
            body::parse(&bytes).map_err(|error| error.into_http("UserRepresentation"))?;
        let changed = match profile::pairs_of(&own, &rep) {
            Ok(pairs) => profile::change(&own, &pairs).await,
            Err(error) => Err(error),
        };
        changed.map_err(|error| profile::refused(&own, error))?;
        Ok(done())
    })
    .await
}

async fn list_sessions(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE, VIEW], async |own| {
        let sessions = sessions::list(&own).await?;
        let frame = Frame::new(&own.ctx, &http).await;
        Ok(HttpResponse::Ok().json(sessions::to_json(&own, &frame, &sessions).await?))
    })
    .await
}

/// All in one device: of browsers nothing is kept that would tell them apart.
async fn list_devices(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE, VIEW], async |own| {
        let sessions = sessions::list(&own).await?;
        let frame = Frame::new(&own.ctx, &http).await;
        let shown = sessions::to_json(&own, &frame, &sessions).await?;
        let last = sessions.iter().map(|session| session.last_refresh).max();
        let Some(last) = last else {
            return Ok(HttpResponse::Ok().json(json!([])));
        };
        let mut device = json!({
            "os": "Other", "osVersion": "Unknown", "device": "Other", "lastAccess": last,
            "sessions": shown, "mobile": false
        });
        if sessions
            .iter()
            .any(|session| sessions::is_current(&own, session))
        {
            device["current"] = json!(true);
        }
        Ok(HttpResponse::Ok().json(json!([device])))
    })
    .await
}

async fn end_sessions(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE], async |own| {
        let query = Pairs::of_query(&http);
        sessions::end_all(&own, query.get("current") == Some("true")).await?;
        Ok(done())
    })
    .await
}

async fn end_session(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE], async |own| {
        sessions::end(&own, &segment(&http, "id")).await?;
        Ok(done())
    })
    .await
}

async fn list_credentials(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE, VIEW], async |own| {
        let query = Pairs::of_query(&http);
        let with = query.get("user-credentials") != Some("false");
        let shown = credentials::to_json(&own, query.get("type"), with).await?;
        Ok(HttpResponse::Ok().json(shown))
    })
    .await
}

async fn remove_credential(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE], async |own| {
        credentials::remove(&own, &segment(&http, "id")).await?;
        Ok(done())
    })
    .await
}

async fn label_credential(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    answer(ctx, &http, &[MANAGE], async |own| {
        let bytes = bytes(&http, payload).await?;
        credentials::label(&own, &segment(&http, "id"), &bytes).await?;
        Ok(done())
    })
    .await
}

async fn list_applications(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE, "view-applications"], async |own| {
        let query = Pairs::of_query(&http);
        let wanted = query.get("name").map(str::to_lowercase);
        let frame = Frame::new(&own.ctx, &http).await;
        let applications = applications::list(&own).await?;
        let named = applications.iter().filter(|application| {
            let Some(wanted) = &wanted else { return true };
            let name = application
                .client
                .settings
                .name
                .as_deref()
                .unwrap_or_default();
            name.to_lowercase().contains(wanted)
        });
        let shown = named.map(|one| applications::to_json(&own, &frame, one));
        Ok(HttpResponse::Ok().json(shown.collect::<Vec<_>>()))
    })
    .await
}

async fn show_consent(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    let roles = [MANAGE, "view-consent", "manage-consent"];
    answer(ctx, &http, &roles, async |own| {
        let client = applications::find(&own, &segment(&http, "client")).await?;
        let Some(consent) = applications::consent(&own, &client).await? else {
            return Ok(done());
        };
        let frame = Frame::new(&own.ctx, &http).await;
        Ok(HttpResponse::Ok().json(applications::consent_json(&frame, &client, &consent)))
    })
    .await
}

async fn grant(ctx: RealmContext, http: HttpRequest, payload: web::Payload) -> HttpResponse {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Scope {
        id: Uuid,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Consent {
        granted_scopes: Vec<Scope>,
    }
    answer(ctx, &http, &[MANAGE, "manage-consent"], async |own| {
        let client = applications::find(&own, &segment(&http, "client")).await?;
        let bytes = bytes(&http, payload).await?;
        let wanted: Consent =
            body::parse(&bytes).map_err(|error| error.into_http("ConsentRepresentation"))?;
        let scopes: BTreeSet<Uuid> = wanted.granted_scopes.iter().map(|scope| scope.id).collect();
        let Some(consent) = applications::grant(&own, &client, scopes).await? else {
            return Ok(done());
        };
        let frame = Frame::new(&own.ctx, &http).await;
        Ok(HttpResponse::Ok().json(applications::consent_json(&frame, &client, &consent)))
    })
    .await
}

async fn revoke(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE, "manage-consent"], async |own| {
        let client = applications::find(&own, &segment(&http, "client")).await?;
        applications::revoke(&own, &client).await?;
        Ok(done())
    })
    .await
}

async fn list_groups(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE, "view-groups"], async |own| {
        let (pool, realm) = (&own.ctx.state().pool, own.ctx.realm.id);
        let groups =
            group::list_of_user(pool, realm, own.user.id, None, 0, Some(MAX_GROUPS)).await?;
        let query = Pairs::of_query(&http);
        let brief = query.get("briefRepresentation") != Some("false");
        let shown = groups.iter().map(|group| {
            let mut shown = json!(group.to_rep(!brief));
            shown["subGroups"] = json!([]);
            shown
        });
        Ok(HttpResponse::Ok().json(shown.collect::<Vec<_>>()))
    })
    .await
}

async fn list_locales(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[], async |own| {
        let rep = &own.ctx.realm.rep;
        let mut locales = rep.supported_locales.clone().unwrap_or_default();
        locales.sort();
        Ok(HttpResponse::Ok().json(locales))
    })
    .await
}

/// There are no identity providers here.
async fn list_linked(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[MANAGE, VIEW], async |_| {
        Ok(HttpResponse::Ok().json(json!([])))
    })
    .await
}

/// Nor is there user-managed access.
async fn list_resources(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    answer(ctx, &http, &[], async |_| {
        Err(HttpError::message(403, "User-managed access not enabled"))
    })
    .await
}
