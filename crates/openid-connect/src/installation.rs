//! The file that points an adapter of Keycloak at a realm: `keycloak.json`.

use protocol::{InstallInput, Installation};
use realm::SslRequired;
use serde::Serialize;

pub(crate) const ALL: &[Installation] = &[Installation {
    id: "keycloak-oidc-keycloak-json",
    media_type: "application/json",
    display_type: "Keycloak OIDC JSON",
    help: "keycloak.json file used by the Keycloak OIDC client adapter to configure clients. This must be saved to a \
           keycloak.json file and put in your WEB-INF directory of your WAR file. You may also want to tweak this file \
           after you download it.",
    filename: "keycloak.json",
    download_only: false,
    render: keycloak_json,
}];

/// In the order in which Keycloak writes it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct KeycloakJson<'a> {
    realm: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bearer_only: Option<bool>,
    auth_server_url: String,
    ssl_required: &'static str,
    resource: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_client: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<Credentials<'a>>,
    confidential_port: u16,
}

#[derive(Serialize)]
struct Credentials<'a> {
    secret: &'a str,
}

fn keycloak_json(input: &InstallInput<'_>) -> Vec<u8> {
    let client = input.client;
    let (public, bearer_only) = (client.public_client(), client.bearer_only());
    let file = KeycloakJson {
        realm: &input.realm.name,
        bearer_only: bearer_only.then_some(true),
        auth_server_url: format!("{}/", input.base),
        ssl_required: match input.realm.settings.ssl_required {
            SslRequired::All => "all",
            SslRequired::External => "external",
            SslRequired::None => "none",
        },
        resource: &client.client_id,
        public_client: (public && !bearer_only).then_some(true),
        credentials: input
            .secret
            .filter(|_| !public && !bearer_only)
            .map(|secret| Credentials { secret }),
        confidential_port: 0,
    };
    serde_json::to_vec_pretty(&file).unwrap_or_default()
}
