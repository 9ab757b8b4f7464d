//! Robots: clients that act as their service account, by their secret or by the token of a CI job.
//!
//! Failures are not counted and nobody is locked out: a generated secret has 512 bits, so guessing it is hopeless, while
//! a lock would let anybody who knows a clientId stop its deployments.

use std::sync::Arc;

use client::Known;
use realm::event::Event;
use user::User;

use super::{Attempt, Entry, Means, Refusal, ci_token, refuse};
use crate::{HttpError, RealmContext, client_login};

/// What the name of every service account begins with.
const PREFIX: &str = "service-account-";

/// A name that is a service account's, and what there is of one.
pub(super) struct Robot {
    user: Option<User>,
    client: Option<Arc<Known>>,
}

/// The robot that an attempt names, if the name is one of a robot. A person may be called like one; with a password that
/// person logs in as others do.
pub(super) async fn find(
    ctx: &RealmContext,
    attempt: &Attempt<'_>,
) -> Result<Option<Robot>, HttpError> {
    let Some((prefix, client_id)) = attempt.username.split_at_checked(PREFIX.len()) else {
        return Ok(None);
    };
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return Ok(None);
    }
    let (state, realm) = (ctx.state(), &ctx.realm);
    let user = user::find_by_username(&state.pool, realm.id, attempt.username).await?;
    let Some(user) = user else {
        return Ok(Some(Robot {
            user: None,
            client: None,
        }));
    };
    let Some(id) = user.service_account_client else {
        return Ok(None);
    };
    let mut client = state.clients.get(&state.pool, realm, client_id).await?;
    if client.as_ref().is_none_or(|client| client.id != id) {
        // User names are lower case, clientIds as they were given.
        client = match client::find(&state.pool, realm.id, id).await? {
            Some(named) => {
                let name = &named.client_id;
                state.clients.get(&state.pool, realm, name).await?
            }
            None => None,
        };
    }
    Ok(Some(Robot {
        user: Some(user),
        client,
    }))
}

impl Robot {
    /// Judges its secret, or the token of a CI job that speaks for it.
    pub(super) async fn judge(
        self,
        ctx: &RealmContext,
        mut attempt: Attempt<'_>,
    ) -> Result<Result<Entry, Refusal>, HttpError> {
        let token = ci_token::Token::read(attempt.password);
        let means = match token {
            Some(_) => Means::CiToken,
            None => Means::ClientSecret,
        };
        attempt.event.add("credential_type", means.as_str());
        if let Some(error) = self.obstacle() {
            return refuse(ctx, attempt, self.user, Refusal::Credentials, error).await;
        }
        let (Some(user), Some(client)) = (self.user, self.client) else {
            return Err(HttpError::internal("a robot without an obstacle is whole"));
        };
        let judged = match &token {
            Some(token) => ci_token::judge(ctx, token, &user, &mut attempt.event).await?,
            None => {
                let secret = secret(ctx, &client, attempt.password).await?;
                secret.map(|()| Vec::new())
            }
        };
        match judged {
            Ok(details) => Ok(Ok(Entry {
                user,
                means,
                details,
            })),
            Err(error) => refuse(ctx, attempt, Some(user), Refusal::Credentials, error).await,
        }
    }

    /// Why it may not log in at all, as events name it.
    fn obstacle(&self) -> Option<&'static str> {
        let Some(user) = &self.user else {
            return Some("user_not_found");
        };
        match &self.client {
            None => Some("client_not_found"),
            Some(client) if !client.enabled => Some("client_disabled"),
            Some(client) if !client.service_accounts_enabled() || client.public_client() => {
                Some("invalid_client")
            }
            Some(_) => (!user.enabled).then_some("user_disabled"),
        }
    }
}

/// Whether this is the client's secret; else the error of the event.
async fn secret(
    ctx: &RealmContext,
    client: &Known,
    secret: &str,
) -> Result<Result<(), &'static str>, HttpError> {
    let given = client_login::Given {
        client_id: Some(&client.client_id),
        secret: Some(secret),
        ..client_login::Given::default()
    };
    let judged = client_login::authenticate(ctx, &given, &mut Event::default()).await?;
    Ok(judged.map(drop).map_err(|refusal| {
        refusal
            .event_error()
            .unwrap_or("invalid_client_credentials")
    }))
}
