//! The users of a partial import.

use std::collections::{HashMap, HashSet};

use realm::json::Raw;
use store::Connection;
use user::mapping::find_by_names;
use user::{Draft, UserRepresentation, group, known as there_already};
use uuid::Uuid;

use super::{ADDED, OVERWRITTEN, Policy, SKIPPED, Work, exists, unreadable};
use crate::HttpError;
use crate::provision::contents::Users;
use crate::provision::import::{import_error, prepare_users};

/// Users looked for at once.
const CHUNK: usize = 500;

/// The users of an import in their order, each with the name that it has in the file.
pub(super) struct Prepared {
    drafts: Vec<Draft>,
    names: Vec<String>,
    /// Those that were there before the transaction began, and are to stay.
    there: Vec<(String, Uuid)>,
}

/// Who is in the way of users, by name and by address.
#[derive(Default)]
pub(super) struct InTheWay {
    names: HashMap<String, Uuid>,
    emails: HashMap<String, Uuid>,
}

impl InTheWay {
    async fn look(
        db: &mut Connection,
        work: &Work<'_>,
        users: impl Iterator<Item = (String, Option<String>)>,
    ) -> Result<Self, HttpError> {
        let mut found = Self::default();
        let (names, emails): (Vec<String>, Vec<Option<String>>) = users.unzip();
        for (names, emails) in names.chunks(CHUNK).zip(emails.chunks(CHUNK)) {
            let emails: Vec<String> = emails.iter().flatten().cloned().collect();
            for user in there_already::find(&mut *db, work.realm.id, names, &emails).await? {
                found
                    .emails
                    .extend(user.email_unique.map(|email| (email, user.id)));
                found.names.insert(user.username, user.id);
            }
        }
        Ok(found)
    }

    fn of(&self, username: &str, email: Option<&str>) -> Option<Uuid> {
        let by_name = self.names.get(username);
        by_name.or_else(|| self.emails.get(email?)).copied()
    }
}

fn key(rep: &UserRepresentation) -> (String, Option<String>) {
    let lower = |text: &Option<String>| text.as_deref().map(str::to_lowercase);
    (lower(&rep.username).unwrap_or_default(), lower(&rep.email))
}

/// Reads the users, and hashes the passwords of those that are not to be skipped.
pub(super) async fn prepare(work: &Work<'_>, raw: Option<&Raw>) -> Result<Prepared, HttpError> {
    let mut prepared = Prepared {
        drafts: Vec::new(),
        names: Vec::new(),
        there: Vec::new(),
    };
    for chunk in Users::read(raw).map_err(|_| unreadable())?.chunks() {
        let mut chunk = chunk.map_err(|_| unreadable())?;
        if chunk.iter().any(|rep| rep.username.is_none()) {
            return Err(HttpError::message(400, "User name is missing"));
        }
        if work.policy != Policy::Overwrite {
            let mut db = work
                .state
                .pool
                .acquire()
                .await
                .map_err(store::Error::from)?;
            let there = InTheWay::look(&mut db, work, chunk.iter().map(key)).await?;
            drop(db);
            let mut left = Vec::new();
            for rep in chunk {
                let (name, email) = key(&rep);
                match there.of(&name, email.as_deref()) {
                    None => left.push(rep),
                    Some(id) => prepared.there.push((rep.username.unwrap_or_default(), id)),
                }
            }
            chunk = left;
        }
        // It will be refused: nothing more needs to be hashed for it.
        if work.policy == Policy::Fail && !prepared.there.is_empty() {
            return Ok(prepared);
        }
        let drafts = prepare_users(work.state, work.realm, &chunk).await?;
        prepared.drafts.extend(drafts);
        let names = chunk
            .into_iter()
            .map(|rep| rep.username.unwrap_or_default());
        prepared.names.extend(names);
    }
    Ok(prepared)
}

fn in_the_way(name: &str) -> HttpError {
    exists(&format!("User with user name {name} already exists."))
}

/// Who is in the way of the users now.
pub(super) async fn known(
    work: &Work<'_>,
    db: &mut Connection,
    users: &Prepared,
) -> Result<InTheWay, HttpError> {
    let keys = users.drafts.iter().map(|draft| {
        let user = draft.user();
        (user.username.clone(), user.email.clone())
    });
    InTheWay::look(db, work, keys).await
}

/// Writes the users, after what they name.
pub(super) async fn write(
    work: &mut Work<'_>,
    db: &mut Connection,
    users: &Prepared,
    there: &InTheWay,
) -> Result<(), HttpError> {
    let realm = work.realm.id;
    for (name, id) in &users.there {
        if work.policy == Policy::Fail {
            return Err(in_the_way(name));
        }
        work.tell(SKIPPED, "USER", name, *id);
    }
    let (mut overwritten, mut added) = (HashSet::new(), Vec::new());
    for (draft, name) in users.drafts.iter().zip(&users.names) {
        let user = draft.user();
        let found = there.of(&user.username, user.email.as_deref());
        let action = match found {
            None => ADDED,
            Some(id) if work.policy == Policy::Overwrite => {
                overwritten.insert(id);
                OVERWRITTEN
            }
            // It came while the passwords were hashed.
            Some(_) => {
                return Err(in_the_way(name));
            }
        };
        added.push((action, name, user.id));
    }
    if !overwritten.is_empty() {
        let ids: Vec<Uuid> = overwritten.into_iter().collect();
        work.roles
            .extend(there_already::role_ids(&mut *db, realm, &ids).await?);
        there_already::delete(&mut *db, realm, &ids).await?;
    }
    user::insert_many(&mut *db, &work.state.sealer, work.realm, &users.drafts)
        .await
        .map_err(import_error)?;
    given(work, db, &users.drafts).await?;
    for (action, name, id) in added {
        work.tell(action, "USER", name, id);
    }
    Ok(())
}

/// Notes the roles that the new users hold, directly and by their groups.
async fn given(
    work: &mut Work<'_>,
    db: &mut Connection,
    drafts: &[Draft],
) -> Result<(), HttpError> {
    let names: HashSet<_> = drafts.iter().flat_map(Draft::roles).cloned().collect();
    let names: Vec<_> = names.into_iter().collect();
    let found = find_by_names(&mut *db, work.realm.id, &names).await?;
    work.roles
        .extend(found.into_iter().filter_map(|found| found.role));
    let paths: HashSet<_> = drafts.iter().flat_map(Draft::groups).cloned().collect();
    let paths: Vec<String> = paths.into_iter().collect();
    let groups = group::find_by_paths(&mut *db, work.realm.id, &paths).await?;
    let groups: Vec<Uuid> = groups.into_iter().flatten().collect();
    work.roles
        .extend(group::role_ids(db, work.realm.id, &groups).await?);
    Ok(())
}
