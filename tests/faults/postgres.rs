//! A Postgres that a test may stop, kill, freeze and ask.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs};

use crate::process::{Folder, children, signal, until, wait_end};

const USER: &str = "realmkeep";

/// A cluster on a Unix socket. It need not run.
pub struct Postgres {
    folder: Folder,
    child: Option<Child>,
    /// Set when we are root, as whom Postgres does not run.
    account: Option<&'static str>,
}

/// A database, as a server and `psql` reach it.
#[derive(Clone)]
pub struct Database {
    socket: PathBuf,
    name: String,
    /// File with the seal key of this database.
    pub seal_key: PathBuf,
}

/// How Postgres ends.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// Roll back, write a checkpoint, go.
    Fast,
    /// Go; recover at the next start.
    Immediate,
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub fn new() -> Self {
        let mut postgres = Self::prepare();
        postgres.start();
        postgres
    }

    fn prepare() -> Self {
        let folder = Folder::new();
        let root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let account = root.then(|| {
            if ids("postgres").is_some() {
                "postgres"
            } else {
                "nobody"
            }
        });
        for inside in ["data", "socket"] {
            fs::create_dir(folder.join(inside)).unwrap();
            if let Some((uid, gid)) = account.and_then(ids) {
                chown(folder.join(inside), Some(uid), Some(gid)).unwrap();
            }
        }
        folder.write("seal.key", "dGhpcnR5LXR3byBieXRlcywgYSBrZXkgb2YgdGVzdHM=");
        let postgres = Self {
            folder,
            child: None,
            account,
        };
        let made = postgres
            .command("initdb")
            .arg("-D")
            .arg(postgres.folder.join("data"))
            .args([
                "-U",
                USER,
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "--no-instructions",
            ])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        postgres
    }

    fn command(&self, program: &str) -> Command {
        let program = programs().join(program);
        let mut command = match self.account {
            Some(account) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={account}"), "--clear-groups"]);
                command
                    .arg(format!("--regid={}", ids(account).unwrap().1))
                    .arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// Starts it and waits until it answers.
    pub fn start(&mut self) {
        self.spawn();
        let database = self.named("postgres");
        until("Postgres answers", Duration::from_secs(30), || {
            database.try_sql("select 1").ok()
        });
    }

    /// Starts it.
    pub fn spawn(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .unwrap();
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.folder.join("data"))
            .arg("-k")
            .arg(self.folder.join("socket"));
        command.args([
            "-c",
            "listen_addresses=",
            "-c",
            "max_connections=300",
            "-c",
            "log_min_messages=warning",
            // The machine stays up, so what a process has written stays written, however that process ends.
            "-c",
            "fsync=off",
        ]);
        let child = command
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.folder.inhabitant(Some(child.id()));
        self.child = Some(child);
    }

    /// Stops it and waits for its end.
    pub fn stop(&mut self, how: Stop) {
        let mut child = self.child.take().unwrap();
        let name = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        assert!(signal(child.id(), name));
        wait_end(&mut child, Duration::from_secs(20));
        self.folder.inhabitant(None);
    }

    /// Freezes (`STOP`) or thaws (`CONT`) all its processes.
    pub fn signal_all(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id();
        signal(pid, name);
        for child in children(pid) {
            signal(child, name);
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.folder.read("log")
    }

    /// Makes an empty database.
    pub fn database(&self) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.named("postgres")
            .sql(&format!("create database {name}"));
        self.named(&name)
    }

    fn named(&self, name: &str) -> Database {
        Database {
            socket: self.folder.join("socket"),
            name: name.to_owned(),
            seal_key: self.folder.join("seal.key"),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.signal_all("CONT");
            self.stop(Stop::Immediate);
        }
    }
}

/// The cluster for tests that do no harm to it, started by the first of them.
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::new)
}

impl Database {
    /// As `--db-url` takes it.
    pub fn url(&self) -> String {
        format!(
            "postgres://{USER}@localhost/{}?host={}",
            self.name,
            self.socket.display()
        )
    }

    fn psql(&self) -> Command {
        let mut command = self.program("psql");
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]);
        command
    }

    fn program(&self, name: &str) -> Command {
        let beside = programs().join(name);
        let mut command = Command::new(if beside.is_file() {
            beside
        } else {
            name.into()
        });
        command
            .arg("-h")
            .arg(&self.socket)
            .args(["-U", USER, "-d", &self.name]);
        command
    }

    /// Runs SQL; rows are lines, columns are separated by `|`.
    ///
    /// # Panics
    /// With Postgres's own words.
    pub fn sql(&self, sql: &str) -> String {
        self.try_sql(sql)
            .unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// Runs SQL.
    ///
    /// # Errors
    /// Postgres's own words.
    pub fn try_sql(&self, sql: &str) -> Result<String, String> {
        let output = self
            .psql()
            .args(["-c", sql])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// The number that a query gives.
    pub fn count(&self, sql: &str) -> i64 {
        self.sql(sql).parse().unwrap()
    }

    /// All of it, as `pg_dump` writes it.
    pub fn dump(&self) -> String {
        let output = self.program("pg_dump").arg("--inserts").output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Locks tables against everybody until the value is dropped.
    pub fn lock(&self, tables: &str) -> Lock {
        let mut child = self
            .psql()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut session = child.stdin.take().unwrap();
        writeln!(
            session,
            "begin; lock table {tables} in access exclusive mode; select 'locked';"
        )
        .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), "locked");
        Lock {
            child,
            session: Some(session),
        }
    }
}

/// A lock that is held; see [`Database::lock`].
pub struct Lock {
    child: Child,
    session: Option<ChildStdin>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // psql ends with its input, and its transaction with psql.
        self.session.take();
        let _ = self.child.wait();
    }
}

fn ids(account: &str) -> Option<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let line = accounts
        .lines()
        .find(|line| line.starts_with(&format!("{account}:")))?;
    let fields: Vec<_> = line.split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

/// Where `initdb` and `postgres` are: `PG_BIN`, `PATH`, else the newest of the usual folders.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let given = env::var_os("PG_BIN").map(PathBuf::from);
        let path = env::var_os("PATH").unwrap_or_default();
        let mut usual: Vec<_> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path().join("bin"))
            .collect();
        usual.sort_by_key(|path| {
            path.iter()
                .nth_back(1)
                .and_then(|name| name.to_str()?.parse::<u32>().ok())
        });
        let mut folders = given
            .into_iter()
            .chain(env::split_paths(&path))
            .chain(usual.into_iter().rev());
        let folder = folders
            .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
        folder.expect("initdb and postgres of PostgreSQL: name their folder in PG_BIN")
    })
}
