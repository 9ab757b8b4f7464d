//! RP-initiated logout: a browser comes from a client, its session ends, and it goes back (OpenID Connect RP-Initiated
//! Logout 1.0).
//!
//! A link alone must not sign anybody out. So the user is asked, unless the client shows an ID token of the very session
//! that the browser has.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use client::Known;
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use realm::key::SIGNATURES;
use serde::Deserialize;
use user::session::{Ended, browser};

use super::confirm::Question;
use super::frontchannel;
use crate::authorize::answer::{POLICY, encode};
use crate::cookies::{self, Jar};
use crate::form::Pairs;
use crate::pages::{self, Frame, Message, msg, msg_with};

/// Characters of a URI or a state.
const MAX_PARAMETER: usize = 4000;

/// What counts of an ID token, however old it is.
#[derive(Deserialize)]
struct Hint {
    iss: String,
    typ: String,
    azp: String,
    sid: Option<String>,
}

/// What was asked for, once it is known to be good.
pub(super) struct Wish {
    /// On whose behalf.
    pub client: Option<Arc<Known>>,
    /// The sessions to end.
    pub sessions: Vec<String>,
    /// Where to go then, with the client's state: a place of the client.
    pub location: Option<String>,
    /// The same without the state, for the event.
    pub uri: Option<String>,
    /// The languages that the client would like.
    pub locales: Option<String>,
}

