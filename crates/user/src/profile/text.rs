//! The texts that user names, names of persons and e-mail addresses may be.

use std::sync::LazyLock;

use regex::Regex;

/// RFC 1035, and what Keycloak allows before the `@`.
const MAX_LABEL: usize = 63;
const MAX_LOCAL_PART: usize = 64;
const MAX_DOMAIN: usize = 255;

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

/// As Java counts: UTF-16 units.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Whether it is an address, with at most `max_local` characters before the `@` (64 at most).
pub(super) fn is_email(text: &str, max_local: usize) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    length(local) <= MAX_LOCAL_PART.min(max_local)
        && LOCAL_PART.is_match(local)
        && domain.len() <= MAX_DOMAIN
        && domain.split('.').all(|label| length(label) <= MAX_LABEL)
        && DOMAIN.is_match(domain)
}

pub(super) fn is_username(text: &str) -> bool {
    USERNAME.is_match(text)
}

/// Whether nothing in it is of another script, which could look like a Latin letter.
pub(super) fn is_latin(text: &str) -> bool {
    LATIN.is_match(text)
}

pub(super) fn is_person_name(text: &str) -> bool {
    PERSON_NAME.is_match(text)
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
            assert!(is_email(good, 64), "{good}");
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
            assert!(!is_email(bad, 64), "{bad}");
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
