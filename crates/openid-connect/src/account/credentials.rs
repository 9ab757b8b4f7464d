//! One's own credentials.

use protocol::{HttpError, body};
use realm::event::Event;
use serde_json::{Value, json};
use user::credential::{self, Credential};
use uuid::Uuid;

use super::Own;

/// A kind of credential.
pub(super) struct Kind {
    pub name: &'static str,
    pub category: &'static str,
    /// The key of its name for people.
    pub display: &'static str,
    help: &'static str,
    icon: &'static str,
    /// The required action that makes one.
    pub create: Option<&'static str>,
    update: Option<&'static str>,
    /// Whether users may take it away.
    pub removable: bool,
}

/// The category of second factors.
pub(super) const TWO_FACTOR: &str = "two-factor";

/// The kinds, in Keycloak's order, with the one that is ours behind the password.
pub(super) const KINDS: [Kind; 4] = [
    Kind {
        name: "password",
        category: "basic-authentication",
        display: "password-display-name",
        help: "password-help-text",
        icon: "kcAuthenticatorPasswordClass",
        create: None,
        update: Some("UPDATE_PASSWORD"),
        removable: false,
    },
    Kind {
        name: user::app_password::TYPE,
        category: "basic-authentication",
        display: "app-password-display-name",
        help: "app-password-help-text",
        icon: "kcAuthenticatorDefaultClass",
        create: None,
        update: None,
        removable: true,
    },
    Kind {
        name: "otp",
        category: TWO_FACTOR,
        display: "otp-display-name",
        help: "otp-help-text",
        icon: "kcAuthenticatorOTPClass",
        create: Some("CONFIGURE_TOTP"),
        update: None,
        removable: true,
    },
    Kind {
        name: "recovery-authn-codes",
        category: TWO_FACTOR,
        display: "recovery-authn-codes-display-name",
        help: "recovery-authn-codes-help-text",
        icon: "kcAuthenticatorRecoveryAuthnCodesClass",
        create: Some("CONFIGURE_RECOVERY_AUTHN_CODES"),
        update: None,
        removable: true,
    },
];

impl Kind {
    /// Whether the realm lets users make one: its required action is enabled.
    pub(super) fn offered(&self, own: &Own) -> bool {
        self.create.is_some_and(|alias| {
            let actions = realm::required_action::list(&own.ctx.realm.rep);
            actions
                .iter()
                .any(|action| action.alias.as_deref() == Some(alias) && action.enabled)
        })
    }
}

/// The credentials.
///
/// # Errors
/// From the database.
pub(super) async fn list(own: &Own) -> Result<Vec<Credential>, HttpError> {
    Ok(credential::list(&own.ctx.state().pool, own.ctx.realm.id, own.user.id).await?)
}

/// As programs read them: by kind. `only`: one kind; `with`: also the credentials themselves.
///
/// # Errors
/// From the database.
pub(super) async fn to_json(own: &Own, only: Option<&str>, with: bool) -> Result<Value, HttpError> {
    let credentials = list(own).await?;
    let kinds = KINDS
        .iter()
        .filter(|kind| only.is_none_or(|only| only == kind.name));
    let shown = kinds.filter_map(|kind| {
        let of_kind = credentials
            .iter()
            .filter(|credential| credential.type_ == kind.name);
        let metadata: Vec<Value> = of_kind
            .map(|credential| json!({ "credential": credential.to_rep() }))
            .collect();
        // What nobody has and nobody can have is not there.
        if metadata.is_empty() && kind.name != "password" && !kind.offered(own) {
            return None;
        }
        let mut shown = json!({
            "type": kind.name,
            "category": kind.category,
            "displayName": kind.display,
            "helptext": kind.help,
            "iconCssClass": kind.icon,
            "removeable": kind.removable,
        });
        for (name, action) in [("createAction", kind.create), ("updateAction", kind.update)] {
            if let Some(action) = action {
                shown[name] = json!(action);
            }
        }
        if with {
            shown["userCredentialMetadatas"] = json!(metadata);
        }
        Some(shown)
    });
    Ok(json!(shown.collect::<Vec<_>>()))
}

pub(super) fn not_found() -> HttpError {
    HttpError::plain(404, "Credential not found")
}

/// One of them.
///
/// # Errors
/// 404 for another's.
pub(super) async fn find(own: &Own, id: &str) -> Result<Credential, HttpError> {
    let id: Uuid = id.parse().map_err(|_| not_found())?;
    let all = list(own).await?;
    all.into_iter()
        .find(|credential| credential.id == id)
        .ok_or_else(not_found)
}

/// Takes a credential away.
///
/// # Errors
/// 404 for another's, 400 for one that cannot be taken away.
pub(super) async fn remove(own: &Own, id: &str) -> Result<(), HttpError> {
    let credential = find(own, id).await?;
    let kind = KINDS.iter().find(|kind| kind.name == credential.type_);
    if !kind.is_some_and(|kind| kind.removable) {
        return Err(HttpError::plain(400, "Credential type cannot be removed"));
    }
    let (pool, realm) = (&own.ctx.state().pool, own.ctx.realm.id);
    if !credential::delete(pool, realm, own.user.id, credential.id).await? {
        return Err(not_found());
    }
    let old = (credential.type_ == "otp").then_some("REMOVE_TOTP");
    for kind in old.into_iter().chain(["REMOVE_CREDENTIAL"]) {
        let mut event = Event::new(kind)
            .detail("credential_type", &credential.type_)
            .detail("selected_credential_id", credential.id.to_string());
        if let Some(label) = &credential.user_label {
            event.add("credential_user_label", label);
        }
        own.record(event).await;
    }
    Ok(())
}

/// Names a credential.
///
/// # Errors
/// 404 for another's, 400 for what is no label.
pub(super) async fn label(own: &Own, id: &str, bytes: &[u8]) -> Result<(), HttpError> {
    let credential = find(own, id).await?;
    let label = match body::parse::<Value>(bytes) {
        Ok(Value::String(label)) => label,
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => return Err(HttpError::message(400, "invalidRequestMessage")),
    };
    let (pool, realm) = (&own.ctx.state().pool, own.ctx.realm.id);
    match credential::label(pool, realm, own.user.id, credential.id, &label).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(not_found()),
        Err(error) => Err(error.into()),
    }
}
