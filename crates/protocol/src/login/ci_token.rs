//! Tokens of CI jobs: what an issuer outside says of a job may stand for a robot, where the realm trusts it to.
//!
//! A job pulls many images with its token, so one is good as often as it is shown, until it expires.

use realm::event::Event;
use realm::identity_provider::{self, Trust};
use realm::public_key::PublicKey;
use serde_json::{Map, Value};
use user::User;

use crate::key_sets::Place;
use crate::token::Unproven;
use crate::{HttpError, RealmContext};

/// Tokens longer than this are not read.
const MAX_LENGTH: usize = 16 * 1024;
/// How far ahead the clock of an issuer may be, in seconds.
const SKEW: i64 = 30;
/// The error of events.
const INVALID: &str = "invalid_token";

/// A token as it is written; nothing of it is proven.
pub(super) struct Token<'a> {
    token: Unproven<'a>,
    claims: Map<String, Value>,
}

/// Why a token stands for nobody.
type Reason = &'static str;

impl<'a> Token<'a> {
    /// None for what has not the form of one, such as a secret.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let token = Unproven::read(text)?;
        let claims = token.claims()?;
        Some(Self { token, claims })
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// Whether it may be used now.
    fn is_in_time(&self, now: i64) -> Result<(), Reason> {
        let claim = |name| match self.claims.get(name) {
            None => Ok(None),
            // Whole seconds since 1970; what is no time in this era is none.
            Some(value) => match value.as_f64() {
                #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
                Some(time) if (0.0..1e11).contains(&time) => Ok(Some(time as i64)),
                _ => Err("a time of it is none"),
            },
        };
        let exp = claim("exp")?.ok_or("it has no exp")?;
        if exp <= now {
            return Err("it has expired");
        }
        let begins = claim("nbf")?.into_iter().chain(claim("iat")?).max();
        if begins.is_some_and(|begins| begins > now + SKEW) {
            return Err("it is of the future");
        }
        Ok(())
    }

    fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one == audience),
            _ => false,
        }
    }

    fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        let Unproven {
            alg,
            kid,
            signed,
            signature,
            ..
        } = &self.token;
        let named = |key: &&PublicKey| kid.is_none() || key.kid == *kid;
        let mut named = keys.iter().filter(named);
        named.any(|key| key.verify(alg, signed.as_bytes(), signature))
    }
}

/// Characters of a claim that logs and events are told.
const MAX_TOLD: usize = 255;

/// Judges a token that is to stand for a robot. What of the job the event of the login is to tell; else the error of the
/// event, which is told the issuer, the mapper and why; so is the log. No database connection is held while keys are
/// fetched, which takes some seconds at most.
pub(super) async fn judge(
    ctx: &RealmContext,
    token: &Token<'_>,
    robot: &User,
    event: &mut Event,
) -> Result<Result<Vec<(&'static str, String)>, &'static str>, HttpError> {
    let told = |claim| -> String {
        let text = token.text(claim).unwrap_or_default();
        text.chars().take(MAX_TOLD).collect()
    };
    let issuer = token.text("iss").unwrap_or_default();
    event.add("issuer", told("iss"));
    let pool = &ctx.state().pool;
    let trusts = identity_provider::trusts(pool, ctx.realm.id, issuer, &robot.username).await?;
    let mut reason =
        "no identity provider that is enabled trusts its issuer to vouch for this robot";
    for trust in &trusts {
        match check(ctx, token, trust).await {
            Ok(()) => {
                return Ok(Ok(vec![
                    ("issuer", told("iss")),
                    ("identity_provider", trust.provider.clone()),
                    ("mapper", trust.mapper.clone()),
                    ("subject", told("sub")),
                    ("job_token_id", told("jti")),
                ]));
            }
            Err(why) => {
                event.add("mapper", trust.mapper.as_str());
                reason = why;
            }
        }
    }
    event.add("reason", reason);
    tracing::warn!(
        realm = ?ctx.realm.name, robot = ?robot.username, issuer = ?told("iss"), subject = ?told("sub"), reason,
        "a CI token was refused"
    );
    Ok(Err(INVALID))
}

/// Whether a token stands for what a mapper trusts it for. What is cheap comes first; claims last, so that none but the
/// issuer's own tokens are held against the patterns.
async fn check(ctx: &RealmContext, token: &Token<'_>, trust: &Trust) -> Result<(), Reason> {
    if token.token.alg == "none" || token.token.alg.starts_with("HS") {
        return Err("its algorithm proves nothing about its issuer");
    }
    token.is_in_time(store::clock::now())?;
    let audience = trust.config.get("audience").and_then(Value::as_str);
    let audience = audience.map(str::trim).filter(|name| !name.is_empty());
    if !token.is_for(audience.unwrap_or(&ctx.issuer())) {
        return Err("it is for another audience");
    }
    let place = Place::of(&trust.config).ok_or("its issuer has no keys")?;
    let (state, kid) = (ctx.state(), token.token.kid.as_deref());
    let keys = state
        .key_sets
        .get(&state.outbound, ctx.realm.id, place, kid)
        .await;
    if !token.is_signed_by(&keys) {
        return Err("none of its issuer's keys has signed it");
    }
    if !trust.claims.fit(&token.claims) {
        return Err("its claims are not those of the mapper");
    }
    Ok(())
}
