//! Keycloak's password policies: `length(8) and digits(1) and …`.

mod kinds;

use regex::{Regex, RegexBuilder};
use store::{Error, Result};

pub use kinds::{KINDS, Kind};

use crate::WriteError;

/// What a realm asks of a new password, in the order in which it is written.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    expires_after_days: Option<i64>,
    history: Option<i64>,
}

#[derive(Clone, Debug)]
enum Rule {
    Length(i64),
    MaxLength(i64),
    Digits(i64),
    LowerCase(i64),
    UpperCase(i64),
    SpecialChars(i64),
    NotUsername,
    NotEmail,
    NotContainsUsername,
    Regex(Box<Regex>),
}

/// Bytes that a compiled `regexPattern` may take.
const REGEX_SIZE: usize = 1 << 20;
/// Rules of one policy.
const MAX_RULES: usize = 50;

/// Reads a realm's `passwordPolicy`; a policy named twice counts as written last, but for `regexPattern`: all count.
///
/// Known and without effect: `hashIterations` and `hashAlgorithm` (this server hashes in one way, and upgrades the others),
/// `maxAuthAge`, `recoveryCodesWarningThreshold`.
///
/// # Errors
/// [`Error::Invalid`] in Keycloak's words: `Password policy not found`, `Invalid config for length: Not a valid number`.
pub fn parse(text: &str) -> Result<Policy> {
    let mut policy = Policy::default();
    for item in text
        .split(" and ")
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        let (name, config) = match item.split_once('(') {
            Some((name, rest)) => (name.trim(), Some(rest)),
            None => (item, None),
        };
        let bad = |why: &str| Error::Invalid(format!("Invalid config for {name}: {why}"));
        let text = config.map(|rest| rest.strip_suffix(')').unwrap_or(rest));
        let number = |default: i64| match config {
            None => Ok(default),
            Some(rest) => rest
                .strip_suffix(')')
                .and_then(|text| text.parse::<i32>().ok())
                .map(i64::from)
                .ok_or_else(|| bad("Not a valid number")),
        };
        let rule = match name {
            "length" => Rule::Length(number(8)?),
            "maxLength" => Rule::MaxLength(number(64)?),
            "digits" => Rule::Digits(number(1)?),
            "lowerCase" => Rule::LowerCase(number(1)?),
            "upperCase" => Rule::UpperCase(number(1)?),
            "specialChars" => Rule::SpecialChars(number(1)?),
            "notUsername" => Rule::NotUsername,
            "notEmail" => Rule::NotEmail,
            "notContainsUsername" => Rule::NotContainsUsername,
            "regexPattern" => {
                let pattern = text
                    .filter(|text| !text.is_empty())
                    .ok_or_else(|| bad("Config cannot be null"))?;
                let regex = RegexBuilder::new(&format!("^(?:{pattern})$"))
                    .size_limit(REGEX_SIZE)
                    .build();
                Rule::Regex(Box::new(
                    regex.map_err(|_| bad("Not a valid regular expression"))?,
                ))
            }
            "forceExpiredPasswordChange" => {
                policy.expires_after_days = Some(number(365)?);
                continue;
            }
            "passwordHistory" => {
                policy.history = Some(number(3)?);
                continue;
            }
            "hashIterations" | "maxAuthAge" | "recoveryCodesWarningThreshold" => {
                number(1)?;
                continue;
            }
            "hashAlgorithm" => match text {
                None | Some("argon2" | "pbkdf2" | "pbkdf2-sha256" | "pbkdf2-sha512") => continue,
                Some(_) => return Err(bad("Password hashing provider not found")),
            },
            _ => return Err(Error::Invalid("Password policy not found".to_owned())),
        };
        let kind = std::mem::discriminant(&rule);
        let full = policy.rules.len() == MAX_RULES;
        let known = policy
            .rules
            .iter_mut()
            .find(|known| std::mem::discriminant(*known) == kind);
        match known {
            Some(known) if !matches!(rule, Rule::Regex(_)) => *known = rule,
            _ if full => {
                return Err(Error::Invalid(format!(
                    "A password policy has {MAX_RULES} rules at most"
                )));
            }
            _ => policy.rules.push(rule),
        }
    }
    Ok(policy)
}

