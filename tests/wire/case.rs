//! What stands in a `.toml` file of this folder, and the placeholders in its strings.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One file: steps that make what the rows need, then the rows, in order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(default)]
    pub setup: Vec<Row>,
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
    /// Holds for every answer to a row of this file, on our server only.
    #[serde(default)]
    pub always: Expect,
}

/// One request and what must come back. A step of a set-up has no name, and any 2xx will do if it expects nothing.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    #[serde(default)]
    pub name: String,
    /// The recorded exchanges of the contract that this row replays: `clients/client-put-dup`, with blanks between several.
    #[serde(default)]
    pub exchange: String,
    /// Method, blank, path and query, sent as they stand. Or one word: `submit` sends the form on the page that the browser
    /// shows, with the fields in `form` over its hidden ones; `follow` gets the place that the browser was sent to last;
    /// `received` sends nothing, but takes the next request to `{{listener}}` as if it were an answer.
    pub call: String,
    /// Parameters that the path ends with, escaped.
    pub query: Option<Value>,
    /// Whose cookies are sent, and who keeps the new ones; it wants pages.
    #[serde(default)]
    pub browser: String,
    /// User name and password.
    pub basic: Option<[String; 2]>,
    /// A token, or "" for none. Calls below `/admin` carry the administrator's if nothing is said.
    pub bearer: Option<String>,
    /// `Name: value`, one byte for each character.
    #[serde(default)]
    pub headers: Vec<String>,
    pub form: Option<Value>,
    pub json: Option<Value>,
    pub body: Option<String>,
    /// Steps done just before.
    #[serde(default)]
    pub before: Vec<Row>,
    /// How often a step is done.
    #[serde(default = "once")]
    pub times: u32,
    /// Seconds in which the answer may still become the expected one (Keycloak counts failures in the background).
    #[serde(default)]
    pub within: f64,
    #[serde(default)]
    pub expect: Expect,
    /// Where the two servers differ: the rows of `decisions.toml` that say so …
    #[serde(default)]
    pub decision: String,
    /// … and what Keycloak answers instead, as changes to `expect`.
    pub keycloak: Option<Expect>,
    /// Variable → where its value is: a JSON pointer; `location` (its last part), `url` (all of it), `query name` or
    /// `fragment name` (a parameter of it); `text`; `input name` (a field of the page's form), `action` (where that goes),
    /// `action name` (a parameter there); or `header` or `claims` with a pointer to a token and one inside it.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
}

fn once() -> u32 {
    1
}

/// An answer. What is not named is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub status: Option<u16>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The whole body, as JSON with holes (see `matching`).
    pub json: Option<Value>,
    /// The whole body, as text with holes.
    pub text: Option<String>,
    /// A page that holds this text.
    pub html: Option<String>,
    /// A page: its `title`, its `id`, the `messages` on it, and its `form`, as `page::Page::as_json` tells them.
    pub page: Option<Value>,
    /// A body of form fields.
    pub form: Option<Value>,
    /// An archive: path → text with holes, all of them.
    pub zip: Option<BTreeMap<String, String>>,
    /// No body at all.
    #[serde(default)]
    pub empty: bool,
    /// `url`, and its parameters in `query` and `fragment`.
    pub location: Option<Value>,
    /// Every cookie that is set: name → value and attributes, as text with holes.
    pub cookies: Option<BTreeMap<String, String>>,
}

impl Expect {
    /// This answer with what `other` says put over it; a body of any kind replaces a body of any kind.
    pub fn with(&self, other: &Expect) -> Expect {
        let has_body = other.json.is_some()
            || other.text.is_some()
            || other.html.is_some()
            || other.page.is_some()
            || other.form.is_some()
            || other.zip.is_some()
            || other.empty;
        let mut merged = if has_body {
            other.clone()
        } else {
            self.clone()
        };
        merged.status = other.status.or(self.status);
        merged.location = other.location.clone().or(self.location.clone());
        merged.cookies = other.cookies.clone().or(self.cookies.clone());
        merged.headers = self.headers.clone();
        merged.headers.extend(other.headers.clone());
        merged
    }
}

/// Reads a file.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(path: &Path) -> Result<Case, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut case: Value = toml::from_str(&text).map_err(|error| error.to_string())?;
    let mut shapes = shared(path)?;
    if let Some(Value::Object(own)) = case.as_object_mut().and_then(|case| case.remove("like")) {
        shapes.extend(own);
    }
    for part in ["setup", "row"] {
        if let Some(Value::Array(rows)) = case.get_mut(part) {
            *rows = rows.iter().flat_map(expand).collect();
            for row in rows {
                alike(row, &shapes)?;
            }
        }
    }
    let case: Case = serde_json::from_value(case).map_err(|error| error.to_string())?;
    for row in &case.rows {
        if row.name.is_empty() || row.expect.status.is_none() {
            return Err(format!(
                "the row `{}` {} needs a name and an expected status",
                row.name, row.call
            ));
        }
        if row.decision.is_empty() == row.keycloak.is_some() {
            return Err(format!(
                "the row {} needs both `decision` and `keycloak`, or neither",
                row.name
            ));
        }
    }
    let names = case.rows.iter().map(|row| row.name.as_str());
    let exchanges = (case.rows.iter()).flat_map(|row| row.exchange.split_whitespace());
    for mut said in [names.collect::<Vec<_>>(), exchanges.collect()] {
        said.sort();
        if let Some(pair) = said.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two rows are called {}", pair[0]));
        }
    }
    Ok(case)
}

