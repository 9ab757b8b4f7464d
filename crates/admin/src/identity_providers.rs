//! `/admin/realms/{realm}/identity-provider`: the issuers outside that a realm trusts.

mod mappers;

use actix_web::HttpResponse;
use actix_web::web::{Path, ServiceConfig};
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use protocol::key_sets::Place;
use protocol::provision::check_provider;
use realm::identity_provider::{
    self, IdentityProvider, IdentityProviderRepresentation, OIDC, Page, TYPES,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Error;

use crate::auth::Role::{ManageIdentityProviders, ViewIdentityProviders};
use crate::page::Query;
use crate::{Admin, at, created};

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(
        at("/identity-provider/instances")
            .get(list)
            .post(create)
            .done(),
    )
    .service(
        at("/identity-provider/instances/{alias}")
            .get(get)
            .put(update)
            .delete(delete)
            .done(),
    )
    .service(
        at("/identity-provider/instances/{alias}/export")
            .get(export)
            .done(),
    )
    .service(
        at("/identity-provider/instances/{alias}/reload-keys")
            .get(reload_keys)
            .done(),
    )
    .service(at("/identity-provider/providers/{id}").get(provider).done())
    .service(
        at("/identity-provider/import-config")
            .post(import_config)
            .done(),
    )
    .configure(mappers::routes);
}

fn require_view(admin: &Admin) -> Result<(), HttpError> {
    admin.require(&[ViewIdentityProviders, ManageIdentityProviders])
}

/// The one that a path names, by alias or id.
async fn named(admin: &Admin, alias: &str) -> Result<IdentityProvider, HttpError> {
    let found = identity_provider::find(admin.db(), admin.realm.id, alias).await?;
    found.ok_or_else(|| HttpError::plain(404, "Could not find identity provider"))
}

fn read(body: &JsonBytes) -> Result<IdentityProviderRepresentation, HttpError> {
    parse(&body.0).map_err(|error| error.into_http("IdentityProviderRepresentation"))
}

async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    // All there are can be used for what Keycloak's oidc ones can.
    let kind = query.text("type");
    if let Some(kind) = kind.filter(|kind| kind != "ANY")
        && !TYPES.contains(&kind.as_str())
    {
        return Err(HttpError::plain(400, &format!("Unknown type {kind}")));
    }
    let search = query.text("search");
    let page = Page {
        search: search.as_deref(),
        first: query.number("first")?.unwrap_or(0),
        max: query.number("max")?,
    };
    let found = identity_provider::list(admin.db(), admin.realm.id, &page).await?;
    let brief = query.flag("briefRepresentation") == Some(true);
    let rep = |one: &IdentityProvider| {
        if brief {
            one.to_brief_rep()
        } else {
            one.to_rep()
        }
    };
    Ok(HttpResponse::Ok().json(found.iter().map(rep).collect::<Vec<_>>()))
}

async fn get(admin: Admin, alias: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    Ok(HttpResponse::Ok().json(named(&admin, &alias.1).await?.to_rep()))
}

async fn create(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageIdentityProviders])?;
    let rep = read(&body)?;
    check_provider(admin.realm.settings.ssl_required, &rep)?;
    let (state, realm) = (admin.state(), admin.realm.id);
    let provider = IdentityProvider::from_rep(&state.sealer, realm, rep, None)?;
    identity_provider::create(admin.db(), realm, &provider)
        .await
        .map_err(|error| match error {
            Error::Duplicate(constraint) if constraint == "identity_provider_alias_key" => {
                let text = format!("Identity Provider {} already exists", provider.alias);
                HttpError::message(409, &text)
            }
            other => other.into(),
        })?;
    let alias = protocol::context::encode_segment(&provider.alias);
    Ok(created(
        &admin,
        &format!("identity-provider/instances/{alias}"),
    ))
}

/// Takes the whole of it, as Keycloak does: what is not said is not kept. Alias and id stay.
async fn update(
    admin: Admin,
    alias: Path<(String, String)>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageIdentityProviders])?;
    let mut rep = read(&body)?;
    let before = named(&admin, &alias.1).await?;
    let alias = rep.alias.get_or_insert_with(|| before.alias.clone());
    if *alias != before.alias {
        let text = "Identity Provider alias cannot be changed";
        return Err(HttpError::message(400, text));
    }
    check_provider(admin.realm.settings.ssl_required, &rep)?;
    let (state, realm) = (admin.state(), admin.realm.id);
    let after = IdentityProvider::from_rep(&state.sealer, realm, rep, Some(&before))?;
    if !identity_provider::update(admin.db(), realm, &after).await? {
        return Err(HttpError::plain(404, "Could not find identity provider"));
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn delete(admin: Admin, alias: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageIdentityProviders])?;
    let found = named(&admin, &alias.1).await?;
    identity_provider::delete(admin.db(), admin.realm.id, found.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// There is nothing that the issuer would have to know.
async fn export(admin: Admin, alias: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    named(&admin, &alias.1).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lets the issuer's keys be fetched again. Whether there were any on this node.
async fn reload_keys(
    admin: Admin,
    alias: Path<(String, String)>,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageIdentityProviders])?;
    let provider = named(&admin, &alias.1).await?;
    let place = Place::of(&provider.config);
    let sets = &admin.state().key_sets;
    let forgotten = place.is_some_and(|place| sets.forget(admin.realm.id, place));
    Ok(HttpResponse::Ok().json(forgotten))
}

/// What is known of a kind.
async fn provider(admin: Admin, id: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    if id.1 != OIDC {
        return Err(HttpError::plain(400, "HTTP 400 Bad Request"));
    }
    Ok(HttpResponse::Ok().json(json!({
        "name": "OpenID Connect v1.0", "id": OIDC, "configProperties": [], "helpText": "", "configMetadata": [],
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportConfig {
    provider_id: Option<String>,
    from_url: Option<String>,
}

/// The config that an issuer's own configuration makes.
async fn import_config(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageIdentityProviders])?;
    let import: ImportConfig =
        parse(&body.0).map_err(|error| error.into_http("Map<String, Object>"))?;
    let (Some(kind), Some(url)) = (import.provider_id, import.from_url) else {
        return Err(HttpError::plain(400, "HTTP 400 Bad Request"));
    };
    if kind != OIDC {
        let text = format!("the identity provider {kind} is not available on this server");
        return Err(HttpError::plain(501, &text));
    }
    let failed = |why: &str| {
        HttpError::message(
            400,
            &format!("There is no OpenID configuration to be had: {why}"),
        )
    };
    let answer = admin.state().outbound.get(&url).await;
    let answer = answer.map_err(|error| failed(&error.to_string()))?;
    if answer.status != 200 {
        return Err(failed(&format!("the status is {}", answer.status)));
    }
    let found: Map<String, Value> =
        serde_json::from_slice(&answer.body).map_err(|_| failed("it is no JSON object"))?;
    let mut config = json!({ "metadataDescriptorUrl": url });
    for (member, name) in [
        ("issuer", "issuer"),
        ("authorization_endpoint", "authorizationUrl"),
        ("token_endpoint", "tokenUrl"),
        ("userinfo_endpoint", "userInfoUrl"),
        ("introspection_endpoint", "tokenIntrospectionUrl"),
        ("end_session_endpoint", "logoutUrl"),
        ("jwks_uri", "jwksUrl"),
    ] {
        if let Some(Value::String(text)) = found.get(member) {
            config[name] = json!(text);
        }
    }
    if config["jwksUrl"].is_string() {
        config["validateSignature"] = json!("true");
        config["useJwksUrl"] = json!("true");
    }
    Ok(HttpResponse::Ok().json(config))
}
