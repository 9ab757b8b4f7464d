use super::*;
use proptest::prelude::*;

fn stands_for(pattern: &str, name: &str) -> bool {
    Pattern::read(pattern)
        .unwrap()
        .matches(name, &Values::default())
}

#[test]
fn literal_text_is_compared_exactly() {
    assert!(stands_for("a/b-c_d.e", "a/b-c_d.e"));
    assert!(stands_for("host:5000/a", "host:5000/a"));
    for other in ["A/b-c_d.e", "a/b-c_d.ex", "a/b-c_dxe", "a", "a/b-c_d.e/f"] {
        assert!(!stands_for("a/b-c_d.e", other), "{other}");
    }
}

#[test]
fn one_star_stays_within_a_part() {
    for (pattern, name) in [
        ("*", "a"),
        ("a/*", "a/b"),
        ("a/*/c", "a/b/c"),
        ("a*", "a"),
        ("a*b*c", "abc"),
        ("a*b*c", "axbybzc"),
        ("*-dev/app", "team-dev/app"),
    ] {
        assert!(stands_for(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [
        ("*", "a/b"),
        ("a/*", "a"),
        ("a/*", "a/b/c"),
        ("a*", "a/b"),
        ("a/*", "a/"),
        ("a*a", "a"),
        ("ab*ba", "aba"),
        ("a*b*c", "acb"),
    ] {
        assert!(!stands_for(pattern, name), "{pattern} {name}");
    }
}

#[test]
fn two_stars_stand_for_parts() {
    for (pattern, name) in [
        ("**", "a"),
        ("**", "a/b/c"),
        ("a/**", "a/b"),
        ("a/**", "a/b/c"),
        ("a/**/b", "a/b"),
        ("a/**/b", "a/x/y/b"),
        ("a/**/b", "a/b/b"),
        ("**/b", "b"),
        ("**/b", "a/b"),
        ("**/a/**/b/*", "x/a/a/b/b/c"),
        ("a/**/**", "a/b"),
    ] {
        assert!(stands_for(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [
        ("a/**", "a"),
        ("a/**", "ab"),
        ("a/**", "a/"),
        ("a/**", "b/a/c"),
        ("a/**/b", "ab"),
        ("a/**/b", "a/xb"),
        ("**/b", "ab"),
        ("**/a/**", "a"),
    ] {
        assert!(!stands_for(pattern, name), "{pattern} {name}");
    }
}

#[test]
fn what_has_no_meaning_is_refused() {
    for text in [
        "a?",
        "a[b]",
        "a]",
        "{a,b}",
        "a}",
        "${user}",
        "${username",
        "$ {x}",
        "a**",
        "**a",
        "a/b**",
        "***",
        "/a",
        "a/",
        "a//b",
        "a\u{1}",
        "${}",
    ] {
        assert!(Pattern::read(text).is_err(), "{text}");
    }
    assert!(Pattern::read(&"x".repeat(256)).is_err());
    assert!(Pattern::read(&"x".repeat(255)).is_ok());
}

#[test]
fn the_prefix_is_the_literal_parts() {
    for (pattern, prefix) in [
        ("a/b", "a/b"),
        ("a/b*", "a"),
        ("a/**", "a"),
        ("a/b/${username}", "a/b"),
        ("a/b-${username}", "a"),
        ("*", ""),
        ("${username}/a", ""),
        ("ab*", ""),
    ] {
        assert_eq!(Pattern::read(pattern).unwrap().prefix(), prefix);
    }
}

#[test]
fn values_are_literal() {
    let group = ["team".to_owned(), "*".to_owned()];
    let values = Values {
        username: Some("**"),
        domain: Some("example.org"),
        group: Some(&group),
    };
    let stands_for = |pattern: &str, name: &str| {
        let pattern = Pattern::read(pattern).unwrap();
        pattern.matches(name, &values)
    };
    assert!(stands_for("${username}/*", "**/a"));
    assert!(!stands_for("${username}/*", "x/a"));
    assert!(!stands_for("${username}", "x/a"));
    assert!(stands_for("${group.path}/**", "team/*/a"));
    assert!(!stands_for("${group.path}/**", "team/b/a"));
    assert!(stands_for("by-${group.name}-x", "by-*-x"));
    assert!(stands_for("${email.domain}/a", "example.org/a"));
    assert!(!stands_for("${email.domain}/a", "example-org/a"));
}

#[test]
fn a_value_that_is_missing_or_would_cross_parts_matches_nothing() {
    let group = ["a/b".to_owned()];
    let bad = Values {
        username: Some("a/b"),
        domain: Some(""),
        group: Some(&group),
    };
    for values in [&bad, &Values::default()] {
        for name in ["username", "email.domain", "group.name", "group.path"] {
            let pattern = Pattern::read(&format!("${{{name}}}/**")).unwrap();
            for name in ["a/b", "a/b/c", "/b", "b"] {
                assert!(!pattern.matches(name, values), "{pattern:?} {name}");
            }
        }
    }
}

#[test]
fn hostile_patterns_are_decided_about_and_soon() {
    let parts = "a/".repeat(4000) + "a";
    let letters = "a".repeat(8000);
    for (pattern, name) in [
        (format!("**/{}b", "a/".repeat(120)), &parts),
        ("**/a/".repeat(50) + "b", &parts),
        ("*a".repeat(127) + "b", &letters),
        ("*".to_owned() + &"a".repeat(200) + "b*", &letters),
    ] {
        assert!(!stands_for(&pattern, name), "{pattern}");
    }
}

/// The same by definition: every way to share out the name.
fn by_definition(pattern: &[&str], name: &[&str]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (["**"], rest) => !rest.is_empty(),
        (["**", tail @ ..], rest) => {
            (0..=rest.len()).any(|taken| by_definition(tail, &rest[taken..]))
        }
        ([part, parts @ ..], [text, rest @ ..]) => {
            within_a_part(part.as_bytes(), text.as_bytes()) && by_definition(parts, rest)
        }
        _ => false,
    }
}

fn within_a_part(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', tail @ ..], rest) => {
            (0..=rest.len()).any(|taken| within_a_part(tail, &rest[taken..]))
        }
        ([a, tail @ ..], [b, rest @ ..]) => a == b && within_a_part(tail, rest),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn matching_is_as_defined(
        pattern in prop::collection::vec("(\\*\\*|\\*|[ab]|\\*?[ab]{1,2}\\*?[ab]{1,2}\\*?)", 1..5),
        name in prop::collection::vec("[ab]{1,4}", 1..7),
    ) {
        let (text, asked) = (pattern.join("/"), name.join("/"));
        let pattern: Vec<&str> = pattern.iter().map(String::as_str).collect();
        let name: Vec<&str> = name.iter().map(String::as_str).collect();
        prop_assert_eq!(stands_for(&text, &asked), by_definition(&pattern, &name), "{} {}", text, asked);
    }

    #[test]
    fn every_match_begins_with_the_prefix(
        pattern in "[ab]{1,2}(/([ab]{1,2}|\\*|\\*\\*)){0,3}", name in "[ab]{1,2}(/[ab]{1,2}){0,4}",
    ) {
        let read = Pattern::read(&pattern).unwrap();
        if read.matches(&name, &Values::default()) && !read.prefix().is_empty() {
            let rest = name.strip_prefix(read.prefix());
            prop_assert!(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')), "{} {}", pattern, name);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,300}", name in ".{0,50}") {
        if let Ok(pattern) = Pattern::read(&text) {
            pattern.matches(&name, &Values::default());
        }
    }
}

#[test]
fn what_is_no_name_is_told_apart() {
    for name in ["a", "a/b", "host:5000/a", "...", "a..b/.c"] {
        assert!(is_name(name), "{name}");
    }
    let long = "a/".repeat(255) + "a";
    for text in ["", "/a", "a/", "a//b", ".", "a/../b", "a/.", "..", &long] {
        assert!(!is_name(text), "{text}");
    }
    assert!(is_name(&"a".repeat(510)));
}
