//! What a process needs to start; what a realm is stands in the database.
//!
//! Later wins: defaults, the file, Keycloak's own environment names, `REALMKEEP__SECTION__KEY`, the command line.

mod model;

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use config::{Config, Environment, File, FileFormat};
use protocol::context::{ProxyHeaders, Web};
use realm::seal::MasterKey;

pub use model::{
    Bootstrap, Db, Http, Https, Log, Management, Outbound, Proxy, Seal, Secret, Settings, Shutdown,
};

/// Keycloak's names in the environment, and the setting that each is here.
const KEYCLOAK: [(&str, &str); 17] = [
    ("KC_BOOTSTRAP_ADMIN_USERNAME", "bootstrap.admin_username"),
    ("KC_BOOTSTRAP_ADMIN_PASSWORD", "bootstrap.admin_password"),
    ("KC_HTTP_PORT", "http.port"),
    ("KC_HTTP_HOST", "http.host"),
    ("KC_HTTP_RELATIVE_PATH", "http.relative_path"),
    ("KC_HTTPS_PORT", "https.port"),
    ("KC_HTTPS_CERTIFICATE_FILE", "https.certificate_file"),
    (
        "KC_HTTPS_CERTIFICATE_KEY_FILE",
        "https.certificate_key_file",
    ),
    ("KC_HTTP_MANAGEMENT_PORT", "management.port"),
    ("KC_HOSTNAME", "hostname"),
    ("KC_DB_URL", "db.url"),
    ("KC_DB_USERNAME", "db.username"),
    ("KC_DB_PASSWORD", "db.password"),
    ("KC_DB_POOL_MAX_SIZE", "db.pool_size"),
    ("KC_PROXY_HEADERS", "proxy.headers"),
    ("KC_PROXY_TRUSTED_ADDRESSES", "proxy.trusted_addresses"),
    ("KC_LOG_LEVEL", "log.level"),
];

