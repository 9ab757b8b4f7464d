//! The scopes of a token request: text to access and back. Pure.
//!
//! Grammar: distribution specification, token scope: `type:name:action[,action…]`. A name may hold colons, for a port.

use std::fmt;

use serde::Serialize;

/// All scopes of a request together, in bytes.
const MAX_BYTES: usize = 8 * 1024;
const MAX_SCOPES: usize = 100;

/// What is asked for, or granted, on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    /// `repository`, `registry`, `repository(plugin)` …
    #[serde(rename = "type")]
    pub kind: String,
    /// The resource.
    pub name: String,
    /// `pull`, `push`, `delete`, `*` …
    pub actions: Vec<String>,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.name, self.actions.join(","))
    }
}

/// Reads all `scope` parameters of a request: their union, in the order asked, one item a resource (decisions D1–D5).
///
/// # Errors
/// What is wrong with which scope, in words for the person who asked.
pub(crate) fn parse<S: AsRef<str>>(parameters: &[S]) -> Result<Vec<Access>, String> {
    let bytes: usize = parameters.iter().map(|p| p.as_ref().len()).sum();
    if bytes > MAX_BYTES {
        return Err(format!(
            "The scopes are longer than {MAX_BYTES} bytes together"
        ));
    }
    let mut asked: Vec<Access> = Vec::new();
    for (count, text) in parameters
        .iter()
        .flat_map(|p| p.as_ref().split(' '))
        .filter(|text| !text.is_empty())
        .enumerate()
    {
        if count >= MAX_SCOPES {
            return Err(format!("More than {MAX_SCOPES} scopes were asked for"));
        }
        let access = parse_one(text)?;
        match asked
            .iter_mut()
            .find(|a| a.kind == access.kind && a.name == access.name)
        {
            Some(known) => {
                for action in access.actions {
                    if !known.actions.contains(&action) {
                        known.actions.push(action);
                    }
                }
            }
            None => asked.push(access),
        }
    }
    Ok(asked)
}

fn parse_one(text: &str) -> Result<Access, String> {
    let shown: String = text
        .chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().any(char::is_control) {
        return Err(format!(
            "Invalid scope '{shown}': it holds a control character"
        ));
    }
    let parts = text.split_once(':').and_then(|(kind, rest)| {
        rest.rsplit_once(':')
            .map(|(name, actions)| (kind, name, actions))
    });
    let Some((kind, name, actions)) = parts else {
        return Err(format!(
            "Invalid scope '{shown}': it is not of the form type:name:actions"
        ));
    };
    if kind.is_empty() || name.is_empty() {
        let what = if kind.is_empty() { "type" } else { "name" };
        return Err(format!("Invalid scope '{shown}': its {what} is empty"));
    }
    let mut distinct: Vec<String> = Vec::new();
    for action in actions.split(',').filter(|action| !action.is_empty()) {
        if !distinct.iter().any(|known| known == action) {
            distinct.push(action.to_owned());
        }
    }
    Ok(Access {
        kind: kind.to_owned(),
        name: name.to_owned(),
        actions: distinct,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(parameters: &[&str]) -> Vec<String> {
        parse(parameters)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn several_parameters_and_blanks_are_a_union_in_order() {
        assert_eq!(
            read(&[
                "repository:b:push,pull  repository:a:pull",
                "",
                "registry:catalog:*"
            ]),
            [
                "repository:b:push,pull",
                "repository:a:pull",
                "registry:catalog:*"
            ]
        );
    }

    #[test]
    fn a_resource_asked_twice_is_one_item() {
        assert_eq!(
            read(&["repository:a:pull,pull", "repository:a:push,pull"]),
            ["repository:a:pull,push"]
        );
    }

    #[test]
    fn a_name_may_hold_a_port() {
        let asked = parse(&["repository:host:5000/a:pull"]).unwrap();
        assert_eq!(
            (asked[0].kind.as_str(), asked[0].name.as_str()),
            ("repository", "host:5000/a")
        );
    }

    #[test]
    fn empty_actions_are_dropped() {
        assert_eq!(
            read(&["repository:a:pull,,push"]),
            ["repository:a:pull,push"]
        );
    }

    #[test]
    fn malformed_scopes_are_named() {
        for text in [
            "foo",
            "a:b",
            ":a:pull",
            "repository::pull",
            "repository:a\u{7}:pull",
        ] {
            let message = parse(&[text]).unwrap_err();
            assert!(message.starts_with("Invalid scope '"), "{message}");
        }
        assert!(parse(&["repository:a:pull".repeat(600)]).is_err());
        assert!(parse(&["repository:a:pull"; 101]).is_err());
        assert!(parse(&["repository:a:pull"; 100]).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = parse(&[text]);
        }

        #[test]
        fn what_is_read_reads_the_same_when_written(kind in "[a-z()]{1,12}", name in "[a-z0-9/:._-]{1,40}", action in "[a-z*]{1,8}") {
            let access = Access { kind, name, actions: vec![action] };
            prop_assert_eq!(parse(&[access.to_string()]).unwrap(), vec![access]);
        }
    }
}
