//! Users who change their own profile.

use realm::Realm;
use realm::user_profile::Attribute;
use serde_json::Value;
use sqlx::types::Json;
use store::Connection;
use uuid::Uuid;

use super::{collision, email_unique};
use crate::{User, WriteError, profile};

/// A profile before and after a change.
pub struct Changed {
    /// Before.
    pub old: User,
    /// After.
    pub new: User,
}

/// Whether users change this attribute of theirs; what depends on the scope of a request is left out, as nobody is
/// signed in to a client here.
#[must_use]
pub fn may_edit(realm: &Realm, attribute: &Attribute) -> bool {
    let settings = &realm.settings;
    let scopes = attribute.selector.as_ref().and_then(|s| s.scopes.as_ref());
    let allowed = match attribute.name() {
        "username" => settings.edit_username_allowed && !settings.registration_email_as_username,
        _ => true,
    };
    let edit = attribute.permissions.as_ref().map(|p| &p.edit);
    allowed
        && edit.is_some_and(|words| words.iter().any(|word| word == "user"))
        && scopes.is_none_or(Vec::is_empty)
}

/// Changes the profile of a user to what the user has entered: pairs of attribute and value. An attribute that is not
/// there is emptied, as a form leaves out what nobody has chosen; what is not the user's to change stays. A new e-mail
/// address is not verified. None when there is no such user.
///
/// # Errors
/// [`WriteError::Validation`] with every problem, [`WriteError::Conflict`], [`WriteError::Limit`].
pub async fn update_own(
    tx: &mut Connection,
    realm: &Realm,
    id: Uuid,
    entered: &[(String, String)],
) -> Result<Option<Changed>, WriteError> {
    let sql =
        crate::select_user!("from user_entity u where u.realm_id = $1 and u.id = $2 for update");
    let known: Option<User> = sqlx::query_as(sql)
        .bind(realm.id)
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?;
    let Some(old) = known else { return Ok(None) };
    let new = entered_by(realm, &old, entered);
    profile::validate_own(realm, &new, |attribute| may_edit(realm, attribute))?;
    let done = sqlx::query(
        "update user_entity set username = $3, email = $4, email_unique = $5, email_verified = $6, first_name = $7, \
         last_name = $8, attributes = $9 where realm_id = $1 and id = $2 and not exists (select from user_entity \
         where realm_id = $1 and id <> $2 and (email_unique = $3 or username = $5))",
    )
    .bind(realm.id)
    .bind(id)
    .bind(&new.username)
    .bind(&new.email)
    .bind(email_unique(realm, &new))
    .bind(new.email_verified)
    .bind(&new.first_name)
    .bind(&new.last_name)
    .bind(Json(&new.attributes))
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(collision(tx, realm.id, &new).await?);
    }
    Ok(Some(Changed { old, new }))
}

fn entered_by(realm: &Realm, old: &User, entered: &[(String, String)]) -> User {
    let mut new = old.clone();
    for attribute in realm.user_profile.attributes.iter().flatten() {
        if !may_edit(realm, attribute) {
            continue;
        }
        let name = attribute.name();
        let values: Vec<&str> = entered
            .iter()
            .filter(|(known, value)| known == name && !value.trim().is_empty())
            .map(|(_, value)| value.as_str())
            .collect();
        let first = values.first().map(|value| (*value).to_owned());
        match name {
            "username" => new.username = first.unwrap_or_default().to_lowercase(),
            "email" => new.email = first.map(|value| value.to_lowercase()),
            "firstName" => new.first_name = first,
            "lastName" => new.last_name = first,
            _ if values.is_empty() => {
                new.attributes.remove(name);
            }
            _ => {
                new.attributes.insert(name.to_owned(), Value::from(values));
            }
        }
    }
    if new.email != old.email {
        new.email_verified = false;
        if let (true, Some(email)) = (realm.settings.registration_email_as_username, &new.email) {
            new.username.clone_from(email);
        }
    }
    new
}
