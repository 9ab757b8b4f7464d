//! The members of a client that decide something, by their Keycloak names.

use crate::Client;
use crate::defaults::origin;

impl Client {
    /// It has no secret: everybody may call himself by its name.
    #[must_use]
    pub fn public_client(&self) -> bool {
        self.settings.public_client == Some(true)
    }

    /// It only receives tokens and never asks for one.
    #[must_use]
    pub fn bearer_only(&self) -> bool {
        self.settings.bearer_only == Some(true)
    }

    /// It may trade a user's name and password for tokens.
    #[must_use]
    pub fn direct_access_grants_enabled(&self) -> bool {
        self.settings.direct_access_grants_enabled == Some(true)
    }

    /// How it says who it is: Keycloak's `clientAuthenticatorType`.
    #[must_use]
    pub fn authenticator(&self) -> &str {
        let chosen = self.settings.client_authenticator_type.as_deref();
        chosen.unwrap_or("client-secret")
    }

    /// It may get tokens for itself.
    #[must_use]
    pub fn service_accounts_enabled(&self) -> bool {
        self.settings.service_accounts_enabled == Some(true)
    }

    /// It may send users to the login page for a code.
    #[must_use]
    pub fn standard_flow_enabled(&self) -> bool {
        self.settings.standard_flow_enabled == Some(true)
    }

    /// Users are asked before it learns about them.
    #[must_use]
    pub fn consent_required(&self) -> bool {
        self.settings.consent_required == Some(true)
    }

    /// Its tokens carry all roles of the user.
    #[must_use]
    pub fn full_scope_allowed(&self) -> bool {
        self.settings.full_scope_allowed == Some(true)
    }

    /// An attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.settings
            .attributes
            .as_ref()?
            .get(name)
            .map(String::as_str)
    }

    /// Names of the client scopes that it always has.
    #[must_use]
    pub fn default_client_scopes(&self) -> &[String] {
        self.settings
            .default_client_scopes
            .as_deref()
            .unwrap_or_default()
    }

    /// Names of the client scopes that it may ask for.
    #[must_use]
    pub fn optional_client_scopes(&self) -> &[String] {
        self.settings
            .optional_client_scopes
            .as_deref()
            .unwrap_or_default()
    }

    /// Where users may be sent back to, with `*` at the end for any continuation.
    #[must_use]
    pub fn redirect_uris(&self) -> &[String] {
        self.settings.redirect_uris.as_deref().unwrap_or_default()
    }

    /// Origins of scripts that may call for it; `+` stands for those of the redirect URIs.
    #[must_use]
    pub fn web_origins(&self) -> &[String] {
        self.settings.web_origins.as_deref().unwrap_or_default()
    }

    /// Its web origins with the origins of its redirect URIs in the place of `+`, each once.
    #[must_use]
    pub fn allowed_origins(&self) -> Vec<String> {
        let mut origins: Vec<String> = Vec::new();
        let root = self.settings.root_url.as_deref().unwrap_or_default();
        let of_redirects = self
            .redirect_uris()
            .iter()
            .filter_map(|uri| origin(if uri.starts_with('/') { root } else { uri }));
        let named = self.web_origins().iter().filter(|named| *named != "+");
        let plus = self.web_origins().iter().any(|named| named == "+");
        let all = named
            .cloned()
            .chain(of_redirects.take(if plus { usize::MAX } else { 0 }));
        for origin in all {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins
    }

    /// Its own lifetime of access tokens in seconds, where it has one.
    #[must_use]
    pub fn access_token_lifespan(&self) -> Option<i64> {
        self.attribute("access.token.lifespan")?
            .trim()
            .parse()
            .ok()
            .filter(|seconds| *seconds > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_stands_for_the_origins_of_the_redirect_uris() {
        let origins = |text: &str| {
            let mut rep: crate::ClientRepresentation = serde_json::from_str(text).unwrap();
            rep.protocol = Some("p".to_owned());
            let sealer = realm::Sealer::new(vec![]);
            let client = Client::new(uuid::Uuid::nil(), &sealer, &rep).unwrap();
            client.allowed_origins()
        };
        let redirects = r#""rootUrl":"https://r.example/x","redirectUris":["https://b.example/*","/cb","app:x","https://b.example/y"]"#;
        assert_eq!(
            origins(&format!(
                r#"{{"webOrigins":["https://a.example","+"],{redirects}}}"#
            )),
            [
                "https://a.example",
                "https://b.example",
                "https://r.example"
            ]
        );
        assert_eq!(
            origins(&format!(r#"{{"webOrigins":["*"],{redirects}}}"#)),
            ["*"]
        );
        assert!(origins(&format!(r#"{{"webOrigins":[],{redirects}}}"#)).is_empty());
    }
}
