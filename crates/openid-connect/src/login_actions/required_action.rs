//! Required actions: what a user has to do before a login goes on, or what an application asks for (`kc_action`).
//! `…/login-actions/required-action`.

mod account;
mod credential;
mod email;
mod password;
mod profile;
mod recovery_codes;
mod terms;
mod totp;
mod wanted;

use actix_web::{HttpRequest, HttpResponse, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use user::User;
use user::credential::UPDATE_PASSWORD;
use user::otp::CONFIGURE_TOTP;
use user::recovery::CONFIGURE as CONFIGURE_RECOVERY_CODES;
use zeroize::Zeroizing;

use super::login::{Login, note};
use super::{flow, respond};
use crate::cookies::Jar;
use crate::form::Pairs;
use crate::pages::{self, Alert, Frame, Message, msg};
use wanted::{
    DELETE_ACCOUNT, DELETE_CREDENTIAL, TERMS_AND_CONDITIONS, UPDATE_PROFILE, VERIFY_EMAIL,
    VERIFY_PROFILE, asked, demanded, done_note,
};

pub(crate) use wanted::{needs_password, next, told, without_page};

/// An action of the link has been done in this login, so it goes on though the link does not act again.
const LINK_SPENT: &str = "link_spent";

/// Where an action is run.
struct At<'a> {
    ctx: &'a RealmContext,
    http: &'a HttpRequest,
    alias: &'a str,
    /// The application asked for it and the realm does not, so the user may leave it.
    optional: bool,
}

impl<'a> At<'a> {
    fn new(ctx: &'a RealmContext, http: &'a HttpRequest, login: &Login, alias: &'a str) -> Self {
        let demanded = login.user.as_ref();
        let demanded = demanded.is_some_and(|user| demanded_of(ctx, login, user, alias));
        Self {
            ctx,
            http,
            alias,
            optional: !demanded,
        }
    }

    /// Where the form goes.
    fn action(&self, login: &Login) -> String {
        login.form_url(self.ctx, "required-action", Some(self.alias))
    }

    /// The frame of a page; where nothing has been entered yet, it says why the page is there.
    async fn frame(&self, login: &Login, why: Option<Message>) -> Frame {
        let frame = Frame::new(self.ctx, self.http)
            .await
            .prefer(login.locale(), login.request.ui_locales.as_deref())
            .await
            .again(login.url(self.ctx, "required-action", Some(self.alias)));
        match why.filter(|_| !self.optional) {
            Some(why) => frame.alert(Alert::warning(why)),
            None => frame,
        }
    }

    /// An event of this action.
    fn event(&self, login: &Login, kind: &str) -> Event {
        let mut event =
            flow::details(login, Event::new(kind)).detail("custom_required_action", self.alias);
        event.details.remove("auth_type");
        if let Some(user) = &login.user {
            event = event.detail("username", user.username.as_str());
            event.user_id = Some(user.id.to_string());
        }
        event
    }

    /// Records that an action was done.
    async fn record(&self, event: Event) {
        event::record(self.ctx, event).await;
    }

    /// Records that it was not.
    async fn record_error(&self, mut event: Event, error: &str) {
        event.kind.push_str("_ERROR");
        event.error = Some(error.to_owned());
        event::record(self.ctx, event).await;
    }

    /// Seals what a page has to remember until its form comes back; it opens in this login's own user only.
    fn seal(&self, user: &User, plain: &str) -> Result<String, HttpError> {
        let sealer = &self.ctx.state().sealer;
        let sealed = sealer
            .seal(self.ctx.realm.id, user.id, plain.as_bytes())
            .map_err(HttpError::internal)?;
        Ok(STANDARD.encode(sealed))
    }

    /// What was sealed; none when it does not open any more.
    fn open(&self, user: &User, sealed: &str) -> Option<Zeroizing<String>> {
        let sealed = STANDARD.decode(sealed).ok()?;
        let sealer = &self.ctx.state().sealer;
        let plain = sealer.open(self.ctx.realm.id, user.id, &sealed).ok()?;
        Some(Zeroizing::new(String::from_utf8(plain.to_vec()).ok()?))
    }

    /// Ends the user's other sessions, where the form asks for that.
    async fn sign_out_others(&self, login: &Login, form: &Pairs) -> Result<(), HttpError> {
        let (Some(user), Some(_)) = (&login.user, form.get("logout-sessions")) else {
            return Ok(());
        };
        let pool = &self.ctx.state().pool;
        let here = login.sso.as_ref().map(|sso| sso.id.as_str());
        for session in user::session::list(pool, self.ctx.realm.id, user.id).await? {
            if Some(session.id.as_str()) != here {
                protocol::session::end(self.ctx, &session.id).await?;
            }
        }
        Ok(())
    }
}

fn demanded_of(ctx: &RealmContext, login: &Login, user: &User, alias: &str) -> bool {
    demanded(ctx, login, user).contains(&alias)
}

/// Whoever has to do something; every step has made sure that there is somebody.
fn user_of(login: &Login) -> Result<&User, HttpError> {
    let user = login.user.as_ref();
    user.ok_or_else(|| HttpError::internal("a required action of nobody"))
}

/// How a form was taken.
enum Taken {
    /// The action is done.
    Done,
    /// Something is wrong with it, and it is shown again.
    Again(HttpResponse),
    /// The login ends here.
    Ended(HttpResponse),
}

