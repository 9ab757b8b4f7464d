//! A server process on a given database.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use testkit::http::{self, Response};

use crate::postgres::Database;
use crate::process::{Folder, port, signal, until, wait_end};

/// How to start a server; nothing runs yet.
#[derive(Default)]
pub struct Setup {
    args: Vec<String>,
    env: Vec<(String, String)>,
    port: u16,
    management: u16,
}

/// A server process. It need not run (any more).
pub struct Node {
    /// Base address, no slash at the end.
    pub url: String,
    /// Base address of health and metrics.
    pub management: String,
    setup: Setup,
    folder: Folder,
    child: Option<Child>,
    pub(crate) token: std::sync::Mutex<Option<String>>,
}

impl Setup {
    /// `realmkeep start` on a database, with the administrator of [`testkit::ADMIN`].
    pub fn start(database: &Database) -> Self {
        let setup = Self::new("start").env("REALMKEEP__MANAGEMENT__HOST", "127.0.0.1");
        let url = format!("http://localhost:{}", setup.port);
        let setup = setup
            .option("--hostname", &url)
            .seal_key(&database.seal_key);
        setup
            .database(database)
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", testkit::ADMIN.0)
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", testkit::ADMIN.1)
    }

    /// `realmkeep start-dev` in a data directory.
    pub fn start_dev(data: &Path) -> Self {
        Self::new("start-dev").option("--data-dir", data.to_str().unwrap())
    }

    fn new(command: &str) -> Self {
        let setup = Self {
            args: vec![command.to_owned()],
            env: vec![],
            port: port(),
            management: port(),
        };
        let (port, management) = (setup.port.to_string(), setup.management.to_string());
        // Ready-made keys would only take the processor from the test.
        let setup = setup
            .option("--http-host", "127.0.0.1")
            .env("REALMKEEP__KEY_POOL", "0");
        setup
            .option("--http-port", &port)
            .option("--management-port", &management)
    }

    /// Adds an option, or replaces it.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        match self.args.iter().position(|arg| arg == name) {
            Some(at) => value.clone_into(&mut self.args[at + 1]),
            None => self.args.extend([name.to_owned(), value.to_owned()]),
        }
        self
    }

    /// Takes an option away.
    pub fn without(mut self, name: &str) -> Self {
        let at = self.args.iter().position(|arg| arg == name).unwrap();
        self.args.drain(at..at + 2);
        self
    }

    /// Gives another database.
    pub fn database(self, database: &Database) -> Self {
        self.option("--db-url", &database.url())
    }

    /// Gives another seal key.
    pub fn seal_key(self, file: &Path) -> Self {
        self.option("--seal-key-file", file.to_str().unwrap())
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it.
    pub fn spawn(self) -> Node {
        let mut node = Node {
            url: format!("http://localhost:{}", self.port),
            management: format!("http://localhost:{}", self.management),
            setup: self,
            folder: Folder::new(),
            child: None,
            token: std::sync::Mutex::default(),
        };
        node.spawn();
        node
    }

    /// Starts it and waits until it is ready.
    pub fn ready(self) -> Node {
        let mut node = self.spawn();
        node.wait_ready();
        node
    }
}

impl Node {
    /// A server on a database, ready.
    pub fn start(database: &Database) -> Self {
        Setup::start(database).ready()
    }

    /// Starts it again, as before and on the same ports.
    pub fn spawn(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .unwrap();
        let mut command = Command::new(testkit::binary());
        // No settings file of the folder that the tests were started in.
        command
            .args(&self.setup.args)
            .current_dir(&*self.folder)
            .stdin(Stdio::null());
        for (name, _) in std::env::vars()
            .filter(|(name, _)| name.starts_with("KC_") || name.starts_with("REALMKEEP__"))
        {
            command.env_remove(name);
        }
        command.envs(self.setup.env.iter().map(|(name, value)| (name, value)));
        let child = command
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.folder.inhabitant(Some(child.id()));
        self.child = Some(child);
    }

    /// Waits until it is ready; how long that took.
    ///
    /// # Panics
    /// With its log, when it ends or is not ready within a minute.
    pub fn wait_ready(&mut self) -> Duration {
        let ((), took) = until("ready", Duration::from_secs(60), || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}\n{}", self.log());
            self.is_ready().then_some(())
        });
        took
    }

    /// Starts it again and waits until it is ready.
    pub fn restart(&mut self) {
        self.spawn();
        self.wait_ready();
    }

    /// Changes how it will be started next.
    pub fn set_up(&mut self, change: impl FnOnce(Setup) -> Setup) {
        self.setup = change(std::mem::take(&mut self.setup));
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        self.folder.inhabitant(None);
    }

    /// SIGTERM; see [`Node::wait_end`].
    pub fn terminate(&self) {
        assert!(signal(self.pid(), "TERM"));
    }

    /// Waits until it has ended by itself.
    pub fn wait_end(&mut self, limit: Duration) -> ExitStatus {
        let status = wait_end(self.child.as_mut().unwrap(), limit);
        self.child = None;
        self.folder.inhabitant(None);
        status
    }

    /// Whether the process runs.
    pub fn runs(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// All that it has logged, over all its starts.
    pub fn log(&self) -> String {
        self.folder.read("log")
    }

    /// Whether `/health/ready` is green.
    pub fn is_ready(&self) -> bool {
        http::get(&self.management, "/health/ready").is_ok_and(|answer| answer.status == 200)
    }

    /// `GET` without credentials.
    pub fn get(&self, target: &str) -> Response {
        http::get(&self.url, target)
            .unwrap_or_else(|error| panic!("{target}: {error}\n{}", self.log()))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            println!(
                "the end of the log of {}:\n{}",
                self.url,
                lines[lines.len().saturating_sub(40)..].join("\n")
            );
        }
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
            self.folder.inhabitant(None);
        }
    }
}
