//! What is wrong with a client whatever its protocol: URIs in Keycloak's words, and the bounds of every member.

use store::text::storable;

use crate::defaults::POST_LOGOUT_REDIRECT_URIS;
use crate::uri::{self, is_uri, url};
use crate::{ClientRepresentation, Error, Mapper, Result, mapper, secret};

const MAX_NAME: usize = 255;
const MAX_TEXT: usize = 4000;
const MAX_URI: usize = 2000;
const MAX_URIS: usize = 200;
const MAX_ATTRIBUTES: usize = 100;
const MAX_SCOPES: usize = 10_000;

/// What is wrong, one message each; empty when all is well. Keycloak joins them by `; ` in the `error_description` of
/// `invalid_input`.
#[must_use]
pub fn check(rep: &ClientRepresentation) -> Vec<String> {
    let mut found = Vec::new();
    if (rep.client_id.as_deref()).is_some_and(|client_id| client_id.trim().is_empty()) {
        found.push("Client ID cannot be blank".to_owned());
    }
    uris(rep, &mut found);
    bounds(rep, &mut found);
    found
}

pub(crate) fn refuse(rep: &ClientRepresentation) -> Result<()> {
    let found = check(rep);
    if found.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(found.join("; ")))
    }
}

fn uris(rep: &ClientRepresentation, found: &mut Vec<String>) {
    let attribute = |name| rep.attributes.as_ref()?.get(name).map(String::as_str);
    let root = rep
        .root_url
        .as_deref()
        .filter(|root| !matches!(*root, "${authBaseUrl}" | "${authAdminUrl}"));
    if root.is_some_and(|root| is_uri(root) && root.contains('#')) {
        found.push("Root URL must not contain an URL fragment".to_owned());
    }
    found.extend(url("Root URL", root));
    found.extend(url("Base URL", rep.base_url.as_deref()));
    found.extend(url("Admin URL", rep.admin_url.as_deref()));
    redirects(
        "A redirect URI",
        rep.redirect_uris.iter().flatten().map(String::as_str),
        found,
    );

    let data = |logo: &&str| uri::scheme(logo) == Some("data");
    found.extend(url(
        "Logo URL",
        attribute("logoUri").filter(|logo| !data(logo)),
    ));
    for (what, name) in [
        ("Policy URL", "policyUri"),
        ("Terms of service URL", "tosUri"),
        ("Backchannel logout URL", "backchannel.logout.url"),
        ("Front-channel logout URL", "frontchannel.logout.url"),
        ("JWKS URL", "jwks.url"),
    ] {
        found.extend(url(what, attribute(name)));
    }
    let logout = attribute(POST_LOGOUT_REDIRECT_URIS).unwrap_or_default();
    let logout = logout.split("##").filter(|uri| !matches!(*uri, "+" | "-"));
    redirects("A post-logout redirect URI", logout, found);
}

/// Each message once, whatever the number of bad URIs.
fn redirects<'a>(what: &str, uris: impl Iterator<Item = &'a str>, found: &mut Vec<String>) {
    let uris: Vec<&str> = uris.filter(|uri| !uri.trim().is_empty()).collect();
    let (good, bad): (Vec<&str>, Vec<&str>) = uris.iter().partition(|uri| is_uri(uri));
    if good.iter().any(|uri| uri.contains('#')) {
        found.push(format!("{what} must not contain an URL fragment"));
    }
    if good.iter().any(|uri| uri::runs_in_the_browser(uri)) {
        found.push(format!("{what} uses an illegal scheme"));
    }
    if !bad.is_empty() {
        found.push(format!("{what} is not a valid URI"));
    }
}

