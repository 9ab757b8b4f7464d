//! The grants: what differs between them. What they share is in `token`.

pub(crate) mod authorization_code;
pub(crate) mod client_credentials;
pub(crate) mod device_code;
pub(crate) mod offline;
pub(crate) mod password;
pub(crate) mod refresh_token;
pub(crate) mod session;

use std::cell::RefCell;

use client::Known;
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use serde::Serialize;
use user::User;
use user::mapping::RoleNames;
use uuid::Uuid;

use crate::{claims, mappers, scope::Scopes, signing, token::Form};
use session::{Chain, Lifespans};

pub(crate) use session::Session;

/// A grant that exists here; discovery lists exactly these.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    AuthorizationCode,
    ClientCredentials,
    DeviceCode,
    Password,
    RefreshToken,
}

/// All of them.
pub(crate) const ALL: [Grant; 5] = [
    Grant::AuthorizationCode,
    Grant::ClientCredentials,
    Grant::DeviceCode,
    Grant::Password,
    Grant::RefreshToken,
];

impl Grant {
    /// How Keycloak ends the prefix of the `jti` of its access tokens.
    fn short_name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "ac",
            Self::ClientCredentials => "cc",
            Self::DeviceCode => "dg",
            Self::Password => "ro",
            Self::RefreshToken => "rt",
        }
    }

    /// The type of its events.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "CODE_TO_TOKEN",
            Self::ClientCredentials => "CLIENT_LOGIN",
            Self::DeviceCode => "OAUTH2_DEVICE_CODE_TO_TOKEN",
            Self::Password => "LOGIN",
            Self::RefreshToken => "REFRESH_TOKEN",
        }
    }

    /// Its `grant_type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
        }
    }
}

pub(crate) fn find(name: &str) -> Option<Grant> {
    ALL.into_iter().find(|grant| grant.name() == name)
}

/// A request whose client is known.
pub(crate) struct Asked<'a> {
    pub ctx: &'a RealmContext,
    pub client: &'a Known,
    pub form: &'a Form,
    pub grant: Grant,
    /// What is recorded once the request is answered; none where that has been done.
    pub event: RefCell<Option<Event>>,
}

impl Asked<'_> {
    /// Adds to what is recorded.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut Event)) {
        if let Some(event) = self.event.borrow_mut().as_mut() {
            change(event);
        }
    }

    /// A refusal, with the names that events have for it.
    pub(crate) fn refused(
        &self,
        error: &str,
        reason: Option<&str>,
        answer: HttpError,
    ) -> HttpError {
        self.tell(|event| {
            event.error = Some(error.to_owned());
            if let Some(reason) = reason {
                event.add("reason", reason);
            }
        });
        answer
    }
}

/// The event of a refusal that has not got names of its own: those that most have. Failures of this server get none.
pub(crate) fn name_error(mut event: Event, answer: &HttpError) -> Event {
    let body = answer.body();
    if event.error.is_none() && answer.status() < 500 {
        let error = match body["error"].as_str() {
            Some("invalid_grant") => "invalid_token",
            Some("unauthorized_client" | "invalid_client") => "invalid_client",
            _ => "invalid_request",
        };
        event.error = Some(error.to_owned());
        if let Some(text) = body["error_description"].as_str() {
            event.add("reason", text);
        }
    }
    event
}

/// RFC 6749 §5.1 with Keycloak's members.
#[derive(Serialize)]
pub(crate) struct TokenAnswer {
    access_token: String,
    expires_in: i64,
    refresh_expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(rename = "not-before-policy")]
    not_before_policy: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_state: Option<String>,
    scope: String,
    /// The `jti` of the access token.
    #[serde(skip)]
    access_id: String,
    /// The `jti` and the `typ` of the refresh token.
    #[serde(skip)]
    refresh: Option<(String, &'static str)>,
}

impl TokenAnswer {
    /// What an event tells of the tokens; of a token that was traded in for them it tells already.
    pub(crate) fn tell(&self, event: Event) -> Event {
        let event = event
            .detail("token_id", self.access_id.as_str())
            .detail("scope", self.scope.as_str());
        let Some((id, typ)) = &self.refresh else {
            return event;
        };
        let id = id.as_str();
        if event.details.contains_key("refresh_token_id") {
            return event.detail("updated_refresh_token_id", id);
        }
        event
            .detail("refresh_token_type", *typ)
            .detail("refresh_token_id", id)
    }
}

/// Whom tokens are for.
pub(crate) struct Subject<'a> {
    pub user: &'a User,
    pub roles: &'a RoleNames,
    /// None for a client's own service account.
    pub session: Option<&'a Session<'a>>,
    pub scopes: &'a Scopes<'a>,
    /// What the authorization request asks the ID token to carry.
    pub nonce: Option<&'a str>,
}

