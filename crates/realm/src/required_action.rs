//! What a user can be asked to do before the next login, and what a realm asks of new users.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::types::Json;
use store::Connection;
use uuid::Uuid;

use crate::{Error, RealmRepresentation, Result};

/// RequiredActionProviderRepresentation, member for member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct RequiredAction {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    pub enabled: bool,
    pub default_action: bool,
    pub priority: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
}

/// Alias, name, whether a new realm has it enabled, priority: lower comes first.
type Row = (&'static str, &'static str, bool, i64);

const NEW_REALM: [Row; 14] = [
    ("TERMS_AND_CONDITIONS", "Terms and Conditions", false, 20),
    ("UPDATE_PROFILE", "Update Profile", true, 40),
    ("VERIFY_EMAIL", "Verify Email", true, 50),
    ("CONFIGURE_TOTP", "Configure OTP", true, 54),
    ("UPDATE_PASSWORD", "Update Password", true, 57),
    ("delete_account", "Delete Account", false, 60),
    ("UPDATE_EMAIL", "Update Email", false, 70),
    ("webauthn-register", "Webauthn Register", true, 80),
    (
        "webauthn-register-passwordless",
        "Webauthn Register Passwordless",
        true,
        90,
    ),
    ("VERIFY_PROFILE", "Verify Profile", true, 100),
    ("delete_credential", "Delete Credential", true, 110),
    ("idp_link", "Linking Identity Provider", true, 120),
    (
        "CONFIGURE_RECOVERY_AUTHN_CODES",
        "Recovery Authentication Codes",
        true,
        130,
    ),
    ("update_user_locale", "Update User Locale", true, 1000),
];

/// The actions of a realm, in the order in which users are asked.
#[must_use]
pub fn list(settings: &RealmRepresentation) -> Vec<RequiredAction> {
    let given: Vec<RequiredAction> = settings
        .required_actions
        .as_ref()
        .and_then(|given| Deserialize::deserialize(given).ok())
        .unwrap_or_default();
    let mut actions: Vec<RequiredAction> = NEW_REALM
        .iter()
        .map(|(alias, name, enabled, priority)| {
            let known = given.iter().find(|g| g.alias.as_deref() == Some(alias));
            known.cloned().unwrap_or_else(|| RequiredAction {
                alias: Some((*alias).to_owned()),
                name: Some((*name).to_owned()),
                provider_id: Some((*alias).to_owned()),
                enabled: *enabled,
                default_action: false,
                priority: *priority,
                config: Some(Map::new()),
            })
        })
        .collect();
    actions.sort_by_key(|action| action.priority);
    actions
}

/// The aliases of those that a new user has to do.
pub fn asked_of_new_users(settings: &RealmRepresentation) -> impl Iterator<Item = String> {
    list(settings)
        .into_iter()
        .filter(|action| action.enabled && action.default_action)
        .filter_map(|action| action.alias)
}

/// Changes the actions of a realm; concurrent changes take turns. `change` says whether there is anything to change.
///
/// # Errors
/// From the database.
pub async fn update(
    tx: &mut Connection,
    realm: Uuid,
    change: impl FnOnce(&mut Vec<RequiredAction>) -> bool,
) -> Result<bool> {
    let settings: Option<Json<RealmRepresentation>> =
        sqlx::query_scalar("select settings from realm where id = $1 for update")
            .bind(realm)
            .fetch_optional(&mut *tx)
            .await?;
    let Some(Json(settings)) = settings else {
        return Ok(false);
    };
    let mut actions = list(&settings);
    if !change(&mut actions) {
        return Ok(false);
    }
    sqlx::query(
        "update realm set settings = jsonb_set(settings, '{requiredActions}', $2) where id = $1",
    )
    .bind(realm)
    .bind(Json(json!(actions)))
    .execute(tx)
    .await?;
    Ok(true)
}

/// Takes the actions of a realm file; those that are not known here are left out.
///
/// # Errors
/// [`Error::Invalid`] when they are no actions.
pub(crate) fn read(given: &Value) -> Result<Value> {
    let unreadable = |_| Error::Invalid("unable to read contents from stream".to_owned());
    let actions: Vec<RequiredAction> = Deserialize::deserialize(given).map_err(unreadable)?;
    let known = actions.into_iter().filter(|action| {
        NEW_REALM
            .iter()
            .any(|(alias, ..)| action.alias.as_deref() == Some(alias))
    });
    Ok(known.map(|action| json!(action)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_realm_says_of_an_action_stands_before_the_default() {
        let settings = RealmRepresentation {
            required_actions: Some(json!([
                { "alias": "UPDATE_PASSWORD", "enabled": true, "defaultAction": true, "priority": 5 },
                { "alias": "VERIFY_EMAIL", "enabled": false, "defaultAction": true, "priority": 50 }
            ])),
            ..RealmRepresentation::default()
        };
        let actions = list(&settings);
        assert_eq!(actions.len(), NEW_REALM.len());
        assert_eq!(actions[0].alias.as_deref(), Some("UPDATE_PASSWORD"));
        assert_eq!(
            asked_of_new_users(&settings).collect::<Vec<_>>(),
            ["UPDATE_PASSWORD"]
        );
    }
}
