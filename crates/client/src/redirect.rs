//! Where a client may send the browser: its redirect URIs (RFC 6749 §3.1.2), and those after a logout.
//!
//! Longer than other files for the table of its test.

use std::fmt::Write as _;

use crate::Client;
use crate::defaults::{POST_LOGOUT_REDIRECT_URIS, origin};
use crate::uri::{is_uri, runs_in_the_browser, scheme};

/// What only an authorization answer may say; a redirect URI that brings it along would be taken for one.
const OF_ANSWERS: [&str; 13] = [
    "access_token",
    "code",
    "error",
    "error_description",
    "expires_in",
    "id_token",
    "iss",
    "kc_action",
    "kc_action_status",
    "response",
    "session_state",
    "state",
    "token_type",
];

/// Whether a client may be sent back to a URI: one of its redirect URIs, or below one that ends in `*`. `base` is what
/// stands for the server in them.
#[must_use]
pub fn may_redirect(base: &str, client: &Client, uri: &str) -> bool {
    let patterns = client.redirect_uris().iter().map(String::as_str);
    allowed(base, client, patterns, &plain(uri))
}

/// The same after a logout: `post.logout.redirect.uris`, `##` between them, `+` for the redirect URIs, which is also
/// what counts where there are none; `-` for nowhere.
#[must_use]
pub fn may_redirect_after_logout(base: &str, client: &Client, uri: &str) -> bool {
    let uri = plain(uri);
    let named = client.attribute(POST_LOGOUT_REDIRECT_URIS).unwrap_or("+");
    let nowhere = named.split("##").any(|named| named == "-");
    !nowhere
        && named.split("##").any(|named| match named {
            "+" => {
                let patterns = client.redirect_uris().iter().map(String::as_str);
                allowed(base, client, patterns, &uri)
            }
            named => allowed(base, client, std::iter::once(named), &uri),
        })
}

/// A URI that may be followed, as a `Location` can hold it: without tabs, in ASCII.
#[must_use]
pub fn location(uri: &str) -> String {
    encoded(&plain(uri))
}

/// Browsers take tabs out of URLs before they read them, and so does Keycloak: what is judged is what they will follow.
fn plain(uri: &str) -> String {
    uri.replace('\t', "")
}

/// Letters beyond ASCII cannot stand in a header.
fn encoded(uri: &str) -> String {
    let mut encoded = String::with_capacity(uri.len());
    for byte in uri.bytes() {
        if byte.is_ascii() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A URL of a client (its base URL, where it is told of logouts), which may be relative to its root URL: where that is
/// for `base`, if it is a place on the web.
#[must_use]
pub fn absolute(base: &str, client: &Client, url: &str) -> Option<String> {
    let url = resolved(base, client, url);
    let lower = url.to_ascii_lowercase();
    (is_uri(&url) && (lower.starts_with("http://") || lower.starts_with("https://"))).then_some(url)
}

fn resolved(base: &str, client: &Client, url: &str) -> String {
    let of_server = |text: &str| {
        text.replace("${authBaseUrl}", base)
            .replace("${authAdminUrl}", base)
    };
    let url = of_server(url);
    if !url.starts_with('/') {
        return url;
    }
    let root = of_server(client.settings.root_url.as_deref().unwrap_or_default());
    let root = if root.is_empty() {
        origin(base).unwrap_or_default()
    } else {
        root
    };
    format!("{}{url}", root.trim_end_matches('/'))
}

fn allowed<'a>(
    base: &str,
    client: &Client,
    mut patterns: impl Iterator<Item = &'a str>,
    uri: &str,
) -> bool {
    patterns.any(|pattern| fits(&resolved(base, client, pattern), uri))
}

/// On the machine of the browser any port will do (RFC 8252 §7.3): the system picks it.
fn fits(pattern: &str, uri: &str) -> bool {
    if !may_be_followed(uri) {
        return false;
    }
    fits_as_it_is(pattern, uri)
        || without_local_port(uri).is_some_and(|uri| fits_as_it_is(pattern, &uri))
}

fn without_local_port(uri: &str) -> Option<String> {
    ["http://localhost", "http://127.0.0.1", "http://[::1]"]
        .iter()
        .find_map(|host| {
            let rest = uri.strip_prefix(host)?.strip_prefix(':')?;
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            let (port, rest) = rest.split_at(end);
            let whole = rest.is_empty() || rest.starts_with(['/', '?', '#']);
            (whole && port.parse::<u16>().is_ok()).then(|| format!("{host}{rest}"))
        })
}

/// What no pattern lets through: user names before the host, ways up in the path, control characters, what runs in the
/// browser, and parameters that look like an answer.
fn may_be_followed(uri: &str) -> bool {
    let Some(scheme) = scheme(uri) else {
        return false;
    };
    let hier = uri[scheme.len() + 1..].split(['?', '#']).next();
    let hier = hier.unwrap_or_default();
    let (authority, path) = match hier.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", hier),
    };
    let query = uri.split('#').next().and_then(|uri| uri.split_once('?'));
    let answers = |parameter: &str| {
        let name = parameter.split('=').next().unwrap_or_default();
        let name = decoded(name).to_ascii_lowercase();
        OF_ANSWERS.contains(&name.as_str())
    };
    is_uri(uri)
        && !runs_in_the_browser(uri)
        && !authority.contains(['@', '%', '*'])
        && !goes_up(path)
        && !decoded(uri).contains(|c: char| c.is_ascii_control())
        && !query.is_some_and(|(_, query)| query.split('&').any(answers))
}

