//! The mail server of a realm: Keycloak's `smtpServer`, texts by name. Its password is sealed in a column of its own.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use sqlx::PgExecutor;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::provider::MASK;
use crate::{Error, RealmRepresentation, Result, Sealer};

/// Members, and characters of one, at most.
const MAX_MEMBERS: usize = 50;
const MAX_TEXT: usize = 2000;

/// Reads the member as Keycloak does: numbers and booleans become texts, nulls go, anything deeper is an error.
///
/// # Errors
/// For a list or an object within.
pub fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    let read: Option<Map<String, Value>> = Option::deserialize(deserializer)?;
    let Some(read) = read else { return Ok(None) };
    let mut texts = Map::new();
    for (name, value) in read {
        match value {
            Value::Null => {}
            Value::String(_) => drop(texts.insert(name, value)),
            Value::Bool(_) | Value::Number(_) => {
                drop(texts.insert(name, Value::String(value.to_string())));
            }
            _ => return Err(serde::de::Error::custom("smtpServer holds texts")),
        }
    }
    Ok(Some(texts))
}

/// Refuses settings by which no e-mail can go out.
///
/// # Errors
/// [`Error::Invalid`] in Keycloak's words.
pub(crate) fn check(smtp: &Map<String, Value>) -> Result<()> {
    let long = |value: &Value| value.as_str().is_some_and(|text| text.len() > MAX_TEXT);
    if smtp.len() > MAX_MEMBERS || smtp.values().any(long) {
        let text = format!("smtpServer has at most {MAX_MEMBERS} members of {MAX_TEXT} characters");
        return Err(Error::Invalid(text));
    }
    if smtp.is_empty() {
        return Ok(());
    }
    let from = smtp.get("from").and_then(Value::as_str);
    let (local, domain) = from
        .and_then(|from| from.split_once('@'))
        .unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let good = !local.is_empty()
        && local.chars().all(plain)
        && !domain.is_empty()
        && !domain.contains('@')
        && domain
            .chars()
            .all(|c| c.is_alphanumeric() || ".-[]:".contains(c));
    if good {
        return Ok(());
    }
    let from = from.unwrap_or("null");
    Err(Error::Invalid(format!(
        "Invalid sender address '{from}'. If the address contains UTF-8 characters in the local part please ensure the \
         SMTP server supports the SMTPUTF8 extension and enable 'Allow UTF-8' in the email realm configuration."
    )))
}

/// Whether the password is for the same server and user in both settings.
#[must_use]
pub fn same_login(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    ["host", "port", "user"]
        .into_iter()
        .all(|name| one.get(name) == other.get(name))
}

/// Puts the mail password aside, sealed; the settings keep a mask, as Keycloak shows it. A mask in the place of a
/// password that nobody has given stands for nothing; one that was given goes to nobody but the server that it is for.
///
/// # Errors
/// [`Error::Sealed`]; [`Error::Invalid`] for a mask beside another server than that of the `old` settings.
pub(crate) fn seal(
    sealer: &Sealer,
    realm: Uuid,
    old: Option<&Map<String, Value>>,
    settings: &mut RealmRepresentation,
) -> Result<Password> {
    let Some(smtp) = &mut settings.smtp_server else {
        return Ok(Password::None);
    };
    // A secret for a way to log in that there is not here.
    smtp.remove("authTokenClientSecret");
    let known = old.filter(|old| old.contains_key("password"));
    let elsewhere = known.is_some_and(|old| !same_login(old, smtp));
    let Some(password) = smtp.get_mut("password") else {
        return Ok(Password::None);
    };
    let plain = std::mem::replace(password, json!(MASK));
    match plain.as_str().unwrap_or_default() {
        MASK if elsewhere => Err(Error::Invalid(
            "Give the password of smtpServer with another host, port or user".to_owned(),
        )),
        MASK if known.is_some() => Ok(Password::Kept),
        MASK | "" => {
            smtp.remove("password");
            Ok(Password::None)
        }
        // The realm's own id is the row of its CA: one sealed for here must not open there.
        plain => sealer
            .seal(realm, Uuid::nil(), plain.as_bytes())
            .map(Password::New),
    }
}

/// What becomes of the stored password.
pub(crate) enum Password {
    Kept,
    None,
    New(Vec<u8>),
}

impl Password {
    /// The sealed password that is to be stored, if it is a new one.
    pub(crate) fn sealed(self) -> Option<Vec<u8>> {
        match self {
            Self::New(sealed) => Some(sealed),
            Self::Kept | Self::None => None,
        }
    }
}

/// The password with which a realm logs in to its mail server, if it has one.
///
/// # Errors
/// [`Error::Sealed`] when it cannot be opened here; from the database.
pub async fn password(
    db: impl PgExecutor<'_>,
    sealer: &Sealer,
    realm: Uuid,
) -> Result<Option<Zeroizing<String>>> {
    let sealed: Option<Option<Vec<u8>>> =
        sqlx::query_scalar("select smtp_password from realm where id = $1")
            .bind(realm)
            .fetch_optional(db)
            .await?;
    let Some(sealed) = sealed.flatten() else {
        return Ok(None);
    };
    let plain = sealer.open(realm, Uuid::nil(), &sealed)?;
    Ok(std::str::from_utf8(&plain)
        .ok()
        .map(|plain| Zeroizing::new(plain.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_or_there_is_no_mail_server() {
        let checked = |from: &str| check(json!({ "from": from }).as_object().unwrap());
        for good in ["a@b", "a@ä.de", "o'hara+x@b.c"] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a b@c",
            "ä@b.c",
            "A <a@b.c>",
            "a@b.c\r\nX: y",
            "a@b@c",
        ] {
            let error = checked(bad).unwrap_err().to_string();
            assert!(
                error.contains(&format!("Invalid sender address '{bad}'")),
                "{error}"
            );
        }
        assert!(check(&Map::new()).is_ok());
        let error = check(json!({"host": "h"}).as_object().unwrap()).unwrap_err();
        assert!(error.to_string().contains("'null'"), "{error}");
    }
}
