//! Assertions: tokens that clients sign themselves to say who they are (RFC 7523, OpenID Connect Core 1.0 §9).

use client::Known;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use realm::event::Event;
use realm::public_key::PublicKey;
use serde::Deserialize;
use serde_json::Value;

use super::{Given, Refusal, keys};
use crate::token::Unproven;
use crate::{HttpError, RealmContext};

/// The only `client_assertion_type`.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far ahead the clock of a client may be, in seconds.
const SKEW: i64 = 15;
/// How long an assertion is good, in seconds, where `token.endpoint.auth.signing.max.exp` says nothing.
const MAX_AGE: i64 = 60;

/// An assertion as it is written; nothing of it is proven.
pub(super) struct Assertion<'a> {
    token: Unproven<'a>,
    claims: Claims,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    #[serde(default)]
    aud: Value,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: Option<String>,
}

pub(super) fn read(text: &str) -> Option<Assertion<'_>> {
    let token = Unproven::read(text)?;
    let claims = token.claims()?;
    Some(Assertion { token, claims })
}

impl Assertion<'_> {
    /// Whom it is about, where it says it comes from the same.
    pub(super) fn about(&self) -> Option<&str> {
        let subject = self.claims.sub.as_deref()?;
        (self.claims.iss.as_deref() == Some(subject)).then_some(subject)
    }

    pub(super) fn tell(&self, event: &mut Event) {
        for (name, value) in [
            ("client_assertion_id", &self.claims.jti),
            ("client_assertion_issuer", &self.claims.iss),
            ("client_assertion_sub", &self.claims.sub),
        ] {
            if let Some(value) = value {
                event.add(name, value.as_str());
            }
        }
    }
}

/// Judges the assertion of a client, in Keycloak's order: the parameters, whose it is, its signature, whom it is meant
/// for, its times, and at last whether it is new.
pub(super) async fn check(
    ctx: &RealmContext,
    client: &Known,
    given: &Given<'_>,
    assertion: Option<&Assertion<'_>>,
    event: &mut Event,
) -> Result<Result<(), Refusal>, HttpError> {
    let with_secret = client.authenticator() == "client-secret-jwt";
    let assertion = match parameters(given, assertion, with_secret) {
        Ok(assertion) => assertion,
        Err(refusal) => return Ok(Err(refusal)),
    };
    match assertion.about() {
        None => return Ok(Err(Refusal::Stranger)),
        Some(name) if name != client.client_id => {
            return Ok(bad(
                "client_id parameter does not match authenticated client",
            ));
        }
        Some(_) => {}
    }
    let algorithm = assertion.token.alg.as_str();
    let wanted = client.attribute("token.endpoint.auth.signing.alg");
    if wanted
        .filter(|name| !name.is_empty())
        .is_some_and(|name| name != algorithm)
        || !realm::key::SIGNATURES.contains(&algorithm)
    {
        return Ok(bad("Invalid signature algorithm"));
    }
    let signed = if with_secret {
        signed_with_secret(ctx, client, assertion)?
    } else if algorithm.starts_with("HS") {
        return Ok(bad("Invalid signature algorithm"));
    } else {
        let kid = assertion.token.kid.as_deref();
        let keys = keys::of(ctx, client, kid).await;
        signed_with_key(assertion, &keys, event)
    };
    if let Err(refusal) = signed {
        return Ok(Err(refusal));
    }
    let max_age = client
        .attribute("token.endpoint.auth.signing.max.exp")
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(MAX_AGE);
    let now = store::clock::now();
    let read = meant_for(&assertion.claims.aud, given.audiences)
        .and_then(|()| in_time(&assertion.claims, now, max_age));
    let jti = match read {
        Ok(jti) => jti,
        Err(text) => return Ok(bad(text)),
    };
    // As long as its times let it pass.
    let exp = seconds(assertion.claims.exp).unwrap_or(now);
    let until = exp.min(now.saturating_add(max_age).saturating_add(SKEW));
    let pool = &ctx.state().pool;
    if client::assertion::take(pool, ctx.realm.id, client.id, jti, until).await? {
        Ok(Ok(()))
    } else {
        Ok(bad("Token reuse detected"))
    }
}

fn bad(text: &str) -> Result<(), Refusal> {
    Err(Refusal::Assertion(text.to_owned()))
}

fn parameters<'r, 'a>(
    given: &Given<'_>,
    assertion: Option<&'r Assertion<'a>>,
    with_secret: bool,
) -> Result<&'r Assertion<'a>, Refusal> {
    let text = match given.assertion_type {
        None => "Parameter client_assertion_type is missing".to_owned(),
        Some(TYPE) if given.assertion.is_none() => "client_assertion parameter missing".to_owned(),
        Some(TYPE) => {
            return assertion.ok_or(if with_secret {
                Refusal::Signature(
                    "Client authentication with client secret signed JWT failed: the assertion cannot be read",
                )
            } else {
                Refusal::Assertion(
                    "Client authentication with signed JWT failed: the assertion cannot be read"
                        .to_owned(),
                )
            });
        }
        Some(other) => {
            format!("Parameter client_assertion_type has value '{other}' but expected is '{TYPE}'")
        }
    };
    Err(Refusal::Assertion(text))
}

