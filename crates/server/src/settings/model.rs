//! The settings and their defaults.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// All settings. `realmkeep.toml` in the repository explains each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where HTTP is served.
    pub http: Http,
    /// Where TLS is served, if a certificate is given.
    pub https: Https,
    /// Health and metrics.
    pub management: Management,
    /// The public URL (`https://id.example.org`) or host of this server.
    pub hostname: Option<String>,
    /// What proxies before this server may tell.
    pub proxy: Proxy,
    /// The database.
    pub db: Db,
    /// What opens the stored secrets.
    pub seal: Seal,
    /// Whom the server calls.
    pub outbound: Outbound,
    /// The first administrator.
    pub bootstrap: Bootstrap,
    /// The log.
    pub log: Log,
    /// How the server stops.
    pub shutdown: Shutdown,
    /// How many RSA keys are made ahead.
    pub key_pool: usize,
    /// A folder of realm files to import at start, each if its realm is not there.
    pub import_realm: Option<PathBuf>,
}

/// Where HTTP is served.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    pub host: String,
    pub port: u16,
    pub relative_path: String,
    /// Threads that serve requests; 0: one for each core.
    pub workers: usize,
    /// Seconds after which a request that is still waiting is answered with 503.
    pub request_timeout: u64,
}

/// Where TLS is served.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Https {
    pub port: u16,
    pub certificate_file: Option<PathBuf>,
    pub certificate_key_file: Option<PathBuf>,
}

/// Health and metrics.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Management {
    pub host: String,
    pub port: u16,
}

/// What proxies may tell.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Proxy {
    /// `xforwarded`, `forwarded`, or none.
    pub headers: Option<String>,
    /// Addresses and networks (`10.0.0.0/8`) of trusted proxies, separated by commas.
    pub trusted_addresses: Option<String>,
}

/// The database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Db {
    pub url: Option<Secret>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub pool_size: u32,
}

/// What opens the stored secrets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seal {
    /// 32 bytes in base64; several separated by commas: the first seals, all open.
    pub key: Option<Secret>,
    /// A file that holds the same.
    pub key_file: Option<PathBuf>,
}

/// Whom the server calls: what clients name by URL.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    /// Whether hosts of private networks are called, too; a development server calls them if not told otherwise.
    pub allow_private: Option<bool>,
}

/// The first administrator.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bootstrap {
    pub admin_username: Option<String>,
    pub admin_password: Option<Secret>,
}

/// The log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,sqlx=warn`.
    pub level: String,
    /// `text` or `json`.
    pub format: String,
}

/// How the server stops. Seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// How long it still answers, not ready any more, before it stops listening.
    pub delay: u64,
    /// How long requests in flight may then take.
    pub timeout: u64,
}

/// A text that is never printed.
#[derive(Clone, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: Http::default(),
            https: Https::default(),
            management: Management::default(),
            hostname: None,
            proxy: Proxy::default(),
            db: Db::default(),
            seal: Seal::default(),
            outbound: Outbound::default(),
            bootstrap: Bootstrap::default(),
            log: Log::default(),
            shutdown: Shutdown::default(),
            key_pool: 32,
            import_realm: None,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".to_owned(),
            port: 8080,
            relative_path: String::new(),
            workers: 0,
            request_timeout: 5,
        }
    }
}

impl Default for Https {
    fn default() -> Self {
        Self {
            port: 8443,
            certificate_file: None,
            certificate_key_file: None,
        }
    }
}

impl Default for Management {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".to_owned(),
            port: 9000,
        }
    }
}

impl Default for Db {
    fn default() -> Self {
        Self {
            url: None,
            username: None,
            password: None,
            pool_size: 10,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: "text".to_owned(),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            delay: 1,
            timeout: 30,
        }
    }
}
