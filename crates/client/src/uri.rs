//! The form of URIs, as strict as Keycloak takes it.

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

/// Whether a client may be sent back to a URI: one of its redirect URIs, or below one that ends in `*`. `base` is what
/// stands for the server in them.
#[must_use]
pub fn may_redirect(base: &str, client: &crate::Client, uri: &str) -> bool {
    let root = client.settings.root_url.as_deref().unwrap_or_default();
    let root = root
        .replace("${authBaseUrl}", base)
        .replace("${authAdminUrl}", base);
    let root = if root.is_empty() { base } else { &root };
    client.redirect_uris().iter().any(|pattern| {
        let pattern = pattern
            .replace("${authBaseUrl}", base)
            .replace("${authAdminUrl}", base);
        if pattern.starts_with('/') {
            fits(&format!("{}{pattern}", root.trim_end_matches('/')), uri)
        } else {
            fits(&pattern, uri)
        }
    })
}

/// A `*` at the end stands for anything in the path, never for more of a host.
fn fits(pattern: &str, uri: &str) -> bool {
    let authority = uri
        .split_once("://")
        .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let odd = uri.contains(['#', '\\'])
        || authority.is_some_and(|authority| authority.contains('@'))
        || uri.to_ascii_lowercase().contains("%2e")
        || uri.split(['/', '?']).any(|part| part == "..");
    if odd || !is_uri(uri) || scheme(uri).is_none() || runs_in_the_browser(uri) {
        return false;
    }
    match pattern.strip_suffix('*') {
        None => pattern == uri,
        Some("") => scheme(uri).is_some_and(|scheme| {
            ["http", "https"]
                .iter()
                .any(|s| scheme.eq_ignore_ascii_case(s))
        }),
        Some(prefix) => {
            let has_path = prefix
                .split_once("://")
                .map_or(prefix, |(_, rest)| rest)
                .contains('/');
            uri.strip_prefix(prefix)
                .is_some_and(|rest| has_path || rest.is_empty() || rest.starts_with(['/', '?']))
                || Some(uri) == prefix.strip_suffix('/')
        }
    }
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

    #[test]
    fn a_redirect_goes_to_a_place_of_the_client_only() {
        for (pattern, uri, expected) in [
            ("https://a.org/cb", "https://a.org/cb", true),
            ("https://a.org/cb", "https://a.org/cb/x", false),
            ("https://a.org/*", "https://a.org/x?y=z", true),
            ("https://a.org/*", "https://a.org", true),
            ("https://a.org/*", "https://a.org.evil.org/", false),
            ("https://a.org*", "https://a.org.evil.org/", false),
            ("https://a.org*", "https://a.org/x", true),
            ("https://a.org/app/*", "https://a.org/app/../admin", false),
            (
                "https://a.org/app/*",
                "https://a.org/app/%2e%2e/admin",
                false,
            ),
            ("https://a.org/*", "https://a.org/x#y", false),
            ("https://a.org/*", "https://user@a.org/", false),
            ("*", "https://anywhere.org/", true),
            ("*", "javascript:alert(1)", false),
            ("*", "app://x", false),
            ("app:/cb", "app:/cb", true),
        ] {
            assert_eq!(fits(pattern, uri), expected, "{pattern} {uri}");
        }
    }
}
