//! The account page. Its forms all come here, with what ties them to the sign-in; an answer that changed something
//! leads to the page by a redirect, so that a reload does nothing twice.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use protocol::context::encode_segment;
use protocol::login::{self, Attempt, Door};
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use subtle::ConstantTimeEq as _;
use user::credential::{self, UPDATE_PASSWORD};
use user::{CredentialRepresentation, WriteError};

use super::view::{self, Account, AppPasswords, Password};
use super::{CLIENT, MANAGE, Own, VIEW, app_passwords, applications, enabled, profile, sessions};
use crate::cookies::{self, Jar};
use crate::form::Pairs;
use crate::login_actions::sso::signed_in;
use crate::login_actions::{refuse_realm, respond};
use crate::pages::{self, Alert, Frame, Message, msg};

/// What a form does; the name is the value of its button.
const DONE: [(&str, &str); 5] = [
    ("profile", "accountUpdatedMessage"),
    ("password", "accountPasswordUpdatedMessage"),
    ("sessions", "accountSessionsEnded"),
    ("revoke", "accountGrantRevoked"),
    ("app-password", "accountAppPasswordEnded"),
];

/// What was entered, and what is wrong with it.
#[derive(Default)]
pub(super) struct Entered {
    pairs: Vec<(String, String)>,
    errors: Vec<user::FieldError>,
    password: Password,
    app_passwords: AppPasswords,
    alert: Option<Alert>,
}

impl From<AppPasswords> for Entered {
    fn from(app_passwords: AppPasswords) -> Self {
        Self {
            app_passwords,
            ..Self::default()
        }
    }
}

/// `GET …/account` by a browser.
pub(super) async fn show(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    let answer = async {
        let own = match own(&ctx, &http).await? {
            Ok(own) => own,
            Err(answer) => return Ok(answer),
        };
        let query = Pairs::of_query(&http);
        let mut entered = Entered::default();
        let done = query.get("done").unwrap_or_default();
        let done = DONE.iter().find(|(name, _)| *name == done);
        entered.alert = match (done, query.get("kc_action_status")) {
            (Some((_, key)), _) => Some(Alert::success(Message::Key((*key).to_owned(), vec![]))),
            (None, Some("success")) => Some(Alert::success(msg("accountUpdatedMessage"))),
            _ => None,
        };
        answer_with(&own, &http, 200, entered).await
    };
    respond(&ctx, &http, answer.await).await
}

/// `POST …/account` by a browser.
pub(super) async fn submit(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let answer = async {
        let pairs = Pairs::of_body(&http, payload).await?;
        let own = match own(&ctx, &http).await? {
            Ok(own) => own,
            Err(answer) => return Ok(answer),
        };
        let tied = cookies::identity(&ctx, &http).is_some_and(|identity| {
            let sent = pairs.get("stateChecker").unwrap_or_default();
            bool::from(sent.as_bytes().ct_eq(identity.state_checker.as_bytes()))
        });
        if !tied {
            let back = Some(home(&ctx));
            return Ok(pages::failed(&ctx, &http, 400, msg("accountFormStale"), back).await);
        }
        if !own.may(&[MANAGE]) {
            return Ok(pages::failed(&ctx, &http, 403, msg("access-denied"), None).await);
        }
        match pairs.get("do") {
            Some("profile") => change_profile(&own, &http, &pairs).await,
            Some("password") => change_password(&own, &http, &pairs).await,
            Some("make-app-password") => app_passwords::make(&own, &http, &pairs).await,
            Some("end-app-password") => {
                app_passwords::end(&own, pairs.get("credential").unwrap_or_default()).await?;
                Ok(done(&ctx, "app-password"))
            }
            Some("sign-out") => sign_out(&own, &http, &pairs).await,
            Some("sign-out-others") => {
                sessions::end_all(&own, false).await?;
                Ok(done(&ctx, "sessions"))
            }
            Some("revoke") => {
                let client = pairs.get("client").unwrap_or_default();
                let client = applications::find(&own, client).await?;
                applications::revoke(&own, &client).await?;
                Ok(done(&ctx, "revoke"))
            }
            _ => Err(HttpError::plain(400, "unknown form")),
        }
    };
    respond(&ctx, &http, answer.await).await
}

