//! Which tokens of an issuer are meant: claims and what their values look like.

use serde_json::{Map, Value};

use crate::{Error, Result};

const MAX_CLAIMS: usize = 50;

/// Claims that a token has to have, each with a pattern: literal text, `*` for anything but a slash, `**` for anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Vec<(String, String)>);

impl Claims {
    /// Reads a JSON object of texts. One that any token of the issuer would match is refused.
    ///
    /// # Errors
    /// [`Error::Invalid`], with what to write instead.
    pub fn read(text: &str) -> Result<Self> {
        let bad = |why: &str| {
            Error::Invalid(format!(
                "claims is a JSON object of claims and what they look like, such as {{\"repository\":\"org/app\",\
                 \"ref\":\"refs/heads/main\"}}: {why}"
            ))
        };
        let Ok(Value::Object(members)) = serde_json::from_str(text) else {
            return Err(bad("this is none"));
        };
        if members.is_empty() {
            return Err(bad("without one, every job of the issuer would be let in"));
        }
        if members.len() > MAX_CLAIMS {
            return Err(bad("50 at most"));
        }
        let mut claims = Vec::with_capacity(members.len());
        for (name, value) in members {
            match value {
                Value::String(pattern) if !name.is_empty() && !pattern.is_empty() => {
                    claims.push((name, pattern));
                }
                _ => return Err(bad("names and values are texts that are not empty")),
            }
        }
        let tells = |(_, pattern): &(String, String)| pattern.chars().any(|c| !"*/".contains(c));
        if !claims.iter().any(tells) {
            return Err(bad(
                "with nothing but * as values, every job of the issuer would be let in",
            ));
        }
        Ok(Self(claims))
    }

    /// Whether a token's claims are what is asked for, each of them. Numbers and booleans count as their JSON text, of a
    /// list any element.
    #[must_use]
    pub fn fit(&self, token: &Map<String, Value>) -> bool {
        self.0.iter().all(|(name, pattern)| {
            token.get(name).is_some_and(|value| match value {
                Value::Array(several) => several.iter().any(|one| fits(pattern, one)),
                one => fits(pattern, one),
            })
        })
    }
}

fn fits(pattern: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => matches(pattern, text),
        Value::Number(_) | Value::Bool(_) => matches(pattern, &value.to_string()),
        _ => false,
    }
}

/// Whether a text is of a pattern, in time of their lengths' product.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.as_bytes();
    // at[i]: the first i bytes of the pattern have been read by what was read of the text.
    let mut at = vec![false; pattern.len() + 1];
    at[0] = true;
    pass_stars(pattern, &mut at);
    for byte in text.bytes() {
        let mut next = vec![false; pattern.len() + 1];
        for (i, _) in at.iter().enumerate().filter(|(_, reached)| **reached) {
            match star(pattern, i) {
                Star::Any => next[i] = true,
                Star::Part => next[i] |= byte != b'/',
                Star::None if pattern.get(i) == Some(&byte) => next[i + 1] = true,
                Star::None => {}
            }
        }
        at = next;
        pass_stars(pattern, &mut at);
    }
    at[pattern.len()]
}

enum Star {
    None,
    Part,
    Any,
}

/// The wildcard that begins at a place.
fn star(pattern: &[u8], at: usize) -> Star {
    match pattern.get(at..) {
        Some([b'*', b'*', ..]) => Star::Any,
        Some([b'*', ..]) => Star::Part,
        _ => Star::None,
    }
}

/// A wildcard may also stand for nothing.
fn pass_stars(pattern: &[u8], at: &mut [bool]) {
    for i in 0..pattern.len() {
        if at[i] {
            match star(pattern, i) {
                Star::Any => at[i + 2] = true,
                Star::Part => at[i + 1] = true,
                Star::None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        Claims::read(&value.to_string()).unwrap()
    }

    #[test]
    fn one_star_stays_within_a_path_part_and_two_do_not() {
        for (pattern, text, expected) in [
            ("org/app", "org/app", true),
            ("org/app", "org/app2", false),
            ("org/*", "org/app", true),
            ("org/*", "org/app/x", false),
            ("org/*", "org/", true),
            ("org/**", "org/app/x", true),
            ("**", "", true),
            ("***", "a/b", true),
            ("refs/heads/*", "refs/heads/main", true),
            ("refs/heads/*", "refs/pull/1/merge", false),
            (
                "repo:org/*:ref:refs/heads/main",
                "repo:org/app:ref:refs/heads/main",
                true,
            ),
            (
                "repo:org/*:ref:refs/heads/main",
                "repo:org/app:pull_request",
                false,
            ),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaa", false),
            ("ü*", "üß", true),
            ("a?", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn every_claim_has_to_fit() {
        let wanted = claims(
            json!({ "repository": "org/*", "protected": "true", "run": "5", "group": "dev" }),
        );
        let token = |change: Value| {
            let mut token = json!({ "repository": "org/app", "protected": true, "run": 5, "group": ["ops", "dev"] });
            token
                .as_object_mut()
                .unwrap()
                .extend(change.as_object().unwrap().clone());
            token.as_object().unwrap().clone()
        };
        assert!(wanted.fit(&token(json!({}))));
        for change in [
            json!({ "repository": "other/app" }),
            json!({ "repository": null }),
            json!({ "repository": { "x": "org/app" } }),
            json!({ "protected": false }),
            json!({ "run": 5.5 }),
            json!({ "group": [] }),
            json!({ "group": [["dev"]] }),
        ] {
            assert!(!wanted.fit(&token(change.clone())), "{change}");
        }
        assert!(!wanted.fit(&Map::new()));
    }

    #[test]
    fn claims_that_would_let_in_everybody_are_refused() {
        for text in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"a":5}"#,
            r#"{"a":""}"#,
            r#"{"":"a"}"#,
            r#"{"a":"*"}"#,
            r#"{"a":"*/**","b":"**"}"#,
        ] {
            let error = Claims::read(text).unwrap_err().to_string();
            assert!(error.starts_with("claims is a JSON object"), "{error}");
        }
        assert!(Claims::read(r#"{"a":"*","b":"c"}"#).is_ok());
    }

    proptest! {
        #[test]
        fn a_literal_fits_itself_and_any_text_fits_two_stars(text in "[a-z/]{0,20}", other in "[a-z/]{0,20}") {
            prop_assert!(matches(&text, &text));
            prop_assert!(matches("**", &text));
            prop_assert_eq!(matches(&text, &other), text == other);
            prop_assert_eq!(matches("*", &text), !text.contains('/'));
            let joined = format!("{text}{other}");
            let pattern = format!("{text}**");
            prop_assert!(matches(&pattern, &joined));
        }
    }
}
