//! The challenge of a registry (RFC 9110 §11.6.1, distribution's token specification).

use super::web::Answer;

/// `Bearer realm="…",service="…"`.
#[derive(Debug, PartialEq)]
pub(super) struct Bearer {
    pub realm: String,
    pub service: String,
    pub scope: Option<String>,
    /// Why a token was not taken.
    pub error: Option<String>,
    pub description: Option<String>,
}

impl Bearer {
    pub fn of(answer: &Answer) -> Option<Self> {
        answer.challenges().find_map(Self::parse)
    }

    fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameters = parameters(rest);
        let get = |name: &str| {
            let mut found = parameters.iter();
            found.find(|(n, _)| n == name).map(|(_, v)| v.clone())
        };
        Some(Self {
            realm: get("realm").unwrap_or_default(),
            service: get("service").unwrap_or_default(),
            scope: get("scope"),
            error: get("error"),
            description: get("error_description"),
        })
    }
}

/// `name=value` pairs, values quoted or not; names in lower case.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != '=')).collect();
        if chars.next().is_none() {
            return found;
        }
        let mut value = String::new();
        if chars.next_if_eq(&'"').is_some() {
            while let Some(c) = chars.next() {
                match c {
                    '"' => break,
                    '\\' => value.extend(chars.next()),
                    c => value.push(c),
                }
            }
        } else {
            value.extend(std::iter::from_fn(|| chars.next_if(|c| *c != ',')));
        }
        let name = name.trim_matches([',', ' ', '\t']).to_ascii_lowercase();
        found.push((name, value.trim_end().to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_with_quotes_and_without() {
        let challenge = |text| Bearer::parse(text);
        let read =
            challenge(r#"bearer Realm="http://a/b?c=d,e",service="x \"y\"" , error=invalid_token"#);
        assert_eq!(
            read,
            Some(Bearer {
                realm: "http://a/b?c=d,e".to_owned(),
                service: "x \"y\"".to_owned(),
                scope: None,
                error: Some("invalid_token".to_owned()),
                description: None,
            })
        );
        assert_eq!(challenge(r#"Basic realm="x""#), None);
        assert_eq!(challenge("Bearer"), None);
        let empty = challenge("Bearer x").map(|bearer| bearer.realm);
        assert_eq!(empty.as_deref(), Some(""));
        for odd in ["Bearer =", "Bearer a=\"", "Bearer a=\"\\", "Bearer ,,=,="] {
            assert!(challenge(odd).is_some(), "{odd}");
        }
    }
}
