//! `/admin/realms/{realm}/users/profile`: the profile that every realm has. Realms cannot have their own.

use actix_web::HttpResponse;
use protocol::HttpError;
use realm::Realm;
use serde_json::{Value, json};

use crate::Admin;
use crate::auth::Role::{ManageRealm, ManageUsers, QueryUsers, ViewRealm, ViewUsers};

/// Keycloak's default profile.
const PROFILE: &str = include_str!("profile.json");
/// What forms make of it.
const METADATA: &str = include_str!("profile_metadata.json");

fn document(text: &str) -> Result<Value, HttpError> {
    serde_json::from_str(text).map_err(HttpError::internal)
}

fn require(admin: &Admin) -> Result<(), HttpError> {
    admin.require(&[ViewRealm, ManageRealm, QueryUsers, ViewUsers, ManageUsers])
}

pub(crate) async fn get(admin: Admin) -> Result<HttpResponse, HttpError> {
    require(&admin)?;
    let mut profile = document(PROFILE)?;
    // The administrators of master need neither name nor address.
    if admin.realm.is_master() {
        let attributes = profile["attributes"].as_array_mut().into_iter().flatten();
        attributes
            .filter_map(Value::as_object_mut)
            .for_each(|attribute| drop(attribute.remove("required")));
    }
    Ok(HttpResponse::Ok().json(profile))
}

pub(crate) async fn get_metadata(admin: Admin) -> Result<HttpResponse, HttpError> {
    require(&admin)?;
    Ok(HttpResponse::Ok().json(document(METADATA)?))
}

pub(crate) async fn update(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    Err(HttpError::plain(
        501,
        "user profile configuration is not available on this server",
    ))
}

/// The metadata within an existing user's representation: its name may be fixed.
pub(crate) fn metadata_of(realm: &Realm) -> Result<Value, HttpError> {
    let mut metadata = document(METADATA)?;
    let attributes = metadata["attributes"].as_array_mut().into_iter().flatten();
    for attribute in attributes.filter(|attribute| attribute["name"] == "username") {
        attribute["readOnly"] = json!(!realm.settings.edit_username_allowed);
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_are_json() {
        for text in [PROFILE, METADATA] {
            assert_eq!(
                document(text).unwrap()["attributes"]
                    .as_array()
                    .map(Vec::len),
                Some(4)
            );
        }
    }
}
