//! How texts go into pages.

use std::fmt::{Result, Write};

/// Escapes for HTML as Keycloak does, for askama.toml: scripts written for it find a form's action by undoing `&amp;`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Escape;

impl askama::filters::Escaper for Escape {
    fn write_escaped_str<W: Write>(&self, mut out: W, text: &str) -> Result {
        out.write_str(&protocol::html::escape(text))
    }
}
