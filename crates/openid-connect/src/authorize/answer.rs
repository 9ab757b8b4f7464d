//! The answer to an authorization request, by way of the browser (OAuth 2.0 Multiple Response Type Encoding Practices,
//! Form Post Response Mode, RFC 9207 for `iss`).

use actix_web::HttpResponse;
use actix_web::http::header;
use protocol::RealmContext;
use protocol::html::escape;

use super::request::{AuthRequest, Fault, ResponseMode};

/// Nothing that was meant for one browser is kept on the way.
pub(crate) const NO_STORE: &str = "no-store, must-revalidate, max-age=0";
/// What Keycloak sends; the stricter policies of the pages begin with it.
pub(crate) const POLICY: &str = "frame-src 'self'; frame-ancestors 'self'; object-src 'none';";

/// Sends the browser back with a fault.
pub(crate) fn fault(ctx: &RealmContext, request: &AuthRequest, fault: &Fault) -> HttpResponse {
    let mut parameters = vec![("error", fault.error.to_owned())];
    if let Some(description) = &fault.description {
        parameters.push(("error_description", description.clone()));
    }
    if let Some(state) = &request.state {
        parameters.push(("state", state.clone()));
    }
    parameters.push(("iss", ctx.issuer()));
    send(request, &parameters)
}

/// Sends the browser back after a sign-in: `session`, with a code where one was asked for, and what else there is to tell.
pub(crate) fn success(
    ctx: &RealmContext,
    request: &AuthRequest,
    session: &str,
    code: Option<String>,
    more: &[(&'static str, String)],
) -> HttpResponse {
    let mut parameters = Vec::new();
    if let Some(state) = &request.state {
        parameters.push(("state", state.clone()));
    }
    parameters.push(("session_state", session.to_owned()));
    parameters.push(("iss", ctx.issuer()));
    parameters.extend(code.map(|code| ("code", code)));
    parameters.extend(more.iter().cloned());
    send(request, &parameters)
}

fn send(request: &AuthRequest, parameters: &[(&'static str, String)]) -> HttpResponse {
    let uri = &client::redirect::location(&request.redirect_uri);
    match request.response_mode {
        ResponseMode::Query => {
            let (uri, fragment) = uri.split_once('#').unwrap_or((uri, ""));
            let joint = if uri.contains('?') { "&" } else { "?" };
            let fragment = if fragment.is_empty() {
                String::new()
            } else {
                format!("#{fragment}")
            };
            redirect(&format!("{uri}{joint}{}{fragment}", encoded(parameters)))
        }
        ResponseMode::Fragment => {
            let uri = uri.split('#').next().unwrap_or_default();
            redirect(&format!("{uri}#{}", encoded(parameters)))
        }
        ResponseMode::FormPost => post(uri, parameters),
    }
}

/// 302 to a place that has been checked.
pub(crate) fn redirect(location: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::CACHE_CONTROL, NO_STORE))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::LOCATION, location))
        .finish()
}

fn encoded(parameters: &[(&'static str, String)]) -> String {
    let pair = |(name, value): &(&str, String)| format!("{name}={}", encode(value));
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// A value in `application/x-www-form-urlencoded`.
pub(crate) fn encode(value: &str) -> String {
    protocol::context::encode_segment(value)
        .replace("%20", "+")
        .replace('~', "%7E")
}

/// The one script of these pages sends the form; without scripts there is a button.
const SEND: &str = "document.forms[0].submit();";
/// Its SHA-256, so that no other script runs.
const SEND_HASH: &str = "sha256-8lDeP0UDwCO6/RhblgeH/ctdBzjVpJxrXizsnIk3cEQ=";

fn post(uri: &str, parameters: &[(&'static str, String)]) -> HttpResponse {
    let fields: String = parameters
        .iter()
        .map(|(name, value)| {
            let value = escape(value);
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n")
        })
        .collect();
    let uri = escape(uri);
    HttpResponse::Ok()
        .content_type("text/html;charset=utf-8")
        .insert_header((header::CACHE_CONTROL, NO_STORE))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            format!("{POLICY} default-src 'none'; script-src '{SEND_HASH}'; base-uri 'none';"),
        ))
        .body(format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Sign in</title></head>\n<body>\n\
             <form method=\"post\" action=\"{uri}\">\n{fields}<noscript><button type=\"submit\">Continue</button></noscript>\n\
             </form>\n<script>{SEND}</script>\n</body>\n</html>\n"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    fn location(uri: &str, mode: ResponseMode) -> String {
        let request = AuthRequest {
            redirect_uri: uri.to_owned(),
            response_mode: mode,
            ..AuthRequest::default()
        };
        let response = send(&request, &[("state", "a b&c".to_owned())]);
        let location = response.headers().get(header::LOCATION).unwrap();
        location.to_str().unwrap().to_owned()
    }

    #[test]
    fn answers_are_added_to_what_the_redirect_uri_has() {
        for (uri, mode, expected) in [
            (
                "http://a/cb",
                ResponseMode::Query,
                "http://a/cb?state=a+b%26c",
            ),
            (
                "http://a/cb?x=y",
                ResponseMode::Query,
                "http://a/cb?x=y&state=a+b%26c",
            ),
            (
                "http://a/cb#f",
                ResponseMode::Query,
                "http://a/cb?state=a+b%26c#f",
            ),
            (
                "http://a/cb",
                ResponseMode::Fragment,
                "http://a/cb#state=a+b%26c",
            ),
        ] {
            assert_eq!(location(uri, mode), expected);
        }
    }

    #[test]
    fn the_policy_names_the_script_that_sends_the_form() {
        let hash = STANDARD.encode(digest(&SHA256, SEND.as_bytes()));
        assert_eq!(SEND_HASH, format!("sha256-{hash}"));
    }

    #[test]
    fn no_value_breaks_out_of_the_form() {
        let request = AuthRequest {
            redirect_uri: "http://a/\"><script>".to_owned(),
            response_mode: ResponseMode::FormPost,
            ..AuthRequest::default()
        };
        let response = send(
            &request,
            &[("state", "\"><script>alert(1)</script>".to_owned())],
        );
        let body = actix_web::body::MessageBody::try_into_bytes(response.into_body())
            .ok()
            .unwrap();
        let page = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(page.matches("<script>").count(), 1);
    }
}
