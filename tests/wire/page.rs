//! The little of HTML that the login pages are judged by.

use serde_json::{Value, json};

/// A page, as far as a browser without scripts acts on it.
#[derive(Debug, Default)]
pub struct Page {
    title: Option<String>,
    /// `data-page-id` of its body.
    id: Option<String>,
    messages: Vec<String>,
    pub form: Option<Form>,
}

/// The first form on a page that posts.
#[derive(Debug)]
pub struct Form {
    id: Option<String>,
    pub action: String,
    pub fields: Vec<Field>,
}

/// A named `input` or `button`.
#[derive(Debug)]
pub struct Field {
    tag: String,
    pub name: String,
    /// Its `type`, in small letters.
    pub kind: String,
    pub value: String,
}

impl Page {
    /// Title, id, messages and form: of the form its id, the path of its action, the names of that one's parameters in
    /// alphabetical order, and its fields as [tag, name, type].
    pub fn as_json(&self) -> Value {
        let form = self.form.as_ref().map(|form| {
            let (path, query) = form.action.split_once('?').unwrap_or((&form.action, ""));
            let path = path.split_once("://").map_or(path, |(_, rest)| {
                rest.find('/').map_or("/", |slash| &rest[slash..])
            });
            let pairs = query.split('&').filter(|pair| !pair.is_empty());
            let mut names: Vec<_> = pairs.map(|pair| pair.split('=').next()).collect();
            names.sort();
            let fields = form.fields.iter();
            let fields: Vec<_> = fields.map(|f| json!([f.tag, f.name, f.kind])).collect();
            json!({ "id": form.id, "path": path, "parameters": names, "inputs": fields })
        });
        let mut page = json!({ "title": self.title, "id": self.id, "messages": self.messages });
        if let Some(form) = form {
            page["form"] = form;
        }
        page
    }
}

pub fn read(html: &str) -> Page {
    let mut page = Page::default();
    let mut in_form = false;
    let mut rest = html;
    while let Some((_, from)) = rest.split_once('<') {
        let Some((tag, after)) = from.split_once('>') else {
            break;
        };
        rest = after;
        let name = tag.split([' ', '\n', '\t', '/']).next().unwrap_or_default();
        let name = name.to_lowercase();
        let class = attribute(tag, "class").unwrap_or_default();
        if class
            .split(' ')
            .any(|class| class == "instruction" || class == "kc-feedback-text")
        {
            let text = content(after, &name);
            if !text.is_empty() {
                page.messages.push(text);
            }
        }
        match name.as_str() {
            "title" => page.title = Some(content(after, &name)),
            "body" => page.id = attribute(tag, "data-page-id"),
            "form" if page.form.is_none() => {
                in_form = true;
                page.form = Some(Form {
                    id: attribute(tag, "id"),
                    action: attribute(tag, "action").unwrap_or_default(),
                    fields: vec![],
                });
            }
            "input" | "button" if in_form => {
                let field = attribute(tag, "name").filter(|name| !name.is_empty());
                if let (Some(form), Some(field)) = (&mut page.form, field) {
                    form.fields.push(Field {
                        tag: name,
                        name: field,
                        kind: attribute(tag, "type").unwrap_or_default().to_lowercase(),
                        value: attribute(tag, "value").unwrap_or_default(),
                    });
                }
            }
            _ if tag.eq_ignore_ascii_case("/form") => in_form = false,
            _ => {}
        }
    }
    page
}

/// The text up to the end tag, its blanks made one.
fn content(after: &str, tag: &str) -> String {
    let end = after.to_lowercase().find(&format!("</{tag}"));
    let mut inner = &after[..end.unwrap_or_default()];
    let mut text = String::new();
    while let Some((before, from)) = inner.split_once('<') {
        text += before;
        inner = from.split_once('>').unwrap_or_default().1;
    }
    let text = unescape(&(text + inner));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_lowercase();
    let mut from = 0;
    while let Some(found) = lower[from..].find(&format!("{name}=\"")) {
        let start = from + found;
        let value = start + name.len() + 2;
        if lower[..start].ends_with(char::is_whitespace) {
            return tag[value..].split('"').next().map(unescape);
        }
        from = value;
    }
    None
}

fn unescape(text: &str) -> String {
    const NAMES: [(&str, &str); 7] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    (NAMES.iter()).fold(text.to_owned(), |text, (name, letter)| {
        text.replace(name, letter)
    })
}