/// A request that is refused: what the user reads, and what the event says.
struct Refusal {
    text: Message,
    error: &'static str,
    detail: (&'static str, String),
    client: Option<Arc<Known>>,
}

pub(super) async fn begin(
    ctx: &RealmContext,
    http: &HttpRequest,
    pairs: &Pairs,
) -> Result<HttpResponse, HttpError> {
    if !ctx.request.encrypted_enough(&ctx.realm) {
        let text = msg("httpsRequiredMessage");
        return Ok(pages::failed(ctx, http, 400, text, None).await);
    }
    let (hint, mut wish) = match read(ctx, pairs).await? {
        Ok(read) => read,
        Err(refusal) => return refuse(ctx, http, refusal).await,
    };
    wish.locales = pairs.get("ui_locales").map(str::to_owned);
    let frame = Frame::new(ctx, http).await;
    let frame = frame.prefer(None, wish.locales.as_deref()).await;
    let own = own_session(ctx, http).await?;
    let may_end = match (&hint, &own) {
        (Some(hint), Some(own)) => hint.sid.as_ref() == Some(own),
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => wish.uri.is_some(),
    };
    wish.sessions.extend(hint.and_then(|hint| hint.sid));
    if may_end {
        return finish(ctx, http, frame, wish).await;
    }
    if let Some(own) = own
        && !wish.sessions.contains(&own)
    {
        wish.sessions.push(own);
    }
    Question::ask(ctx, http, frame, wish)
}

/// The session of this browser. One that is too old to sign in with is ended like any other.
pub(super) async fn own_session(
    ctx: &RealmContext,
    http: &HttpRequest,
) -> Result<Option<String>, HttpError> {
    let Some(identity) = cookies::identity(ctx, http) else {
        return Ok(None);
    };
    let found = browser::find(&ctx.state().pool, ctx.realm.id, &identity.sid).await?;
    Ok(found
        .filter(|session| session.user.id == identity.sub)
        .map(|session| session.id))
}

async fn read(
    ctx: &RealmContext,
    pairs: &Pairs,
) -> Result<Result<(Option<Hint>, Wish), Refusal>, HttpError> {
    let given = |name: &str| pairs.get(name).filter(|value| !value.is_empty());
    let state = ctx.state();
    let find = async |id: Option<&str>| match id {
        Some(id) => state.clients.get(&state.pool, &ctx.realm, id).await,
        None => Ok(None),
    };
    let bad_hint = |reason: String, client| Refusal {
        text: msg_with("invalidParameterMessage", ["id_token_hint"]),
        error: "invalid_token",
        detail: ("reason", reason),
        client,
    };
    let hint = match given("id_token_hint").map(|text| open_hint(ctx, text)) {
        Some(Err(reason)) => return Ok(Err(bad_hint(reason, None))),
        Some(Ok(hint)) => Some(hint),
        None => None,
    };
    let named = given("client_id");
    if let (Some(hint), Some(named)) = (&hint, named)
        && hint.azp != named
    {
        let reason =
            "Parameter client_id is different than the client for which ID Token was issued.";
        return Ok(Err(bad_hint(reason.to_owned(), find(Some(named)).await?)));
    }
    let azp = hint.as_ref().map(|hint| hint.azp.as_str());
    let client = find(named.or(azp))
        .await?
        .filter(|client| client.protocol == crate::ID);
    let mut wish = Wish {
        client,
        sessions: Vec::new(),
        location: None,
        uri: None,
        locales: None,
    };
    let Some(uri) = given("post_logout_redirect_uri") else {
        return Ok(Ok((hint, wish)));
    };
    if hint.is_none() && named.is_none() {
        let reason = "Either the parameter 'client_id' or the parameter 'id_token_hint' is required when \
             'post_logout_redirect_uri' is used.";
        return Ok(Err(Refusal {
            text: msg_with("missingParameterMessage", ["id_token_hint"]),
            error: "invalid_request",
            detail: ("reason", reason.to_owned()),
            client: None,
        }));
    }
    let base = &ctx.request.base;
    let may_go = |client: &Arc<Known>| {
        uri.len() <= MAX_PARAMETER && client::redirect::may_redirect_after_logout(base, client, uri)
    };
    if !wish.client.as_ref().is_some_and(may_go) {
        return Ok(Err(Refusal {
            text: msg("invalidRedirectUriMessage"),
            error: "invalid_redirect_uri",
            detail: ("redirect_uri", uri.to_owned()),
            client: wish.client,
        }));
    }
    let state = given("state").filter(|state| state.len() <= MAX_PARAMETER);
    let place = client::redirect::location(uri);
    wish.location = Some(match state {
        Some(state) => with_state(&place, state),
        None => place,
    });
    wish.uri = Some(uri.to_owned());
    Ok(Ok((hint, wish)))
}

/// An ID token of this realm; an expired one is as good as another. Why it is none, in Keycloak's words.
fn open_hint(ctx: &RealmContext, text: &str) -> Result<Hint, String> {
    let hint: Hint = protocol::token::open(&ctx.realm, text, &SIGNATURES)
        .filter(|hint: &Hint| hint.iss == ctx.issuer())
        .ok_or("Invalid IDToken")?;
    if hint.typ != "ID" {
        return Err(format!(
            "Token type is incorrect. Expected '[ID]' but was '{}'",
            hint.typ
        ));
    }
    Ok(hint)
}

fn with_state(uri: &str, state: &str) -> String {
    let (front, fragment) = match uri.split_once('#') {
        Some((front, fragment)) => (front, format!("#{fragment}")),
        None => (uri, String::new()),
    };
    let joint = if front.contains('?') { "&" } else { "?" };
    format!("{front}{joint}state={}{fragment}", encode(state))
}

async fn refuse(
    ctx: &RealmContext,
    http: &HttpRequest,
    refusal: Refusal,
) -> Result<HttpResponse, HttpError> {
    let (name, value) = refusal.detail;
    let mut event = Event::new("LOGOUT_ERROR").detail(name, value);
    event.error = Some(refusal.error.to_owned());
    event.client_id = refusal
        .client
        .as_ref()
        .map(|client| client.client_id.clone());
    event::record(ctx, event).await;
    let back = refusal.client.and_then(|client| home(ctx, &client));
    Ok(pages::failed(ctx, http, 400, refusal.text, back).await)
}

/// The client's own page.
pub(super) fn home(ctx: &RealmContext, client: &Known) -> Option<String> {
    let url = client
        .settings
        .base_url
        .as_deref()
        .filter(|url| !url.is_empty())?;
    client::redirect::absolute(&ctx.request.base, client, url)
}

/// Ends the sessions, clears the cookies, and sends the browser on.
pub(super) async fn finish(
    ctx: &RealmContext,
    http: &HttpRequest,
    frame: Frame,
    wish: Wish,
) -> Result<HttpResponse, HttpError> {
    let mut ended = Vec::new();
    for id in &wish.sessions {
        ended.extend(protocol::session::end(ctx, id).await?);
    }
    tell(ctx, &wish, &ended).await;
    let apps = frontchannel::apps(ctx, &ended).await?;
    let mut response = if !apps.is_empty() {
        frontchannel::page(&frame, apps, wish.location)
    } else if let Some(location) = &wish.location {
        HttpResponse::Found()
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((header::LOCATION, location.as_str()))
            .finish()
    } else {
        let home = wish.client.as_ref().and_then(|client| home(ctx, client));
        let page = pages::Info {
            message: msg("successLogout"),
            link: home.map(|home| (home, msg("backToApplication"))),
            ..pages::Info::default()
        };
        frame.send(200, &page)
    };
    if cookies::has_identity(http) {
        let mut jar = Jar::new(ctx);
        jar.root(&cookies::random()?);
        jar.forget_identity();
        jar.dress(&mut response);
    }
    Ok(response)
}

async fn tell(ctx: &RealmContext, wish: &Wish, ended: &[Ended]) {
    let client_id = wish.client.as_ref().map(|client| client.client_id.clone());
    if ended.is_empty() {
        let mut event = Event::new("LOGOUT_ERROR");
        event.error = Some("session_expired".to_owned());
        event.client_id = client_id;
        event::record(ctx, event).await;
        return;
    }
    for session in ended {
        let mut event = Event::new("LOGOUT");
        if let Some(uri) = &wish.uri {
            event = event.detail("redirect_uri", uri.as_str());
        }
        event.client_id = Some(client_id.clone().unwrap_or_else(|| "account".to_owned()));
        event.user_id = Some(session.user_id.to_string());
        event.session_id = Some(session.id.clone());
        event::record(ctx, event).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_stands_before_the_fragment() {
        for (uri, expected) in [
            ("http://a/x", "http://a/x?state=a+b%26c"),
            ("http://a/x?y#f", "http://a/x?y&state=a+b%26c#f"),
        ] {
            assert_eq!(with_state(uri, "a b&c"), expected);
        }
    }
}