/// Whoever is signed in with this browser, or the way to sign in.
async fn own(
    ctx: &RealmContext,
    http: &HttpRequest,
) -> Result<Result<Own, HttpResponse>, HttpError> {
    if let Some(refused) = refuse_realm(ctx, http).await {
        return Ok(Err(refused));
    }
    if let Err(error) = enabled(ctx).await {
        if error.status() != 404 {
            return Err(error);
        }
        return Ok(Err(pages::failed(
            ctx,
            http,
            404,
            msg("pageNotFound"),
            None,
        )
        .await));
    }
    let Some(session) = signed_in(ctx, http).await? else {
        // An answer of the sign-in that is no sign-in; asking again would go round in circles.
        if Pairs::of_query(http).get("error").is_some() {
            let back = Some(home(ctx));
            return Ok(Err(pages::failed(
                ctx,
                http,
                400,
                msg("access-denied"),
                back,
            )
            .await));
        }
        return Ok(Err(redirect(302, &sign_in(ctx, None))));
    };
    let pool = &ctx.state().pool;
    let roles = user::mapping::effective_names(pool, ctx.realm.id, session.user.id).await?;
    let own = Own::new(ctx.clone(), session.user, &roles, Some(session.id));
    if !own.may(&[MANAGE, VIEW]) {
        return Ok(Err(pages::failed(
            ctx,
            http,
            403,
            msg("access-denied"),
            None,
        )
        .await));
    }
    Ok(Ok(own))
}

fn home(ctx: &RealmContext) -> String {
    format!("{}/account", ctx.issuer())
}

/// Where somebody signs in, or does what is asked for, and comes back.
pub(super) fn sign_in(ctx: &RealmContext, action: Option<&str>) -> String {
    let mut url = format!(
        "{}/protocol/openid-connect/auth?client_id={CLIENT}&response_type=none&scope=openid&redirect_uri={}",
        ctx.issuer(),
        encode_segment(&home(ctx))
    );
    if let Some(action) = action {
        url.push_str("&kc_action=");
        url.push_str(&encode_segment(action));
    }
    url
}

