//! The list of users in the admin API.

mod words;

use sqlx::{PgExecutor, Postgres, QueryBuilder};
use store::Result;
use uuid::Uuid;

use crate::User;
use words::{Word, words};

/// Users in a list without `max`, as in Keycloak.
pub const DEFAULT_MAX: i64 = 100;
/// Users in a list whatever `max` says.
pub const MAX_LISTED: i64 = 10_000;
/// Words of a `search`, and pairs of a `q`, that count.
pub(crate) const MAX_WORDS: usize = 20;

/// Keycloak's query parameters of `GET /users` and `GET /users/count`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "Keycloak's own names")]
pub struct Search {
    pub username: Option<String>,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Words that each have to match one of the four fields: at its beginning, `*x` anywhere, `"x"` the whole; the
    /// four field filters do not count then. Or `id:` and ids; no other filter counts then.
    pub search: Option<String>,
    /// The field filters ask for the whole field and not for a part.
    pub exact: Option<bool>,
    pub enabled: Option<bool>,
    pub email_verified: Option<bool>,
    /// Milliseconds; made then or later.
    pub created_after: Option<i64>,
    /// Milliseconds; made then or before.
    pub created_before: Option<i64>,
    /// Attributes and their values, these in any case; all have to match.
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
    let mut query = QueryBuilder::new("");
    let few = few(search);
    if let Some(few) = few {
        query.push("with few as materialized (select * from user_entity u where u.realm_id = ");
        matching(&mut query, realm, search);
        query.push(" limit ").push_bind(few + 1).push(") ");
    }
    // The page first, then what only its users need.
    query.push(crate::columns!("select "));
    query.push(" from (");
    if let Some(few) = few {
        query.push("(select * from few u where (select count(*) from few) <= ");
        query.push_bind(few);
        page(&mut query, search, max);
        query.push(") union all (");
    }
    query.push("select * from user_entity u where u.realm_id = ");
    matching(&mut query, realm, search);
    if let Some(few) = few {
        query
            .push(" and (select count(*) from few) > ")
            .push_bind(few);
    }
    page(&mut query, search, max);
    query.push(if few.is_some() { ")" } else { "" });
    query.push(") u order by u.username");
    let query = query.build_query_as().persistent(is_plain(search));
    Ok(query.fetch_all(db).await?)
}

fn matching(query: &mut QueryBuilder<Postgres>, realm: Uuid, search: &Search) {
    query.push_bind(realm);
    filter(query, search);
    if hides_service_accounts(search) {
        query.push(" and u.service_account_client is null");
    }
}

fn page(query: &mut QueryBuilder<Postgres>, search: &Search, max: i64) {
    query
        .push(" order by u.username offset ")
        .push_bind(search.first.unwrap_or(0).max(0));
    query.push(" limit ").push_bind(max);
}

/// Up to how many users are found by the index and sorted, before the names are walked in order instead, which has its
/// page soon when there are many.
///
/// The database would choose by its guess, which is wrong for rare texts, and worst for beginnings: those are all at one
/// place in the order, so a walk comes to them late. None where the index does not know the text.
fn few(search: &Search) -> Option<i64> {
    const FEW: i64 = 1000;
    const FEW_BEGINNINGS: i64 = 5000;
    if ids(search).is_some() || is_one_name(search) {
        return None;
    }
    let text = search.search.as_deref().unwrap_or_default().trim();
    let words = words(text);
    if words.iter().any(Word::is_beginning) {
        return Some(FEW_BEGINNINGS);
    }
    let long = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count() >= SHORTEST;
    let fields = wanted(search).into_iter().flatten();
    let known = words.iter().any(|word| word.is_known(SHORTEST)) || fields.clone().any(long);
    known.then_some(FEW)
}

/// How many users match, whatever `first` and `max` say.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn count(db: impl PgExecutor<'_>, realm: Uuid, search: &Search) -> Result<i64> {
    if !is_storable(search) {
        return Ok(0);
    }
    let mut query =
        QueryBuilder::new("select (select count(*) from user_entity u where u.realm_id = ");
    query.push_bind(realm);
    filter(&mut query, search);
    query.push(")");
    if hides_service_accounts(search) {
        // Those are few, and have an index; to ask it of each user would take the table.
        query.push(
            " - (select count(*) from user_entity u where u.service_account_client is not null and u.realm_id = ",
        );
        query.push_bind(realm);
        filter(&mut query, search);
        query.push(")");
    }
    let query = query.build_query_scalar().persistent(is_plain(search));
    Ok(query.fetch_one(db).await?)
}

/// Whether one plan serves all such searches. What a pattern finds, and in how large a realm, decides between walking the
/// names in order and asking an index: a plan made without knowing the pattern walks a whole realm for the rarest.
fn is_plain(search: &Search) -> bool {
    if is_one_name(search) {
        return true;
    }
    let Search {
        username: None,
        email: None,
        first_name: None,
        last_name: None,
        search: None,
        exact: _,
        enabled: None,
        email_verified: None,
        created_after: None,
        created_before: None,
        q,
        first: _,
        max: _,
    } = search
    else {
        return false;
    };
    q.is_empty()
}

