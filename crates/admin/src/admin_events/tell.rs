//! Writing admin events: one place for all routes, after their handlers.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpMessage as _;
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode, header};
use protocol::body::JsonBytes;
use protocol::context::decode_segment;
use realm::admin_event::{self, AdminEvent, AuthDetails, Operation};
use realm::{Realm, event::EventId};
use serde_json::Value;
use uuid::Uuid;

use super::{kinds, strip};
use crate::Admin;

/// Characters of a path that an event keeps.
const MAX_PATH: usize = 500;

/// What is known of a call that the permission gate has let pass; it stays with the request.
#[derive(Clone)]
pub(crate) struct Call {
    request: protocol::Request,
    realm: Arc<Realm>,
    home: Arc<Realm>,
    client: Uuid,
    user: Uuid,
    note: Rc<RefCell<Note>>,
}

/// What a handler says of its event where route and body do not tell it.
#[derive(Default)]
pub(crate) struct Note {
    /// The resource type.
    pub(crate) resource_type: Option<&'static str>,
    /// What is done.
    pub(crate) operation: Option<Operation>,
    /// The path of the thing, below the realm.
    pub(crate) path: Option<String>,
    /// What it is about, without secrets.
    pub(crate) representation: Option<Value>,
}

fn wanted(realm: &Realm) -> bool {
    realm.rep.admin_events_enabled == Some(true)
}

impl Call {
    /// Remembers the call of a caller, known by this client, if an event may come of it.
    pub(crate) fn remember(http: &actix_web::HttpRequest, admin: &mut Admin, client: Uuid) {
        // A change of the realm itself may be what turns its events on.
        let may_tell = wanted(&admin.realm) || wanted(&admin.home) || http.method() == Method::PUT;
        if http.method().is_safe() || !may_tell {
            return;
        }
        let note = Rc::default();
        admin.note = Some(Rc::clone(&note));
        http.extensions_mut().insert(Self {
            request: admin.request.clone(),
            realm: Arc::clone(&admin.realm),
            home: Arc::clone(&admin.home),
            client,
            user: admin.user,
            note,
        });
    }
}

/// Keeps the admin event of a call that has succeeded, if the realm wants it. Whether it can be kept does not change
/// the answer.
pub(crate) async fn tell<B>(response: &ServiceResponse<B>) {
    let http = response.request();
    let Some(call) = http.extensions_mut().remove::<Call>() else {
        return;
    };
    let Some(pattern) = http.match_pattern() else {
        return;
    };
    let (below_admin, below_realm) = places(&pattern);
    let method = http.method();
    let makes_realm = below_admin == "/realms";
    let kind = match kinds::of(
        method.as_str(),
        if makes_realm {
            below_admin
        } else {
            below_realm
        },
    ) {
        Some(None) => return,
        Some(Some(kind)) => kind,
        // What a protocol adds below a client.
        None => ("CUSTOM", operation_of(method)),
    };
    let deletes_realm = below_realm.is_empty() && method == Method::DELETE;
    let changes_realm = method == Method::PUT && ["", "/events/config"].contains(&below_realm);
    let (realm, wanted) = if makes_realm || deletes_realm {
        // A realm that comes or goes is told of where its maker is at home.
        (Arc::clone(&call.home), wanted(&call.home))
    } else if changes_realm {
        // As it is now: the call may have turned its events on. That it turned them off is told as well.
        let now = call.request.state.realms.get(&call.realm.name).await;
        let now = now.ok().flatten();
        let realm = now.unwrap_or_else(|| Arc::clone(&call.realm));
        let wanted = wanted(&realm) || wanted(&call.realm);
        (realm, wanted)
    } else {
        (Arc::clone(&call.realm), wanted(&call.realm))
    };
    if !wanted {
        return;
    }

    let note = call.note.take();
    let operation = note.operation.unwrap_or(kind.1);
    let resource_path = note.path.or_else(|| {
        if deletes_realm {
            return Some(call.realm.name.clone());
        }
        path_of(http.path(), location(response), makes_realm)
    });
    let representation = match note.representation {
        _ if realm.rep.admin_events_details_enabled != Some(true) => None,
        Some(value) => strip::text(&value),
        None if operation == Operation::Action => None,
        None => http
            .extensions()
            .get::<JsonBytes>()
            .and_then(|body| strip::representation(&body.0)),
    };
    let event = AdminEvent {
        id: EventId::default(),
        time: store::clock::now_ms(),
        realm_id: realm.public_id.clone(),
        auth_details: AuthDetails {
            realm_id: call.home.public_id.clone(),
            client_id: call.client.to_string(),
            user_id: call.user.to_string(),
            ip_address: call.request.ip.to_string(),
        },
        operation_type: operation.name().to_owned(),
        resource_type: note.resource_type.unwrap_or(kind.0).to_owned(),
        resource_path,
        representation,
    };
    if let Err(error) = admin_event::record(&call.request.state.pool, realm.id, &event).await {
        tracing::warn!(%error, realm = ?realm.name, "an admin event was not kept");
    }
}

