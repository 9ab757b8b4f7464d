//! Texts with holes, and times.

use std::collections::HashSet;

/// Whether the text is the pattern, its holes filled somehow.
pub fn fits(pattern: &str, seen: &str) -> bool {
    rest(pattern, seen, &mut HashSet::new())
}

/// `hopeless` keeps what was tried in vain, so that many holes do not cost more than their number times the text.
fn rest(pattern: &str, seen: &str, hopeless: &mut HashSet<(usize, usize)>) -> bool {
    const HOLES: [&str; 7] = [
        "$uuid", "$any", "$string", "$kid", "$secret", "$base64", "$digits",
    ];
    let first = HOLES
        .iter()
        .filter_map(|hole| Some((pattern.find(hole)?, *hole)))
        .min();
    let Some((start, hole)) = first else {
        return pattern == seen;
    };
    let Some(from) = seen.strip_prefix(&pattern[..start]) else {
        return false;
    };
    if !hopeless.insert((pattern.len(), seen.len())) {
        return false;
    }
    let after = &pattern[start + hole.len()..];
    let mut ends = (0..=from.len())
        .rev()
        .filter(|end| from.is_char_boundary(*end));
    ends.any(|end| fills(hole, &from[..end]) && rest(after, &from[end..], hopeless))
}

fn fills(hole: &str, part: &str) -> bool {
    let all = |fits: fn(u8) -> bool| !part.is_empty() && part.bytes().all(fits);
    match hole {
        "$uuid" => part.len() == 36 && uuid::Uuid::try_parse(part).is_ok(),
        "$string" => !part.is_empty(),
        "$kid" => {
            part.len() == 43 && all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        }
        "$secret" => part.len() == 86 && all(|byte| byte.is_ascii_alphanumeric()),
        "$base64" => all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_\n".contains(&byte)),
        "$digits" => all(|byte| byte.is_ascii_digit()),
        _ => true,
    }
}

/// Seconds since 1970 of `yyyy-MM-ddTHH:mm:ssZ`, and of no other way to write a time.
pub fn seconds(text: &str) -> Option<i64> {
    let shape = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 20 || !text.bytes().enumerate().all(shape) {
        return None;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    // Days since 1970 by the civil calendar, with years that begin in March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + part(11, 13)?) * 60 + part(14, 16)?) * 60 + part(17, 19)?)
}
