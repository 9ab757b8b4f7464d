//! `docker-compose.yml`, checked by compose and then run as plain processes: no image can be pulled
//! here. Each service gets the command and the environment of the file; only what a container would
//! give it is replaced: the names of the others, ports, and the places of volumes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    image::Image,
    process::{Folder, Service, environment, find, free_port, project, run, say, skip, words},
    server::{binary, server},
};

/// The ports inside the containers, by the names of the services.
const PORTS: [(&str, u16); 3] = [("postgres", 5432), ("realmkeep", 8080), ("registry", 5000)];

/// The file as compose understands it; another one by compose's own variable.
fn config() -> Result<Value, String> {
    let file = std::env::var_os("COMPOSE_FILE").map(PathBuf::from);
    let file = file.unwrap_or_else(|| project().join("docker-compose.yml"));
    let mut yaml = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    match find("docker-compose") {
        Ok(compose) => {
            let config = Command::new(compose)
                .arg("-f")
                .arg(&file)
                .arg("config")
                .output();
            let config = config.unwrap();
            let said = String::from_utf8_lossy(&config.stderr);
            assert!(config.status.success(), "docker-compose config: {said}");
            yaml = config.stdout;
        }
        Err(why) => say(&format!(
            "{why}: docker-compose.yml is read as YAML and no more"
        )),
    }
    let folder = Folder::new();
    let program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let yaml = folder.write("compose.yml", yaml).display().to_string();
    let json = run(
        Path::new("python3"),
        &["-c".into(), program.into(), yaml],
        |_| {},
    );
    assert!(json.ok, "{}", json.text);
    Ok(serde_json::from_str(&json.text).unwrap())
}

/// The services on this machine.
struct Stack {
    config: Value,
    ports: [u16; 3],
    folder: Folder,
}

impl Stack {
    /// Words of the file: compose takes a list or a line.
    fn words(&self, service: &str, field: &str) -> Vec<String> {
        match &self.config["services"][service][field] {
            Value::Null => Vec::new(),
            Value::String(line) => line.split_whitespace().map(str::to_owned).collect(),
            list => serde_json::from_value(list.clone()).unwrap(),
        }
    }

    /// Where the volumes of a service are, by their places in its container, the longest first.
    fn volumes(&self, service: &str) -> Vec<(String, PathBuf)> {
        let volumes = &self.config["services"][service]["volumes"];
        let place = |volume: &Value| {
            let (source, target) = match volume.as_str() {
                Some(line) => line.split_once(':').unwrap(),
                None => (
                    volume["source"].as_str().unwrap(),
                    volume["target"].as_str().unwrap(),
                ),
            };
            let target = target.trim_end_matches(":ro").trim_end_matches(":rw");
            let here = match source.starts_with(['.', '/']) {
                true => project().join(source),
                false => self.folder.join(source),
            };
            (target.to_owned(), here)
        };
        let volumes = volumes.as_array().into_iter().flatten();
        let mut volumes: Vec<_> = volumes.map(place).collect();
        if service == "registry" {
            volumes.push((
                "/etc/distribution".to_owned(),
                self.folder.join("distribution"),
            ));
        }
        volumes.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        volumes
    }

    /// A text of the file as it has to be here.
    fn here(&self, service: &str, text: &str) -> String {
        let mut text = text.to_owned();
        for ((name, inside), port) in PORTS.iter().zip(self.ports) {
            let here = format!("localhost:{port}");
            text = text.replace(&format!("localhost:{inside}"), &here);
            text = text.replace(&format!("//{name}:{inside}"), &format!("//{here}"));
        }
        for (target, place) in self.volumes(service) {
            let place = place.display().to_string();
            text = match text.strip_prefix(&target) {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => place + rest,
                _ => text,
            };
        }
        text
    }

    fn environment(&self, service: &str) -> Vec<(String, String)> {
        let pairs = &self.config["services"][service]["environment"];
        let pairs = pairs.as_object().into_iter().flatten();
        let value = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
        pairs
            .map(|(name, text)| (name.clone(), self.here(service, &value(text))))
            .collect()
    }

    fn variable(&self, service: &str, name: &str) -> String {
        let mut pairs = self.environment(service).into_iter();
        let pair = pairs.find(|(key, _)| key == name);
        pair.unwrap_or_else(|| panic!("{service} has no {name}")).1
    }

    /// Starts a service: its command, after the entry point of the file or else its program.
    fn start(&self, service: &str, program: &Path, more: &[(&str, String)]) -> Service {
        let folder = Folder::new();
        let mut line = self.words(service, "entrypoint");
        if line.is_empty() {
            line.push(program.display().to_string());
        }
        line.extend(self.words(service, "command"));
        for (_, place) in self.volumes(service) {
            if !place.exists() {
                fs::create_dir_all(place).unwrap();
            }
        }
        let mut command = Command::new(&line[0]);
        command.args(line[1..].iter().map(|word| self.here(service, word)));
        environment(&mut command, &folder, &[]);
        command.envs(self.environment(service));
        command.envs(more.iter().map(|(name, value)| (name, value)));
        Service::start(folder, command)
    }

