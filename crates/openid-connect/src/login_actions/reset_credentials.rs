//! A forgotten password: `…/login-actions/reset-credentials`.
//!
//! Whatever is typed gets the same answer after the same work: who it names is looked up when the answer is on its way. The
//! e-mail's link sets a new password and is no way in, so a second factor protects the account as before.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use actix_web::{HttpRequest, HttpResponse, web};
use protocol::action_token::{self, RESET_CREDENTIALS, Wanted};
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use tokio::sync::Semaphore;
use user::User;
use user::credential::{self, UPDATE_PASSWORD};
use uuid::Uuid;

use super::authenticate::{self, Entered};
use super::login::Login;
use super::{flow, letter, respond};
use crate::cookies::Jar;
use crate::form::Pairs;
use crate::pages::{self, Frame, Message, msg};

/// The step's name in the flow.
const STEP: &str = "reset-credentials-choose-user";
/// Requests whose e-mail has not gone out yet, at most.
static PENDING: Semaphore = Semaphore::const_new(64);
/// Seconds between two e-mails to one user.
const COOL_DOWN: i64 = 60;
/// Users in that time at most.
const MAX_RECENT: usize = 10_000;
/// When the last e-mail of a user went out; seconds.
static RECENT: LazyLock<Mutex<HashMap<Uuid, i64>>> = LazyLock::new(Mutex::default);

/// Whether the realm lets users set a new password by e-mail.
pub(super) fn is_allowed(ctx: &RealmContext) -> bool {
    ctx.realm.rep.reset_password_allowed == Some(true)
}

/// Where the form is, if the realm has it.
pub(super) fn url(ctx: &RealmContext, login: &Login) -> Option<String> {
    is_allowed(ctx).then(|| login.url(ctx, "reset-credentials", None))
}

/// When the password of a user was set; milliseconds.
///
/// # Errors
/// From the database.
pub(super) async fn password_set(ctx: &RealmContext, user: &User) -> store::Result<Option<i64>> {
    let known = credential::list(&ctx.state().pool, ctx.realm.id, user.id).await?;
    let password = known.iter().find(|known| known.type_ == "password");
    Ok(password.map(|password| password.created_date))
}

/// `GET`: the form.
pub(crate) async fn show(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    let answer = async {
        let query = Pairs::of_query(&http);
        let login = match Login::find(&ctx, &http, &query).await? {
            Ok(login) => login,
            Err(answer) => return Ok(answer),
        };
        if !is_allowed(&ctx) {
            return Ok(not_allowed(&ctx, &http, &login).await);
        }
        if query.get("session_code").is_some() {
            return Ok(flow::too_late(&ctx, &login));
        }
        if flow::next(&ctx, &login).await? != flow::Step::Password {
            return flow::show(&ctx, &http, login).await;
        }
        Ok(form(&ctx, &http, &login, None).await)
    };
    respond(&ctx, &http, answer.await).await
}

/// `POST`: the name, or the e-mail address.
pub(crate) async fn submit(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let answer = async {
        let query = Pairs::of_query(&http);
        let entered = Pairs::of_body(&http, payload).await?;
        let mut login = match Login::find(&ctx, &http, &query).await? {
            Ok(login) => login,
            Err(answer) => return Ok(answer),
        };
        if !is_allowed(&ctx) {
            return Ok(not_allowed(&ctx, &http, &login).await);
        }
        if !login.is_current(query.get("session_code"))
            || flow::next(&ctx, &login).await? != flow::Step::Password
        {
            return Ok(flow::too_late(&ctx, &login));
        }
        let name = entered.get("username").unwrap_or_default().trim();
        if name.is_empty() {
            refuse(&ctx, event(&login), "username_missing").await;
            let error = msg("missingUsernameMessage");
            return Ok(form(&ctx, &http, &login, Some(error)).await);
        }
        let mut jar = Jar::new(&ctx);
        if !login.save(&ctx, &mut jar).await? {
            return Ok(flow::too_late(&ctx, &login));
        }
        let frame = Frame::new(&ctx, &http).await;
        let asked = Asked {
            name: name.to_owned(),
            ui_locales: login.request.ui_locales.clone(),
            client: login.client.client_id.clone(),
            tab: login.tab_id().to_owned(),
            event: event(&login).detail("username", name),
        };
        // Beyond it nobody gets an e-mail, and nobody can tell.
        match PENDING.try_acquire() {
            Ok(permit) => {
                let ctx = ctx.clone();
                tokio::spawn(async move {
                    if let Err(error) = asked.answer(&ctx, frame).await {
                        tracing::warn!(%error, realm = %ctx.realm.name, "a forgotten password was not looked up");
                    }
                    drop(permit);
                });
            }
            Err(_) => tracing::warn!("too many e-mails wait for mail servers; one is left out"),
        }
        let entered = Entered {
            username: name,
            remember: false,
            error: None,
        };
        let mut response = authenticate::page(&ctx, &http, &login, Some(entered)).await;
        jar.dress(&mut response);
        Ok(response)
    };
    respond(&ctx, &http, answer.await).await
}

