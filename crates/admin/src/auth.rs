//! The permission gate: whose token a call carries, and what its holder may do with the realm it is about.
//!
//! A token of any realm of this server is taken; roles are read from the database on every call, so what is taken away
//! is gone at once. Realm master's users act on a realm by `admin`, or by the roles of master's client `{realm}-realm`;
//! a realm's own users by the roles of its client `realm-management`, and on that realm only.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use protocol::context::decode_segment;
use protocol::{HttpError, Request, State, provision, token};
use realm::{MASTER, Realm};
use serde::Deserialize;
use uuid::Uuid;

/// A role that administers a realm. Keycloak's names, with `_` for `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `create-client`
    CreateClient,
    /// `impersonation`
    Impersonation,
    /// `manage-clients`
    ManageClients,
    /// `manage-events`
    ManageEvents,
    /// `manage-identity-providers`
    ManageIdentityProviders,
    /// `manage-realm`
    ManageRealm,
    /// `manage-users`
    ManageUsers,
    /// `query-clients`
    QueryClients,
    /// `query-groups`
    QueryGroups,
    /// `query-users`
    QueryUsers,
    /// `view-clients`
    ViewClients,
    /// `view-events`
    ViewEvents,
    /// `view-realm`
    ViewRealm,
    /// `view-users`
    ViewUsers,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::CreateClient => "create-client",
            Self::Impersonation => "impersonation",
            Self::ManageClients => "manage-clients",
            Self::ManageEvents => "manage-events",
            Self::ManageIdentityProviders => "manage-identity-providers",
            Self::ManageRealm => "manage-realm",
            Self::ManageUsers => "manage-users",
            Self::QueryClients => "query-clients",
            Self::QueryGroups => "query-groups",
            Self::QueryUsers => "query-users",
            Self::ViewClients => "view-clients",
            Self::ViewEvents => "view-events",
            Self::ViewRealm => "view-realm",
            Self::ViewUsers => "view-users",
        }
    }
}

/// Who calls, and the realm that the call is about (master, where the path names none).
///
/// Taking it as an argument is what lets a handler run: 401 without a good token, 404 `{"error":"Realm not found."}`.
/// What the caller may do is for the handler to ask, by [`Admin::require`], before it looks anything up.
pub struct Admin {
    /// The request.
    pub request: Request,
    /// The realm that the call is about.
    pub realm: Arc<Realm>,
    /// The realm of the caller.
    pub home: Arc<Realm>,
    /// The caller's id.
    pub user: Uuid,
    /// The caller's session, where the token has one.
    pub session: Option<String>,
    roles: HashSet<String>,
    realm_roles: HashSet<String>,
    superuser: bool,
}

impl Admin {
    /// The server's parts.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.request.state
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &store::Pool {
        &self.request.state.pool
    }

    /// Whether the caller holds one of these roles on the realm.
    #[must_use]
    pub fn has(&self, any: &[Role]) -> bool {
        self.superuser
            || self.roles.contains("realm-admin")
            || any.iter().any(|role| self.roles.contains(role.name()))
    }

    /// Refuses a caller who holds none of these roles on the realm.
    ///
    /// # Errors
    /// 403 `{"error":"HTTP 403 Forbidden"}`.
    pub fn require(&self, any: &[Role]) -> Result<(), HttpError> {
        if self.has(any) {
            Ok(())
        } else {
            Err(forbidden())
        }
    }

    /// Refuses a caller who holds no administrative role on the realm. `impersonation` alone is none.
    ///
    /// # Errors
    /// 403.
    pub fn require_any(&self) -> Result<(), HttpError> {
        if self.superuser || self.roles.iter().any(|role| role != "impersonation") {
            Ok(())
        } else {
            Err(forbidden())
        }
    }

    /// Refuses a caller who administers no realm at all.
    ///
    /// # Errors
    /// 403; from the database.
    pub async fn require_any_anywhere(&self) -> Result<(), HttpError> {
        if self.require_any().is_ok() || self.require_create_realm().is_ok() {
            return Ok(());
        }
        let names = user::mapping::effective_names(self.db(), self.home.id, self.user).await?;
        let administers = names.clients.iter().any(|(client, roles)| {
            (*client == provision::own_management_client(&self.home)
                || self.home.is_master() && client.ends_with("-realm"))
                && roles.iter().any(|role| role != "impersonation")
        });
        if administers {
            Ok(())
        } else {
            Err(forbidden())
        }
    }

    /// Whether the caller administers the whole server.
    #[must_use]
    pub fn is_superuser(&self) -> bool {
        self.superuser
    }

    /// Refuses a caller who may not make realms: only `admin` and `create-realm` of master.
    ///
    /// # Errors
    /// 403.
    pub fn require_create_realm(&self) -> Result<(), HttpError> {
        let may =
            self.superuser || self.home.is_master() && self.realm_roles.contains("create-realm");
        if may { Ok(()) } else { Err(forbidden()) }
    }

    /// Refuses to hand out roles that let their holder do what the caller may not: the roles of the clients that
    /// administer realms, `admin` and `create-realm`, directly or inside a composite. A caller hands out what he holds.
    ///
    /// # Errors
    /// 403; from the database.
    pub async fn require_may_grant(&self, roles: &[Uuid]) -> Result<(), HttpError> {
        if self.superuser {
            return Ok(());
        }
        let all = realm::role::expand(self.db(), self.realm.id, roles).await?;
        let owners: Vec<Uuid> = all.iter().filter_map(|role| role.client_id).collect();
        let names = client::client_ids(self.db(), self.realm.id, &owners).await?;
        let own = provision::own_management_client(&self.realm);
        for role in &all {
            let dangerous = match role.client_id.and_then(|id| names.get(&id)) {
                None => {
                    self.realm.is_master() && (role.name == "admin" || role.name == "create-realm")
                }
                Some(owner) if *owner == own => {
                    if self.roles.contains("realm-admin") || self.roles.contains(&role.name) {
                        continue;
                    }
                    true
                }
                Some(owner) => self.realm.is_master() && owner.ends_with("-realm"),
            };
            if dangerous {
                return Err(forbidden());
            }
        }
        Ok(())
    }

