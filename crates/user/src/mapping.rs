//! Which roles users and groups hold: directly, through groups and through composites.

mod names;

use realm::role::{Of, Role};
use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

use crate::User;

pub use names::{RoleNames, effective_names, find_by_names};
pub(crate) use names::{add_by_name, add_to_groups, find_or_create, names_of_user};

/// Roles that one listing gives at most.
const MAX_LISTED: i64 = realm::role::MAX_LISTED;

/// `select` of a [`Role`] from `role r`.
macro_rules! select_role {
    ($before:literal, $rest:literal) => {
        concat!(
            $before,
            "select r.id, r.client_id, r.name, r.description, r.attributes, exists (select from role_composite k \
             where k.realm_id = r.realm_id and k.parent_id = r.id) as composite from role r ",
            $rest
        )
    };
}

/// Whose roles are meant. A bare id is a user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A user, who holds the roles of the groups that it is in, too, and of the groups above those.
    User(Uuid),
    /// A group, which holds the roles of the groups above it, too.
    Group(Uuid),
}

impl From<Uuid> for Owner {
    fn from(user: Uuid) -> Self {
        Self::User(user)
    }
}

impl Owner {
    fn id(self) -> Uuid {
        match self {
            Self::User(id) | Self::Group(id) => id,
        }
    }
}

/// `recursive`, then the groups that give roles as `up (id, parent_id)` and the ids of all roles as `held (id)`, in realm
/// `$1`: of the groups that the first part selects and the roles that the second does, with what they contain. `union`
/// stops at a circle.
macro_rules! held {
    ($groups:expr, $roles:expr) => {
        concat!(
            "recursive up (id, parent_id) as (",
            $groups,
            " union select p.id, p.parent_id from up join group_entity p on p.realm_id = $1 and p.id = up.parent_id), \
             held (id) as (",
            $roles,
            "select m.role_id from up join group_role m on m.realm_id = $1 and m.group_id = up.id \
             union select c.child_id from held h join role_composite c on c.realm_id = $1 and c.parent_id = h.id) "
        )
    };
}

/// [`held`] of the user whose id this expression is: all that says which roles somebody has.
macro_rules! held_by_user {
    ($user:literal) => {
        crate::mapping::held!(
            concat!(
                "select g.id, g.parent_id from user_group m join group_entity g on g.realm_id = $1 and g.id = m.group_id \
                 where m.realm_id = $1 and m.user_id = ",
                $user
            ),
            concat!(
                "select m.role_id from user_role m where m.realm_id = $1 and m.user_id = ",
                $user,
                " union "
            )
        )
    };
}

/// [`held`] of group `$2` and of those above it, or of the group alone: `parent_id`, or null.
macro_rules! held_by_group {
    ($parent:literal) => {
        held!(
            concat!(
                "select id, ",
                $parent,
                " from group_entity where realm_id = $1 and id = $2"
            ),
            ""
        )
    };
}
pub(crate) use {held, held_by_user};

/// `$3`: null for all roles; the nil uuid for realm roles; else a client's uuid.
fn of(which: Of) -> Option<Uuid> {
    match which {
        Of::All => None,
        Of::Realm => Some(Uuid::nil()),
        Of::Client(client) => Some(client),
    }
}

macro_rules! of_kind {
    ($rest:literal) => {
        concat!(
            "($3::uuid is null or coalesce(r.client_id, '00000000-0000-0000-0000-000000000000') = $3) ",
            $rest
        )
    };
}

/// The roles mapped to a user or a group directly, ordered by name.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn direct(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: impl Into<Owner>,
    which: Of,
) -> Result<Vec<Role>> {
    const OF_USER: &str = concat!(
        select_role!(
            "",
            "join user_role m on m.realm_id = r.realm_id and m.role_id = r.id where m.realm_id = $1 \
         and m.user_id = $2 and "
        ),
        of_kind!("order by r.name, r.id limit $4")
    );
    const OF_GROUP: &str = concat!(
        select_role!(
            "",
            "join group_role m on m.realm_id = r.realm_id and m.role_id = r.id where m.realm_id = $1 \
         and m.group_id = $2 and "
        ),
        of_kind!("order by r.name, r.id limit $4")
    );
    select(db, [OF_USER, OF_GROUP], realm, owner.into(), which).await
}

/// The roles that could be mapped to a user or a group and are not, ordered by name.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn available(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: impl Into<Owner>,
    which: Of,
) -> Result<Vec<Role>> {
    const TO_USER: &str = concat!(
        select_role!(
            "",
            "where r.realm_id = $1 and not exists (select from user_role m where m.realm_id = $1 \
         and m.user_id = $2 and m.role_id = r.id) and "
        ),
        of_kind!("order by r.name, r.id limit $4")
    );
    const TO_GROUP: &str = concat!(
        select_role!(
            "",
            "where r.realm_id = $1 and not exists (select from group_role m where m.realm_id = $1 \
         and m.group_id = $2 and m.role_id = r.id) and "
        ),
        of_kind!("order by r.name, r.id limit $4")
    );
    select(db, [TO_USER, TO_GROUP], realm, owner.into(), which).await
}

