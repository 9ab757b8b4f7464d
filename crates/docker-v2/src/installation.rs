//! The files that point a registry at a realm (decision D24).

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::{InstallInput, Installation};
use realm::key::{Key, Status};
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::token::{ALGORITHMS, key_id};

/// Where the files say the CA bundle is; an operator may put it elsewhere.
const BUNDLE: &str = "/etc/docker/registry/realm-ca.pem";

pub(crate) const ALL: &[Installation] = &[
    Installation {
        id: "docker-v2-registry-config-file",
        media_type: "text/plain",
        display_type: "Registry Config File",
        help: "Provides a registry configuration file snippet for use with this client",
        filename: "config.yml",
        download_only: false,
        render: |input| registry_config(input).into_bytes(),
    },
    Installation {
        id: "docker-v2-variable-override",
        media_type: "text/plain",
        display_type: "Variable Override",
        help: "Configures environment variable overrides, typically used with a docker-compose.yaml configuration for a \
               docker registry",
        filename: "docker-env.txt",
        download_only: false,
        render: |input| variables(input).into_bytes(),
    },
    Installation {
        id: "docker-v2-compose-yaml",
        media_type: "application/zip",
        display_type: "Docker Compose YAML",
        help: "Produces a zip file that can be used to stand up a development registry on localhost",
        filename: "keycloak-docker-compose-yaml.zip",
        download_only: true,
        render: compose,
    },
    Installation {
        id: "docker-v2-ca-bundle",
        media_type: "application/x-pem-file",
        display_type: "CA Bundle",
        help: "The certificates that a registry trusts as rootcertbundle. They stay valid when the realm's keys rotate",
        filename: "realm-ca.pem",
        download_only: false,
        render: |input| ca_bundle(input).into_bytes(),
    },
    Installation {
        id: "docker-v2-jwks",
        media_type: "application/json",
        display_type: "JWKS",
        help: "The signing keys under the key ids that the tokens carry, for a registry that is set up with jwks",
        filename: "jwks.json",
        download_only: false,
        render: |input| jwks(input).to_string().into_bytes(),
    },
];

fn issuer(input: &InstallInput<'_>) -> String {
    format!(
        "{}/realms/{}",
        input.base,
        protocol::context::encode_segment(&input.realm.name)
    )
}

fn endpoint(input: &InstallInput<'_>) -> String {
    format!("{}/protocol/docker-v2/auth", issuer(input))
}

fn registry_config(input: &InstallInput<'_>) -> String {
    format!(
        "auth:\n  token:\n    realm: {}\n    service: {}\n    issuer: {}\n    rootcertbundle: {BUNDLE}\n",
        yaml(&endpoint(input)),
        yaml(&input.client.client_id),
        yaml(&issuer(input)),
    )
}

fn variables(input: &InstallInput<'_>) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("REALM", endpoint(input).as_str()),
        ("SERVICE", &input.client.client_id),
        ("ISSUER", &issuer(input)),
        ("ROOTCERTBUNDLE", BUNDLE),
    ] {
        let _ = writeln!(text, "-e REGISTRY_AUTH_TOKEN_{name}={} \\", shell(value));
    }
    text
}

/// The realm's CA, and the certificate of each enabled imported key.
fn ca_bundle(input: &InstallInput<'_>) -> String {
    let mut bundle = pem("CERTIFICATE", &input.realm.ca_certificate);
    for key in signing_keys(input).filter(|key| key.imported) {
        bundle.push_str(
            &key.certificate
                .as_deref()
                .map(|der| pem("CERTIFICATE", der))
                .unwrap_or_default(),
        );
    }
    bundle
}

fn jwks(input: &InstallInput<'_>) -> Value {
    let keys: Vec<Value> = signing_keys(input)
        .filter_map(|key| {
            let mut jwk = key.jwk()?;
            let members = jwk.as_object_mut()?;
            for certificate in ["x5c", "x5t", "x5t#S256"] {
                members.remove(certificate);
            }
            members.insert("kid".to_owned(), json!(key_id(key)));
            Some(jwk)
        })
        .collect();
    json!({ "keys": keys })
}

fn signing_keys<'a>(input: &InstallInput<'a>) -> impl Iterator<Item = &'a Key> {
    let keys = input.realm.keys.iter().map(AsRef::as_ref);
    keys.filter(|key| {
        ALGORITHMS.contains(&key.algorithm.as_str())
            && key.key_use == "SIG"
            && key.status != Status::Disabled
    })
}

fn compose(input: &InstallInput<'_>) -> Vec<u8> {
    let service = format!(
        "registry:\n  image: registry:2\n  ports:\n    - 127.0.0.1:5000:5000\n  environment:\n    \
         REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data\n    REGISTRY_HTTP_TLS_CERTIFICATE: /opt/certs/localhost.crt\n    \
         REGISTRY_HTTP_TLS_KEY: /opt/certs/localhost.key\n    REGISTRY_AUTH_TOKEN_REALM: {}\n    \
         REGISTRY_AUTH_TOKEN_SERVICE: {}\n    REGISTRY_AUTH_TOKEN_ISSUER: {}\n    \
         REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: /opt/certs/localhost_trust_chain.pem\n  volumes:\n    \
         - ./data:/data:z\n    - ./certs:/opt/certs:z\n",
        yaml(&endpoint(input)),
        yaml(&input.client.client_id),
        yaml(&issuer(input)),
    );
    let indented: String = service.lines().map(|line| format!("  {line}\n")).collect();
    let readme = "# A development registry on localhost\n\nRun `docker compose up` in this folder, then `docker login localhost:5000`\n\
                  with a user of the realm.\n\n`certs/localhost.crt` and `.key` are a throw-away pair for TLS; \
                  `certs/localhost_trust_chain.pem` is what the\nregistry trusts: the realm's CA. It stays as it is when the \
                  realm's keys rotate. `data/` holds the images.\n";
    let mut files = vec![
        ("README.md", readme.to_owned()),
        ("docker-compose.yaml", format!("services:\n{indented}")),
        ("certs/localhost_trust_chain.pem", ca_bundle(input)),
        ("data/.gitignore", "*\n!.gitignore\n".to_owned()),
    ];
    if let Ok(pair) = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]) {
        files.push(("certs/localhost.crt", pem("CERTIFICATE", pair.cert.der())));
        files.push((
            "certs/localhost.key",
            pem("PRIVATE KEY", &pair.signing_key.serialize_der()),
        ));
    }
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        // Writing to memory fails only past what zip can count, which no text here comes near.
        let written = archive
            .start_file(format!("keycloak-docker-compose-yaml/{name}"), options)
            .map(|()| archive.write_all(text.as_bytes()));
        if !matches!(written, Ok(Ok(()))) {
            tracing::error!(name, "a file of the compose archive was not written");
        }
    }
    archive.finish().map(Cursor::into_inner).unwrap_or_default()
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    let _ = writeln!(text, "-----END {label}-----");
    text
}

/// A YAML scalar: as it is where that is safe, else quoted as JSON, which YAML takes.
fn yaml(value: &str) -> String {
    let plain = value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._/:".contains(&b))
        && value.starts_with(|c: char| c.is_ascii_alphabetic())
        && !value.ends_with(':')
        && !["true", "false", "null", "yes", "no", "on", "off"]
            .contains(&value.to_ascii_lowercase().as_str());
    if plain {
        value.to_owned()
    } else {
        json!(value).to_string()
    }
}

/// A word of a shell: as it is where that is safe, else in single quotes.
fn shell(value: &str) -> String {
    let plain = value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._/:%".contains(&b));
    if plain {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}