impl Policy {
    /// The policy of a realm. A stored policy that is not understood any more counts as none: it was checked when the
    /// realm was written.
    #[must_use]
    pub fn of(realm: &realm::Realm) -> Self {
        realm
            .settings
            .password_policy
            .as_deref()
            .and_then(|text| parse(text).ok())
            .unwrap_or_default()
    }

    /// Days after which a password has to be changed: `forceExpiredPasswordChange`.
    #[must_use]
    pub fn expires_after_days(&self) -> Option<i64> {
        self.expires_after_days
    }

    /// The last passwords, the one in use among them, that a new one must not be: `passwordHistory`.
    #[must_use]
    pub fn history(&self) -> Option<i64> {
        self.history
    }

    /// Checks a new password of a user.
    ///
    /// # Errors
    /// [`WriteError::Policy`] for the first rule that it breaks, in Keycloak's words.
    pub fn check(
        &self,
        password: &str,
        username: &str,
        email: Option<&str>,
    ) -> Result<(), WriteError> {
        self.rules
            .iter()
            .find_map(|rule| rule.problem(password, username, email))
            .map_or(Ok(()), Err)
    }
}

impl Rule {
    fn problem(&self, password: &str, username: &str, email: Option<&str>) -> Option<WriteError> {
        let too_few = |counted: fn(&char) -> bool, least: i64| -> bool {
            i64::try_from(password.chars().filter(counted).count()).unwrap_or(i64::MAX) < least
        };
        // Java counts UTF-16 units.
        let length = i64::try_from(password.encode_utf16().count()).unwrap_or(i64::MAX);
        let lower = |text: &str| text.to_lowercase();
        let (broken, error, description) = match self {
            Self::Length(least) => (
                length < *least,
                "invalidPasswordMinLengthMessage",
                format!("minimum length {least}."),
            ),
            Self::MaxLength(most) => (
                length > *most,
                "invalidPasswordMaxLengthMessage",
                format!("maximum length {most}."),
            ),
            Self::Digits(least) => (
                too_few(|c| c.is_numeric(), *least),
                "invalidPasswordMinDigitsMessage",
                format!("must contain at least {least} numerical digits."),
            ),
            Self::LowerCase(least) => (
                too_few(|c| c.is_lowercase(), *least),
                "invalidPasswordMinLowerCaseCharsMessage",
                format!("must contain at least {least} lower case characters."),
            ),
            Self::UpperCase(least) => (
                too_few(|c| c.is_uppercase(), *least),
                "invalidPasswordMinUpperCaseCharsMessage",
                format!("must contain at least {least} upper case characters."),
            ),
            Self::SpecialChars(least) => (
                too_few(|c| !c.is_alphanumeric(), *least),
                "invalidPasswordMinSpecialCharsMessage",
                format!("must contain at least {least} special characters."),
            ),
            Self::NotUsername => (
                lower(password) == lower(username),
                "invalidPasswordNotUsernameMessage",
                "must not be equal to the username.".to_owned(),
            ),
            Self::NotEmail => (
                email.is_some_and(|email| lower(password) == lower(email)),
                "invalidPasswordNotEmailMessage",
                "must not be equal to the email.".to_owned(),
            ),
            Self::NotContainsUsername => (
                lower(password).contains(&lower(username)),
                "invalidPasswordNotContainsUsernameMessage",
                "Can not contain the username.".to_owned(),
            ),
            Self::Regex(regex) => (
                !regex.is_match(password),
                "invalidPasswordRegexPatternMessage",
                "fails to match regex pattern(s).".to_owned(),
            ),
        };
        broken.then(|| WriteError::Policy {
            error,
            description: format!("Invalid password: {description}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(policy: &str, password: &str) -> String {
        match parse(policy)
            .unwrap()
            .check(password, "alice", Some("alice@e.org"))
        {
            Ok(()) => "ok".to_owned(),
            Err(WriteError::Policy { error, description }) => format!("{error}|{description}"),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_policy_refuses_in_keycloaks_words() {
        for (policy, password, answer) in [
            (
                "length(8)",
                "a",
                "invalidPasswordMinLengthMessage|Invalid password: minimum length 8.",
            ),
            (
                "length",
                "a",
                "invalidPasswordMinLengthMessage|Invalid password: minimum length 8.",
            ),
            (
                "  length(3)  ",
                "a",
                "invalidPasswordMinLengthMessage|Invalid password: minimum length 3.",
            ),
            (
                "maxLength(3)",
                "abcd",
                "invalidPasswordMaxLengthMessage|Invalid password: maximum length 3.",
            ),
            (
                "digits(2)",
                "a1",
                "invalidPasswordMinDigitsMessage|Invalid password: must contain at least 2 numerical digits.",
            ),
            (
                "lowerCase(2)",
                "A1a",
                "invalidPasswordMinLowerCaseCharsMessage|Invalid password: must contain at least 2 lower case characters.",
            ),
            (
                "upperCase(2)",
                "a",
                "invalidPasswordMinUpperCaseCharsMessage|Invalid password: must contain at least 2 upper case characters.",
            ),
            (
                "specialChars(1)",
                "a1Bé",
                "invalidPasswordMinSpecialCharsMessage|Invalid password: must contain at least 1 special characters.",
            ),
            (
                "notUsername(undefined)",
                "ALICE",
                "invalidPasswordNotUsernameMessage|Invalid password: must not be equal to the username.",
            ),
            (
                "notEmail",
                "alice@e.org",
                "invalidPasswordNotEmailMessage|Invalid password: must not be equal to the email.",
            ),
            (
                "notContainsUsername",
                "xalicex",
                "invalidPasswordNotContainsUsernameMessage|Invalid password: Can not contain the username.",
            ),
            (
                "regexPattern(^[a-z]+$)",
                "A1",
                "invalidPasswordRegexPatternMessage|Invalid password: fails to match regex pattern(s).",
            ),
            (
                "length(8) and digits(1)",
                "a",
                "invalidPasswordMinLengthMessage|Invalid password: minimum length 8.",
            ),
            (
                "regexPattern([a-z]+) and regexPattern(.{3,})",
                "ab",
                "invalidPasswordRegexPatternMessage|Invalid password: fails to match regex pattern(s).",
            ),
            (
                "length(3) and length(5)",
                "abcd",
                "invalidPasswordMinLengthMessage|Invalid password: minimum length 5.",
            ),
        ] {
            assert_eq!(verdict(policy, password), answer, "{policy}");
        }
    }

    #[test]
    fn a_password_that_keeps_every_policy_passes() {
        let policy = "length(8) and maxLength(64) and digits(1) and lowerCase(1) and upperCase(1) and specialChars(1) and \
                      notUsername and notEmail and notContainsUsername and regexPattern([A-Za-z0-9!]+) and passwordHistory(3) \
                      and hashIterations(1) and hashAlgorithm(argon2)";
        assert_eq!(verdict(policy, "Passw0rd!"), "ok");
        assert_eq!(verdict("", "x"), "ok");
        assert_eq!(verdict(" and ", "x"), "ok");
        assert_eq!(verdict("length(-1)", "x"), "ok");
    }

    #[test]
    fn a_policy_that_is_not_understood_is_refused_in_keycloaks_words() {
        for (policy, answer) in [
            ("nosuch(1)", "Password policy not found"),
            ("Length(3)", "Password policy not found"),
            ("length()", "Invalid config for length: Not a valid number"),
            (
                "length(abc)",
                "Invalid config for length: Not a valid number",
            ),
            (
                "length(3)x",
                "Invalid config for length: Not a valid number",
            ),
            (
                "length(99999999999)",
                "Invalid config for length: Not a valid number",
            ),
            (
                "length(8)and digits(1)",
                "Invalid config for length: Not a valid number",
            ),
            (
                "length(8) AND digits(1)",
                "Invalid config for length: Not a valid number",
            ),
            (
                "regexPattern([)",
                "Invalid config for regexPattern: Not a valid regular expression",
            ),
            (
                "hashAlgorithm(zzz)",
                "Invalid config for hashAlgorithm: Password hashing provider not found",
            ),
        ] {
            assert_eq!(parse(policy).unwrap_err().to_string(), answer, "{policy}");
        }
    }

    #[test]
    fn an_expiry_is_read() {
        assert_eq!(
            parse("forceExpiredPasswordChange(30)")
                .unwrap()
                .expires_after_days(),
            Some(30)
        );
        assert_eq!(parse("length(8)").unwrap().expires_after_days(), None);
    }
}
