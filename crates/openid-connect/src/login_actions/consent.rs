//! What a client may learn, as the user says: `…/login-actions/consent`.

use actix_web::{HttpRequest, HttpResponse, web};
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;

use super::login::Login;
use super::{flow, respond};
use crate::authorize::answer;
use crate::authorize::request::Fault;
use crate::consent::{self, Wanted};
use crate::cookies::Jar;
use crate::device;
use crate::form::Pairs;
use crate::pages::{self, Frame};

/// The user has said yes in this login.
const GRANTED: &str = "consent_granted";
/// The execution in the URLs of this step.
pub(crate) const STEP: &str = "OAUTH_GRANT";

/// Whether the user has to be asked.
///
/// # Errors
/// From the database.
pub(crate) async fn needed(ctx: &RealmContext, login: &Login) -> Result<bool, HttpError> {
    if login.has(GRANTED) {
        return Ok(false);
    }
    // Who types in the code of a device may not know whose it is.
    if login.request.device.is_some() {
        return Ok(true);
    }
    if !login.client.consent_required() {
        return Ok(false);
    }
    Ok(!open(ctx, login).await?.is_empty())
}

/// What the user has not granted yet, or not for this device or this wish of the client.
async fn open<'a>(ctx: &RealmContext, login: &'a Login) -> Result<Wanted<'a>, HttpError> {
    let wanted = Wanted::of(&login.client, &flow::scopes(login));
    let Some(user) = &login.user else {
        return Ok(wanted);
    };
    if login.request.device.is_some() || login.request.prompts("consent") {
        return Ok(wanted);
    }
    let pool = &ctx.state().pool;
    let known = user::consent::find(pool, ctx.realm.id, user.id, login.client.id).await?;
    Ok(wanted.without(known.as_ref()))
}

/// The page that asks.
///
/// # Errors
/// From the database.
pub(crate) async fn page(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
) -> Result<HttpResponse, HttpError> {
    let wanted = open(ctx, login).await?;
    let client = &login.client;
    let link = |name: &str| {
        let link = client.attribute(name)?;
        let web = ["https://", "http://"];
        web.iter()
            .any(|scheme| link.starts_with(scheme))
            .then(|| link.to_owned())
    };
    let locale = login.user.as_ref().and_then(locale);
    let frame = Frame::new(ctx, http)
        .await
        .prefer(locale, login.request.ui_locales.as_deref())
        .await
        .again(login.url(ctx, "authenticate", None));
    let page = pages::Consent {
        action: login.url(ctx, "consent", None),
        code: login.session_code().to_owned(),
        client: frame.m(&consent::name(client)),
        terms: link("tosUri"),
        policy: link("policyUri"),
        scopes: wanted.texts(),
    };
    Ok(frame.send(200, &page))
}

fn locale(user: &user::User) -> Option<&str> {
    user.attributes.get("locale")?.get(0)?.as_str()
}

/// `POST`: what the user says.
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
        if !login.is_current(form.get("code"))
            || flow::next(&ctx, &login).await? != flow::Step::Consent
        {
            return Ok(flow::too_late(&ctx, &login));
        }
        if form.get("cancel").is_some() {
            return deny(&ctx, &http, &login).await;
        }
        if form.get("accept").is_none() {
            return page(&ctx, &http, &login).await;
        }
        accept(&ctx, &http, login).await
    };
    respond(&ctx, &http, answer.await).await
}

async fn accept(
    ctx: &RealmContext,
    http: &HttpRequest,
    mut login: Login,
) -> Result<HttpResponse, HttpError> {
    if let Some(user) = &login.user {
        let grant = open(ctx, &login).await?.grant();
        let (realm, client, now) = (ctx.realm.id, login.client.id, store::clock::now_ms());
        let mut transaction = ctx.state().pool.begin().await.map_err(store::Error::from)?;
        user::consent::grant(&mut transaction, realm, user.id, client, &grant, now).await?;
        transaction.commit().await.map_err(store::Error::from)?;
    }
    login.set(GRANTED, true);
    flow::go_on(ctx, http, login).await
}

async fn deny(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
) -> Result<HttpResponse, HttpError> {
    if !login.end(ctx).await? {
        return Ok(flow::too_late(ctx, login));
    }
    let mut refused = flow::details(login, Event::new("LOGIN_ERROR"));
    if let Some(user) = &login.user {
        refused = refused.detail("username", user.username.as_str());
        refused.user_id = Some(user.id.to_string());
    }
    refused.error = Some("rejected_by_user".to_owned());
    event::record(ctx, refused).await;
    let mut response = if login.request.device.is_some() {
        device::deny(ctx, http, login).await?
    } else {
        answer::fault(ctx, &login.request, &Fault::new("access_denied"))
    };
    let mut jar = Jar::new(ctx);
    jar.forget_restart();
    jar.dress(&mut response);
    Ok(response)
}

/// What the event of a login says about it.
pub(crate) fn told(login: &Login) -> &'static str {
    if login.has(GRANTED) {
        "consent_granted"
    } else if login.client.consent_required()
        && !Wanted::of(&login.client, &flow::scopes(login)).is_empty()
    {
        "persistent_consent"
    } else {
        "no_consent_required"
    }
}
