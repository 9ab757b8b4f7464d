//! `…/auth` (RFC 6749 §4.1.1, OpenID Connect Core 1.0 §3.1.2): where a browser begins to sign in.

pub(crate) mod answer;
pub(crate) mod request;

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use client::Known;
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;

use crate::cookies::Jar;
use crate::form::Pairs;
use crate::login_actions::flow::{self, Step};
use crate::login_actions::login::Login;
use crate::login_actions::required_action;
use crate::login_actions::sso::signed_in;
use crate::login_actions::{refuse_realm, respond};
use crate::pages::{self, Message, msg, msg_with};
use crate::par;
use request::{AuthRequest, Fault, Parameters};

/// `GET` with a query, `POST` with a form.
pub(crate) async fn answer(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let answer = async {
        if let Some(refused) = refuse_realm(&ctx, &http).await {
            return Ok(refused);
        }
        let pairs = if http.method() == Method::POST {
            Pairs::of_body(&http, payload).await?
        } else {
            Pairs::of_query(&http)
        };
        begin(&ctx, &http, pairs).await
    };
    respond(&ctx, &http, answer.await).await
}

/// `…/registrations`: nobody makes an account for himself here.
pub(crate) async fn registrations(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    if let Some(refused) = refuse_realm(&ctx, &http).await {
        return refused;
    }
    let text = msg("registrationNotAllowedMessage");
    pages::failed(&ctx, &http, 400, text, None).await
}

/// A request that cannot be answered to the client, since it is not clear which that is or where it lives.
struct Untold<'a> {
    status: u16,
    text: Message,
    /// As the event names it.
    error: &'a str,
    client_id: Option<&'a str>,
}

impl Untold<'_> {
    async fn page(self, ctx: &RealmContext, http: &HttpRequest) -> HttpResponse {
        let mut event = Event::new("LOGIN_ERROR");
        event.error = Some(self.error.to_owned());
        event.client_id = self.client_id.map(str::to_owned);
        event::record(ctx, event).await;
        pages::failed(ctx, http, self.status, self.text, None).await
    }
}

async fn begin(
    ctx: &RealmContext,
    http: &HttpRequest,
    pairs: Pairs,
) -> Result<HttpResponse, HttpError> {
    let invalid = || Untold {
        status: 400,
        text: msg("invalidRequestMessage"),
        error: "invalid_request",
        client_id: None,
    };
    if pairs.repeats() {
        return Ok(invalid().page(ctx, http).await);
    }
    let mut parameters: Parameters = pairs.into_map();
    let Some(client_id) = parameters.get("client_id").cloned() else {
        return Ok(invalid().page(ctx, http).await);
    };
    let client = match find_client(ctx, &client_id).await? {
        Ok(client) => client,
        Err(untold) => return Ok(untold.page(ctx, http).await),
    };
    let pushed = parameters.contains_key("request_uri");
    if let Some(uri) = parameters.get("request_uri") {
        match par::take(ctx, &client, uri).await? {
            Some(known) => parameters = known,
            None => return Ok(invalid().page(ctx, http).await),
        }
    }
    let Some(redirect_uri) = request::redirect_uri(ctx, &client, &parameters) else {
        let untold = Untold {
            status: 400,
            text: msg_with("invalidParameterMessage", ["redirect_uri"]),
            error: "invalid_redirect_uri",
            client_id: Some(&client_id),
        };
        return Ok(untold.page(ctx, http).await);
    };
    if parameters.get("prompt").map(String::as_str) == Some("create") {
        let text = msg("registrationNotAllowedMessage");
        return Ok(pages::failed(ctx, http, 400, text, None).await);
    }
    let address = AuthRequest::address(&client, redirect_uri, &parameters);
    if !pushed && client.attribute("require.pushed.authorization.requests") == Some("true") {
        let fault = Fault::invalid("Pushed Authorization Request is only allowed.");
        return Ok(refuse(ctx, &client, &address, &fault).await);
    }
    if let Some(object) = parameters.get("request") {
        // A client that sends one must not be answered as if it had not.
        if object.split('.').count() != 3 {
            return Ok(invalid().page(ctx, http).await);
        }
        return Ok(refuse(ctx, &client, &address, &Fault::new("request_not_supported")).await);
    }
    match address.complete(&client, &parameters) {
        Ok(request) => sign_in(ctx, http, client, request, pushed).await,
        Err(refused) => {
            let (address, fault) = *refused;
            Ok(refuse(ctx, &client, &address, &fault).await)
        }
    }
}

