//! Keycloak's validators of profile attributes.

mod forms;

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use realm::user_profile::{Attribute, compile};
use regex::Regex;
use serde_json::{Map, Value};

use forms::{is_iso_date, is_local_date, uri};

use super::text::{is_email, is_latin, is_person_name, is_username, length};
use crate::FieldError;

/// Compiled patterns that are kept at most.
const MAX_PATTERNS: usize = 100;

type Config = Map<String, Value>;

/// Checks the values of an attribute as somebody of this role (`admin`, `user`) writes them; `mail_name`: the user name
/// is the e-mail address.
pub(super) fn check(
    role: &str,
    attribute: &Attribute,
    values: &[String],
    mail_name: bool,
    errors: &mut Vec<FieldError>,
) {
    let name = attribute.name();
    let required = attribute.is_required(role);
    let missing = required && values.iter().all(String::is_empty);
    if missing {
        add(
            errors,
            FieldError::new(name, "error-user-attribute-required", &[]),
        );
    }
    let size = attribute
        .validations
        .as_ref()
        .and_then(|v| v.get("multivalued"));
    if !missing && (!attribute.multivalued || size.is_some()) {
        let bound = |member: &str| size.and_then(|size| whole(size.get(member)?));
        let min = bound("min").unwrap_or(i64::from(required));
        let max = bound("max").unwrap_or(1);
        let count = i64::try_from(values.len()).unwrap_or(i64::MAX);
        if count < min || count > max {
            let bounds = [min.into(), max.into()];
            add(
                errors,
                FieldError::new(name, "error-invalid-multivalued-size", &bounds),
            );
        }
    }
    for (validator, config) in attribute.validations.iter().flatten() {
        let Some(config) = config.as_object() else {
            continue;
        };
        if let ("not-blank" | "not-empty", true) = (validator.as_str(), values.is_empty()) {
            let message = if validator == "not-blank" {
                "error-invalid-blank"
            } else {
                "error-empty"
            };
            add(
                errors,
                FieldError::new(name, message, &[Value::Array(vec![])]),
            );
            continue;
        }
        let of_characters = matches!(
            validator.as_str(),
            "username-prohibited-characters" | "up-username-not-idn-homograph"
        );
        if mail_name && name == "username" && of_characters {
            continue;
        }
        // One that is wrong speaks for all.
        let mut wrong = values.iter().filter(|value| !value.is_empty());
        let wrong = wrong.find_map(|value| check_value(validator, config, value));
        if let Some((message, more)) = wrong {
            add(errors, FieldError::new(name, message, &more));
        }
    }
}

/// The two rules for user names share one message.
fn add(errors: &mut Vec<FieldError>, error: FieldError) {
    if !errors.contains(&error) {
        errors.push(error);
    }
}

/// What is wrong with a value: the key of the message, and what fills it.
fn check_value(validator: &str, config: &Config, value: &str) -> Option<(String, Vec<Value>)> {
    let bound = |member: &str| config.get(member).and_then(whole);
    let shown = |number: Option<i64>| number.map_or(Value::Null, Value::from);
    let own = |message: &str| {
        let own = config.get("error-message").and_then(Value::as_str);
        own.filter(|own| !own.is_empty())
            .unwrap_or(message)
            .to_owned()
    };
    let wrong = |message: &str, more: Vec<Value>| Some((message.to_owned(), more));
    match validator {
        "length" => {
            let keep = match config.get("trim-disabled") {
                Some(Value::Bool(keep)) => *keep,
                Some(Value::String(keep)) => keep.eq_ignore_ascii_case("true"),
                _ => false,
            };
            let counted = length(if keep { value } else { value.trim() });
            let counted = i64::try_from(counted).unwrap_or(i64::MAX);
            let (min, max) = (bound("min"), bound("max"));
            if min.is_none_or(|min| counted >= min) && max.is_none_or(|max| counted <= max) {
                return None;
            }
            let message = match (min, max) {
                (Some(_), Some(_)) => "error-invalid-length",
                (Some(_), None) => "error-invalid-length-too-short",
                _ => "error-invalid-length-too-long",
            };
            wrong(message, vec![shown(min), shown(max)])
        }
        "integer" => {
            let (min, max) = (bound("min"), bound("max"));
            match value.parse::<i64>() {
                Err(_) => wrong("error-invalid-number", vec![]),
                Ok(number)
                    if min.is_some_and(|min| number < min)
                        || max.is_some_and(|max| number > max) =>
                {
                    wrong("error-number-out-of-range", vec![shown(min), shown(max)])
                }
                Ok(_) => None,
            }
        }
        "double" => {
            let bound = |member: &str| config.get(member).and_then(real);
            let shown = |number: Option<f64>| number.map_or(Value::Null, Value::from);
            let (min, max) = (bound("min"), bound("max"));
            match value.trim().parse::<f64>() {
                Err(_) => wrong("error-invalid-number", vec![]),
                Ok(number)
                    if min.is_some_and(|min| number < min)
                        || max.is_some_and(|max| number > max) =>
                {
                    wrong("error-number-out-of-range", vec![shown(min), shown(max)])
                }
                Ok(_) => None,
            }
        }
        "pattern" => {
            let pattern = config.get("pattern").and_then(Value::as_str)?;
            if pattern_of(pattern)?.is_match(value) {
                return None;
            }
            Some((own("error-pattern-no-match"), vec![pattern.into()]))
        }
        "options" => {
            let options = config.get("options").and_then(Value::as_array)?;
            let known = options.iter().any(|option| match option {
                Value::String(option) => option == value,
                other => {
                    let text = other.to_string();
                    text == value
                }
            });
            if known {
                None
            } else {
                wrong("error-invalid-value", vec![])
            }
        }
        "email" => {
            let most = bound("max-local-length").and_then(|most| usize::try_from(most).ok());
            if is_email(value, most.unwrap_or(usize::MAX)) {
                return None;
            }
            wrong("error-invalid-email", vec![value.into()])
        }
        "username-prohibited-characters" if !is_username(value) => {
            Some((own("error-username-invalid-character"), vec![]))
        }
        "up-username-not-idn-homograph" if !is_latin(value) => {
            Some((own("error-username-invalid-character"), vec![]))
        }
        "person-name-prohibited-characters" if !is_person_name(value) => {
            Some((own("error-person-name-invalid-character"), vec![]))
        }
        "not-blank" if value.trim().is_empty() => wrong("error-invalid-blank", vec![value.into()]),
        "uri" => uri(config, value),
        "local-date" if !is_local_date(value) => wrong("error-invalid-date", vec![]),
        "iso-date" if !is_iso_date(value) => wrong("error-invalid-date", vec![value.into()]),
        _ => None,
    }
}

