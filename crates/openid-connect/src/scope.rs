//! Client scopes in tokens: which a request may have, which are in force, and which a token names.

use std::borrow::Cow;

use client::scope::{KnownScope, Roles};
use client::{Known, Mapper};
use protocol::HttpError;
use user::mapping::RoleNames;

use crate::mappers::types::ORGANIZATION_MEMBERSHIP;

/// The client scopes of every new realm, as part of a realm file.
pub(crate) const REALM_SCOPES: &str = include_str!("realm_scopes.json");

const OPENID: &str = "openid";
/// The scope of offline access, and the realm role that lets a user give it.
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

/// The scopes of a request.
#[derive(Clone, Debug)]
pub(crate) struct Scopes<'a> {
    openid: bool,
    scopes: Vec<&'a KnownScope>,
}

impl<'a> Scopes<'a> {
    /// The client's default scopes and those asked for.
    ///
    /// # Errors
    /// 400 `invalid_scope` when one is asked for that the client does not have.
    pub(crate) fn requested(client: &'a Known, asked: Option<&str>) -> Result<Self, HttpError> {
        let mut scopes = Self::of(client, client.default_client_scopes());
        let Some(asked) = asked else {
            return Ok(scopes);
        };
        for name in asked.split(' ').filter(|name| !name.is_empty()) {
            if scopes.add(client, name) {
                continue;
            }
            return Err(invalid(asked));
        }
        if asked.trim().is_empty() {
            return Err(invalid(asked));
        }
        Ok(scopes)
    }

    /// The same, passing over what the client does not have.
    pub(crate) fn tried(client: &'a Known, asked: &str) -> Self {
        let mut scopes = Self::of(client, client.default_client_scopes());
        for name in asked.split(' ') {
            scopes.add(client, name);
        }
        scopes
    }

    /// Reads what [`Scopes::all`] wrote, leaving out what the client has lost since.
    pub(crate) fn remembered(client: &'a Known, text: &str) -> Self {
        let mut scopes = Self::of(client, &[]);
        for name in text.split(' ') {
            scopes.add(client, name);
        }
        scopes
    }

    fn of(client: &'a Known, names: &[String]) -> Self {
        Self {
            openid: false,
            scopes: names
                .iter()
                .filter_map(|name| client.scopes.get(name))
                .collect(),
        }
    }

    /// Adds one that the client has; whether it has it.
    fn add(&mut self, client: &'a Known, name: &str) -> bool {
        if name == OPENID {
            self.openid = true;
            return true;
        }
        let mut names = client
            .default_client_scopes()
            .iter()
            .chain(client.optional_client_scopes());
        let Some(scope) = names
            .find(|known| *known == name)
            .and_then(|name| client.scopes.get(name))
        else {
            return false;
        };
        if !self.has(name) {
            self.scopes.push(scope);
        }
        true
    }

    /// What a refresh asks for, which is not more than it had.
    ///
    /// # Errors
    /// 400 `invalid_scope`.
    pub(crate) fn narrowed(
        &self,
        client: &'a Known,
        asked: Option<&str>,
    ) -> Result<Self, HttpError> {
        let Some(text) = asked else {
            return Ok(self.clone());
        };
        let requested = Self::requested(client, asked)?;
        let granted = |name: &str| self.has(name) || self.openid && name == OPENID;
        if text
            .split(' ')
            .any(|name| !name.is_empty() && !granted(name))
        {
            return Err(invalid(text));
        }
        let scopes = self.scopes.iter().copied();
        Ok(Self {
            openid: requested.openid,
            scopes: scopes
                .filter(|known| requested.has(&known.scope.name))
                .collect(),
        })
    }

    /// Those that a user makes come into force: a scope that lets roles through asks for one of them.
    pub(crate) fn permitted(&self, roles: &RoleNames) -> Self {
        let permitted = |known: &&KnownScope| {
            // Nobody belongs to an organization here.
            let mut mappers = known.scope.mappers.iter();
            (known.roles.is_empty() || holds_one(roles, &known.roles))
                && !mappers.any(|mapper| mapper.protocol_mapper == ORGANIZATION_MEMBERSHIP)
        };
        Self {
            openid: self.openid,
            scopes: self.scopes.iter().copied().filter(permitted).collect(),
        }
    }

    /// The roles that a token may carry: all that the user holds, or those that the client and its scopes let through.
    pub(crate) fn roles<'r>(&self, client: &Known, held: &'r RoleNames) -> Cow<'r, RoleNames> {
        if client.full_scope_allowed() {
            return Cow::Borrowed(held);
        }
        let passes = |client_id: Option<&String>, name: &String| {
            let role = (client_id.cloned(), name.clone());
            client.roles.contains(&role)
                || self.scopes.iter().any(|known| known.roles.contains(&role))
        };
        let mut carried = RoleNames::default();
        let realm = held.realm.iter().filter(|name| passes(None, name));
        carried.realm.extend(realm.cloned());
        for (owner, names) in &held.clients {
            let names = names.iter().filter(|name| passes(Some(owner), name));
            let names: Vec<_> = names.cloned().collect();
            if !names.is_empty() {
                carried.clients.insert(owner.clone(), names);
            }
        }
        Cow::Owned(carried)
    }

    /// These scopes, but for `openid`, which is none of the realm's.
    pub(crate) fn known(&self) -> impl Iterator<Item = &'a KnownScope> {
        self.scopes.iter().copied()
    }

    /// The mappers of these scopes.
    pub(crate) fn mappers(&self) -> impl Iterator<Item = &'a Mapper> {
        self.scopes.iter().flat_map(|known| &known.scope.mappers)
    }

    pub(crate) fn openid(&self) -> bool {
        self.openid
    }

    pub(crate) fn offline_access(&self) -> bool {
        self.has(OFFLINE_ACCESS)
    }

    /// All of them, for the refresh token.
    pub(crate) fn all(&self) -> String {
        self.text(|_| true)
    }

    /// Those that an access token names.
    pub(crate) fn named(&self) -> String {
        self.text(|known| {
            let named = known.scope.attribute("include.in.token.scope");
            named.is_none_or(|named| named.eq_ignore_ascii_case("true"))
        })
    }

    fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.scopes.iter().map(|known| known.scope.name.as_str())
    }

    fn text(&self, which: impl Fn(&KnownScope) -> bool) -> String {
        let scopes = self.scopes.iter().filter(|known| which(known));
        let names = scopes.map(|known| known.scope.name.as_str());
        let openid = self.openid.then_some(OPENID);
        openid
            .into_iter()
            .chain(names)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn invalid(asked: &str) -> HttpError {
    HttpError::oauth(400, "invalid_scope", &format!("Invalid scopes: {asked}"))
}

fn holds_one(held: &RoleNames, wanted: &Roles) -> bool {
    wanted.iter().any(|(client, name)| match client {
        None => held.realm.contains(name),
        Some(client) => held
            .clients
            .get(client)
            .is_some_and(|names| names.contains(name)),
    })
}
