//! `/admin/realms/{realm}/authentication/flows`: the flows that every realm of Keycloak has, to be read only.
//!
//! Clients look them up by alias where a realm or a client names them. They decide nothing here.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use protocol::HttpError;
use realm::Realm;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::auth::Role::{ManageRealm, QueryClients, ViewClients, ViewRealm};
use crate::{Admin, at};

/// The seven of a new realm: AuthenticationFlowRepresentations without ids, each with its `executions`.
const FLOWS: &str = include_str!("flows.json");
const EXECUTIONS: &str = "executions";

/// Writes are in the table.
pub(super) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(at("/authentication/flows").get(list).post(refuse).done())
        .service(
            at("/authentication/flows/{id}")
                .get(get)
                .put(refuse)
                .delete(refuse)
                .done(),
        )
        .service(
            at("/authentication/flows/{alias}/executions")
                .get(executions)
                .put(refuse)
                .done(),
        );
}

async fn refuse(admin: Admin, _: HttpRequest) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    Err(super::unavailable("authentication flows"))
}

/// A flow, and its executions beside it.
type Flow = (Map<String, Value>, Vec<Value>);

/// The flows of a realm.
pub(crate) fn all(realm: &Realm) -> Result<Vec<Flow>, HttpError> {
    let flows: Vec<Map<String, Value>> =
        serde_json::from_str(FLOWS).map_err(HttpError::internal)?;
    let flows = flows.into_iter().zip(1_u128..).map(|(mut flow, number)| {
        let executions = flow.remove(EXECUTIONS);
        let executions = executions.iter().filter_map(Value::as_array).flatten();
        let executions = executions
            .zip(1_u128..)
            .map(|(execution, below)| {
                let execution = execution.as_object().cloned().unwrap_or_default();
                Value::Object(with_id(realm, number << 8 | below, execution))
            })
            .collect();
        (with_id(realm, number, flow), executions)
    });
    Ok(flows.collect())
}

/// An id that is the realm's own and stays the same; it stands first.
fn with_id(realm: &Realm, number: u128, rep: Map<String, Value>) -> Map<String, Value> {
    let id = Uuid::from_u128(realm.id.as_u128() ^ number);
    let mut whole = Map::new();
    whole.insert("id".to_owned(), json!(id));
    whole.extend(rep);
    whole
}

/// Who may see that there are flows.
pub(crate) fn require_view(admin: &Admin) -> Result<(), HttpError> {
    admin.require(&[ManageRealm, QueryClients, ViewClients, ViewRealm])
}

async fn list(admin: Admin) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let flows: Vec<_> = all(&admin.realm)?
        .into_iter()
        .map(|(flow, _)| flow)
        .collect();
    Ok(HttpResponse::Ok().json(flows))
}

async fn get(admin: Admin, path: web::Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    admin.require(super::REALM)?;
    let flows = all(&admin.realm)?;
    let flow = flows.iter().find(|(flow, _)| flow["id"] == path.1.as_str());
    let flow = flow.ok_or_else(|| HttpError::plain(404, "Could not find flow with id"))?;
    Ok(HttpResponse::Ok().json(&flow.0))
}

async fn executions(
    admin: Admin,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, HttpError> {
    admin.require(super::REALM)?;
    let alias = protocol::context::decode_segment(&path.1).unwrap_or_default();
    let flows = all(&admin.realm)?;
    let flow = flows
        .iter()
        .find(|(flow, _)| flow["alias"] == alias.as_str());
    let flow = flow.ok_or_else(|| HttpError::plain(404, "Flow not found"))?;
    Ok(HttpResponse::Ok().json(&flow.1))
}
