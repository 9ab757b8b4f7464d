//! Servers that are started to be measured, and what the kernel knows of them.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::http::Connection;
use crate::site::Site;

/// A running `realmkeep`; ends when dropped.
pub struct Server {
    child: Child,
    begun: Instant,
    log: PathBuf,
    pub site: Site,
    pub health: Site,
}

impl Server {
    /// `start-dev` with a data directory, kept from one start to the next.
    pub fn start_dev(binary: &Path, data: &Path, env: &[(&str, &str)]) -> Result<Self> {
        let mut command = command(binary, "start-dev");
        command
            .arg("--data-dir")
            .arg(data)
            .envs(env.iter().copied());
        Self::spawn(command, data)
    }

    /// `start` with the database and the seal key of a running `start-dev`.
    pub fn start(binary: &Path, data: &Path, socket_dir: &Path) -> Result<Self> {
        let mut command = command(binary, "start");
        let url = format!(
            "postgres:///realmkeep?host={}&user=realmkeep",
            socket_dir.display()
        );
        command
            .args(["--db-url", &url, "--hostname", "http://localhost"])
            .arg("--seal-key-file")
            .arg(data.join("seal.key"));
        Self::spawn(command, data)
    }

    fn spawn(mut command: Command, data: &Path) -> Result<Self> {
        let (port, management) = (free_port()?, free_port()?);
        let log = data.with_extension("log");
        let file = fs::File::options().create(true).append(true).open(&log)?;
        command
            .args(["--http-host", "127.0.0.1", "--http-port", &port.to_string()])
            .args(["--management-port", &management.to_string()])
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let begun = Instant::now();
        let child = command
            .spawn()
            .context("cannot start realmkeep (through setpriv)")?;
        let pid = child.id();
        Ok(Self {
            child,
            begun,
            log,
            site: Site::ours(port, pid),
            health: Site::ours(management, pid),
        })
    }

    /// Waits for the first 200 of a realm: how long it took since the start.
    pub async fn first_answer(&mut self) -> Result<Duration> {
        let request = self.site.first();
        while self.begun.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait()? {
                bail!("realmkeep ended early, {status}: {}", self.last_words());
            }
            if let Ok(mut connection) = Connection::open(self.site.address).await
                && let Ok(answer) = connection.send(&request).await
                && answer.status == 200
            {
                return Ok(self.begun.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!("realmkeep is not ready after 60 s: {}", self.last_words())
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in MiB.
    pub fn resident(&self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    /// The most it has been, in MiB.
    pub fn most_resident(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|value| value.trim().trim_end_matches(" kB").parse::<f64>().ok());
        Ok(kib.with_context(|| format!("no {name}"))? / 1024.0)
    }

    /// Waits until the pool of ready-made keys is full: its thread sleeps.
    pub async fn keys_ready(&self) -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(60);
        let mut asleep = 0;
        while asleep < 5 {
            ensure!(
                Instant::now() < limit,
                "the key pool is not full after 60 s"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
            let threads = fs::read_dir(format!("/proc/{}/task", self.pid()))?;
            let state = threads
                .flatten()
                .filter_map(|thread| Stat::read(&thread.path().join("stat")))
                .find(|stat| stat.name == "key-pool")
                .context("realmkeep has no thread key-pool")?
                .state;
            asleep = if state == 'S' { asleep + 1 } else { 0 };
        }
        Ok(())
    }

    /// The folder of the private Postgres's socket, and its `postgres`.
    pub fn postgres(&self) -> Result<(PathBuf, PathBuf)> {
        for pid in descendants(self.pid()) {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<_> = line.split('\0').collect();
            if let Some(at) = words.iter().position(|word| *word == "-k") {
                return Ok((words[at + 1].into(), words[0].into()));
            }
        }
        bail!("no Postgres below realmkeep")
    }

    /// Ends it as an administrator would, and waits.
    pub fn stop(mut self) -> Result<()> {
        self.end();
        let status = self.child.wait()?;
        ensure!(status.success(), "realmkeep stopped with {status}");
        Ok(())
    }

    fn end(&mut self) {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        for _ in 0..1000 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
            let _ = self.child.wait();
        }
    }
}

/// The kernel ends the server with us, whatever ends us.
fn command(binary: &Path, subcommand: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL"])
        .arg(binary)
        .arg(subcommand);
    command
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Processor time in seconds.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    pub server: f64,
    pub postgres: f64,
    pub generator: f64,
    /// Of everything on this machine, these three included.
    pub machine: f64,
}

impl Cpu {
    /// What has been used so far.
    pub fn now(server: Option<u32>) -> Self {
        let process = |pid: u32| {
            Stat::read(Path::new(&format!("/proc/{pid}/stat"))).map_or(0.0, |stat| stat.seconds)
        };
        let total = fs::read_to_string("/proc/stat").unwrap_or_default();
        // user nice system idle iowait irq softirq steal
        let ticks: Vec<f64> = total
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .filter_map(|tick| tick.parse().ok())
            .collect();
        let busy = ticks.iter().take(8).sum::<f64>() - ticks.iter().skip(3).take(2).sum::<f64>();
        Self {
            server: server.map_or(0.0, process),
            postgres: server.map_or(0.0, |pid| descendants(pid).into_iter().map(process).sum()),
            generator: process(std::process::id()),
            machine: busy / TICKS,
        }
    }

    pub fn add(&mut self, from: Self, to: Self) {
        self.server += to.server - from.server;
        self.postgres += to.postgres - from.postgres;
        self.generator += to.generator - from.generator;
        self.machine += to.machine - from.machine;
    }

    /// Time that went to programs that have nothing to do with the measurement.
    pub fn others(&self) -> f64 {
        (self.machine - self.server - self.postgres - self.generator).max(0.0)
    }
}

/// Linux counts processor time for user space in hundredths of a second, on every platform.
const TICKS: f64 = 100.0;

struct Stat {
    name: String,
    state: char,
    parent: u32,
    seconds: f64,
}

impl Stat {
    fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        // The name stands in parentheses and may hold anything.
        let (before, after) = text.rsplit_once(')')?;
        let fields: Vec<_> = after.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some(Self {
            name: before.split_once('(')?.1.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            seconds: (ticks(11)? + ticks(12)?) / TICKS,
        })
    }
}

fn descendants(pid: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, Stat::read(&entry.path().join("stat"))?.parent))
        })
        .collect();
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        found.extend(
            all.iter()
                .filter(|(_, own)| *own == parent)
                .map(|(pid, _)| *pid),
        );
        at += 1;
    }
    found.split_off(1)
}
