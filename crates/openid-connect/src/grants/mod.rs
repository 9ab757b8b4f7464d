//! The grants: what differs between them. What they share is in `token`.

pub(crate) mod client_credentials;
pub(crate) mod password;
pub(crate) mod refresh_token;

use client::Known;
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use serde::Serialize;
use user::User;
use user::mapping::RoleNames;
use uuid::Uuid;

use crate::{claims, mappers, scope::Scopes, token::Form};

/// A grant that exists here; discovery lists exactly these.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    ClientCredentials,
    Password,
    RefreshToken,
}

/// All of them.
pub(crate) const ALL: [Grant; 3] = [
    Grant::ClientCredentials,
    Grant::Password,
    Grant::RefreshToken,
];

impl Grant {
    /// How Keycloak begins the `jti` of its access tokens: kind of session, kind of token, grant.
    fn token_prefix(self) -> &'static str {
        match self {
            Self::ClientCredentials => "trrtcc",
            Self::Password => "onrtro",
            Self::RefreshToken => "onrtrt",
        }
    }

    /// Its `grant_type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
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
    /// The `jti` of the refresh token.
    #[serde(skip)]
    refresh_id: Option<String>,
}

impl TokenAnswer {
    /// What an event tells of the tokens.
    pub(crate) fn tell(&self, event: Event) -> Event {
        let event = event
            .detail("token_id", self.access_id.as_str())
            .detail("scope", self.scope.as_str());
        match &self.refresh_id {
            Some(id) => event
                .detail("refresh_token_type", "Refresh")
                .detail("refresh_token_id", id.as_str()),
            None => event,
        }
    }
}

/// A live session, as far as tokens need it. Times in seconds since 1970.
pub(crate) struct Session<'a> {
    pub id: &'a str,
    pub started: i64,
}

/// Signs the tokens of a user: access, with scope `openid` the ID token, and where there is a session the refresh token.
pub(crate) async fn issue(
    asked: &Asked<'_>,
    user: &User,
    roles: &RoleNames,
    session: Option<&Session<'_>>,
    scopes: &Scopes<'_>,
) -> Result<TokenAnswer, HttpError> {
    let Asked { ctx, client, .. } = asked;
    let realm = &ctx.realm;
    let now = store::clock::now();
    let started = session.map_or(now, |session| session.started);
    let left = (started + realm.settings.sso_session_max_lifespan - now).max(1);
    let expires_in = client
        .access_token_lifespan()
        .unwrap_or(realm.settings.access_token_lifespan)
        .min(left);
    let refresh_expires_in = refresh_lifespan(asked).min(left);

    let scopes = &scopes.permitted(roles);
    let groups = mappers::groups(&ctx.state().pool, realm.id, user.id, client, scopes).await?;
    let about = claims::About {
        issuer: &ctx.issuer(),
        ip: ctx.request.ip,
        client,
        user,
        session_id: session.map(|session| session.id),
        scopes,
        roles: &scopes.roles(client, roles),
        groups: &groups,
        now,
    };
    let signing = realm.active_key("RS256").ok_or_else(|| {
        HttpError::oauth(
            500,
            "server_error",
            "The realm has no active RS256 key; add an rsa-generated key provider",
        )
    })?;
    let header = protocol::token::header(signing)?;
    let access_id = format!("{}:{}", asked.grant.token_prefix(), Uuid::new_v4());
    let access = claims::access(&about, now + expires_in, &access_id);
    let access_token = protocol::token::sign(signing, &header, &access)?;
    let id_token = if scopes.openid() {
        Some(protocol::token::sign(
            signing,
            &header,
            &claims::id(&about, now + expires_in, Some(&access_token)),
        )?)
    } else {
        None
    };
    let refresh_id = Uuid::new_v4().to_string();
    let refresh_token =
        if session.is_none() || client.attribute("use.refresh.tokens") == Some("false") {
            None
        } else {
            let key = realm.active_key("HS512").ok_or_else(|| {
                HttpError::oauth(
                    500,
                    "server_error",
                    "The realm has no active HS512 key; add an hmac-generated key provider",
                )
            })?;
            Some(protocol::token::sign(
                key,
                &protocol::token::header(key)?,
                &claims::refresh(&about, now + refresh_expires_in, &refresh_id),
            )?)
        };
    Ok(TokenAnswer {
        access_token,
        expires_in,
        refresh_expires_in: if refresh_token.is_some() {
            refresh_expires_in
        } else {
            0
        },
        access_id,
        refresh_id: refresh_token.is_some().then_some(refresh_id),
        refresh_token,
        token_type: "Bearer",
        id_token,
        not_before_policy: realm.not_before,
        session_state: session.map(|session| session.id.to_owned()),
        scope: scopes.named(),
    })
}

/// The smallest of the idle and life times that are set.
fn refresh_lifespan(asked: &Asked<'_>) -> i64 {
    let settings = &asked.ctx.realm.settings;
    let of_client = |name: &str| {
        asked
            .client
            .attribute(name)
            .and_then(|seconds| seconds.parse().ok())
    };
    let candidates = [
        of_client("client.session.idle.timeout").or(Some(settings.client_session_idle_timeout)),
        of_client("client.session.max.lifespan").or(Some(settings.client_session_max_lifespan)),
        Some(settings.sso_session_idle_timeout),
    ];
    candidates
        .into_iter()
        .flatten()
        .filter(|seconds| *seconds > 0)
        .min()
        .unwrap_or(1800)
}
