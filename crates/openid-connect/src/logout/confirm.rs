//! The question before a logout, and the answer to it.
//!
//! What was asked for goes along in the form, signed, and tied to a cookie of the browser that was asked: nothing is kept
//! of questions that nobody answers, and no other page can answer for the user.

use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::context::encode_segment;
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use serde::{Deserialize, Serialize};

use super::end_session::{Wish, finish, home, own_session};
use crate::cookies::{self, Jar};
use crate::form::Pairs;
use crate::login_actions::respond;
use crate::pages::{self, Frame, msg};
use crate::token::REFRESH_ALGORITHMS;

/// Whose page it is where no client asked.
const NO_CLIENT: &str = "account";
const TYPE: &str = "Logout-Confirm";
/// For how long the question can be answered, in seconds.
const LIFESPAN: i64 = 1800;

/// What the form carries. `exp`: seconds.
#[derive(Serialize, Deserialize)]
pub(super) struct Question {
    typ: String,
    iss: String,
    exp: i64,
    /// A digest of the cookie of the browser that was asked.
    browser: String,
    client: Option<String>,
    sessions: Vec<String>,
    location: Option<String>,
    uri: Option<String>,
    locales: Option<String>,
}

fn digest_of(root: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, root.as_bytes()))
}

impl Question {
    /// Asks the user.
    ///
    /// # Errors
    /// 500 when the realm has no key for it.
    pub(super) fn ask(
        ctx: &RealmContext,
        http: &HttpRequest,
        frame: Frame,
        wish: Wish,
    ) -> Result<HttpResponse, HttpError> {
        let known = cookies::root(http);
        let root = known.map_or_else(cookies::random, |root| Ok(root.to_owned()))?;
        let client_id = wish.client.as_ref().map(|client| client.client_id.clone());
        let back = wish.client.as_ref().and_then(|client| home(ctx, client));
        let question = Self {
            typ: TYPE.to_owned(),
            iss: ctx.issuer(),
            exp: store::clock::now() + LIFESPAN,
            browser: digest_of(&root),
            client: client_id.clone(),
            sessions: wish.sessions,
            location: wish.location,
            uri: wish.uri,
            locales: wish.locales,
        };
        let tab = realm::seal::random::<8>().map_err(HttpError::internal)?;
        let page = pages::LogoutConfirm {
            action: format!(
                "{}/protocol/openid-connect/logout/logout-confirm?client_id={}&tab_id={}",
                ctx.issuer(),
                encode_segment(client_id.as_deref().unwrap_or(NO_CLIENT)),
                URL_SAFE_NO_PAD.encode(*tab)
            ),
            session_code: cookies::sign(ctx, &question)?,
            back,
        };
        let mut response = frame.send(200, &page);
        let mut jar = Jar::new(ctx);
        jar.root(&root);
        jar.dress(&mut response);
        Ok(response)
    }

    /// Reads an answer that comes from the browser that was asked.
    fn open(ctx: &RealmContext, http: &HttpRequest, text: &str) -> Option<Self> {
        let question: Self = protocol::token::open(&ctx.realm, text, REFRESH_ALGORITHMS)?;
        let root = cookies::root(http)?;
        (question.typ == TYPE
            && question.iss == ctx.issuer()
            && question.exp > store::clock::now()
            && question.browser == digest_of(root))
        .then_some(question)
    }
}

/// `POST …/logout/logout-confirm`; a `GET` is nobody's answer.
pub(crate) async fn answer(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let answer = async {
        let pairs = Pairs::of_body(&http, payload).await?;
        end(&ctx, &http, &pairs).await
    };
    respond(&ctx, &http, answer.await).await
}

async fn end(
    ctx: &RealmContext,
    http: &HttpRequest,
    pairs: &Pairs,
) -> Result<HttpResponse, HttpError> {
    let text = pairs.get("session_code").unwrap_or_default();
    let own = own_session(ctx, http).await?;
    let question = Question::open(ctx, http, text)
        // Somebody else may have signed in since.
        .filter(|question| own.iter().all(|own| question.sessions.contains(own)));
    let client = match question
        .as_ref()
        .and_then(|question| question.client.as_deref())
    {
        Some(id) => {
            let state = ctx.state();
            state.clients.get(&state.pool, &ctx.realm, id).await?
        }
        None => None,
    };
    let Some(question) = question else {
        let mut event =
            Event::new("LOGOUT_ERROR").detail("reason", "Failed verification during logout.");
        event.error = Some("session_expired".to_owned());
        event::record(ctx, event).await;
        return Ok(pages::failed(ctx, http, 400, msg("failedLogout"), None).await);
    };
    let wish = Wish {
        client,
        sessions: question.sessions,
        location: question.location,
        uri: question.uri,
        locales: question.locales,
    };
    let frame = Frame::new(ctx, http).await;
    let frame = frame.prefer(None, wish.locales.as_deref()).await;
    finish(ctx, http, frame, wish).await
}
