//! One try of a user: when it may begin, and what follows from how it ends.

use user::lockout::{self, LoginFailure, Permit};
use uuid::Uuid;

use crate::{HttpError, RealmContext};

/// A try that may be judged now.
pub(super) struct Turn {
    user: Uuid,
    failures: i32,
    /// The user is locked: whatever is tried decides nothing.
    pub(super) locked: bool,
    permit: Option<Permit>,
}

impl Turn {
    /// Waits until the user may try; `failures` as the caller has read them. Without brute-force protection all may.
    pub(super) async fn take(
        ctx: &RealmContext,
        user: Uuid,
        mut failures: Option<LoginFailure>,
    ) -> Result<Self, HttpError> {
        let (state, realm) = (ctx.state(), &ctx.realm);
        let protected = realm.settings.brute_force_protected;
        let mut permit = None;
        if protected {
            let factor = realm.settings.failure_factor;
            let count = count(failures.as_ref());
            let entered = state.gate.enter(realm.id, user, count, factor).await?;
            if entered.is_stale() {
                failures = lockout::find(&state.pool, realm.id, user).await?;
                entered.counted(self::count(failures.as_ref()));
            }
            permit = Some(entered);
        }
        let locked = protected && lockout::is_locked(failures.as_ref(), store::clock::now());
        Ok(Self {
            user,
            failures: count(failures.as_ref()),
            locked,
            // What is tried while locked decides nothing, so it need not take turns.
            permit: permit.filter(|_| !locked),
        })
    }

    /// Counts a failure, before anybody is told. `right`: what was tried while locked would have been right.
    pub(super) async fn failed(self, ctx: &RealmContext, right: bool) -> Result<(), HttpError> {
        let (state, realm) = (ctx.state(), &ctx.realm);
        if right {
            // The owner's right password does not count, and must not be told apart by its time.
            lockout::fail_nobody(&state.pool).await?;
        } else if realm.settings.brute_force_protected {
            let (ip, now) = (ctx.request.ip.to_string(), store::clock::now_ms());
            let failed = lockout::fail(&state.pool, realm, self.user, &ip, now).await?;
            if let Some(permit) = self.permit {
                permit.counted(failed.failure.num_failures);
            }
        }
        Ok(())
    }

    /// Forgets the failures of a user who has shown everything that is asked for.
    pub(super) async fn succeeded(self, ctx: &RealmContext) -> Result<(), HttpError> {
        if self.failures > 0 {
            lockout::succeed(&ctx.state().pool, ctx.realm.id, self.user).await?;
        }
        if let Some(permit) = self.permit {
            permit.counted(0);
        }
        Ok(())
    }
}

fn count(failures: Option<&LoginFailure>) -> i32 {
    failures.map_or(0, |failures| failures.num_failures)
}
