//! The private Postgres of `start-dev` and of the tests: found on the machine, on a Unix socket, ending with us.

mod machine;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use sqlx::Connection as _;
use sqlx::postgres::PgConnectOptions;

use crate::{Error, Options, Result};
use machine::{Account, cannot, find_binaries, socket_dir};

const USER: &str = "realmkeep";
const PORT: u16 = 5432;

/// A running private cluster. Dropping it stops Postgres cleanly.
pub struct DevCluster {
    options: Options,
    stop: mpsc::Sender<()>,
    waiter: Option<thread::JoinHandle<()>>,
    socket_dir: PathBuf,
    _lock: fs::File,
}

/// How durable a cluster is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing acknowledged is lost, whatever dies.
    Full,
    /// Fast and forgetful, for tests that throw the cluster away.
    None,
}

impl DevCluster {
    /// Starts the cluster kept below `data_dir`, making it first if it is not there.
    ///
    /// As root, Postgres runs as the user `postgres`, else `nobody`: it refuses to run as root. `pg_bin` is where
    /// `initdb` and `postgres` are; without it they are looked for in `PG_BIN`, `PATH` and the usual folders.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what to do, when no Postgres is installed, another server uses the folder, or
    /// Postgres does not come up within 30 seconds.
    pub fn start(data_dir: &Path, pg_bin: Option<&Path>, durability: Durability) -> Result<Self> {
        let bin = find_binaries(pg_bin)?;
        fs::create_dir_all(data_dir)
            .map_err(|e| cannot("make the data directory", data_dir, &e))?;
        let data_dir = data_dir
            .canonicalize()
            .map_err(|e| cannot("find the data directory", data_dir, &e))?;
        let lock = lock(&data_dir)?;
        let account = Account::choose()?;
        let home = account.home(&data_dir)?;
        let pg_data = home.join("pg");
        initialise(&bin, &account, &home, &pg_data)?;

        let socket_dir = socket_dir(&data_dir);
        fs::create_dir_all(&socket_dir)
            .map_err(|e| cannot("make the socket directory", &socket_dir, &e))?;
        account.own(&socket_dir)?;
        stop_orphan(&pg_data);

        let mut command = account.command(&bin.join("postgres"), true);
        command.arg("-D").arg(&pg_data).arg("-k").arg(&socket_dir);
        command.args([
            "-c",
            "listen_addresses=",
            "-c",
            "port=5432",
            "-c",
            "logging_collector=off",
        ]);
        if durability == Durability::None {
            command.args([
                "-c",
                "fsync=off",
                "-c",
                "synchronous_commit=off",
                "-c",
                "full_page_writes=off",
                "-c",
                "max_connections=300",
            ]);
        }
        let log = fs::File::create(data_dir.join("postgres.log"))
            .map_err(|e| cannot("write", &data_dir, &e))?;
        command
            .stdin(Stdio::null())
            .stdout(
                log.try_clone()
                    .map_err(|e| cannot("write", &data_dir, &e))?,
            )
            .stderr(log);

        let options = options(&socket_dir);
        let (stop, waiter) = supervise(command, &pg_data)?;
        let cluster = Self {
            options,
            stop,
            waiter: Some(waiter),
            socket_dir,
            _lock: lock,
        };
        cluster.wait_ready(&data_dir.join("postgres.log"))?;
        Ok(cluster)
    }

    /// How to connect to the cluster of a server that runs on `data_dir` now; none when no server does.
    #[must_use]
    pub fn running(data_dir: &Path, database: &str) -> Option<Options> {
        let data_dir = data_dir.canonicalize().ok()?;
        let file = fs::File::open(data_dir.join("lock")).ok()?;
        if file.try_lock().is_ok() {
            return None;
        }
        Some(options(&socket_dir(&data_dir)).database(database))
    }

    /// How to connect to `database` in this cluster; made if it is not there.
    ///
    /// # Errors
    /// [`Error::Db`] when it cannot be made.
    pub async fn database(&self, name: &str) -> Result<Options> {
        self.create(name, None).await?;
        Ok(self.options.database(name))
    }

    /// A new database that begins as a copy of `template`.
    ///
    /// # Errors
    /// [`Error::Db`] when it cannot be made.
    pub async fn copy(&self, template: &str, name: &str) -> Result<Options> {
        self.create(name, Some(template)).await?;
        Ok(self.options.database(name))
    }

    async fn create(&self, name: &str, template: Option<&str>) -> Result<()> {
        let mut connection = self.options.connect().await?;
        let exists: bool =
            sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
                .bind(name)
                .fetch_one(&mut connection)
                .await?;
        if !exists {
            let template = template
                .map(|t| format!(" template \"{t}\""))
                .unwrap_or_default();
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
                "create database \"{name}\"{template}"
            )))
            .execute(&mut connection)
            .await?;
        }
        connection.close().await?;
        Ok(())
    }

    fn wait_ready(&self, log: &Path) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::Invalid(format!("starting a runtime: {e}")))?;
        // Connecting happens on a thread of its own: the caller may be inside a runtime already.
        thread::scope(|scope| {
            let wait = scope.spawn(move || {
                let deadline = Instant::now() + Duration::from_secs(30);
                runtime.block_on(async {
                    loop {
                        match self.options.connect().await {
                            Ok(connection) => {
                                let _ = connection.close().await;
                                return Ok(());
                            }
                            Err(error)
                                if Instant::now() > deadline
                                    || self
                                        .waiter
                                        .as_ref()
                                        .is_none_or(thread::JoinHandle::is_finished) =>
                            {
                                return Err(Error::Invalid(format!(
                                    "Postgres did not come up: {error}. Its own words are in {}",
                                    log.display()
                                )));
                            }
                            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                        }
                    }
                })
            });
            wait.join()
                .unwrap_or_else(|_| Err(Error::Invalid("waiting for Postgres failed".to_owned())))
        })
    }
}

