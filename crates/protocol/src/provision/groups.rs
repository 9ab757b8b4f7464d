//! The groups of a realm file, and those that new users are to join.

use realm::RealmRepresentation;
use serde::Deserialize as _;
use serde_json::Value;
use user::group::{self, GroupRepresentation};
use uuid::Uuid;

use super::write_error;
use crate::HttpError;

/// What a realm file says of groups.
pub(super) struct Groups {
    tree: Vec<GroupRepresentation>,
    defaults: Vec<String>,
}

impl Groups {
    pub(super) fn read(rep: &RealmRepresentation) -> Result<Self, HttpError> {
        let tree = match &rep.groups {
            None | Some(Value::Null) => Vec::new(),
            Some(groups) => Vec::deserialize(groups)
                .map_err(|_| HttpError::message(400, "unable to read contents from stream"))?,
        };
        Ok(Self {
            tree,
            defaults: rep.default_groups.clone().unwrap_or_default(),
        })
    }

    /// Stores them; the roles that they have are there already.
    pub(super) async fn insert(
        &self,
        transaction: &mut store::Connection,
        realm: Uuid,
    ) -> Result<(), HttpError> {
        if !self.tree.is_empty() {
            group::insert_tree(transaction, realm, None, &self.tree)
                .await
                .map_err(refusal)?;
        }
        if !self.defaults.is_empty() {
            // Unknown paths are passed over, as in Keycloak.
            let found = group::find_by_paths(&mut *transaction, realm, &self.defaults).await?;
            let groups: Vec<Uuid> = found.into_iter().flatten().collect();
            group::set_default(transaction, realm, &groups).await?;
        }
        Ok(())
    }
}

fn refusal(error: user::WriteError) -> HttpError {
    match error {
        user::WriteError::Store(store::Error::Duplicate(_)) => {
            HttpError::message(409, "Duplicate resource error")
        }
        other => write_error(other),
    }
}
