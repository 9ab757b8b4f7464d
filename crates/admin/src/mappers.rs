//! `/admin/realms/{realm}/clients/{client}/protocol-mappers`, and the same below `/client-scopes/{scope}`.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use client::mapper::{self, Mapper};
use client::{Owner, ProtocolMapperRepresentation};
use protocol::body::{JsonBytes, parse};
use protocol::{HttpError, pairwise};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use store::Error;
use uuid::Uuid;

use crate::auth::Role::ManageClients;
use crate::auth::forbidden;
use crate::clients::require_view;
use crate::{Admin, at, client_scopes, clients, created};

/// `base` is `/clients/{client}` or `/client-scopes/{scope}`.
pub(crate) fn routes(cfg: &mut ServiceConfig, base: &str) {
    let below = |path: &str| at(&format!("{base}/protocol-mappers{path}"));
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

/// Whose mappers: those of the client in the path, else of the client scope.
#[derive(Deserialize)]
struct Place {
    client: Option<String>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    protocol: String,
}

impl Place {
    /// The owner's mappers, for a caller who may see them.
    async fn viewed(&self, admin: &Admin) -> Result<Vec<Mapper>, HttpError> {
        require_view(admin)?;
        Ok(match &self.client {
            Some(client) => clients::named(admin, client).await?.mappers,
            None => client_scopes::named(admin, &self.scope).await?.mappers,
        })
    }

    /// The mapper with this id.
    async fn one(&self, admin: &Admin) -> Result<Mapper, HttpError> {
        let mappers = self.viewed(admin).await?;
        let id = Uuid::try_parse(&self.id).map_err(|_| not_found())?;
        let mut found = mappers.into_iter().filter(|mapper| mapper.id == id);
        found.next().ok_or_else(not_found)
    }

    /// The owner and the path of its mappers, for a caller who may change them.
    async fn changed(&self, admin: &Admin) -> Result<(Owner, String), HttpError> {
        admin.require(&[ManageClients])?;
        let (owner, base) = match &self.client {
            Some(client) => {
                let client = clients::named(admin, client).await?;
                if client.is_built_in(&admin.realm) {
                    return Err(forbidden());
                }
                (Owner::Client(client.id), format!("clients/{}", client.id))
            }
            None => {
                let id = client_scopes::named(admin, &self.scope).await?.id;
                (Owner::Scope(id), format!("client-scopes/{id}"))
            }
        };
        Ok((owner, format!("{base}/protocol-mappers/models")))
    }
}

fn not_found() -> HttpError {
    HttpError::plain(404, "Model not found")
}

fn read<T: DeserializeOwned>(body: &JsonBytes) -> Result<T, HttpError> {
    parse(&body.0).map_err(|error| error.into_http("ProtocolMapperRepresentation"))
}

/// Where a claim goes beside the tokens, as Keycloak completes it: to the introspection as to the access token, to the
/// userinfo as to the ID token.
const LIKE: [(&str, &str); 2] = [
    ("introspection.token.claim", "access.token.claim"),
    ("userinfo.token.claim", "id.token.claim"),
];

fn fill(rep: &mut ProtocolMapperRepresentation, like: &[(&str, &str)]) {
    let Some(config) = &mut rep.config else {
        return;
    };
    for (missing, known) in like {
        if let Some(value) = config.get(*known).cloned() {
            config.entry((*missing).to_owned()).or_insert(value);
        }
    }
}

/// As Keycloak stores the mappers that come with a new client or client scope; those that come later stay as sent.
pub(crate) fn complete(reps: &mut Option<Vec<ProtocolMapperRepresentation>>) {
    for rep in reps.iter_mut().flatten() {
        fill(rep, &LIKE[1..]);
    }
}

/// Refuses kinds of mappers that there are not (in the protocol that the mapper names), and configs that make no sense.
fn check_kind(admin: &Admin, rep: &ProtocolMapperRepresentation) -> Result<(), HttpError> {
    let mut protocols = admin.state().protocols.iter();
    let known = protocols.any(|protocol| {
        rep.protocol.as_deref().is_none_or(|id| id == protocol.id())
            && protocol
                .mapper_types()
                .iter()
                .any(|kind| Some(kind.id) == rep.protocol_mapper.as_deref())
    });
    if !known {
        return Err(HttpError::plain(404, "ProtocolMapper provider not found"));
    }
    let checked = admin.state().protocols.check_mapper(rep);
    checked.map_err(|error| HttpError::oauth(400, "invalid_input", &error))
}

fn new(admin: &Admin, rep: ProtocolMapperRepresentation) -> Result<Mapper, HttpError> {
    check_kind(admin, &rep)?;
    if rep.name.is_none() || rep.protocol.is_none() {
        return Err(HttpError::oauth(
            409,
            "conflict",
            "Duplicate resource error",
        ));
    }
    Ok(Mapper::from_rep(&rep)?)
}

/// As these calls show it: completed, however it was stored.
fn to_rep(mapper: &Mapper) -> ProtocolMapperRepresentation {
    let mut rep = mapper.to_rep();
    fill(&mut rep, &LIKE);
    rep
}

fn reps(mappers: &[Mapper]) -> HttpResponse {
    HttpResponse::Ok().json(mappers.iter().map(to_rep).collect::<Vec<_>>())
}

async fn list(admin: Admin, place: web::Path<Place>) -> Result<HttpResponse, HttpError> {
    Ok(reps(&place.viewed(&admin).await?))
}

async fn list_of_protocol(
    admin: Admin,
    place: web::Path<Place>,
) -> Result<HttpResponse, HttpError> {
    let mut mappers = place.viewed(&admin).await?;
    mappers.retain(|mapper| mapper.protocol == place.protocol);
    Ok(reps(&mappers))
}

async fn get(admin: Admin, place: web::Path<Place>) -> Result<HttpResponse, HttpError> {
    Ok(HttpResponse::Ok().json(to_rep(&place.one(&admin).await?)))
}

async fn create(
    admin: Admin,
    place: web::Path<Place>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let (owner, path) = place.changed(&admin).await?;
    let mut mapper = new(&admin, read(&body)?)?;
    check(&admin, &place, &mut mapper).await?;
    mapper::create(admin.db(), admin.realm.id, owner, &mapper)
        .await
        .map_err(|error| match error {
            Error::Duplicate(_) => HttpError::message(409, "Protocol mapper exists with same name"),
            other => other.into(),
        })?;
    admin.state().changed(admin.realm.id);
    Ok(created(&admin, &format!("{path}/{}", mapper.id)))
}

/// What has to hold of a client before it has a mapper of some kind.
async fn check(admin: &Admin, place: &Place, mapper: &mut Mapper) -> Result<(), HttpError> {
    match &place.client {
        Some(client) if mapper.protocol_mapper == pairwise::MAPPER => {
            let client = clients::named(admin, client).await?;
            pairwise::check(admin.state(), &client, mapper).await
        }
        _ => Ok(()),
    }
}

/// All of them or none.
async fn create_many(
    admin: Admin,
    place: web::Path<Place>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let (owner, _) = place.changed(&admin).await?;
    let reps: Vec<ProtocolMapperRepresentation> = read(&body)?;
    let mut mappers: Vec<_> = reps
        .into_iter()
        .map(|rep| new(&admin, rep))
        .collect::<Result<_, _>>()?;
    for mapper in &mut mappers {
        check(&admin, &place, mapper).await?;
    }
    mapper::add_many(admin.db(), admin.realm.id, owner, &mappers)
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
async fn update(
    admin: Admin,
    place: web::Path<Place>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let (owner, _) = place.changed(&admin).await?;
    let before = place.one(&admin).await?;
    let change: ProtocolMapperRepresentation = read(&body)?;
    let rep = ProtocolMapperRepresentation {
        protocol_mapper: change.protocol_mapper,
        config: Some(change.config.unwrap_or_default()),
        ..before.to_rep()
    };
    check_kind(&admin, &rep)?;
    let mut after = Mapper::from_rep(&rep)?;
    check(&admin, &place, &mut after).await?;
    if !mapper::update(admin.db(), admin.realm.id, owner, &after).await? {
        return Err(not_found());
    }
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

async fn delete(admin: Admin, place: web::Path<Place>) -> Result<HttpResponse, HttpError> {
    let (owner, _) = place.changed(&admin).await?;
    let mapper = place.one(&admin).await?;
    if !mapper::delete(admin.db(), admin.realm.id, owner, mapper.id).await? {
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
            fill(&mut rep, &LIKE);
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