/// Whether a path has a segment `..`, however often it is encoded and whatever follows it after a semicolon.
fn goes_up(path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..3 {
        path = decoded(&path);
    }
    path.split(['/', '\\'])
        .any(|segment| segment.split(';').next() == Some(".."))
}

/// Percent-decoded once; what is not UTF-8 is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        let pair = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = pair {
            bytes.push(high * 16 + low);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A `*` at the end stands for anything in the path, and for any query and fragment; never for more of a host that has
/// begun.
fn fits_as_it_is(pattern: &str, uri: &str) -> bool {
    let prefix = match pattern.strip_suffix('*') {
        Some("") => {
            return scheme(uri).is_some_and(|scheme| {
                scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
            });
        }
        Some(prefix) if !prefix.contains(['?', '#', '*']) => prefix,
        _ => return pattern == uri,
    };
    let place = uri.split(['?', '#']).next().unwrap_or_default();
    let within_host = prefix.split_once("://").is_some_and(|(_, authority)| {
        !authority.is_empty() && !authority.contains('/') && !authority.ends_with(':')
    });
    place
        .strip_prefix(prefix)
        .is_some_and(|rest| !within_host || rest.is_empty() || rest.starts_with('/'))
        || Some(place) == prefix.strip_suffix('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientRepresentation;

    fn client(root: Option<&str>, redirects: &[&str], after_logout: Option<&str>) -> Client {
        let settings = ClientRepresentation {
            root_url: root.map(str::to_owned),
            redirect_uris: Some(redirects.iter().map(|uri| (*uri).to_owned()).collect()),
            attributes: after_logout
                .map(|uris| [(POST_LOGOUT_REDIRECT_URIS.to_owned(), uris.to_owned())].into()),
            ..ClientRepresentation::default()
        };
        Client {
            realm_id: uuid::Uuid::nil(),
            id: uuid::Uuid::nil(),
            client_id: "c".to_owned(),
            enabled: true,
            protocol: "openid-connect".to_owned(),
            settings,
            mappers: Vec::new(),
            secret: None,
            rotated_secret: None,
        }
    }

    const BASE: &str = "http://server.test";

    /// Of a real Keycloak.
    #[test]
    fn a_redirect_goes_where_keycloak_lets_it_go() {
        let ru = client(
            Some("http://root.test"),
            &[
                "http://app.test/exact",
                "http://app.test/w/*",
                "http://q.test/cb?a=1",
                "/rel/*",
                "https://app.test:8443/p*",
                "myapp:/cb",
                "http://127.0.0.1/cb",
                "http://localhost/cb",
            ],
            None,
        );
        let any = client(None, &["*"], None);
        let none = client(None, &[], None);
        for (client, uri, accepted) in [
            (&any, "data:text/html,x", false),
            (&any, "http://a.test/#f", true),
            (&any, "http://anything.test/x", true),
            (&any, "https://x", true),
            (&any, "javascript:alert(1)", false),
            (&any, "myapp://x", false),
            (&none, "", false),
            (&none, "http://app.test/", false),
            (&ru, "http://127.0.0.1/cb", true),
            (&ru, "http://127.0.0.1:4711/cb", true),
            (&ru, "http://APP.test/exact", false),
            (&ru, "http://[::1]:4711/cb", false),
            (&ru, "http://app.test/EXACT", false),
            (&ru, "http://app.test/exact", true),
            (&ru, "http://app.test/exact#frag", false),
            (&ru, "http://app.test/exact/", false),
            (&ru, "http://app.test/exact?x=1", false),
            (&ru, "http://app.test/w", true),
            (&ru, "http://app.test/w/", true),
            (&ru, "http://app.test/w/\tx", true),
            (&ru, "http://app.test/w/%2e%2e/x", false),
            (&ru, "http://app.test/w/..%2fx", false),
            (&ru, "http://app.test/w/../exact2", false),
            (&ru, "http://app.test/w/@evil", true),
            (&ru, "http://app.test/w/a#f", true),
            (&ru, "http://app.test/w/a/b?x=1", true),
            (&ru, "http://app.test/w/ä", true),
            (&ru, "http://app.test/wx", false),
            (&ru, "http://app.test:80/exact", false),
            (&ru, "http://app.test@evil.test/exact", false),
            (&ru, "http://app.test\\@evil.test/w/x", false),
            (&ru, "http://localhost:4711/cb", true),
            (&ru, "http://q.test/cb", false),
            (&ru, "http://q.test/cb?a=1", true),
            (&ru, "http://q.test/cb?a=1&b=2", false),
            (&ru, "http://root.test/rel/x", true),
            (&ru, "http://user@app.test/exact", false),
            (&ru, "https://app.test/w/a", false),
            (&ru, "https://app.test:8443/pXYZ", true),
            (&ru, "javascript:alert(1)", false),
            (&ru, "myapp:/cb", true),
            (&ru, "myapp:/cb/x", false),
            (&ru, "urn:ietf:wg:oauth:2.0:oob", false),
            (&ru, "http://server.test/rel/x", false),
            // Beyond the table: asked of the same server.
            (&ru, "http://app.test/w/a..;/x", true),
            (&ru, "http://app.test/w/...", true),
            (&ru, "http://app.test/w/x?a=../..", true),
            (&ru, "http://app.test/w?x", true),
            (&ru, "http://app.test/w/..", false),
            (&ru, "http://app.test/w/..;/x", false),
            (&ru, "http://app.test/w/..;a/x", false),
            (&ru, "http://app.test/w/.\t./x", false),
            (&ru, "http://app.test/w/%252e%252e/x", false),
            (&ru, "http://app.test/w/%5c..%5cx", false),
            (&ru, "http://app.test/w/\\..\\x", false),
            (&ru, "http://app.test/w/x?u=\\@e", false),
            (&ru, "http://app.test/w/x#a#b", false),
            (&ru, "http://app.test/w/a b", false),
            (&ru, "http://app.test/w/x?state=1", false),
            (&ru, "http://app.test/w/x?c%6fde=1", false),
            (&ru, "http://a@b@app.test/w/x", false),
            (&ru, "http://user:pw@app.test/w/x", false),
            (&ru, "http://app.test.evil/w/x", false),
            (&ru, "http://app.test:80/w/x", false),
            (&ru, "HTTP://app.test/w/x", false),
            (&ru, "//app.test/w/x", false),
            (&ru, "https://app.test:84431/p", false),
            (&ru, "http://127.0.0.1:4711/cb?x", false),
            (&ru, "http://u@127.0.0.1:4711/cb", false),
            (&ru, "http://localhost:4711@evil/cb", false),
            (&ru, "http://LOCALHOST:4711/cb", false),
            (&ru, "https://127.0.0.1:4711/cb", false),
            // Keycloak takes these, without the line break: here nothing comes of them.
            (&ru, "http://app.test/w/a%0d%0aX:y", false),
            (&ru, "http://app.test/w/a\r\nX:y", false),
            (&ru, "http://127.0.0.1:99999/cb", false),
            (&any, "/x", false),
            (&any, "http://u@a/b", false),
            (&any, "http://a/../b", false),
        ] {
            assert_eq!(may_redirect(BASE, client, uri), accepted, "{uri:?}");
        }
    }

    #[test]
    fn a_star_never_stands_for_more_of_a_host() {
        for (pattern, uri, expected) in [
            ("https://a.org*", "https://a.org.evil.org/", false),
            ("https://a.org*", "https://a.org/x", true),
            ("https://a.org*", "https://a.org?x", true),
            ("https://*.a.org/*", "https://b.a.org/x", false),
            ("https://*", "https://a.org/x", true),
            ("https://*", "http://a.org/x", false),
            ("http://a.org:*", "http://a.org:80/x", true),
            ("http://a.org:*", "http://a.org:80@evil.org/", false),
            ("http://a.org/x?y*", "http://a.org/x?yz", false),
            ("app:*", "app:x", true),
            ("http://localhost/w/*", "http://localhost:77/w/a?b", true),
            ("http://[::1]/cb", "http://[::1]:3/cb", true),
        ] {
            assert_eq!(fits(pattern, uri), expected, "{pattern} {uri}");
        }
        let relative = client(None, &["/app/*"], None);
        assert!(may_redirect(
            "https://s.org/auth",
            &relative,
            "https://s.org/app/x"
        ));
    }

    #[test]
    fn after_a_logout_the_way_leads_to_named_places_only() {
        for (named, uri, expected) in [
            (None, "http://app.test/cb", true),
            (None, "http://x.test/y", false),
            (Some("+"), "http://app.test/cb", true),
            (Some("-"), "http://app.test/cb", false),
            (Some("-##http://x.test/y"), "http://x.test/y", false),
            (Some("+##http://x.test/y"), "http://app.test/cb", true),
            (Some("http://x.test/y##+"), "http://x.test/y", true),
            (Some("http://x.test/w/*##/rel"), "http://x.test/w/b#f", true),
            (
                Some("http://x.test/w/*##/rel"),
                "http://root.test/rel",
                true,
            ),
            (Some("http://x.test/w/*##/rel"), "http://app.test/cb", false),
            (Some("*"), "https://anywhere.test/", true),
            (Some("*"), "javascript:alert(1)", false),
        ] {
            let client = client(Some("http://root.test"), &["http://app.test/cb"], named);
            let found = may_redirect_after_logout(BASE, &client, uri);
            assert_eq!(found, expected, "{named:?} {uri}");
        }
    }

    #[test]
    fn a_location_is_ascii_without_tabs() {
        assert_eq!(location("http://a/ä\tb"), "http://a/%C3%A4b");
    }

    #[test]
    fn urls_of_a_client_are_relative_to_its_root() {
        let at = |root, url| absolute("http://s/auth", &client(root, &[], None), url);
        assert_eq!(
            at(Some("http://r/x/"), "/y").as_deref(),
            Some("http://r/x/y")
        );
        assert_eq!(at(None, "/y").as_deref(), Some("http://s/y"));
        assert_eq!(
            at(Some("${authBaseUrl}"), "/y").as_deref(),
            Some("http://s/auth/y")
        );
        assert_eq!(at(None, "https://a/y").as_deref(), Some("https://a/y"));
        assert_eq!(at(None, "javascript:alert(1)"), None);
        assert_eq!(at(None, ""), None);
    }
}
