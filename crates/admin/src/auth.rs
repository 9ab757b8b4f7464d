//! The permission gate: whose token a call carries, and what its holder may do with the realm it is about.
//!
//! A token of any realm of this server is taken; roles are read from the database on every call, so what is taken away
//! is gone at once. Realm master's users act on a realm by `admin`, or by the roles of master's client `{realm}-realm`;
//! a realm's own users by the roles of its client `realm-management`, and on that realm only.

mod grant;

use std::cell::RefCell;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use protocol::context::decode_segment;
use protocol::{HttpError, RealmContext, Request, State, access, provision, token};
use realm::{MASTER, Realm};
use user::mapping::RoleNames;
use uuid::Uuid;

use crate::admin_events::tell::{Call, Note};

/// A role that administers a realm. Keycloak's names, with `_` for `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `create-client`
    CreateClient,
    /// `impersonation`
    Impersonation,
    /// `manage-authorization`
    ManageAuthorization,
    /// `manage-clients`
    ManageClients,
    /// `manage-events`
    ManageEvents,
    /// `manage-identity-providers`
    ManageIdentityProviders,
    /// `manage-organizations`
    ManageOrganizations,
    /// `manage-realm`
    ManageRealm,
    /// `manage-users`
    ManageUsers,
    /// `query-clients`
    QueryClients,
    /// `query-groups`
    QueryGroups,
    /// `query-organizations`
    QueryOrganizations,
    /// `query-users`
    QueryUsers,
    /// `view-authorization`
    ViewAuthorization,
    /// `view-clients`
    ViewClients,
    /// `view-events`
    ViewEvents,
    /// `view-identity-providers`
    ViewIdentityProviders,
    /// `view-organizations`
    ViewOrganizations,
    /// `view-realm`
    ViewRealm,
    /// `view-users`
    ViewUsers,
}

