//! What of the asked access a client's rules grant.

use client::{Known, Mapper};
use store::Pool;
use user::User;
use user::subject::{self, Subject};
use uuid::Uuid;

use crate::ID;
use crate::rule::{Decision, Rules, Set};
use crate::scope::Access;

/// What is granted, and by which rules.
pub(crate) struct Granted {
    pub access: Vec<Access>,
    /// What was decided about every action that was asked for.
    pub decisions: Vec<Decision>,
}

impl Granted {
    /// The names of the mappers that decided, each once.
    pub(crate) fn rules(&self) -> Vec<&str> {
        let by = self.decisions.iter().filter_map(|one| one.by.as_deref());
        let mut names: Vec<&str> = by.map(|decider| decider.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The rules of a client: its own, and those of its default client scopes, since a registry's client programs cannot ask
/// for optional ones. Each is taken apart once.
pub(crate) fn rules(client: &Known) -> Rules {
    let compile = |mappers: &[Mapper]| {
        let mappers = mappers.iter();
        Set::compile(mappers.filter(|mapper| mapper.protocol == ID))
    };
    let scopes = client.default_client_scopes().iter();
    let of_scopes = scopes.filter_map(|name| {
        let known = client.scopes.get(name)?;
        Some(known.made.get(|| compile(&known.scope.mappers)))
    });
    let own = client.made.get(|| compile(&client.mappers));
    Rules([own].into_iter().chain(of_scopes).collect())
}

/// What of `asked` is granted to `user`, None without a sign-in. Asks the database only for what the rules look at.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub(crate) async fn grant(
    pool: &Pool,
    realm: Uuid,
    client: &Known,
    user: Option<&User>,
    asked: &[Access],
) -> store::Result<Granted> {
    let rules = rules(client);
    let who: Option<Subject> = match user {
        None => None,
        Some(user) => Some(subject::find(pool, realm, user, rules.needs()).await?),
    };
    let decisions = rules.decide(who.as_ref(), asked);
    let access = match who {
        // Also items without any action, as they were asked for.
        Some(_) if rules.allows_all() => asked.to_vec(),
        _ => Rules::granted(asked, &decisions),
    };
    Ok(Granted { access, decisions })
}
