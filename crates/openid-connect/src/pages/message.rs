//! Texts by key and language. The keys are Keycloak's, so that a realm's own texts replace the right ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde_json::Value;
use user::WriteError;

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A text of the map, and what its places are filled with.
    Key(String, Vec<String>),
    /// A text as it is.
    Text(String),
}

/// The text of this key.
pub(crate) fn msg(key: &'static str) -> Message {
    Message::Key(key.to_owned(), vec![])
}

/// The text of this key, its places filled.
pub(crate) fn msg_with<T: Into<String>>(
    key: &'static str,
    parameters: impl IntoIterator<Item = T>,
) -> Message {
    let parameters = parameters.into_iter().map(Into::into).collect();
    Message::Key(key.to_owned(), parameters)
}

impl Default for Message {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Message {
    /// A text that stands in no map.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A name that an administrator gave: `${key}` names a text, anything else is one.
    pub(crate) fn resource(name: &str) -> Self {
        let key = name
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'));
        key.map_or_else(|| Self::text(name), |key| Self::Key(key.to_owned(), vec![]))
    }

    /// A problem of a profile. `name`: how the form calls the field.
    pub(crate) fn of_field(error: &user::FieldError) -> Self {
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        let parameters = error.params.iter().map(text).collect();
        Self::Key(error.error_message.clone(), parameters)
    }

    /// What is wrong with a new password, if that is what is wrong.
    pub(crate) fn policy(error: &WriteError) -> Option<Self> {
        match error {
            // The number is all that differs between the texts of one key.
            WriteError::Policy { error, description } => {
                let digits = description
                    .split(|c: char| !c.is_ascii_digit())
                    .find(|run| !run.is_empty());
                let parameters = digits.into_iter().map(str::to_owned).collect();
                Some(Self::Key((*error).to_owned(), parameters))
            }
            WriteError::Credential(text) => Some(Self::text(format!("{text}."))),
            _ => None,
        }
    }
}

type Map = HashMap<&'static str, &'static str>;

static ENGLISH: LazyLock<Map> =
    LazyLock::new(|| parse(include_str!("../../messages/en.properties")));
static GERMAN: LazyLock<Map> =
    LazyLock::new(|| parse(include_str!("../../messages/de.properties")));

/// The languages that all texts are there in.
pub(super) const LANGUAGES: [&str; 2] = ["en", "de"];

fn parse(file: &'static str) -> Map {
    file.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect()
}

/// The texts of one locale: a realm's own before ours, ours in English when there is none in the language.
pub(super) struct Texts {
    own: BTreeMap<String, String>,
    language: &'static Map,
}

impl Texts {
    pub(super) fn new(locale: &str, own: BTreeMap<String, String>) -> Self {
        let language: &'static Map = match super::locale::language(locale) {
            "de" => &GERMAN,
            _ => &ENGLISH,
        };
        Self { own, language }
    }

    /// The pattern of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let own = self.own.get(key).map(String::as_str);
        own.or_else(|| self.language.get(key).copied())
            .or_else(|| ENGLISH.get(key).copied())
    }

    /// The text of a key, its places filled; the key itself where there is none.
    pub(super) fn say(&self, key: &str, parameters: &[&str]) -> String {
        self.get(key)
            .map_or_else(|| key.to_owned(), |pattern| fill(pattern, parameters))
    }
}

/// Fills the places of a pattern in Java's `MessageFormat`: `{0}`, `''` for a quote, `'{'` for a brace.
fn fill(pattern: &str, parameters: &[&str]) -> String {
    let mut text = String::with_capacity(pattern.len());
    let (mut quoted, mut rest) = (false, pattern);
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\'' if rest.starts_with('\'') => {
                rest = &rest[1..];
                text.push('\'');
            }
            '\'' => quoted = !quoted,
            '{' if !quoted => {
                let Some((place, after)) = rest.split_once('}') else {
                    text.push('{');
                    continue;
                };
                let number = place.split(',').next().unwrap_or_default();
                let filled = number
                    .trim()
                    .parse()
                    .ok()
                    .and_then(|n: usize| parameters.get(n));
                match filled {
                    Some(filled) => text.push_str(filled),
                    None => {
                        text.push('{');
                        text.push_str(place);
                        text.push('}');
                    }
                }
                rest = after;
            }
            other => text.push(other),
        }
    }
    text
}