    fn postgres(&self) -> Service {
        let mut folders =
            std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
        let versions = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten();
        folders.extend(versions.map(|version| version.path().join("bin")));
        let initdb = folders
            .iter()
            .find(|folder| folder.join("initdb").is_file());
        let initdb = initdb.expect("an installed Postgres").join("initdb");
        let initdb = initdb.canonicalize().unwrap();

        let folder = Folder::new();
        let variable = |name| self.variable("postgres", name);
        let password = folder.write("password", variable("POSTGRES_PASSWORD"));
        let data = folder.join("data");
        fs::create_dir(&data).unwrap();
        // As root Postgres runs as its own user: it refuses to be root.
        let root = run(Path::new("id"), &["-u".into()], |_| {}).text.trim() == "0";
        let mut as_user = Vec::new();
        if root {
            let paths = [&*folder, &password, &data].map(|path| path.display().to_string());
            let chown = run(
                Path::new("chown"),
                &[&["postgres".to_owned()], &paths[..]].concat(),
                |_| {},
            );
            assert!(chown.ok, "{}", chown.text);
            as_user = vec![
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
            ];
        }
        let command = |program: &Path| {
            let mut words = as_user.iter().map(Path::new).chain([program]);
            let mut command = Command::new(words.next().unwrap());
            command.args(words);
            command.current_dir(&*folder);
            command
        };
        let mut init = command(&initdb);
        init.args([
            "--no-sync",
            "--auth=scram-sha-256",
            "--username",
            &variable("POSTGRES_USER"),
        ]);
        init.arg("--pwfile").arg(&password).arg("-D").arg(&data);
        let init = init.output().unwrap();
        assert!(
            init.status.success(),
            "{}",
            String::from_utf8_lossy(&init.stderr)
        );

        let mut postgres = command(&initdb.with_file_name("postgres"));
        postgres.args(["-p", &self.ports[0].to_string(), "-h", "localhost"]);
        postgres.arg("-D").arg(&data).arg("-k").arg(&*folder);
        let mut service = Service::start(folder, postgres);
        let create = || {
            let mut create = Command::new(initdb.with_file_name("createdb"));
            create.args(["-h", "localhost", "-p", &self.ports[0].to_string()]);
            create.args(["-U", &variable("POSTGRES_USER"), &variable("POSTGRES_DB")]);
            let done = create
                .env("PGPASSWORD", variable("POSTGRES_PASSWORD"))
                .output();
            done.unwrap().status.success().then_some(())
        };
        service.wait(|_| create()).unwrap();
        service
    }
}

/// A user of the realm that the stack imports, with password.
fn user(stack: &Stack) -> [String; 2] {
    let files = stack.volumes("realmkeep").into_iter();
    let files = files.flat_map(|(_, place)| fs::read_dir(place).unwrap().flatten());
    let realms = files.map(|file| fs::read_to_string(file.path()).unwrap());
    let realms = realms.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    let user = realms.map(|realm| realm["users"][0].clone());
    let user = user.into_iter().find(|user| user.is_object()).unwrap();
    [&user["username"], &user["credentials"][0]["value"]]
        .map(|text| text.as_str().unwrap().to_owned())
}

#[test]
fn the_compose_file_makes_a_registry_to_which_a_user_of_the_imported_realm_pushes() {
    let what = "docker-compose.yml";
    if server().keycloak {
        return skip(what, "it starts a server of its own");
    }
    let programs = ["registry3", "crane", "wget"].map(find).into_iter();
    let needed = || Ok::<_, String>((config()?, programs.collect::<Result<Vec<_>, _>>()?));
    let (config, programs) = match needed() {
        Ok(all) => all,
        Err(why) => return skip(what, &why),
    };
    let [registry, crane, _] = &programs[..] else {
        unreachable!("three programs")
    };
    let stack = Stack {
        config,
        ports: [(); 3].map(|()| free_port()),
        folder: Folder::new(),
    };
    let _postgres = stack.postgres();

    let management = free_port();
    let mut realmkeep = stack.start(
        "realmkeep",
        &binary().unwrap(),
        &[
            ("KC_HTTP_HOST", "127.0.0.1".to_owned()),
            ("KC_HTTP_PORT", stack.ports[1].to_string()),
            ("KC_HTTP_MANAGEMENT_PORT", management.to_string()),
        ],
    );
    let ready = format!("http://localhost:{management}/health/ready");
    realmkeep.wait(|_| server().answers(&ready)).unwrap();

    // What the image of the registry brings: its program under that name, and a configuration.
    std::os::unix::fs::symlink(registry, stack.folder.join("registry")).unwrap();
    let files = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: images\nhttp: {}\n";
    stack.folder.write("distribution/config.yml", files);
    let host = format!("localhost:{}", stack.ports[2]);
    let path = std::env::var("PATH").unwrap();
    let mut started = stack.start(
        "registry",
        registry,
        &[
            ("PATH", format!("{}:{path}", stack.folder.display())),
            ("REGISTRY_HTTP_ADDR", host.clone()),
        ],
    );
    started.wait(crate::registry::listening).unwrap();

    let home = Folder::new();
    let image = Image::new(&home);
    let [user, password] = user(&stack);
    let pulled = home.join("pulled.tar");
    let go = |line: &str| {
        let args = words(line, |name| match name {
            "host" => host.clone(),
            "user" => user.clone(),
            "password" => password.clone(),
            "layout" => image.layout.display().to_string(),
            "pulled" => pulled.display().to_string(),
            _ => panic!("no value {name}"),
        });
        run(crane, &args, |command| environment(command, &home, &[]))
    };
    assert!(!go("push {layout} {host}/app:1").ok, "without a login");
    for line in [
        "auth login -u {user} -p {password} {host}",
        "push {layout} {host}/app:1",
        "export {host}/app:1 {pulled}",
    ] {
        let done = go(line);
        assert!(done.ok, "{line}: {}", done.text);
    }
    assert!(image.is_in(&pulled));
}
