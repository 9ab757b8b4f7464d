//! `/admin/realms/{realm}/localization`: texts of the realm's own, and `/resources/{realm}/{theme}/{locale}`, where pages
//! read them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::{HttpServiceFactory, Payload};
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use protocol::body::{self, JsonBytes, parse};
use protocol::context::decode_segment;
use protocol::{HttpError, RealmContext};
use realm::localization::{self, Texts};
use serde_json::{Value, json};

use crate::auth::Role::ManageRealm;
use crate::page::Query;
use crate::{Admin, at};

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(at("/localization").get(locales).done())
        .service(
            at("/localization/{locale}")
                .get(list)
                .post(add)
                .delete(clear)
                .done(),
        )
        .service(
            at("/localization/{locale}/{key}")
                .get(get)
                .put(set)
                .delete(remove)
                .done(),
        );
}

/// The locale and the key of a path; the key is empty where the path has none.
struct Place {
    locale: String,
    key: String,
}

impl FromRequest for Place {
    type Error = HttpError;
    type Future = std::future::Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let part = |name| {
            decode_segment(request.match_info().get(name).unwrap_or_default())
                .filter(|text| store::text::storable(text))
                .ok_or_else(HttpError::not_found)
        };
        let read = || {
            Ok(Self {
                locale: part("locale")?,
                key: part("key")?,
            })
        };
        std::future::ready(read())
    }
}

fn no_text() -> HttpError {
    HttpError::plain(404, "Localization text not found")
}

async fn locales(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require_any()?;
    Ok(HttpResponse::Ok().json(localization::locales(admin.db(), admin.realm.id).await?))
}

async fn list(admin: Admin, place: Place, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require_any()?;
    let mut texts = Texts::new();
    if query.flag("useRealmDefaultLocaleFallback") == Some(true)
        && let Some(default) = &admin.realm.rep.default_locale
    {
        texts = localization::list(admin.db(), admin.realm.id, default).await?;
    }
    texts.extend(localization::list(admin.db(), admin.realm.id, &place.locale).await?);
    Ok(HttpResponse::Ok().json(texts))
}

async fn get(admin: Admin, place: Place) -> Result<HttpResponse, HttpError> {
    admin.require_any()?;
    let text = localization::find(admin.db(), admin.realm.id, &place.locale, &place.key).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain;charset=UTF-8")
        .body(text.ok_or_else(no_text)?))
}

async fn put(
    admin: &Admin,
    locale: &str,
    texts: &BTreeMap<String, Option<String>>,
) -> Result<HttpResponse, HttpError> {
    let mut transaction = admin.db().begin().await.map_err(store::Error::from)?;
    localization::put(&mut transaction, admin.realm.id, locale, texts).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Adds to the texts of a locale; Keycloak takes numbers and flags as texts.
async fn add(admin: Admin, place: Place, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let unreadable = || HttpError::oauth(400, "unknown_error", "Cannot parse the JSON");
    let given: BTreeMap<String, Value> = parse(&body.0).map_err(|error| error.into_http("Map"))?;
    let texts = given.into_iter().map(|(key, value)| {
        let text = match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::Array(_) | Value::Object(_) => return Err(unreadable()),
        };
        Ok((key, text))
    });
    let texts = texts.collect::<Result<_, _>>()?;
    put(&admin, &place.locale, &texts).await
}

async fn set(admin: Admin, place: Place, text: PlainText) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let texts = BTreeMap::from([(place.key, Some(text.0))]);
    put(&admin, &place.locale, &texts).await
}

async fn clear(admin: Admin, place: Place) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    if localization::delete(admin.db(), admin.realm.id, &place.locale, None).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    let text = format!("No localization texts for locale {} found.", place.locale);
    Err(HttpError::plain(404, &text))
}

async fn remove(admin: Admin, place: Place) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    if localization::delete(admin.db(), admin.realm.id, &place.locale, Some(&place.key)).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(no_text())
}

/// A body of plain text. Errors: 413, 415, 400 when it is no UTF-8.
struct PlainText(String);

impl FromRequest for PlainText {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, HttpError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let plain = kind.is_none_or(|kind| {
            kind.to_str()
                .is_ok_and(|kind| kind.to_ascii_lowercase().starts_with("text/plain"))
        });
        let bytes = body::read(request, payload, body::MAX_BODY);
        Box::pin(async move {
            if !plain {
                let text = "The content-type header value did not match the value in @Consumes";
                return Err(HttpError::plain(415, text));
            }
            let text = String::from_utf8(bytes.await?.to_vec());
            let text = text.map_err(|_| HttpError::plain(400, "The text is no UTF-8"))?;
            Ok(Self(text))
        })
    }
}

/// Mounted at `/resources`: what pages are made with. Anybody may read it.
///
/// This server brings no texts of its own for pages that others host; they get those of the realm.
#[must_use]
pub fn resources() -> impl HttpServiceFactory {
    web::scope("/resources").service(
        protocol::resource("/{realm}/{theme:admin|account|login|email|welcome}/{locale}")
            .route(web::get().to(messages)),
    )
}

async fn messages(ctx: RealmContext, place: Place) -> Result<HttpResponse, HttpError> {
    let texts = localization::list(&ctx.state().pool, ctx.realm.id, &place.locale).await?;
    let texts: Vec<Value> = texts
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    Ok(HttpResponse::Ok()
        .content_type("application/json;charset=UTF-8")
        .json(texts))
}