/// `GET`: the page of the action that comes next.
pub(crate) async fn show(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    let answer = async {
        let query = Pairs::of_query(&http);
        let mut login = match Login::find(&ctx, &http, &query).await? {
            Ok(login) => login,
            Err(answer) => return Ok(answer),
        };
        let flow::Step::Action(alias) = flow::next(&ctx, &login).await? else {
            return flow::show(&ctx, &http, login).await;
        };
        if query.get("session_code").is_some() {
            return Ok(flow::too_late(&ctx, &login));
        }
        if query.get("execution").is_some_and(|asked| asked != alias) {
            return Ok(expired(&ctx, &http, &login, &alias).await);
        }
        let mut jar = Jar::new(&ctx);
        let mut response =
            page(&At::new(&ctx, &http, &login, &alias), &mut login, &mut jar).await?;
        jar.dress(&mut response);
        Ok(response)
    };
    respond(&ctx, &http, answer.await).await
}

/// The page of another step than the one that the login stands at.
async fn expired(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
    alias: &str,
) -> HttpResponse {
    let page = pages::Expired {
        restart: login.url(ctx, "restart", None),
        go_on: login.url(ctx, "required-action", Some(alias)),
    };
    Frame::new(ctx, http).await.send(200, &page)
}

async fn page(at: &At<'_>, login: &mut Login, jar: &mut Jar) -> Result<HttpResponse, HttpError> {
    match at.alias {
        UPDATE_PASSWORD => password::page(at, login).await,
        CONFIGURE_TOTP => totp::page(at, login, jar).await,
        CONFIGURE_RECOVERY_CODES => recovery_codes::page(at, login, jar).await,
        UPDATE_PROFILE | VERIFY_PROFILE => profile::page(at, login).await,
        VERIFY_EMAIL => email::page(at, login, jar).await,
        TERMS_AND_CONDITIONS => terms::page(at, login).await,
        DELETE_ACCOUNT => account::page(at, login).await,
        DELETE_CREDENTIAL => credential::page(at, login).await,
        other => Err(HttpError::internal(format!("no page for {other}"))),
    }
}

/// `POST`: the form of the action that comes next.
pub(crate) async fn submit(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let answer = async {
        let query = Pairs::of_query(&http);
        let form = Pairs::of_body(&http, payload).await?;
        let mut login = match Login::find(&ctx, &http, &query).await? {
            Ok(login) => login,
            Err(answer) => return Ok(answer),
        };
        let flow::Step::Action(alias) = flow::next(&ctx, &login).await? else {
            return Ok(flow::too_late(&ctx, &login));
        };
        let here = query.get("execution").is_none_or(|asked| asked == alias);
        if !here || !login.is_current(query.get("session_code")) {
            return Ok(flow::too_late(&ctx, &login));
        }
        if login.user.as_ref().is_none_or(|user| !user.enabled) {
            let text = msg("accountDisabledMessage");
            return Ok(pages::failed(&ctx, &http, 400, text, None).await);
        }
        let at = At::new(&ctx, &http, &login, &alias);
        if at.optional && form.get("cancel-aia").is_some() {
            let event = at.event(&login, "CUSTOM_REQUIRED_ACTION");
            at.record_error(event, "rejected_by_user").await;
            end(&mut login, &alias, "cancelled");
            return flow::go_on(&ctx, &http, login).await;
        }
        let link = login
            .request
            .link
            .clone()
            .filter(|_| !login.has(LINK_SPENT));
        if let (Some(link), Some(user)) = (&link, &login.user)
            && !link.begin(&ctx, user).await?
        {
            return Ok(pages::failed(&ctx, &http, 400, msg("actionTokenInvalid"), None).await);
        }
        let taken = take(&at, &mut login, &form).await;
        if let Some(link) = &link
            && !matches!(taken, Ok(Taken::Done))
        {
            link.give_back(&ctx).await?;
        }
        match taken? {
            Taken::Again(response) | Taken::Ended(response) => Ok(response),
            Taken::Done => {
                end(&mut login, &alias, "success");
                login.set(&done_note(&alias), true);
                login.set(LINK_SPENT, true);
                login.read_user(&ctx).await?;
                flow::go_on(&ctx, &http, login).await
            }
        }
    };
    respond(&ctx, &http, answer.await).await
}

/// Notes how an action ended, if the application asked for it.
fn end(login: &mut Login, alias: &str, status: &str) {
    if asked(&login.request).is_some_and(|(asked, _)| asked == alias) {
        login.set(note::ACTION_STATUS, status);
    }
    login.tell("custom_required_action", alias);
}

async fn take(at: &At<'_>, login: &mut Login, form: &Pairs) -> Result<Taken, HttpError> {
    match at.alias {
        UPDATE_PASSWORD => password::take(at, login, form).await,
        CONFIGURE_TOTP => totp::take(at, login, form).await,
        CONFIGURE_RECOVERY_CODES => recovery_codes::take(at, login, form).await,
        UPDATE_PROFILE | VERIFY_PROFILE => profile::take(at, login, form).await,
        VERIFY_EMAIL => email::take(at, login).await,
        TERMS_AND_CONDITIONS => terms::take(at, login, form).await,
        DELETE_ACCOUNT => account::take(at, login).await,
        DELETE_CREDENTIAL => credential::take(at, login, form).await,
        other => Err(HttpError::internal(format!("no page for {other}"))),
    }
}
