//! `realmkeep doctor registry`: it names what is wrong with a registry, at both versions.

mod clock;

use std::fs::File;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::{
    pki::{pem, pki},
    process::{Finished, Folder, run, skip},
    registry::{Registry, VERSIONS, Version, Wire},
    server::{Realm, SERVICE, binary, server},
};

const USER: &str = "alice";
const PASSWORD: &str = "wonderland-1";

/// What the doctor said and whether it found nothing; `more` are further words of its command line.
fn doctor(url: &str, more: &[&str]) -> Finished {
    let folder = Folder::new();
    let password = folder.write("password", format!("{PASSWORD}\n"));
    let mut args: Vec<_> = ["doctor", "registry", url, "--ca"]
        .map(str::to_owned)
        .into();
    args.push(pki().ca.display().to_string());
    args.extend(more.iter().map(|word| (*word).to_owned()));
    run(&binary().unwrap(), &args, |command| {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(File::open(password).unwrap());
    })
}

/// The same with a user and the registry's configuration.
fn examined(registry: &Registry) -> Finished {
    let url = match registry.wire {
        Wire::Plain => format!("http://{}", registry.host),
        Wire::Tls => format!("https://{}", registry.host),
    };
    let config = registry.config().display().to_string();
    doctor(
        &url,
        &["--user", USER, "--password-stdin", "--config", &config],
    )
}

/// One fault was found, it is said in the last line, and it begins like this.
fn names(said: &Finished, fault: &str) {
    let last = said.text.lines().last().unwrap_or_default();
    let faults = said
        .text
        .lines()
        .filter(|line| line.starts_with("fault:"))
        .count();
    assert!(!said.ok && faults == 1, "{fault}:\n{}", said.text);
    assert!(
        last.starts_with(&format!("fault: {fault}")),
        "{fault}:\n{}",
        said.text
    );
}

/// What a registry is configured with; each fault is prepared by changing one of them.
struct Auth {
    realm: String,
    service: String,
    issuer: String,
    /// `rootcertbundle`.
    bundle: String,
    /// `jwks`, in place of the bundle.
    jwks: Option<String>,
}

impl Auth {
    fn of(realm: &Realm) -> Self {
        let issuer = format!("{}/realms/{}", server().url, realm.name);
        Self {
            realm: format!("{issuer}/protocol/docker-v2/auth"),
            service: SERVICE.to_owned(),
            issuer,
            bundle: realm.trust(),
            jwks: None,
        }
    }

    fn start(&self, version: Version) -> Result<Registry, String> {
        Registry::configured(version, Wire::Plain, |folder| {
            let (name, file) = match &self.jwks {
                None => ("rootcertbundle", folder.write("bundle.pem", &self.bundle)),
                Some(jwks) => ("jwks", folder.write("jwks.json", jwks)),
            };
            format!(
                "auth:\n  token:\n    realm: {}\n    service: {}\n    issuer: {}\n    {name}: {}\n",
                self.realm,
                self.service,
                self.issuer,
                file.display()
            )
        })
    }
}

/// Does the work at both registries, each with a realm of its own.
fn everywhere(what: &str, work: impl Fn(Version, &Realm) -> Result<(), String>) {
    if server().keycloak {
        return skip(what, "registry 3 takes no token of Keycloak's");
    }
    for version in VERSIONS {
        let realm = Realm::new("doctor");
        realm.user(USER, PASSWORD);
        work(version, &realm).unwrap_or_else(|why| skip(&format!("{what} at {version}"), &why));
    }
}

/// A registry that differs from a good one in its configuration has this fault.
fn misconfigured(fault: &str, change: impl Fn(&mut Auth)) {
    everywhere(fault, |version, realm| {
        let mut auth = Auth::of(realm);
        change(&mut auth);
        names(&examined(&auth.start(version)?), fault);
        Ok(())
    });
}

#[test]
fn a_registry_that_is_set_up_as_documented_has_no_fault() {
    everywhere("a good registry", |version, realm| {
        for wire in [Wire::Plain, Wire::Tls] {
            let registry = Registry::start(version, wire, realm)?;
            let said = examined(&registry);
            assert!(said.ok, "{}", said.text);
            for step in [
                "registry",
                "challenge",
                "realm",
                "service",
                "login",
                "token",
                "clock",
                "accepted",
                "issuer",
                "trust",
            ] {
                let done = said
                    .text
                    .lines()
                    .any(|line| line.starts_with(&format!("ok    {step} ")));
                assert!(done, "{step}:\n{}", said.text);
            }
            assert!(
                !said.text.contains("FAIL") && !said.text.contains(PASSWORD),
                "{}",
                said.text
            );
        }
        let plain = Registry::start(version, Wire::Plain, realm)?;
        let said = doctor(&format!("http://{}/v2/", plain.host), &[]);
        assert!(
            said.ok && said.text.contains("--user NAME"),
            "{}",
            said.text
        );
        Ok(())
    });
}

#[test]
fn a_wrong_issuer_is_named() {
    misconfigured("wrong issuer", |auth| auth.issuer += "x");
}

#[test]
fn an_issuer_of_the_other_scheme_is_named() {
    misconfigured("http/https mix: wrong issuer", |auth| {
        auth.issuer = auth.issuer.replace("http://", "https://");
    });
}

#[test]
fn a_wrong_service_is_named() {
    misconfigured("wrong service", |auth| {
        "other".clone_into(&mut auth.service)
    });
}

#[test]
fn a_stale_bundle_is_named() {
    misconfigured("stale bundle", |auth| {
        auth.bundle = Realm::new("before").trust()
    });
}

