//! What the registry is configured with, against what is.

use std::path::Path;

use reqwest::Url;

use super::challenge::Bearer;
use super::endpoint;
use super::report::{note, ok};
use super::token::Token;
use super::trust::{self, Bundle, Keys};
use super::walk::Walk;

impl Walk {
    /// `realm`, `service`, `issuer` and `signingalgorithms`; `taken` says whether the registry took the token.
    pub fn compare(
        &mut self,
        realm: &Url,
        bearer: &Bearer,
        token: Option<&Token>,
        taken: Option<bool>,
    ) {
        let Some(config) = self.configured.take() else {
            return;
        };
        let mut faults = Vec::new();
        let other = |faults: &mut Vec<_>, name: &str, there: &str, here: &str| {
            faults.push(format!(
                "other configuration: the registry runs with {name} «{there}», and the one given has «{here}». Restart the registry \
                 or give the one that it runs with"
            ));
        };
        if let (Some(set), false) = (&config.realm, config.autoredirect)
            && *set != bearer.realm
        {
            other(&mut faults, "realm", &bearer.realm, set);
        }
        if let Some(set) = config
            .service
            .as_ref()
            .filter(|set| **set != bearer.service)
        {
            other(&mut faults, "service", &bearer.service, set);
        }
        let issuer = match token {
            Some(token) => Some(token.issuer.clone()),
            None => endpoint::issuer(realm),
        };
        match (config.issuer.as_deref(), issuer) {
            (Some(set), Some(issuer)) if set == issuer => ok("issuer", set),
            (Some(set), Some(issuer)) => faults.push(wrong_issuer(set, &issuer)),
            (None, _) => note("issuer", "the configuration names none"),
            (_, None) => {}
        }
        if let Some(token) = token {
            if !token.audiences.contains(&bearer.service) {
                faults.push(format!(
                    "wrong service: the token is for {}, the registry is {}",
                    token.audiences.join(", "),
                    bearer.service
                ));
            }
            let allowed = &config.signingalgorithms;
            if !allowed.is_empty() && !allowed.contains(&token.alg) {
                faults.push(format!(
                    "wrong algorithm: tokens are signed by {}, auth.token.signingalgorithms allows {}",
                    token.alg,
                    allowed.join(", ")
                ));
            }
        }
        for fault in faults {
            let what = fault.split(':').next().unwrap_or_default().to_owned();
            let fault = match taken {
                Some(true) => format!(
                    "{fault} (it takes tokens now, and will not when it restarts with this configuration)"
                ),
                _ => fault,
            };
            self.fail::<()>("config", &what, fault);
        }
        self.configured = Some(config);
    }

    /// Whether `rootcertbundle` and `jwks` know the token's key.
    pub fn trust(&mut self, token: &Token, now: i64, taken: bool) {
        let config = self.configured.take().unwrap_or_default();
        let named = self.args.bundle.clone().or(config.rootcertbundle);
        let keys = self.args.jwks.clone().or(config.jwks);
        if named.is_none() && keys.is_none() && self.args.config.is_none() {
            return;
        }
        let bundle = self.file(
            "rootcertbundle",
            "--bundle",
            named.as_deref(),
            taken,
            Bundle::read,
        );
        let keys = self.file("jwks", "--jwks", keys.as_deref(), taken, Keys::read);
        let (Ok(bundle), Ok(keys)) = (bundle, keys) else {
            return;
        };
        match trust::judge(token, bundle.as_ref(), keys.as_ref(), now, taken) {
            Ok(text) => ok("trust", &text),
            Err(fault) => {
                let what = fault.split(':').next().unwrap_or_default().to_owned();
                self.fail::<()>("trust", &what, fault);
            }
        }
    }

    /// A file of the registry. `Err` where it should be there and cannot be read.
    fn file<T>(
        &mut self,
        name: &str,
        option: &str,
        path: Option<&Path>,
        taken: bool,
        read: impl Fn(&Path) -> Result<T, String>,
    ) -> Result<Option<T>, ()> {
        let Some(path) = path else {
            return Ok(None);
        };
        match read(path) {
            Ok(read) => Ok(Some(read)),
            Err(why) => {
                let text = format!("{name} {}: {why}", path.display());
                if taken {
                    note(
                        "trust",
                        &format!(
                            "{text}. The registry has read it, so it lies elsewhere here: {option} FILE"
                        ),
                    );
                } else {
                    let fault = format!(
                        "missing {name}: {}: {why}. Put the client's file there, or say with {option} where it lies on this machine",
                        path.display()
                    );
                    self.fail::<()>("trust", &text, fault);
                }
                Err(())
            }
        }
    }
}

fn wrong_issuer(set: &str, issuer: &str) -> String {
    let secure = |url: &str| url.replacen("http://", "https://", 1);
    let name = if secure(set) == secure(issuer) {
        "http/https mix: wrong issuer"
    } else {
        "wrong issuer"
    };
    format!(
        "{name}: the registry takes tokens of «{set}», they come from «{issuer}». Set auth.token.issuer to {issuer}, and restart the registry"
    )
}
