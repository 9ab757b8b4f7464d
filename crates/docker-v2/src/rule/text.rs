//! The config of a mapper that is a rule.

use client::Texts;

use super::{ACTIONS, ALL, Pattern, Whom};

/// Between the values of one member, as in Keycloak.
const BETWEEN: &str = "##";
/// What a rule is about that does not say.
const REPOSITORY: &str = "repository";

type Read = (Vec<Whom>, Vec<Pattern>, Vec<String>, Vec<String>);

/// What is wrong with a config, for whoever wrote it.
///
/// # Errors
/// In words.
pub(crate) fn check(config: &Texts) -> Result<(), String> {
    read(config).map(|_| ())
}

/// The subjects, the names, the types and the actions of a rule.
pub(super) fn read(config: &Texts) -> Result<Read, String> {
    let values = |member: &str| -> Vec<&str> {
        let text = config.get(member).map(String::as_str).unwrap_or_default();
        let values = text.split(BETWEEN).map(str::trim);
        values.filter(|value| !value.is_empty()).collect()
    };
    let [subjects, names, types, actions] =
        ["subject", "repository", "type", "actions"].map(values);
    for (member, values) in [
        ("subject", &subjects),
        ("repository", &names),
        ("actions", &actions),
    ] {
        if values.is_empty() {
            return Err(format!("{member} is missing"));
        }
    }
    let types = if types.is_empty() {
        vec![REPOSITORY]
    } else {
        types
    };
    if let Some(bad) = types.iter().find(|kind| !is_type(kind)) {
        return Err(format!(
            "type '{bad}': a resource type is made of lower-case letters, digits, '-', '_' and '.', with a class in \
             parentheses or without"
        ));
    }
    let of_repositories = types
        .iter()
        .all(|kind| kind.split('(').next() == Some(REPOSITORY));
    if let Some(bad) = actions
        .iter()
        .find(|action| !is_action(action, of_repositories))
    {
        return Err(format!(
            "actions '{bad}': an action is pull, push, delete or *; several have {BETWEEN} between them"
        ));
    }
    Ok((
        read_all("subject", &subjects, Whom::read)?,
        read_all("repository", &names, Pattern::read)?,
        types.into_iter().map(str::to_owned).collect(),
        actions.into_iter().map(str::to_owned).collect(),
    ))
}

fn read_all<T>(
    member: &str,
    texts: &[&str],
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let texts = texts.iter();
    texts
        .map(|text| read(text).map_err(|error| format!("{member} '{text}': {error}")))
        .collect()
}

/// Distribution token specification: `typevalue [ "(" classvalue ")" ]`.
fn is_type(text: &str) -> bool {
    match text.split_once('(') {
        None => is_word(text),
        Some((kind, class)) => is_word(kind) && class.strip_suffix(')').is_some_and(is_word),
    }
}

fn is_word(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    !text.is_empty() && text.bytes().all(letter)
}

/// On resources other than repositories there may be other actions.
fn is_action(text: &str, of_repositories: bool) -> bool {
    text == ALL || ACTIONS.contains(&text) || !of_repositories && is_word(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(config: &[(&str, &str)]) -> String {
        let config = config.iter();
        let config = config.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        check(&config.collect()).err().unwrap_or_default()
    }

    #[test]
    fn a_rule_says_who_what_and_which_actions() {
        let rule = [
            ("subject", "authenticated"),
            ("repository", "a/**"),
            ("actions", "pull"),
        ];
        assert_eq!(said(&rule), "");
        for without in 0..3 {
            let mut config = rule.to_vec();
            let (name, _) = config.remove(without);
            assert_eq!(said(&config), format!("{name} is missing"));
            config.push((name, " ## "));
            assert_eq!(said(&config), format!("{name} is missing"));
        }
    }

    #[test]
    fn several_values_have_number_signs_between_them() {
        let config = [
            ("subject", "user:a ## realm-role:b##anonymous"),
            ("repository", " a ##b/** "),
            ("type", "repository ## repository(plugin)"),
            ("actions", "pull##push ## "),
        ];
        let config = config.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (whom, patterns, types, actions) = read(&config.into()).unwrap();
        assert_eq!((whom.len(), patterns.len()), (3, 2));
        assert_eq!(types, ["repository", "repository(plugin)"]);
        assert_eq!(actions, ["pull", "push"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let with = |member: &str, value: &str| {
            let mut config = vec![
                ("subject", "anonymous"),
                ("repository", "a"),
                ("type", "repository"),
                ("actions", "pull"),
            ];
            config.retain(|(name, _)| *name != member);
            config.push((member, value));
            said(&config)
        };
        for (member, value) in [
            ("subject", "alice"),
            ("repository", "a?"),
            ("repository", "${user.name}"),
            ("type", "Repository"),
            ("type", "repository()"),
            ("type", "*"),
            ("actions", "pull,push"),
            ("actions", "fly"),
            ("actions", "PULL"),
        ] {
            let said = with(member, value);
            assert!(said.starts_with(&format!("{member} '{value}': ")), "{said}");
        }
        assert_eq!(with("type", "registry"), "");
        assert_eq!(with("type", "repository(plugin)"), "");
    }

    #[test]
    fn other_resources_may_have_other_actions() {
        let config = |kind, action| {
            [
                ("subject", "anonymous"),
                ("repository", "a"),
                ("type", kind),
                ("actions", action),
            ]
        };
        assert_eq!(said(&config("artifact", "sign")), "");
        assert_ne!(said(&config("artifact", "sign it")), "");
        assert_ne!(said(&config("repository(plugin)", "sign")), "");
    }
}
