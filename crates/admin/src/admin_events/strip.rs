//! What of a request's body an admin event may keep.

use realm::admin_event::MAX_REPRESENTATION;
use serde_json::Value;

/// What stands where a secret was, as in Keycloak.
const MASK: &str = "**********";

/// A JSON body without its secrets, in one line. None when it is no JSON or too long to keep.
pub(super) fn representation(body: &[u8]) -> Option<String> {
    if body.len() > MAX_REPRESENTATION {
        return None;
    }
    let mut value = serde_json::from_slice(body).ok()?;
    strip(&mut value);
    text(&value)
}

/// A value that holds no secret, as text.
pub(super) fn text(value: &Value) -> Option<String> {
    Some(value.to_string()).filter(|text| text.len() <= MAX_REPRESENTATION)
}

/// Takes credentials away and masks whatever the name of its member says to be a secret, wherever it is.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.shift_remove("credentials");
            let is_credential = members.get("type").is_some_and(|kind| {
                kind.as_str().is_some_and(|kind| {
                    matches!(kind, "password" | "secret" | "otp" | "totp" | "hotp")
                })
            });
            for (name, value) in members {
                if is_secret(name) || is_credential && name == "value" {
                    mask(value);
                } else {
                    strip(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Texts and numbers become the mask; a flag tells nothing.
fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(mask),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::String(_) | Value::Number(_) => *value = Value::from(MASK),
        Value::Null | Value::Bool(_) => {}
    }
}

/// By the letters and digits alone: `client.secret`, `clientSecret` and `client_secret` are the same.
fn is_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let has = |part: &str| name.contains(part);
    has("secret")
        || has("privatekey")
        || has("apikey")
        || has("passphrase")
        || has("hashedsaltedvalue")
        || has("password") && !has("passwordpolicy") && !has("passwordless")
        || name.ends_with("credential")
        || name.ends_with("credentialdata")
        || name.ends_with("token")
        || name == "salt"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(body: &str) -> String {
        representation(body.as_bytes()).unwrap()
    }

    #[test]
    fn no_secret_is_kept_wherever_it_stands() {
        for body in [
            r#"{"secret":"x-y-z"}"#,
            r#"{"credentials":[{"type":"password","value":"x-y-z"}]}"#,
            r#"{"users":[{"credentials":[{"secretData":"{\"value\":\"x-y-z\"}"}]}]}"#,
            r#"{"smtpServer":{"host":"h","password":"x-y-z","authTokenClientSecret":"x-y-z"}}"#,
            r#"{"config":{"privateKey":["x-y-z"],"bindCredential":["x-y-z"],"keystore_password":"x-y-z"}}"#,
            r#"{"attributes":{"jwt.credential.private.key":"x-y-z","client.secret.rotated":"x-y-z","PASSWORD":["x-y-z"]}}"#,
            r#"{"registrationAccessToken":"x-y-z"}"#,
            r#"{"secret":{"deeper":["x-y-z"]}}"#,
            r#"[{"type":"password","value":"x-y-z"}]"#,
        ] {
            assert!(!kept(body).contains("x-y-z"), "{body}");
        }
        assert!(!kept(r#"{"attributes":{"password":12345}}"#).contains("12345"));
    }

    #[test]
    fn all_else_stays_as_it_was_sent() {
        let body = r#"{"username":"bob","enabled":true,"passwordPolicy":"length(8)","resetPasswordAllowed":true,"accessTokenLifespan":300,"clientAuthenticatorType":"client-secret","config":{"access.token.claim":"true"}}"#;
        let (kept, sent): (Value, Value) = (
            serde_json::from_str(&kept(body)).unwrap(),
            serde_json::from_str(body).unwrap(),
        );
        assert_eq!(kept, sent);
    }

    #[test]
    fn a_body_that_is_too_long_or_no_json_is_not_kept() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_REPRESENTATION));
        assert!(representation(long.as_bytes()).is_none() && representation(b"{").is_none());
    }
}
