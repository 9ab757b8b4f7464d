//! What access rules look at: a user, the groups that the user is in, and the roles that the user holds.

use std::collections::{HashMap, HashSet};

use sqlx::PgExecutor;
use sqlx::types::Json;
use store::Result;
use uuid::Uuid;

use crate::User;
use crate::mapping::{RoleNames, names_of_user};

/// What of a user rules ask for beside the name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The groups.
    pub groups: bool,
    /// The roles.
    pub roles: bool,
}

/// Somebody who has signed in, as access rules see them.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// In lower case.
    pub username: String,
    /// The e-mail address, if it is verified; in lower case.
    pub verified_email: Option<String>,
    /// The groups that the user is directly in, each as the names from the top down.
    pub groups: Vec<Vec<String>>,
    /// The paths of these and of those above them.
    within: HashSet<String>,
    realm_roles: HashSet<String>,
    client_roles: HashMap<String, HashSet<String>>,
}

impl Subject {
    /// From what the database tells.
    #[must_use]
    pub fn new(user: &User, groups: Vec<Vec<String>>, roles: RoleNames) -> Self {
        let mut within = HashSet::new();
        for names in &groups {
            let mut path = String::new();
            for name in names {
                path.push('/');
                path.push_str(name);
                within.insert(path.clone());
            }
        }
        let verified = user.email.as_ref().filter(|_| user.email_verified);
        Self {
            username: user.username.clone(),
            verified_email: verified.cloned(),
            groups,
            within,
            realm_roles: roles.realm.into_iter().collect(),
            client_roles: roles
                .clients
                .into_iter()
                .map(|(client, names)| (client, names.into_iter().collect()))
                .collect(),
        }
    }

    /// Whether the user is in the group with this path, or in one below it.
    #[must_use]
    pub fn is_within(&self, path: &str) -> bool {
        self.within.contains(path)
    }

    /// Whether the user holds a role of the realm.
    #[must_use]
    pub fn has_realm_role(&self, name: &str) -> bool {
        self.realm_roles.contains(name)
    }

    /// Whether the user holds a role of the client with this clientId.
    #[must_use]
    pub fn has_client_role(&self, client: &str, name: &str) -> bool {
        let roles = self.client_roles.get(client);
        roles.is_some_and(|roles| roles.contains(name))
    }
}

/// What rules that need this look at in a user: one query, or none where the user alone is enough. Ten thousand groups and
/// roles at most.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: &User,
    needs: Needs,
) -> Result<Subject> {
    if needs == Needs::default() {
        return Ok(Subject::new(user, Vec::new(), RoleNames::default()));
    }
    const SQL: &str = concat!(
        "select case when $3 then (select coalesce(json_agg(m.names order by m.names), '[]') from (with recursive up \
         (id, names, parent_id) as (select g.id, array[g.name], g.parent_id from user_group o join group_entity g \
         on g.realm_id = $1 and g.id = o.group_id where o.realm_id = $1 and o.user_id = u.id union all select up.id, \
         p.name || up.names, p.parent_id from up join group_entity p on p.realm_id = $1 and p.id = up.parent_id) \
         select names from up where parent_id is null order by names limit 10000) m) else '[]' end, case when $4 then ",
        names_of_user!(),
        " else '[]' end from (select $2::uuid as id) u"
    );
    let (Json(groups), Json(roles)) = sqlx::query_as(SQL)
        .bind(realm)
        .bind(user.id)
        .bind(needs.groups)
        .bind(needs.roles)
        .fetch_one(db)
        .await?;
    Ok(Subject::new(user, groups, RoleNames::from_pairs(roles)))
}
