//! The forms of addresses and dates.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::Config;

pub(super) fn uri(config: &Config, value: &str) -> Option<(String, Vec<Value>)> {
    let wrong =
        |message: &str, more: &str| Some((message.to_owned(), vec![value.into(), more.into()]));
    let illegal = |c: char| c.is_whitespace() || c.is_control() || "<>\"{}|\\^`".contains(c);
    if let Some(at) = value.find(illegal) {
        let part = if value[..at].contains("//")
            && !value[..at]
                .splitn(2, "//")
                .last()
                .is_some_and(|rest| rest.contains('/'))
        {
            "authority"
        } else {
            "path"
        };
        return wrong(
            "error-invalid-uri",
            &format!("Illegal character in {part} at index {at}: {value}"),
        );
    }
    let scheme = value
        .split_once(':')
        .map(|(scheme, _)| scheme)
        .filter(|scheme| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        });
    let Some(scheme) = scheme else {
        return wrong("error-invalid-uri", "URI is not absolute");
    };
    let allowed = config.get("allowedSchemes").and_then(Value::as_array);
    let allowed = match allowed {
        Some(schemes) => schemes.iter().any(|known| known == scheme),
        None => ["http", "https"].contains(&scheme),
    };
    if !allowed {
        return wrong("error-invalid-uri-scheme", scheme);
    }
    let fragment = value.split_once('#').map(|(_, fragment)| fragment);
    match fragment {
        Some(fragment) if config.get("allowFragment") == Some(&Value::Bool(false)) => {
            wrong("error-invalid-uri-fragment", fragment)
        }
        _ => None,
    }
}

pub(super) fn is_iso_date(text: &str) -> bool {
    static DATE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^(\d{4})-(\d\d)-(\d\d)$").ok());
    is_date(DATE.as_ref(), text, [1, 2, 3])
}

/// As Java reads a short English date.
pub(super) fn is_local_date(text: &str) -> bool {
    static DATE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^(\d{1,2})/(\d{1,2})/(\d{1,4})$").ok());
    is_date(DATE.as_ref(), text, [3, 1, 2])
}

fn is_date(form: Option<&Regex>, text: &str, [year, month, day]: [usize; 3]) -> bool {
    let Some(parts) = form.and_then(|form| form.captures(text)) else {
        return false;
    };
    let part = |at: usize| {
        parts
            .get(at)
            .and_then(|part| part.as_str().parse::<u32>().ok())
    };
    let (Some(year), Some(month), Some(day)) = (part(year), part(month), part(day)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}
