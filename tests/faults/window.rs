//! A browser window that talks to any node: it keeps cookies, follows nothing by itself, and finds the forms of pages.

use std::collections::BTreeMap;

use reqwest::Url;
use testkit::http::{Request, Response};

use crate::node::Node;

/// Where the clients of these tests live.
pub const CALLBACK: &str = "http://app.test/cb";

/// Names and values of a form.
pub type Form<'a> = [(&'a str, &'a str)];

#[derive(Clone, Default)]
pub struct Window {
    pub cookies: BTreeMap<String, String>,
}

impl Window {
    /// Opens a URL at a node, whichever node's name it bears.
    pub fn get(&mut self, node: &Node, url: &str) -> Response {
        let request = Request::new("GET", target(url));
        self.keep(self.with_cookies(request).send(&node.url).unwrap())
    }

    /// Sends the first form of a page with these values beside its hidden ones, unless the node goes before it answers.
    pub fn try_submit(
        &mut self,
        node: &Node,
        page: &Response,
        values: &Form<'_>,
    ) -> Option<Response> {
        let request = self.submission(page, values);
        let answer = request.send(&node.url).ok()?;
        Some(self.keep(answer))
    }

    /// The same of a node that answers.
    pub fn submit(&mut self, node: &Node, page: &Response, values: &Form<'_>) -> Response {
        self.try_submit(node, page, values).expect("an answer")
    }

    /// What [`Window::submit`] sends.
    pub fn submission(&self, page: &Response, values: &Form<'_>) -> Request {
        let text = page.text();
        let hidden = hidden(&text);
        let kept = hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !values.iter().any(|(given, _)| given == name));
        let form: Vec<_> = kept.chain(values.iter().copied()).collect();
        self.with_cookies(post(target(&action(&text)), &form))
    }

    /// Goes where an answer sends it, as long as that is this server.
    pub fn follow(&mut self, node: &Node, mut answer: Response) -> Response {
        while let Some(to) = answer.header("Location")
            && !to.starts_with(CALLBACK)
        {
            answer = self.get(node, to);
        }
        answer
    }

    pub fn with_cookies(&self, request: Request) -> Request {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        request.header("Cookie", pairs.join("; "))
    }

    fn keep(&mut self, answer: Response) -> Response {
        let set = answer.headers.iter();
        for (_, cookie) in set.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value.is_empty() || attributes.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }
}

/// A form to be sent.
pub fn post(target: &str, form: &Form<'_>) -> Request {
    let body = Url::parse_with_params("http://form.test/", form).unwrap();
    Request::new("POST", target)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.query().unwrap_or_default())
}

/// Where the login of a client begins.
pub fn auth_path(realm: &str, client: &str, scope: &str) -> String {
    let query = [
        ("client_id", client),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", scope),
    ];
    let path = format!("/realms/{realm}/protocol/openid-connect/auth");
    let url = Url::parse_with_params("http://form.test/", query).unwrap();
    format!("{path}?{}", url.query().unwrap())
}

/// A parameter of where an answer leads.
pub fn parameter(answer: &Response, name: &str) -> Option<String> {
    let url = Url::parse(answer.header("Location")?).ok()?;
    let mut pairs = url.query_pairs();
    pairs
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

/// The authorization code that a login ended with.
#[track_caller]
pub fn code(answer: &Response) -> String {
    parameter(answer, "code").unwrap_or_else(|| {
        let location = answer.header("Location");
        panic!("{} {location:?} {}", answer.status, answer.text())
    })
}

/// Where the first form of a page goes.
pub fn action(page: &str) -> String {
    let at = page
        .find("<form")
        .unwrap_or_else(|| panic!("no form in {page}"));
    unescape(attribute(&page[at..], "action").unwrap())
}

/// A hidden value of a page.
#[track_caller]
pub fn hidden_value(page: &Response, name: &str) -> String {
    let text = page.text();
    let hidden = hidden(&text);
    let found = hidden.into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name} in {text}")).1
}

fn hidden(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input").skip(1);
    inputs
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

fn unescape(text: &str) -> String {
    [
        ("&#38;", "&"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&quot;", "\""),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Path and query of a URL, or of what is a path already.
fn target(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/').unwrap()..],
        None => url,
    }
}
