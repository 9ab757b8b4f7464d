//! Front-channel logout: the browser itself calls the clients (OpenID Connect Front-Channel Logout 1.0).

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use client::Known;
use protocol::{HttpError, RealmContext};
use user::session::Ended;

use crate::authorize::answer::encode;
use crate::pages::{Frame, FrontchannelLogout};

const URL: &str = "frontchannel.logout.url";
const SESSION_REQUIRED: &str = "frontchannel.logout.session.required";
/// Seconds that the clients have before the browser goes on.
const PAUSE: u32 = 3;

/// The clients of ended sessions that are called by the browser: name and URL.
pub(super) async fn apps(
    ctx: &RealmContext,
    ended: &[Ended],
) -> Result<Vec<(String, String)>, HttpError> {
    let state = ctx.state();
    let mut apps = Vec::new();
    for session in ended {
        for id in &session.clients {
            let known = state.clients.get(&state.pool, &ctx.realm, id).await?;
            if let Some(client) = known
                && let Some(url) = url(ctx, &client, session)
            {
                let name = client.settings.name.clone().filter(|name| !name.is_empty());
                apps.push((name.unwrap_or_else(|| id.clone()), url));
            }
        }
    }
    Ok(apps)
}

/// §2 and §3: with `iss` and `sid` where the client wants them.
fn url(ctx: &RealmContext, client: &Known, session: &Ended) -> Option<String> {
    let on = client.protocol == crate::ID && client.settings.frontchannel_logout == Some(true);
    let url = client.attribute(URL).filter(|url| on && !url.is_empty())?;
    let url = client::redirect::absolute(&ctx.request.base, client, url)?;
    let url = client::redirect::location(&url);
    if client.attribute(SESSION_REQUIRED) == Some("false") {
        return Some(url);
    }
    let joint = if url.contains('?') { "&" } else { "?" };
    let (sid, iss) = (encode(&session.id), encode(&ctx.issuer()));
    Some(format!("{url}{joint}sid={sid}&iss={iss}"))
}

/// A page that calls them, and then goes on to `next`.
pub(super) fn page(
    frame: &Frame,
    apps: Vec<(String, String)>,
    next: Option<String>,
) -> HttpResponse {
    let origins: Vec<String> = apps.iter().filter_map(|(_, url)| origin(url)).collect();
    let page = FrontchannelLogout {
        apps,
        next: next.clone(),
    };
    let mut response = frame.send(200, &page);
    let headers = response.headers_mut();
    let policy = headers
        .get(header::CONTENT_SECURITY_POLICY)
        .and_then(|policy| policy.to_str().ok())
        .map(|policy| with_frames(policy, &origins.join(" ")));
    if let Some(Ok(policy)) = policy.map(|policy| HeaderValue::from_str(&policy)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Some(next) = next
        && let Ok(value) = HeaderValue::from_str(&format!("{PAUSE}; url={next}"))
    {
        headers.insert(header::REFRESH, value);
    }
    response
}

/// A policy that lets the page frame these origins.
fn with_frames(policy: &str, origins: &str) -> String {
    let (mut framed, mut directives) = (false, Vec::new());
    for directive in policy.split(';').map(str::trim).filter(|d| !d.is_empty()) {
        let frames = directive.starts_with("frame-src");
        directives.push(if frames && !framed {
            format!("{directive} {origins}")
        } else {
            directive.to_owned()
        });
        framed |= frames;
    }
    if !framed {
        directives.push(format!("frame-src {origins}"));
    }
    directives.join("; ")
}

fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    authority
        .chars()
        .all(plain)
        .then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_lets_frames_in_once() {
        let policy = with_frames(
            "frame-src 'self'; object-src 'none'; img-src 'self'",
            "http://a",
        );
        assert_eq!(
            policy,
            "frame-src 'self' http://a; object-src 'none'; img-src 'self'"
        );
        assert_eq!(
            with_frames("img-src 'self'", "http://a"),
            "img-src 'self'; frame-src http://a"
        );
    }

    #[test]
    fn an_origin_has_no_room_for_another_directive() {
        assert_eq!(origin("http://a:1/x?y").as_deref(), Some("http://a:1"));
        assert_eq!(origin("http://a;script-src *"), None);
        assert_eq!(origin("http://u@a/"), None);
    }
}
