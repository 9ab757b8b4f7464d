//! Identity providers: what may be written, and those that a realm file brings.

use std::collections::HashMap;

use realm::identity_provider::{
    self, IdentityProvider, IdentityProviderMapperRepresentation, IdentityProviderRepresentation,
    Mapper, OIDC, ROBOT_MAPPER,
};
use realm::{RealmRepresentation, Sealer, SslRequired};
use reqwest::Url;
use serde_json::Value;
use store::{Connection, Error};
use uuid::Uuid;

use super::contents::part;
use crate::HttpError;
use crate::context::is_local;

/// Kinds that Keycloak has and this server has not.
const ELSEWHERE: [&str; 17] = [
    "bitbucket",
    "facebook",
    "github",
    "gitlab",
    "google",
    "instagram",
    "jwt-authorization-grant",
    "keycloak-oidc",
    "kubernetes",
    "linkedin-openid-connect",
    "microsoft",
    "oauth2",
    "openshift-v4",
    "paypal",
    "saml",
    "stackoverflow",
    "twitter",
];
/// Members of the config that are URLs, as Keycloak names them when it refuses one.
const URLS: [(&str, &str); 6] = [
    ("authorizationUrl", "authorization_url"),
    ("tokenUrl", "token_url"),
    ("logoutUrl", "logout_url"),
    ("userInfoUrl", "userinfo_url"),
    ("jwksUrl", "jwks_url"),
    ("tokenIntrospectionUrl", "tokenIntrospection_url"),
];

/// Whether an identity provider may be written like this.
///
/// # Errors
/// In Keycloak's words: 400; 501 for kinds that this server does not have.
pub fn check_provider(
    ssl: SslRequired,
    rep: &IdentityProviderRepresentation,
) -> Result<(), HttpError> {
    match rep.provider_id.as_deref() {
        Some(OIDC) => {}
        Some(kind) if ELSEWHERE.contains(&kind) => {
            let text = format!("the identity provider {kind} is not available on this server");
            return Err(HttpError::plain(501, &text));
        }
        other => {
            let text = format!("Invalid identity provider id [{}]", other.unwrap_or("null"));
            return Err(HttpError::message(400, &text));
        }
    }
    let alias = rep.alias.as_deref().unwrap_or_default();
    if alias.contains(char::is_whitespace) {
        return Err(HttpError::plain(400, "Empty Space not allowed."));
    }
    if let Some(bad) = alias.chars().find(|c| ":/?#@!$&()*+,;=[]\\".contains(*c)) {
        let text = format!("Character '{bad}' not allowed.");
        return Err(HttpError::plain(400, &text));
    }
    if alias == "." || alias == ".." {
        return Err(HttpError::message(400, "alias is a name"));
    }
    let text = |name| {
        let text = rep.config.as_ref()?.get(name)?.as_str()?;
        Some(text).filter(|text| !text.is_empty())
    };
    for (member, name) in URLS {
        if let Some(url) = text(member) {
            check_url(ssl, name, url)?;
        }
    }
    // Where the keys of the issuer are found by its own address, that is no less than theirs.
    match text("issuer") {
        Some(issuer) if text("jwksUrl").is_none() => check_url(ssl, "issuer", issuer),
        _ => Ok(()),
    }
}

fn check_url(ssl: SslRequired, name: &str, text: &str) -> Result<(), HttpError> {
    let refuse = |text: &str| Err(HttpError::message(400, text));
    let Ok(url) = Url::parse(text) else {
        return refuse(&format!("The url [{name}] is malformed"));
    };
    if !["http", "https"].contains(&url.scheme()) {
        return refuse(&format!("Invalid protocol/scheme for url [{name}]"));
    }
    let host = url.host_str().unwrap_or_default();
    let near = host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(is_local);
    let open = match ssl {
        SslRequired::None => true,
        SslRequired::External => near,
        SslRequired::All => false,
    };
    if url.scheme() == "http" && !open {
        return refuse(&format!("The url [{name}] requires secure connections"));
    }
    Ok(())
}

/// Whether there is this kind of mapper.
///
/// # Errors
/// 501 where there is not.
pub fn check_mapper(rep: &IdentityProviderMapperRepresentation) -> Result<(), HttpError> {
    match rep.identity_provider_mapper.as_deref() {
        Some(ROBOT_MAPPER) => Ok(()),
        None | Some("") => Err(HttpError::message(
            400,
            &format!("identityProviderMapper is missing; there is {ROBOT_MAPPER}"),
        )),
        Some(kind) => {
            let text =
                format!("the identity provider mapper {kind} is not available on this server");
            Err(HttpError::plain(501, &text))
        }
    }
}

/// The identity providers of a realm file.
#[derive(Default)]
pub(super) struct IdentityProviders {
    providers: Vec<IdentityProvider>,
    /// Each with its provider's id.
    mappers: Vec<(Uuid, Mapper)>,
}

impl IdentityProviders {
    /// Reads and checks them.
    ///
    /// # Errors
    /// As [`check_provider`] and [`check_mapper`]; 400 for a mapper of a provider that is not there.
    pub(super) fn read(
        sealer: &Sealer,
        realm: Uuid,
        ssl: SslRequired,
        rep: &RealmRepresentation,
    ) -> Result<Self, HttpError> {
        let providers: Vec<IdentityProviderRepresentation> = part(rep.identity_providers.as_ref())?;
        let mappers: Vec<IdentityProviderMapperRepresentation> =
            part(rep.identity_provider_mappers.as_ref())?;
        let mut read = Self::default();
        let mut ids = HashMap::new();
        for rep in providers {
            check_provider(ssl, &rep)?;
            let provider = IdentityProvider::from_rep(sealer, realm, rep, None)?;
            ids.insert(provider.alias.clone(), provider.id);
            read.providers.push(provider);
        }
        for rep in mappers {
            check_mapper(&rep)?;
            let alias = rep.identity_provider_alias.as_deref().unwrap_or_default();
            let id = ids.get(alias).ok_or_else(|| no_provider(alias))?;
            read.mappers.push((*id, Mapper::from_rep(rep)?));
        }
        Ok(read)
    }

    /// Writes them.
    ///
    /// # Errors
    /// [`Error::Duplicate`] for two of one name.
    pub(super) async fn insert(&self, db: &mut Connection, realm: Uuid) -> Result<(), Error> {
        for provider in &self.providers {
            identity_provider::create(&mut *db, realm, provider).await?;
        }
        for (provider, mapper) in &self.mappers {
            identity_provider::create_mapper(&mut *db, realm, *provider, mapper).await?;
        }
        Ok(())
    }
}

pub(super) fn no_provider(alias: &str) -> HttpError {
    HttpError::message(400, &format!("There is no identity provider {alias}"))
}

/// The two members of a realm file; secrets in clear only with `reveal`.
///
/// # Errors
/// From the database; when a secret does not open on this node.
pub(super) async fn export(
    db: &mut Connection,
    sealer: &Sealer,
    realm: Uuid,
    reveal: bool,
) -> Result<(Value, Value), HttpError> {
    let mut providers = Vec::new();
    for provider in identity_provider::all(&mut *db, realm).await? {
        providers.push(if reveal {
            provider.revealed(sealer, realm)?
        } else {
            provider.to_rep()
        });
    }
    let mappers = identity_provider::all_mappers(db, realm).await?;
    let mappers: Vec<_> = mappers
        .iter()
        .map(|(alias, mapper)| mapper.to_rep(alias))
        .collect();
    Ok((serde_json::json!(providers), serde_json::json!(mappers)))
}
