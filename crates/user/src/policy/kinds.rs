//! The password policies by name, as administrators choose them.

/// A kind of password policy.
pub struct Kind {
    /// In a realm's `passwordPolicy`.
    pub id: &'static str,
    /// As forms call it.
    pub display_name: &'static str,
    /// `int` or `String`; without, it takes no value.
    pub config_type: Option<&'static str>,
    /// Its value where none is given.
    pub default: Option<&'static str>,
    /// Whether a policy may hold it more than once.
    pub multiple: bool,
}

const fn kind(id: &'static str, display_name: &'static str) -> Kind {
    Kind {
        id,
        display_name,
        config_type: None,
        default: None,
        multiple: false,
    }
}

const fn number(id: &'static str, display_name: &'static str, default: &'static str) -> Kind {
    Kind {
        config_type: Some("int"),
        default: Some(default),
        ..kind(id, display_name)
    }
}

const fn text(id: &'static str, display_name: &'static str, default: &'static str) -> Kind {
    Kind {
        config_type: Some("String"),
        default: Some(default),
        ..kind(id, display_name)
    }
}

/// All that [`super::parse`] knows.
pub const KINDS: [Kind; 16] = [
    text("forceExpiredPasswordChange", "Expire Password", "365"),
    number("hashIterations", "Hashing Iterations", "-1"),
    number("passwordHistory", "Not Recently Used", "3"),
    Kind {
        multiple: true,
        ..text("regexPattern", "Regular Expression", "")
    },
    number("length", "Minimum Length", "8"),
    kind("notUsername", "Not Username"),
    kind("notEmail", "Not Email"),
    kind("notContainsUsername", "Not Contains Username"),
    number("specialChars", "Special Characters", "1"),
    number(
        "recoveryCodesWarningThreshold",
        "Recovery Codes Warning Threshold",
        "4",
    ),
    number("upperCase", "Uppercase Characters", "1"),
    number("lowerCase", "Lowercase Characters", "1"),
    number("digits", "Digits", "1"),
    number("maxAuthAge", "Maximum Authentication Age", "300"),
    text("hashAlgorithm", "Hashing Algorithm", "argon2"),
    number("maxLength", "Maximum Length", "64"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_understood() {
        for kind in KINDS {
            let value = kind
                .default
                .filter(|value| !value.is_empty())
                .unwrap_or("1");
            let policy = format!("{}({value})", kind.id);
            assert!(crate::policy::parse(&policy).is_ok(), "{policy}");
        }
    }
}
