//! The token endpoint by POST: the OAuth2 form of the distribution token specification.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use protocol::context::decode_segment;
use protocol::{HttpError, RealmContext};
use serde_json::json;

use crate::answer::{self, Asked, Caller};
use crate::error::{Error, NOT_STORED};
use crate::identity;

/// Bytes of a form.
const MAX_FORM: usize = 64 * 1024;

pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let result = issue(&ctx, &request, payload).await;
    answer::count("post", &result);
    result.unwrap_or_else(Error::into_form_response)
}

async fn issue(
    ctx: &RealmContext,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    answer::open(ctx)?;
    let body = protocol::body::read(request, &mut payload.into_inner(), MAX_FORM).await?;
    let form = Form::read(kind(request), &body).map_err(|text| bad(&text))?;
    let grant = Grant::read(&form)?;
    let offline = match form.get("access_type") {
        None | Some("online") => false,
        Some("offline") => true,
        Some(_) => return Err(bad("access_type is 'online' or 'offline'")),
    };
    let mut asked = Asked::read(ctx, &form.services(), &form.scopes).await?;
    asked.program = form.get("client_id").map(str::to_owned);
    asked.offline = offline;
    let caller = match grant {
        Grant::Password(username, password) => {
            Caller::log_in(ctx, &asked, username, password).await?
        }
        Grant::RefreshToken(token) => identity::refresh(ctx, &asked, token).await?,
    };
    let answer = answer::issue(ctx, asked, &caller).await?;
    let scope: Vec<String> = answer.access.iter().map(ToString::to_string).collect();
    let mut body = json!({
        "access_token": answer.token.token,
        "scope": scope.join(" "),
        "expires_in": answer.token.expires_in,
        "issued_at": answer.token.issued_at(),
    });
    if let Some(refresh_token) = answer.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    Ok(HttpResponse::Ok().insert_header(NOT_STORED).json(body))
}

fn bad(text: &str) -> Error {
    HttpError::oauth(400, "invalid_request", text).into()
}

fn kind(request: &HttpRequest) -> &str {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

/// How somebody shows who they are.
enum Grant<'a> {
    /// By user name and password, or whatever [`protocol::login::registry`] takes for one.
    Password(&'a str, &'a str),
    RefreshToken(&'a str),
}

impl<'a> Grant<'a> {
    fn read(form: &'a Form) -> Result<Self, Error> {
        let required = |name: &str| {
            let text = || bad(&format!("Missing form parameter: {name}"));
            form.get(name).ok_or_else(text)
        };
        match required("grant_type")? {
            "password" => Ok(Self::Password(required("username")?, required("password")?)),
            "refresh_token" => Ok(Self::RefreshToken(required("refresh_token")?)),
            _ => {
                let text = "grant_type is 'password' or 'refresh_token'";
                Err(HttpError::oauth(400, "unsupported_grant_type", text).into())
            }
        }
    }
}

/// The parameters of a form: each once, but for `scope`. One without a value counts as not there (RFC 6749 §3.2).
#[derive(Debug, Default)]
struct Form {
    scopes: Vec<String>,
    others: Vec<(String, String)>,
}

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.others.iter().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| value.as_str())
    }

    fn services(&self) -> Vec<String> {
        self.get("service").map(str::to_owned).into_iter().collect()
    }

    /// # Errors
    /// What is wrong with it, for whoever wrote the program.
    fn read(kind: &str, body: &[u8]) -> Result<Self, String> {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err("The body has to be of type application/x-www-form-urlencoded".to_owned());
        }
        let text = std::str::from_utf8(body).map_err(|_| "The form is not UTF-8")?;
        let decode = |text: &str| {
            decode_segment(&text.replace('+', " "))
                .filter(|text| store::text::storable(text))
                .ok_or("A parameter is not readable")
        };
        let mut form = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if name == "scope" {
                form.scopes.push(value);
            } else if form.others.iter().any(|(known, _)| *known == name) {
                return Err("duplicated parameter".to_owned());
            } else {
                form.others.push((name, value));
            }
        }
        form.others.retain(|(_, value)| !value.is_empty());
        Ok(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    fn read(text: &str) -> Result<Form, String> {
        Form::read(FORM, text.as_bytes())
    }

    #[test]
    fn a_form_is_read_as_docker_and_skopeo_write_it() {
        let form = read(
            "scope=repository%3Aa%3Apull+registry:catalog:*&service=reg&x&scope=a:b:c&username=a%26b",
        );
        let form = form.unwrap();
        assert_eq!(
            form.scopes,
            ["repository:a:pull registry:catalog:*", "a:b:c"]
        );
        assert_eq!(form.services(), ["reg"]);
        assert_eq!(form.get("username"), Some("a&b"));
        assert_eq!(form.get("x"), None, "without a value");
        let kind = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
        assert!(Form::read(kind, b"a=b").is_ok());
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for (kind, body) in [
            (FORM, &b"a=%00"[..]),
            (FORM, b"a=%ff"),
            (FORM, b"\xff"),
            (FORM, b"service=a&service=a"),
            (FORM, b"service=&service=a"),
            ("application/json", b"{}"),
            ("", b"a=b"),
        ] {
            assert!(Form::read(kind, body).is_err(), "{kind} {body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_form_is_read_or_refused(text in "(%[0-9a-f]{0,2}|[a-c=&+ü])*") {
            let _ = read(&text).map(|form| Grant::read(&form).is_ok());
        }
    }
}
