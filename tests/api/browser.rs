//! A browser without a window: it keeps cookies, follows nothing by itself, and finds the forms of pages.

use std::collections::BTreeMap;

use reqwest::{Client, Url, redirect::Policy};
use serde_json::Value;

use crate::support::{Answer, Realm, patiently, server, token};

/// Where the clients of these tests live.
pub const CALLBACK: &str = "http://app.test/cb";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser.
pub struct Browser {
    http: Client,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new() -> Self {
        let http = Client::builder().redirect(Policy::none()).build().unwrap();
        Self {
            http,
            cookies: BTreeMap::new(),
        }
    }

    pub async fn get(&mut self, url: &str) -> Answer {
        let cookies = self.header();
        let answer = patiently(|| self.http.get(url).header("cookie", &cookies)).await;
        self.keep(answer)
    }

    pub async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Answer {
        let cookies = self.header();
        let answer = patiently(|| self.http.post(url).header("cookie", &cookies).form(form)).await;
        self.keep(answer)
    }

    /// Sends the form of a page with these values beside its hidden ones.
    pub async fn submit(&mut self, page: &Answer, values: &[(&str, &str)]) -> Answer {
        let hidden = hidden(&page.text);
        let mut form: Vec<(&str, &str)> = hidden
            .iter()
            .filter(|(name, _)| !values.iter().any(|(given, _)| given == name))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        form.extend(values);
        self.post(&action(page), &form).await
    }

    /// Goes where an answer sends it, as long as that is this server.
    pub async fn follow(&mut self, mut answer: Answer) -> Answer {
        while answer.status == 302 && answer.location.starts_with(&server().url) {
            answer = self.get(&answer.location.clone()).await;
        }
        answer
    }

    /// Types a name and a password into the login page of a client; what comes of it.
    pub async fn sign_in(
        &mut self,
        realm: &str,
        query: &str,
        user: &str,
        password: &str,
    ) -> Answer {
        let page = self.get(&auth_url(realm, query)).await;
        assert_eq!(page.status, 200, "{}", page.text);
        self.submit(&page, &[("username", user), ("password", password)])
            .await
    }

    fn header(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for cookie in answer.headers.get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() || attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// The URL of `…/auth`; `query` after client `app` with [`CALLBACK`] and a code wanted.
pub fn auth_url(realm: &str, query: &str) -> String {
    format!(
        "{}/realms/{realm}/protocol/openid-connect/auth?client_id=app&response_type=code&redirect_uri={CALLBACK}{query}",
        server().url
    )
}

/// Where the first form of a page goes.
pub fn action(page: &Answer) -> String {
    let text = &page.text;
    let at = text
        .find("<form")
        .unwrap_or_else(|| panic!("no form in {text}"));
    unescape(attribute(&text[at..], "action").unwrap_or_else(|| panic!("no action in {text}")))
}

/// The hidden inputs of a page.
fn hidden(text: &str) -> Vec<(String, String)> {
    text.split("<input")
        .skip(1)
        .filter(|input| attribute(input, "type") == Some("hidden"))
        .map(|input| {
            let value = |name| unescape(attribute(input, name).unwrap_or_default());
            (value("name"), value("value"))
        })
        .collect()
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let element = element.split('>').next()?;
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

/// A text of HTML as it is meant.
pub fn unescape(text: &str) -> String {
    [
        ("&#38;", "&"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// A value of the query or the fragment of where an answer leads.
pub fn parameter(answer: &Answer, name: &str) -> Option<String> {
    let url = Url::parse(&answer.location.replacen('#', "?", 1)).ok()?;
    let mut pairs = url.query_pairs();
    pairs
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

/// The client `app`: public, with [`CALLBACK`]; and with what else is given.
pub async fn app(realm: &Realm, more: Value) -> String {
    let mut rep = serde_json::json!({
        "clientId": "app", "publicClient": true, "redirectUris": [CALLBACK], "webOrigins": ["+"],
        "directAccessGrantsEnabled": true
    });
    rep.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    realm.admin.create(&realm.path("/clients"), rep).await
}

/// Trades a code of client `app` for tokens.
pub async fn redeem(realm: &str, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![("grant_type", "authorization_code"), ("code", code)];
    for pair in [("client_id", "app"), ("redirect_uri", CALLBACK)] {
        if !more.iter().any(|(name, _)| *name == pair.0) {
            form.push(pair);
        }
    }
    form.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    token(&server().url, realm, &form).await
}
