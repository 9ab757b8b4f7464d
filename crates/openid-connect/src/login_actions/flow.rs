//! Which step of a login comes next, and how it ends. Every way in goes through here, so no step can be left out.

use actix_web::{HttpRequest, HttpResponse};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use serde_json::{Map, Value};
use user::code::Code;
use user::session;
use uuid::Uuid;

use super::login::{Login, note};
use super::{action_token, authenticate, consent, otp, required_action, sso};
use crate::authorize::answer;
use crate::authorize::request::{AuthRequest, Challenge, Fault, ResponseType};
use crate::cookies::{self, Jar};
use crate::pages::{self, msg};
use crate::{device, scope::Scopes};

/// What has to happen next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Name and password.
    Password,
    /// A one-time code.
    SecondFactor,
    /// A required action, by its alias.
    Action(String),
    /// The user has to say what the client may learn.
    Consent,
    /// Nothing: the client gets its answer.
    Finish,
}

/// Which step comes next.
///
/// # Errors
/// From the database.
pub(crate) async fn next(ctx: &RealmContext, login: &Login) -> Result<Step, HttpError> {
    if login.request.link.is_some() {
        let action = required_action::next(ctx, login).await?;
        return Ok(action.map_or(Step::Finish, Step::Action));
    }
    if login.user.is_none() {
        return Ok(Step::Password);
    }
    if login.has(note::SECOND_FACTOR) {
        return Ok(Step::SecondFactor);
    }
    if let Some(action) = required_action::next(ctx, login).await? {
        return Ok(Step::Action(action));
    }
    if consent::needed(ctx, login).await? {
        return Ok(Step::Consent);
    }
    Ok(Step::Finish)
}

/// Shows the next step, or ends the login.
///
/// # Errors
/// From the database.
pub(crate) async fn go_on(
    ctx: &RealmContext,
    http: &HttpRequest,
    mut login: Login,
) -> Result<HttpResponse, HttpError> {
    let mut jar = Jar::new(ctx);
    let step = next(ctx, &login).await?;
    if step == Step::Finish {
        return finish(ctx, http, login, jar).await;
    }
    if !login.save(ctx, &mut jar).await? {
        return Ok(too_late(ctx, &login));
    }
    let mut response = match step {
        Step::Password => authenticate::page(ctx, http, &login, None).await,
        Step::SecondFactor => otp::page(ctx, http, &login, None).await?,
        Step::Consent => answer::redirect(&login.url(ctx, "required-action", Some(consent::STEP))),
        Step::Action(action) => answer::redirect(&login.url(ctx, "required-action", Some(&action))),
        Step::Finish => HttpResponse::InternalServerError().finish(),
    };
    jar.dress(&mut response);
    Ok(response)
}

/// The same, but at a URL of the login's own: the one that began it is good for one use, and the page may be loaded again.
///
/// # Errors
/// From the database.
pub(crate) async fn go_on_elsewhere(
    ctx: &RealmContext,
    http: &HttpRequest,
    mut login: Login,
) -> Result<HttpResponse, HttpError> {
    if next(ctx, &login).await? == Step::Finish {
        return go_on(ctx, http, login).await;
    }
    let mut jar = Jar::new(ctx);
    if !login.save(ctx, &mut jar).await? {
        return Ok(too_late(ctx, &login));
    }
    let mut response = answer::redirect(&login.url(ctx, "authenticate", None));
    jar.dress(&mut response);
    Ok(response)
}

/// Shows the step that a login stands at, without changing anything.
///
/// # Errors
/// From the database.
pub(crate) async fn show(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: Login,
) -> Result<HttpResponse, HttpError> {
    Ok(match next(ctx, &login).await? {
        Step::Password => authenticate::page(ctx, http, &login, None).await,
        Step::SecondFactor => otp::page(ctx, http, &login, None).await?,
        Step::Consent => consent::page(ctx, http, &login).await?,
        Step::Action(action) => answer::redirect(&login.url(ctx, "required-action", Some(&action))),
        Step::Finish => finish(ctx, http, login, Jar::new(ctx)).await?,
    })
}

/// Sends the browser to the first form of a login that begins anew.
///
/// # Errors
/// From the database.
pub(crate) async fn restart(
    ctx: &RealmContext,
    mut login: Login,
) -> Result<HttpResponse, HttpError> {
    let mut jar = Jar::new(ctx);
    login.save(ctx, &mut jar).await?;
    let mut response = too_late(ctx, &login);
    jar.dress(&mut response);
    Ok(response)
}

/// Sends a form that is not taken to the step that the login stands at.
pub(crate) fn too_late(ctx: &RealmContext, login: &Login) -> HttpResponse {
    let execution = Login::execution(ctx, "auth-username-password-form");
    answer::redirect(&login.url(ctx, "authenticate", Some(&execution)))
}

/// What an authorization code stands for, besides its session.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Grant {
    pub redirect_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
}

impl Grant {
    fn of(request: &AuthRequest) -> Self {
        Self {
            redirect_uri: request.redirect_uri.clone(),
            scope: request.scope.clone(),
            nonce: request.nonce.clone(),
            challenge: request.challenge.clone(),
            claims: request.claims.clone(),
        }
    }
}