    /// The realms that the caller may see in a list: all, or none but his own.
    #[must_use]
    pub fn sees_only_home(&self) -> bool {
        !self.home.is_master()
    }

    /// The caller as he is towards another realm; for lists over realms.
    ///
    /// # Errors
    /// From the database.
    pub async fn towards(&self, realms: &[Realm]) -> Result<Vec<bool>, HttpError> {
        if self.superuser {
            return Ok(vec![true; realms.len()]);
        }
        let names = user::mapping::effective_names(self.db(), self.home.id, self.user).await?;
        Ok(realms
            .iter()
            .map(|realm| {
                let client = if self.home.is_master() {
                    provision::management_client(&realm.name)
                } else {
                    client::REALM_MANAGEMENT.to_owned()
                };
                (self.home.is_master() || self.home.id == realm.id)
                    && names
                        .clients
                        .get(&client)
                        .is_some_and(|roles| roles.iter().any(|role| role != "impersonation"))
            })
            .collect())
    }
}

pub(crate) fn forbidden() -> HttpError {
    HttpError::plain(403, "HTTP 403 Forbidden")
}

fn unauthorized() -> HttpError {
    HttpError::plain(401, "HTTP 401 Unauthorized")
}

/// The claims that decide; times in whole seconds, anything else is no token of ours.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: i64,
    iss: String,
    sub: Uuid,
    typ: String,
    azp: String,
    sid: Option<String>,
}

impl FromRequest for Admin {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, HttpError>>>>;

    fn from_request(http: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bearer = {
            let mut values = http.headers().get_all(header::AUTHORIZATION);
            let value = values
                .next()
                .filter(|_| values.next().is_none())
                .and_then(|value| value.to_str().ok());
            let scheme_and_token = value.and_then(|value| value.split_once(' '));
            scheme_and_token
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .map(|(_, token)| token.trim().to_owned())
        };
        let target = http.match_info().get("realm").map(decode_segment);
        let request = Request::from_request(http, payload);
        Box::pin(
            async move { admit(request.await?, &bearer.ok_or_else(unauthorized)?, target).await },
        )
    }
}

/// Takes the token apart, then looks for the realm: whoever has no token learns nothing about realms.
async fn admit(
    request: Request,
    bearer: &str,
    target: Option<Option<String>>,
) -> Result<Admin, HttpError> {
    let state = &request.state;
    let (home, issuer) = token::issuer_realm(bearer).ok_or_else(unauthorized)?;
    let home = state
        .realms
        .get(&home)
        .await?
        .filter(|realm| realm.enabled)
        .ok_or_else(unauthorized)?;
    let claims: Claims =
        token::open(&home, bearer, &["RS256", "ES256", "EdDSA"]).ok_or_else(unauthorized)?;
    if !is_our_issuer(&request, &home, &issuer) || claims.iss != issuer || claims.typ != "Bearer" {
        return Err(unauthorized());
    }
    let now = store::clock::now();
    if claims.exp <= now || claims.nbf > now || claims.iat > now + 60 {
        return Err(unauthorized());
    }
    let client = state
        .clients
        .get(&state.pool, &home, &claims.azp)
        .await?
        .filter(|client| client.enabled)
        .ok_or_else(unauthorized)?;
    // A registry's token is signed by the same realm; it is for the registry and nobody else.
    if client.protocol != "openid-connect"
        || claims.iat < home.not_before.max(client.settings.not_before.unwrap_or(0))
    {
        return Err(unauthorized());
    }
    let holder =
        user::holder::find(&state.pool, home.id, claims.sub, claims.sid.as_deref()).await?;
    if !holder.is_some_and(|holder| {
        holder.enabled && holder.session_live && claims.iat >= holder.not_before
    }) {
        return Err(unauthorized());
    }
    let names = user::mapping::effective_names(&state.pool, home.id, claims.sub).await?;

    let not_found = || HttpError::plain(404, "Realm not found.");
    let realm = match target {
        None => state.realms.get(MASTER).await?.ok_or_else(not_found)?,
        Some(name) => state
            .realms
            .get(&name.ok_or_else(not_found)?)
            .await?
            .ok_or_else(not_found)?,
    };
    let realm_roles: HashSet<String> = names.realm.into_iter().collect();
    let superuser = home.is_master() && realm_roles.contains("admin");
    let management = if home.is_master() {
        Some(provision::management_client(&realm.name))
    } else if home.id == realm.id {
        Some(client::REALM_MANAGEMENT.to_owned())
    } else {
        None
    };
    let mut clients = names.clients;
    let roles = management
        .and_then(|name| clients.remove(&name))
        .unwrap_or_default()
        .into_iter()
        .collect();
    Ok(Admin {
        user: claims.sub,
        session: claims.sid,
        roles,
        realm_roles,
        superuser,
        home,
        realm,
        request,
    })
}

/// Whether a token's issuer is one by which this caller knows the realm: below the base URL, with or without `/auth`.
fn is_our_issuer(request: &Request, home: &Realm, issuer: &str) -> bool {
    let own = request.issuer(&home.name);
    if issuer == own {
        return true;
    }
    let other = request
        .base
        .strip_suffix("/auth")
        .map_or_else(|| format!("{}/auth", request.base), str::to_owned);
    issuer
        == format!(
            "{other}/realms/{}",
            protocol::context::encode_segment(&home.name)
        )
}
