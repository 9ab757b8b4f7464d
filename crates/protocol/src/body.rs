//! Request bodies: bounded, and refused in Keycloak's words.

use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, web};
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::Pin;

use crate::HttpError;

/// The largest realm file, in bytes.
pub const MAX_IMPORT: usize = 32 * 1024 * 1024;
/// The largest other JSON body.
pub const MAX_JSON: usize = 2 * 1024 * 1024;
/// The largest ordinary body.
pub const MAX_BODY: usize = 1024 * 1024;
/// How deep JSON may nest.
const MAX_DEPTH: usize = 64;

/// The bytes of a body that is to be JSON, whatever kind of JSON; at most [`MAX_JSON`], or [`MAX_IMPORT`]
/// where no realm is in the path, which is where realms are made, and in partial imports.
///
/// What was read stays with the request (in its extensions), for those who tell of it afterwards.
///
/// Errors: 413, 415 for another content type or an encoding.
#[derive(Clone)]
pub struct JsonBytes(pub web::Bytes);

impl FromRequest for JsonBytes {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, HttpError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("application/json");
        let kind = kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if kind != "application/json" && !kind.ends_with("+json") {
            let text = "The content-type header value did not match the value in @Consumes";
            return Box::pin(async move { Err(HttpError::plain(415, text)) });
        }
        if headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|v| v != "identity")
        {
            return Box::pin(async {
                Err(HttpError::plain(
                    415,
                    "Encoded bodies are not taken; send plain JSON",
                ))
            });
        }
        let path = request.path();
        let limit =
            if request.match_info().get("realm").is_none() || path.ends_with("/partialImport") {
                MAX_IMPORT
            } else {
                MAX_JSON
            };
        let bytes = read(request, payload, limit);
        let request = request.clone();
        Box::pin(async move {
            let body = Self(bytes.await?);
            request.extensions_mut().insert(body.clone());
            Ok(body)
        })
    }
}

/// Reads a body of at most `limit` bytes.
pub fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
) -> impl Future<Output = Result<web::Bytes, HttpError>> + use<> {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    let mut payload = payload.take();
    async move {
        let too_large = || HttpError::plain(413, &format!("The body is larger than {limit} bytes"));
        if declared.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = web::BytesMut::new();
        while let Some(chunk) = futures_util::StreamExt::next(&mut payload).await {
            let chunk = chunk.map_err(|_| HttpError::plain(400, "The body ended early"))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// Why a text is no representation.
#[derive(Debug)]
pub enum JsonError {
    /// A member that the representation does not have: its name, line and column as Jackson counts them.
    UnknownField(String, usize, usize),
    /// No JSON at all.
    Syntax,
    /// Anything else.
    Malformed,
}

impl JsonError {
    /// Keycloak's answer for representation `name` (such as `UserRepresentation`).
    #[must_use]
    pub fn into_http(self, name: &str) -> HttpError {
        match self {
            Self::UnknownField(field, line, column) => HttpError::plain(
                400,
                &format!(
                    "Invalid json representation for {name}. Unrecognized field \"{field}\" at line {line} column {column}."
                ),
            ),
            Self::Syntax => HttpError::oauth(400, "invalid_request", "Cannot parse the JSON"),
            Self::Malformed => HttpError::oauth(400, "unknown_error", "Cannot parse the JSON"),
        }
    }
}

/// Reads a representation. NUL characters, lone surrogates, doubled members, deep nesting and trailing text are refused.
///
/// # Errors
/// [`JsonError`], to be worded for the representation.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Malformed)?;
    strict(text)?;
    // serde would read an array as an object's members in order.
    if text.trim_start().starts_with('[') && is_object::<T>() {
        return Err(JsonError::Malformed);
    }
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        match message
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split_once('`'))
        {
            Some((field, _)) => {
                let (line, column) = jackson_position(text, error.line(), error.column());
                JsonError::UnknownField(field.to_owned(), line, column)
            }
            None => JsonError::Malformed,
        }
    })
}

/// Whether a type is read from a JSON object; asked of the type itself, by a reader that only listens.
fn is_object<T: DeserializeOwned>() -> bool {
    struct Listener<'a>(&'a std::cell::Cell<bool>);
    impl<'de> serde::Deserializer<'de> for Listener<'_> {
        type Error = serde::de::value::Error;
        fn deserialize_any<V: serde::de::Visitor<'de>>(
            self,
            _: V,
        ) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("nothing to read"))
        }
        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            _: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.set(true);
            self.deserialize_any(visitor)
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let asked = std::cell::Cell::new(false);
    drop(T::deserialize(Listener(&asked)));
    asked.get()
}

