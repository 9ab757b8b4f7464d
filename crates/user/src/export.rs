//! Users as realm exports carry them: page after page, with hashes and second factors where those are asked for.

use std::collections::{BTreeMap, HashMap};

use realm::Sealer;
use sqlx::{FromRow, PgExecutor};
use store::{Connection, Result};
use uuid::Uuid;

use crate::{CredentialRepresentation, GroupRepresentation, User, UserRepresentation, consent};

/// Users of one page.
pub const PAGE: i64 = 500;

/// The names of what users hold and are in, read once for all pages.
pub struct Names {
    roles: HashMap<Uuid, (Option<String>, String)>,
    groups: HashMap<Uuid, String>,
}

/// Which users an export is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// The service accounts of clients.
    ServiceAccounts,
}

/// A user as a page reads it.
#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    user: User,
    service_account_client_id: Option<String>,
    roles: Vec<Uuid>,
    groups: Vec<Uuid>,
}

#[derive(FromRow)]
struct CredentialRow {
    id: Uuid,
    user_id: Uuid,
    #[sqlx(rename = "type")]
    type_: String,
    user_label: Option<String>,
    created_date: i64,
    credential_data: String,
    secret_data: Vec<u8>,
}

impl Names {
    /// Reads the names of a realm's roles; `groups` are its groups as [`crate::group::export_tree`] gives them.
    ///
    /// # Errors
    /// [`store::Error::Unavailable`], [`store::Error::Db`].
    pub async fn read(
        db: impl PgExecutor<'_>,
        realm: Uuid,
        groups: &[GroupRepresentation],
    ) -> Result<Self> {
        let roles: Vec<(Uuid, Option<String>, String)> = sqlx::query_as(
            "select r.id, c.client_id, r.name from role r left join client c on c.realm_id = r.realm_id \
             and c.id = r.client_id where r.realm_id = $1",
        )
        .bind(realm)
        .fetch_all(db)
        .await?;
        let mut paths = HashMap::new();
        let mut left: Vec<&GroupRepresentation> = groups.iter().collect();
        while let Some(group) = left.pop() {
            let id = group.id.as_deref().and_then(|id| id.parse().ok());
            paths.extend(id.zip(group.path.clone()));
            left.extend(group.sub_groups.iter().flatten());
        }
        let roles = roles
            .into_iter()
            .map(|(id, client, name)| (id, (client, name)));
        Ok(Self {
            roles: roles.collect(),
            groups: paths,
        })
    }
}

/// The next users after one (its id), in the order of their ids; with credentials when there is a sealer to open them.
///
/// # Errors
/// [`store::Error::Sealed`] when a second factor cannot be opened here.
pub async fn page(
    db: &mut Connection,
    sealer: Option<&Sealer>,
    realm: Uuid,
    names: &Names,
    which: Which,
    after: Option<Uuid>,
) -> Result<Vec<UserRepresentation>> {
    let sql = concat!(
        crate::columns!("select "),
        ", (select c.client_id from client c where c.realm_id = $1 and c.id = u.service_account_client) \
         as service_account_client_id, array(select m.role_id from user_role m where m.realm_id = $1 \
         and m.user_id = u.id) as roles, array(select g.group_id from user_group g where g.realm_id = $1 \
         and g.user_id = u.id) as groups from user_entity u where u.realm_id = $1 and u.id > $2 \
         and ($3 or u.service_account_client is not null) order by u.id limit $4"
    );
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(realm)
        .bind(after.unwrap_or_default())
        .bind(which == Which::All)
        .bind(PAGE)
        .fetch_all(&mut *db)
        .await?;
    let mut credentials = match sealer {
        Some(sealer) => credentials(db, sealer, realm, &rows).await?,
        None => HashMap::new(),
    };
    let users: Vec<Uuid> = rows.iter().map(|row| row.user.id).collect();
    let mut consents: HashMap<Uuid, Vec<_>> = HashMap::new();
    for (user, consent) in consent::list_of(&mut *db, realm, &users).await? {
        consents.entry(user).or_default().push(consent.to_rep());
    }
    let reps = rows.into_iter().map(|row| {
        let credentials = sealer.map(|_| credentials.remove(&row.user.id).unwrap_or_default());
        let client_consents = consents.remove(&row.user.id);
        UserRepresentation {
            client_consents,
            ..rep(row, credentials, names)
        }
    });
    Ok(reps.collect())
}

fn rep(
    row: Row,
    credentials: Option<Vec<CredentialRepresentation>>,
    names: &Names,
) -> UserRepresentation {
    let (mut realm_roles, mut client_roles) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
    let mut roles: Vec<_> = row
        .roles
        .iter()
        .filter_map(|id| names.roles.get(id))
        .collect();
    roles.sort();
    for (client, name) in roles.into_iter().cloned() {
        match client {
            None => realm_roles.push(name),
            Some(client) => client_roles.entry(client).or_default().push(name),
        }
    }
    let mut groups: Vec<String> = row
        .groups
        .iter()
        .filter_map(|id| names.groups.get(id).cloned())
        .collect();
    groups.sort();
    UserRepresentation {
        service_account_client_id: row.service_account_client_id,
        credentials,
        realm_roles: Some(realm_roles),
        client_roles: Some(client_roles).filter(|roles| !roles.is_empty()),
        groups: Some(groups),
        ..row.user.to_rep(None)
    }
}

/// The credentials of these users, in their order, secrets and all.
async fn credentials(
    db: &mut Connection,
    sealer: &Sealer,
    realm: Uuid,
    rows: &[Row],
) -> Result<HashMap<Uuid, Vec<CredentialRepresentation>>> {
    let users: Vec<Uuid> = rows.iter().map(|row| row.user.id).collect();
    let rows: Vec<CredentialRow> = sqlx::query_as(
        "select id, user_id, type, user_label, created_date, credential_data, secret_data from credential \
         where realm_id = $1 and user_id = any($2) order by user_id, priority, id",
    )
    .bind(realm)
    .bind(users)
    .fetch_all(db)
    .await?;
    let mut listed: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let secret = if matches!(row.type_.as_str(), "password" | "password-history") {
            row.secret_data
        } else {
            sealer.open(realm, row.id, &row.secret_data)?.to_vec()
        };
        listed
            .entry(row.user_id)
            .or_default()
            .push(CredentialRepresentation {
                id: Some(row.id.to_string()),
                r#type: Some(row.type_),
                user_label: row.user_label,
                created_date: Some(row.created_date),
                secret_data: Some(String::from_utf8_lossy(&secret).into_owned()),
                credential_data: Some(row.credential_data),
                ..CredentialRepresentation::default()
            });
    }
    Ok(listed)
}
