//! What a template sees: texts in one language, and the words and links around the page itself.

use protocol::context::encode_segment;

use super::message::{Message, Texts};
use super::style;

/// The parameter of the links that choose a language.
pub(super) const CHOICE: &str = "kc_locale";

/// A text above the form.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    /// `error`, `warning`, `info` or `success`.
    pub kind: &'static str,
    pub text: Message,
}

impl Alert {
    pub(crate) fn error(text: Message) -> Self {
        Self {
            kind: "error",
            text,
        }
    }

    pub(crate) fn warning(text: Message) -> Self {
        Self {
            kind: "warning",
            text,
        }
    }

    pub(crate) fn info(text: Message) -> Self {
        Self { kind: "info", text }
    }

    pub(crate) fn success(text: Message) -> Self {
        Self {
            kind: "success",
            text,
        }
    }
}

/// A language that a page can be read in.
pub(crate) struct Choice {
    pub tag: String,
    pub name: String,
    pub href: String,
    pub current: bool,
}

/// What all pages of a request show.
pub(crate) struct Face {
    pub(super) texts: Texts,
    /// The locale spoken.
    pub locale: String,
    /// The locales that can be chosen.
    pub(super) locales: Vec<String>,
    /// Whether it was chosen with this very request.
    pub(super) chosen: bool,
    /// The URL that shows the page again.
    pub(super) here: String,
    /// How a login form asks for the name.
    pub(super) name_key: &'static str,
    /// The realm's name for people.
    pub realm: String,
    /// The same as its own pages head it.
    pub heading: String,
    /// Path of the realm, `/realms/{realm}`.
    pub path: String,
    pub alert: Option<Alert>,
    /// Who is signing in, and where somebody else may.
    pub attempted: Option<(String, Option<String>)>,
    /// Where another second factor is asked for.
    pub another_way: Option<String>,
}

impl Face {
    /// The text of a key, its places filled.
    pub(crate) fn say(&self, key: &str, parameters: &[&str]) -> String {
        self.texts.say(key, parameters)
    }

    /// The text of a key.
    pub(crate) fn t(&self, key: &str) -> String {
        self.say(key, &[])
    }

    /// The text of a key with one place.
    pub(crate) fn t1(&self, key: &str, parameter: impl AsRef<str>) -> String {
        self.say(key, &[parameter.as_ref()])
    }

    /// The text of a message.
    pub(crate) fn m(&self, message: &Message) -> String {
        match message {
            Message::Key(key, parameters) => {
                let places: Vec<&str> = parameters.iter().map(String::as_str).collect();
                self.say(key, &places)
            }
            Message::Text(text) => text.clone(),
        }
    }

    /// How a login form asks for the name.
    pub(crate) fn name_label(&self) -> String {
        self.t(self.name_key)
    }

    /// The name of a required action.
    pub(crate) fn action_name(&self, alias: &str) -> String {
        self.known(&format!("requiredAction.{alias}"))
            .unwrap_or_else(|| alias.to_owned())
    }

    /// The paragraphs of a text that may be long; markup of a realm's own text is left out.
    pub(crate) fn paragraphs(&self, key: &str) -> Vec<String> {
        let text = self.t(key).replace("</p>", "\n").replace("<br>", "\n");
        let lines = without_tags(&text);
        let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    /// The text of a key, unless there is none.
    pub(crate) fn known(&self, key: &str) -> Option<String> {
        self.texts.get(key).map(|_| self.t(key))
    }

    /// The URL of the stylesheet.
    pub(crate) fn style(&self) -> String {
        format!(
            "{}/login-actions/style.css?{}",
            self.path,
            style::VERSION.as_str()
        )
    }

    /// The URL of the account page.
    pub(crate) fn account(&self) -> String {
        format!("{}/account", self.path)
    }

    /// Where a form is sent; a language chosen for the form holds for its answer, too.
    pub(crate) fn action(&self, url: impl AsRef<str>) -> String {
        let url = url.as_ref();
        if !self.chosen {
            return url.to_owned();
        }
        with_pair(&without(url, &[CHOICE]), CHOICE, &self.locale)
    }

    /// The languages to choose from; none when there is no choice.
    pub(crate) fn choices(&self) -> Vec<Choice> {
        if self.locales.len() < 2 {
            return vec![];
        }
        let here = without(&self.here, &[CHOICE, "session_code"]);
        let choice = |tag: &String| Choice {
            tag: tag.clone(),
            name: self
                .known(&format!("locale_{tag}"))
                .unwrap_or_else(|| tag.clone()),
            href: with_pair(&here, CHOICE, tag),
            current: *tag == self.locale,
        };
        self.locales.iter().map(choice).collect()
    }
}

/// What is to be read of a piece of HTML.
pub(super) fn without_tags(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut within = false;
    for character in html.chars() {
        match character {
            '<' => within = true,
            '>' => within = false,
            other if !within => text.push(other),
            _ => {}
        }
    }
    let plain = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    plain.trim().to_owned()
}

/// A URL without some of its parameters.
fn without(url: &str, names: &[&str]) -> String {
    let Some((path, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
            !name.is_empty() && !names.contains(&name)
        })
        .collect();
    if kept.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", kept.join("&"))
}

fn with_pair(url: &str, name: &str, value: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{name}={}", encode_segment(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_and_win_parameters() {
        assert_eq!(without("/a?x=1&kc_locale=de&y", &["kc_locale"]), "/a?x=1&y");
        assert_eq!(without("/a?kc_locale=de", &["kc_locale"]), "/a");
        assert_eq!(with_pair("/a", "kc_locale", "de"), "/a?kc_locale=de");
        assert_eq!(
            with_pair("/a?x", "kc_locale", "a&b"),
            "/a?x&kc_locale=a%26b"
        );
    }

    #[test]
    fn a_heading_has_no_markup() {
        assert_eq!(
            without_tags("<div class=\"kc-logo-text\"><span>Keycloak</span></div>"),
            "Keycloak"
        );
        assert_eq!(without_tags("A &amp; B<script>"), "A & B");
    }
}
