//! A client program at work: its home, its image, its commands.

use std::{cell::Cell, ffi::OsString, fs, path::PathBuf};

use crate::{
    client::{Client, Step},
    docker,
    image::Image,
    pki::pki,
    process::{Finished, Folder, environment, find, run, words},
    registry::{Registry, Wire},
    server::server,
};

/// What a step is about.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub registry: &'a Registry,
    pub user: &'a str,
    pub password: &'a str,
    pub repository: &'a str,
    /// The other repository, of the steps that name two; also what is deleted.
    pub copy: &'a str,
}

/// A client in a home of its own.
pub struct Terminal {
    pub client: &'static Client,
    pub image: Image,
    pub home: Folder,
    program: PathBuf,
    round: Cell<u8>,
}

impl Terminal {
    /// A new home, where the registries are known.
    pub fn new(client: &'static Client, registries: &[&Registry]) -> Self {
        let home = Folder::new();
        let image = Image::new(&home);
        home.write("hello.txt", &image.marker);
        let mut plain = String::new();
        for registry in registries {
            let host = &registry.host;
            let trust = format!(".config/containers/certs.d/{host}/ca.crt");
            home.write(&trust, &pki().ca_pem);
            if registry.wire == Wire::Plain {
                plain += &format!("[[registry]]\nlocation = \"{host}\"\ninsecure = true\n");
            }
        }
        home.write(".config/containers/registries.conf", plain);
        home.write("auth.json", "{}");
        Self {
            client,
            program: find(client.name).unwrap(),
            image,
            home,
            round: Cell::new(0),
        }
    }

    /// Runs the commands of a step until one fails.
    pub fn run(&self, step: Step, at: &At) -> Result<Finished, &'static str> {
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
            "user" => at.user.into(),
            "password" => at.password.into(),
            "repo" => format!("{host}/{}", at.repository),
            "ref" => format!("{host}/{}:1", at.repository),
            "copy" => format!("{host}/{}", at.copy),
            "copied" => format!("{host}/{}:1", at.copy),
            "digest" => at.registry.digest(at.copy, "1").unwrap_or_default(),
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

    /// The step succeeds; what it said.
    pub fn succeeds(&self, step: Step, at: &At) -> Result<String, &'static str> {
        let done = self.run(step, at)?;
        assert!(done.ok, "{}", done.text);
        Ok(done.text)
    }

    /// The step fails because of who asks, and the client says so in its own words.
    pub fn is_refused(&self, step: Step, at: &At) -> Result<(), &'static str> {
        self.next_round();
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

    /// The repository has the image after it.
    pub fn pushes(&self, at: &At) -> Result<(), &'static str> {
        let said = self.succeeds(self.client.push, at)?;
        assert!(at.registry.digest(at.repository, "1").is_some(), "{said}");
        Ok(())
    }

    /// The image, and no other, is here after it.
    pub fn pulls(&self, at: &At) -> Result<(), &'static str> {
        self.pulls_what(&self.image, at)
    }

    /// The same of an image that somebody else pushed.
    pub fn pulls_what(&self, image: &Image, at: &At) -> Result<(), &'static str> {
        self.next_round();
        let said = self.succeeds(self.client.pull, at)?;
        assert!(image.is_in(&self.out()), "another image: {said}");
        Ok(())
    }

    /// What is pulled from now on goes elsewhere.
    pub fn next_round(&self) {
        self.round.set(self.round.get() + 1);
    }
}
