//! What the tests of whole programs share: a server of our own on free ports, and an HTTP client that sends bytes as given.
//!
//! A test owns a [`Server`]; dropping it ends the server (SIGTERM, then SIGKILL). A server kept in a `static` is never
//! dropped: it is killed by the kernel when the test process ends.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

pub mod http;

/// Name and password of the administrator that `start-dev` makes in realm `master`.
pub const ADMIN: (&str, &str) = ("admin", "admin");

/// A running `realmkeep start-dev` with a data directory of its own.
pub struct Server {
    /// Base address, no slash at the end: `http://localhost:8080`.
    pub url: String,
    /// Base address of the management port.
    pub management_url: String,
    /// Holds the private Postgres and the file `log`; removed with the server.
    pub dir: PathBuf,
    pid: u32,
    ended: Receiver<String>,
}

impl Server {
    /// Starts the binary and waits until it is ready.
    ///
    /// # Panics
    /// With the end of the server's log if it ends early or is not ready within 60 s.
    pub fn start_dev() -> Server {
        Self::start_dev_with(&[], &[])
    }

    /// The same with further arguments and environment variables.
    pub fn start_dev_with(args: &[&str], env: &[(&str, &str)]) -> Server {
        let dir = std::env::temp_dir().join(format!("realmkeep-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&dir).expect("temporary directory");
        let (port, management) = (free_port(), free_port());
        let log = File::create(dir.join("log")).expect("log file");

        // The kernel kills the child when the parent dies, whatever the reason.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(binary());
        command.args(["start-dev", "--http-host", "127.0.0.1"]);
        command.args(["--http-port", &port.to_string()]);
        command.args(["--management-port", &management.to_string()]);
        command.arg("--data-dir").arg(dir.join("data")).args(args);
        command.envs(env.iter().copied()).stdin(Stdio::null());
        command
            .stderr(log.try_clone().expect("log file"))
            .stdout(log);

        // "Parent" means the thread that spawned it, so that thread must outlive the test that asked.
        let (started, pid) = channel();
        let (end, ended) = channel();
        std::thread::spawn(move || {
            let mut child = command.spawn().expect("start realmkeep (through setpriv)");
            started.send(child.id()).ok();
            let status = child.wait().map(|status| status.to_string());
            end.send(status.unwrap_or_else(|error| error.to_string()))
                .ok();
        });

        let server = Server {
            url: format!("http://localhost:{port}"),
            management_url: format!("http://localhost:{management}"),
            dir,
            pid: pid.recv().expect("realmkeep was not started"),
            ended,
        };
        server.wait_until_ready(Duration::from_secs(60));
        server
    }

    fn wait_until_ready(&self, limit: Duration) {
        let begin = Instant::now();
        loop {
            match self.ended.recv_timeout(Duration::from_millis(50)) {
                Err(RecvTimeoutError::Timeout) => {}
                end => panic!("realmkeep ended early ({end:?})\n{}", self.log()),
            }
            let ready = http::get(&self.management_url, "/health/ready");
            if ready.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            assert!(
                begin.elapsed() < limit,
                "realmkeep is not ready after {limit:?}\n{}",
                self.log()
            );
        }
    }

    /// The server's process, for tests that send it signals.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// All that the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// An access token of the bootstrap administrator.
    pub fn admin_token(&self) -> String {
        admin_token(&self.url)
    }

    fn signal(&self, name: &str) {
        Command::new("kill")
            .args(["-s", name, &self.pid.to_string()])
            .status()
            .ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal("TERM");
        if self.ended.recv_timeout(Duration::from_secs(15)) == Err(RecvTimeoutError::Timeout) {
            self.signal("KILL");
            self.ended.recv_timeout(Duration::from_secs(5)).ok();
        }
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// A TCP port on 127.0.0.1 that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

/// The `realmkeep` of this build; `REALMKEEP_BIN` names another.
///
/// # Panics
/// When there is none.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("REALMKEEP_BIN") {
        return path.into();
    }
    // Test programs stand in `target/<profile>/deps`, the server one folder up.
    let test = std::env::current_exe().expect("path of the test program");
    let path = test
        .parent()
        .and_then(Path::parent)
        .expect("target directory")
        .join("realmkeep");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p realmkeep-server`",
        path.display()
    );
    path
}

/// An access token of the administrator admin/admin, by the password grant of `admin-cli` in realm `master`.
///
/// # Panics
/// When the server refuses it.
pub fn admin_token(base: &str) -> String {
    let (user, password) = ADMIN;
    let form =
        format!("grant_type=password&client_id=admin-cli&username={user}&password={password}");
    let answer = http::Request::new("POST", "/realms/master/protocol/openid-connect/token")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form)
        .send(base)
        .expect("token endpoint");
    assert_eq!(answer.status, 200, "admin login: {}", answer.text());
    answer.json()["access_token"]
        .as_str()
        .expect("access_token")
        .to_owned()
}
