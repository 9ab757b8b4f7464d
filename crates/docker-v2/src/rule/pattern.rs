//! Names of resources with wildcards and variables. Pure.
//!
//! A pattern is kept as text in which a control character stands for a wildcard: neither the names that are asked for nor
//! the values of variables hold one, so whatever a value holds is literal.

use super::variable::{Values, Variable};

/// `*`: any text within a part.
const ONE: char = '\u{1}';
/// `**`: a part of its own that stands for any number of parts.
const MANY: &str = "\u{2}";
/// As long as a registry lets a repository name be.
const MAX_CHARS: usize = 255;
/// Bytes of a name that is judged: twice that, as some write the host in front.
const MAX_NAME: usize = 2 * MAX_CHARS;

/// A name, or the names that some text with wildcards and variables stands for.
#[derive(Debug, PartialEq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Value(Variable),
}

impl Pattern {
    /// # Errors
    /// What is wrong, in words that follow the text.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.chars().count() > MAX_CHARS {
            return Err(format!("it is longer than {MAX_CHARS} characters"));
        }
        if text.split('/').any(str::is_empty) {
            return Err(
                "it begins or ends with a slash or has two in a row, which no name does".to_owned(),
            );
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some(variable) = rest.strip_prefix("${") {
                let (name, after) = variable
                    .split_once('}')
                    .ok_or("a variable has no closing }")?;
                let variable = Variable::read(name)?;
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Value(variable));
                rest = after;
                continue;
            }
            let mut taken = next.len_utf8();
            match next {
                '*' => {
                    let after = rest.trim_start_matches('*');
                    taken = rest.len() - after.len();
                    let before = &text[..text.len() - rest.len()];
                    let alone = (before.is_empty() || before.ends_with('/'))
                        && (after.is_empty() || after.starts_with('/'));
                    match taken {
                        1 => literal.push(ONE),
                        2 if alone => literal.push_str(MANY),
                        _ => {
                            return Err(
                                "** stands for whole parts, between slashes; within a part it is *"
                                    .to_owned(),
                            );
                        }
                    }
                }
                '?' | '[' | ']' | '{' | '}' => {
                    return Err(format!(
                        "{next} has no meaning; there are *, ** and variables"
                    ));
                }
                _ if next.is_control() => return Err("it holds a control character".to_owned()),
                _ => literal.push(next),
            }
            rest = &rest[taken..];
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self(pieces))
    }

    /// The leading parts of every name that it stands for; with neither wildcard nor variable, the name.
    pub(super) fn prefix(&self) -> &str {
        let Some(Piece::Text(text)) = self.0.first() else {
            return "";
        };
        let wildcard = text.find(|c| c == ONE || MANY.contains(c));
        match wildcard.or((self.0.len() > 1).then_some(text.len())) {
            None => text,
            Some(at) => text[..at].rsplit_once('/').map_or("", |(prefix, _)| prefix),
        }
    }

    /// Whether it holds a variable.
    pub(super) fn varies(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Value(_)))
    }

    /// Whether it holds a variable that stands for each of the user's groups.
    pub(super) fn varies_by_group(&self) -> bool {
        let mut pieces = self.0.iter();
        pieces.any(|piece| matches!(piece, Piece::Value(variable) if variable.is_of_group()))
    }

    /// Whether it stands for this name, with these values.
    pub(super) fn matches(&self, name: &str, values: &Values<'_>) -> bool {
        match &*self.0 {
            [Piece::Text(text)] => matches(text, name),
            pieces => {
                let mut text = String::new();
                let filled = pieces.iter().all(|piece| match piece {
                    Piece::Text(literal) => {
                        text.push_str(literal);
                        true
                    }
                    Piece::Value(variable) => values.add(*variable, &mut text),
                });
                filled && matches(&text, name)
            }
        }
    }
}

/// Whether something can have this name. With parts that are empty or lead upwards, another program might take it for the
/// name of something else.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME && !text.split('/').any(|part| ["", ".", ".."].contains(&part))
}

/// Part by part. What follows a `**` is looked for from the left, once from each part on: no more comparisons of parts
/// than parts of the pattern times parts of the name.
fn matches(pattern: &str, name: &str) -> bool {
    let (mut parts, mut rest) = (pattern.split('/'), name.split('/'));
    let mut again = None;
    loop {
        let before = rest.clone();
        match (parts.next(), rest.next()) {
            (None, None) => return true,
            (Some(MANY), next) => {
                if parts.clone().next().is_none() {
                    return next.is_some_and(|part| !part.is_empty());
                }
                again = Some((parts.clone(), before.clone()));
                rest = before;
            }
            (Some(part), Some(text)) if matches_part(part, text) => {}
            _ => {
                let Some((from, start)) = &mut again else {
                    return false;
                };
                if start.next().is_none() {
                    return false;
                }
                parts = from.clone();
                rest = start.clone();
            }
        }
    }
}

/// The texts between wildcards are found one after the other, each as far left as can be.
fn matches_part(pattern: &str, text: &str) -> bool {
    let Some((first, wild)) = pattern.split_once(ONE) else {
        return pattern == text;
    };
    let (middle, last) = wild.rsplit_once(ONE).unwrap_or(("", wild));
    let inner = text.strip_prefix(first);
    let Some(mut inner) = inner.and_then(|inner| inner.strip_suffix(last)) else {
        return false;
    };
    !text.is_empty()
        && middle.split(ONE).all(|piece| {
            let found = inner.find(piece);
            found.is_some_and(|at| {
                inner = &inner[at + piece.len()..];
                true
            })
        })
}

#[cfg(test)]
mod tests;