#[test]
fn a_key_id_that_the_registry_does_not_know_is_named() {
    everywhere("kid mismatch", |version, realm| {
        realm
            .change_client(&json!({"clientId": SERVICE, "attributes": {"docker-v2.x5c": "false"}}));
        let mut auth = Auth::of(realm);
        if version == Version::V3 {
            auth.jwks = Some(realm.installation(&server().url, "docker-v2-jwks"));
            let registry = auth.start(version)?;
            let said = examined(&registry);
            assert!(said.ok, "before the rotation:\n{}", said.text);
            realm.rotate(200);
            names(
                &examined(&registry),
                "kid mismatch: tokens are signed by the key ",
            );
            realm.change_client(
                &json!({"clientId": SERVICE, "attributes": {"docker-v2.x5c": "true"}}),
            );
            names(
                &examined(&registry),
                "kid mismatch: tokens carry a certificate",
            );
        } else {
            names(
                &examined(&auth.start(version)?),
                "kid mismatch: tokens are signed by the key ",
            );
        }
        Ok(())
    });
}

#[test]
fn a_certificate_in_the_bundle_is_found_by_its_key_id_at_registry_2_alone() {
    everywhere("a key id of the bundle", |version, realm| {
        realm
            .change_client(&json!({"clientId": SERVICE, "attributes": {"docker-v2.x5c": "false"}}));
        let keys = realm.keys();
        let active = &keys["active"]["RS256"];
        let mut listed = keys["keys"].as_array().unwrap().iter();
        let key = listed.find(|key| key["kid"] == *active).unwrap();
        let der = BASE64_STANDARD.decode(key["certificate"].as_str().unwrap());
        let mut auth = Auth::of(realm);
        auth.bundle = pem("CERTIFICATE", &der.unwrap());
        let said = examined(&auth.start(version)?);
        match version {
            Version::V2 => assert!(said.ok, "{}", said.text),
            Version::V3 => names(&said, "kid mismatch: tokens name their key "),
        }
        Ok(())
    });
}

#[test]
fn a_challenge_of_the_other_scheme_is_named() {
    let secure = || server().https.clone().unwrap();
    misconfigured("http/https mix: https://", |auth| {
        auth.realm = auth.realm.replace("http://", "https://");
    });
    misconfigured("http/https mix: http://", |auth| {
        let plain = secure().replace("https://", "http://");
        auth.realm = auth.realm.replace(&server().url, &plain);
    });
}

#[test]
fn a_registry_called_by_the_other_scheme_is_named() {
    everywhere("a registry's scheme", |version, realm| {
        let plain = Registry::start(version, Wire::Plain, realm)?;
        names(
            &doctor(&format!("https://{}", plain.host), &[]),
            "http/https mix",
        );
        let tls = Registry::start(version, Wire::Tls, realm)?;
        names(
            &doctor(&format!("http://{}", tls.host), &[]),
            "http/https mix",
        );
        Ok(())
    });
}

#[test]
fn a_wrong_realm_path_is_named() {
    misconfigured(
        "wrong realm path: the identity server has no realm «nope»",
        |auth| {
            auth.realm = format!("{}/realms/nope/protocol/docker-v2/auth", server().url);
        },
    );
    misconfigured("wrong realm path", |auth| {
        auth.realm = auth.realm.replace("docker-v2", "docker")
    });
    misconfigured("wrong realm path", |auth| auth.realm += "/token");
    misconfigured("wrong realm path", |auth| {
        auth.realm.clone_from(&server().url)
    });
}

#[test]
fn a_disabled_client_is_named() {
    everywhere("disabled client", |version, realm| {
        let registry = Auth::of(realm).start(version)?;
        realm.change_client(&json!({"clientId": SERVICE, "enabled": false}));
        names(&examined(&registry), "disabled client");
        Ok(())
    });
}

#[test]
fn a_wrong_password_is_named_and_goes_to_no_other_place() {
    everywhere("login refused", |version, realm| {
        let registry = Auth::of(realm).start(version)?;
        let url = format!("http://{}", registry.host);
        names(
            &doctor(&url, &["--user", "bob", "--password-stdin"]),
            "login refused",
        );
        Ok(())
    });
    misconfigured("http/https mix: the password would go", |auth| {
        auth.realm = "http://id.example.org/realms/x/protocol/docker-v2/auth".to_owned();
    });
}

#[test]
fn without_the_configuration_the_doctor_says_what_to_compare() {
    everywhere("refused", |version, realm| {
        let mut auth = Auth::of(realm);
        let issuer = auth.issuer.clone();
        auth.issuer += "x";
        let registry = auth.start(version)?;
        let said = doctor(
            &format!("http://{}", registry.host),
            &["--user", USER, "--password-stdin"],
        );
        names(
            &said,
            &format!(
                "refused: the registry takes no token and does not say why. Its auth.token must have service {SERVICE} and issuer {issuer},"
            ),
        );
        Ok(())
    });
}

#[test]
fn files_that_the_registry_does_not_run_with_are_named() {
    everywhere("another configuration", |version, realm| {
        let registry = Auth::of(realm).start(version)?;
        let config = std::fs::read_to_string(registry.config()).unwrap();
        std::fs::write(
            registry.config(),
            config.replace("issuer: http", "issuer: x-http"),
        )
        .unwrap();
        names(&examined(&registry), "wrong issuer");
        std::fs::write(registry.config(), config.replace("bundle.pem", "none.pem")).unwrap();
        let said = examined(&registry);
        assert!(
            said.ok && said.text.contains("--bundle FILE"),
            "{}",
            said.text
        );
        Ok(())
    });
}
