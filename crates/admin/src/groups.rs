//! `/admin/realms/{realm}/groups` and all that hangs on a group, `group-by-path` and `default-groups`.

mod defaults;
mod list;
mod reach;
mod write;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use protocol::HttpError;
use protocol::context::decode_segment;
use user::group::{self, Group, GroupRepresentation};
use user::rep::{Access, Rights};
use user::search;
use uuid::Uuid;

use crate::auth::Role::{self, ManageUsers, ViewUsers};
use crate::page::Query;
use crate::role_mappings::{self, OfGroups};
use crate::{Admin, at};

pub(crate) use defaults::named_by as default_groups;
pub(crate) use reach::{require_may_join, to_join};

/// Those who see groups and who is in them.
const VIEWERS: &[Role] = &[ViewUsers, ManageUsers];

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    for path in ["/groups", "/groups/"] {
        cfg.service(at(path).get(list::list).post(write::create).done());
    }
    cfg.service(at("/groups/count").get(list::count).done())
        .service(
            at("/groups/{id}")
                .get(get)
                .put(write::update)
                .delete(write::delete)
                .done(),
        )
        .service(
            at("/groups/{id}/children")
                .get(list::children)
                .post(write::create_child)
                .done(),
        )
        .service(at("/groups/{id}/members").get(members).done())
        .service(at("/group-by-path/{path:.*}").get(by_path).done())
        .service(at("/default-groups").get(defaults::list).done())
        .service(
            at("/default-groups/{group}")
                .put(defaults::add)
                .delete(defaults::remove)
                .done(),
        )
        .configure(role_mappings::routes::<OfGroups>);
}

type GroupPath = web::Path<(String, String)>;

fn not_found() -> HttpError {
    HttpError::plain(404, "Could not find group by id")
}

/// The group of a path, for a caller who holds one of `roles`.
pub(crate) async fn find(admin: &Admin, id: &str, roles: &[Role]) -> Result<Group, HttpError> {
    admin.require(roles)?;
    lookup(admin, id).await?.ok_or_else(not_found)
}

/// The group with this id, in the words of the paths that name it last.
pub(crate) async fn in_realm(admin: &Admin, id: &str) -> Result<Group, HttpError> {
    let unknown = || HttpError::plain(404, "Group not found");
    lookup(admin, id).await?.ok_or_else(unknown)
}

async fn lookup(admin: &Admin, id: &str) -> Result<Option<Group>, HttpError> {
    match Uuid::try_parse(id) {
        Ok(id) => Ok(group::find(admin.db(), admin.realm.id, id).await?),
        Err(_) => Ok(None),
    }
}

/// What the caller may do with groups, as representations tell.
fn access(admin: &Admin) -> Access {
    Access::group(Rights {
        view: admin.has(VIEWERS),
        manage: admin.has(&[ManageUsers]),
        ..Rights::default()
    })
}

/// A list without counts and access.
pub(crate) fn reps(groups: &[Group], brief: bool) -> HttpResponse {
    let reps: Vec<GroupRepresentation> = groups.iter().map(|group| group.to_rep(brief)).collect();
    HttpResponse::Ok().json(reps)
}

/// One group, with all that there is to say.
fn full(admin: &Admin, group: &Group) -> GroupRepresentation {
    GroupRepresentation {
        sub_group_count: Some(group.sub_group_count),
        access: Some(access(admin)),
        ..group.to_rep(false)
    }
}

async fn get(admin: Admin, path: GroupPath) -> Result<HttpResponse, HttpError> {
    let found = find(&admin, &path.1, VIEWERS).await?;
    Ok(HttpResponse::Ok().json(full(&admin, &found)))
}

async fn by_path(admin: Admin, path: GroupPath) -> Result<HttpResponse, HttpError> {
    admin.require(VIEWERS)?;
    let unknown = || HttpError::plain(404, "Group path does not exist");
    let path = decode_segment(&path.1).ok_or_else(unknown)?;
    let found = group::find_by_path(admin.db(), admin.realm.id, &path)
        .await?
        .ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(GroupRepresentation {
        access: None,
        ..full(&admin, &found)
    }))
}

async fn members(admin: Admin, path: GroupPath, query: Query) -> Result<HttpResponse, HttpError> {
    let found = find(&admin, &path.1, VIEWERS).await?;
    let first = query.number("first")?.unwrap_or(0);
    let max = match (query.number("max")?, query.text("max")) {
        (Some(max), _) => max,
        // Given and negative: no bound but that of the server.
        (None, Some(_)) => search::MAX_LISTED,
        (None, None) => search::DEFAULT_MAX,
    };
    let users = group::members(admin.db(), admin.realm.id, found.id, first, max).await?;
    let brief = query.flag("briefRepresentation").unwrap_or(false);
    let reps = users.iter().map(|user| {
        let rep = if brief {
            user.to_brief_rep(None)
        } else {
            user.to_rep(None)
        };
        user::profile::shown(&admin.realm, user, rep)
    });
    Ok(HttpResponse::Ok().json(reps.collect::<Vec<_>>()))
}
