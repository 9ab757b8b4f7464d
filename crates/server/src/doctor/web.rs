//! Calls as a docker client makes them, and why one got no answer.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{DATE, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Certificate, Client, RequestBuilder, Url};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

/// For a call as a whole.
const TOTAL: Duration = Duration::from_secs(15);
/// Of an answer; the rest is not read.
const MAX_BODY: usize = 256 * 1024;

/// What was answered.
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// The answering side's clock less ours in seconds, by its `Date`.
    pub ahead: Option<i64>,
}

impl Answer {
    pub fn header(&self, name: reqwest::header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All `WWW-Authenticate` headers.
    pub fn challenges(&self) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(WWW_AUTHENTICATE).iter();
        values.filter_map(|value| value.to_str().ok())
    }
}

/// Why there is no answer.
pub(super) enum Failure {
    /// TLS was begun, and the other side speaks none.
    NoTls,
    /// The other side's certificate is not good.
    Certificate(String),
    /// Somebody is there, and answers no HTTP.
    NoHttp(String),
    /// No name, no connection, no answer in time.
    Unreachable(String),
}

pub(super) struct Web(Client);

impl Web {
    /// With `ca`, certificates of the authorities in that PEM file are good as well.
    pub fn new(ca: Option<&Path>) -> anyhow::Result<Self> {
        let authorities = match ca {
            None => Vec::new(),
            Some(file) => {
                let pem = std::fs::read(file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                Certificate::from_pem_bundle(&pem)
                    .with_context(|| format!("{} holds no certificates", file.display()))?
            }
        };
        let builder = || {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(TOTAL)
                .user_agent("realmkeep-doctor")
        };
        let client = if authorities.is_empty() {
            builder()
                .build()
                .or_else(|_| protocol::outbound::with_own_roots(builder()).build())
        } else {
            builder()
                .tls_certs_merge(authorities.clone())
                .build()
                // A machine without authorities of its own has these.
                .or_else(|_| builder().tls_certs_only(authorities).build())
        };
        Ok(Self(client?))
    }

    pub async fn get(&self, url: &Url) -> Result<Answer, Failure> {
        send(self.0.get(url.clone())).await
    }

    pub async fn get_as(&self, url: &Url, name: &str, password: &str) -> Result<Answer, Failure> {
        send(self.0.get(url.clone()).basic_auth(name, Some(password))).await
    }

    pub async fn get_with(&self, url: &Url, token: &str) -> Result<Answer, Failure> {
        send(self.0.get(url.clone()).bearer_auth(token)).await
    }

    /// Whether the same host and port answer HTTP when called by the other scheme.
    pub async fn answers_as(&self, url: &Url, scheme: &str) -> bool {
        // `set_scheme` would change an implied port.
        let Some((_, rest)) = url.as_str().split_once("://") else {
            return false;
        };
        let Ok(mut other) = Url::parse(&format!("{scheme}://{rest}")) else {
            return false;
        };
        if other.set_port(url.port_or_known_default()).is_err() {
            return false;
        }
        other.set_query(None);
        match self.get(&other).await {
            // What Go and nginx say in plain HTTP where TLS is due.
            Ok(answer) => scheme == "https" || !wants_tls(&answer),
            Err(Failure::Certificate(_)) => scheme == "https",
            Err(_) => false,
        }
    }
}

/// Whether an answer in plain HTTP says that TLS is due.
pub(super) fn wants_tls(answer: &Answer) -> bool {
    let body = answer.body.to_ascii_lowercase();
    answer.status == 400
        && [
            "http request to an https server",
            "http request was sent to https port",
        ]
        .iter()
        .any(|text| body.contains(text))
}

async fn send(request: RequestBuilder) -> Result<Answer, Failure> {
    let mut response = request.send().await.map_err(failure)?;
    let date = response.headers().get(DATE).and_then(|v| v.to_str().ok());
    let date = date.and_then(|text| OffsetDateTime::parse(text, &Rfc2822).ok());
    let mut answer = Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: String::new(),
        ahead: date.map(|date| date.unix_timestamp() - store::clock::now()),
    };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        let room = MAX_BODY - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_BODY {
            break;
        }
    }
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

fn failure(error: reqwest::Error) -> Failure {
    let connect = error.is_connect();
    let timeout = error.is_timeout();
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if let Some(tls) = tls_error(cause) {
            return match tls {
                rustls::Error::InvalidMessage(_) => Failure::NoTls,
                tls @ rustls::Error::InvalidCertificate(_) => Failure::Certificate(tls.to_string()),
                tls => Failure::Unreachable(tls.to_string()),
            };
        }
        // The last cause says what is wrong.
        text = cause.to_string();
        source = cause.source();
    }
    if connect || timeout {
        Failure::Unreachable(text)
    } else {
        Failure::NoHttp(text)
    }
}

/// I/O errors hide what they wrap, which may be one of them again, from `source`.
fn tls_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) => tls_error(io.get_ref()?),
        None => cause.downcast_ref(),
    }
}
