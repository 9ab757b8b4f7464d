//! Why somebody is granted what: `GET /admin/realms/{realm}/clients/{uuid}/docker-v2/explain?user=&scope=`.

use std::fmt;

use actix_web::{HttpRequest, HttpResponse};
use protocol::{ClientCall, HttpError, State};
use realm::Realm;
use serde::Serialize;
use user::User;
use uuid::Uuid;

use crate::error::Error;
use crate::rule::Decider;
use crate::scope::{self, Access};
use crate::{ID, access, auth};

/// What somebody is granted by a registry's rules, and by which of them.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The user name; none for who has not signed in.
    pub user: Option<String>,
    /// What was asked for.
    pub scope: String,
    /// As it stands in the token.
    pub access: Vec<Access>,
    /// One for each action, in the order asked; `*` is also each action that it stands for.
    pub decisions: Vec<Decided>,
}

/// What was decided about an action.
#[derive(Debug, Serialize)]
pub struct Decided {
    /// The resource's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The resource's name.
    pub name: String,
    /// The action.
    pub action: String,
    /// Whether it is granted.
    pub granted: bool,
    /// The first mapper by name that grants it.
    pub mapper: Option<Decider>,
}

/// Why there is nothing to explain.
#[derive(Debug)]
pub enum Unexplained {
    /// There is no such registry in the realm.
    Client,
    /// There is no such user in the realm.
    User,
    /// What is wrong with a scope.
    Scope(String),
    /// The database did not answer.
    Store(store::Error),
}

impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("there is no docker-v2 client of this clientId"),
            Self::User => f.write_str("User not found"),
            Self::Scope(text) => f.write_str(text),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unexplained {}

impl From<store::Error> for Unexplained {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Unexplained> for Error {
    fn from(error: Unexplained) -> Self {
        match error {
            Unexplained::Client => HttpError::plain(404, "Could not find client").into(),
            Unexplained::User => HttpError::plain(404, "User not found").into(),
            Unexplained::Scope(text) => Self::Denied(text),
            Unexplained::Store(error) => error.into(),
        }
    }
}

/// What the rules of a registry (its clientId) say to a user, by name or id, or to nobody in particular. Whether the user
/// could sign in is another question.
///
/// # Errors
/// See [`Unexplained`].
pub async fn explain(
    state: &State,
    realm: &Realm,
    client_id: &str,
    user: Option<&str>,
    scopes: &[String],
) -> Result<Explanation, Unexplained> {
    let client = state.clients.get(&state.pool, realm, client_id).await?;
    let client = client.filter(|client| client.protocol == ID);
    let client = client.ok_or(Unexplained::Client)?;
    let asked = scope::parse(scopes).map_err(Unexplained::Scope)?;
    let user = match user {
        None => None,
        Some(text) => Some(find(state, realm, text).await?.ok_or(Unexplained::User)?),
    };
    let granted = access::grant(&state.pool, realm.id, &client, user.as_ref(), &asked).await?;
    let decisions = granted.decisions.into_iter().map(|decision| Decided {
        kind: asked[decision.item].kind.clone(),
        name: asked[decision.item].name.clone(),
        action: decision.action,
        granted: decision.by.is_some(),
        mapper: decision.by.map(|by| Decider::clone(&by)),
    });
    Ok(Explanation {
        user: user.map(|user| user.username),
        scope: scopes.join(" "),
        access: granted.access,
        decisions: decisions.collect(),
    })
}

async fn find(state: &State, realm: &Realm, text: &str) -> store::Result<Option<User>> {
    if let Ok(id) = Uuid::try_parse(text)
        && let Some(user) = user::find(&state.pool, realm.id, id).await?
    {
        return Ok(Some(user));
    }
    user::find_by_username(&state.pool, realm.id, text).await
}

pub(crate) async fn answer(call: ClientCall, request: HttpRequest) -> HttpResponse {
    let explained = respond(&call, request.query_string()).await;
    explained.unwrap_or_else(Error::into_response)
}

async fn respond(call: &ClientCall, query: &str) -> Result<HttpResponse, Error> {
    call.require_view_users()?;
    let (mut user, mut scopes) = (None, Vec::new());
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "user" => user = user.or(Some(auth::decode(value))),
            "scope" => scopes.push(auth::decode_scope(value)),
            _ => {}
        }
    }
    let (state, realm) = (call.context.state(), &call.context.realm);
    let client_id = &call.client.client_id;
    let explanation = explain(state, realm, client_id, user.as_deref(), &scopes).await?;
    Ok(HttpResponse::Ok().json(explanation))
}
