//! The login form: `…/login-actions/authenticate`.

use actix_web::{HttpRequest, HttpResponse, web};
use protocol::login::{self as gate, Attempt, Door, Refusal};
use protocol::{HttpError, RealmContext};
use realm::event::Event;

use super::login::{Login, note};
use super::{flow, otp, reset_credentials, respond};
use crate::cookies;
use crate::form::Pairs;
use crate::pages::{self, Alert, Frame, Message, msg};

/// The step's name in the flow.
pub(crate) const STEP: &str = "auth-username-password-form";

/// `GET`: where the login stands. What was a form's URL is taken for a wish to go on, without its one-time parts.
pub(crate) async fn show(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    let answer = async {
        let query = Pairs::of_query(&http);
        let login = match Login::find(&ctx, &http, &query).await? {
            Ok(login) => login,
            Err(answer) => return Ok(answer),
        };
        if query.get("session_code").is_some() {
            return Ok(flow::too_late(&ctx, &login));
        }
        flow::show(&ctx, &http, login).await
    };
    respond(&ctx, &http, answer.await).await
}

/// `POST`: name and password, or the code of a second factor.
pub(crate) async fn submit(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let answer = async {
        let query = Pairs::of_query(&http);
        let form = Pairs::of_body(&http, payload).await?;
        let login = match Login::find(&ctx, &http, &query).await? {
            Ok(login) => login,
            Err(answer) => return Ok(answer),
        };
        if !login.is_current(query.get("session_code")) {
            return Ok(flow::too_late(&ctx, &login));
        }
        match flow::next(&ctx, &login).await? {
            flow::Step::Password => judge(&ctx, &http, login, &form).await,
            flow::Step::SecondFactor => otp::submit(&ctx, &http, login, &form).await,
            _ => flow::go_on(&ctx, &http, login).await,
        }
    };
    respond(&ctx, &http, answer.await).await
}

async fn judge(
    ctx: &RealmContext,
    http: &HttpRequest,
    mut login: Login,
    form: &Pairs,
) -> Result<HttpResponse, HttpError> {
    // Whoever is signed in proves to be the same person.
    let known = login.sso.as_ref().map(|sso| sso.user.username.clone());
    let username =
        known.unwrap_or_else(|| form.get("username").unwrap_or_default().trim().to_owned());
    let remember = ctx.realm.rep.remember_me == Some(true) && form.get("rememberMe").is_some();
    let attempt = Attempt {
        username: &username,
        password: form.get("password").unwrap_or_default(),
        with_email: true,
        door: Door::Pages,
        client_id: &login.client.client_id,
        event: flow::details(&login, Event::new("LOGIN")),
    };
    let passed = match gate::password(ctx, attempt).await? {
        Ok(passed) => passed,
        Err(refusal) => {
            let error = match refusal {
                Refusal::Disabled => msg("accountDisabledMessage"),
                Refusal::SecondFactor => msg("securityKeyOnlyMessage"),
                _ => msg("invalidUserMessage"),
            };
            let entered = Entered {
                username: &username,
                remember,
                error: Some(error),
            };
            return Ok(page(ctx, http, &login, Some(entered)).await);
        }
    };
    login.authenticated(passed.user);
    login.set(note::REMEMBER_ME, remember);
    login.set(note::SECOND_FACTOR, passed.second_factor);
    login.set(note::PASSWORD_EXPIRED, passed.password_expired);
    login.set(note::AMR, serde_json::json!(["pwd"]));
    flow::go_on(ctx, http, login).await
}

/// What a user has typed.
pub(crate) struct Entered<'a> {
    pub username: &'a str,
    pub remember: bool,
    /// What is wrong with it; none where it was typed to get an e-mail.
    pub error: Option<Message>,
}

/// The form.
pub(crate) async fn page(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
    entered: Option<Entered<'_>>,
) -> HttpResponse {
    let again = login.url(ctx, "authenticate", None);
    let mut frame = Frame::new(ctx, http)
        .await
        .prefer(None, login.request.ui_locales.as_deref())
        .await
        .again(again);
    let known = login.sso.as_ref().map(|sso| sso.user.username.as_str());
    if let Some(name) = known {
        let restart = login.url(ctx, "restart", None);
        frame = frame.attempted(name, Some(format!("{restart}&skip_logout=false")));
        if entered.is_none() {
            frame = frame.alert(Alert::info(msg("reauthenticate")));
        }
    }
    if entered
        .as_ref()
        .is_some_and(|entered| entered.error.is_none())
    {
        frame = frame.alert(Alert::success(msg("emailSentMessage")));
    }
    let remembered = cookies::remembered_name(http);
    let hint = login.request.login_hint.clone();
    let username = match (&entered, known) {
        (_, Some(name)) => name.to_owned(),
        (Some(entered), None) => entered.username.to_owned(),
        (None, None) => hint.or_else(|| remembered.clone()).unwrap_or_default(),
    };
    let offers = ctx.realm.rep.remember_me == Some(true) && known.is_none();
    let execution = Login::execution(ctx, STEP);
    let form = pages::Login {
        action: login.form_url(ctx, "authenticate", Some(&execution)),
        username,
        hide_username: known.is_some(),
        remember_me: offers.then(|| {
            entered
                .as_ref()
                .map_or(remembered.is_some(), |entered| entered.remember)
        }),
        forgot: reset_credentials::url(ctx, login),
        error: entered.and_then(|entered| entered.error),
    };
    frame.send(200, &form)
}

/// `GET …/login-actions/restart`: begin again, as somebody else.
pub(crate) async fn restart(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    let answer = async {
        let query = Pairs::of_query(&http);
        let mut login = match Login::find(&ctx, &http, &query).await? {
            Ok(login) => login,
            Err(answer) => return Ok(answer),
        };
        login.reset();
        flow::restart(&ctx, login).await
    };
    respond(&ctx, &http, answer.await).await
}