/// Refuses what serde_json lets through inside free-form members: doubled members, NUL, deep nesting.
fn strict(text: &str) -> Result<(), JsonError> {
    use std::collections::HashSet;
    /// How deep it is, and whether it is an item of a list.
    struct Strict(usize, bool);
    impl<'de> serde::de::DeserializeSeed<'de> for Strict {
        type Value = ();
        fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            if self.0 > MAX_DEPTH {
                return Err(serde::de::Error::custom("too deep"));
            }
            deserializer.deserialize_any(self)
        }
    }
    impl<'de> serde::de::Visitor<'de> for Strict {
        type Value = ();
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("JSON")
        }
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }
        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }
        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
            if text.contains('\0') {
                Err(E::custom("NUL"))
            } else {
                Ok(())
            }
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
            // No representation has lists of lists, and serde would read one as an object, member by member.
            if self.1 {
                return Err(serde::de::Error::custom("a list in a list"));
            }
            while items.next_element_seed(Strict(self.0 + 1, true))?.is_some() {}
            Ok(())
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
            let mut seen = HashSet::new();
            while let Some(name) = members.next_key::<std::borrow::Cow<'de, str>>()? {
                if name.contains('\0') || !seen.insert(name.into_owned()) {
                    return Err(serde::de::Error::custom("doubled member"));
                }
                members.next_value_seed(Strict(self.0 + 1, false))?;
            }
            Ok(())
        }
    }
    let kind = |error: serde_json::Error| {
        if error.is_data() {
            JsonError::Malformed
        } else {
            JsonError::Syntax
        }
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde::de::DeserializeSeed::deserialize(Strict(0, false), &mut deserializer).map_err(kind)?;
    deserializer.end().map_err(kind)
}

/// Where Jackson says an unknown member is: after the first token of its value, columns counted from one.
/// serde_json says where its name ends.
fn jackson_position(text: &str, line: usize, column: usize) -> (usize, usize) {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let bytes = text.as_bytes();
    let mut at = (start + column).min(bytes.len());
    let skip = |at: &mut usize, which: &dyn Fn(u8) -> bool| {
        while bytes.get(*at).is_some_and(|b| which(*b)) {
            *at += 1;
        }
    };
    skip(&mut at, &|b| b.is_ascii_whitespace() || b == b'"');
    skip(&mut at, &|b| b.is_ascii_whitespace() || b == b':');
    match bytes.get(at) {
        Some(b'"' | b'{' | b'[') => at += 1,
        _ => skip(&mut at, &|b| {
            b.is_ascii_alphanumeric() || b"+-.".contains(&b)
        }),
    }
    let before = &bytes[..at.min(bytes.len())];
    let line = 1 + before.iter().filter(|b| **b == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count();
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Rep {
        #[serde(rename = "clientId")]
        _client_id: Option<String>,
        _free: Option<serde_json::Value>,
    }

    fn error(text: &str) -> String {
        parse::<Rep>(text.as_bytes())
            .unwrap_err()
            .into_http("R")
            .body()
            .to_string()
    }

    #[test]
    fn an_unknown_member_is_named_with_jacksons_position() {
        assert!(error(r#"{"nope": 1}"#).contains("at line 1 column 11."));
        assert!(error(r#"{"clientId": "w2", "nope": 1}"#).contains("at line 1 column 29."));
    }

    #[test]
    fn what_postgres_or_a_reader_cannot_take_is_refused() {
        for text in [
            r#"{"clientId":"a\u0000b"}"#,
            r#"{"clientId":"\ud800"}"#,
            r#"{"clientId":"a","clientId":"b"}"#,
            r#"{"_free":{"a":1,"a":2}}"#,
            r#"{"_free":[["a"]]}"#,
            r#"{"clientId":1}"#,
            r#"{"clientId":"a"} x"#,
            r#"{"_free":1e999}"#,
            "",
            "null",
        ] {
            assert!(error(text).contains("Cannot parse the JSON"), "{text}");
        }
        assert!(error("[]").contains("unknown_error") && error("{").contains("invalid_request"));
        assert!(parse::<Vec<Rep>>(b" []").is_ok());
        let deep = format!("{{\"_free\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        assert!(error(&deep).contains("Cannot parse the JSON"));
    }
}
