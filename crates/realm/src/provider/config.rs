//! What the config of a key provider may say, in Keycloak's words.

use serde_json::{Map, Value};

use super::MASK;
use super::properties::options;
use crate::key::Status;
use crate::{Error, Result};

/// The first value of a config member.
pub(crate) fn first<'a>(config: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    match config.get(name)? {
        Value::Array(values) => values.first()?.as_str(),
        Value::String(value) => Some(value.as_str()),
        _ => None,
    }
    .filter(|value| !value.is_empty())
}

/// The priority that a config gives; 0 where it gives none.
pub(crate) fn priority(config: &Map<String, Value>) -> i64 {
    first(config, "priority")
        .and_then(|p| p.parse().ok())
        .unwrap_or(0)
}

/// What `enabled` and `active` of a config come to.
pub(crate) fn status(config: &Map<String, Value>) -> Status {
    let on = |name| first(config, name).is_none_or(|value| value == "true");
    match (on("enabled"), on("active")) {
        (false, _) => Status::Disabled,
        (true, false) => Status::Passive,
        (true, true) => Status::Active,
    }
}

/// Checks a config in Keycloak's words; masked members take the value they had.
pub(crate) fn check(
    provider: &str,
    mut config: Map<String, Value>,
    old: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>> {
    let bad = |text: &str| Err(Error::Invalid(text.to_owned()));
    let plain = config.values().all(|v| {
        v.as_array()
            .is_some_and(|list| list.iter().all(Value::is_string))
    });
    let size: usize = config
        .values()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
        .map(str::len)
        .sum();
    if !plain {
        return bad("Config values are lists of strings");
    }
    if config.len() > 50 || size > 64 * 1024 {
        return bad("A config may have 50 members and 64 kB");
    }
    if first(&config, "priority").is_some_and(|p| p.parse::<i64>().is_err()) {
        return bad("'Priority' should be a number");
    }
    for (member, label) in [("enabled", "Enabled"), ("active", "Active")] {
        if first(&config, member).is_some_and(|v| v != "true" && v != "false") {
            return bad(&format!("'{label}' should be 'true' or 'false'"));
        }
    }
    if first(&config, "keySize") == Some("1024") {
        return bad("'Key size' of 1024 is too short to be safe; use 2048, 3072 or 4096");
    }
    let wrong = |member: &str| {
        let allowed = options(provider, member);
        !allowed.is_empty() && first(&config, member).is_some_and(|value| !allowed.contains(&value))
    };
    if wrong("keySize") {
        return bad("'Key size' should be 1024, 2048, 3072 or 4096");
    }
    for (member, label) in [
        ("secretSize", "Secret size"),
        ("ecdsaEllipticCurveKey", "Elliptic Curve"),
        ("eddsaEllipticCurveKey", "Elliptic Curve"),
        ("algorithm", "Algorithm"),
    ] {
        if wrong(member) {
            return bad(&format!(
                "'{label}' should be {}",
                listed(options(provider, member))
            ));
        }
    }
    if first(&config, "ecGenerateCertificate").is_some_and(|v| v != "true" && v != "false") {
        return bad("'Generate Certificate' should be 'true' or 'false'");
    }
    for member in ["privateKey", "secret"] {
        if first(&config, member) == Some(MASK) {
            match old.and_then(|old| old.get(member)) {
                Some(value) => config.insert(member.to_owned(), value.clone()),
                None => config.remove(member),
            };
        }
    }
    Ok(config)
}

/// `a, b or c`
fn listed(options: &[&str]) -> String {
    match options {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => options.concat(),
    }
}

/// Whether a new config needs another key than the old one has.
pub(crate) fn needs_new_key(
    provider: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> bool {
    let members: &[&str] = match provider {
        "rsa-generated" | "rsa-enc-generated" => &["keySize", "algorithm"],
        "ecdsa-generated" => &["ecdsaEllipticCurveKey", "ecGenerateCertificate"],
        "hmac-generated" => &["secretSize", "algorithm"],
        "aes-generated" => &["secretSize"],
        "rsa" | "rsa-enc" => return first(new, "privateKey").is_some_and(|key| key != MASK),
        _ => &[],
    };
    members
        .iter()
        .any(|member| first(new, member).is_some() && first(old, member) != first(new, member))
}