fn operation_of(method: &Method) -> Operation {
    match *method {
        Method::POST => Operation::Create,
        Method::DELETE => Operation::Delete,
        _ => Operation::Update,
    }
}

fn location<B>(response: &ServiceResponse<B>) -> Option<&str> {
    (response.status() == StatusCode::CREATED)
        .then(|| response.headers().get(header::LOCATION)?.to_str().ok())
        .flatten()
}

/// The part of a path below `/admin`, and the part below `/admin/realms/{realm}`.
fn places(path: &str) -> (&str, &str) {
    let below_admin = path
        .find("/admin/")
        .map_or("", |at| &path[at + "/admin".len()..]);
    let below_realm = below_admin
        .strip_prefix("/realms/")
        .and_then(|rest| rest.find('/').map(|at| &rest[at..]))
        .unwrap_or_default();
    (below_admin.trim_end_matches('/'), below_realm)
}

/// What a call was about: the new thing where it lies below the path of the call, else that path; none for the realm
/// itself. A new realm has its name.
fn path_of(called: &str, location: Option<&str>, makes_realm: bool) -> Option<String> {
    let plain = |path: &str| {
        let text = decode_segment(path.trim_matches('/'))?;
        let text: String = text.chars().filter(|c| *c != '\0').take(MAX_PATH).collect();
        Some(text).filter(|text| !text.is_empty())
    };
    if makes_realm {
        return plain(places(location?).0.strip_prefix("/realms/")?);
    }
    let called = places(called).1.trim_end_matches('/');
    let made = location.map(|location| places(location).1);
    plain(
        made.filter(|made| {
            made.strip_prefix(called)
                .is_some_and(|rest| rest.starts_with('/'))
        })
        .unwrap_or(called),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_that_of_the_new_thing_or_of_the_call_below_the_realm() {
        let of = |called, location| path_of(called, location, false);
        let text = |path: &str| Some(path.to_owned());
        assert_eq!(of("/admin/realms/r", None), None);
        assert_eq!(
            of("/auth/admin/realms/r%20s/users/1", None),
            text("users/1")
        );
        assert_eq!(
            of(
                "/admin/realms/r/users/",
                Some("http://h/admin/realms/r/users/1")
            ),
            text("users/1")
        );
        assert_eq!(
            of(
                "/admin/realms/r/roles",
                Some("http://h/admin/realms/r/roles/a%2Fb")
            ),
            text("roles/a/b")
        );
        assert_eq!(
            of(
                "/admin/realms/r/groups/1/children",
                Some("http://h/admin/realms/r/groups/2")
            ),
            text("groups/1/children")
        );
        assert_eq!(
            path_of("/admin/realms", Some("http://h/admin/realms/a%20b"), true),
            text("a b")
        );
    }
}
