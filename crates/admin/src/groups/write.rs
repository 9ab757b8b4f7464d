//! Making, changing, moving and deleting groups.

use actix_web::HttpResponse;
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use realm::admin_event::Operation;
use serde_json::json;
use store::Error;
use user::group::{self, Group, GroupRepresentation, name_of};
use uuid::Uuid;

use super::{GroupPath, find, full, lookup, not_found, reach};
use crate::auth::Role::ManageUsers;
use crate::{Admin, created, created_at};

fn read(body: &JsonBytes) -> Result<GroupRepresentation, HttpError> {
    parse(&body.0).map_err(|error| error.into_http("GroupRepresentation"))
}

/// In Keycloak's words, what the database or a bound refused about a group called `name`.
fn refusal(error: Error, name: &str, top: bool) -> HttpError {
    match error {
        Error::Duplicate(constraint) if constraint == "group_name_key" => {
            let text = if top {
                format!("Top level group named '{name}' already exists.")
            } else {
                format!("Sibling group named '{name}' already exists.")
            };
            HttpError::message(409, &text)
        }
        Error::Missing(_) => not_found(),
        other => other.into(),
    }
}

/// What an admin event says of a group, as Keycloak's does.
fn tell(admin: &Admin, rep: GroupRepresentation, id: Uuid) {
    admin.note(|note| {
        note.representation = Some(json!(GroupRepresentation {
            id: Some(id.to_string()),
            sub_groups: Some(Vec::new()),
            ..rep
        }));
    });
}

/// Makes a group at the top, or moves the one whose id the body has there.
pub(super) async fn create(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageUsers])?;
    let rep = read(&body)?;
    let name = name_of(&rep)?;
    if let Some(id) = &rep.id {
        return move_to(&admin, id, None, &rep).await;
    }
    let id = group::create(admin.db(), admin.realm.id, None, &rep)
        .await
        .map_err(|error| refusal(error, name, true))?;
    tell(&admin, rep, id);
    Ok(created(&admin, &format!("groups/{id}")))
}

/// The same within a group. Here the answer has a body.
pub(super) async fn create_child(
    admin: Admin,
    path: GroupPath,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let parent = find(&admin, &path.1, &[ManageUsers]).await?;
    let rep = read(&body)?;
    let name = name_of(&rep)?;
    if let Some(id) = &rep.id {
        return move_to(&admin, id, Some(&parent), &rep).await;
    }
    let (db, realm) = (admin.db(), admin.realm.id);
    let id = group::create(db, realm, Some(parent.id), &rep)
        .await
        .map_err(|error| refusal(error, name, false))?;
    let made = group::find(db, realm, id).await?.ok_or_else(not_found)?;
    tell(&admin, rep, id);
    Ok(
        created_at(&admin, &format!("groups/{id}")).json(GroupRepresentation {
            sub_group_count: None,
            ..full(&admin, &made)
        }),
    )
}

/// Moves a group; its name in the body does not count, as in Keycloak.
async fn move_to(
    admin: &Admin,
    id: &str,
    parent: Option<&Group>,
    rep: &GroupRepresentation,
) -> Result<HttpResponse, HttpError> {
    let unknown = || HttpError::plain(404, "Could not find child by id");
    let group = lookup(admin, id).await?.ok_or_else(unknown)?;
    let new = parent.map(|parent| parent.id);
    // Members lose what the one gives and get what the other gives.
    let both: Vec<Uuid> = group.parent_id.into_iter().chain(new).collect();
    reach::require_may_join(admin, &both).await?;
    let mut transaction = admin.db().begin().await.map_err(Error::from)?;
    let moved = group::move_to(&mut transaction, admin.realm.id, group.id, new)
        .await
        .map_err(|error| refusal(error, &group.name, new.is_none()))?;
    if !moved {
        return Err(unknown());
    }
    transaction.commit().await.map_err(Error::from)?;
    tell(admin, rep.clone(), group.id);
    admin.note(|note| note.operation = Some(Operation::Update));
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn update(
    admin: Admin,
    path: GroupPath,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let found = find(&admin, &path.1, &[ManageUsers]).await?;
    let rep = read(&body)?;
    let name = name_of(&rep)?;
    if rep
        .id
        .as_ref()
        .is_some_and(|id| *id != found.id.to_string())
    {
        return Err(HttpError::message(400, "Invalid group id"));
    }
    let updated = group::update(admin.db(), admin.realm.id, found.id, &rep)
        .await
        .map_err(|error| refusal(error, name, false))?;
    if !updated {
        return Err(not_found());
    }
    admin.note(|note| {
        note.representation = Some(json!(GroupRepresentation {
            sub_groups: Some(rep.sub_groups.clone().unwrap_or_default()),
            ..rep.clone()
        }));
    });
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn delete(admin: Admin, path: GroupPath) -> Result<HttpResponse, HttpError> {
    let found = find(&admin, &path.1, &[ManageUsers]).await?;
    reach::require_may_delete(&admin, found.id).await?;
    if !group::delete(admin.db(), admin.realm.id, found.id).await? {
        return Err(not_found());
    }
    let rep = GroupRepresentation {
        name: Some(found.name),
        ..GroupRepresentation::default()
    };
    tell(&admin, rep, found.id);
    Ok(HttpResponse::NoContent().finish())
}
