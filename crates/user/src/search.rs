//! The list of users in the admin API.

use sqlx::{PgExecutor, Postgres, QueryBuilder};
use store::Result;
use uuid::Uuid;

use crate::User;

/// Users in a list without `max`, as in Keycloak.
pub const DEFAULT_MAX: i64 = 100;
/// Users in a list whatever `max` says.
pub const MAX_LISTED: i64 = 10_000;
/// Words of a `search`, and pairs of a `q`, that count.
const MAX_WORDS: usize = 20;

/// Keycloak's query parameters of `GET /users` and `GET /users/count`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "Keycloak's own names")]
pub struct Search {
    pub username: Option<String>,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Words that each have to match one of the four fields: at its beginning, `*x` anywhere, `"x"` the whole. Or
    /// `id:` and ids. With it the four field filters do not count.
    pub search: Option<String>,
    /// The field filters ask for the whole field and not for a part.
    pub exact: Option<bool>,
    pub enabled: Option<bool>,
    pub email_verified: Option<bool>,
    /// Attributes and their values; all have to match.
    pub q: Vec<(String, String)>,
    /// Negative: ignored.
    pub first: Option<i64>,
    /// Negative: [`MAX_LISTED`]; absent: [`DEFAULT_MAX`].
    pub max: Option<i64>,
}

/// The users that match, ordered by name.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn list(db: impl PgExecutor<'_>, realm: Uuid, search: &Search) -> Result<Vec<User>> {
    let max = match search.max {
        None => DEFAULT_MAX,
        Some(max) if max < 0 => MAX_LISTED,
        Some(max) => max.min(MAX_LISTED),
    };
    if max == 0 || !is_storable(search) {
        return Ok(vec![]);
    }
    let mut query = QueryBuilder::new(crate::select_user!(
        "from user_entity u where u.realm_id = "
    ));
    query.push_bind(realm);
    filter(&mut query, search);
    query
        .push(" order by u.username offset ")
        .push_bind(search.first.unwrap_or(0).max(0));
    query.push(" limit ").push_bind(max);
    Ok(query.build_query_as().fetch_all(db).await?)
}

/// How many users match, whatever `first` and `max` say.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn count(db: impl PgExecutor<'_>, realm: Uuid, search: &Search) -> Result<i64> {
    if !is_storable(search) {
        return Ok(0);
    }
    let mut query = QueryBuilder::new("select count(*) from user_entity u where u.realm_id = ");
    query.push_bind(realm);
    filter(&mut query, search);
    Ok(query.build_query_scalar().fetch_one(db).await?)
}

fn is_storable(search: &Search) -> bool {
    let fields = [
        &search.username,
        &search.email,
        &search.first_name,
        &search.last_name,
        &search.search,
    ];
    let pairs = search.q.iter().flat_map(|(name, value)| [name, value]);
    fields
        .into_iter()
        .flatten()
        .chain(pairs)
        .all(|text| store::text::storable(text))
}

const FIELDS: [&str; 4] = [
    "u.username",
    "u.email",
    "lower(u.first_name)",
    "lower(u.last_name)",
];

/// Compares a field with a text in any case. Names are stored as they were given, and the database's `lower` may know
/// fewer letters than ours: it has to see both sides.
fn compare(query: &mut QueryBuilder<Postgres>, field: &str, operator: &str, text: &str) {
    query.push(field).push(operator);
    if field.starts_with("lower") {
        query.push("lower(").push_bind(text.to_owned()).push(")");
    } else {
        query.push_bind(text.to_lowercase());
    }
}

fn filter(query: &mut QueryBuilder<Postgres>, search: &Search) {
    let text = search.search.as_deref().map(str::trim);
    match text {
        Some(text) if text.starts_with("id:") => {
            let ids: Vec<Uuid> = text["id:".len()..]
                .split_whitespace()
                .take(MAX_WORDS)
                .filter_map(parse_id)
                .collect();
            query.push(" and u.id = any(").push_bind(ids).push(")");
        }
        Some(text) => {
            for pattern in patterns(text) {
                query.push(" and (");
                for (number, field) in FIELDS.iter().enumerate() {
                    query.push(if number > 0 { " or " } else { "" });
                    compare(query, field, " like ", &pattern);
                }
                query.push(")");
            }
            query.push(" and u.service_account_client is null");
        }
        None => {
            let given = [
                &search.username,
                &search.email,
                &search.first_name,
                &search.last_name,
            ];
            let given = FIELDS
                .iter()
                .zip(given)
                .filter_map(|(field, text)| Some((field, text.as_deref()?)));
            let mut any = false;
            for (field, text) in given.filter(|(_, text)| !text.trim().is_empty()) {
                let part = escape(text.trim());
                let pattern = if search.exact == Some(true) {
                    part
                } else {
                    format!("%{part}%")
                };
                query.push(" and ");
                compare(query, field, " like ", &pattern);
                any = true;
            }
            // As in Keycloak, service accounts are only found by who looks for them.
            if !any {
                query.push(" and u.service_account_client is null");
            }
        }
    }
    if let Some(enabled) = search.enabled {
        query.push(" and u.enabled = ").push_bind(enabled);
    }
    if let Some(verified) = search.email_verified {
        query.push(" and u.email_verified = ").push_bind(verified);
    }
    for (name, value) in search.q.iter().take(MAX_WORDS) {
        let field = ["username", "email", "firstName", "lastName"]
            .iter()
            .zip(FIELDS)
            .find(|(known, _)| *known == name);
        query.push(" and ");
        match field {
            Some((_, field)) => compare(query, field, " = ", value),
            None => {
                query
                    .push("u.attributes -> ")
                    .push_bind(name.clone())
                    .push(" ? ")
                    .push_bind(value.clone());
            }
        }
    }
}

/// Reads one id of `id:…`; Keycloak lets the prefix be repeated.
fn parse_id(text: &str) -> Option<Uuid> {
    text.strip_prefix("id:").unwrap_or(text).parse().ok()
}

/// The `like` patterns that a `search` stands for.
fn patterns(text: &str) -> Vec<String> {
    let quoted = |text: &str| text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    let words: Vec<&str> = if quoted(text) && text[1..text.len() - 1].find('"').is_none() {
        vec![text]
    } else {
        text.split_whitespace().take(MAX_WORDS).collect()
    };
    words
        .into_iter()
        .map(|word| {
            if quoted(word) {
                return escape(&word[1..word.len() - 1]);
            }
            format!("{}%", escape(word).replace('*', "%"))
        })
        .collect()
}

/// Takes from `like` what it would take for placeholders.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '%' | '_') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_read_as_keycloak_reads_it() {
        for (search, expected) in [
            ("Bo", vec!["Bo%"]),
            ("*ob", vec!["%ob%"]),
            ("s*h", vec!["s%h%"]),
            ("\"Bob\"", vec!["Bob"]),
            ("anna smith", vec!["anna%", "smith%"]),
            ("\"smith jones\"", vec!["smith jones"]),
            ("100%_a\\", vec!["100\\%\\_a\\\\%"]),
            ("", vec![]),
            ("\"", vec!["\"%"]),
        ] {
            assert_eq!(patterns(search), expected, "{search}");
        }
    }
}
