//! `grant_type=authorization_code` (RFC 6749 §4.1.3): a code becomes tokens, once.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::{HttpError, lifetime};
use subtle::ConstantTimeEq as _;
use user::code::{self, Code, Taken};
use user::session::{self, Part, Resumed};
use uuid::Uuid;

use super::{Asked, Session, Subject, TokenAnswer, issue};
use crate::authorize::request::{Challenge, Method, is_code_text};
use crate::login_actions::flow::Grant;
use crate::scope::Scopes;
use crate::{consent, mappers};

fn invalid(text: &str) -> HttpError {
    HttpError::oauth(400, "invalid_grant", text)
}

pub(crate) async fn grant(asked: &Asked<'_>) -> Result<TokenAnswer, HttpError> {
    let Asked {
        ctx, client, form, ..
    } = asked;
    let text = form.get("code").ok_or_else(|| {
        let text = "Missing parameter: code";
        let answer = HttpError::oauth(400, "invalid_request", text);
        asked.refused("invalid_code", Some(text), answer)
    })?;
    let unknown = || asked.refused("invalid_code", None, invalid("Code not valid"));
    let of_session = |id: &str| {
        asked.tell(|event| {
            event.session_id = Some(id.to_owned());
            event.add("code_id", id);
        });
    };
    let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
    let now = store::clock::now();
    let code = match code::take(pool, realm, text, now).await? {
        Taken::First(code) => code,
        Taken::Again(code) => {
            // Somebody else has the code, or its tokens (RFC 6749 §10.5).
            for offline in [false, true] {
                let part = Part {
                    session: &code.session_id,
                    client: code.client_id,
                    offline,
                };
                session::leave(pool, realm, part).await?;
            }
            of_session(&code.session_id);
            return Err(unknown());
        }
        Taken::Unknown => return Err(unknown()),
    };
    let Code {
        client_id,
        session_id,
        request,
        ..
    } = code;
    of_session(&session_id);
    let live = live(asked, &session_id, client_id).await?;
    if client_id != client.id {
        let text = "Auth error: Found different client_id in clientSession";
        return Err(asked.refused("invalid_client", Some(text), invalid(text)));
    }
    let granted: Grant = serde_json::from_value(request).map_err(HttpError::internal)?;
    let redirect_uri = form.get("redirect_uri");
    if redirect_uri != Some(&granted.redirect_uri) {
        let reason = format!(
            "Parameter 'redirect_uri' did not match originally saved redirect URI used in initial OIDC request. \
             Saved redirectUri: {}, redirectUri parameter: {}",
            granted.redirect_uri,
            redirect_uri.unwrap_or("null")
        );
        let answer = invalid("Incorrect redirect_uri");
        return Err(asked.refused("invalid_redirect_uri", Some(&reason), answer));
    }
    prove_for(asked, granted.challenge.as_ref())?;
    tokens(asked, &session_id, &live, &granted).await
}

/// The session that a browser has begun for `client_id`, while it lasts and its user may sign in.
pub(super) async fn live(
    asked: &Asked<'_>,
    session: &str,
    client_id: Uuid,
) -> Result<Box<Resumed>, HttpError> {
    let Asked { ctx, client, .. } = asked;
    let now = store::clock::now();
    let limits = lifetime::limits(&ctx.realm, Some(client));
    let part = Part {
        session,
        client: client_id,
        offline: false,
    };
    let live = session::resume(&ctx.state().pool, ctx.realm.id, part, &limits, now)
        .await?
        .map_err(|_| {
            let answer = invalid("User session not found");
            asked.refused("user_session_not_found", None, answer)
        })?;
    asked.tell(|event| event.user_id = Some(live.user.id.to_string()));
    if !live.user.enabled {
        return Err(asked.refused("user_disabled", None, invalid("User disabled")));
    }
    if ctx.realm.settings.brute_force_protected && now < live.locked_until {
        return Err(invalid("User temporarily disabled"));
    }
    Ok(live)
}

/// The tokens of a session for what a browser was asked to grant.
pub(super) async fn tokens(
    asked: &Asked<'_>,
    session: &str,
    live: &Resumed,
    granted: &Grant,
) -> Result<TokenAnswer, HttpError> {
    let scopes = Scopes::tried(asked.client, granted.scope.as_deref().unwrap_or_default());
    consent::check(asked, &live.user, &scopes).await?;
    let mut session = Session::resumed(session, live);
    if let Some(claims) = &granted.claims
        && mappers::reads_claims_parameter(asked.client, &scopes)
    {
        let (pool, realm) = (&asked.ctx.state().pool, asked.ctx.realm.id);
        session::keep_claims(pool, realm, session.id, asked.client.id, claims).await?;
        session.claims = Some(claims.clone());
    }
    let subject = Subject {
        user: &live.user,
        roles: &live.roles,
        session: Some(&session),
        scopes: &scopes,
        nonce: granted.nonce.as_deref(),
    };
    issue(asked, &subject).await
}

/// The same for a request, with its verifier.
pub(super) fn prove_for(asked: &Asked<'_>, challenge: Option<&Challenge>) -> Result<(), HttpError> {
    let verifier = asked.form.get("code_verifier");
    prove(challenge, verifier).map_err(|answer| {
        let text = answer.body()["error_description"]
            .as_str()
            .unwrap_or_default();
        let reason = text
            .trim_start_matches("PKCE verification failed: ")
            .to_owned();
        let error = match (reason.as_str(), verifier) {
            ("Code mismatch", _) => "pkce_verification_failed",
            (_, None) => "code_verifier_missing",
            _ => "invalid_code_verifier",
        };
        asked.refused(error, Some(&reason), answer)
    })
}

/// RFC 7636 §4.6; a verifier where there was no challenge would let a stolen code pass, so it is refused, too.
fn prove(challenge: Option<&Challenge>, verifier: Option<&str>) -> Result<(), HttpError> {
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            return Err(invalid(
                "PKCE code verifier specified but challenge not present in authorization",
            ));
        }
        (Some(_), None) => return Err(invalid("PKCE code verifier not specified")),
        (Some(challenge), Some(verifier)) => (challenge, verifier),
    };
    if !is_code_text(verifier) {
        return Err(invalid("PKCE verification failed: Invalid code verifier"));
    }
    let expected = match challenge.method {
        Method::Plain => verifier.to_owned(),
        Method::S256 => URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())),
    };
    if bool::from(expected.as_bytes().ct_eq(challenge.challenge.as_bytes())) {
        Ok(())
    } else {
        Err(invalid("PKCE verification failed: Code mismatch"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_has_to_fit_its_challenge() {
        // RFC 7636 appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let s256 = Challenge {
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            method: Method::S256,
        };
        assert!(prove(Some(&s256), Some(verifier)).is_ok());
        assert!(prove(None, None).is_ok());
        let plain = Challenge {
            method: Method::Plain,
            ..s256.clone()
        };
        for (challenge, given) in [
            (Some(&s256), None),
            (Some(&s256), Some(s256.challenge.as_str())),
            (Some(&plain), Some(verifier)),
            (None, Some(verifier)),
            (Some(&s256), Some("short")),
        ] {
            assert!(prove(challenge, given).is_err(), "{given:?}");
        }
    }
}