fn bounds(rep: &ClientRepresentation, found: &mut Vec<String>) {
    let line = |text: &str, max| text.chars().count() <= max && !text.chars().any(char::is_control);
    let body = |text: &str, max| text.chars().count() <= max && storable(text);

    if rep
        .id
        .as_deref()
        .is_some_and(|id| uuid::Uuid::try_parse(id).is_err())
    {
        found.push("id: not a UUID".to_owned());
    }
    for (name, value, max) in [
        ("clientId", &rep.client_id, MAX_NAME),
        ("name", &rep.name, MAX_NAME),
        ("type", &rep.r#type, MAX_NAME),
        ("protocol", &rep.protocol, MAX_NAME),
        (
            "clientAuthenticatorType",
            &rep.client_authenticator_type,
            MAX_NAME,
        ),
        ("secret", &rep.secret, secret::MAX),
        ("rootUrl", &rep.root_url, MAX_URI),
        ("adminUrl", &rep.admin_url, MAX_URI),
        ("baseUrl", &rep.base_url, MAX_URI),
    ] {
        if value.as_deref().is_some_and(|value| !line(value, max)) {
            found.push(format!(
                "{name}: at most {max} characters, none of them a control character"
            ));
        }
    }
    if rep
        .description
        .as_deref()
        .is_some_and(|text| !body(text, MAX_TEXT))
    {
        found.push(format!("description: at most {MAX_TEXT} characters"));
    }
    for (name, values, most, max) in [
        ("redirectUris", &rep.redirect_uris, MAX_URIS, MAX_URI),
        ("webOrigins", &rep.web_origins, MAX_URIS, MAX_URI),
        (
            "defaultClientScopes",
            &rep.default_client_scopes,
            MAX_SCOPES,
            MAX_NAME,
        ),
        (
            "optionalClientScopes",
            &rep.optional_client_scopes,
            MAX_SCOPES,
            MAX_NAME,
        ),
    ] {
        if values.as_ref().is_some_and(|values| {
            values.len() > most || !values.iter().all(|value| line(value, max))
        }) {
            found.push(format!("{name}: at most {most} entries of {max} characters, none of them a control character"));
        }
    }
    for (name, values) in [
        ("attributes", &rep.attributes),
        (
            "authenticationFlowBindingOverrides",
            &rep.authentication_flow_binding_overrides,
        ),
    ] {
        let fits =
            |(name, value): (&String, &String)| line(name, MAX_NAME) && body(value, MAX_TEXT);
        if values
            .as_ref()
            .is_some_and(|values| values.len() > MAX_ATTRIBUTES || !values.iter().all(fits))
        {
            found.push(format!(
                "{name}: at most {MAX_ATTRIBUTES} entries, names of {MAX_NAME} and values of {MAX_TEXT} characters"
            ));
        }
    }
    let attribute = |name| rep.attributes.as_ref()?.get(name).map(String::as_str);
    let seconds = attribute(secret::ROTATED_SECONDS).filter(|text| !text.trim().is_empty());
    if seconds.is_some_and(|text| {
        let number = text.parse().ok().filter(|_| !text.starts_with('+'));
        !number.is_some_and(|number| (0..=secret::MAX_ROTATED_SECONDS).contains(&number))
    }) {
        found.push(format!(
            "{}: a number of seconds, at most {}",
            secret::ROTATED_SECONDS,
            secret::MAX_ROTATED_SECONDS
        ));
    }
    if rep.registered_nodes.as_ref().is_some_and(|nodes| {
        nodes.len() > MAX_ATTRIBUTES || !nodes.keys().all(|name| line(name, MAX_NAME))
    }) {
        found.push(format!(
            "registeredNodes: at most {MAX_ATTRIBUTES} entries of {MAX_NAME} characters"
        ));
    }
    let mappers = rep.protocol_mappers.iter().flatten();
    let mappers: Result<Vec<_>> = mappers
        .take(mapper::MAX + 1)
        .map(Mapper::from_rep)
        .collect();
    if let Err(error) = mappers.and_then(|mappers| mapper::fit(&mappers)) {
        found.push(error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        check(&serde_json::from_str(text).unwrap()).join("; ")
    }

    #[test]
    fn bad_redirect_uris_are_refused_in_keycloaks_words_and_order() {
        assert_eq!(
            said(r#"{"redirectUris":["javascript:alert(1)","http://x/#f","JavaScript:2"]}"#),
            "A redirect URI must not contain an URL fragment; A redirect URI uses an illegal scheme"
        );
        assert_eq!(
            said(r#"{"redirectUris":["http://a b/"]}"#),
            "A redirect URI is not a valid URI"
        );
    }

    #[test]
    fn usual_redirect_uris_are_accepted() {
        let usual = r#"["*","/x/*","https://a.example/*","http://localhost:8080","app.example:/cb","https://a/?q=1&r=%20","urn:ietf:wg:oauth:2.0:oob","https://[::1]:1/","https://ä.example/ü"]"#;
        assert_eq!(said(&format!(r#"{{"redirectUris":{usual}}}"#)), "");
    }

    #[test]
    fn a_root_url_has_to_be_one() {
        assert_eq!(
            said(r#"{"rootUrl":"not a url"}"#),
            "Root URL is not a valid URL"
        );
        assert_eq!(
            said(r#"{"rootUrl":"relative"}"#),
            "Root URL is not a valid URL"
        );
        assert_eq!(
            said(r#"{"rootUrl":"https://a/#f"}"#),
            "Root URL must not contain an URL fragment"
        );
        assert_eq!(
            said(r#"{"rootUrl":"data:text/html,x"}"#),
            "Root URL uses an illegal scheme"
        );
        assert_eq!(
            said(r#"{"rootUrl":"${authBaseUrl}","baseUrl":"/realms/r/account/"}"#),
            ""
        );
        assert_eq!(said(r#"{"rootUrl":"","baseUrl":""}"#), "");
    }

    #[test]
    fn every_url_of_a_client_is_looked_at() {
        for (name, what) in [
            ("policyUri", "Policy URL"),
            ("tosUri", "Terms of service URL"),
            ("backchannel.logout.url", "Backchannel logout URL"),
            ("frontchannel.logout.url", "Front-channel logout URL"),
            ("jwks.url", "JWKS URL"),
        ] {
            let rep = |url: &str| format!(r#"{{"attributes":{{"{name}":"{url}"}}}}"#);
            assert_eq!(said(&rep("zz")), format!("{what} is not a valid URL"));
            assert_eq!(
                said(&rep("data:x")),
                format!("{what} uses an illegal scheme")
            );
            assert_eq!(said(&rep("https://a/#f")), "");
            assert_eq!(said(&rep("")), "");
        }
        assert_eq!(said(r#"{"adminUrl":"zz"}"#), "Admin URL is not a valid URL");
    }

    #[test]
    fn post_logout_redirect_uris_are_redirect_uris_but_for_plus_and_minus() {
        let rep =
            |uris: &str| format!(r#"{{"attributes":{{"post.logout.redirect.uris":"{uris}"}}}}"#);
        assert_eq!(said(&rep("+")), "");
        assert_eq!(said(&rep("-")), "");
        assert_eq!(said(&rep("https://a/*##/x##+")), "");
        assert_eq!(
            said(&rep("+##javascript:1")),
            "A post-logout redirect URI uses an illegal scheme"
        );
        assert_eq!(
            said(&rep("https://a/#f")),
            "A post-logout redirect URI must not contain an URL fragment"
        );
    }

    #[test]
    fn a_blank_client_id_is_none() {
        assert_eq!(said(r#"{"clientId":" "}"#), "Client ID cannot be blank");
        assert_eq!(said(r#"{"clientId":""}"#), "Client ID cannot be blank");
    }

    #[test]
    fn several_problems_are_all_said() {
        assert_eq!(
            said(r#"{"rootUrl":"x","baseUrl":"javascript:1","redirectUris":["%zz"]}"#),
            "Root URL is not a valid URL; Base URL uses an illegal scheme; A redirect URI is not a valid URI"
        );
    }

    #[test]
    fn every_member_has_a_bound() {
        let long = "x".repeat(5000);
        let many = serde_json::to_string(&vec!["x"; 300]).unwrap();
        let entries = (0..101)
            .map(|n| format!(r#""{n}":"x""#))
            .collect::<Vec<_>>()
            .join(",");
        for (member, value) in [
            ("clientId", format!("{long:?}")),
            ("clientId", r#""a\u0000b""#.to_owned()),
            ("clientId", r#""a\r\nb""#.to_owned()),
            ("clientId", r#""""#.to_owned()),
            ("id", r#""seven""#.to_owned()),
            ("name", format!("{long:?}")),
            ("description", r#""\u0000""#.to_owned()),
            ("secret", format!("{long:?}")),
            ("rootUrl", format!("\"http://{long}\"")),
            ("adminUrl", format!("{long:?}")),
            ("redirectUris", many.clone()),
            ("redirectUris", format!("[{long:?}]")),
            ("webOrigins", many.clone()),
            ("defaultClientScopes", format!("[{long:?}]")),
            ("optionalClientScopes", format!("[{long:?}]")),
            ("attributes", format!("{{{entries}}}")),
            ("attributes", format!("{{\"a\":{long:?}}}")),
            ("attributes", r#"{"a":"\u0000"}"#.to_owned()),
            (
                "authenticationFlowBindingOverrides",
                format!("{{{entries}}}"),
            ),
            ("registeredNodes", format!("{{{:?}:1}}", long)),
            (
                "protocolMappers",
                format!("[{}]", vec!["{}"; 2001].join(",")),
            ),
            ("protocolMappers", "[{}]".to_owned()),
        ] {
            let said = said(&format!("{{{member:?}:{value}}}"));
            assert!(
                !said.is_empty(),
                "{member}: {}",
                &value[..value.len().min(60)]
            );
        }
    }
}