/// Reads the settings. `overrides` are those of the command line, by name.
///
/// # Errors
/// What is wrong and where, with the name of an unknown key.
pub fn read(
    file: Option<&PathBuf>,
    overrides: &[(&str, Option<String>)],
) -> anyhow::Result<Settings> {
    let mut builder = Config::builder();
    let default_file = PathBuf::from("realmkeep.toml");
    if let Some(path) = file.or_else(|| Some(&default_file).filter(|path| path.is_file())) {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the settings file {}", path.display()))?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let mut keycloak = Config::builder();
    for (name, key) in KEYCLOAK {
        if let Ok(value) = std::env::var(name)
            // An empty variable is an absent one; but an empty password is a mistake, never a reason to take the default.
            && (!value.is_empty() || key == "bootstrap.admin_password")
        {
            keycloak = keycloak.set_override(key, value)?;
        }
    }
    builder = builder.add_source(keycloak.build()?);
    builder = builder.add_source(
        Environment::with_prefix("REALMKEEP")
            .prefix_separator("__")
            .separator("__"),
    );
    for (key, value) in overrides {
        builder = builder.set_override_option(*key, value.clone())?;
    }
    let settings: Settings = builder
        .build()?
        .try_deserialize()
        .context("the settings are not understood")?;
    settings.check()?;
    Ok(settings)
}

impl Settings {
    fn check(&self) -> anyhow::Result<()> {
        let path = &self.http.relative_path;
        if !path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_/.".contains(&b))
            || path.contains("//")
        {
            bail!("http.relative_path (KC_HTTP_RELATIVE_PATH) is a path such as /auth");
        }
        if self.https.certificate_file.is_some() != self.https.certificate_key_file.is_some() {
            bail!(
                "TLS needs both https.certificate_file (KC_HTTPS_CERTIFICATE_FILE) and https.certificate_key_file \
                 (KC_HTTPS_CERTIFICATE_KEY_FILE)"
            );
        }
        if self
            .bootstrap
            .admin_password
            .as_ref()
            .is_some_and(|password| password.reveal().is_empty())
        {
            bail!(
                "bootstrap.admin_password (KC_BOOTSTRAP_ADMIN_PASSWORD) is empty; give a password"
            );
        }
        if !["text", "json"].contains(&self.log.format.as_str()) {
            bail!("log.format is text or json");
        }
        self.web().map(|_| ())
    }

    /// How to reach the database.
    ///
    /// # Errors
    /// When no URL is given, or it is not understood.
    pub fn database(&self) -> anyhow::Result<store::Options> {
        let Some(url) = &self.db.url else {
            bail!(
                "no database is given. Say where it is with --db-url postgres://host:5432/realmkeep, KC_DB_URL or db.url; \
                 or try `realmkeep start-dev`, which brings its own"
            );
        };
        let password = self.db.password.as_ref().map(Secret::reveal);
        let mut options =
            store::Options::parse(url.reveal(), self.db.username.as_deref(), password)?;
        options.max_connections = self.db.pool_size.clamp(2, 1000);
        Ok(options)
    }

    /// The master keys, the one that seals first.
    ///
    /// # Errors
    /// When none is given, or one is no key; the message says how to make one.
    pub fn master_keys(&self) -> anyhow::Result<Vec<MasterKey>> {
        let text = match (&self.seal.key, &self.seal.key_file) {
            (Some(key), _) => key.reveal().to_owned(),
            (None, Some(file)) => std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the seal key file {}", file.display()))?,
            (None, None) => bail!(
                "no seal key is given; it encrypts the private keys in the database. Make one with \
                 `openssl rand -base64 32 > seal.key` and give it with --seal-key-file, seal.key_file or \
                 REALMKEEP__SEAL__KEY. Keep a copy: without it the database cannot be read"
            ),
        };
        let keys = text
            .split([',', '\n'])
            .map(str::trim)
            .filter(|key| !key.is_empty());
        let keys = keys
            .map(|key| MasterKey::parse(key).context("seal.key"))
            .collect::<anyhow::Result<Vec<_>>>()?;
        if keys.is_empty() {
            bail!("the seal key is empty; make one with: openssl rand -base64 32");
        }
        Ok(keys)
    }

    /// How the outside calls this server.
    ///
    /// # Errors
    /// What is wrong with which setting.
    pub fn web(&self) -> anyhow::Result<Web> {
        let relative_path = format!("/{}", self.http.relative_path.trim_matches('/'));
        let relative_path = if relative_path == "/" {
            String::new()
        } else {
            relative_path
        };
        let name = self
            .hostname
            .as_deref()
            .map(|name| name.trim_end_matches('/').to_owned());
        let (hostname, host_only) = match name {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
                (Some(url), None)
            }
            Some(other) if other.contains('/') => bail!(
                "hostname (KC_HOSTNAME) is a URL such as https://id.example.org, or a host name: {other}"
            ),
            host => (None, host),
        };
        let proxy_headers = match self.proxy.headers.as_deref() {
            None | Some("") => ProxyHeaders::None,
            Some("xforwarded") => ProxyHeaders::XForwarded,
            Some("forwarded") => ProxyHeaders::Forwarded,
            Some(other) => {
                bail!("proxy.headers (KC_PROXY_HEADERS) is xforwarded or forwarded, not {other}")
            }
        };
        let addresses = self.proxy.trusted_addresses.as_deref().unwrap_or_default();
        let trusted_proxies = addresses
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| {
                let (address, bits) = text.split_once('/').unwrap_or((text, ""));
                let address: IpAddr = address.parse().ok()?;
                let most = if address.is_ipv4() { 32 } else { 128 };
                let bits = if bits.is_empty() { most } else { bits.parse().ok().filter(|bits| *bits <= most)? };
                Some((address, bits))
            })
            .collect::<Option<Vec<_>>>()
            .context("proxy.trusted_addresses (KC_PROXY_TRUSTED_ADDRESSES) is a list such as 10.0.0.0/8,192.168.1.7")?;
        Ok(Web {
            hostname,
            host_only,
            relative_path,
            proxy_headers,
            trusted_proxies,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_as_stars() {
        let settings = read(
            None,
            &[("db.url", Some("postgres://u:hunter2@h/d".to_owned()))],
        )
        .unwrap();
        let printed = format!("{settings:?}");
        assert!(
            printed.contains("***") && !printed.contains("hunter2"),
            "{printed}"
        );
    }

    #[test]
    fn an_unknown_key_is_named() {
        let path = std::env::temp_dir().join(format!("realmkeep-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&path, "[http]\nprot = 8080\n").unwrap();
        let error = format!("{:#}", read(Some(&path), &[]).unwrap_err());
        std::fs::remove_file(path).unwrap();
        assert!(error.contains("prot"), "{error}");
    }

    #[test]
    fn the_command_line_wins() {
        let settings = read(None, &[("http.port", Some("1234".to_owned()))]).unwrap();
        assert_eq!(settings.http.port, 1234);
    }

    #[test]
    fn the_settings_file_in_the_repository_lists_what_there_is() {
        let text = include_str!("../../../realmkeep.toml");
        let live: String = text
            .lines()
            .map(|line| {
                line.strip_prefix('#')
                    .filter(|rest| rest.contains('=') && !rest.starts_with(' '))
                    .unwrap_or(line)
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let config = Config::builder()
            .add_source(File::from_str(&live, FileFormat::Toml))
            .build()
            .unwrap();
        config.try_deserialize::<Settings>().unwrap();
    }
}
