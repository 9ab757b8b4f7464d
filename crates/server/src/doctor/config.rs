//! What a registry is configured with: its `config.yml`, and the variables that override it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use yaml_rust2::{Yaml, YamlLoader};

/// The section `auth.token`.
#[derive(Default)]
pub(super) struct Config {
    pub realm: Option<String>,
    pub service: Option<String>,
    pub issuer: Option<String>,
    pub rootcertbundle: Option<PathBuf>,
    pub jwks: Option<PathBuf>,
    /// Empty: those that the registry takes by itself.
    pub signingalgorithms: Vec<String>,
    /// The registry makes `realm` up from the caller's host.
    pub autoredirect: bool,
}

/// Reads the file, if there is one, and then `REGISTRY_AUTH_TOKEN_…`. None where neither says anything.
///
/// # Errors
/// A file that cannot be read, or is no configuration with token authentication.
pub(super) fn read(
    file: Option<&Path>,
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<Config>> {
    let mut config = match file {
        None => Config::default(),
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            parse(&text).with_context(|| file.display().to_string())?
        }
    };
    let mut given = file.is_some();
    let mut get = |name: &str| {
        let value = variable(&format!("REGISTRY_AUTH_TOKEN_{name}"))?;
        given = true;
        Some(value)
    };
    let path = |value: String| PathBuf::from(value);
    config.realm = get("REALM").or(config.realm);
    config.service = get("SERVICE").or(config.service);
    config.issuer = get("ISSUER").or(config.issuer);
    config.rootcertbundle = get("ROOTCERTBUNDLE").map(path).or(config.rootcertbundle);
    config.jwks = get("JWKS").map(path).or(config.jwks);
    if let Some(value) = get("AUTOREDIRECT") {
        config.autoredirect = value == "true";
    }
    if let Some(value) = get("SIGNINGALGORITHMS") {
        let list = YamlLoader::load_from_str(&value).unwrap_or_default();
        config.signingalgorithms = list.first().map(strings).unwrap_or_default();
    }
    Ok(given.then_some(config))
}

fn parse(text: &str) -> anyhow::Result<Config> {
    let documents = YamlLoader::load_from_str(text).context("no YAML")?;
    let document = documents.first().context("an empty file")?;
    let token = &document["auth"]["token"];
    let text = |name: &str| token[name].as_str().map(str::to_owned);
    token.as_hash().context(
        "no auth.token: this registry does not ask for tokens. See the file docker-v2-registry-config-file of the client",
    )?;
    Ok(Config {
        realm: text("realm"),
        service: text("service"),
        issuer: text("issuer"),
        rootcertbundle: text("rootcertbundle").map(PathBuf::from),
        jwks: text("jwks").map(PathBuf::from),
        signingalgorithms: strings(&token["signingalgorithms"]),
        autoredirect: token["autoredirect"].as_bool().unwrap_or_default(),
    })
}

fn strings(list: &Yaml) -> Vec<String> {
    let items = list.as_vec().into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_and_variables_override_it() {
        let file = std::env::temp_dir().join(format!("{}.yml", uuid::Uuid::new_v4()));
        let text = "version: 0.1\n# who may\nauth:\n  token:\n    realm: 'http://id/auth'\n    service: \"reg: 1\"\n    \
                    issuer: http://id # theirs\n    jwks: /keys.json\n    signingalgorithms:\n      - ES256\n";
        std::fs::write(&file, text).unwrap();
        let variable = |name: &str| (name == "REGISTRY_AUTH_TOKEN_ISSUER").then(|| "x".to_owned());
        let config = read(Some(&file), variable).unwrap().unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(config.realm.as_deref(), Some("http://id/auth"));
        assert_eq!(config.service.as_deref(), Some("reg: 1"));
        assert_eq!(config.issuer.as_deref(), Some("x"));
        assert_eq!(config.jwks.as_deref(), Some(Path::new("/keys.json")));
        assert_eq!(config.signingalgorithms, ["ES256"]);
        assert!(read(None, |_| None).unwrap().is_none());
        assert!(read(None, variable).unwrap().is_some());
        for odd in [
            "",
            "- a",
            "auth: {htpasswd: {realm: x}}",
            "auth: [",
            "a: &a [*a",
        ] {
            assert!(parse(odd).is_err(), "{odd}");
        }
    }
}