/// What was asked for, when its answer is on its way.
struct Asked {
    name: String,
    ui_locales: Option<String>,
    client: String,
    tab: String,
    event: Event,
}

impl Asked {
    /// Sends the e-mail, if there is somebody to get it.
    async fn answer(self, ctx: &RealmContext, frame: Frame) -> Result<(), HttpError> {
        let (pool, realm) = (&ctx.state().pool, &ctx.realm);
        let with_email = realm.settings.login_with_email_allowed;
        let found = user::login::find_for_login(pool, realm.id, &self.name, with_email).await?;
        let found = found.filter(|found| found.user.service_account_client.is_none());
        let mut event = self.event;
        let Some(found) = found else {
            refuse(ctx, event, "user_not_found").await;
            return Ok(());
        };
        let user = found.user;
        event.user_id = Some(user.id.to_string());
        if !user.enabled {
            refuse(ctx, event, "user_disabled").await;
            return Ok(());
        }
        let Some(to) = user.email.as_deref().filter(|email| !email.is_empty()) else {
            refuse(ctx, event, "invalid_email").await;
            return Ok(());
        };
        if !may_send(user.id) {
            return Ok(());
        }
        event.kind = "SEND_RESET_PASSWORD".to_owned();
        event.add("email", to);
        let lifespan = lifespan(ctx);
        let wanted = Wanted {
            typ: RESET_CREDENTIALS,
            actions: &[UPDATE_PASSWORD.to_owned()],
            lifespan,
            client: &self.client,
            redirect: None,
            tab: Some(self.tab),
            password_set: password_set(ctx, &user).await?,
        };
        let link = action_token::link(&ctx.request, realm, &user, wanted)?;
        let locale = user
            .attributes
            .get("locale")
            .and_then(|all| all.get(0)?.as_str());
        let frame = frame.prefer(locale, self.ui_locales.as_deref()).await;
        let texts = ("passwordResetSubject", "passwordResetBody");
        match letter::send(ctx, &frame, to, texts, (&link, lifespan)).await? {
            Ok(()) => event::record(ctx, event).await,
            Err(error) => {
                tracing::warn!(%error, realm = %realm.name, "an e-mail to reset a password was not sent");
                let event = event.detail("reason", error.to_string());
                refuse(ctx, event, "email_send_failed").await;
            }
        }
        Ok(())
    }
}

/// How long the link is good: the realm may say so for these links alone. Seconds.
fn lifespan(ctx: &RealmContext) -> i64 {
    let attributes = ctx.realm.rep.attributes.as_ref();
    let own =
        attributes.and_then(|all| all.get("actionTokenGeneratedByUserLifespan.reset-credentials"));
    let own = own.and_then(|own| own.as_i64().or_else(|| own.as_str()?.parse().ok()));
    let all = ctx.realm.rep.action_token_generated_by_user_lifespan;
    own.or(all).unwrap_or(300).max(1)
}

/// Whether it is long enough since the last e-mail to a user; this one counts.
fn may_send(user: Uuid) -> bool {
    let now = store::clock::now();
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.len() >= MAX_RECENT {
        recent.retain(|_, sent| *sent + COOL_DOWN > now);
    }
    let known = recent.get(&user);
    let may = known.map_or(recent.len() < MAX_RECENT, |sent| *sent + COOL_DOWN <= now);
    if may {
        recent.insert(user, now);
    }
    may
}

async fn form(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
    error: Option<Message>,
) -> HttpResponse {
    let page = pages::ResetPassword {
        action: login.form_url(ctx, "reset-credentials", Some(&Login::execution(ctx, STEP))),
        username: login.request.login_hint.clone().unwrap_or_default(),
        back: login.url(ctx, "authenticate", None),
        with_email: ctx.realm.settings.login_with_email_allowed,
        error,
    };
    Frame::new(ctx, http)
        .await
        .prefer(None, login.request.ui_locales.as_deref())
        .await
        .again(login.url(ctx, "reset-credentials", None))
        .send(200, &page)
}

async fn not_allowed(ctx: &RealmContext, http: &HttpRequest, login: &Login) -> HttpResponse {
    let mut event = Event::new("RESET_PASSWORD");
    event.client_id = Some(login.client.client_id.clone());
    refuse(ctx, event, "not_allowed").await;
    let text = msg("resetCredentialNotAllowedMessage");
    pages::failed(ctx, http, 400, text, None).await
}

fn event(login: &Login) -> Event {
    let mut event = flow::details(login, Event::new("RESET_PASSWORD"));
    event.details.remove("response_type");
    event.details.remove("response_mode");
    event
}

async fn refuse(ctx: &RealmContext, mut event: Event, error: &str) {
    event.error = Some(error.to_owned());
    event::refused(ctx, event).await;
}