fn redirect(status: u16, location: &str) -> HttpResponse {
    let mut response = match status {
        303 => HttpResponse::SeeOther(),
        _ => HttpResponse::Found(),
    };
    response
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

fn done(ctx: &RealmContext, what: &str) -> HttpResponse {
    redirect(303, &format!("{}?done={what}", home(ctx)))
}

async fn change_profile(
    own: &Own,
    http: &HttpRequest,
    pairs: &Pairs,
) -> Result<HttpResponse, HttpError> {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut entered = Entered::default();
    match profile::change(own, &pairs).await {
        Ok(()) => return Ok(done(&own.ctx, "profile")),
        Err(WriteError::Validation(errors)) => entered.errors = errors,
        Err(WriteError::Conflict(text)) => {
            let text = match text.contains("email") {
                true => msg("emailExistsMessage"),
                false => msg("usernameExistsMessage"),
            };
            entered.alert = Some(Alert::error(text));
        }
        Err(WriteError::MissingUsername) => {
            entered.alert = Some(Alert::error(msg("missingUsernameMessage")));
        }
        Err(WriteError::Limit(text)) => entered.alert = Some(Alert::error(Message::text(text))),
        Err(other) => return Err(protocol::provision::write_error(other)),
    }
    entered.pairs = pairs;
    answer_with(own, http, 400, entered).await
}

async fn change_password(
    own: &Own,
    http: &HttpRequest,
    pairs: &Pairs,
) -> Result<HttpResponse, HttpError> {
    let (state, realm, user) = (own.ctx.state(), &own.ctx.realm, &own.user);
    let mut password = Password::default();
    let new = CredentialRepresentation {
        value: pairs.get("password-new").map(str::to_owned),
        ..CredentialRepresentation::default()
    };
    // What is wrong with the new one is no secret, and is told before a try is spent on the old one.
    let checked = credential::new_password(realm, &user.username, user.email.as_deref(), &new);
    match &checked {
        Err(error) => match Message::policy(error) {
            Some(problem) => password.error = Some(problem),
            None => return Err(HttpError::internal("a new password cannot be checked")),
        },
        Ok(value) if pairs.get("password-confirm") != Some(value) => {
            password.confirm_error = Some(msg("notMatchPasswordMessage"));
        }
        Ok(value) => match knows_password(own, pairs.get("password").unwrap_or_default()).await? {
            true => {
                let (pool, id) = (&state.pool, user.id);
                let recent = credential::check_history(pool, &state.hasher, realm, id, value).await;
                if let Err(error) = recent {
                    let problem = Message::policy(&error);
                    password.error =
                        Some(problem.ok_or_else(|| protocol::provision::write_error(error))?);
                    let entered = Entered {
                        password,
                        ..Entered::default()
                    };
                    return answer_with(own, http, 400, entered).await;
                }
                let hash = state.hasher.hash(value).await?;
                return set_password(own, &hash, pairs.get("logout-sessions").is_some()).await;
            }
            false => password.current_error = Some(msg("invalidPasswordExistingMessage")),
        },
    }
    let entered = Entered {
        password,
        ..Entered::default()
    };
    answer_with(own, http, 400, entered).await
}

/// Whether a password is that of the account; a wrong one counts for the lock-out.
///
/// # Errors
/// See [`login::password`].
pub(super) async fn knows_password(own: &Own, password: &str) -> Result<bool, HttpError> {
    let attempt = Attempt {
        username: &own.user.username,
        password,
        with_email: false,
        door: Door::Pages,
        client_id: CLIENT,
        event: Event::new("LOGIN_ERROR"),
    };
    let passed = login::password(&own.ctx, attempt).await?;
    Ok(passed.is_ok_and(|passed| passed.user.id == own.user.id))
}

async fn set_password(
    own: &Own,
    hash: &user::password::PasswordHash,
    others: bool,
) -> Result<HttpResponse, HttpError> {
    let (state, realm) = (own.ctx.state(), &own.ctx.realm);
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    if !credential::set_password(&mut transaction, realm, own.user.id, hash, false).await? {
        return Err(HttpError::not_found());
    }
    transaction.commit().await.map_err(store::Error::from)?;
    for kind in [UPDATE_PASSWORD, "UPDATE_CREDENTIAL"] {
        let event = Event::new(kind).detail("credential_type", "password");
        own.record(event.detail("username", &own.user.username))
            .await;
    }
    if others {
        sessions::end_all(own, false).await?;
    }
    Ok(done(&own.ctx, "password"))
}

async fn sign_out(own: &Own, http: &HttpRequest, pairs: &Pairs) -> Result<HttpResponse, HttpError> {
    let id = pairs.get("session").unwrap_or_default();
    sessions::end(own, id).await?;
    if own.session.as_deref() != Some(id) {
        return Ok(done(&own.ctx, "sessions"));
    }
    let page = pages::Info {
        message: msg("successLogout"),
        link: Some((home(&own.ctx), msg("doLogIn"))),
        ..pages::Info::default()
    };
    let mut response = Frame::new(&own.ctx, http).await.send(200, &page);
    let mut jar = Jar::new(&own.ctx);
    jar.forget_identity();
    jar.dress(&mut response);
    Ok(response)
}

/// The page, with what was entered.
pub(super) async fn answer_with(
    own: &Own,
    http: &HttpRequest,
    status: u16,
    entered: Entered,
) -> Result<HttpResponse, HttpError> {
    let locale = own.user.attributes.get("locale");
    let locale = locale.and_then(|values| values.get(0)?.as_str());
    let frame = Frame::new(&own.ctx, http).await.prefer(locale, None).await;
    let frame = frame.again(home(&own.ctx));
    let page = view::of(own, http, &entered.pairs, &entered.errors).await?;
    let frame = match entered.alert {
        Some(alert) => frame.alert(alert),
        None => frame,
    };
    let page = Account {
        password: page.password.map(|_| entered.password),
        app_passwords: AppPasswords {
            held: page.app_passwords.held,
            ..entered.app_passwords
        },
        ..page
    };
    Ok(frame.send(status, &page))
}
