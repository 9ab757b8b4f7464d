//! What every client is taken through at every registry.

use std::{cell::Cell, ffi::OsString, fs, path::PathBuf, sync::Arc, thread};

use crate::{
    client::{Client, Step},
    docker,
    image::Image,
    pki::pki,
    process::{Finished, Folder, environment, find, run, say, skip, words},
    registry::{Registry, VERSIONS, Version, Wire},
    server::{Realm, server},
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
    if let Err(why) = find(client.name) {
        return skip(client.name, &why);
    }
    if wire == Wire::Tls && server().https.is_none() {
        return skip(
            &format!("{} over TLS", client.name),
            "this server speaks none",
        );
    }
    if client.name == "docker"
        && let Err(why) = docker::daemon()
    {
        return skip(client.name, &why);
    }
    let town = Town::new(client, wire);
    thread::scope(|scope| {
        for (registry, foreign) in &town.registries {
            scope.spawn(|| Visit::new(client, registry, foreign).go());
        }
    });
}

struct Visit {
    client: &'static Client,
    program: PathBuf,
    registry: Arc<Registry>,
    foreign: Arc<Registry>,
    image: Image,
    home: Folder,
    round: Cell<u8>,
}

impl Visit {
    fn new(client: &'static Client, registry: &Arc<Registry>, foreign: &Arc<Registry>) -> Self {
        let home = Folder::new();
        let image = Image::new(&home);
        home.write("hello.txt", &image.marker);
        for host in [&registry.host, &foreign.host] {
            let trust = format!(".config/containers/certs.d/{host}/ca.crt");
            home.write(&trust, &pki().ca_pem);
        }
        let plain = |host: &str| format!("[[registry]]\nlocation = \"{host}\"\ninsecure = true\n");
        let plain = match registry.wire {
            Wire::Plain => [&registry.host, &foreign.host]
                .map(|host| plain(host))
                .concat(),
            Wire::Tls => String::new(),
        };
        home.write(".config/containers/registries.conf", plain);
        home.write("auth.json", "{}");
        Self {
            client,
            program: find(client.name).unwrap(),
            registry: Arc::clone(registry),
            foreign: Arc::clone(foreign),
            image,
            home,
            round: Cell::new(0),
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

    /// Runs the commands of a step until one fails.
    fn run(&self, step: Step, at: &At) -> Result<Finished, &'static str> {
        let mut said = Finished {
            ok: true,
            text: String::new(),
        };
        for line in step? {
            let line = format!("{} {line}", self.client.options);
            let line = line.replace("{tls}", self.tls(at));
            let args = words(&line, |name| self.value(name, at));
            let variables = self.client.environment.iter();
            let variables: Vec<_> = variables
                .map(|(name, value)| (*name, words(value, |name| self.value(name, at)).concat()))
                .map(|(name, value)| (name, OsString::from(value)))
                .collect();
            let done = run(&self.program, &args, |command| {
                environment(command, &self.home, &variables);
            });
            said.text += &format!("$ {} {}\n{}", self.client.name, args.join(" "), done.text);
            said.ok = done.ok;
            if !done.ok {
                break;
            }
        }
        Ok(said)
    }

    fn tls(&self, at: &At) -> &'static str {
        match at.registry.wire {
            Wire::Plain => self.client.plain,
            Wire::Tls => self.client.tls,
        }
    }

    fn value(&self, name: &str, at: &At) -> String {
        let host = &at.registry.host;
        let path = |path: &std::path::Path| path.display().to_string();
        match name {
            "host" => host.clone(),
            "user" => USER.into(),
            "password" => at.password.into(),
            "repo" => format!("{host}/{}", at.repository),
            "ref" => format!("{host}/{}:1", at.repository),
            "copy" => format!("{host}/{COPY}"),
            "copied" => format!("{host}/{COPY}:1"),
            "digest" => at.registry.digest(COPY, "1").unwrap_or_default(),
            "layout" => path(&self.image.layout),
            "archive" => path(&self.image.archive),
            "image" => self.image.name.clone(),
            "home" => path(&self.home),
            "out" => path(&self.out()),
            "ca" => path(&pki().ca),
            "ca-pem" => pki().ca_pem.clone(),
            "dockerd" => docker::daemon().unwrap().into(),
            _ => panic!("no value {name}"),
        }
    }

    /// Where this round's pull goes.
    fn out(&self) -> PathBuf {
        let out = self.home.join(format!("out-{}", self.round.get()));
        fs::create_dir_all(&out).unwrap();
        out
    }

    fn here(&self) -> At<'_> {
        At {
            registry: &self.registry,
            repository: APP,
            password: PASSWORD,
        }
    }

    fn succeeds(&self, step: Step, at: &At) -> Result<String, &'static str> {
        let done = self.run(step, at)?;
        assert!(done.ok, "{}", done.text);
        Ok(done.text)
    }

    /// The step fails because of who asks, and the client says so in its own words.
    fn is_refused(&self, step: Step, at: &At) -> Result<(), &'static str> {
        let done = self.run(step, at)?;
        assert!(!done.ok, "not refused: {}", done.text);
        let text = done.text.to_lowercase();
        let crash = ["panic:", "goroutine ", "<html", "<!doctype"];
        let says = [
            "unauthorized",
            "401",
            "authentication required",
            "denied",
            "invalid username",
        ];
        // Without credentials Keycloak answers 400 and a page.
        let page = server().keycloak && text.contains("400");
        assert!(
            page || says.iter().any(|word| text.contains(word)),
            "{text}"
        );
        assert!(
            page || !crash.iter().any(|word| text.contains(word)),
            "{text}"
        );
        Ok(())
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

    fn pushes(&self, at: &At) -> Result<(), &'static str> {
        let said = self.succeeds(self.client.push, at)?;
        assert!(self.registry.digest(at.repository, "1").is_some(), "{said}");
        Ok(())
    }

    fn pulls(&self, at: &At) -> Result<(), &'static str> {
        self.round.set(self.round.get() + 1);
        let said = self.succeeds(self.client.pull, at)?;
        assert!(self.image.is_in(&self.out()), "another image: {said}");
        Ok(())
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
        self.round.set(self.round.get() + 1);
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

/// What a step is about.
struct At<'a> {
    registry: &'a Registry,
    repository: &'static str,
    password: &'static str,
}

/// Names the step in which a test fails.
struct Failing(String);

impl Drop for Failing {
    fn drop(&mut self) {
        if thread::panicking() {
            say(&format!("failed: {}", self.0));
        }
    }
}
