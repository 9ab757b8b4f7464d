//! Stock registries, configured with what the installation providers of a client say.

use std::{fmt, path::PathBuf, process::Command};

use crate::{
    pki::pki,
    process::{Folder, Service, find},
    server::{Realm, server},
};

/// A registry's program.
#[derive(Clone, Copy, PartialEq)]
pub enum Version {
    V2,
    V3,
}

pub const VERSIONS: [Version; 2] = [Version::V2, Version::V3];

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "registry 2",
            Self::V3 => "registry 3",
        })
    }
}

impl Version {
    /// The program.
    ///
    /// # Errors
    /// Why it cannot be tested.
    pub fn program(self) -> Result<PathBuf, String> {
        match self {
            Self::V2 => find("docker-registry"),
            Self::V3 if server().keycloak => Err(
                "distribution 3 refuses Keycloak's tokens: no x5c, and a kid it cannot know".into(),
            ),
            Self::V3 => find("registry3"),
        }
    }
}

/// How clients reach server and registry.
#[derive(Clone, Copy, PartialEq)]
pub enum Wire {
    Plain,
    Tls,
}

/// A running registry; clients call it `localhost:port`.
pub struct Registry {
    pub version: Version,
    pub wire: Wire,
    pub host: String,
    service: Service,
}

impl Registry {
    /// Starts a registry that belongs to a realm.
    ///
    /// # Errors
    /// Why this version cannot be tested.
    pub fn start(version: Version, wire: Wire, realm: &Realm) -> Result<Self, String> {
        let base = match wire {
            Wire::Plain => &server().url,
            Wire::Tls => server().https.as_ref().ok_or("this server speaks no TLS")?,
        };
        let auth = realm.installation(base, "docker-v2-registry-config-file");
        Self::configured(version, wire, |folder| {
            let trust = folder.write("realm-ca.pem", realm.trust());
            with_trust(&auth, &trust.display().to_string())
        })
    }

    /// Starts a registry with this section `auth`, whose files may lie in the folder.
    ///
    /// # Errors
    /// Why this version cannot be tested.
    pub fn configured(
        version: Version,
        wire: Wire,
        auth: impl FnOnce(&Folder) -> String,
    ) -> Result<Self, String> {
        let program = version.program()?;
        let folder = Folder::new();
        let auth = auth(&folder);
        let tls = match wire {
            Wire::Plain => String::new(),
            Wire::Tls => format!(
                "  tls:\n    certificate: {}\n    key: {}\n",
                pki().certificate.display(),
                pki().key.display()
            ),
        };
        let config = format!(
            "version: 0.1\n\
             storage:\n  filesystem:\n    rootdirectory: {data}\n  delete:\n    enabled: true\n\
             http:\n  addr: localhost:0\n{tls}\
             {auth}",
            data = folder.join("data").display(),
        );
        let config = folder.write("config.yml", config);
        let mut command = Command::new(program);
        // Without this, version 3 sends its traces to a collector that is not there.
        command.env("OTEL_TRACES_EXPORTER", "none");
        command.arg("serve").arg(config);
        let mut service = Service::start(folder, command);
        let port = service.wait(listening);
        let port = port.unwrap_or_else(|error| panic!("{version} {error}"));
        Ok(Self {
            version,
            wire,
            host: format!("localhost:{port}"),
            service,
        })
    }

    /// The file with its configuration.
    pub fn config(&self) -> PathBuf {
        self.service.folder().join("config.yml")
    }

    /// The digest under a tag, from the registry's own files.
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        let repositories = "data/docker/registry/v2/repositories";
        let link = format!("{repositories}/{repository}/_manifests/tags/{tag}/current/link");
        std::fs::read_to_string(self.service.folder().join(link)).ok()
    }

    /// Lines of the log that tell of a token which the registry did not take.
    pub fn refused_tokens(&self) -> Vec<String> {
        let log = self.service.log();
        let refused = |line: &&str| line.contains("invalid token") || line.contains("untrusted");
        log.lines().filter(refused).map(str::to_owned).collect()
    }
}

/// Points `rootcertbundle` at the file with the realm's certificates, which is all that the
/// reader of an installation file does.
fn with_trust(auth: &str, file: &str) -> String {
    if server().keycloak {
        // Keycloak's file lacks the line, and has an issuer that its tokens do not have.
        let auth = auth.replace("//realms", "/realms");
        return format!("{}\n    rootcertbundle: {file}\n", auth.trim_end());
    }
    let (before, after) = auth
        .split_once("rootcertbundle:")
        .unwrap_or_else(|| panic!("no rootcertbundle in {auth}"));
    let rest = after.split_once('\n').map_or("", |(_, rest)| rest);
    format!("{before}rootcertbundle: {file}\n{rest}")
}

/// The port on which a registry says that it listens.
pub fn listening(service: &Service) -> Option<String> {
    let log = service.log();
    let (_, after) = log.split_once("listening on ")?;
    let address = after.split(['"', ',', ' ', '\n']).next()?;
    let port = address.rsplit(':').next()?;
    Some(port.to_owned())
}