/// A compiled pattern; none for one that cannot be compiled (any more), which then decides nothing.
fn pattern_of(pattern: &str) -> Option<Regex> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = known.get(pattern) {
        return Some(regex.clone());
    }
    let regex = compile(pattern).ok()?;
    if known.len() >= MAX_PATTERNS {
        known.clear();
    }
    known.insert(pattern.to_owned(), regex.clone());
    Some(regex)
}

/// A whole number, or a text of one.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn real(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The answers are Keycloak's own.
    #[test]
    fn values_are_judged_as_keycloak_judges_them() {
        for (validator, config, value, expected) in [
            ("length", json!({"min": 2, "max": 3}), "ab", None),
            ("length", json!({"min": 2, "max": 3}), " abc ", None),
            (
                "length",
                json!({"min": 2, "max": 3}),
                "  a  ",
                Some(json!(["error-invalid-length", 2, 3])),
            ),
            (
                "length",
                json!({"min": 2}),
                "a",
                Some(json!(["error-invalid-length-too-short", 2, null])),
            ),
            (
                "length",
                json!({"max": 3, "trim-disabled": "true"}),
                " abc ",
                Some(json!(["error-invalid-length-too-long", null, 3])),
            ),
            ("pattern", json!({"pattern": "[a-z]+"}), "abc", None),
            (
                "pattern",
                json!({"pattern": "[a-z]+"}),
                "1abc",
                Some(json!(["error-pattern-no-match", "[a-z]+"])),
            ),
            (
                "pattern",
                json!({"pattern": "a", "error-message": "m"}),
                "b",
                Some(json!(["m", "a"])),
            ),
            ("options", json!({"options": ["a", 1]}), "1", None),
            (
                "options",
                json!({"options": ["a"]}),
                "c",
                Some(json!(["error-invalid-value"])),
            ),
            ("integer", json!({"min": 1, "max": "5"}), "+3", None),
            (
                "integer",
                json!({"min": 1, "max": "5"}),
                "6",
                Some(json!(["error-number-out-of-range", 1, 5])),
            ),
            (
                "integer",
                json!({}),
                "1.5",
                Some(json!(["error-invalid-number"])),
            ),
            ("double", json!({"min": 0.5, "max": 2}), "1e0", None),
            (
                "double",
                json!({"min": 0.5, "max": 2}),
                "3",
                Some(json!(["error-number-out-of-range", 0.5, 2.0])),
            ),
            ("uri", json!({}), "http://a#f", None),
            (
                "uri",
                json!({}),
                "x",
                Some(json!(["error-invalid-uri", "x", "URI is not absolute"])),
            ),
            (
                "uri",
                json!({}),
                "https://a b",
                Some(json!([
                    "error-invalid-uri",
                    "https://a b",
                    "Illegal character in authority at index 9: https://a b"
                ])),
            ),
            (
                "uri",
                json!({}),
                "ftp://a",
                Some(json!(["error-invalid-uri-scheme", "ftp://a", "ftp"])),
            ),
            (
                "uri",
                json!({"allowFragment": false}),
                "http://a.b#x",
                Some(json!(["error-invalid-uri-fragment", "http://a.b#x", "x"])),
            ),
            (
                "email",
                json!({"max-local-length": 2}),
                "aaaa@b",
                Some(json!(["error-invalid-email", "aaaa@b"])),
            ),
            (
                "iso-date",
                json!({}),
                "2020-02-30",
                Some(json!(["error-invalid-date", "2020-02-30"])),
            ),
            ("local-date", json!({}), "1/2/2020", None),
            (
                "local-date",
                json!({}),
                "2020-01-01",
                Some(json!(["error-invalid-date"])),
            ),
            (
                "up-username-not-idn-homograph",
                json!({}),
                "аdmin",
                Some(json!(["error-username-invalid-character"])),
            ),
        ] {
            let found = check_value(validator, config.as_object().unwrap(), value).map(
                |(message, more)| {
                    Value::Array(std::iter::once(message.into()).chain(more).collect())
                },
            );
            assert_eq!(found, expected, "{validator} {config} {value}");
        }
    }
}
