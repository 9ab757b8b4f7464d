//! Making and changing users: everything is checked and hashed first, then written in one go.

mod apply;
mod bulk;
pub mod known;
mod own;

use realm::{Realm, Sealer};
use sqlx::types::Json;
use store::{Connection, Result, clock};
use uuid::Uuid;

use crate::consent::UserConsentRepresentation;
use crate::credential::{self, Prepared, UPDATE_PASSWORD};
use crate::error::{SAME_EMAIL, SAME_USERNAME};
use crate::password::PasswordHash;
use crate::{Hasher, User, UserRepresentation, WriteError, group, lockout, mapping, profile};
use apply::{apply, changed, check, defaults};

pub use apply::is_required_action;
pub use bulk::{add_service_accounts, insert_many};
pub use own::{Changed, may_edit, update_own};

/// Where a new user comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// From a realm's import (or this server itself): `id`, `createdTimestamp`, `notBefore`, `serviceAccountClientId`,
    /// `attributes`, `realmRoles` and `clientRoles` are honoured, and the profile need not validate. The user
    /// gets neither the default role nor the default groups unless they are named, as in Keycloak.
    pub import: bool,
    /// The client (its uuid) whose service account the user is.
    pub service_account: Option<Uuid>,
}

/// A user that is checked and hashed, and not stored yet.
pub struct Draft {
    user: User,
    credentials: Vec<Prepared>,
    service_account_client_id: Option<String>,
    /// Whether the user gets the default role and joins the default groups.
    defaults: bool,
    roles: Vec<(Option<String>, String)>,
    groups: Vec<String>,
    consents: Vec<UserConsentRepresentation>,
}

/// Checks a new user and hashes its passwords. Needs no connection, and takes as long as hashing does.
///
/// # Errors
/// Any [`WriteError`] but a conflict.
pub async fn prepare(
    hasher: &Hasher,
    realm: &Realm,
    rep: &UserRepresentation,
    options: Options,
) -> Result<Draft, WriteError> {
    let mut user = User {
        id: Uuid::new_v4(),
        created_timestamp: clock::now_ms(),
        service_account_client: options.service_account,
        ..User::default()
    };
    apply(&mut user, realm, rep, options.import);
    if options.import {
        user.id = rep
            .id
            .as_deref()
            .and_then(|id| id.parse().ok())
            .unwrap_or(user.id);
        user.created_timestamp = rep.created_timestamp.unwrap_or(user.created_timestamp);
        user.not_before = rep.not_before.unwrap_or_default();
    }
    if options.import || options.service_account.is_some() {
        profile::check_bounds(&user)?;
    } else {
        defaults(&mut user, realm);
        // What administrators may not set on a new user is dropped, as in Keycloak.
        check(&user, realm, vec![])?;
        for action in realm::required_action::asked_of_new_users(&realm.rep) {
            if !user.required_actions.contains(&action) {
                user.required_actions.push(action);
            }
        }
    }
    let credentials = match &rep.credentials {
        Some(credentials) => {
            credential::prepare(
                hasher,
                realm,
                (&user.username, user.email.as_deref()),
                credentials,
                options.import,
            )
            .await?
        }
        None => vec![],
    };
    require_update(&mut user, &credentials);
    let import = options.import.then_some(rep);
    Ok(Draft {
        user,
        credentials,
        service_account_client_id: import.and_then(|rep| rep.service_account_client_id.clone()),
        defaults: import.is_none() || options.service_account.is_some(),
        roles: import.map(role_names).unwrap_or_default(),
        groups: rep.groups.clone().unwrap_or_default(),
        consents: import
            .and_then(|rep| rep.client_consents.clone())
            .unwrap_or_default(),
    })
}

fn role_names(rep: &UserRepresentation) -> Vec<(Option<String>, String)> {
    let realm = rep
        .realm_roles
        .iter()
        .flatten()
        .map(|name| (None, name.clone()));
    let clients = rep.client_roles.iter().flatten();
    let clients = clients.flat_map(|(client, names)| {
        names
            .iter()
            .map(|name| (Some(client.clone()), name.clone()))
    });
    realm.chain(clients).collect()
}

impl Draft {
    /// The user as it will be.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The roles that an import gives the user by name, each with its client's clientId or none.
    #[must_use]
    pub fn roles(&self) -> &[(Option<String>, String)] {
        &self.roles
    }

