//! What users do by the links of e-mails: `…/login-actions/action-token`.
//!
//! Following a link changes nothing, since mail scanners follow links, too: it shows a page with a button. The token in
//! it is what lets the form act, so no other page can send that form. It acts once: when an address has been verified, or
//! with the first of its required actions that is done.

use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use protocol::action_token::{self, ActionToken, EXECUTE_ACTIONS, RESET_CREDENTIALS, VERIFY_EMAIL};
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use serde::{Deserialize, Serialize};
use user::User;
use uuid::Uuid;

use super::login::{Login, note};
use super::{flow, required_action, reset_credentials};
use crate::authorize::request::AuthRequest;
use crate::form::Pairs;
use crate::pages::{self, Frame, Message, msg, msg_with};

/// Why a page is not what was asked for.
enum Refusal {
    /// In words for the user.
    Told(Message),
    /// Something failed; nothing has been done.
    Failed(HttpError),
}

impl<E: Into<HttpError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A good token, and whose it is.
struct Asked {
    text: String,
    token: ActionToken,
    user: User,
}

impl Asked {
    async fn read(ctx: &RealmContext, key: Option<&str>) -> Result<Self, Refusal> {
        if !ctx.request.encrypted_enough(&ctx.realm) {
            return Err(Refusal::Told(msg("httpsRequiredMessage")));
        }
        if !ctx.realm.enabled {
            return Err(Refusal::Told(msg("realmNotEnabledMessage")));
        }
        let text = key.ok_or_else(invalid)?;
        let token = action_token::open(&ctx.realm, text).ok_or_else(invalid)?;
        let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
        if user::action_token::is_used(pool, realm, token.jti).await? {
            return Err(invalid());
        }
        let user = user::find(pool, realm, token.sub)
            .await?
            .filter(|user| user.email.as_deref() == Some(&token.eml))
            // What was issued before is void, links like tokens.
            .filter(|user| token.iat >= ctx.realm.not_before.max(user.not_before))
            .ok_or_else(invalid)?;
        if !user.enabled {
            return Err(Refusal::Told(msg("accountDisabledMessage")));
        }
        if token.typ == RESET_CREDENTIALS {
            if !reset_credentials::is_allowed(ctx) {
                return Err(Refusal::Told(msg("resetCredentialNotAllowedMessage")));
            }
            if reset_credentials::password_set(ctx, &user).await? != token.lcts {
                return Err(invalid());
            }
        }
        Ok(Self {
            text: text.to_owned(),
            token,
            user,
        })
    }
}

fn invalid() -> Refusal {
    Refusal::Told(msg("actionTokenInvalid"))
}

/// The page that a link leads to.
pub(super) async fn show(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    let frame = Frame::new(&ctx, &http).await;
    let pairs = Pairs::of_query(&http);
    match Asked::read(&ctx, pairs.get("key")).await {
        Ok(asked) => form(&frame, &asked),
        Err(refusal) => refused(&frame, refusal),
    }
}

/// What its button does.
pub(super) async fn submit(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let frame = Frame::new(&ctx, &http).await;
    let answer = async {
        let pairs = Pairs::of_body(&http, payload).await?;
        let asked = Asked::read(&ctx, pairs.get("key")).await?;
        act(&ctx, &http, &frame, asked).await
    };
    answer
        .await
        .unwrap_or_else(|refusal| refused(&frame, refusal))
}

/// What a link lets its reader do: a request without a client to answer to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Link {
    /// The required actions.
    pub actions: Vec<String>,
    /// The token that it was.
    token: Uuid,
    issued: i64,
    expires: i64,
    email: String,
    /// Where to go at the end.
    redirect: Option<String>,
    /// The type of the token.
    typ: String,
    /// When the password was set that a forgotten one's link ends with.
    password_set: Option<i64>,
    /// The tab whose login goes on then.
    tab: Option<String>,
}

async fn act(
    ctx: &RealmContext,
    http: &HttpRequest,
    frame: &Frame,
    asked: Asked,
) -> Result<HttpResponse, Refusal> {
    let Asked { token, user, .. } = asked;
    let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
    let link = Link {
        actions: token.rqac.clone(),
        token: token.jti,
        issued: token.iat,
        expires: token.exp,
        email: token.eml.clone(),
        redirect: token.reduri.clone(),
        typ: token.typ.clone(),
        password_set: token.lcts,
        tab: token.tab.clone(),
    };
    if token.typ == RESET_CREDENTIALS {
        return Ok(execute(ctx, http, link, user, &token.azp).await?);
    }
    let mut transaction = pool.begin().await.map_err(store::Error::from)?;
    // Whoever follows the link reads the mail of that address.
    let verified = user::action_token::verify_email(&mut *transaction, realm, user.id, &token.eml);
    if !verified.await? {
        return Err(invalid());
    }
    let executes = token.typ == EXECUTE_ACTIONS;
    // A link that asks for more is spent by the first of its actions that is done.
    if !executes && !link.take(ctx, &mut transaction).await? {
        return Err(invalid());
    }
    transaction.commit().await.map_err(store::Error::from)?;
    record(ctx, "VERIFY_EMAIL", &link, &user, &token.azp).await;
    if executes {
        return Ok(execute(ctx, http, link, user, &token.azp).await?);
    }
    if let Some(tab) = &token.tab
        && let Some(login) = Login::of_tab(ctx, http, tab).await?
        && login.user.as_ref().is_some_and(|known| known.id == user.id)
    {
        return Ok(flow::go_on(ctx, http, login).await?);
    }
    let page = info(
        msg("emailVerifiedMessage"),
        token.reduri.as_deref(),
        Vec::new(),
    );
    Ok(frame.send(200, &page))
}

