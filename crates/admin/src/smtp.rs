//! `POST /admin/realms/{realm}/testSMTPConnection`: an e-mail to the caller, by settings that need not be stored.

use actix_web::HttpResponse;
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use protocol::mail::{self, Mail};
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::Admin;
use crate::auth::Role::ManageRealm;

const FAILED: &str = "Failed to send email";

#[derive(Deserialize)]
struct Settings(#[serde(deserialize_with = "realm::smtp::texts")] Option<Map<String, Value>>);

pub(crate) async fn test(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let Settings(smtp) = parse(&body.0).map_err(|error| error.into_http("Map"))?;
    let smtp = smtp.unwrap_or_default();
    let refused = |text: &str| HttpError::message(400, &format!("{FAILED}: {text}"));
    let state = admin.state();
    let caller = user::find(&state.pool, admin.home.id, admin.user).await?;
    let to = caller
        .and_then(|caller| caller.email)
        .ok_or_else(|| refused("your account has no e-mail address to send it to; give it one"))?;
    let given = smtp.get("password").and_then(Value::as_str);
    let password = match given {
        Some(realm::provider::MASK) => {
            // The stored password goes to nobody but the server that it is for.
            let stored = admin.realm.rep.smtp_server.clone().unwrap_or_default();
            if !realm::smtp::same_login(&stored, &smtp) {
                return Err(refused("give the password for another host, port or user"));
            }
            realm::smtp::password(&state.pool, &state.sealer, admin.realm.id).await?
        }
        given => given.map(|given| Zeroizing::new(given.to_owned())),
    };
    let text = "This is a test message";
    let mail = Mail {
        to: &to,
        subject: "[realmkeep] - SMTP test message",
        text: text.to_owned(),
        html: format!("<html lang=\"en\" dir=\"ltr\"><body><p>{text}</p></body></html>"),
    };
    mail::send(&smtp, password.as_ref(), mail)
        .await
        .map_err(|error| refused(&error.to_string()))?;
    Ok(HttpResponse::NoContent().finish())
}
