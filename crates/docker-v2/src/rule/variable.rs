//! What `${…}` in a name stands for.

/// A variable of a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Variable {
    Username,
    GroupName,
    GroupPath,
    EmailDomain,
}

const ALL: [(&str, Variable); 4] = [
    ("username", Variable::Username),
    ("group.name", Variable::GroupName),
    ("group.path", Variable::GroupPath),
    ("email.domain", Variable::EmailDomain),
];

impl Variable {
    /// # Errors
    /// For a name that there is not.
    pub(super) fn read(name: &str) -> Result<Self, String> {
        let known = ALL.iter().find(|(known, _)| *known == name);
        known.map(|(_, variable)| *variable).ok_or_else(|| {
            let names = ALL.map(|(name, _)| format!("${{{name}}}"));
            format!(
                "there is no variable ${{{name}}}; there are {}",
                names.join(", ")
            )
        })
    }

    pub(super) fn is_of_group(self) -> bool {
        matches!(self, Self::GroupName | Self::GroupPath)
    }
}

/// The values of variables, for one user and one of the user's groups.
#[derive(Default)]
pub(super) struct Values<'a> {
    pub username: Option<&'a str>,
    /// Of the e-mail address, if that is verified.
    pub domain: Option<&'a str>,
    /// The names from the top down.
    pub group: Option<&'a [String]>,
}

impl Values<'_> {
    /// Adds a value to a text; false if there is none that names can hold.
    pub(super) fn add(&self, variable: Variable, text: &mut String) -> bool {
        let value = match variable {
            Variable::Username => self.username,
            Variable::EmailDomain => self.domain,
            Variable::GroupName => self
                .group
                .and_then(|names| names.last().map(String::as_str)),
            Variable::GroupPath => {
                let names = self.group.unwrap_or_default();
                text.push_str(&names.join("/"));
                return !names.is_empty() && names.iter().all(|name| is_part(name));
            }
        };
        let value = value.filter(|value| is_part(value));
        text.push_str(value.unwrap_or_default());
        value.is_some()
    }
}

/// One part of a name: a value must not become several.
fn is_part(value: &str) -> bool {
    !value.is_empty() && !value.contains(|c: char| c == '/' || c.is_control())
}
