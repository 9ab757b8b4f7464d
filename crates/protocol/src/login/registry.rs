//! The door of registries: passwords, app passwords, secrets of robots and tokens of CI jobs.

use user::User;
use uuid::Uuid;

use super::{Attempt, Passed, Refusal, app_password, remembered, robot};
use crate::{HttpError, RealmContext};

/// With what somebody showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The account's password.
    Password,
    /// An app password (its credential's id).
    AppPassword(Uuid),
    /// The secret of a client that acts as its service account.
    ClientSecret,
    /// A token of an issuer that the realm trusts to vouch for a service account.
    CiToken,
}

impl Means {
    /// As events name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::AppPassword(_) => "app-password",
            Self::ClientSecret => "client-secret",
            Self::CiToken => "ci-token",
        }
    }
}

/// Somebody whom a registry may serve.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The user, or the service account of a client.
    pub user: User,
    /// With what it was shown.
    pub means: Means,
    /// More of that, for the event of the login.
    pub details: Vec<(&'static str, String)>,
}

/// Judges what somebody gave as a password to a registry's client program.
///
/// What is tried is told by its form alone: a service account's name, an app password's prefix, else a password. The
/// event of a refusal is recorded here, that of a login by the caller.
///
/// # Errors
/// 503 when the queue for hashing is full or the database does not answer.
pub async fn registry(
    ctx: &RealmContext,
    mut attempt: Attempt<'_>,
) -> Result<Result<Entry, Refusal>, HttpError> {
    if let Some(robot) = robot::find(ctx, &attempt).await? {
        return robot.judge(ctx, attempt).await;
    }
    if let Some(given) = user::app_password::Given::read(attempt.password) {
        return app_password::judge(ctx, attempt, &given).await;
    }
    attempt
        .event
        .add("credential_type", Means::Password.as_str());
    let judged = remembered::password(ctx, attempt).await?;
    Ok(judged.map(|Passed { user, .. }| Entry {
        user,
        means: Means::Password,
        details: Vec::new(),
    }))
}