/// Texts that say nothing, whatever the key.
#[cfg(test)]
pub(super) fn silent() -> Texts {
    let keys = ENGLISH.keys().map(|key| ((*key).to_owned(), String::new()));
    Texts::new("en", keys.collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, end, found);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }

    fn read(folder: &str, end: &str) -> Vec<(PathBuf, String)> {
        let mut found = vec![];
        files(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            end,
            &mut found,
        );
        found
            .into_iter()
            .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
            .collect()
    }

    /// What stands between `before` and the next quote.
    fn literals<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        let after = text.split(before).skip(1);
        after.filter_map(|rest| rest.split_once('"').map(|(literal, _)| literal))
    }

    #[test]
    fn both_languages_have_the_same_keys_each_once() {
        let keys = |file: &'static str| {
            let lines = file.lines().filter(|line| !line.starts_with('#'));
            let keys: Vec<&str> = lines
                .filter_map(|line| Some(line.split_once('=')?.0))
                .collect();
            let set: BTreeSet<&str> = keys.iter().copied().collect();
            assert_eq!(set.len(), keys.len(), "a key stands twice");
            set
        };
        assert_eq!(
            keys(include_str!("../../messages/en.properties")),
            keys(include_str!("../../messages/de.properties"))
        );
    }

    #[test]
    fn every_key_that_is_used_is_there() {
        let mut used = BTreeSet::new();
        // The names of these functions are put together here, so that this file does not find itself.
        let calls = [
            "msg",
            "msg_with",
            "frame.say",
            "self.say",
            "frame.t",
            "frame.t1",
        ];
        for (_, text) in [read("src", ".rs"), read("templates", ".html")].concat() {
            for call in calls {
                let joined: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
                for gap in ["", " "] {
                    let before = format!("{call}({gap}\"");
                    used.extend(literals(&joined, &before).map(str::to_owned));
                }
            }
        }
        assert!(used.len() > 80, "{used:?}");
        let missing: Vec<&String> = used
            .iter()
            .filter(|key| !ENGLISH.contains_key(key.as_str()))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn places_are_filled_as_java_fills_them() {
        assert_eq!(fill("Sign in to {0}", &["r"]), "Sign in to r");
        assert_eq!(
            fill("Passwords don''t match.", &[]),
            "Passwords don't match."
        );
        assert_eq!(fill("{1} '{0}' {2} {", &["a", "b"]), "b {0} {2} {");
        assert_eq!(fill("{0}", &["{1}", "x"]), "{1}");
    }

    #[test]
    fn what_stands_in_no_map_is_named_by_its_key() {
        let texts = Texts::new("de", BTreeMap::new());
        assert_eq!(texts.say("no-such-key", &[]), "no-such-key");
        assert_ne!(texts.say("doLogIn", &[]), ENGLISH["doLogIn"]);
        let own = BTreeMap::from([("doLogIn".to_owned(), "Herein".to_owned())]);
        assert_eq!(Texts::new("de-AT", own).say("doLogIn", &[]), "Herein");
    }

    #[test]
    fn a_policy_error_keeps_its_number() {
        let error = WriteError::Policy {
            error: "invalidPasswordMinLengthMessage",
            description: "Invalid password: minimum length 8.".to_owned(),
        };
        let Some(Message::Key(key, parameters)) = Message::policy(&error) else {
            panic!("no message");
        };
        let places: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let texts = Texts::new("en", BTreeMap::new());
        assert_eq!(
            texts.say(&key, &places),
            "Invalid password: minimum length 8."
        );
    }
}
