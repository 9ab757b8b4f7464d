//! What a caller may hand out: the roles that he holds, and those that administer nothing.

use protocol::{HttpError, provision};
use uuid::Uuid;

use super::{Admin, Role, forbidden};

impl Admin {
    /// Refuses to hand out roles that let their holder do what the caller may not: the roles of the clients that
    /// administer realms, `admin` and `create-realm`, directly or inside a composite. A caller hands out what he holds.
    ///
    /// # Errors
    /// 403; from the database.
    pub async fn require_may_grant(&self, roles: &[Uuid]) -> Result<(), HttpError> {
        if self.may_grant(roles).await? {
            Ok(())
        } else {
            Err(forbidden())
        }
    }

    /// The same on a connection of the caller's, in whose transaction the roles may have been made.
    ///
    /// # Errors
    /// As [`Admin::require_may_grant`].
    pub async fn require_may_grant_in(
        &self,
        db: &mut store::Connection,
        roles: &[Uuid],
    ) -> Result<(), HttpError> {
        if self.may_grant_in(db, roles).await? {
            Ok(())
        } else {
            Err(forbidden())
        }
    }

    /// Whether the caller may hand out all of these roles.
    ///
    /// # Errors
    /// From the database.
    pub(crate) async fn may_grant(&self, roles: &[Uuid]) -> Result<bool, HttpError> {
        if self.superuser || roles.is_empty() {
            return Ok(true);
        }
        let mut connection = self.db().acquire().await.map_err(store::Error::from)?;
        self.may_grant_in(&mut connection, roles).await
    }

    async fn may_grant_in(
        &self,
        db: &mut store::Connection,
        roles: &[Uuid],
    ) -> Result<bool, HttpError> {
        if self.superuser {
            return Ok(true);
        }
        let all = realm::role::expand(&mut *db, self.realm.id, roles).await?;
        let owners: Vec<Uuid> = all.iter().filter_map(|role| role.client_id).collect();
        let names = client::client_ids(db, self.realm.id, &owners).await?;
        let own = provision::own_management_client(&self.realm);
        Ok(all
            .iter()
            .all(|role| match role.client_id.and_then(|id| names.get(&id)) {
                None => {
                    !(self.realm.is_master()
                        && (role.name == "admin" || role.name == "create-realm"))
                }
                Some(owner) if *owner == own => self.roles.contains(&role.name) || self.has_all(),
                Some(owner) => !(self.realm.is_master() && owner.ends_with("-realm")),
            }))
    }

    /// Whether the caller holds all that administers the realm.
    fn has_all(&self) -> bool {
        self.superuser
            || self.roles.contains("realm-admin")
            || Role::ALL
                .iter()
                .all(|role| self.roles.contains(role.name()))
    }

    /// Refuses a caller who does not hold all that administers the realm, where he would gain it: by a key that he
    /// knows he could sign tokens of everybody.
    ///
    /// # Errors
    /// 403.
    pub(crate) fn require_all(&self) -> Result<(), HttpError> {
        // Of master that is the whole server.
        if self.superuser || !self.realm.is_master() && self.has_all() {
            Ok(())
        } else {
            Err(forbidden())
        }
    }
}
