//! Credentials of a representation: checked and hashed first, stored later.

use realm::{Realm, Sealer};
use serde_json::Value;
use store::{Connection, Result, clock};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    MAX_CREDENTIALS, PRIORITY_STEP, check_label, check_password, history, replace_password,
};
use crate::password::{self, Hasher, PasswordHash};
use crate::{CredentialRepresentation, WriteError, app_password};

/// Bytes of a `credentialData` or `secretData`.
const MAX_DATA: usize = 16 * 1024;
/// The types besides `password`; those of others are dropped, as Keycloak never shows them.
const SECOND_FACTORS: [&str; 4] = [
    "otp",
    "webauthn",
    "webauthn-passwordless",
    "recovery-authn-codes",
];

/// A credential of a representation, checked and hashed, so that storing it is quick.
pub(crate) struct Prepared {
    kind: Kind,
    /// Whether the user has to change the password at the next login.
    pub(crate) temporary: bool,
}

impl Prepared {
    /// The hash, where these are one new password and nothing else.
    pub(crate) fn only_password(prepared: &[Self]) -> Option<&PasswordHash> {
        match prepared {
            [
                Self {
                    kind: Kind::Password(hash),
                    ..
                },
            ] => Some(hash),
            _ => None,
        }
    }
}

enum Kind {
    Password(PasswordHash),
    Stored(Box<Stored>),
}

struct Stored {
    id: Uuid,
    type_: String,
    user_label: Option<String>,
    created_date: Option<i64>,
    priority: Option<i32>,
    data: String,
    secret: Secret,
}

enum Secret {
    /// A password's hash, stored as it is.
    Hash(Zeroizing<String>),
    /// Anything else, sealed.
    Sealed(Zeroizing<String>),
}

/// Checks the credentials of a representation and hashes the passwords among them. Those that bring their hash or secret
/// keep their `id` with `keep_ids`, as in the import of a realm.
///
/// # Errors
/// [`WriteError::Policy`], [`WriteError::Credential`], [`store::Error::Busy`] as [`WriteError::Store`].
pub(crate) async fn prepare(
    hasher: &Hasher,
    realm: &Realm,
    (username, email): (&str, Option<&str>),
    reps: &[CredentialRepresentation],
    keep_ids: bool,
) -> Result<Vec<Prepared>, WriteError> {
    let is_app_password = |rep: &&CredentialRepresentation| {
        rep.value.is_none() && rep.r#type.as_deref() == Some(app_password::TYPE)
    };
    let app_passwords = reps.iter().filter(is_app_password).count();
    for (number, most, what) in [
        (reps.len() - app_passwords, MAX_CREDENTIALS, "credentials"),
        (app_passwords, app_password::MAX, "app passwords"),
    ] {
        if i64::try_from(number).is_ok_and(|number| number > most) {
            return Err(WriteError::Limit(format!(
                "A user has at most {most} {what}"
            )));
        }
    }
    // All are checked before the first is hashed.
    let mut passwords = vec![];
    let mut prepared = vec![];
    for rep in reps {
        match rep.value.as_deref() {
            // Keycloak stores an empty credential, with which nobody can log in.
            Some("") => {}
            // As there, the type of a credential with a value does not matter.
            Some(value) => {
                check_password(realm, username, email, value)?;
                passwords.push((value, rep.temporary.unwrap_or(false)));
            }
            None => prepared.extend(stored(rep, keep_ids)?),
        }
    }
    for (value, temporary) in passwords {
        prepared.push(Prepared {
            kind: Kind::Password(hasher.hash(value).await?),
            temporary,
        });
    }
    Ok(prepared)
}