/// Lets the user go through the actions of a link, as in a login that ends with nothing.
async fn execute(
    ctx: &RealmContext,
    http: &HttpRequest,
    link: Link,
    user: User,
    client: &str,
) -> Result<HttpResponse, HttpError> {
    let state = ctx.state();
    let client = state
        .clients
        .get(&state.pool, &ctx.realm, client)
        .await?
        .filter(|client| client.enabled)
        .ok_or_else(HttpError::not_found)?;
    let request = AuthRequest {
        client_id: client.client_id.clone(),
        link: Some(link),
        ..AuthRequest::default()
    };
    let mut login = Login::new(ctx, http, client, request, None)?;
    login.authenticated(user);
    login.forget(note::SIGNED_IN);
    // The link may have verified the address.
    login.read_user(ctx).await?;
    flow::go_on(ctx, http, login).await
}

impl Link {
    /// Takes the token to act by; false when it has been taken before.
    async fn take(&self, ctx: &RealmContext, db: &mut store::Connection) -> store::Result<bool> {
        user::action_token::take(db, ctx.realm.id, self.token, self.expires).await
    }

    /// Before an action of the link is done: whether it may be. The page may have been open for a while.
    ///
    /// # Errors
    /// From the database.
    pub(super) async fn begin(&self, ctx: &RealmContext, user: &User) -> Result<bool, HttpError> {
        let pool = &ctx.state().pool;
        if self.expires <= store::clock::now()
            || user.email.as_deref() != Some(&self.email)
            || self.issued < ctx.realm.not_before.max(user.not_before)
        {
            return Ok(false);
        }
        if self.typ == RESET_CREDENTIALS
            && reset_credentials::password_set(ctx, user).await? != self.password_set
        {
            return Ok(false);
        }
        Ok(user::action_token::take(pool, ctx.realm.id, self.token, self.expires).await?)
    }

    /// After an action that was not done: the link is as good as before.
    ///
    /// # Errors
    /// From the database.
    pub(super) async fn give_back(&self, ctx: &RealmContext) -> Result<(), HttpError> {
        let pool = &ctx.state().pool;
        Ok(user::action_token::give_back(pool, ctx.realm.id, self.token).await?)
    }
}

/// The end of what a link asked for.
///
/// # Errors
/// From the database.
pub(super) async fn finish(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
    link: &Link,
) -> Result<HttpResponse, HttpError> {
    let (Some(user), true) = (&login.user, login.end(ctx).await?) else {
        return Ok(pages::failed(ctx, http, 400, msg("actionTokenInvalid"), None).await);
    };
    let client = &login.client.client_id;
    let resets = link.typ == RESET_CREDENTIALS;
    let kind = if resets {
        "RESET_PASSWORD"
    } else {
        "EXECUTE_ACTIONS"
    };
    record(ctx, kind, link, user, client).await;
    let rest = required_action::without_page(&link.actions);
    let mut page = info(msg("accountUpdatedMessage"), link.redirect.as_deref(), rest);
    if let Some(tab) = link.tab.as_ref().filter(|_| resets)
        && let Some(login) = Login::of_tab(ctx, http, tab).await?
    {
        // The link is no way in: whoever set the password signs in with it, and shows the second factor.
        page.link = Some((login.url(ctx, "authenticate", None), msg("backToLogin")));
    }
    Ok(Frame::new(ctx, http)
        .await
        .prefer(login.locale(), None)
        .await
        .send(200, &page))
}

fn info(header: Message, link: Option<&str>, rest: Vec<String>) -> pages::Info {
    pages::Info {
        header: Some(header),
        message: match rest.is_empty() {
            true => msg("closePageMessage"),
            false => msg("actionTokenRest"),
        },
        actions: rest,
        link: link.map(|uri| (uri.to_owned(), msg("backToApplication"))),
    }
}

async fn record(ctx: &RealmContext, kind: &str, link: &Link, user: &User, client: &str) {
    let mut done = Event::new(kind)
        .detail("username", &user.username)
        .detail("email", &link.email)
        .detail("token_id", link.token.to_string());
    done.client_id = Some(client.to_owned());
    done.user_id = Some(user.id.to_string());
    event::record(ctx, done).await;
}

fn form(frame: &Frame, asked: &Asked) -> HttpResponse {
    let Asked { text, token, user } = asked;
    let page = pages::ActionToken {
        title: match token.typ == VERIFY_EMAIL {
            true => msg("actionTokenVerify"),
            false => msg("actionTokenUpdate"),
        },
        text: msg_with("actionTokenAccount", [&user.username, &token.eml]),
        key: text.clone(),
        actions: token.rqac.clone(),
    };
    frame.send(200, &page)
}

fn refused(frame: &Frame, refusal: Refusal) -> HttpResponse {
    let (status, message) = match refusal {
        Refusal::Told(text) => (400, text),
        Refusal::Failed(error) => {
            // It is told to the log on the way.
            let status = error.error_response().status();
            let text = match status.is_client_error() {
                true => msg("actionTokenFailed"),
                false => msg("unexpectedErrorHandlingRequestMessage"),
            };
            (status.as_u16(), text)
        }
    };
    let page = pages::Failed {
        message,
        back: None,
    };
    frame.send(status, &page)
}