    /// The paths of the groups that the user is to join.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Whether [`Draft::insert`] is one statement, which needs no transaction around it.
    #[must_use]
    pub fn is_one_statement(&self) -> bool {
        let password = Prepared::only_password(&self.credentials).is_some();
        (password || self.credentials.is_empty()) && self.roles.is_empty() && self.groups.is_empty()
    }

    /// Stores the user with its credentials, roles and groups; its id.
    ///
    /// # Errors
    /// [`WriteError::Conflict`] when another has its name or e-mail address; [`WriteError::Limit`] for an unknown role
    /// of an import; [`WriteError::UnknownGroup`].
    pub async fn insert(
        self,
        tx: &mut Connection,
        sealer: &Sealer,
        realm: &Realm,
    ) -> Result<Uuid, WriteError> {
        let user = &self.user;
        let hash = Prepared::only_password(&self.credentials);
        let secret = hash.map(PasswordHash::secret_data);
        // A name that is another's e-mail address, or the other way round, would make logins ambiguous.
        let made: i64 = sqlx::query_scalar(
            "with made as (insert into user_entity (realm_id, id, username, email, email_unique, email_verified, \
             first_name, last_name, enabled, created_timestamp, not_before, service_account_client, attributes, \
             required_actions) select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, (select id from client \
             where realm_id = $1 and client_id = $13)), $14, $15 where not exists (select from user_entity \
             where realm_id = $1 and (email_unique = $3 or username = $5)) returning id), \
             hashed as (insert into credential (realm_id, id, user_id, type, created_date, priority, credential_data, \
             secret_data) select $1, $16, id, 'password', $10, $17, $18, $19 from made where $18 is not null), \
             mapped as (insert into user_role (realm_id, user_id, role_id) select $1, id, $21 from made where $20), \
             joined as (insert into user_group (realm_id, user_id, group_id) select $1, made.id, d.group_id \
             from made join default_group d on d.realm_id = $1 where $20) select count(*) from made",
        )
        .bind(realm.id)
        .bind(user.id)
        .bind(&user.username)
        .bind(&user.email)
        .bind(email_unique(realm, user))
        .bind(user.email_verified)
        .bind(&user.first_name)
        .bind(&user.last_name)
        .bind(user.enabled)
        .bind(user.created_timestamp)
        .bind(user.not_before)
        .bind(user.service_account_client)
        .bind(self.service_account_client_id)
        .bind(Json(&user.attributes))
        .bind(&user.required_actions)
        .bind(Uuid::new_v4())
        .bind(credential::PRIORITY_STEP)
        .bind(hash.map(PasswordHash::credential_data))
        .bind(secret.as_ref().map(|secret| secret.as_bytes()))
        .bind(self.defaults)
        .bind(realm.default_role)
        .fetch_one(&mut *tx)
        .await?;
        if made == 0 {
            return Err(collision(tx, realm.id, user).await?);
        }
        if hash.is_none() && !self.credentials.is_empty() {
            credential::insert(tx, sealer, realm.id, user.id, &self.credentials).await?;
        }
        if !self.roles.is_empty() {
            mapping::add_by_name(tx, realm.id, user.id, &self.roles).await?;
        }
        if !self.groups.is_empty() {
            group::join_by_path(tx, realm.id, user.id, &self.groups).await?;
        }
        Ok(self.user.id)
    }
}

/// [`prepare`] and [`Draft::insert`] in one; its id. Callers outside a transaction prepare before they open one, so that
/// no connection is held while hashing.
///
/// # Errors
/// Any [`WriteError`].
pub async fn create(
    tx: &mut Connection,
    hasher: &Hasher,
    sealer: &Sealer,
    realm: &Realm,
    rep: &UserRepresentation,
    options: Options,
) -> Result<Uuid, WriteError> {
    prepare(hasher, realm, rep, options)
        .await?
        .insert(tx, sealer, realm)
        .await
}

/// A change of a user that is checked and hashed, and not stored yet.
pub struct Change<'a> {
    user: Uuid,
    rep: &'a UserRepresentation,
    credentials: Vec<Prepared>,
}

/// Checks a change of a user as it is now, and hashes its passwords. Needs no connection.
///
/// # Errors
/// Any [`WriteError`] but a conflict.
pub async fn prepare_update<'a>(
    hasher: &Hasher,
    realm: &Realm,
    user: &User,
    rep: &'a UserRepresentation,
) -> Result<Change<'a>, WriteError> {
    let changed = changed(user, realm, rep)?;
    let credentials = match &rep.credentials {
        Some(credentials) => {
            credential::prepare(
                hasher,
                realm,
                (&changed.username, changed.email.as_deref()),
                credentials,
                false,
            )
            .await?
        }
        None => vec![],
    };
    Ok(Change {
        user: user.id,
        rep,
        credentials,
    })
}

