//! The words of a `search`, as Keycloak reads them.

use super::{MAX_WORDS, escape};

/// A word of a `search`.
#[derive(Debug, PartialEq)]
pub(super) enum Word {
    /// A `like` pattern for all fields, and for each field where it could reach from one into the next.
    Like { all: String, field: Option<String> },
    /// What no field can hold.
    Nowhere,
}

impl Word {
    /// Whether it is sought at the beginning of fields.
    pub(super) fn is_beginning(&self) -> bool {
        matches!(self, Self::Like { all, .. } if all.starts_with("%\n"))
    }

    /// Whether the index, which knows `shortest` letters and digits in a row, can find it.
    pub(super) fn is_known(&self, shortest: usize) -> bool {
        let long = |text: &str| text.chars().count() >= shortest;
        matches!(self, Self::Like { all, .. } if all.split(|c: char| !c.is_alphanumeric()).any(long))
    }

    fn read(word: &str) -> Option<Self> {
        if word.chars().any(char::is_control) {
            return Some(Self::Nowhere);
        }
        let (all, field) = if is_quoted(word) {
            let whole = escape(&word[1..word.len() - 1]);
            if whole.is_empty() {
                return Some(Self::Nowhere);
            }
            (format!("%\n{whole}\n%"), None)
        } else {
            let inner = word.trim_matches('*');
            if inner.is_empty() {
                return None;
            }
            let pattern = |text: &str| escape(text).replace('*', "%");
            let start = if word.starts_with('*') { "" } else { "\n" };
            let field = inner.contains('*').then(|| pattern(word) + "%");
            (format!("%{start}{}%", pattern(inner)), field)
        };
        Some(Self::Like { all, field })
    }
}

fn is_quoted(text: &str) -> bool {
    text.len() > 1 && text.starts_with('"') && text.ends_with('"')
}

/// The words of a `search`; a `*` alone is none.
pub(super) fn words(text: &str) -> Vec<Word> {
    let words: Vec<&str> = if is_quoted(text) && !text[1..text.len() - 1].contains('"') {
        vec![text]
    } else {
        text.split_whitespace().take(MAX_WORDS).collect()
    };
    words.into_iter().filter_map(Word::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_read_as_keycloak_reads_it() {
        for (search, expected) in [
            ("Bo", vec![("%\nBo%", None)]),
            ("*ob", vec![("%ob%", None)]),
            ("*ob*", vec![("%ob%", None)]),
            ("s*h", vec![("%\ns%h%", Some("s%h%"))]),
            ("*s*h*", vec![("%s%h%", Some("%s%h%%"))]),
            ("\"Bob\"", vec![("%\nBob\n%", None)]),
            ("anna smith", vec![("%\nanna%", None), ("%\nsmith%", None)]),
            ("\"smith jones\"", vec![("%\nsmith jones\n%", None)]),
            ("100%_a\\", vec![("%\n100\\%\\_a\\\\%", None)]),
            ("", vec![]),
            ("*", vec![]),
            ("\"", vec![("%\n\"%", None)]),
            ("50%", vec![("%\n50\\%%", None)]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(all, field)| Word::Like {
                    all: all.to_owned(),
                    field: field.map(str::to_owned),
                })
                .collect();
            assert_eq!(words(search), expected, "{search}");
        }
        for nowhere in ["\"\"", "\"a\nb\"", "a\u{1}"] {
            assert_eq!(words(nowhere), [Word::Nowhere], "{nowhere:?}");
        }
    }
}
