//! A realm from its file: all slow work first, then one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use realm::json::Raw;
use realm::{MASTER, NewRealm, Realm, RealmRepresentation, localization, role};
use store::{Connection, Error};
use user::{Draft, UserRepresentation, WriteError};

use super::check::refuse_components;
use super::contents::{Contents, Users, part};
use super::groups::Groups;
use super::identity_providers::IdentityProviders;
use super::plan::{Plan, in_master};
use super::{check_name, check_settings, refuse_areas, write_error};
use crate::{HttpError, State};

/// A realm file that has been read and checked, with its keys made: all but its users is ready to be written.
pub struct RealmFile {
    new: NewRealm,
    plan: Plan,
    groups: Groups,
    identity_providers: IdentityProviders,
    texts: BTreeMap<String, localization::Texts>,
    /// The users of the file, not taken apart yet.
    pub users: Option<Raw>,
}

/// Makes a realm with everything that a representation brings: keys, roles, clients, groups, users.
///
/// # Errors
/// In Keycloak's words: 400 for a missing or impossible name, 409 for one that is taken.
pub async fn create_realm(
    state: &State,
    rep: RealmRepresentation,
) -> Result<Arc<Realm>, HttpError> {
    let mut file = RealmFile::prepare(state, rep).await?;
    let users = file.users.take();
    let (id, name) = (file.new.id, file.new.name.clone());
    // Users are hashed before the transaction opens: a connection never waits for that.
    let shell = file.new.shell();
    let mut drafts = Vec::new();
    for chunk in Users::read(users.as_ref())?.chunks() {
        drafts.extend(prepare_users(state, &shell, &chunk?).await?);
    }
    // Read before the transaction opens: no request holds two connections.
    let master = master_of(state, &name).await?;
    let mut transaction = state.pool.begin().await.map_err(Error::from)?;
    let realm = file
        .write(state, &mut transaction, master.as_deref())
        .await?;
    user::insert_many(&mut transaction, &state.sealer, &realm, &drafts)
        .await
        .map_err(import_error)?;
    add_service_accounts(state, &mut transaction, &realm).await?;
    transaction.commit().await.map_err(Error::from)?;
    state.changed(id);
    state
        .realms
        .get(&name)
        .await?
        .ok_or_else(HttpError::not_found)
}

/// The realm that administers the one of this name, if that is another.
///
/// # Errors
/// From the database.
pub async fn master_of(state: &State, name: &str) -> Result<Option<Arc<Realm>>, HttpError> {
    if name == MASTER {
        return Ok(None);
    }
    Ok(state.realms.get(MASTER).await?)
}

/// Writes users of an import, some hundreds at a time, hashing within the transaction: for one that nobody waits for.
///
/// # Errors
/// As [`create_realm`].
pub async fn import_users(
    state: &State,
    db: &mut Connection,
    realm: &Realm,
    users: &Raw,
) -> Result<usize, HttpError> {
    let mut written = 0;
    for chunk in Users::read(Some(users))?.chunks() {
        let drafts = prepare_users(state, realm, &chunk?).await?;
        user::insert_many(&mut *db, &state.sealer, realm, &drafts)
            .await
            .map_err(import_error)?;
        written += drafts.len();
    }
    Ok(written)
}

/// Makes the service accounts that the files did not bring; after all users.
///
/// # Errors
/// As [`create_realm`].
pub async fn add_service_accounts(
    state: &State,
    db: &mut Connection,
    realm: &Realm,
) -> Result<(), HttpError> {
    user::add_service_accounts(db, &state.hasher, &state.sealer, realm)
        .await
        .map_err(import_error)
}

/// Checks and hashes users of an import.
///
/// # Errors
/// In Keycloak's words, where it has some.
pub(super) async fn prepare_users(
    state: &State,
    realm: &Realm,
    reps: &[UserRepresentation],
) -> Result<Vec<Draft>, HttpError> {
    let options = user::Options {
        import: true,
        ..user::Options::default()
    };
    let mut drafts = Vec::with_capacity(reps.len());
    for rep in reps {
        let draft = user::prepare(&state.hasher, realm, rep, options).await;
        drafts.push(draft.map_err(write_error)?);
    }
    Ok(drafts)
}

