//! Second factors, asked for once the password was right.

use realm::event::Event;
use user::{User, lockout, otp, recovery};
use uuid::Uuid;

use super::{Refusal, Turn, tell};
use crate::{HttpError, RealmContext};

/// A try with a code, of a user whose password was right.
pub struct Code<'a> {
    /// The user, as it is now.
    pub user: &'a User,
    /// The code.
    pub code: &'a str,
    /// For the event: the client that asks.
    pub client_id: &'a str,
    /// For the event: more of it.
    pub event: Event,
}

/// Judges a one-time code of a device (its credential's id; without one, of the preferred device) and spends it.
///
/// Failures are counted with those of passwords, before anybody is told; the event of a refusal is recorded here.
///
/// # Errors
/// 503 when the database does not answer.
pub async fn one_time_code(
    ctx: &RealmContext,
    device: Option<Uuid>,
    mut attempt: Code<'_>,
) -> Result<Result<(), Refusal>, HttpError> {
    if let Some(device) = device {
        attempt.event = attempt
            .event
            .detail("selected_credential_id", device.to_string());
    }
    let turn = begin(ctx, attempt.user).await?;
    let device = device_of(ctx, attempt.user.id, device).await?;
    let (state, realm) = (ctx.state(), &ctx.realm);
    let now = store::clock::now();
    let right = device
        .as_ref()
        .and_then(|device| device.check(&state.sealer, realm, attempt.code, now));
    let spent = match (&device, &right) {
        (Some(device), Some(right)) if !turn.locked => {
            device.spend(&state.pool, realm, right).await?
        }
        _ => false,
    };
    end(ctx, turn, attempt, right.is_some(), spent).await
}

/// Judges the recovery code that the user's list is at, and spends it.
///
/// Failures are counted with those of passwords, before anybody is told; the event of a refusal is recorded here.
///
/// # Errors
/// 503 when the database does not answer.
pub async fn recovery_code(
    ctx: &RealmContext,
    mut attempt: Code<'_>,
) -> Result<Result<(), Refusal>, HttpError> {
    attempt.event = attempt.event.detail("credential_type", recovery::TYPE);
    let turn = begin(ctx, attempt.user).await?;
    let (state, realm) = (ctx.state(), &ctx.realm);
    let list = recovery::find(&state.pool, realm.id, attempt.user.id).await?;
    let right = list
        .as_ref()
        .and_then(|list| list.check(&state.sealer, realm, attempt.code));
    let spent = match (&list, &right) {
        (Some(list), Some(right)) if !turn.locked => {
            list.spend(&state.pool, &state.sealer, realm, right).await?
        }
        _ => false,
    };
    end(ctx, turn, attempt, right.is_some(), spent).await
}

/// Spends a one-time code of the preferred device, where the caller holds the user's turn; whether it was right.
pub(super) async fn spend(ctx: &RealmContext, user: Uuid, code: &str) -> Result<bool, HttpError> {
    let (state, realm) = (ctx.state(), &ctx.realm);
    let Some(device) = device_of(ctx, user, None).await? else {
        return Ok(false);
    };
    let now = store::clock::now();
    let Some(right) = device.check(&state.sealer, realm, code, now) else {
        return Ok(false);
    };
    Ok(device.spend(&state.pool, realm, &right).await?)
}

async fn device_of(
    ctx: &RealmContext,
    user: Uuid,
    id: Option<Uuid>,
) -> Result<Option<otp::Device>, HttpError> {
    let devices = otp::list(&ctx.state().pool, ctx.realm.id, user).await?;
    let mut meant = devices
        .into_iter()
        .filter(|device| id.is_none_or(|id| device.id == id));
    Ok(meant.next())
}

async fn begin(ctx: &RealmContext, user: &User) -> Result<Turn, HttpError> {
    let mut failures = None;
    if ctx.realm.settings.brute_force_protected {
        failures = lockout::find(&ctx.state().pool, ctx.realm.id, user.id).await?;
    }
    Turn::take(ctx, user.id, failures).await
}

async fn end(
    ctx: &RealmContext,
    turn: Turn,
    attempt: Code<'_>,
    right: bool,
    spent: bool,
) -> Result<Result<(), Refusal>, HttpError> {
    if spent && attempt.user.enabled {
        turn.succeeded(ctx).await?;
        return Ok(Ok(()));
    }
    let (refusal, error) = match (turn.locked, attempt.user.enabled) {
        (true, _) => (Refusal::Credentials, "user_temporarily_disabled"),
        (false, true) => (Refusal::Credentials, "invalid_user_credentials"),
        (false, false) => (Refusal::Disabled, "user_disabled"),
    };
    let right_while_locked = right && turn.locked;
    turn.failed(ctx, right_while_locked).await?;
    let user = Some(attempt.user.id);
    tell(ctx, attempt.event, attempt.client_id, user, error).await;
    Ok(Err(refusal))
}
