//! The credential gate: the only place where passwords and second factors are judged, whatever the protocol.

mod app_password;
mod ci_token;
mod factor;
mod registry;
pub(crate) mod remembered;
mod robot;
mod turn;

use realm::Realm;
use realm::event::Event;
use user::login::Candidate;
use user::password::Verdict;
use user::{User, lockout};
use uuid::Uuid;

use crate::{HttpError, RealmContext, event};
use remembered::Memory;
use turn::Turn;

pub use factor::{Code, one_time_code, recovery_code};
pub use registry::{Entry, Means, registry};
pub use remembered::Remembered;

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

/// What a door does with users of whom more is asked than a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door<'a> {
    /// It asks for the rest on pages of its own, so they pass.
    Pages,
    /// A one-time code may come along with the password; nothing else can be asked for.
    Code(Option<&'a str>),
    /// It can ask for nothing else.
    PasswordOnly {
        /// Whether an account with a second factor may come in without it.
        second_factor_needless: bool,
    },
}

/// Somebody whose password was right.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The user, who is enabled. Of what is still to do before the login, `required_actions` and the profile tell.
    pub user: User,
    /// Whether a second factor is still to be asked for; only behind [`Door::Pages`].
    pub second_factor: bool,
    /// Whether the realm's policy wants the password to be changed by now; only behind [`Door::Pages`].
    pub password_expired: bool,
}

/// A try to log in with a password.
pub struct Attempt<'a> {
    /// User name, or e-mail where the realm allows it and `with_email` is set.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// Whether an e-mail address is a name here (and the realm allows it).
    pub with_email: bool,
    /// What happens to users of whom more is asked.
    pub door: Door<'a>,
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
) -> Result<Result<Passed, Refusal>, HttpError> {
    judge(ctx, attempt, None).await
}

/// Judges a password; one that is remembered is right without being hashed, and leaves the count of failures as it is.
async fn judge(
    ctx: &RealmContext,
    attempt: Attempt<'_>,
    remembered: Option<&Remembered>,
) -> Result<Result<Passed, Refusal>, HttpError> {
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

    let turn = Turn::take(ctx, candidate.user.id, candidate.failures.take()).await?;
    let memory =
        remembered.and_then(|remembered| remembered.look_up(realm, &candidate, attempt.password));
    // While somebody is locked or disabled, no answer may come sooner because the password is right.
    let known =
        !turn.locked && candidate.user.enabled && memory.as_ref().is_some_and(Memory::is_known);
    let verdict = if known {
        Verdict {
            ok: true,
            needs_rehash: false,
        }
    } else {
        let hash = candidate.password.as_ref().map(|password| &password.hash);
        state.hasher.verify(attempt.password, hash).await?
    };
    if turn.locked || !verdict.ok {
        let error = match (turn.locked, candidate.user.enabled) {
            (true, _) => "user_temporarily_disabled",
            (false, true) => "invalid_user_credentials",
            (false, false) => "user_disabled",
        };
        turn.failed(ctx, verdict.ok).await?;
        let user = Some(candidate.user);
        return refuse(ctx, attempt, user, Refusal::Credentials, error).await;
    }
    if !candidate.user.enabled {
        // A lock for good is told to strangers as little as one that passes.
        let locked = protected && lockout::is_permanently_locked(&candidate.user);
        let refusal = if locked {
            Refusal::Credentials
        } else {
            Refusal::Disabled
        };
        return refuse(ctx, attempt, Some(candidate.user), refusal, "user_disabled").await;
    }
    if verdict.needs_rehash {
        upgrade_hash(ctx, &candidate, attempt.password).await;
    }

    let mut missing = candidate.second_factor;
    if let (Door::Code(code), true) = (attempt.door, missing) {
        if let Some(code) = code.filter(|_| candidate.user.totp) {
            missing = !factor::spend(ctx, candidate.user.id, code).await?;
        }
        if missing {
            // Also without a code: a right password alone must not be told apart from a wrong one.
            turn.failed(ctx, false).await?;
            let (user, error) = (Some(candidate.user), "invalid_user_credentials");
            return refuse(ctx, attempt, user, Refusal::SecondFactor, error).await;
        }
    }
    // As long as a second factor is missing, else whoever knows the password could try codes without end.
    if !missing && !known {
        turn.succeeded(ctx).await?;
    }
    let password = candidate.password.as_ref();
    let expired =
        password.is_some_and(|password| user::credential::is_expired(realm, password.created_date));
    if let Some((refusal, error)) = open(realm, &candidate, attempt.door, (missing, expired)) {
        return refuse(ctx, attempt, Some(candidate.user), refusal, error).await;
    }
    if let Some(memory) = memory.filter(|_| !known) {
        memory.keep();
    }
    Ok(Ok(Passed {
        user: candidate.user,
        second_factor: missing && attempt.door == Door::Pages,
        password_expired: expired,
    }))
}

/// Whether nothing is left that a user has to do on a page before a login; of an expired password the user does not tell.
#[must_use]
pub fn is_set_up(realm: &Realm, user: &User) -> bool {
    let unverified =
        realm.rep.verify_email == Some(true) && user.email.is_some() && !user.email_verified;
    let nothing = user.required_actions.is_empty() && !unverified;
    nothing && user::profile::is_complete(realm, user)
}

/// What stands in the way of a user whose password was right.
fn open(
    realm: &Realm,
    candidate: &Candidate,
    door: Door<'_>,
    (missing, expired): (bool, bool),
) -> Option<(Refusal, &'static str)> {
    let user = &candidate.user;
    let second_factor = Some((Refusal::SecondFactor, "invalid_user_credentials"));
    match door {
        // Of what is left, nothing could be asked for on a page.
        Door::Pages if missing && !user.totp && !candidate.recovery_codes => second_factor,
        Door::Pages => None,
        _ if expired || !is_set_up(realm, user) => {
            Some((Refusal::NotSetUp, "resolve_required_actions"))
        }
        Door::PasswordOnly {
            second_factor_needless: false,
        } if missing => second_factor,
        _ => None,
    }
}

async fn refuse<T>(
    ctx: &RealmContext,
    attempt: Attempt<'_>,
    user: Option<User>,
    refusal: Refusal,
    error: &str,
) -> Result<Result<T, Refusal>, HttpError> {
    let event = attempt.event.detail("username", attempt.username);
    let user = user.map(|user| user.id);
    tell(ctx, event, attempt.client_id, user, error).await;
    Ok(Err(refusal))
}

/// Records the event of a refusal.
async fn tell(
    ctx: &RealmContext,
    mut failed: Event,
    client_id: &str,
    user: Option<Uuid>,
    error: &str,
) {
    failed.kind = "LOGIN_ERROR".to_owned();
    failed.client_id = Some(client_id.to_owned());
    failed.user_id = user.map(|user| user.to_string());
    failed.error = Some(error.to_owned());
    event::record(ctx, failed).await;
    metrics::counter!("realmkeep_login_failures_total").increment(1);
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
