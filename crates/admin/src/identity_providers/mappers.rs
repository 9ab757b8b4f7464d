//! `…/identity-provider/instances/{alias}/mappers`: which tokens of an issuer stand for which robot.

use actix_web::HttpResponse;
use actix_web::web::{Path, ServiceConfig};
use protocol::body::{JsonBytes, parse};
use protocol::provision::check_mapper;
use protocol::{HttpError, MapperProperty, MapperType};
use realm::identity_provider::{
    self, IdentityProvider, IdentityProviderMapperRepresentation, Mapper, ROBOT_MAPPER,
};
use serde_json::json;
use store::Error;
use uuid::Uuid;

use super::{named, require_view};
use crate::auth::Role::ManageIdentityProviders;
use crate::{Admin, at, created};

const ROBOT: MapperType = MapperType {
    id: ROBOT_MAPPER,
    name: "Docker robot",
    category: "Docker",
    help: "Lets tokens of the issuer with these claims be the docker password of a robot.",
    priority: 0,
    properties: &[
        MapperProperty {
            name: "claims",
            label: "Claims",
            help: "JSON object of claims that a token has to have, each with what its value looks like: * stands for \
                   anything but a slash, ** for anything. Such as {\"repository\":\"org/app\",\"ref\":\"refs/heads/main\"}.",
            kind: "Text",
            default: None,
            options: &[],
            required: true,
        },
        MapperProperty {
            name: "serviceAccount",
            label: "Service account",
            help: "The clientId of the client, with service accounts enabled, that the tokens stand for.",
            kind: "String",
            default: None,
            options: &[],
            required: true,
        },
    ],
};

pub(super) fn routes(cfg: &mut ServiceConfig) {
    let below = |path: &str| at(&format!("/identity-provider/instances/{{alias}}{path}"));
    cfg.service(below("/mapper-types").get(types).done())
        .service(below("/mappers").get(list).post(create).done())
        .service(
            below("/mappers/{id}")
                .get(get)
                .put(update)
                .delete(delete)
                .done(),
        );
}

type One = Path<(String, String, String)>;

fn not_found() -> HttpError {
    HttpError::plain(404, "Model not found")
}

async fn one(admin: &Admin, path: &One) -> Result<(IdentityProvider, Mapper), HttpError> {
    let provider = named(admin, &path.1).await?;
    let id: Uuid = path.2.parse().map_err(|_| not_found())?;
    let found = identity_provider::find_mapper(admin.db(), admin.realm.id, provider.id, id).await?;
    Ok((provider, found.ok_or_else(not_found)?))
}

/// A mapper of the provider that the path names.
fn read(
    provider: &IdentityProvider,
    body: &JsonBytes,
) -> Result<IdentityProviderMapperRepresentation, HttpError> {
    let rep: IdentityProviderMapperRepresentation =
        parse(&body.0).map_err(|error| error.into_http("IdentityProviderMapperRepresentation"))?;
    check_mapper(&rep)?;
    let alias = rep.identity_provider_alias.as_deref();
    if alias.is_some_and(|alias| alias != provider.alias) {
        let text = format!("identityProviderAlias is {} here", provider.alias);
        return Err(HttpError::message(400, &text));
    }
    Ok(rep)
}

fn written(error: Error, name: &str) -> HttpError {
    match error {
        Error::Duplicate(constraint) if constraint == "identity_provider_mapper_name_key" => {
            let text = format!("Failed to add mapper '{name}' to identity provider [oidc].");
            HttpError::message(400, &text)
        }
        other => other.into(),
    }
}

async fn types(admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    named(&admin, &path.1).await?;
    let mut rep = ROBOT.to_json();
    if let Some(members) = rep.as_object_mut() {
        members.remove("priority");
    }
    Ok(HttpResponse::Ok().json(json!({ ROBOT_MAPPER: rep })))
}

async fn list(admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let provider = named(&admin, &path.1).await?;
    let mappers = identity_provider::mappers(admin.db(), admin.realm.id, provider.id).await?;
    let reps = mappers.iter().map(|mapper| mapper.to_rep(&provider.alias));
    Ok(HttpResponse::Ok().json(reps.collect::<Vec<_>>()))
}

async fn get(admin: Admin, path: One) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let (provider, mapper) = one(&admin, &path).await?;
    Ok(HttpResponse::Ok().json(mapper.to_rep(&provider.alias)))
}

async fn create(
    admin: Admin,
    path: Path<(String, String)>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageIdentityProviders])?;
    let provider = named(&admin, &path.1).await?;
    let mapper = Mapper::from_rep(read(&provider, &body)?)?;
    identity_provider::create_mapper(admin.db(), admin.realm.id, provider.id, &mapper)
        .await
        .map_err(|error| written(error, &mapper.name))?;
    let alias = protocol::context::encode_segment(&provider.alias);
    let path = format!("identity-provider/instances/{alias}/mappers/{}", mapper.id);
    Ok(created(&admin, &path))
}

/// Takes the whole of it; the id stays.
async fn update(admin: Admin, path: One, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageIdentityProviders])?;
    let (provider, before) = one(&admin, &path).await?;
    let mut rep = read(&provider, &body)?;
    rep.id = Some(before.id.to_string());
    rep.name.get_or_insert(before.name);
    let after = Mapper::from_rep(rep)?;
    let done = identity_provider::update_mapper(admin.db(), admin.realm.id, provider.id, &after);
    if !done.await.map_err(|error| written(error, &after.name))? {
        return Err(not_found());
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn delete(admin: Admin, path: One) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageIdentityProviders])?;
    let (provider, mapper) = one(&admin, &path).await?;
    identity_provider::delete_mapper(admin.db(), admin.realm.id, provider.id, mapper.id).await?;
    Ok(HttpResponse::NoContent().finish())
}
