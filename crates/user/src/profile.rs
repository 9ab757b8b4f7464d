//! What a user's own data may look like: the rules of Keycloak's default user profile.

use std::sync::LazyLock;

use realm::Realm;
use regex::Regex;
use serde_json::Value;

use crate::{FieldError, User, WriteError};

/// Attributes that a user has at most.
pub const MAX_ATTRIBUTES: usize = 100;
/// Values that an attribute has at most.
pub const MAX_VALUES: usize = 100;
/// Characters of a value, as in Keycloak.
pub const MAX_VALUE: usize = 2048;
const MAX_LENGTH: usize = 255;
const MIN_USERNAME: usize = 3;
/// RFC 1035, and what Keycloak allows before the `@`.
const MAX_LABEL: usize = 63;
const MAX_LOCAL_PART: usize = 64;

// Keycloak's patterns. Its user names may hold invisible characters that turn the text round; ours may not (\p{Cf}).
static USERNAME: LazyLock<Regex> =
    LazyLock::new(|| compile(r#"^[^<>&"'\s$%!#?§,;:*~/\\|^=\[\]{}()`\p{Cc}\p{Cf}]+$"#));
static LATIN: LazyLock<Regex> = LazyLock::new(|| compile(r"^[\p{Latin}\p{Common}]+$"));
static PERSON_NAME: LazyLock<Regex> =
    LazyLock::new(|| compile(r#"^[^<>&"$%!#?§;*~/\\|^=\[\]{}()\p{Cc}]+$"#));
static LOCAL_PART: LazyLock<Regex> = LazyLock::new(|| {
    const PART: &str = r#"(?:[a-z0-9!#$%&'*+/=?^_`{|}~\x{a0}-\x{ffff}-]+|"(?:[a-z0-9!#$%&'*.(),<>\[\]:; @+/=?^_`{|}~\x{a0}-\x{ffff}-]|\\\\|\\")+")"#;
    compile(&format!(r"(?i)^{PART}(?:\.{PART})*$"))
});
static DOMAIN: LazyLock<Regex> = LazyLock::new(|| {
    const CHARS: &str = r"[a-z\x{a0}-\x{ffff}0-9!#$%&'*+/=?^`{|}~]";
    const LABEL: &str = r"(?:CHARS(?:CHARS|-)*CHARS|CHARS)";
    let label = LABEL.replace("CHARS", CHARS);
    compile(&format!(
        r"(?i)^(?:{label}(?:\.{label})*|\[[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}\]|\[IPv6:[0-9a-f:.]+\])$"
    ))
});

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and a test compiles each"
)]
fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// Whether attributes that the profile does not define are kept. Keycloak's `unmanagedAttributePolicy`, off by default;
/// a realm's own profile is not read yet, so it is off everywhere.
#[must_use]
pub fn keeps_unmanaged(_realm: &Realm) -> bool {
    false
}

/// Whether the user has all that the profile asks of users: e-mail address, first and last name. Asked of nobody in the
/// master realm, whose profile requires nothing, and of no service account.
#[must_use]
pub fn is_complete(realm: &Realm, user: &User) -> bool {
    realm.is_master()
        || user.service_account_client.is_some()
        || (user.email.is_some() && user.first_name.is_some() && user.last_name.is_some())
}

/// Checks a user as the admin API writes it.
///
/// # Errors
/// [`WriteError::MissingUsername`], [`WriteError::Validation`] with every problem, or [`WriteError::Limit`].
pub(crate) fn validate(realm: &Realm, user: &User) -> Result<(), WriteError> {
    if user.username.trim().is_empty() {
        return Err(WriteError::MissingUsername);
    }
    let mut errors = vec![];
    let mut problem = |field: &str, message: &'static str, more: &[Value]| {
        let error = FieldError::new(field, message, more);
        if !errors.contains(&error) {
            errors.push(error);
        }
    };
    if !(MIN_USERNAME..=MAX_LENGTH).contains(&length(&user.username)) {
        problem(
            "username",
            "error-invalid-length",
            &[MIN_USERNAME.into(), MAX_LENGTH.into()],
        );
    }
    // A user name that is an e-mail address is checked as one.
    let mail_name = realm.settings.registration_email_as_username
        && user.email.as_ref() == Some(&user.username);
    let well_formed = USERNAME.is_match(&user.username) && LATIN.is_match(&user.username);
    if !well_formed && !mail_name {
        problem("username", "error-username-invalid-character", &[]);
    }
    if let Some(email) = &user.email {
        if length(email) > MAX_LENGTH {
            problem(
                "email",
                "error-invalid-length-too-long",
                &[Value::Null, MAX_LENGTH.into()],
            );
        }
        if !is_email(email) {
            problem("email", "error-invalid-email", &[email.as_str().into()]);
        }
    }
    for (field, name) in [
        ("lastName", &user.last_name),
        ("firstName", &user.first_name),
    ] {
        let Some(name) = name else { continue };
        if length(name) > MAX_LENGTH {
            problem(
                field,
                "error-invalid-length-too-long",
                &[Value::Null, MAX_LENGTH.into()],
            );
        }
        if !PERSON_NAME.is_match(name) {
            problem(field, "error-person-name-invalid-character", &[]);
        }
    }
    for (name, values) in user.attribute_lists() {
        if values.iter().any(|value| length(value) > MAX_VALUE) {
            problem(&name, "error-invalid-length", &[0.into(), MAX_VALUE.into()]);
        }
    }
    if !errors.is_empty() {
        return Err(WriteError::Validation(errors));
    }
    check_bounds(user)
}

/// Checks what the database and memory can take; all that an import is asked for, as in Keycloak.
///
/// # Errors
/// [`WriteError::MissingUsername`], [`WriteError::Limit`].
pub(crate) fn check_bounds(user: &User) -> Result<(), WriteError> {
    if user.username.trim().is_empty() {
        return Err(WriteError::MissingUsername);
    }
    let names = [
        Some(&user.username),
        user.email.as_ref(),
        user.first_name.as_ref(),
        user.last_name.as_ref(),
    ];
    for name in names.into_iter().flatten() {
        // A service account's name is longer than its client's.
        if length(name) > 2 * MAX_LENGTH || name.chars().any(char::is_control) {
            return Err(WriteError::Limit(format!(
                "User names, e-mail addresses and names have at most {MAX_LENGTH} characters and no control characters"
            )));
        }
    }
    let attributes = user.attribute_lists();
    let fits = attributes.len() <= MAX_ATTRIBUTES
        && attributes.iter().all(|(name, values)| {
            length(name) <= MAX_LENGTH
                && store::text::storable(name)
                && values.len() <= MAX_VALUES
                && values
                    .iter()
                    .all(|value| length(value) <= MAX_VALUE && store::text::storable(value))
        });
    if fits {
        return Ok(());
    }
    Err(WriteError::Limit(format!(
        "A user has at most {MAX_ATTRIBUTES} attributes with {MAX_VALUES} values of {MAX_VALUE} characters each"
    )))
}

/// As Java counts: UTF-16 units.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    length(local) <= MAX_LOCAL_PART
        && LOCAL_PART.is_match(local)
        && domain.len() <= MAX_LENGTH
        && domain.split('.').all(|label| length(label) <= MAX_LABEL)
        && DOMAIN.is_match(domain)
}