/// Ends a login: the session begins or goes on, and the client gets its answer.
async fn finish(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: Login,
    mut jar: Jar,
) -> Result<HttpResponse, HttpError> {
    if let Some(link) = &login.request.link {
        return action_token::finish(ctx, http, &login, link).await;
    }
    let Some(user) = login.user.as_ref().filter(|user| user.enabled) else {
        login.end(ctx).await?;
        let text = msg("accountDisabledMessage");
        return Ok(pages::failed(ctx, http, 400, text, None).await);
    };
    if !login.end(ctx).await? {
        return Ok(pages::failed(ctx, http, 400, msg("expiredCodeMessage"), None).await);
    }
    let Some((session, remember_me)) = enter(ctx, &login, user.id).await? else {
        return ended_meanwhile(ctx, http, login).await;
    };
    let before = cookies::identity(ctx, http);
    if login.has(note::SWITCHED)
        && let Some(other) = before.as_ref().filter(|before| before.sid != session)
    {
        protocol::session::end(ctx, &other.sid).await?;
    }

    let (_, lifespan) = sso::limits(ctx, remember_me);
    jar.forget_restart();
    jar.identity(
        ctx,
        (user.id, &session),
        before.as_ref(),
        (lifespan, remember_me),
    )?;
    if login.has(note::SIGNED_IN) && ctx.realm.rep.remember_me == Some(true) {
        jar.remember(remember_me.then_some(user.username.as_str()));
    }
    record(ctx, &login, &session, remember_me).await;

    let request = &login.request;
    let mut response = if request.device.is_some() {
        device::approve(ctx, http, &login, &session).await?
    } else {
        let code = match request.response_type {
            ResponseType::Code => Some(make_code(ctx, &login, &session).await?),
            ResponseType::None => None,
        };
        let more = required_action::told(&login);
        answer::success(ctx, request, &session, code, &more)
    };
    jar.dress(&mut response);
    Ok(response)
}

/// Asks for the password: the session that would have let the user in has ended since this request began.
async fn ended_meanwhile(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: Login,
) -> Result<HttpResponse, HttpError> {
    let (client, request) = (login.client, login.request);
    if request.prompts("none") {
        return Ok(answer::fault(ctx, &request, &Fault::new("login_required")));
    }
    restart(ctx, Login::new(ctx, http, client, request, None)?).await
}

/// Begins a session, or lets the client take part in the one of this browser; its id, and whether it is remembered.
/// None when that has ended meanwhile and nobody gave a password.
async fn enter(
    ctx: &RealmContext,
    login: &Login,
    user: Uuid,
) -> Result<Option<(String, bool)>, HttpError> {
    let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
    let now = store::clock::now();
    let signed_in = login.has(note::SIGNED_IN);
    let notes = notes(login);
    if let Some(known) = login.sso.as_ref().filter(|known| known.user.id == user) {
        let again = signed_in.then_some(&notes);
        let client = login.client.id;
        let limits = protocol::lifetime::limits(&ctx.realm, Some(&login.client)).client;
        if session::browser::enter(pool, realm, &known.id, client, now, limits, again).await? {
            return Ok(Some((known.id.clone(), known.remember_me)));
        }
    }
    if !signed_in {
        return Ok(None);
    }
    let remember_me = login.has(note::REMEMBER_ME);
    let new = session::New {
        user,
        client: login.client.id,
        ip: &ctx.request.ip.to_string(),
        now,
        auth_time: Some(now),
        remember_me,
        notes,
        until_offline: scopes(login).offline_access(),
    };
    Ok(Some((
        session::create(pool, realm, new).await?,
        remember_me,
    )))
}

/// What the session remembers of the sign-in.
fn notes(login: &Login) -> Map<String, Value> {
    let mut notes = Map::new();
    if let Some(amr) = login.note(note::AMR) {
        notes.insert(note::AMR.to_owned(), amr.clone());
    }
    notes
}

async fn make_code(ctx: &RealmContext, login: &Login, session: &str) -> Result<String, HttpError> {
    let random = realm::seal::random::<24>().map_err(HttpError::internal)?;
    // The form of Keycloak's codes; only the first part is a secret.
    let text = format!(
        "{}.{session}.{}",
        URL_SAFE_NO_PAD.encode(*random),
        login.client.id
    );
    let lifespan = ctx.realm.rep.access_code_lifespan.unwrap_or(60).max(1);
    let code = Code {
        client_id: login.client.id,
        session_id: session.to_owned(),
        request: serde_json::to_value(Grant::of(&login.request)).map_err(HttpError::internal)?,
        expires: store::clock::now() + lifespan,
    };
    user::code::create(&ctx.state().pool, ctx.realm.id, &text, &code).await?;
    Ok(text)
}

async fn record(ctx: &RealmContext, login: &Login, session: &str, remember_me: bool) {
    let mut event = details(login, Event::new("LOGIN"))
        .detail("consent", consent::told(login))
        .detail("code_id", session);
    if let Some(user) = &login.user {
        event = event.detail("username", user.username.as_str());
        event.user_id = Some(user.id.to_string());
    }
    if remember_me {
        event = event.detail("remember_me", "true");
    }
    event.client_id = Some(login.client.client_id.clone());
    event.session_id = Some(session.to_owned());
    event::record(ctx, event).await;
}

/// What every event of a login tells.
pub(crate) fn details(login: &Login, event: Event) -> Event {
    let request = &login.request;
    let kind = match request.response_type {
        ResponseType::Code => "code",
        ResponseType::None => "none",
    };
    let mut event = event
        .detail("auth_method", crate::ID)
        .detail("auth_type", "code")
        .detail("response_type", kind)
        .detail("response_mode", request.response_mode.name());
    if request.device.is_none() {
        event.add("redirect_uri", request.redirect_uri.as_str());
    }
    for (name, value) in login.told() {
        event = event.detail(name, value);
    }
    event.client_id = Some(login.client.client_id.clone());
    event
}

/// The scopes that a login asks for, with the client's own.
pub(crate) fn scopes(login: &Login) -> Scopes<'_> {
    Scopes::tried(
        &login.client,
        login.request.scope.as_deref().unwrap_or_default(),
    )
}
