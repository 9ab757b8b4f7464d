//! The pairs of a query or of a form.

use actix_web::{HttpRequest, web};
use protocol::HttpError;
use protocol::context::decode_segment;

/// Bytes of a form that a browser sends.
const MAX_FORM: usize = 64 * 1024;
/// Pairs that are read.
const MAX_PAIRS: usize = 200;

/// Names and values in their order; what cannot be read is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Those of a request's query.
    pub(crate) fn of_query(request: &HttpRequest) -> Self {
        Self::parse(request.query_string())
    }

    /// Those of a form.
    ///
    /// # Errors
    /// 413 for one that is too long.
    pub(crate) async fn of_body(
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<Self, HttpError> {
        let body = protocol::body::read(request, &mut payload.into_inner(), MAX_FORM).await?;
        Ok(Self::parse(std::str::from_utf8(&body).unwrap_or_default()))
    }

    /// Those of a text in `application/x-www-form-urlencoded`.
    pub(crate) fn parse(text: &str) -> Self {
        let decode = |text: &str| {
            decode_segment(&text.replace('+', " ")).filter(|text| store::text::storable(text))
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let read = pairs.take(MAX_PAIRS).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });
        Self(read.collect())
    }

    /// The first value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// Whether a name stands there twice.
    pub(crate) fn repeats(&self) -> bool {
        let names = self.0.iter().map(|(name, _)| name);
        names
            .clone()
            .collect::<std::collections::HashSet<_>>()
            .len()
            < self.0.len()
    }

    /// All of them, each name once.
    pub(crate) fn into_map(self) -> std::collections::HashMap<String, String> {
        self.0.into_iter().collect()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