/// Signs the tokens of a user: access, with scope `openid` the ID token, and where there is a session the refresh token.
pub(crate) async fn issue(
    asked: &Asked<'_>,
    subject: &Subject<'_>,
) -> Result<TokenAnswer, HttpError> {
    let Asked { ctx, client, .. } = asked;
    let Subject {
        user,
        roles,
        session,
        ..
    } = *subject;
    asked.tell(|event| {
        event.user_id = Some(user.id.to_string());
        event.session_id = session.map(|session| session.id.to_owned());
    });
    let realm = &ctx.realm;
    let now = store::clock::now();
    let refreshable = session.is_some() && client.attribute("use.refresh.tokens") != Some("false");
    let offline = match session.filter(|session| refreshable && !session.times.offline) {
        Some(session) if asked.grant != Grant::RefreshToken && subject.scopes.offline_access() => {
            offline::check(asked, subject.scopes, roles)?;
            Some(offline::begin(asked, session, now).await?)
        }
        _ => None,
    };
    let session = offline.as_ref().or(session);
    let times = session.map(|session| &session.times);
    // Another node whose clock is ahead may have begun it.
    let now = times.map_or(now, |times| now.max(times.began()));
    let lifespans = Lifespans::new(realm, client, times, now);
    let expires_in = lifespans.access;

    let scopes = &subject.scopes.permitted(roles);
    let groups = mappers::groups(&ctx.state().pool, realm.id, user, client, scopes).await?;
    let about = claims::About {
        issuer: &ctx.issuer(),
        ip: ctx.request.ip,
        client,
        user,
        session_id: session.map(|session| session.id),
        scopes,
        roles: &scopes.roles(client, roles),
        groups: &groups,
        nonce: subject.nonce,
        auth_time: session.and_then(|session| session.auth_time),
        sso: session.is_some_and(|session| session.sso),
        requested: claims::requested(session.and_then(|session| session.claims.as_deref())),
        notes: session.map(|session| &session.notes),
        now,
    };
    let signing = signing::key(ctx, client, signing::ACCESS_TOKEN).await?;
    let header = protocol::token::header(&signing);
    let access_id = access_id(asked, session);
    let access = claims::access(&about, now + expires_in, &access_id);
    let access_token = protocol::token::sign(&signing, &header, &access)?;
    let id_token = if scopes.openid() {
        let signing = signing::key(ctx, client, signing::ID_TOKEN).await?;
        let at_hash = protocol::token::half_hash(&signing, &access_token);
        let claims = claims::id(&about, now + expires_in, Some(at_hash));
        let header = protocol::token::header(&signing);
        Some(protocol::token::sign(&signing, &header, &claims)?)
    } else {
        None
    };
    let refresh = match session.filter(|_| refreshable) {
        None => None,
        Some(session) => {
            let typ = if session.times.offline {
                "Offline"
            } else {
                "Refresh"
            };
            let new = claims::Refresh {
                id: &Uuid::new_v4().to_string(),
                typ,
                exp: lifespans.refresh.map(|seconds| now + seconds),
                audience: access.get("aud"),
                scope: session.scope.clone().unwrap_or_else(|| scopes.all()),
                chain: realm.settings.revoke_refresh_token.then(|| {
                    let next = |chain: &Chain| Chain {
                        id: chain.id.clone(),
                        generation: chain.generation + 1,
                    };
                    session.chain.as_ref().map_or_else(Chain::new, next)
                }),
            };
            let key = protocol::token::signing_key(ctx, "HS512").await?;
            let header = protocol::token::header(&key);
            let token = protocol::token::sign(&key, &header, &claims::refresh(&about, &new))?;
            Some((token, new.id.to_owned(), typ))
        }
    };
    let refresh_expires_in = refresh.as_ref().and(lifespans.refresh).unwrap_or(0);
    let (refresh_token, refresh) = refresh.map(|(token, id, typ)| (token, (id, typ))).unzip();
    Ok(TokenAnswer {
        access_token,
        expires_in,
        refresh_expires_in,
        access_id,
        refresh,
        refresh_token,
        token_type: "Bearer",
        id_token,
        not_before_policy: realm.not_before,
        session_state: session.map(|session| session.id.to_owned()),
        scope: scopes.named(),
    })
}

/// The third and fourth letter of the `jti` of a light access token.
pub(crate) const LIGHT: &str = "lt";

/// The `jti` of an access token. Its prefix is Keycloak's: the kind of session, the kind of token, the grant.
fn access_id(asked: &Asked<'_>, session: Option<&Session<'_>>) -> String {
    let session = match session {
        None => "tr",
        Some(session) if session.times.offline => protocol::access::OFFLINE_PREFIX,
        Some(_) => "on",
    };
    let light = asked.client.attribute(claims::LIGHTWEIGHT) == Some("true");
    let token = if light { LIGHT } else { "rt" };
    format!(
        "{session}{token}{}:{}",
        asked.grant.short_name(),
        Uuid::new_v4()
    )
}
