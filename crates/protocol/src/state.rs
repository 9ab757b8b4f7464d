//! The parts of a running server that requests share.

use std::sync::Arc;

use realm::{KeyPool, Realms, Sealer};

use crate::Protocols;
use crate::context::Web;
use crate::outbound::Outbound;

/// The parts of a running server that requests share.
pub struct State {
    /// The database.
    pub pool: store::Pool,
    /// Opens and seals stored secrets.
    pub sealer: Sealer,
    /// Writes the events that realms keep.
    pub events: realm::event::Log,
    /// The realms in memory.
    pub realms: Realms,
    /// The clients in memory.
    pub clients: client::Clients,
    /// Hashes passwords.
    pub hasher: user::password::Hasher,
    /// Makes password tries of one user take turns.
    pub gate: user::lockout::Gate,
    /// Passwords that were right a moment ago.
    pub remembered: crate::login::Remembered,
    /// Ready-made signing keys.
    pub keys: KeyPool,
    /// Calls what clients name by URL.
    pub outbound: Arc<Outbound>,
    /// The keys of clients and issuers that were fetched.
    pub key_sets: crate::key_sets::KeySets,
    /// The protocols.
    pub protocols: &'static Protocols,
    /// How the outside calls this server.
    pub web: Web,
}

impl State {
    /// Takes note of a change that this node has just made itself, ahead of the notice.
    pub fn changed(&self, realm: uuid::Uuid) {
        self.realms.forget(realm);
        self.clients.forget_realm(realm);
    }

    /// Takes note that anything may have changed.
    pub fn changed_anywhere(&self) {
        self.realms.forget_all();
        self.clients.forget_all();
    }
}
