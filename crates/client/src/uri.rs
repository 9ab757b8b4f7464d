//! The form of URIs, as strict as Keycloak takes it.

pub use crate::redirect::may_redirect;

/// What is wrong with a URL, in Keycloak's words; one that begins with `/` is relative to the server. The empty text is
/// no URL and fine.
#[must_use]
pub fn url(what: &str, text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| !text.is_empty())?;
    let known = |scheme: &str| {
        ["http", "https", "ftp", "file", "jar", "mailto"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    };
    if is_uri(text) && runs_in_the_browser(text) {
        Some(format!("{what} uses an illegal scheme"))
    } else if !is_uri(text) || !(text.starts_with('/') || scheme(text).is_some_and(known)) {
        Some(format!("{what} is not a valid URL"))
    } else {
        None
    }
}

/// What stands before the first colon, if it can be a scheme.
pub(crate) fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    (!scheme.contains(['/', '?', '#'])).then_some(scheme)
}

/// Whether following the URI would run something in the browser.
pub(crate) fn runs_in_the_browser(uri: &str) -> bool {
    scheme(uri).is_some_and(|scheme| {
        ["data", "javascript"]
            .iter()
            .any(|bad| scheme.eq_ignore_ascii_case(bad))
    })
}

/// Whether the text has the form of RFC 2396, with letters beyond ASCII allowed, as in Keycloak.
pub(crate) fn is_uri(text: &str) -> bool {
    let bytes = text.as_bytes();
    let legal = text.char_indices().all(|(at, c)| match c {
        '%' => bytes
            .get(at + 1..at + 3)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        c if c.is_ascii() => c.is_ascii_alphanumeric() || "-_.!~*'();/?:@&=+$,[]#".contains(c),
        c => !c.is_control() && !c.is_whitespace(),
    });
    let well_formed = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let rest = match scheme(text) {
        Some(scheme) if !well_formed(scheme) => return false,
        Some(scheme) => &text[scheme.len() + 1..],
        None => text,
    };
    legal && !rest.is_empty() && rest != "//" && text.matches('#').count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_uris_are_told_from_well_formed_ones() {
        for bad in [
            "http://", "http:", ":x", "1a:b", "a#b#c", "%4", "<x>", "a\\b", "a\nb", "{x}",
        ] {
            assert!(!is_uri(bad), "{bad:?}");
        }
        for good in ["a", "a:b", "http://h", "//h/p", "?q", "#f", "a+b-c.d:x"] {
            assert!(is_uri(good), "{good:?}");
        }
    }
}
