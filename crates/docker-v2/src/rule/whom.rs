//! To whom a rule grants.

use user::subject::Subject;

/// Somebody whom a rule names, or everybody.
#[derive(Debug, PartialEq)]
pub(super) enum Whom {
    Anonymous,
    Authenticated,
    User(String),
    /// The path of a group, with a slash before each name.
    Group(String),
    RealmRole(String),
    /// A clientId and a role's name with a dot between; either may hold dots.
    ClientRole(String),
}

impl Whom {
    /// # Errors
    /// What is wrong, in words that follow the text.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        const KINDS: &str = "a subject is user:NAME, group:/path, realm-role:ROLE, client-role:CLIENT.ROLE, authenticated \
                             or anonymous";
        match text {
            "anonymous" => return Ok(Self::Anonymous),
            "authenticated" => return Ok(Self::Authenticated),
            _ => {}
        }
        let (kind, name) = text.split_once(':').ok_or(KINDS)?;
        let name = name.trim();
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(KINDS.to_owned());
        }
        match kind.trim_end() {
            "user" => Ok(Self::User(name.to_lowercase())),
            "realm-role" => Ok(Self::RealmRole(name.to_owned())),
            "group" => {
                let path = name.strip_suffix('/').unwrap_or(name);
                if path.len() > 1 && path.starts_with('/') {
                    Ok(Self::Group(path.to_owned()))
                } else {
                    Err("the path of a group begins with a slash: group:/path".to_owned())
                }
            }
            "client-role" => match name.split_once('.') {
                Some((client, _)) if !client.is_empty() && !name.ends_with('.') => {
                    Ok(Self::ClientRole(name.to_owned()))
                }
                _ => Err("a client's role is client-role:CLIENT.ROLE".to_owned()),
            },
            _ => Err(KINDS.to_owned()),
        }
    }

    /// Whether this is one of them; None for who has not signed in.
    pub(super) fn includes(&self, who: Option<&Subject>) -> bool {
        let Some(who) = who else {
            return *self == Self::Anonymous;
        };
        match self {
            Self::Anonymous | Self::Authenticated => true,
            Self::User(name) => *name == who.username,
            Self::Group(path) => who.is_within(path),
            Self::RealmRole(role) => who.has_realm_role(role),
            Self::ClientRole(text) => {
                let mut dots = text.match_indices('.');
                dots.any(|(at, _)| who.has_client_role(&text[..at], &text[at + 1..]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read() {
        let group = || Whom::Group("/a/b".to_owned());
        for (text, whom) in [
            ("anonymous", Whom::Anonymous),
            ("authenticated", Whom::Authenticated),
            ("user:Alice", Whom::User("alice".to_owned())),
            ("user: a:b", Whom::User("a:b".to_owned())),
            ("group:/a/b", group()),
            ("group:/a/b/", group()),
            ("realm-role:r", Whom::RealmRole("r".to_owned())),
            ("client-role:c.d.r", Whom::ClientRole("c.d.r".to_owned())),
        ] {
            assert_eq!(Whom::read(text).unwrap(), whom, "{text}");
        }
        for text in [
            "",
            "alice",
            "user:",
            "user: ",
            "group:a",
            "group:/",
            "role:r",
            "client-role:c",
            "client-role:.r",
            "client-role:c.",
            "Anonymous",
            "user:a\u{7}",
        ] {
            assert!(Whom::read(text).is_err(), "{text}");
        }
    }
}