/// The roles that a user or a group holds, directly, through groups or through composites, ordered by name. Of a group's
/// roles of one client those of the groups above it are left out, as in Keycloak.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn effective(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: impl Into<Owner>,
    which: Of,
) -> Result<Vec<Role>> {
    macro_rules! select_held {
        ($held:expr) => {
            concat!(
                "with ",
                $held,
                select_role!(
                    "",
                    "where r.realm_id = $1 and r.id in (select id from held) and "
                ),
                of_kind!("order by r.name, r.id limit $4")
            )
        };
    }
    const OF_USER: &str = select_held!(held_by_user!("$2"));
    const OF_GROUP: &str = select_held!(held_by_group!("parent_id"));
    const OF_GROUP_ALONE: &str = select_held!(held_by_group!("null::uuid"));
    let of_group = match which {
        Of::Client(_) => OF_GROUP_ALONE,
        Of::All | Of::Realm => OF_GROUP,
    };
    select(db, [OF_USER, of_group], realm, owner.into(), which).await
}

/// Runs the statement for users or the one for groups.
async fn select(
    db: impl PgExecutor<'_>,
    [of_user, of_group]: [&'static str; 2],
    realm: Uuid,
    owner: Owner,
    which: Of,
) -> Result<Vec<Role>> {
    let sql = match owner {
        Owner::User(_) => of_user,
        Owner::Group(_) => of_group,
    };
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(owner.id())
        .bind(of(which))
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?)
}

/// The roles that the service accounts of these clients hold directly and by their groups, but for one account: pairs of a
/// client and a role. Not what those contain.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn of_service_accounts(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    clients: &[Uuid],
    but: Option<Uuid>,
) -> Result<Vec<(Uuid, Uuid)>> {
    Ok(sqlx::query_as(
        "with recursive account (id, client) as (select id, service_account_client from user_entity where realm_id = $1 \
         and service_account_client = any($2) and id is distinct from $3), \
         up (client, id, parent_id) as (select a.client, g.id, g.parent_id from account a join user_group m \
         on m.realm_id = $1 and m.user_id = a.id join group_entity g on g.realm_id = $1 and g.id = m.group_id \
         union select up.client, p.id, p.parent_id from up join group_entity p on p.realm_id = $1 and p.id = up.parent_id) \
         select a.client, m.role_id from account a join user_role m on m.realm_id = $1 and m.user_id = a.id \
         union select up.client, m.role_id from up join group_role m on m.realm_id = $1 and m.group_id = up.id",
    )
    .bind(realm)
    .bind(clients)
    .bind(but)
    .fetch_all(db)
    .await?)
}

/// Whether a user holds a role, directly, through groups or through composites.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn holds(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid, role: Uuid) -> Result<bool> {
    const SQL: &str = concat!(
        "with ",
        held_by_user!("$2"),
        "select exists (select from held where id = $3)"
    );
    Ok(sqlx::query_scalar(SQL)
        .bind(realm)
        .bind(user)
        .bind(role)
        .fetch_one(db)
        .await?)
}

/// The users to whom a role is mapped directly, ordered by name; at most [`crate::search::MAX_LISTED`].
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn holders(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    role: Uuid,
    first: i64,
    max: i64,
) -> Result<Vec<User>> {
    let sql = crate::select_user!(
        "from (select u.* from user_role m join user_entity u on u.realm_id = m.realm_id and u.id = m.user_id \
         where m.realm_id = $1 and m.role_id = $2 order by u.username offset $3 limit $4) u order by u.username"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(role)
        .bind(first.max(0))
        .bind(max.clamp(0, crate::search::MAX_LISTED))
        // Whether few or most users hold the role decides between two ways: a plan is made for each.
        .persistent(false)
        .fetch_all(db)
        .await?)
}

/// Maps roles to a user or a group; those that it has already stay.
///
/// # Errors
/// [`store::Error::Missing`] when the user, the group or a role is not there.
pub async fn add(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: impl Into<Owner>,
    roles: &[Uuid],
) -> Result<()> {
    let owner = owner.into();
    sqlx::query(match owner {
        Owner::User(_) => {
            "insert into user_role (realm_id, user_id, role_id) select $1, $2, unnest($3::uuid[]) on conflict do nothing"
        }
        Owner::Group(_) => {
            "insert into group_role (realm_id, group_id, role_id) select $1, $2, unnest($3::uuid[]) on conflict do nothing"
        }
    })
    .bind(realm)
    .bind(owner.id())
    .bind(roles)
    .execute(db)
    .await?;
    Ok(())
}

/// Takes roles from a user or a group; those that it does not have do not matter.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn remove(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: impl Into<Owner>,
    roles: &[Uuid],
) -> Result<()> {
    let owner = owner.into();
    sqlx::query(match owner {
        Owner::User(_) => {
            "delete from user_role where realm_id = $1 and user_id = $2 and role_id = any($3)"
        }
        Owner::Group(_) => {
            "delete from group_role where realm_id = $1 and group_id = $2 and role_id = any($3)"
        }
    })
    .bind(realm)
    .bind(owner.id())
    .bind(roles)
    .execute(db)
    .await?;
    Ok(())
}
