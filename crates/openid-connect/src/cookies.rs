//! The cookies of a browser: whose it is, which login is under way, how to begin that again. Names and attributes are
//! Keycloak's, so that scripts and proxies written for it go on to work.

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{SHA384, digest};
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use protocol::{HttpError, RealmContext};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::token::REFRESH_ALGORITHMS;

/// The login under way; all tabs of a browser share it.
const AUTH_SESSION_ID: &str = "AUTH_SESSION_ID";
/// The same as a digest, for scripts of other tabs.
const AUTH_SESSION_HASH: &str = "KC_AUTH_SESSION_HASH";
/// The request that a form too old to be taken begins again with.
const RESTART: &str = "KC_RESTART";
/// Who has signed in.
const IDENTITY: &str = "KEYCLOAK_IDENTITY";
/// The digest of their session, for the login-status iframe.
const SESSION: &str = "KEYCLOAK_SESSION";
/// The language somebody chose.
pub(crate) const LOCALE: &str = "KEYCLOAK_LOCALE";
/// The name to fill in next time.
const REMEMBER_ME: &str = "KEYCLOAK_REMEMBER_ME";

const HASH_SECONDS: i64 = 60;
/// How long a login can be begun again after it is over.
const RESTART_SECONDS: i64 = 24 * 60 * 60;
const REMEMBER_SECONDS: i64 = 365 * 24 * 60 * 60;

/// What the identity cookie says. Times in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub exp: i64,
    pub iat: i64,
    jti: Uuid,
    iss: String,
    pub sub: Uuid,
    typ: String,
    pub sid: String,
    /// Ties forms of the account page to this sign-in.
    pub state_checker: String,
}

const IDENTITY_TYPE: &str = "Serialized-ID";
const RESTART_TYPE: &str = "Restart";

#[derive(Serialize, Deserialize)]
struct Restart<R> {
    exp: i64,
    typ: String,
    iss: String,
    request: R,
}

/// The value of a cookie of a request; the first one where several have the name.
pub(crate) fn value<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request
        .headers()
        .get_all(header::COOKIE)
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.trim_matches('"'))
}

/// Which login is under way in this browser.
pub(crate) fn root(request: &HttpRequest) -> Option<&str> {
    value(request, AUTH_SESSION_ID).filter(|id| (16..=128).contains(&id.len()))
}

/// Who has signed in with this browser, as far as the cookie alone says.
pub(crate) fn identity(ctx: &RealmContext, request: &HttpRequest) -> Option<Identity> {
    let text = value(request, IDENTITY)?;
    protocol::token::open(&ctx.realm, text, REFRESH_ALGORITHMS).filter(|identity: &Identity| {
        identity.typ == IDENTITY_TYPE
            && identity.iss == ctx.issuer()
            && identity.exp > store::clock::now()
            && identity.iat >= ctx.realm.not_before
    })
}

/// The request to begin a login with once more.
pub(crate) fn restart<R: DeserializeOwned>(ctx: &RealmContext, request: &HttpRequest) -> Option<R> {
    let text = value(request, RESTART)?;
    let restart: Restart<R> = protocol::token::open(&ctx.realm, text, REFRESH_ALGORITHMS)?;
    let good = restart.typ == RESTART_TYPE
        && restart.iss == ctx.issuer()
        && restart.exp > store::clock::now();
    good.then_some(restart.request)
}

/// The name that somebody wanted to be remembered by.
pub(crate) fn remembered_name(request: &HttpRequest) -> Option<String> {
    let name = value(request, REMEMBER_ME)?.strip_prefix("username:")?;
    protocol::context::decode_segment(name)
}

/// Whether there is such a cookie, readable or not.
pub(crate) fn has_identity(request: &HttpRequest) -> bool {
    value(request, IDENTITY).is_some_and(|value| !value.is_empty())
}

/// Cookies to be set with an answer.
pub(crate) struct Jar {
    path: String,
    /// Whether a browser would take a cookie that is for TLS only.
    secure: bool,
    set: Vec<String>,
}

impl Jar {
    pub(crate) fn new(ctx: &RealmContext) -> Self {
        let issuer = ctx.issuer();
        let authority = issuer.split_once("://").map_or("", |(_, rest)| rest);
        let (host, path) = authority.split_once('/').unwrap_or((authority, ""));
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        // Browsers take loopback for secure. Elsewhere a plain-http server would lose every cookie marked so.
        let loopback =
            ["localhost", "127.0.0.1", "[::1]"].contains(&name) || name.ends_with(".localhost");
        Self {
            path: format!("/{path}/"),
            secure: loopback || ctx.request.secure || issuer.starts_with("https://"),
            set: Vec::new(),
        }
    }

    fn put(&mut self, name: &str, value: &str, max_age: Option<i64>, http_only: bool) {
        let mut cookie = format!("{name}={value};Version=1;Path={}", self.path);
        if let Some(seconds) = max_age {
            cookie.push_str(&format!(";Max-Age={seconds}"));
        }
        if self.secure {
            cookie.push_str(";Secure");
        }
        if http_only {
            cookie.push_str(";HttpOnly");
        }
        cookie.push_str(if self.secure {
            ";SameSite=None"
        } else {
            ";SameSite=Lax"
        });
        self.set.push(cookie);
    }

