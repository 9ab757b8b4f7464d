//! `/admin/realms/{realm}/clients/{client}/protocol-mappers`.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use client::mapper::{self, Mapper};
use client::{Client, ProtocolMapperRepresentation};
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use serde::de::DeserializeOwned;
use store::Error;
use uuid::Uuid;

use crate::auth::Role::ManageClients;
use crate::auth::forbidden;
use crate::clients::{named, require_view};
use crate::{Admin, at, created};

type OfClient = web::Path<(String, String)>;
type One = web::Path<(String, String, String)>;

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    let below = |path: &str| at(&format!("/clients/{{client}}/protocol-mappers{path}"));
    cfg.service(below("/models").get(list).post(create).done())
        .service(
            below("/models/{id}")
                .get(get)
                .put(update)
                .delete(delete)
                .done(),
        )
        .service(below("/add-models").post(create_many).done())
        .service(below("/protocol/{protocol}").get(list_of_protocol).done());
}

fn not_found() -> HttpError {
    HttpError::plain(404, "Model not found")
}

fn read<T: DeserializeOwned>(body: &JsonBytes) -> Result<T, HttpError> {
    parse(&body.0).map_err(|error| error.into_http("ProtocolMapperRepresentation"))
}

/// Where a claim goes beside the tokens, as Keycloak completes it: to the introspection as to the access token, to the
/// userinfo as to the ID token.
pub(crate) fn fill(rep: &mut ProtocolMapperRepresentation) {
    let Some(config) = &mut rep.config else {
        return;
    };
    for (missing, known) in [
        ("introspection.token.claim", "access.token.claim"),
        ("userinfo.token.claim", "id.token.claim"),
    ] {
        if let Some(value) = config.get(known).cloned() {
            config.entry(missing.to_owned()).or_insert(value);
        }
    }
}

/// Refuses kinds of mappers that there are not (in the protocol that the mapper names).
fn known_kind(admin: &Admin, rep: &ProtocolMapperRepresentation) -> Result<(), HttpError> {
    let mut protocols = admin.state().protocols.iter();
    let known = protocols.any(|protocol| {
        rep.protocol.as_deref().is_none_or(|id| id == protocol.id())
            && protocol
                .mapper_types()
                .iter()
                .any(|kind| Some(kind.id) == rep.protocol_mapper.as_deref())
    });
    if known {
        Ok(())
    } else {
        Err(HttpError::plain(404, "ProtocolMapper provider not found"))
    }
}

fn new(admin: &Admin, mut rep: ProtocolMapperRepresentation) -> Result<Mapper, HttpError> {
    known_kind(admin, &rep)?;
    if rep.name.is_none() || rep.protocol.is_none() {
        return Err(HttpError::oauth(
            409,
            "conflict",
            "Duplicate resource error",
        ));
    }
    fill(&mut rep);
    Ok(Mapper::from_rep(&rep)?)
}

/// The client of a path, for a caller who may change it.
async fn changeable(admin: &Admin, text: &str) -> Result<Client, HttpError> {
    admin.require(&[ManageClients])?;
    let client = named(admin, text).await?;
    if client.is_built_in(&admin.realm) {
        Err(forbidden())
    } else {
        Ok(client)
    }
}

async fn find(admin: &Admin, client: &Client, text: &str) -> Result<Mapper, HttpError> {
    let id = Uuid::try_parse(text).map_err(|_| not_found())?;
    mapper::find(admin.db(), admin.realm.id, client.id, id)
        .await?
        .ok_or_else(not_found)
}

fn reps(mappers: &[Mapper]) -> HttpResponse {
    HttpResponse::Ok().json(mappers.iter().map(Mapper::to_rep).collect::<Vec<_>>())
}

async fn list(admin: Admin, path: OfClient) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    Ok(reps(&named(&admin, &path.1).await?.mappers))
}

async fn list_of_protocol(admin: Admin, path: One) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let mut mappers = named(&admin, &path.1).await?.mappers;
    mappers.retain(|mapper| mapper.protocol == path.2);
    Ok(reps(&mappers))
}

async fn get(admin: Admin, path: One) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = named(&admin, &path.1).await?;
    Ok(HttpResponse::Ok().json(find(&admin, &client, &path.2).await?.to_rep()))
}

async fn create(admin: Admin, path: OfClient, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    let client = changeable(&admin, &path.1).await?;
    let mapper = new(&admin, read(&body)?)?;
    mapper::create(admin.db(), admin.realm.id, client.id, &mapper)
        .await
        .map_err(|error| match error {
            Error::Duplicate(_) => HttpError::message(409, "Protocol mapper exists with same name"),
            other => other.into(),
        })?;
    admin.state().changed(admin.realm.id);
    Ok(created(
        &admin,
        &format!(
            "clients/{}/protocol-mappers/models/{}",
            client.id, mapper.id
        ),
    ))
}

/// All of them or none.
async fn create_many(
    admin: Admin,
    path: OfClient,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let client = changeable(&admin, &path.1).await?;
    let reps: Vec<ProtocolMapperRepresentation> = read(&body)?;
    let mappers: Vec<_> = reps
        .into_iter()
        .map(|rep| new(&admin, rep))
        .collect::<Result<_, _>>()?;
    mapper::add_many(admin.db(), admin.realm.id, client.id, &mappers)
        .await
        .map_err(|error| match error {
            Error::Duplicate(_) => HttpError::oauth(
                409,
                "conflict",
                "Protocol mapper name must be unique per protocol",
            ),
            other => other.into(),
        })?;
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

/// Takes kind and configuration; the name stays, as in Keycloak.
async fn update(admin: Admin, path: One, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    let client = changeable(&admin, &path.1).await?;
    let before = find(&admin, &client, &path.2).await?;
    let change: ProtocolMapperRepresentation = read(&body)?;
    let mut rep = ProtocolMapperRepresentation {
        protocol_mapper: change.protocol_mapper,
        config: Some(change.config.unwrap_or_default()),
        ..before.to_rep()
    };
    known_kind(&admin, &rep)?;
    fill(&mut rep);
    if !mapper::update(
        admin.db(),
        admin.realm.id,
        client.id,
        &Mapper::from_rep(&rep)?,
    )
    .await?
    {
        return Err(not_found());
    }
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

async fn delete(admin: Admin, path: One) -> Result<HttpResponse, HttpError> {
    let client = changeable(&admin, &path.1).await?;
    let mapper = find(&admin, &client, &path.2).await?;
    if !mapper::delete(admin.db(), admin.realm.id, client.id, mapper.id).await? {
        return Err(not_found());
    }
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_goes_to_introspection_and_userinfo_as_it_goes_to_the_tokens() {
        let filled = |text: &str| {
            let mut rep: ProtocolMapperRepresentation = serde_json::from_str(text).unwrap();
            fill(&mut rep);
            serde_json::to_string(&rep.config).unwrap()
        };
        let config = r#"{"config":{"access.token.claim":"true","id.token.claim":"false"}}"#;
        assert_eq!(
            filled(config),
            r#"{"access.token.claim":"true","id.token.claim":"false","introspection.token.claim":"true","userinfo.token.claim":"false"}"#
        );
        let given =
            r#"{"config":{"access.token.claim":"true","introspection.token.claim":"false"}}"#;
        assert_eq!(
            filled(given),
            r#"{"access.token.claim":"true","introspection.token.claim":"false"}"#
        );
        assert_eq!(
            filled(r#"{"config":{"claim.name":"x"}}"#),
            r#"{"claim.name":"x"}"#
        );
        assert_eq!(filled("{}"), "null");
    }
}
