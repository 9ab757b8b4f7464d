//! What a browser keeps between two requests. It follows nothing by itself.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use testkit::http::{Request, Response};

use crate::page::{self, Page};

#[derive(Default)]
pub struct Browser {
    /// (path, name) → value
    cookies: BTreeMap<(String, String), String>,
    page: Page,
    location: String,
}

impl Browser {
    /// The request that sends the form on the page, `fields` put over its hidden ones.
    ///
    /// # Errors
    /// There is no form.
    pub fn submit(&self, base: &str, fields: &Value) -> Result<Request, String> {
        let form =
            (self.page.form.as_ref()).ok_or(format!("no form to submit on {:?}", self.page))?;
        let hidden = form.fields.iter().filter(|field| field.kind == "hidden");
        let mut all: Map<String, Value> = hidden
            .map(|field| (field.name.clone(), json!(field.value)))
            .collect();
        all.extend(fields.as_object().cloned().unwrap_or_default());
        let request = Request::new("POST", local(&form.action, base));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        Ok(request.body(form_text(&Value::Object(all))?))
    }

    /// The request for the place that the last answer pointed to.
    pub fn follow(&self, base: &str) -> Request {
        Request::new("GET", local(&self.location, base))
    }

    pub fn cookies(&self, target: &str) -> Option<String> {
        let sent = self
            .cookies
            .iter()
            .filter(|((path, _), _)| target.starts_with(path.as_str()));
        let sent: Vec<_> = sent
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        (!sent.is_empty()).then(|| sent.join("; "))
    }

    pub fn keep(&mut self, answer: &Response) {
        for (name, rest) in set_cookies(answer) {
            let (value, attributes) = rest.split_once(';').unwrap_or((rest, ""));
            let mut attributes = attributes.split(';').map(str::trim);
            let path = attributes
                .clone()
                .find_map(|attribute| attribute.strip_prefix("Path="));
            let cookie = (path.unwrap_or("/").to_owned(), name.to_owned());
            if attributes.any(|attribute| attribute == "Max-Age=0") {
                self.cookies.remove(&cookie);
            } else {
                self.cookies.insert(cookie, value.to_owned());
            }
        }
        self.location = answer.header("Location").unwrap_or_default().to_owned();
        self.page = page::read(&answer.text());
    }
}

/// Name and what follows `name=`, of each cookie that an answer sets.
pub fn set_cookies(answer: &Response) -> impl Iterator<Item = (&str, &str)> {
    let headers = answer.headers.iter();
    let cookies = headers.filter(|(name, _)| name.eq_ignore_ascii_case("Set-Cookie"));
    cookies.filter_map(|(_, cookie)| cookie.split_once('='))
}

/// `url` of the Location, and the parameters in its `query` and `fragment`.
pub fn location(answer: &Response) -> Value {
    let all = answer.header("Location").unwrap_or_default();
    let (rest, fragment) = all
        .split_once('#')
        .map_or((all, None), |(a, b)| (a, Some(b)));
    let (url, query) = rest
        .split_once('?')
        .map_or((rest, None), |(a, b)| (a, Some(b)));
    let mut location = json!({ "url": url });
    for (name, text) in [("query", query), ("fragment", fragment)] {
        if let Some(text) = text {
            location[name] = parameters(text);
        }
    }
    location
}

/// Form fields. A repeated one has all its values, with a line break between.
pub fn parameters(text: &str) -> Value {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        let kept = all.entry(decoded(name));
        kept.and_modify(|kept| *kept += &format!("\n{value}"))
            .or_insert(value);
    }
    json!(all)
}

/// A form as an object of strings, or as text that is sent as it stands.
///
/// # Errors
/// It is neither.
pub fn form_text(form: &Value) -> Result<String, String> {
    let escape = |text: &str| {
        let letter = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(letter).collect::<String>()
    };
    match form {
        Value::String(text) => Ok(text.clone()),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                Some(format!("{}={}", escape(name), escape(value.as_str()?)))
            };
            let fields: Option<Vec<String>> = fields.iter().map(field).collect();
            Ok(fields.ok_or("form values are strings")?.join("&"))
        }
        _ => Err("a form is a table or a text".into()),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits = (byte == b'%').then(|| [rest.clone().next(), rest.clone().nth(1)]);
        let value = digits.and_then(|digits| {
            let digit = |at: usize| char::from(digits[at]?).to_digit(16);
            Some(digit(0)? * 16 + digit(1)?)
        });
        if let Some(value) = value {
            rest.nth(1);
            bytes.extend(u8::try_from(value));
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Path and query of an address on the server under test; another address stays whole, and is refused when it is sent.
pub fn local<'a>(url: &'a str, base: &str) -> &'a str {
    url.strip_prefix(base).unwrap_or(url)
}
