//! Areas of Keycloak's admin API that this server does not have, one table.
//!
//! What clients read in passing is answered as by a Keycloak that has none of it; one thing by its id is not there;
//! whatever would change something is refused in words, so that nobody takes it for done or for a mistyped path.

mod areas;
mod client_policies;
pub(crate) mod flows;

use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};
use protocol::HttpError;

use crate::auth::Role::{self, ManageRealm, ViewRealm};
use crate::{Admin, at, clients};
use areas::AREAS;

/// What a call is answered.
#[derive(Clone, Copy)]
enum Answer {
    /// 200 with this JSON.
    Ok(&'static str),
    /// 204, where Keycloak answers so when there is nothing.
    NoContent,
    /// 404 `{"error"}`.
    Missing(&'static str),
    /// 501: not available on this server.
    Unavailable,
    /// As the rest, but while the realm's organizations are off all reading is 404.
    Organizations(&'static str),
    /// 404 `{"errorMessage"}` of organizations.
    NoOrganization,
}
use Answer::{Missing, NoContent, NoOrganization, Ok, Organizations, Unavailable};

const EMPTY: Answer = Ok("[]");

/// A path below the realm with its answer to each method: GET, POST, PUT, DELETE.
type Call = (&'static str, [Option<Answer>; 4]);

const fn get(answer: Answer) -> [Option<Answer>; 4] {
    [Some(answer), None, None, None]
}
/// A list of things, and making one.
const fn list(answer: Answer) -> [Option<Answer>; 4] {
    [Some(answer), Some(Unavailable), None, None]
}
/// Whatever is below a path.
const fn all(answer: Answer) -> [Option<Answer>; 4] {
    [
        Some(answer),
        Some(Unavailable),
        Some(Unavailable),
        Some(Unavailable),
    ]
}
const WRITES: [Option<Answer>; 4] = [
    None,
    Some(Unavailable),
    Some(Unavailable),
    Some(Unavailable),
];
const POST: [Option<Answer>; 4] = [None, Some(Unavailable), None, None];

struct Area {
    /// In `<name> is not available on this server`.
    name: &'static str,
    /// Who may read; nobody named: only who holds all roles.
    view: &'static [Role],
    /// Who may write.
    manage: &'static [Role],
    calls: &'static [Call],
}

const REALM: &[Role] = &[ViewRealm, ManageRealm];

/// Whether a route is one of these.
pub(crate) fn has(path: &str) -> bool {
    path.starts_with("/authentication/flows")
        || AREAS
            .iter()
            .flat_map(|area| area.calls)
            .any(|(known, _)| *known == path)
}

/// All below `/admin/realms/{realm}`; after everything else, for some paths take all that is below them.
pub(crate) fn routes(cfg: &mut ServiceConfig) {
    flows::routes(cfg);
    client_policies::routes(cfg);
    for area in AREAS {
        for (path, answers) in area.calls {
            let mut resource = at(path);
            let [get, post, put, delete] = answers.map(|answer| {
                answer.map(|answer| {
                    move |admin: Admin, request: HttpRequest| respond(admin, request, area, answer)
                })
            });
            if let Some(handler) = get {
                resource = resource.get(handler);
            }
            if let Some(handler) = post {
                resource = resource.post(handler);
            }
            if let Some(handler) = put {
                resource = resource.put(handler);
            }
            if let Some(handler) = delete {
                resource = resource.delete(handler);
            }
            cfg.service(resource.done());
        }
    }
}

/// 501 in our words.
fn unavailable(area: &str) -> HttpError {
    HttpError::plain(501, &format!("{area} is not available on this server"))
}

async fn respond(
    admin: Admin,
    request: HttpRequest,
    area: &'static Area,
    answer: Answer,
) -> Result<HttpResponse, HttpError> {
    let reads = request.method().is_safe();
    admin.require(if reads { area.view } else { area.manage })?;
    if let Some(client) = request.match_info().get("client") {
        clients::named(&admin, client).await?;
    }
    if request
        .match_pattern()
        .is_some_and(|path| path.contains("/users/{id}/"))
    {
        let id = request.match_info().get("id").unwrap_or_default();
        let unknown = || HttpError::plain(404, "User not found");
        let id = id.parse().map_err(|_| unknown())?;
        user::find(admin.db(), admin.realm.id, id)
            .await?
            .ok_or_else(unknown)?;
    }
    let organizations = || {
        admin
            .realm
            .rep
            .organizations_enabled
            .filter(|enabled| *enabled)
            .ok_or_else(|| HttpError::message(404, "Organizations not enabled for this realm."))
    };
    match answer {
        Ok(json) => Result::Ok(document(json)),
        NoContent => Result::Ok(HttpResponse::NoContent().finish()),
        Missing(text) => Err(HttpError::plain(404, text)),
        Unavailable => Err(unavailable(area.name)),
        Organizations(json) => organizations().map(|_| document(json)),
        NoOrganization => {
            organizations()?;
            Err(HttpError::message(404, "Organization not found."))
        }
    }
}

fn document(json: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_json() {
        for (_, answers) in AREAS.iter().flat_map(|area| area.calls) {
            for answer in answers.iter().flatten() {
                if let Ok(json) | Organizations(json) = answer {
                    assert!(
                        serde_json::from_str::<serde_json::Value>(json).is_ok(),
                        "{json}"
                    );
                }
            }
        }
    }
}
