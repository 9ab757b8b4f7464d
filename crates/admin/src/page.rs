//! Query parameters as Keycloak reads them.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use protocol::HttpError;
use protocol::context::decode_segment;

/// The query of a request: names may repeat, unknown ones are ignored, NUL and invalid UTF-8 are refused.
pub(crate) struct Query(Vec<(String, String)>);

impl FromRequest for Query {
    type Error = HttpError;
    type Future = std::future::Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let decode = |text: &str| {
            decode_segment(&text.replace('+', " "))
                .filter(|text| store::text::storable(text))
                .ok_or_else(|| HttpError::plain(400, "A query parameter is not readable"))
        };
        let pairs = request
            .query_string()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(name)?, decode(value)?))
            });
        std::future::ready(pairs.collect::<Result<_, _>>().map(Self))
    }
}

impl Query {
    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// A value that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// `true` or not; absent is `None`.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)
            .map(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A number; Keycloak answers 404 to one that is none. Negative counts as absent.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, HttpError> {
        match self.get(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => {
                let number: i32 = value.parse().map_err(|_| HttpError::not_found())?;
                Ok(Some(i64::from(number)).filter(|number| *number >= 0))
            }
        }
    }
}
