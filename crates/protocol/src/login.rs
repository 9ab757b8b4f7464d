//! The credential gate: the only place where a password is judged, whatever the protocol.

use realm::event::Event;
use user::login::Candidate;
use user::{User, lockout};

use crate::{HttpError, RealmContext, event};

/// Why somebody was not let in. What of it they are told is for the protocol to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Unknown user, wrong password, or locked by brute-force protection: nobody outside can tell which.
    Credentials,
    /// The password was right, the user is disabled.
    Disabled,
    /// The password was right; a required action, or a profile that lacks something, stands in the way.
    NotSetUp,
    /// The password was right, but a second factor protects the account and this door cannot ask for it.
    SecondFactor,
}

/// A try to log in with a password.
pub struct Attempt<'a> {
    /// User name, or e-mail where the realm allows it and `with_email` is set.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// Whether an e-mail address is a name here (and the realm allows it).
    pub with_email: bool,
    /// Whether an account with a second factor may come in without it.
    pub second_factor_needless: bool,
    /// For the event: the client that asks.
    pub client_id: &'a str,
    /// For the event: more of it, such as the scope asked for.
    pub event: Event,
}

/// Judges a password.
///
/// Unknown users, locked ones and wrong passwords cost the same work. Each failure is counted once when the realm has
/// brute-force protection on, before anybody is told; a right password is never refused because another try is running.
/// No database connection is held while hashing. The event of a refusal is recorded here, that of a login by the caller.
///
/// # Errors
/// 503 when the queue for hashing is full or the database does not answer.
pub async fn password(
    ctx: &RealmContext,
    attempt: Attempt<'_>,
) -> Result<Result<User, Refusal>, HttpError> {
    let state = ctx.state();
    let realm = &ctx.realm;
    let with_email = attempt.with_email && realm.settings.login_with_email_allowed;
    let candidate =
        user::login::find_for_login(&state.pool, realm.id, attempt.username, with_email).await?;
    let protected = realm.settings.brute_force_protected;

    let Some(mut candidate) = candidate else {
        state.hasher.verify(attempt.password, None).await?;
        if protected {
            lockout::fail_nobody(&state.pool).await?;
        }
        return refuse(ctx, attempt, None, Refusal::Credentials, "user_not_found").await;
    };

    let mut permit = None;
    if protected {
        let failures = count(&candidate);
        let entered = state
            .gate
            .enter(
                realm.id,
                candidate.user.id,
                failures,
                realm.settings.failure_factor,
            )
            .await?;
        if entered.is_stale() {
            candidate.failures = lockout::find(&state.pool, realm.id, candidate.user.id).await?;
            entered.counted(count(&candidate));
        }
        permit = Some(entered);
    }
    let now = store::clock::now_ms();
    let locked = protected && lockout::is_locked(candidate.failures.as_ref(), now / 1000);
    // What is tried while locked decides nothing, so it need not take turns.
    permit = permit.filter(|_| !locked);
    let hash = candidate.password.as_ref().map(|password| &password.hash);
    let verdict = state.hasher.verify(attempt.password, hash).await?;
    if locked || !verdict.ok {
        if verdict.ok {
            // The owner's right password does not count, and must not be told apart by its time.
            lockout::fail_nobody(&state.pool).await?;
        } else if protected {
            let ip = ctx.request.ip.to_string();
            let failed = lockout::fail(&state.pool, realm, candidate.user.id, &ip, now).await?;
            if let Some(permit) = permit {
                permit.counted(failed.failure.num_failures);
            }
        }
        let error = match (locked, candidate.user.enabled) {
            (true, _) => "user_temporarily_disabled",
            (false, true) => "invalid_user_credentials",
            (false, false) => "user_disabled",
        };
        return refuse(
            ctx,
            attempt,
            Some(candidate.user),
            Refusal::Credentials,
            error,
        )
        .await;
    }
    if !candidate.user.enabled {
        return refuse(
            ctx,
            attempt,
            Some(candidate.user),
            Refusal::Disabled,
            "user_disabled",
        )
        .await;
    }
    if count(&candidate) > 0 {
        lockout::succeed(&state.pool, realm.id, candidate.user.id).await?;
    }
    if let Some(permit) = permit {
        permit.counted(0);
    }
    if verdict.needs_rehash {
        upgrade_hash(ctx, &candidate, attempt.password).await;
    }
    if !candidate.user.required_actions.is_empty()
        || !user::profile::is_complete(realm, &candidate.user)
    {
        return refuse(
            ctx,
            attempt,
            Some(candidate.user),
            Refusal::NotSetUp,
            "resolve_required_actions",
        )
        .await;
    }
    if candidate.second_factor && !attempt.second_factor_needless {
        return refuse(
            ctx,
            attempt,
            Some(candidate.user),
            Refusal::SecondFactor,
            "invalid_user_credentials",
        )
        .await;
    }
    Ok(Ok(candidate.user))
}

fn count(candidate: &Candidate) -> i32 {
    candidate
        .failures
        .as_ref()
        .map_or(0, |failures| failures.num_failures)
}

async fn refuse(
    ctx: &RealmContext,
    attempt: Attempt<'_>,
    user: Option<User>,
    refusal: Refusal,
    error: &str,
) -> Result<Result<User, Refusal>, HttpError> {
    let mut failed = attempt.event.detail("username", attempt.username);
    failed.kind = "LOGIN_ERROR".to_owned();
    failed.client_id = Some(attempt.client_id.to_owned());
    failed.user_id = user.map(|user| user.id.to_string());
    failed.error = Some(error.to_owned());
    event::record(ctx, failed).await;
    metrics::counter!("realmkeep_login_failures_total").increment(1);
    Ok(Err(refusal))
}

/// Replaces a hash of another kind by one of ours, now that the password is known. Failing to is no failure of the login.
async fn upgrade_hash(ctx: &RealmContext, candidate: &Candidate, password: &str) {
    let Some(stored) = &candidate.password else {
        return;
    };
    let state = ctx.state();
    let upgraded = async {
        let hash = state.hasher.hash(password).await?;
        user::credential::upgrade_password(
            &state.pool,
            ctx.realm.id,
            stored.id,
            stored.created_date,
            &hash,
        )
        .await
    };
    if let Err(error) = upgraded.await {
        tracing::warn!(%error, "a password hash was not upgraded");
    }
}