fn signed_with_secret(
    ctx: &RealmContext,
    client: &Known,
    assertion: &Assertion<'_>,
) -> Result<Result<(), Refusal>, HttpError> {
    let token = &assertion.token;
    let is_mac = |it: &Algorithm| it.family() == AlgorithmFamily::Hmac;
    let Some(algorithm) = token.alg.parse().ok().filter(is_mac) else {
        return Ok(Err(Refusal::Signature(
            "Client authentication with client secret signed JWT failed: Signature on JWT token by client secret failed validation",
        )));
    };
    let sealer = &ctx.state().sealer;
    let Some(secret) = client::secret::reveal(sealer, client)? else {
        return Ok(Err(Refusal::NoKey));
    };
    let before = client::secret::reveal_rotated(sealer, client)?;
    for secret in [Some(secret), before].into_iter().flatten() {
        let key = DecodingKey::from_secret(secret.as_bytes());
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &key);
        if verifier.is_ok_and(|it| it.verify(token.signed.as_bytes(), &token.signature).is_ok()) {
            return Ok(Ok(()));
        }
    }
    // Two spaces, as Keycloak has it.
    Ok(Err(Refusal::Signature(
        "Client authentication with client secret signed JWT failed: Signature on JWT token by client secret  failed validation",
    )))
}

fn signed_with_key(
    assertion: &Assertion<'_>,
    keys: &[PublicKey],
    event: &mut Event,
) -> Result<(), Refusal> {
    let algorithm = assertion.token.alg.as_str();
    let named = |key: &&PublicKey| match &assertion.token.kid {
        Some(kid) => key.kid.as_ref() == Some(kid),
        None => key.fits(algorithm),
    };
    let mut candidates = keys.iter().filter(named).peekable();
    let first = candidates.peek().ok_or(Refusal::NoKey)?;
    if let Some(kid) = &first.kid {
        event.add("client_jwt_kid", kid.as_str());
    }
    let Unproven {
        signed, signature, ..
    } = &assertion.token;
    if candidates.any(|key| key.verify(algorithm, signed.as_bytes(), signature)) {
        return Ok(());
    }
    bad("Client authentication with signed JWT failed: Signature on JWT token failed validation")
}

/// One audience, one of ours: who gets an assertion that is meant for several could use it at the others.
fn meant_for(audience: &Value, ours: &[String]) -> Result<(), &'static str> {
    let one = match audience {
        Value::Array(several) if several.len() > 1 => return Err("Multiple audiences not allowed"),
        Value::Array(several) => several.first(),
        one => Some(one),
    };
    let one = one.and_then(Value::as_str);
    if one.is_some_and(|one| ours.iter().any(|known| known == one)) {
        Ok(())
    } else {
        Err("Invalid token audience")
    }
}

/// Its `jti`, if its times are right.
fn in_time(claims: &Claims, now: i64, max_age: i64) -> Result<&str, &'static str> {
    let exp = seconds(claims.exp).ok_or("Token exp claim is required")?;
    if exp <= now || seconds(claims.nbf).is_some_and(|nbf| nbf > now + SKEW) {
        return Err("Token is not active");
    }
    match seconds(claims.iat) {
        None if exp - now > max_age => {
            return Err(
                "Token expiration is too far in the future and iat claim not present in token",
            );
        }
        Some(iat) if iat > now + SKEW => return Err("Token was issued in the future"),
        Some(iat) if now - iat > max_age => {
            return Err("Token was issued too far in the past to be used now");
        }
        _ => {}
    }
    let jti = claims.jti.as_deref().filter(|jti| !jti.is_empty());
    jti.ok_or("Token jti claim is required")
}

/// Whole seconds since 1970; what is no time in this era is none.
fn seconds(time: Option<f64>) -> Option<i64> {
    let time = time.filter(|time| (0.0..1e11).contains(time))?;
    #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
    Some(time as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(exp: Option<i64>, iat: Option<i64>) -> Claims {
        serde_json::from_value(json!({ "exp": exp, "iat": iat, "jti": "x" })).unwrap()
    }

    #[test]
    fn times_are_judged_as_keycloak_does() {
        let now = 1_000_000;
        let judge = |exp: Option<i64>, iat: Option<i64>| {
            in_time(&claims(exp.map(|t| now + t), iat.map(|t| now + t)), now, 60).err()
        };
        let too_far =
            Some("Token expiration is too far in the future and iat claim not present in token");
        for (exp, iat, expected) in [
            (Some(60), Some(0), None),
            (Some(400_000), Some(0), None),
            (Some(1), Some(-60), None),
            (Some(60), Some(15), None),
            (Some(60), None, None),
            (Some(61), None, too_far),
            (None, Some(0), Some("Token exp claim is required")),
            (Some(0), Some(0), Some("Token is not active")),
            (Some(60), Some(16), Some("Token was issued in the future")),
            (
                Some(60),
                Some(-61),
                Some("Token was issued too far in the past to be used now"),
            ),
        ] {
            assert_eq!(judge(exp, iat), expected, "{exp:?} {iat:?}");
        }
        assert_eq!(seconds(Some(f64::NAN)), None);
        assert_eq!(seconds(Some(1e300)), None);
    }

    #[test]
    fn an_assertion_is_for_us_alone() {
        let ours = ["https://a".to_owned(), "https://a/token".to_owned()];
        for good in [json!("https://a"), json!(["https://a/token"])] {
            assert_eq!(meant_for(&good, &ours), Ok(()));
        }
        for wrong in [json!("https://a/"), json!([]), json!(5), Value::Null] {
            assert_eq!(meant_for(&wrong, &ours), Err("Invalid token audience"));
        }
        assert_eq!(
            meant_for(&json!(["https://a", "https://b"]), &ours),
            Err("Multiple audiences not allowed")
        );
    }
}
