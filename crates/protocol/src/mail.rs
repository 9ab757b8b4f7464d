//! E-mail: one message at a time, to the mail server that a realm names (Keycloak's `smtpServer`).

use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{CertificateStore, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::HttpError;

/// How long the whole conversation with a mail server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why an e-mail did not go out, in words for whoever asked for it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are wrong: the caller can mend that.
    #[error("{0}")]
    Settings(String),
    /// The mail server did not take it.
    #[error("{0}")]
    Delivery(String),
}

impl Error {
    /// The answer to a call whose e-mail did not go out. `what`: Keycloak's words for that, `Failed to send …`.
    #[must_use]
    pub fn into_http(self, what: &str) -> HttpError {
        let status = match self {
            Self::Settings(_) => 400,
            Self::Delivery(_) => 500,
        };
        HttpError::message(status, &format!("{what}: {self}"))
    }
}

/// What to write.
pub struct Mail<'a> {
    /// To whom.
    pub to: &'a str,
    /// One line.
    pub subject: &'a str,
    /// The text, and what mail programs make of it.
    pub text: String,
    /// The same in HTML.
    pub html: String,
}

/// Sends a message by the mail server of these settings.
///
/// # Errors
/// Any [`Error`]; nothing is tried again.
pub async fn send(
    smtp: &Map<String, Value>,
    password: Option<&Zeroizing<String>>,
    mail: Mail<'_>,
) -> Result<(), Error> {
    let message = message(smtp, mail)?;
    let transport = transport(smtp, password)?;
    match tokio::time::timeout(PATIENCE, transport.send(message)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Error::Delivery(words(&error))),
        Err(_) => Err(Error::Delivery(format!(
            "the mail server did not answer within {} seconds",
            PATIENCE.as_secs()
        ))),
    }
}

/// The whole chain of causes: the last one says what is wrong.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn text<'a>(smtp: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    smtp.get(name)
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

fn is_on(smtp: &Map<String, Value>, name: &str) -> bool {
    smtp.get(name) == Some(&Value::Bool(true))
        || text(smtp, name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn message(smtp: &Map<String, Value>, mail: Mail<'_>) -> Result<Message, Error> {
    let from = mailbox(smtp, "from", "fromDisplayName")?.ok_or_else(|| {
        Error::Settings(
            "the realm has no mail server; set host, port and from of its smtpServer".to_owned(),
        )
    })?;
    let to = address(mail.to, "The user's e-mail address")?;
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(mail.subject)
        .message_id(Some(format!(
            "<{}@{}>",
            uuid::Uuid::new_v4(),
            from.email.domain()
        )));
    if let Some(reply_to) = mailbox(smtp, "replyTo", "replyToDisplayName")? {
        builder = builder.reply_to(reply_to);
    }
    let sender = match text(smtp, "envelopeFrom") {
        Some(sender) => address(sender, "envelopeFrom")?,
        None => from.email,
    };
    let envelope = lettre::address::Envelope::new(Some(sender), vec![to])
        .map_err(|error| Error::Settings(error.to_string()))?;
    builder
        .envelope(envelope)
        .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))
        .map_err(|error| Error::Settings(error.to_string()))
}

fn mailbox(smtp: &Map<String, Value>, name: &str, display: &str) -> Result<Option<Mailbox>, Error> {
    let Some(value) = text(smtp, name) else {
        return Ok(None);
    };
    // A line break in a name would begin another header.
    let display = text(smtp, display)
        .map(|name| name.chars().filter(|c| !c.is_control()).collect::<String>());
    Ok(Some(Mailbox::new(display, address(value, name)?)))
}

fn address(text: &str, what: &str) -> Result<Address, Error> {
    text.parse()
        .map_err(|error| Error::Settings(format!("{what} is no e-mail address: {error}")))
}

fn transport(
    smtp: &Map<String, Value>,
    password: Option<&Zeroizing<String>>,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
    let host = text(smtp, "host")
        .ok_or_else(|| Error::Settings("set host of the realm's smtpServer".to_owned()))?;
    let (ssl, starttls) = (is_on(smtp, "ssl"), is_on(smtp, "starttls"));
    let port = match text(smtp, "port") {
        Some(port) => port
            .parse()
            .map_err(|_| Error::Settings(format!("port of smtpServer is no port: {port}")))?,
        None if ssl => 465,
        None => 25,
    };
    let tls = match (ssl, starttls) {
        (true, _) => Tls::Wrapper(parameters(host)?),
        (false, true) => Tls::Required(parameters(host)?),
        (false, false) => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port)
        .tls(tls)
        .timeout(Some(PATIENCE));
    if is_on(smtp, "auth") {
        let user = text(smtp, "user").unwrap_or_default().to_owned();
        let password = password.map(|password| password.to_string());
        builder = builder.credentials(Credentials::new(user, password.unwrap_or_default()));
    }
    Ok(builder.build())
}

/// Trusts what the system trusts; where there is no system (an empty image), what browsers trust.
fn parameters(host: &str) -> Result<TlsParameters, Error> {
    let of = |store| TlsParameters::builder(host.to_owned()).certificate_store(store);
    of(CertificateStore::Default)
        .build()
        .or_else(|_| of(CertificateStore::WebpkiRoots).build())
        .map_err(|error| Error::Settings(words(&error)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(smtp: &Value) -> Result<String, Error> {
        let mail = Mail {
            to: "bob@example.org",
            subject: "Grüße",
            text: "a".to_owned(),
            html: "<p>a</p>".to_owned(),
        };
        let message = message(smtp.as_object().unwrap(), mail)?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_name_cannot_begin_another_header() {
        let smtp = json!({"from": "a@example.org", "fromDisplayName": "A\r\nBcc: x@example.org"});
        let text = written(&smtp).unwrap();
        assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
        for bad in ["a@example.org\r\nBcc: x@example.org", "a b@c", "a"] {
            assert!(matches!(
                written(&json!({ "from": bad })),
                Err(Error::Settings(_))
            ));
        }
    }

    #[test]
    fn settings_that_lack_something_say_what_to_set() {
        let lacking = written(&json!({})).unwrap_err().to_string();
        assert!(lacking.contains("set host, port and from"), "{lacking}");
        let smtp = json!({"from": "a@example.org", "port": "x", "host": "h"});
        let error = transport(smtp.as_object().unwrap(), None).err().unwrap();
        assert!(error.to_string().contains("no port"), "{error}");
    }
}