/// Whether a text may be a user name or an e-mail address at all: what is not need not be looked up.
pub(crate) fn may_be_name(text: &str) -> bool {
    !text.is_empty() && length(text) <= 2 * MAX_LENGTH && store::text::storable(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_mail_addresses_are_judged_as_keycloak_judges_them() {
        let long = |n: usize| "b".repeat(n);
        for good in [
            "a@b",
            "\"a b\"@c.d",
            "é@b.c",
            "a@é.fr",
            "a@[127.0.0.1]",
            "o'hara+x@b.c",
            "a@b-c.d",
            "A@B.C",
            &format!("{}@{}.cc", "a".repeat(64), long(63)),
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "notmail",
            "a@",
            "@b",
            "a b@c.d",
            "a@b..c",
            "a@b.c.",
            ".a@b.c",
            "a.@b.c",
            "a..b@c.d",
            "a@-b.c",
            "a@b-.c",
            "a@b_c.d",
            "a@b@c",
            "a<b>@c.d",
            "a@b.c\n",
            "a@b c.d",
            "a\u{85}@b.c",
            &format!("{}@b.c", "a".repeat(65)),
            &format!("a@{}.c", long(64)),
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    fn names(pattern: &Regex, good: &[&str], bad: &[&str]) {
        for name in good {
            assert!(pattern.is_match(name), "{name}");
        }
        for name in bad {
            assert!(!pattern.is_match(name), "{name:?}");
        }
    }

    #[test]
    fn user_names_and_person_names_refuse_keycloaks_characters() {
        names(
            &USERNAME,
            &["a.b-c_d", "a@b", "a+b", "aéb"],
            &[
                "a b",
                "a/b",
                "a<b>",
                "a&b",
                "a\"b",
                "a'b",
                "a$b",
                "a%b",
                "a!b",
                "a#b",
                "a?b",
                "a;b",
                "a,b",
                "a§b",
                "a\tb",
                "a\nb",
                "a*b",
                "a(b)",
                "a[b]",
                "a{b}",
                "a=b",
                "a\\b",
                "a|b",
                "a:b",
                "a^b",
                "a`b",
                "a~b",
                "a\0b",
                "a\u{7f}b",
                "a\u{202e}b",
                "",
            ],
        );
        names(&LATIN, &["admin", "aéb", "a-1@x"], &["аdmin", "日本語"]);
        names(
            &PERSON_NAME,
            &[
                "O'Hara", "a,b", "é", "a+b", "a:b", "a`b", "a_b", "日本", "Ann Lee",
            ],
            &[
                "<b>", "a&b", "a\"b", "a$b", "a!b", "a;b", "a§b", "a\tb", "a(b)", "a=b", "a/b",
                "a*b", "a\0b",
            ],
        );
    }

    #[test]
    fn every_pattern_compiles() {
        assert!(LOCAL_PART.is_match("a") && DOMAIN.is_match("b") && LATIN.is_match("c"));
    }
}
