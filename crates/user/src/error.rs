//! What can be wrong with a user that somebody wants to write.

use serde_json::{Value, json};

/// Why a user was not written. Nothing has been, whichever it is.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The database, the queue for hashing or a stored secret.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The profile does not validate: one problem or several. Keycloak: 400.
    #[error("the profile does not validate")]
    Validation(Vec<FieldError>),
    /// Another user has the name or the e-mail address; the text is Keycloak's. Keycloak: 409 `{"errorMessage"}`.
    #[error("{0}")]
    Conflict(&'static str),
    /// A password against the realm's policy. Keycloak: 400 `{"error", "error_description"}`.
    #[error("{description}")]
    Policy {
        /// The key of the message, such as `invalidPasswordMinLengthMessage`.
        error: &'static str,
        /// The message.
        description: String,
    },
    /// There is no user name. Keycloak: 400 `{"errorMessage": "User name is missing"}`.
    #[error("User name is missing")]
    MissingUsername,
    /// A credential that cannot be used, in words for the caller: 400 `{"error"}`.
    #[error("{0}")]
    Credential(String),
    /// A member that a bound of ours refuses, in words for the caller: 400 `{"errorMessage"}`.
    #[error("{0}")]
    Limit(String),
    /// A group to join that is not there; 400 here, a crash in Keycloak.
    #[error("Group {0} not found")]
    UnknownGroup(String),
}

/// One problem of a profile, in Keycloak's shape.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// The attribute that has it.
    pub field: String,
    /// The key of the message.
    pub error_message: String,
    /// What the message's places are filled with; the first is the field.
    pub params: Vec<Value>,
}

impl FieldError {
    pub(crate) fn new(field: &str, error_message: impl Into<String>, more: &[Value]) -> Self {
        let params = std::iter::once(Value::from(field))
            .chain(more.iter().cloned())
            .collect();
        Self {
            field: field.to_owned(),
            error_message: error_message.into(),
            params,
        }
    }
}

impl From<&FieldError> for Value {
    fn from(error: &FieldError) -> Self {
        json!({"field": error.field, "errorMessage": error.error_message, "params": error.params})
    }
}

/// The body of the answer for [`WriteError::Validation`]: the problem itself, or `{"errors": […]}` for several.
#[must_use]
pub fn validation_body(errors: &[FieldError]) -> Value {
    match errors {
        [one] => one.into(),
        many => json!({"errors": many.iter().map(Value::from).collect::<Vec<_>>()}),
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::from_store(error.into())
    }
}

impl WriteError {
    /// Words the constraints of `user_entity` as Keycloak does.
    pub(crate) fn from_store(error: store::Error) -> Self {
        match &error {
            store::Error::Duplicate(constraint) => match constraint.as_str() {
                "user_username_key" => Self::Conflict(SAME_USERNAME),
                "user_email_key" => Self::Conflict(SAME_EMAIL),
                _ => Self::Store(error),
            },
            _ => Self::Store(error),
        }
    }
}

pub(crate) const SAME_USERNAME: &str = "User exists with same username";
pub(crate) const SAME_EMAIL: &str = "User exists with same email";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_stands_alone_and_several_are_listed() {
        let length = FieldError::new("username", "error-invalid-length", &[3.into(), 255.into()]);
        let email = FieldError::new("email", "error-invalid-email", &["notmail".into()]);
        assert_eq!(
            validation_body(std::slice::from_ref(&length)),
            json!({"field": "username", "errorMessage": "error-invalid-length", "params": ["username", 3, 255]})
        );
        assert_eq!(
            validation_body(&[length, email]),
            json!({"errors": [
                {"field": "username", "errorMessage": "error-invalid-length", "params": ["username", 3, 255]},
                {"field": "email", "errorMessage": "error-invalid-email", "params": ["email", "notmail"]},
            ]})
        );
    }
}
