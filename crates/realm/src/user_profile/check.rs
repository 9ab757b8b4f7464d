//! Whether a user profile makes sense, in Keycloak's words.

use regex::Regex;
use serde_json::{Map, Value};

use super::{Attribute, UserProfile};

/// Attributes, groups and validators of one attribute at most; Keycloak has no bound.
const MAX_ITEMS: usize = 500;
const MAX_NAME: usize = 255;
/// The program that a pattern becomes, in bytes.
const MAX_PATTERN: usize = 1 << 20;

type Config = Map<String, Value>;

pub(super) fn check(profile: &UserProfile, scopes: Option<&[String]>) -> Vec<String> {
    let mut problems = Vec::new();
    let attributes = profile.attributes.as_deref();
    if attributes.is_some_and(|list| list.len() > MAX_ITEMS) || profile.groups.len() > MAX_ITEMS {
        return vec![format!(
            "A profile has at most {MAX_ITEMS} attributes and groups"
        )];
    }
    let mut seen: Vec<&str> = Vec::new();
    for attribute in attributes.unwrap_or_default() {
        let name = attribute.name();
        if name.trim().is_empty() {
            problems.push("Attribute configuration without 'name' is not allowed".to_owned());
            continue;
        }
        if seen.contains(&name) {
            problems.push(format!(
                "Attribute configuration already exists with 'name':'{name}'"
            ));
        }
        seen.push(name);
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        {
            problems.push(format!(
                "Invalid attribute name (only letters, numbers and '.' '_' '-' special characters allowed): {name}'"
            ));
        }
        if name.len() > MAX_NAME {
            problems.push(format!(
                "The name of an attribute has at most {MAX_NAME} characters"
            ));
        }
        check_attribute(profile, attribute, scopes, &mut problems);
    }
    if attributes.is_some() {
        for name in ["username", "email"] {
            if !seen.contains(&name) {
                problems.push(format!("The attribute '{name}' can not be removed"));
            }
        }
    }
    let nameless = profile.groups.iter().filter(|group| group.name.is_none());
    match nameless.count() {
        0 => {}
        count => problems.push(format!(
            "Name is mandatory for groups, found {count} group(s) without name."
        )),
    }
    problems
}

fn check_attribute(
    profile: &UserProfile,
    attribute: &Attribute,
    scopes: Option<&[String]>,
    problems: &mut Vec<String>,
) {
    let name = attribute.name();
    let mut words = |member: &str, kind: &str, given: Option<&Vec<String>>, known: &[String]| {
        for word in given
            .into_iter()
            .flatten()
            .filter(|word| !known.contains(word))
        {
            problems.push(format!(
                "'{member}' configuration for attribute '{name}' contains unsupported {kind} '{word}'"
            ));
        }
    };
    let roles = ["admin".to_owned(), "user".to_owned()];
    if let Some(permissions) = &attribute.permissions {
        words("permissions.view", "role", Some(&permissions.view), &roles);
        words("permissions.edit", "role", Some(&permissions.edit), &roles);
    }
    let required = attribute.required.as_ref();
    words(
        "required.roles",
        "role",
        required.and_then(|r| r.roles.as_ref()),
        &roles,
    );
    if let Some(scopes) = scopes {
        let selected = attribute.selector.as_ref().and_then(|s| s.scopes.as_ref());
        words(
            "required.scopes",
            "scope",
            required.and_then(|r| r.scopes.as_ref()),
            scopes,
        );
        words("selector.scopes", "scope", selected, scopes);
    }
    if let Some(group) = &attribute.group
        && !profile
            .groups
            .iter()
            .any(|known| known.name.as_ref() == Some(group))
    {
        problems.push(format!(
            "Attribute '{name}' references unknown group '{group}'"
        ));
    }
    let validations = attribute.validations.iter().flatten();
    if validations.clone().count() > MAX_ITEMS {
        problems.push(format!("An attribute has at most {MAX_ITEMS} validators"));
        return;
    }
    for (validator, config) in validations {
        let Some(errors) = config
            .as_object()
            .and_then(|config| check_config(validator, config))
        else {
            problems.push(format!(
                "Validator '{validator}' defined for attribute '{name}' doesn't exist"
            ));
            continue;
        };
        if !errors.is_empty() {
            let errors: String = errors.iter().map(|error| error.text(validator)).collect();
            problems.push(format!(
                "Validator '{validator}' defined for attribute '{name}' has incorrect configuration: {errors}"
            ));
        }
    }
}