/// Whether the unique index of names leads to all that can be found.
fn is_one_name(search: &Search) -> bool {
    search.exact == Some(true) && search.username.is_some() && search.search.is_none()
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

/// Characters of the shortest text that the index finds anywhere.
const SHORTEST: usize = 3;

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

/// The texts that fields have to hold, in the order of [`FIELDS`]; none where `search` counts instead.
fn wanted(search: &Search) -> [Option<&str>; 4] {
    if search.search.is_some() {
        return [None; 4];
    }
    [
        &search.username,
        &search.email,
        &search.first_name,
        &search.last_name,
    ]
    .map(Option::as_deref)
}

/// As in Keycloak, service accounts are only found by who looks for them: by id, or by a field.
fn hides_service_accounts(search: &Search) -> bool {
    ids(search).is_none() && wanted(search).iter().all(Option::is_none)
}

fn ids(search: &Search) -> Option<Vec<Uuid>> {
    let ids = search.search.as_deref()?.trim().strip_prefix("id:")?;
    let ids = ids.split_whitespace().take(MAX_WORDS);
    Some(ids.filter_map(parse_id).collect())
}

fn filter(query: &mut QueryBuilder<Postgres>, search: &Search) {
    if let Some(ids) = ids(search) {
        query.push(" and u.id = any(").push_bind(ids).push(")");
        return;
    }
    for word in words(search.search.as_deref().unwrap_or_default().trim()) {
        narrow(query, &word);
    }
    for (field, text) in FIELDS.iter().zip(wanted(search)) {
        let Some(text) = text else { continue };
        let part = escape(text);
        let pattern = if search.exact == Some(true) {
            // A user name has an index of its own.
            if *field != FIELDS[0] {
                anywhere(query, &format!("%\n{part}\n%"));
            }
            part
        } else {
            let pattern = format!("%{part}%");
            // What is shorter has no entry in the index, and would only mislead its user.
            if text.chars().count() >= SHORTEST {
                anywhere(query, &pattern);
            }
            pattern
        };
        query.push(" and ");
        compare(query, field, " like ", &pattern);
    }
    let flags = [
        (" and u.enabled = ", search.enabled),
        (" and u.email_verified = ", search.email_verified),
    ];
    for (condition, flag) in flags {
        if let Some(flag) = flag {
            query.push(condition).push_bind(flag);
        }
    }
    let times = [
        (" and u.created_timestamp >= ", search.created_after),
        (" and u.created_timestamp <= ", search.created_before),
    ];
    for (condition, time) in times {
        if let Some(time) = time {
            query.push(condition).push_bind(time);
        }
    }
    for (name, value) in search.q.iter().take(MAX_WORDS) {
        match name.as_str() {
            "username" => equal(query, FIELDS[0], value),
            "email" => equal(query, FIELDS[1], value),
            "firstName" => equal(query, FIELDS[2], value),
            "lastName" => equal(query, FIELDS[3], value),
            "enabled" => flag(query, " and u.enabled = ", value),
            "emailVerified" => flag(query, " and u.email_verified = ", value),
            name => {
                query.push(
                    " and u.attributes <> '{}' and user_attribute_keys(u.attributes) @> array[hashtextextended(",
                );
                query
                    .push_bind(name.to_owned())
                    .push(" || chr(1) || lower(");
                query.push_bind(value.clone()).push("), 0)]");
                query.push(
                    " and exists (select from jsonb_array_elements_text(case jsonb_typeof(u.attributes -> ",
                );
                query.push_bind(name.to_owned());
                query.push(") when 'array' then u.attributes -> ");
                query.push_bind(name.to_owned());
                query.push(" else '[]' end) as held where lower(held) = lower(");
                query.push_bind(value.clone()).push("))");
            }
        }
    }
}

fn equal(query: &mut QueryBuilder<Postgres>, field: &str, value: &str) {
    query.push(" and ");
    compare(query, field, " = ", value);
}

/// What is not `true` is false, as Java reads it.
fn flag(query: &mut QueryBuilder<Postgres>, condition: &str, value: &str) {
    query
        .push(condition)
        .push_bind(value.eq_ignore_ascii_case("true"));
}

/// Reads one id of `id:…`; Keycloak lets the prefix be repeated.
fn parse_id(text: &str) -> Option<Uuid> {
    text.strip_prefix("id:").unwrap_or(text).parse().ok()
}

/// Asks for users with a word in one of the fields.
fn narrow(query: &mut QueryBuilder<Postgres>, word: &Word) {
    let Word::Like { all, field } = word else {
        query.push(" and false");
        return;
    };
    anywhere(query, all);
    let Some(pattern) = field else { return };
    query.push(" and (");
    for (number, field) in FIELDS.iter().enumerate() {
        query.push(if number > 0 { " or " } else { "" });
        compare(query, field, " like ", pattern);
    }
    query.push(")");
}

/// Asks for users with a text in one of the fields: `searched` has a line for each.
fn anywhere(query: &mut QueryBuilder<Postgres>, pattern: &str) {
    query.push(" and (u.searched like ");
    query.push_bind(pattern.to_lowercase());
    // The database's `lower` may know fewer letters than ours, and has made what is compared.
    if !pattern.is_ascii() {
        query.push(" or u.searched like lower(");
        query.push_bind(pattern.to_owned()).push(")");
    }
    query.push(")");
}

/// Takes from `like` what it would take for placeholders.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '%' | '_') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