/// The tables of `shapes.toml`, which files may be like as well.
fn shared(path: &Path) -> Result<Map<String, Value>, String> {
    let text = std::fs::read_to_string(path.with_file_name("shapes.toml"));
    let text = text.map_err(|error| error.to_string())?;
    toml::from_str(&text).map_err(|error| format!("shapes.toml: {error}"))
}

/// An object with `"$like" = name` stands for the table `[like.name]` of its file, or `[name]` of `shapes.toml`, its other
/// members put over it.
fn alike(value: &mut Value, shapes: &Map<String, Value>) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| alike(item, shapes)),
        Value::Object(members) => {
            for _ in 0..=shapes.len() {
                let Some(name) = members.remove("$like") else {
                    return (members.values_mut()).try_for_each(|member| alike(member, shapes));
                };
                let shape = name.as_str().and_then(|name| shapes.get(name)?.as_object());
                let shape = shape.ok_or(format!("no table [like.{name}]"))?;
                let over = std::mem::replace(members, shape.clone());
                members.extend(over);
            }
            Err("a table [like] is like itself".to_owned())
        }
        _ => Ok(()),
    }
}

/// A row with `for = [words]` stands for one row a word, with the word in place of `{{it}}`.
fn expand(row: &Value) -> Vec<Value> {
    fn put(value: &Value, word: &str) -> Value {
        match value {
            Value::String(text) => Value::String(text.replace("{{it}}", word)),
            Value::Array(items) => items.iter().map(|item| put(item, word)).collect(),
            Value::Object(members) => {
                let members = members.iter().filter(|(name, _)| *name != "for");
                members
                    .map(|(name, value)| (name.replace("{{it}}", word), put(value, word)))
                    .collect()
            }
            other => other.clone(),
        }
    }
    match row.get("for").and_then(Value::as_array) {
        Some(words) => words
            .iter()
            .filter_map(Value::as_str)
            .map(|word| put(row, word))
            .collect(),
        None => vec![row.clone()],
    }
}

/// Values for `{{name}}` in the strings of a file.
///
/// `{{base}}`, `{{realm}}`, `{{other}}` and `{{random}}` are there from the start; `{{repeat:text:n}}` is `text`, n times.
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    pub fn new(base: &str) -> Variables {
        let random = &uuid::Uuid::new_v4().simple().to_string()[..8];
        let value = |name: &str| (name.to_owned(), format!("wire-{name}-{random}"));
        let mut all = BTreeMap::from([value("realm"), value("other")]);
        all.insert("base".into(), base.into());
        all.insert("random".into(), random.into());
        Variables(all)
    }

    pub fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.into(), value);
    }

    /// # Errors
    /// A name that no one has set.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("{{") {
            let (name, after) = from
                .split_once("}}")
                .ok_or(format!("`{{{{` without end in {text:?}"))?;
            filled += before;
            let repeat = name
                .strip_prefix("repeat:")
                .and_then(|rest| rest.rsplit_once(':'));
            match repeat.and_then(|(part, n)| Some((part, n.parse().ok()?))) {
                Some((part, n)) => filled += &part.repeat(n),
                None => {
                    filled += self
                        .0
                        .get(name)
                        .ok_or(format!("nothing is called {name:?} yet, in {text:?}"))?
                }
            }
            rest = after;
        }
        Ok(filled + rest)
    }

    pub fn fill_json(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.fill_json(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(members) => {
                let fill = |(name, value): (&String, &Value)| {
                    Ok((self.fill(name)?, self.fill_json(value)?))
                };
                Value::Object(members.iter().map(fill).collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    pub fn fill_expect(&self, expect: &Expect) -> Result<Expect, String> {
        let texts = |map: &BTreeMap<String, String>| {
            map.iter()
                .map(|(name, text)| Ok((self.fill(name)?, self.fill(text)?)))
                .collect::<Result<_, String>>()
        };
        let json =
            |value: &Option<Value>| (value.as_ref().map(|value| self.fill_json(value))).transpose();
        let text = |text: &Option<String>| text.as_ref().map(|text| self.fill(text)).transpose();
        Ok(Expect {
            status: expect.status,
            headers: texts(&expect.headers)?,
            json: json(&expect.json)?,
            text: text(&expect.text)?,
            html: text(&expect.html)?,
            page: json(&expect.page)?,
            form: json(&expect.form)?,
            zip: expect.zip.as_ref().map(texts).transpose()?,
            empty: expect.empty,
            location: json(&expect.location)?,
            cookies: expect.cookies.as_ref().map(texts).transpose()?,
        })
    }
}
