//! App passwords: what programs log in to a registry with, whatever the account's password and second factors are.

use user::app_password::{self, Given};

use super::{Attempt, Entry, Means, Refusal, Turn, refuse};
use crate::{HttpError, RealmContext};

/// Judges an app password, at the price of one query.
///
/// Failures are counted with those of passwords, but a right one forgets none: else whoever holds an app password could
/// try passwords without end. One that has expired, or is for another client, is no guess and does not count.
///
/// # Errors
/// 503 when the database does not answer.
pub(super) async fn judge(
    ctx: &RealmContext,
    mut attempt: Attempt<'_>,
    given: &Given<'_>,
) -> Result<Result<Entry, Refusal>, HttpError> {
    let (state, realm) = (ctx.state(), &ctx.realm);
    let means = Means::AppPassword(given.id);
    attempt.event.add("credential_type", means.as_str());
    let with_email = attempt.with_email && realm.settings.login_with_email_allowed;
    let named = (attempt.username, with_email);
    let candidate = app_password::find_for_login(&state.pool, realm.id, named, given).await?;
    let Some(mut candidate) = candidate else {
        if realm.settings.brute_force_protected {
            user::lockout::fail_nobody(&state.pool).await?;
        }
        return refuse(ctx, attempt, None, Refusal::Credentials, "user_not_found").await;
    };
    let known = candidate.app_password.take();
    if let Some(known) = &known {
        let id = known.id.to_string();
        attempt.event.add("selected_credential_id", id);
    }

    let turn = Turn::take(ctx, candidate.user.id, candidate.failures.take()).await?;
    let right = known.filter(|known| known.check(&state.sealer, realm, given));
    let now = store::clock::now_ms();
    let enabled = candidate.user.enabled;
    let refusal = match &right {
        _ if turn.locked => Some("user_temporarily_disabled"),
        _ if !enabled => Some("user_disabled"),
        None => Some("invalid_user_credentials"),
        Some(right) if right.is_expired(now) => Some("app_password_expired"),
        Some(right) if !right.is_for(attempt.client_id) => Some("app_password_not_for_client"),
        Some(_) => None,
    };
    if let Some(error) = refusal {
        if turn.locked || right.is_none() {
            turn.failed(ctx, right.is_some()).await?;
        }
        let user = Some(candidate.user);
        return refuse(ctx, attempt, user, Refusal::Credentials, error).await;
    }
    if let Some(right) = right
        && let Err(error) = right.used(&state.pool, realm.id, now).await
    {
        tracing::warn!(%error, "the use of an app password was not noted");
    }
    Ok(Ok(Entry {
        user: candidate.user,
        means,
        details: Vec::new(),
    }))
}