fn options(socket_dir: &Path) -> Options {
    Options::new(
        PgConnectOptions::new_without_pgpass()
            .socket(socket_dir)
            .port(PORT)
            .username(USER)
            .database("postgres"),
    )
}

impl Drop for DevCluster {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(waiter) = self.waiter.take() {
            let _ = waiter.join();
        }
        let _ = fs::remove_dir_all(&self.socket_dir);
    }
}

/// Runs Postgres from a thread that lives as long as it: the kernel's parent-death signal is bound to the thread.
fn supervise(
    mut command: Command,
    pg_data: &Path,
) -> Result<(mpsc::Sender<()>, thread::JoinHandle<()>)> {
    let (stop, stopped) = mpsc::channel::<()>();
    let (started, start) = mpsc::channel::<io::Result<()>>();
    let deadline = Instant::now() + Duration::from_secs(30);
    let pg_data = pg_data.to_owned();
    let waiter = thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(move || {
            let mut child = match command.spawn() {
                Ok(child) => {
                    let _ = started.send(Ok(()));
                    child
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            loop {
                match stopped.recv_timeout(Duration::from_millis(100)) {
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    _ => return end(&mut child),
                }
                if let Ok(Some(status)) = child.try_wait() {
                    // After a crash of everything the old children may hold the shared memory for a moment.
                    if Instant::now() < deadline {
                        tracing::warn!(%status, "Postgres ended, trying again");
                        thread::sleep(Duration::from_millis(300));
                    } else {
                        tracing::error!(%status, "the private Postgres ended; starting it again");
                        thread::sleep(Duration::from_secs(1));
                    }
                    stop_orphan(&pg_data);
                    match command.spawn() {
                        Ok(again) => child = again,
                        Err(error) => {
                            tracing::error!(%error, "cannot start Postgres");
                            return;
                        }
                    }
                }
            }
        })
        .map_err(|e| Error::Invalid(format!("starting a thread: {e}")))?;
    match start.recv() {
        Ok(Ok(())) => Ok((stop, waiter)),
        Ok(Err(error)) => Err(Error::Invalid(format!("cannot start Postgres: {error}"))),
        Err(_) => Err(Error::Invalid("cannot start Postgres".to_owned())),
    }
}

fn end(child: &mut Child) {
    // SIGINT is Postgres's fast shutdown: roll back, write a checkpoint, go.
    if let Some(pid) = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
    }
    let _ = child.wait();
}

/// Asks a Postgres that outlived its server to stop, and waits for it. Never touches `postmaster.pid`.
fn stop_orphan(pg_data: &Path) {
    let Ok(text) = fs::read_to_string(pg_data.join("postmaster.pid")) else {
        return;
    };
    let Some(pid) = text
        .lines()
        .next()
        .and_then(|l| l.trim().parse().ok())
        .and_then(rustix::process::Pid::from_raw)
    else {
        return;
    };
    let ours = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()))
        .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*pg_data.to_string_lossy()));
    if ours && rustix::process::kill_process(pid, rustix::process::Signal::INT).is_ok() {
        for _ in 0..100 {
            if rustix::process::test_kill_process(pid).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn initialise(bin: &Path, account: &Account, home: &Path, pg_data: &Path) -> Result<()> {
    if pg_data.join("PG_VERSION").exists() {
        return Ok(());
    }
    // Made aside and renamed when whole, so that a crash leaves nothing half-made in its place.
    let making = home.join("pg.new");
    let _ = fs::remove_dir_all(&making);
    fs::create_dir_all(&making).map_err(|e| cannot("make", &making, &e))?;
    account.own(&making)?;
    let output = account
        .command(&bin.join("initdb"), false)
        .arg("-D")
        .arg(&making)
        .args([
            "-U",
            USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-instructions",
        ])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| Error::Invalid(format!("cannot run initdb: {e}")))?;
    if !output.status.success() {
        return Err(Error::Invalid(format!(
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    fs::rename(&making, pg_data).map_err(|e| cannot("make", pg_data, &e))
}

fn lock(data_dir: &Path) -> Result<fs::File> {
    let path = data_dir.join("lock");
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| cannot("open", &path, &e))?;
    file.try_lock().map_err(|_| {
        Error::Invalid(format!(
            "another server uses the data directory {}; stop it, or give this one its own with --data-dir",
            data_dir.display()
        ))
    })?;
    Ok(file)
}
