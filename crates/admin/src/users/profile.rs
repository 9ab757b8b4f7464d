//! `/admin/realms/{realm}/users/profile`: which attributes users have, and the rules for each.

use actix_web::HttpResponse;
use protocol::HttpError;
use protocol::body::{JsonBytes, JsonError, parse};
use realm::UserProfile;
use realm::user_profile;
use serde_json::Value;

use crate::Admin;
use crate::auth::Role::{ManageRealm, ManageUsers, QueryUsers, ViewRealm, ViewUsers};

fn require(admin: &Admin) -> Result<(), HttpError> {
    admin.require(&[ViewRealm, ManageRealm, QueryUsers, ViewUsers, ManageUsers])
}

pub(crate) async fn get(admin: Admin) -> Result<HttpResponse, HttpError> {
    require(&admin)?;
    Ok(HttpResponse::Ok().json(&*admin.realm.user_profile))
}

pub(crate) async fn get_metadata(admin: Admin) -> Result<HttpResponse, HttpError> {
    require(&admin)?;
    Ok(HttpResponse::Ok().json(user::profile::metadata(&admin.realm, false)))
}

/// Stores the profile and answers with it; without a body the realm has the default one again.
pub(crate) async fn update(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let profile = checked(&admin, &body.0).await?;
    save(&admin, profile.as_ref()).await?;
    let stored = profile.unwrap_or_else(|| UserProfile::default_of(&admin.realm.name));
    Ok(HttpResponse::Ok().json(stored))
}

/// Reads a profile that the realm could have; none for the default one.
pub(crate) async fn checked(admin: &Admin, body: &[u8]) -> Result<Option<UserProfile>, HttpError> {
    let profile = read(body)?;
    if let Some(profile) = &profile {
        let scopes = client::scope::list(admin.db(), admin.realm.id).await?;
        let scopes: Vec<String> = scopes.into_iter().map(|scope| scope.name).collect();
        let problems = user::profile::check_config(profile, &scopes);
        if !problems.is_empty() {
            let text = format!("[{}]", problems.join(", "));
            return Err(HttpError::message(400, &text));
        }
    }
    Ok(profile)
}

/// Stores a profile that has been checked.
pub(crate) async fn save(admin: &Admin, profile: Option<&UserProfile>) -> Result<(), HttpError> {
    let mut transaction = admin.db().begin().await.map_err(store::Error::from)?;
    user_profile::store(&mut transaction, &admin.realm, profile).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    admin.state().changed(admin.realm.id);
    Ok(())
}

fn read(body: &[u8]) -> Result<Option<UserProfile>, HttpError> {
    if body.trim_ascii().is_empty() || body.trim_ascii() == b"null" {
        return Ok(None);
    }
    if body.len() > user_profile::MAX_BYTES {
        let text = format!(
            "A user profile has at most {} bytes",
            user_profile::MAX_BYTES
        );
        return Err(HttpError::message(400, &text));
    }
    parse(body).map(Some).map_err(|error| {
        let part = match &error {
            JsonError::UnknownField(field, ..) => part_with(body, field),
            _ => "UPConfig",
        };
        error.into_http(part)
    })
}

/// Keycloak's name for the part of a profile that has this member.
fn part_with(body: &[u8], field: &str) -> &'static str {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let attributes = body["attributes"].as_array();
    let within = |member: &str| {
        let mut parts = attributes.into_iter().flatten();
        parts.any(|attribute| attribute[member].get(field).is_some())
    };
    let of_a_group = body["groups"]
        .as_array()
        .is_some_and(|groups| groups.iter().any(|group| group.get(field).is_some()));
    if body.get(field).is_some() {
        "UPConfig"
    } else if attributes.is_some_and(|list| list.iter().any(|one| one.get(field).is_some())) {
        "UPAttribute"
    } else if of_a_group {
        "UPGroup"
    } else if within("required") {
        "UPAttributeRequired"
    } else if within("selector") {
        "UPAttributeSelector"
    } else {
        "UPAttributePermissions"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_member_is_named_with_the_part_it_is_in() {
        for (body, part) in [
            (r#"{"x":1}"#, "UPConfig"),
            (r#"{"attributes":[{"x":1}]}"#, "UPAttribute"),
            (r#"{"groups":[{"x":1}]}"#, "UPGroup"),
            (
                r#"{"attributes":[{"required":{"x":1}}]}"#,
                "UPAttributeRequired",
            ),
            (
                r#"{"attributes":[{"permissions":{"x":1}}]}"#,
                "UPAttributePermissions",
            ),
        ] {
            let answer = read(body.as_bytes()).unwrap_err().to_string();
            assert!(
                answer.contains(&format!("representation for {part}. Unrecognized")),
                "{answer}"
            );
        }
        assert!(read(b" ").unwrap().is_none() && read(b"null").unwrap().is_none());
        assert!(read(b"[]").is_err());
        assert!(read(&vec![b' '; 2 << 20]).unwrap().is_none());
        let long = format!(r#"{{"groups":[{{"name":"{}"}}]}}"#, "x".repeat(1 << 20));
        assert!(
            read(long.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("at most")
        );
    }
}
