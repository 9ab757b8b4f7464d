//! E-mails that ask a user to do something: `execute-actions-email`, `reset-password-email`, `send-verify-email`.

use actix_web::HttpResponse;
use protocol::HttpError;
use protocol::action_token::{self, EXECUTE_ACTIONS, VERIFY_EMAIL, Wanted};
use protocol::body::{JsonBytes, parse};
use protocol::html::escape;
use protocol::mail::{self, Mail};
use user::User;

use super::{UserPath, managed};
use crate::Admin;
use crate::page::Query;

/// What links are made for where no client is named.
const DEFAULT_CLIENT: &str = "account";
const MAX_ACTIONS: usize = 50;

pub(crate) async fn execute_actions(
    admin: Admin,
    path: UserPath,
    query: Query,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let actions = match body.0.trim_ascii() {
        b"" | b"null" => vec![],
        body => parse(body).map_err(|error| error.into_http("String"))?,
    };
    send_actions(&admin, &found, &query, actions).await
}

pub(crate) async fn reset_password(
    admin: Admin,
    path: UserPath,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let actions = vec![user::credential::UPDATE_PASSWORD.to_owned()];
    send_actions(&admin, &found, &query, actions).await
}

async fn send_actions(
    admin: &Admin,
    found: &User,
    query: &Query,
    actions: Vec<String>,
) -> Result<HttpResponse, HttpError> {
    let known = actions
        .iter()
        .all(|action| user::is_required_action(action));
    if !known || actions.len() > MAX_ACTIONS {
        return Err(HttpError::message(400, "Provided invalid required actions"));
    }
    let letter = Letter {
        typ: EXECUTE_ACTIONS,
        subject: "Update Your Account",
        failure: "Failed to send execute actions email",
        button: "Link to account update",
    };
    letter.send(admin, found, query, &actions).await
}

pub(crate) async fn verify(
    admin: Admin,
    path: UserPath,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let letter = Letter {
        typ: VERIFY_EMAIL,
        subject: "Verify email",
        failure: "Failed to send verify email",
        button: "Link to e-mail address verification",
    };
    letter.send(&admin, &found, &query, &[]).await
}

struct Letter {
    typ: &'static str,
    subject: &'static str,
    failure: &'static str,
    button: &'static str,
}

impl Letter {
    async fn send(
        &self,
        admin: &Admin,
        user: &User,
        query: &Query,
        actions: &[String],
    ) -> Result<HttpResponse, HttpError> {
        let refused = |text: &str| HttpError::message(400, text);
        let to = user
            .email
            .as_deref()
            .ok_or_else(|| refused("User email missing"))?;
        if !user.enabled {
            return Err(refused("User is disabled"));
        }
        let (client, redirect) = client(admin, query).await?;
        let realm = &admin.realm;
        let lifespan = match query.number("lifespan")? {
            Some(seconds) => seconds,
            None => realm
                .rep
                .action_token_generated_by_admin_lifespan
                .unwrap_or(43_200),
        };
        let wanted = Wanted {
            typ: self.typ,
            actions,
            lifespan,
            client: &client,
            redirect,
            tab: None,
            password_set: None,
        };
        let link = action_token::link(&admin.request, realm, user, wanted)?;

        let name = realm
            .rep
            .display_name
            .as_deref()
            .filter(|name| !name.is_empty());
        let name = name.unwrap_or(&realm.name);
        let (before, after) = if self.typ == VERIFY_EMAIL {
            (
                format!(
                    "Someone has created a {name} account with this email address. If this was you, click the link \
                     below to verify your email address"
                ),
                "If you didn't create this account, just ignore this message.",
            )
        } else {
            let actions: Vec<&str> = actions.iter().map(|action| words(action)).collect();
            (
                format!(
                    "Your administrator has just requested that you update your {name} account by performing the \
                     following action(s): {}. Click on the link below to start this process.",
                    actions.join(", ")
                ),
                "If you are unaware that your administrator has requested this, just ignore this message and nothing \
                 will be changed.",
            )
        };
        let expiry = format!("This link will expire within {}.", span(lifespan));
        let mail = Mail {
            to,
            subject: self.subject,
            text: format!("{before}\n\n{link}\n\n{expiry}\n\n{after}\n"),
            html: format!(
                "<html lang=\"en\" dir=\"ltr\"><body><p>{}</p><p><a href=\"{}\" rel=\"nofollow\">{}</a></p><p>{expiry}</p>\
                 <p>{after}</p></body></html>",
                escape(&before),
                escape(&link),
                self.button,
            ),
        };
        let state = admin.state();
        let password = realm::smtp::password(&state.pool, &state.sealer, realm.id).await?;
        let smtp = realm.rep.smtp_server.clone().unwrap_or_default();
        mail::send(&smtp, password.as_ref(), mail)
            .await
            .map_err(|error| error.into_http(self.failure))?;
        Ok(HttpResponse::NoContent().finish())
    }
}

/// On whose behalf, and where the user is sent at the end.
async fn client(admin: &Admin, query: &Query) -> Result<(String, Option<String>), HttpError> {
    let refused = |text: &str| HttpError::message(400, text);
    let (name, uri) = (query.text("client_id"), query.text("redirect_uri"));
    let Some(name) = name else {
        return match uri {
            Some(_) => Err(refused("Client id missing")),
            None => Ok((DEFAULT_CLIENT.to_owned(), None)),
        };
    };
    let found = client::find_by_client_id(admin.db(), admin.realm.id, &name)
        .await?
        .ok_or_else(|| refused("Client doesn't exist"))?;
    if !found.enabled {
        return Err(refused("Client is not enabled"));
    }
    let redirect = match uri {
        None => None,
        Some(uri) => Some(
            action_token::redirect(&admin.request, &found, &uri)
                .ok_or_else(|| refused("Invalid redirect uri."))?,
        ),
    };
    Ok((name, redirect))
}

/// A required action, in words for users.
fn words(action: &str) -> &str {
    match action {
        "CONFIGURE_RECOVERY_AUTHN_CODES" => "Generate Recovery Codes",
        "CONFIGURE_TOTP" => "Configure OTP",
        "TERMS_AND_CONDITIONS" => "Terms and Conditions",
        "UPDATE_EMAIL" => "Update Email",
        "UPDATE_PASSWORD" => "Update Password",
        "UPDATE_PROFILE" => "Update Profile",
        "VERIFY_EMAIL" => "Verify Email",
        "VERIFY_PROFILE" => "Verify Profile",
        other => other,
    }
}

/// Seconds in words, in the largest unit that fits.
fn span(seconds: i64) -> String {
    let minutes = seconds / 60;
    let (count, unit) = if minutes > 0 && minutes % (24 * 60) == 0 {
        (minutes / (24 * 60), "day")
    } else if minutes > 0 && minutes % 60 == 0 {
        (minutes / 60, "hour")
    } else if minutes > 0 {
        (minutes, "minute")
    } else {
        (seconds, "second")
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_time_is_told_in_its_largest_unit() {
        for (seconds, text) in [
            (43_200, "12 hours"),
            (86_400, "1 day"),
            (60, "1 minute"),
            (77, "1 minute"),
            (5400, "90 minutes"),
            (30, "30 seconds"),
            (0, "0 seconds"),
        ] {
            assert_eq!(super::span(seconds), text);
        }
    }
}
