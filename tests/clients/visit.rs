//! What every client is taken through at every registry.

use std::{ops::Deref, sync::Arc, thread};

use crate::{
    client::Client,
    docker,
    process::{find, say, skip},
    registry::{Registry, VERSIONS, Version, Wire},
    server::{Realm, server},
    terminal::{At, Terminal},
};

type Check = fn(&Visit) -> Result<(), &'static str>;

/// The steps in their order; each goes on from where the one before stopped.
const STEPS: &[(&str, Check)] = &[
    ("wrong password", Visit::wrong_password),
    ("login", Visit::login),
    ("push", Visit::push),
    ("pull", Visit::pull),
    ("copy", Visit::copy),
    ("deep name", Visit::deep_name),
    ("tags", Visit::tags),
    ("catalog", Visit::catalog),
    ("delete", Visit::delete),
    ("logout", Visit::logout),
    ("other realm", Visit::other_realm),
];

/// The steps that are worth a second round over TLS.
const TLS_STEPS: &[(&str, Check)] = STEPS.split_at(4).0;

const USER: &str = "alice";
const PASSWORD: &str = "wonderland-1";
const APP: &str = "app";
const COPY: &str = "team/copy";
const DEEP: &str = "a/b/c/d/e";

/// A realm with a registry of each version, and a second realm with the same, where a user of the
/// same name has another password.
struct Town {
    registries: Vec<(Arc<Registry>, Arc<Registry>)>,
    _realms: [Realm; 2],
}

impl Town {
    fn new(client: &Client, wire: Wire) -> Self {
        let realms = ["a", "b"].map(|prefix| Realm::new(&format!("{prefix}-{}", client.name)));
        realms[0].user(USER, PASSWORD);
        realms[1].user(USER, "looking-glass-2");
        let start = |version: Version| {
            let [here, there] =
                [&realms[0], &realms[1]].map(|realm| Registry::start(version, wire, realm));
            here.and_then(|here| Ok((Arc::new(here), Arc::new(there?))))
                .map_err(|why| skip(&format!("{} at {version}", client.name), &why))
                .ok()
        };
        Self {
            registries: VERSIONS.into_iter().filter_map(start).collect(),
            _realms: realms,
        }
    }
}

/// Takes a client through the steps at both registries of one realm, side by side.
pub fn every_step(client: &'static Client, wire: Wire) {
    if !is_there(client) {
        return;
    }
    if wire == Wire::Tls && server().https.is_none() {
        return skip(
            &format!("{} over TLS", client.name),
            "this server speaks none",
        );
    }
    let town = Town::new(client, wire);
    thread::scope(|scope| {
        for (registry, foreign) in &town.registries {
            scope.spawn(|| Visit::new(client, registry, foreign).go());
        }
    });
}

/// Whether a client and what it needs are installed; says so where they are not.
pub fn is_there(client: &Client) -> bool {
    let found = find(client.name).map(drop);
    let found = found.and_then(|()| match client.name {
        "docker" => docker::daemon().map(drop),
        _ => Ok(()),
    });
    found.map_err(|why| skip(client.name, &why)).is_ok()
}

struct Visit {
    terminal: Terminal,
    registry: Arc<Registry>,
    foreign: Arc<Registry>,
}

impl Deref for Visit {
    type Target = Terminal;

    fn deref(&self) -> &Terminal {
        &self.terminal
    }
}

impl Visit {
    fn new(client: &'static Client, registry: &Arc<Registry>, foreign: &Arc<Registry>) -> Self {
        Self {
            terminal: Terminal::new(client, &[registry, foreign]),
            registry: Arc::clone(registry),
            foreign: Arc::clone(foreign),
        }
    }

    fn go(&self) {
        let (steps, tls) = match self.registry.wire {
            Wire::Plain => (STEPS, ""),
            Wire::Tls => (TLS_STEPS, " over TLS"),
        };
        let name = format!("{} at {}{tls}", self.client.name, self.registry.version);
        let mut report = format!("{name}:");
        for (step, check) in steps {
            let _failing = Failing(format!("{name}: {step}"));
            match check(self) {
                Ok(()) => report += &format!(" {step} ·"),
                Err(reason) => report += &format!(" ({reason}) ·"),
            }
        }
        say(report.trim_end_matches('·'));
    }

    fn here(&self) -> At<'_> {
        At {
            registry: &self.registry,
            user: USER,
            password: PASSWORD,
            repository: APP,
            copy: COPY,
        }
    }

    fn login_is_refused(&self, at: &At) -> Result<(), &'static str> {
        if self.client.login_asks {
            self.is_refused(self.client.login, at)?;
        } else {
            self.succeeds(self.client.login, at)?;
        }
        self.is_refused(self.client.pull, at)
    }

    fn wrong_password(&self) -> Result<(), &'static str> {
        self.login_is_refused(&At {
            password: "not-hers",
            ..self.here()
        })
    }

    fn login(&self) -> Result<(), &'static str> {
        self.succeeds(self.client.login, &self.here()).map(drop)
    }

    fn push(&self) -> Result<(), &'static str> {
        self.pushes(&self.here())
    }

    fn pull(&self) -> Result<(), &'static str> {
        self.pulls(&self.here())
    }

    fn copy(&self) -> Result<(), &'static str> {
        if server().keycloak && self.client.name == "regctl" {
            let copy = At {
                repository: COPY,
                ..self.here()
            };
            return self
                .pushes(&copy)
                .and(Err("Keycloak takes one scope, regctl needs two to copy"));
        }
        let said = self.succeeds(self.client.copy, &self.here())?;
        assert!(self.registry.digest(COPY, "1").is_some(), "{said}");
        Ok(())
    }

    fn deep_name(&self) -> Result<(), &'static str> {
        let deep = At {
            repository: DEEP,
            ..self.here()
        };
        self.pushes(&deep)?;
        self.pulls(&deep)
    }

    fn tags(&self) -> Result<(), &'static str> {
        let said = self.succeeds(self.client.tags, &self.here())?;
        let answer = said.split_once('\n').unwrap().1;
        let mut words = answer.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(words.any(|word| word == "1"), "{said}");
        Ok(())
    }

    fn catalog(&self) -> Result<(), &'static str> {
        let said = self.succeeds(self.client.catalog, &self.here())?;
        for repository in [APP, COPY, DEEP] {
            assert!(said.contains(repository), "no {repository}: {said}");
        }
        Ok(())
    }

    fn delete(&self) -> Result<(), &'static str> {
        let said = self.succeeds(self.client.delete, &self.here())?;
        assert_eq!(self.registry.digest(COPY, "1"), None, "{said}");
        Ok(())
    }

    fn logout(&self) -> Result<(), &'static str> {
        self.succeeds(self.client.logout, &self.here())?;
        self.next_round();
        self.is_refused(self.client.pull, &self.here())
    }

    fn other_realm(&self) -> Result<(), &'static str> {
        self.login()?;
        self.login_is_refused(&At {
            registry: &self.foreign,
            ..self.here()
        })?;
        self.pulls(&self.here())
    }
}

/// Names the step in which a test fails.
pub struct Failing(pub String);

impl Drop for Failing {
    fn drop(&mut self) {
        if thread::panicking() {
            say(&format!("failed: {}", self.0));
        }
    }
}