async fn find_client<'a>(
    ctx: &RealmContext,
    client_id: &'a str,
) -> Result<Result<Arc<Known>, Untold<'a>>, HttpError> {
    let state = ctx.state();
    let known = state
        .clients
        .get(&state.pool, &ctx.realm, client_id)
        .await?;
    let untold = |status, text: &'static str, error| Untold {
        status,
        text: msg(text),
        error,
        client_id: Some(client_id),
    };
    Ok(match known {
        None => Err(untold(400, "clientNotFoundMessage", "client_not_found")),
        Some(client) if !client.enabled => {
            Err(untold(400, "clientDisabledMessage", "client_disabled"))
        }
        Some(client) if client.bearer_only() => {
            Err(untold(403, "bearerOnlyMessage", "not_allowed"))
        }
        Some(client) if client.protocol != crate::ID => Err(Untold {
            status: 400,
            text: Message::text("Wrong client protocol."),
            error: "invalid_client",
            client_id: Some(client_id),
        }),
        Some(client) => Ok(client),
    })
}

/// Tells the client, and the event log, why there will be no code.
async fn refuse(
    ctx: &RealmContext,
    client: &Known,
    address: &AuthRequest,
    fault: &Fault,
) -> HttpResponse {
    let mut event = Event::new("LOGIN_ERROR")
        .detail("redirect_uri", address.redirect_uri.as_str())
        .detail("response_mode", address.response_mode.name());
    if let Some(description) = &fault.description {
        event = event.detail("reason", description.as_str());
    }
    event.error = Some(fault.error.to_owned());
    event.client_id = Some(client.client_id.clone());
    event::record(ctx, event).await;
    answer::fault(ctx, address, fault)
}

/// Lets in whoever is signed in already, and asks everybody else; at another URL where this one is good for one use.
pub(crate) async fn sign_in(
    ctx: &RealmContext,
    http: &HttpRequest,
    client: Arc<Known>,
    request: AuthRequest,
    once: bool,
) -> Result<HttpResponse, HttpError> {
    let sso = signed_in(ctx, http).await?;
    let mut login = Login::new(ctx, http, client, request, sso)?;
    let silent = login.request.prompts("none");
    if let Some(known) = &login.sso {
        let now = store::clock::now();
        let age = now - known.auth_time.unwrap_or(known.started);
        let again = login.request.prompts("login")
            || login.request.max_age.is_some_and(|max| age >= max)
            || required_action::needs_password(ctx, &login.request, age);
        if !again {
            login.let_in();
        }
    }
    if silent {
        let fault = match flow::next(ctx, &login).await? {
            Step::Finish => None,
            Step::Password | Step::SecondFactor => Some(Fault::new("login_required")),
            Step::Consent | Step::Action(_) => Some(Fault::new("interaction_required")),
        };
        if let Some(fault) = fault {
            let (client, request) = (&login.client, &login.request);
            let mut response = refuse(ctx, client, request, &fault).await;
            if login.sso.is_none() && crate::cookies::has_identity(http) {
                // The cookie of a session that is over helps nobody.
                let mut jar = Jar::new(ctx);
                jar.forget_identity();
                jar.dress(&mut response);
            }
            return Ok(response);
        }
    }
    if once {
        return flow::go_on_elsewhere(ctx, http, login).await;
    }
    flow::go_on(ctx, http, login).await
}