    fn clear(&mut self, name: &str) {
        self.set
            .push(format!("{name}=;Version=1;Path={};Max-Age=0", self.path));
    }

    /// Ties the browser to a login.
    pub(crate) fn login(&mut self, root: &str) {
        self.put(AUTH_SESSION_ID, root, None, true);
        let hash = STANDARD.encode(digest(&SHA384, root.as_bytes()));
        self.put(
            AUTH_SESSION_HASH,
            &format!("\"{hash}\""),
            Some(HASH_SECONDS),
            false,
        );
    }

    /// Unties the browser from whatever login it began: the next one is somebody else's.
    pub(crate) fn root(&mut self, root: &str) {
        self.put(AUTH_SESSION_ID, root, None, true);
    }

    /// Keeps the request of a login that ends at second `ends`.
    ///
    /// # Errors
    /// 500 when the realm has no key for it.
    pub(crate) fn restart(
        &mut self,
        ctx: &RealmContext,
        request: &impl Serialize,
        ends: i64,
    ) -> Result<(), HttpError> {
        let restart = Restart {
            exp: ends.saturating_add(RESTART_SECONDS),
            typ: RESTART_TYPE.to_owned(),
            iss: ctx.issuer(),
            request,
        };
        let text = sign(ctx, &restart)?;
        // Browsers drop what is longer; such a login cannot be begun again.
        if text.len() <= 3800 {
            self.put(RESTART, &text, None, true);
        }
        Ok(())
    }

    pub(crate) fn forget_restart(&mut self) {
        self.clear(RESTART);
    }

    /// Remembers who has signed in, `lifespan` seconds long; with `remember`, after the browser was closed, too.
    ///
    /// # Errors
    /// 500 when the realm has no key for it.
    pub(crate) fn identity(
        &mut self,
        ctx: &RealmContext,
        (user, session): (Uuid, &str),
        known: Option<&Identity>,
        (lifespan, remember): (i64, bool),
    ) -> Result<(), HttpError> {
        let now = store::clock::now();
        let state_checker = known
            .filter(|known| known.sid == session)
            .map(|known| known.state_checker.clone());
        let identity = Identity {
            exp: now + lifespan,
            iat: now,
            jti: Uuid::new_v4(),
            iss: ctx.issuer(),
            sub: user,
            typ: IDENTITY_TYPE.to_owned(),
            sid: session.to_owned(),
            state_checker: state_checker.map_or_else(random, Ok)?,
        };
        let max_age = remember.then_some(lifespan);
        self.put(IDENTITY, &sign(ctx, &identity)?, max_age, true);
        self.put(SESSION, &session_hash(session), Some(lifespan), false);
        Ok(())
    }

    /// Fills in the name next time, or not any more.
    pub(crate) fn remember(&mut self, username: Option<&str>) {
        match username {
            Some(name) => {
                let name = protocol::context::encode_segment(name);
                let value = format!("\"username:{name}\"");
                self.put(REMEMBER_ME, &value, Some(REMEMBER_SECONDS), true);
            }
            None => self.clear(REMEMBER_ME),
        }
    }

    /// Keeps the language that somebody chose.
    pub(crate) fn locale(&mut self, locale: &str) {
        self.put(LOCALE, locale, None, true);
    }

    /// Nobody is signed in any more.
    pub(crate) fn forget_identity(&mut self) {
        self.clear(IDENTITY);
        self.clear(SESSION);
    }

    /// Sets them.
    pub(crate) fn dress(self, response: &mut HttpResponse) {
        self.add_to(response.headers_mut());
    }

    fn add_to(self, headers: &mut HeaderMap) {
        for cookie in self.set {
            if let Ok(value) = HeaderValue::from_str(&cookie) {
                headers.append(header::SET_COOKIE, value);
            }
        }
    }
}

/// What the login-status iframe compares with a client's session state.
pub(crate) fn session_hash(session: &str) -> String {
    URL_SAFE.encode(digest(&SHA384, session.as_bytes()))
}

/// 32 random bytes in base64.
///
/// # Errors
/// 500 when the system gives none.
pub(crate) fn random() -> Result<String, HttpError> {
    Ok(URL_SAFE_NO_PAD.encode(*realm::seal::random::<32>().map_err(HttpError::internal)?))
}

/// Signs what comes back to this server only.
///
/// # Errors
/// 500 when the realm has no key for it.
pub(crate) fn sign(ctx: &RealmContext, claims: &impl Serialize) -> Result<String, HttpError> {
    let key = REFRESH_ALGORITHMS
        .iter()
        .find_map(|algorithm| ctx.realm.active_key(algorithm))
        .ok_or_else(|| {
            HttpError::internal(
                "the realm has no active HMAC key; add a key provider hmac-generated",
            )
        })?;
    protocol::token::sign(key, &protocol::token::header(key), claims)
}