/// What is wrong with one member of a validator's config.
struct Problem {
    member: &'static str,
    message: &'static str,
    parameters: String,
}

impl Problem {
    fn new(member: &'static str, message: &'static str, parameters: &str) -> Self {
        Self {
            member,
            message,
            parameters: parameters.to_owned(),
        }
    }

    fn text(&self, validator: &str) -> String {
        let Self {
            member,
            message,
            parameters,
        } = self;
        format!(
            "ValidationError{{validatorId='{validator}', inputHint='{member}', message='{message}', \
             messageParameters=[{parameters}]}}, "
        )
    }
}

const MISSING: &str = "error-validator-config-missing-value";
const NUMBER: &str = "error-validator-config-invalid-number-value";
const VALUE: &str = "error-validator-config-invalid-value";

/// None for a validator that there is not.
fn check_config(validator: &str, config: &Config) -> Option<Vec<Problem>> {
    Some(match validator {
        "length" => {
            if !config.contains_key("min") && !config.contains_key("max") {
                return Some(vec![
                    Problem::new("min", MISSING, ""),
                    Problem::new("max", MISSING, ""),
                ]);
            }
            range(config, &|value| whole(value).map(|number| number as f64))
        }
        "integer" => range(config, &|value| whole(value).map(|number| number as f64)),
        "double" => range(config, &real),
        "multivalued" => {
            if config.get("max").is_none_or(Value::is_null) {
                return Some(vec![Problem::new("max", MISSING, "")]);
            }
            let mut errors = range(config, &|value| whole(value).map(|number| number as f64));
            // Its numbers are not repeated.
            errors.iter_mut().for_each(|error| error.parameters.clear());
            errors
        }
        "pattern" => match config.get("pattern").and_then(Value::as_str) {
            None => vec![Problem::new("pattern", MISSING, "")],
            Some(pattern) => match compile(pattern) {
                Ok(_) => vec![],
                Err(why) => vec![Problem::new("pattern", VALUE, &format!("{pattern}, {why}"))],
            },
        },
        "options" => match config.get("options") {
            None | Some(Value::Null) => vec![Problem::new("options", MISSING, "")],
            Some(Value::Array(_)) => vec![],
            Some(_) => vec![Problem::new("options", VALUE, "must be list of values")],
        },
        "email" => match config.get("max-local-length") {
            Some(value) if !value.is_null() && whole(value).is_none() => {
                vec![Problem::new("max-local-length", NUMBER, &bare(value))]
            }
            _ => vec![],
        },
        "uri"
        | "local-date"
        | "iso-date"
        | "not-blank"
        | "not-empty"
        | "person-name-prohibited-characters"
        | "username-prohibited-characters"
        | "up-username-not-idn-homograph"
        | "up-attribute-required-by-metadata-value"
        | "up-blank-attribute-value"
        | "up-duplicate-email" => vec![],
        _ => return None,
    })
}

fn range(config: &Config, read: &dyn Fn(&Value) -> Option<f64>) -> Vec<Problem> {
    let mut errors = vec![];
    let mut bounds = [None, None];
    for (bound, member) in bounds.iter_mut().zip(["min", "max"]) {
        let Some(value) = config.get(member).filter(|value| !value.is_null()) else {
            continue;
        };
        *bound = read(value);
        if bound.is_none() {
            errors.push(Problem::new(member, NUMBER, &bare(value)));
        }
    }
    if let [Some(min), Some(max)] = bounds
        && min > max
    {
        errors.push(Problem::new("max", VALUE, ""));
    }
    errors
}

/// A whole number, or a text of one.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn bare(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A pattern that a whole value has to match. Java's look-around and back references are not understood.
///
/// # Errors
/// Why it is none, in one line.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(MAX_PATTERN)
        .build()
        .map_err(|error| error.to_string().replace('\n', " "))
}
