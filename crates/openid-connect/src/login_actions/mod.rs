//! `/realms/{realm}/login-actions`: what users do by the links of e-mails.
//!
//! Following a link changes nothing, since mail scanners follow links, too: it shows a page with a button. The token in
//! it is what lets the form act, once, so no other page can send that form.

mod page;

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use protocol::action_token::{self, ActionToken, EXECUTE_ACTIONS};
use protocol::context::decode_segment;
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use user::credential::{self, UPDATE_PASSWORD};
use user::{CredentialRepresentation, User, WriteError};

use page::Page;

/// Bytes of a form: the token, and a password twice.
const MAX_FORM: usize = 64 * 1024;
const VERIFY_EMAIL: &str = "VERIFY_EMAIL";
const INVALID: &str = "This link is not valid any more. It may have been used already, or be too old: ask your administrator for a new one.";

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(
        protocol::resource("/login-actions/action-token")
            .route(web::get().to(show))
            .route(web::head().to(show))
            .route(web::post().to(submit)),
    );
    cfg.service(protocol::resource("/login-actions/style.css").route(web::get().to(style)));
}

async fn style(_: RealmContext) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=86400"))
        .body(include_str!("style.css"))
}

/// Why a page is not what was asked for.
enum Refusal {
    /// In words for the user.
    Told(&'static str),
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
    async fn read(ctx: &RealmContext, key: Option<String>) -> Result<Self, Refusal> {
        if !ctx.request.encrypted_enough(&ctx.realm) {
            return Err(Refusal::Told("This page has to be opened by https."));
        }
        if !ctx.realm.enabled {
            return Err(Refusal::Told("This realm is switched off."));
        }
        let text = key.ok_or(Refusal::Told(INVALID))?;
        let token = action_token::open(&ctx.realm, &text).ok_or(Refusal::Told(INVALID))?;
        let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
        if user::action_token::is_used(pool, realm, token.jti).await? {
            return Err(Refusal::Told(INVALID));
        }
        let user = user::find(pool, realm, token.sub)
            .await?
            .filter(|user| user.email.as_deref() == Some(&token.eml))
            // What was issued before is void, links like tokens.
            .filter(|user| token.iat >= ctx.realm.not_before.max(user.not_before))
            .ok_or(Refusal::Told(INVALID))?;
        if !user.enabled {
            return Err(Refusal::Told(
                "Your account is disabled; ask your administrator.",
            ));
        }
        Ok(Self { text, token, user })
    }

    fn wants_password(&self) -> bool {
        self.token.typ == EXECUTE_ACTIONS
            && self
                .token
                .rqac
                .iter()
                .any(|action| action == UPDATE_PASSWORD)
    }

    /// What was asked for and has no page here.
    fn rest(&self) -> Vec<&str> {
        let own = |action: &&String| ![UPDATE_PASSWORD, VERIFY_EMAIL].contains(&action.as_str());
        let rest = self.token.rqac.iter().filter(own);
        rest.map(String::as_str).collect()
    }
}

/// The page that a link leads to.
async fn show(ctx: RealmContext, request: HttpRequest) -> HttpResponse {
    let pairs = pairs(request.query_string());
    match Asked::read(&ctx, first(&pairs, "key")).await {
        Ok(asked) => form(&ctx, &asked, None),
        Err(refusal) => refused(&ctx, refusal),
    }
}

/// What its button does.
async fn submit(ctx: RealmContext, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let answer = async {
        let body = protocol::body::read(&request, &mut payload.into_inner(), MAX_FORM).await?;
        let pairs = pairs(std::str::from_utf8(&body).unwrap_or_default());
        let asked = Asked::read(&ctx, first(&pairs, "key")).await?;
        act(&ctx, &asked, &pairs).await
    };
    answer
        .await
        .unwrap_or_else(|refusal| refused(&ctx, refusal))
}

async fn act(
    ctx: &RealmContext,
    asked: &Asked,
    form: &[(String, String)],
) -> Result<HttpResponse, Refusal> {
    let (state, realm, user) = (ctx.state(), ctx.realm.id, &asked.user);
    let mut hash = None;
    if asked.wants_password() {
        let new = CredentialRepresentation {
            value: first(form, "password-new"),
            ..CredentialRepresentation::default()
        };
        if new.value != first(form, "password-confirm") {
            return Ok(self::form(
                ctx,
                asked,
                Some("The passwords are not the same."),
            ));
        }
        let email = user.email.as_deref();
        match credential::new_password(&ctx.realm, &user.username, email, &new) {
            Ok(password) => hash = Some(state.hasher.hash(password).await?),
            Err(WriteError::Policy { description, .. }) => {
                return Ok(self::form(ctx, asked, Some(&description)));
            }
            Err(WriteError::Credential(text)) => {
                return Ok(self::form(ctx, asked, Some(&format!("{text}."))));
            }
            Err(other) => return Err(protocol::provision::write_error(other).into()),
        }
    }
    let token = &asked.token;
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    // Whoever follows the link reads the mail of that address.
    if !user::action_token::take(&mut *transaction, realm, token.jti, token.exp).await?
        || !user::action_token::verify_email(&mut *transaction, realm, user.id, &token.eml).await?
    {
        return Err(Refusal::Told(INVALID));
    }
    if let Some(hash) = &hash {
        if !credential::set_password(&mut transaction, realm, user.id, hash, false).await? {
            return Err(Refusal::Told(INVALID));
        }
        if first(form, "logout-sessions").is_some() {
            user::session::delete_all_of_user(&mut *transaction, realm, user.id).await?;
        }
    }
    transaction.commit().await.map_err(store::Error::from)?;
    let mut kinds = vec!["VERIFY_EMAIL"];
    if token.typ == EXECUTE_ACTIONS {
        kinds.push("EXECUTE_ACTIONS");
    }
    if hash.is_some() {
        kinds.push("UPDATE_PASSWORD");
    }
    for kind in kinds {
        let mut done = Event::new(kind)
            .detail("username", &user.username)
            .detail("email", &token.eml)
            .detail("token_id", token.jti.to_string());
        done.client_id = Some(token.azp.clone());
        done.user_id = Some(user.id.to_string());
        event::record(ctx, done).await;
    }

    let mut page = Page::new(200, "Your account has been updated");
    if token.typ != EXECUTE_ACTIONS {
        page = Page::new(200, "Your e-mail address has been verified");
    }
    page.rest(&asked.rest());
    match &token.reduri {
        Some(uri) => page.link(uri, "Back to the application"),
        None => page.text("You may close this page now."),
    }
    Ok(page.answer(&ctx.realm))
}

fn form(ctx: &RealmContext, asked: &Asked, error: Option<&str>) -> HttpResponse {
    let password = asked.wants_password();
    let title = if password {
        "Update your password"
    } else if asked.token.typ == EXECUTE_ACTIONS {
        "Update your account"
    } else {
        "Verify your e-mail address"
    };
    let mut page = Page::new(if error.is_some() { 400 } else { 200 }, title);
    if let Some(error) = error {
        page.alert(error);
    }
    page.text(&format!(
        "Account {} with the e-mail address {}.",
        asked.user.username, asked.token.eml
    ));
    page.rest(&asked.rest());
    page.form(&asked.text, password);
    page.answer(&ctx.realm)
}

fn refused(ctx: &RealmContext, refusal: Refusal) -> HttpResponse {
    match refusal {
        Refusal::Told(text) => {
            let mut page = Page::new(400, "This did not work");
            page.alert(text);
            page.answer(&ctx.realm)
        }
        Refusal::Failed(error) => {
            // It is told to the log on the way.
            let plain = error.error_response();
            let mut page = Page::new(plain.status().as_u16(), "This did not work");
            page.alert(match plain.status().is_client_error() {
                true => "The form could not be read. Open the link once more.",
                false => "The server cannot do this just now. Try again in a moment.",
            });
            page.answer(&ctx.realm)
        }
    }
}

/// The pairs of a form; those that cannot be read are none.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        decode_segment(&text.replace('+', " ")).filter(|text| store::text::storable(text))
    };
    text.split('&')
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

fn first(pairs: &[(String, String)], name: &str) -> Option<String> {
    let mut named = pairs.iter().filter(|(known, _)| known == name);
    named.next().map(|(_, value)| value.clone())
}