impl Change<'_> {
    /// Stores the change, over whatever the user has become meanwhile; whether there is such a user.
    ///
    /// # Errors
    /// [`WriteError::Conflict`], [`WriteError::Validation`].
    pub async fn apply(
        self,
        tx: &mut Connection,
        sealer: &Sealer,
        realm: &Realm,
    ) -> Result<bool, WriteError> {
        let sql = crate::select_user!(
            "from user_entity u where u.realm_id = $1 and u.id = $2 for update"
        );
        let known: Option<User> = sqlx::query_as(sql)
            .bind(realm.id)
            .bind(self.user)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(known) = known else { return Ok(false) };
        let mut user = changed(&known, realm, self.rep)?;
        require_update(&mut user, &self.credentials);
        let unlocked =
            self.rep.enabled == Some(true) && lockout::forget_permanent(&mut user.attributes);
        let done = sqlx::query(
            "update user_entity set username = $3, email = $4, email_unique = $5, email_verified = $6, first_name = $7, \
             last_name = $8, enabled = $9, attributes = $10, required_actions = $11 where realm_id = $1 and id = $2 \
             and not exists (select from user_entity where realm_id = $1 and id <> $2 \
             and (email_unique = $3 or username = $5))",
        )
        .bind(realm.id)
        .bind(user.id)
        .bind(&user.username)
        .bind(&user.email)
        .bind(email_unique(realm, &user))
        .bind(user.email_verified)
        .bind(&user.first_name)
        .bind(&user.last_name)
        .bind(user.enabled)
        .bind(Json(&user.attributes))
        .bind(&user.required_actions)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(collision(tx, realm.id, &user).await?);
        }
        credential::insert(tx, sealer, realm.id, user.id, &self.credentials).await?;
        if unlocked {
            lockout::clear(tx, realm.id, user.id).await?;
        }
        Ok(true)
    }
}

/// Reads, checks and changes a user within a transaction; whether there is one. Callers that change passwords use
/// [`prepare_update`] first, so that no connection is held while hashing.
///
/// # Errors
/// Any [`WriteError`].
pub async fn update(
    tx: &mut Connection,
    hasher: &Hasher,
    sealer: &Sealer,
    realm: &Realm,
    id: Uuid,
    rep: &UserRepresentation,
) -> Result<bool, WriteError> {
    let Some(user) = crate::find(&mut *tx, realm.id, id).await? else {
        return Ok(false);
    };
    prepare_update(hasher, realm, &user, rep)
        .await?
        .apply(tx, sealer, realm)
        .await
}

/// Follows a realm's `duplicateEmailsAllowed`: with it off, addresses have to be unique from now on.
///
/// # Errors
/// [`store::Error::Duplicate`] `user_email_key` when two users share one.
pub async fn set_duplicate_emails(tx: &mut Connection, realm: Uuid, allowed: bool) -> Result<()> {
    sqlx::query("update user_entity set email_unique = case when $2 then null else email end where realm_id = $1")
        .bind(realm)
        .bind(allowed)
        .execute(tx)
        .await?;
    Ok(())
}

/// Which of the two the insert or update ran into, in words.
async fn collision(tx: &mut Connection, realm: Uuid, user: &User) -> Result<WriteError> {
    let name: bool = sqlx::query_scalar(
        "select exists (select from user_entity where realm_id = $1 and id <> $2 and email_unique = $3)",
    )
    .bind(realm)
    .bind(user.id)
    .bind(&user.username)
    .fetch_one(tx)
    .await?;
    Ok(WriteError::Conflict(if name {
        SAME_USERNAME
    } else {
        SAME_EMAIL
    }))
}

fn email_unique<'a>(realm: &Realm, user: &'a User) -> Option<&'a str> {
    user.email
        .as_deref()
        .filter(|_| !realm.settings.duplicate_emails_allowed)
}

fn require_update(user: &mut User, credentials: &[Prepared]) {
    let required = user
        .required_actions
        .iter()
        .any(|action| action == UPDATE_PASSWORD);
    if !required && credentials.iter().any(|credential| credential.temporary) {
        user.required_actions.push(UPDATE_PASSWORD.to_owned());
    }
}
