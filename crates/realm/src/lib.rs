//! Floor 1: realms, their settings, signing keys, CA, roles and events.

#![warn(missing_docs)]

pub mod admin_event;
pub mod ca;
pub mod cache;
pub mod certificate;
pub mod component;
mod der;
mod derived;
pub mod document;
pub mod event;
pub mod export;
pub mod fallback;
pub mod identity_provider;
pub mod json;
pub mod key;
pub mod localization;
mod new_realm;
mod pool;
pub mod provider;
pub mod public_key;
mod rep;
pub mod required_action;
pub mod role;
pub mod seal;
mod settings;
pub mod smtp;
mod sql;
pub mod user_profile;

use std::sync::Arc;

use uuid::Uuid;

pub use cache::{Realms, tell_changed};
pub use derived::settle;
pub use new_realm::{Created, NewRealm, create};
pub use pool::KeyPool;
pub use rep::RealmRepresentation;
pub use seal::Sealer;
pub use settings::{BruteForceStrategy, Settings, SslRequired};
pub use sql::{delete, find, list, names, update};
pub use store::{Error, Result};
pub use user_profile::UserProfile;

/// A realm as a node keeps it in memory: what every request below it needs, without a query.
pub struct Realm {
    /// The key of all its rows.
    pub id: Uuid,
    /// What clients see as `id`, `containerId` and `parentId`.
    pub public_id: String,
    /// The name in URLs.
    pub name: String,
    /// A disabled realm answers the admin API only.
    pub enabled: bool,
    /// Tokens issued before this second are refused.
    pub not_before: i64,
    /// The composite role that every user of the realm holds.
    pub default_role: Uuid,
    /// Its name.
    pub default_role_name: String,
    /// The settings that decide something, read once.
    pub settings: Settings,
    /// The whole of the settings, as the admin API shows them.
    pub rep: RealmRepresentation,
    /// The attributes of its users, and their rules.
    pub user_profile: Arc<UserProfile>,
    /// The signing, encryption and MAC keys, highest priority first.
    pub keys: Vec<Arc<key::Key>>,
    /// The certificate of the realm's CA, DER.
    pub ca_certificate: Vec<u8>,
    /// Documents made from all of this.
    pub documents: document::Documents,
}

impl Realm {
    /// The active key for an algorithm (`RS256`, `HS512` …): enabled, active, of the highest priority.
    #[must_use]
    pub fn active_key(&self, algorithm: &str) -> Option<&Arc<key::Key>> {
        self.keys
            .iter()
            .find(|key| key.status == key::Status::Active && key.algorithm == algorithm)
    }

    /// The key with this id, if it may still verify: active or passive, not disabled.
    #[must_use]
    pub fn key(&self, kid: &str) -> Option<&Arc<key::Key>> {
        self.keys
            .iter()
            .find(|key| key.status != key::Status::Disabled && key.kid == kid)
    }

    /// Whether this is the realm of the server's own administrators.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.name == MASTER
    }
}

/// The realm of the server's own administrators. It can neither be renamed nor deleted.
pub const MASTER: &str = "master";
