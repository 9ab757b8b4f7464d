//! Lists of groups.

use actix_web::HttpResponse;
use protocol::HttpError;
use serde_json::json;
use user::group::{self, Group, GroupRepresentation, Search, Where};
use uuid::Uuid;

use super::{GroupPath, VIEWERS, access, find};
use crate::Admin;
use crate::auth::Role::{ManageUsers, QueryGroups, ViewUsers};
use crate::page::Query;
use crate::users::pairs;

/// How a list shows each group.
fn show(
    admin: &Admin,
    query: &Query,
    brief: bool,
) -> Result<impl Fn(&Group) -> GroupRepresentation, HttpError> {
    let brief = query.flag("briefRepresentation").unwrap_or(brief);
    let counts = query.flag("subGroupsCount").unwrap_or(true);
    let access = access(admin);
    Ok(move |group: &Group| GroupRepresentation {
        sub_group_count: counts.then_some(group.sub_group_count),
        access: Some(access.clone()),
        ..group.to_rep(brief)
    })
}

/// Groups at the top; or what a search finds, each below the groups that it is in.
pub(super) async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[QueryGroups, ViewUsers, ManageUsers])?;
    let mut search = Search {
        first: query.number("first")?,
        max: query.number("max")?,
        ..Search::default()
    };
    if !admin.has(VIEWERS) {
        return Ok(HttpResponse::Ok().json([(); 0]));
    }
    if let Some(q) = query.text("q") {
        search.q = pairs(&q);
        search.among = Where::Anywhere;
    } else if let Some(name) = query.text("search") {
        search.name = Some(name.trim().to_owned());
        search.exact = query.flag("exact") == Some(true);
        search.among = Where::Anywhere;
    }
    let show = show(&admin, &query, true)?;
    let (db, realm) = (admin.db(), admin.realm.id);
    let groups = group::list(db, realm, &search).await?;
    let below = groups.iter().any(|group| group.parent_id.is_some());
    if below && query.flag("populateHierarchy").unwrap_or(true) {
        let ids: Vec<Uuid> = groups.iter().map(|group| group.id).collect();
        let tree = group::with_ancestors(db, realm, &ids, &show).await?;
        return Ok(HttpResponse::Ok().json(tree));
    }
    Ok(HttpResponse::Ok().json(groups.iter().map(show).collect::<Vec<_>>()))
}

pub(super) async fn count(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[QueryGroups, ViewUsers, ManageUsers])?;
    let name = query.text("search");
    let among = if query.flag("top") == Some(true) && name.is_none() {
        Where::Top
    } else {
        Where::Anywhere
    };
    let search = Search {
        among,
        name,
        ..Search::default()
    };
    let count = group::count(admin.db(), admin.realm.id, &search).await?;
    Ok(HttpResponse::Ok().json(json!({ "count": count })))
}

pub(super) async fn children(
    admin: Admin,
    path: GroupPath,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    let parent = find(&admin, &path.1, VIEWERS).await?;
    let search = Search {
        among: Where::In(parent.id),
        name: query.text("search"),
        exact: query.flag("exact") == Some(true),
        first: query.number("first")?,
        max: query.number("max")?,
        ..Search::default()
    };
    let show = show(&admin, &query, false)?;
    let groups = group::list(admin.db(), admin.realm.id, &search).await?;
    Ok(HttpResponse::Ok().json(groups.iter().map(show).collect::<Vec<_>>()))
}