fn stored(rep: &CredentialRepresentation, keep_ids: bool) -> Result<Option<Prepared>, WriteError> {
    let refused = |text: &str| WriteError::Credential(text.to_owned());
    let type_ = rep.r#type.as_deref().unwrap_or("password");
    let (data, secret) = match (
        &rep.credential_data,
        &rep.secret_data,
        &rep.hashed_salted_value,
    ) {
        (Some(data), Some(secret), _) => (data.clone(), secret.clone()),
        (None, None, Some(value)) if type_ == "password" => {
            let algorithm = rep.algorithm.as_deref().unwrap_or("pbkdf2");
            let iterations = rep.hash_iterations.unwrap_or_default().into();
            password::legacy(
                value,
                rep.salt.as_deref().unwrap_or_default(),
                iterations,
                algorithm,
            )
        }
        _ => return Err(refused("No password provided")),
    };
    let secret = Zeroizing::new(secret);
    if data.len() > MAX_DATA || secret.len() > MAX_DATA {
        return Err(refused("The credential is too long"));
    }
    if !store::text::storable(&data) || !matches!(serde_json::from_str(&data), Ok(Value::Object(_)))
    {
        return Err(refused("credentialData is no JSON object"));
    }
    check_label(rep.user_label.as_deref().unwrap_or_default())?;
    let secret = match type_ {
        "password" | history::TYPE => {
            // The hash is kept as it came; reading it shows that it can be checked, at a bounded cost.
            PasswordHash::parse(&data, secret.as_bytes())
                .map_err(|error| WriteError::Credential(error.to_string()))?;
            Secret::Hash(secret)
        }
        app_password::TYPE => {
            app_password::check_stored(&data, &secret)?;
            Secret::Sealed(secret)
        }
        other if SECOND_FACTORS.contains(&other) => Secret::Sealed(secret),
        _ => return Ok(None),
    };
    let given: Option<Uuid> = rep.id.as_deref().and_then(|id| id.parse().ok());
    let id = match type_ {
        // What its owner holds names it by its id.
        app_password::TYPE => given.ok_or_else(|| refused("An app password comes with its id"))?,
        _ => given.filter(|_| keep_ids).unwrap_or_else(Uuid::new_v4),
    };
    let stored = Stored {
        id,
        type_: type_.to_owned(),
        user_label: rep.user_label.clone(),
        created_date: rep.created_date,
        priority: rep.priority,
        data,
        secret,
    };
    Ok(Some(Prepared {
        kind: Kind::Stored(Box::new(stored)),
        temporary: false,
    }))
}

/// Stores prepared credentials. The caller holds the user's row.
pub(crate) async fn insert(
    tx: &mut Connection,
    sealer: &Sealer,
    realm: Uuid,
    user: Uuid,
    prepared: &[Prepared],
) -> Result<()> {
    let mut rows = Rows::default();
    for (number, credential) in (1..).zip(prepared) {
        match &credential.kind {
            Kind::Password(hash) => replace_password(tx, realm, user, hash).await?,
            Kind::Stored(stored) => rows.add(sealer, realm, user, number, stored)?,
        }
    }
    rows.insert(tx, realm).await
}

/// Stores the prepared credentials of new users in one statement.
pub(crate) async fn insert_many<'a>(
    tx: &mut Connection,
    sealer: &Sealer,
    realm: Uuid,
    prepared: impl Iterator<Item = (Uuid, &'a [Prepared])>,
) -> Result<()> {
    let mut rows = Rows::default();
    for (user, prepared) in prepared {
        for (number, credential) in (1..).zip(prepared) {
            match &credential.kind {
                Kind::Password(hash) => rows.add_password(user, number, hash),
                Kind::Stored(stored) => rows.add(sealer, realm, user, number, stored)?,
            }
        }
    }
    rows.insert(tx, realm).await
}

/// The rows that credentials become, column by column.
#[derive(Default)]
struct Rows {
    ids: Vec<Uuid>,
    users: Vec<Uuid>,
    types: Vec<String>,
    labels: Vec<Option<String>>,
    created: Vec<i64>,
    priorities: Vec<i32>,
    data: Vec<String>,
    secrets: Vec<Vec<u8>>,
}

impl Rows {
    fn add(
        &mut self,
        sealer: &Sealer,
        realm: Uuid,
        user: Uuid,
        number: i32,
        stored: &Stored,
    ) -> Result<()> {
        self.ids.push(stored.id);
        self.users.push(user);
        self.types.push(stored.type_.clone());
        self.labels.push(stored.user_label.clone());
        self.created
            .push(stored.created_date.unwrap_or_else(clock::now_ms));
        self.priorities
            .push(stored.priority.unwrap_or(number * PRIORITY_STEP));
        self.data.push(stored.data.clone());
        self.secrets.push(match &stored.secret {
            Secret::Hash(hash) => hash.as_bytes().to_vec(),
            Secret::Sealed(plain) => sealer.seal(realm, stored.id, plain.as_bytes())?,
        });
        Ok(())
    }

    fn add_password(&mut self, user: Uuid, number: i32, hash: &PasswordHash) {
        self.ids.push(Uuid::new_v4());
        self.users.push(user);
        self.types.push("password".to_owned());
        self.labels.push(None);
        self.created.push(clock::now_ms());
        self.priorities.push(number * PRIORITY_STEP);
        self.data.push(hash.credential_data());
        self.secrets.push(hash.secret_data().as_bytes().to_vec());
    }

    async fn insert(self, tx: &mut Connection, realm: Uuid) -> Result<()> {
        if self.ids.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "insert into credential (realm_id, id, user_id, type, user_label, created_date, priority, credential_data, \
             secret_data) select $1, * from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], \
             $7::integer[], $8::text[], $9::bytea[])",
        )
        .bind(realm)
        .bind(self.ids)
        .bind(self.users)
        .bind(self.types)
        .bind(self.labels)
        .bind(self.created)
        .bind(self.priorities)
        .bind(self.data)
        .bind(self.secrets)
        .execute(tx)
        .await?;
        Ok(())
    }
}
