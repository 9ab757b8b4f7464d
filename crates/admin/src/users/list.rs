//! `GET /admin/realms/{realm}/users` and `…/users/count`.

use actix_web::HttpResponse;
use protocol::HttpError;
use user::rep::Access;
use user::search::{self, Search};
use user::{User, UserRepresentation};

use super::rights;
use crate::Admin;
use crate::auth::Role::{ManageUsers, QueryUsers, ViewUsers};
use crate::page::{DAY_MS, Query};

pub(crate) async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    let users = found(&admin, &query).await?;
    let reps = users.iter().map(|user| rep(&admin, user, &query));
    Ok(HttpResponse::Ok().json(reps.collect::<Vec<_>>()))
}

/// The users that a query asks for, as far as the caller may see them.
pub(crate) async fn found(admin: &Admin, query: &Query) -> Result<Vec<User>, HttpError> {
    admin.require(&[QueryUsers, ViewUsers, ManageUsers])?;
    let search = read(query)?;
    if !sees_any(admin, query) {
        return Ok(Vec::new());
    }
    Ok(search::list(admin.db(), admin.realm.id, &search).await?)
}

/// A user as lists show it.
pub(crate) fn rep(admin: &Admin, user: &User, query: &Query) -> UserRepresentation {
    let access = Some(Access::listed(rights(admin)));
    let rep = if query.flag("briefRepresentation") == Some(true) {
        user.to_brief_rep(access)
    } else {
        user.to_rep(access)
    };
    user::profile::shown(&admin.realm, user, rep)
}

pub(crate) async fn count(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[QueryUsers, ViewUsers, ManageUsers])?;
    let search = read(&query)?;
    let count = if sees_any(&admin, &query) {
        search::count(admin.db(), admin.realm.id, &search).await?
    } else {
        0
    };
    Ok(HttpResponse::Ok().json(count))
}

/// `query-users` alone sees nobody; and nobody comes from an identity provider.
fn sees_any(admin: &Admin, query: &Query) -> bool {
    let elsewhere = query.text("search").is_none()
        && (query.text("idpAlias").is_some() || query.text("idpUserId").is_some());
    !elsewhere && admin.has(&[ViewUsers, ManageUsers])
}

fn read(query: &Query) -> Result<Search, HttpError> {
    let max = match query.number("max")? {
        // Given and negative: no bound but that of the server. Absent: the default.
        None => query.text("max").map(|_| -1),
        max => max,
    };
    Ok(Search {
        username: query.text("username"),
        email: query.text("email"),
        first_name: query.text("firstName"),
        last_name: query.text("lastName"),
        search: query.text("search"),
        exact: query.flag("exact"),
        enabled: query.flag("enabled"),
        email_verified: query.flag("emailVerified"),
        created_after: query.time("createdAfter", 0)?,
        created_before: query.time("createdBefore", DAY_MS - 1)?,
        q: query.text("q").as_deref().map(pairs).unwrap_or_default(),
        first: query.number("first")?,
        max,
    })
}

/// The pairs of a `q`: `name:value`, several with blanks between, either side in quotes where it holds blanks or colons.
/// What is no pair is left out, as in Keycloak.
pub(crate) fn pairs(q: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = q.trim_start();
    while !rest.is_empty() {
        let (name, after) = part(rest, true);
        match after.strip_prefix(':').map(|value| part(value, false)) {
            Some((value, after)) => {
                if !name.is_empty() && !value.is_empty() {
                    pairs.push((name, value));
                }
                rest = after.trim_start();
            }
            None => rest = after.trim_start(),
        }
    }
    pairs
}

/// One side of a pair, and what follows it. A name ends at a colon.
fn part(text: &str, name: bool) -> (String, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut value = String::new();
        let mut letters = quoted.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => return (value, &quoted[at + 1..]),
                '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
                letter => value.push(letter),
            }
        }
        return (value, "");
    }
    let end = text
        .find(|letter: char| letter.is_whitespace() || name && letter == ':')
        .unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_q_is_read_as_pairs_and_what_is_none_is_left_out() {
        for (q, expected) in [
            ("k:v", vec![("k", "v")]),
            ("k:v  l:w:x", vec![("k", "v"), ("l", "w:x")]),
            (r#""a b":"c:\"d" e:f"#, vec![("a b", "c:\"d"), ("e", "f")]),
            ("nothing k:v", vec![("k", "v")]),
            ("k: l:w", vec![("l", "w")]),
            (":v", vec![]),
            ("\\", vec![]),
            ("\"", vec![]),
            (r#""\"#, vec![]),
            ("", vec![]),
            ("ä:ö", vec![("ä", "ö")]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect();
            assert_eq!(pairs(q), expected, "{q}");
        }
    }
}