impl Role {
    /// All of them. Who holds each has all that `realm-admin` gives.
    const ALL: [Self; 20] = [
        Self::CreateClient,
        Self::Impersonation,
        Self::ManageAuthorization,
        Self::ManageClients,
        Self::ManageEvents,
        Self::ManageIdentityProviders,
        Self::ManageOrganizations,
        Self::ManageRealm,
        Self::ManageUsers,
        Self::QueryClients,
        Self::QueryGroups,
        Self::QueryOrganizations,
        Self::QueryUsers,
        Self::ViewAuthorization,
        Self::ViewClients,
        Self::ViewEvents,
        Self::ViewIdentityProviders,
        Self::ViewOrganizations,
        Self::ViewRealm,
        Self::ViewUsers,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::CreateClient => "create-client",
            Self::Impersonation => "impersonation",
            Self::ManageAuthorization => "manage-authorization",
            Self::ManageClients => "manage-clients",
            Self::ManageEvents => "manage-events",
            Self::ManageIdentityProviders => "manage-identity-providers",
            Self::ManageOrganizations => "manage-organizations",
            Self::ManageRealm => "manage-realm",
            Self::ManageUsers => "manage-users",
            Self::QueryClients => "query-clients",
            Self::QueryGroups => "query-groups",
            Self::QueryOrganizations => "query-organizations",
            Self::QueryUsers => "query-users",
            Self::ViewAuthorization => "view-authorization",
            Self::ViewClients => "view-clients",
            Self::ViewEvents => "view-events",
            Self::ViewIdentityProviders => "view-identity-providers",
            Self::ViewOrganizations => "view-organizations",
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
    /// The client (its `clientId`) that the token was made for.
    pub(crate) client: String,
    /// For handlers whose admin event says more than their route and body tell. None where no event is kept.
    pub(crate) note: Option<Rc<RefCell<Note>>>,
    /// The roles that the caller holds in his own realm, as far as his token brings them.
    pub(crate) names: RoleNames,
    roles: HashSet<String>,
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

    /// The realm that the call is about, as the protocols see it.
    #[must_use]
    pub fn context(&self) -> RealmContext {
        RealmContext {
            realm: Arc::clone(&self.realm),
            request: self.request.clone(),
        }
    }

    /// Says more of the admin event that comes of this call, where one is kept.
    pub(crate) fn note(&self, say: impl FnOnce(&mut Note)) {
        if let Some(note) = &self.note {
            say(&mut note.borrow_mut());
        }
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
    /// 403.
    pub fn require_any_anywhere(&self) -> Result<(), HttpError> {
        if self.require_any().is_ok() || self.require_create_realm().is_ok() {
            return Ok(());
        }
        let administers = self.names.clients.iter().any(|(client, roles)| {
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
        let mut roles = self.names.realm.iter();
        let may =
            self.superuser || self.home.is_master() && roles.any(|role| role == "create-realm");
        if may { Ok(()) } else { Err(forbidden()) }
    }

    /// The realms that the caller may see in a list: all, or none but his own.
    #[must_use]
    pub fn sees_only_home(&self) -> bool {
        !self.home.is_master()
    }

    /// The caller as he is towards other realms; for lists over realms.
    #[must_use]
    pub fn towards(&self, realms: &[Realm]) -> Vec<bool> {
        if self.superuser {
            return vec![true; realms.len()];
        }
        realms
            .iter()
            .map(|realm| {
                let client = if self.home.is_master() {
                    provision::management_client(&realm.name)
                } else {
                    client::REALM_MANAGEMENT.to_owned()
                };
                (self.home.is_master() || self.home.id == realm.id)
                    && self
                        .names
                        .clients
                        .get(&client)
                        .is_some_and(|roles| roles.iter().any(|role| role != "impersonation"))
            })
            .collect()
    }
}

pub(crate) fn forbidden() -> HttpError {
    HttpError::plain(403, "HTTP 403 Forbidden")
}

fn unauthorized() -> HttpError {
    HttpError::plain(401, "HTTP 401 Unauthorized")
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
        let http = http.clone();
        Box::pin(async move {
            let (mut admin, client) =
                admit(request.await?, &bearer.ok_or_else(unauthorized)?, target).await?;
            Call::remember(&http, &mut admin, client);
            Ok(admin)
        })
    }
}

/// Who calls, and the id of the client that the token was made for. The token is taken apart before the realm is looked
/// for: whoever has no token learns nothing about realms.
async fn admit(
    request: Request,
    bearer: &str,
    target: Option<Option<String>>,
) -> Result<(Admin, Uuid), HttpError> {
    let state = &request.state;
    let (home, issuer) = token::issuer_realm(bearer).ok_or_else(unauthorized)?;
    let home = state
        .realms
        .get(&home)
        .await?
        .filter(|realm| realm.enabled)
        .ok_or_else(unauthorized)?;
    let known = |known: &str| known == issuer && is_our_issuer(&request, &home, known);
    let (access, names) = access::open_with_roles(state, &home, bearer, known)
        .await?
        .map_err(|_| unauthorized())?;
    // A registry's token is signed by the same realm; it is for the registry and nobody else.
    if access.client.protocol != "openid-connect" {
        return Err(unauthorized());
    }

    let not_found = || HttpError::plain(404, "Realm not found.");
    let realm = match target {
        None => state.realms.get(MASTER).await?.ok_or_else(not_found)?,
        Some(name) => state
            .realms
            .get(&name.ok_or_else(not_found)?)
            .await?
            .ok_or_else(not_found)?,
    };
    let names = access.brings(names);
    let superuser = home.is_master() && names.realm.iter().any(|role| role == "admin");
    let management = if home.is_master() {
        Some(provision::management_client(&realm.name))
    } else if home.id == realm.id {
        Some(client::REALM_MANAGEMENT.to_owned())
    } else {
        None
    };
    let roles = management
        .and_then(|name| names.clients.get(&name))
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let client = access.client.id;
    let admin = Admin {
        user: access.user,
        session: access.session,
        client: access.client.client_id.clone(),
        note: None,
        names,
        roles,
        superuser,
        home,
        realm,
        request,
    };
    Ok((admin, client))
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
