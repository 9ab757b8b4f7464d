//! Action tokens: the links of e-mails by which users do what an administrator or they themselves asked for.

use client::Client;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{HttpError, Request, token};
use realm::Realm;
use user::User;

/// What such tokens are signed with; only this server reads them.
const ALGORITHMS: &[&str] = &["HS512", "HS384", "HS256"];
/// Several required actions.
pub const EXECUTE_ACTIONS: &str = "execute-actions";
/// Only to show that the address is the user's.
pub const VERIFY_EMAIL: &str = "verify-email";
/// A new password in place of a forgotten one.
pub const RESET_CREDENTIALS: &str = "reset-credentials";

/// The claims of an action token, named as Keycloak names them. Times in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the claims are Keycloak's own")]
pub struct ActionToken {
    pub exp: i64,
    pub iat: i64,
    /// By which it acts once only.
    pub jti: Uuid,
    pub iss: String,
    pub aud: String,
    pub sub: Uuid,
    /// [`EXECUTE_ACTIONS`], [`VERIFY_EMAIL`] or [`RESET_CREDENTIALS`].
    pub typ: String,
    pub azp: String,
    /// The address that it was sent to; it ends with a change of that.
    pub eml: String,
    /// The required actions.
    #[serde(default)]
    pub rqac: Vec<String>,
    /// The tab of the login that asked for it, which goes on where the link is followed in the same browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tab: Option<String>,
    /// Of [`RESET_CREDENTIALS`]: when the password was set, in milliseconds; the token ends with a change of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lcts: Option<i64>,
    /// Where to go at the end; checked when the token was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduri: Option<String>,
}

/// What a new action token is to say.
pub struct Wanted<'a> {
    /// [`EXECUTE_ACTIONS`], [`VERIFY_EMAIL`] or [`RESET_CREDENTIALS`].
    pub typ: &'a str,
    /// The required actions.
    pub actions: &'a [String],
    /// Seconds.
    pub lifespan: i64,
    /// On whose behalf.
    pub client: &'a str,
    /// Where to go at the end; see [`redirect`].
    pub redirect: Option<String>,
    /// The tab of the login that asks for it.
    pub tab: Option<String>,
    /// When the password was set that the token ends with.
    pub password_set: Option<i64>,
}

/// The URL of a new action token.
///
/// # Errors
/// 500 when the realm has no key for it.
pub fn link(
    request: &Request,
    realm: &Realm,
    user: &User,
    wanted: Wanted<'_>,
) -> Result<String, HttpError> {
    let now = store::clock::now();
    let issuer = request.issuer(&realm.name);
    let claims = ActionToken {
        exp: now.saturating_add(wanted.lifespan),
        iat: now,
        jti: Uuid::new_v4(),
        aud: issuer.clone(),
        sub: user.id,
        typ: wanted.typ.to_owned(),
        azp: wanted.client.to_owned(),
        eml: user.email.clone().unwrap_or_default(),
        rqac: wanted.actions.to_vec(),
        tab: wanted.tab,
        lcts: wanted.password_set,
        reduri: wanted.redirect,
        iss: issuer,
    };
    let key = ALGORITHMS
        .iter()
        .find_map(|algorithm| realm.active_key(algorithm))
        .ok_or_else(|| {
            HttpError::message(
                400,
                "The realm has no active HMAC key; add a key provider hmac-generated",
            )
        })?;
    let text = token::sign(key, &token::header(key), &claims)?;
    Ok(format!(
        "{}/login-actions/action-token?key={text}",
        claims.iss
    ))
}

/// Reads an action token of a realm; none for everything else, and for one that has expired.
#[must_use]
pub fn open(realm: &Realm, text: &str) -> Option<ActionToken> {
    let claims: ActionToken = token::open(realm, text, ALGORITHMS)?;
    let (issuer, _) = token::issuer_realm(text)?;
    let ours = [EXECUTE_ACTIONS, VERIFY_EMAIL, RESET_CREDENTIALS].contains(&claims.typ.as_str());
    (ours && issuer == realm.name && claims.iss == claims.aud && claims.exp > store::clock::now())
        .then_some(claims)
}

/// The place that a client may be sent back to, if this is one.
#[must_use]
pub fn redirect(request: &Request, client: &Client, uri: &str) -> Option<String> {
    client::uri::may_redirect(&request.base, client, uri).then(|| uri.to_owned())
}