/// Words the errors of imported users as Keycloak does: what is there twice has one text.
#[must_use]
pub(super) fn import_error(error: WriteError) -> HttpError {
    match error {
        WriteError::Conflict(_) | WriteError::Store(Error::Duplicate(_)) => duplicate(),
        other => write_error(other),
    }
}

pub(super) fn duplicate() -> HttpError {
    HttpError::message(409, "Duplicate resource error")
}

impl RealmFile {
    /// Reads and checks a file and makes the keys that it does not bring. Needs no connection.
    ///
    /// # Errors
    /// In Keycloak's words, where it has some; 501 for what this server cannot keep and must not drop.
    pub async fn prepare(state: &State, mut rep: RealmRepresentation) -> Result<Self, HttpError> {
        check_name(rep.realm.as_deref())?;
        check_settings(&rep)?;
        realm::settle(&mut rep);
        let users = rep.users.take();
        refuse_areas(&rep)?;
        refuse_components(&rep)?;
        let contents = Contents::read(&rep)?;
        let groups = Groups::read(&rep)?;
        let mut new = NewRealm::prepare(&state.sealer, &state.keys, &rep).await?;
        if let Some(id) = contents.default_role_id(&new.name) {
            new.default_role = id;
        }
        let plan = Plan::make(state, &new, &contents)?;
        let identity_providers = IdentityProviders::read(
            &state.sealer,
            new.id,
            new.shell().settings.ssl_required,
            &rep,
        )?;
        let texts = part(rep.localization_texts.as_ref())?;
        Ok(Self {
            new,
            plan,
            groups,
            identity_providers,
            texts,
            users,
        })
    }

    /// The realm's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.new.name
    }

    /// Writes all but the users.
    ///
    /// # Errors
    /// 409 for a name or an id that is taken.
    pub async fn write(
        self,
        state: &State,
        db: &mut Connection,
        master: Option<&Realm>,
    ) -> Result<Arc<Realm>, HttpError> {
        let Self {
            new,
            plan,
            groups,
            identity_providers,
            texts,
            ..
        } = self;
        let (id, name) = (new.id, new.name.clone());
        let taken = |error: Error| match error {
            Error::Duplicate(constraint) if constraint == "realm_name_key" => {
                HttpError::message(409, &format!("Realm {name} already exists"))
            }
            Error::Duplicate(constraint) if constraint.starts_with("realm_") => duplicate(),
            Error::Duplicate(_) => {
                HttpError::message(409, "Conflict detected. See logs for details")
            }
            other => other.into(),
        };
        let realm = realm::create(&mut *db, &state.sealer, new)
            .await
            .map_err(&taken)?;
        plan.scopes.insert(&mut *db, id).await.map_err(&taken)?;
        client::insert_many(&mut *db, id, &plan.clients)
            .await
            .map_err(&taken)?;
        role::insert_many(&mut *db, id, &plan.roles)
            .await
            .map_err(&taken)?;
        role::insert_composites(&mut *db, id, &plan.composites)
            .await
            .map_err(&taken)?;
        plan.scopes
            .insert_mappings(&mut *db, id)
            .await
            .map_err(&taken)?;
        groups.insert(&mut *db, id).await?;
        identity_providers
            .insert(&mut *db, id)
            .await
            .map_err(&taken)?;
        for (locale, texts) in texts {
            let texts = texts.into_iter().map(|(key, text)| (key, Some(text)));
            localization::put(&mut *db, id, &locale, &texts.collect()).await?;
        }
        if let Some(master) = master {
            in_master(state, &mut *db, master, &name)
                .await
                .map_err(&taken)?;
        }
        Ok(realm)
    }
}
