//! `/admin/realms/{realm}/client-policies`: there are none, and clients write back the empty lists that they have read.

use actix_web::HttpResponse;
use actix_web::web::ServiceConfig;
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{REALM, unavailable};
use crate::auth::Role::ManageRealm;
use crate::page::Query;
use crate::{Admin, at};

pub(super) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(
        at("/client-policies/profiles")
            .get(|admin, query| list(admin, query, "profiles", "globalProfiles"))
            .put(update)
            .done(),
    )
    .service(
        at("/client-policies/policies")
            .get(|admin, query| list(admin, query, "policies", "globalPolicies"))
            .put(update)
            .done(),
    );
}

async fn list(
    admin: Admin,
    query: Query,
    member: &'static str,
    global: &'static str,
) -> Result<HttpResponse, HttpError> {
    admin.require(REALM)?;
    let mut rep = Map::from_iter([(member.to_owned(), json!([]))]);
    if query.flag(&format!("include-global-{member}")) == Some(true) {
        rep.insert(global.to_owned(), json!([]));
    }
    Ok(HttpResponse::Ok().json(rep))
}

/// ClientPoliciesRepresentation and ClientProfilesRepresentation.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Given {
    profiles: Vec<Value>,
    policies: Vec<Value>,
    #[serde(rename = "globalProfiles")]
    _global_profiles: Option<Vec<Value>>,
    #[serde(rename = "globalPolicies")]
    _global_policies: Option<Vec<Value>>,
}

async fn update(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let given: Given =
        parse(&body.0).map_err(|error| error.into_http("ClientPoliciesRepresentation"))?;
    if given.profiles.is_empty() && given.policies.is_empty() {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(unavailable("client policies"))
}
