//! Folders and processes that never outlive this program.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// A folder that goes with this value or with this process, however that ends. Its path is short: Unix sockets take
/// 107 bytes.
///
/// A shell holds the other end of a pipe; when that closes, the shell ends the process that it was last told of, with
/// its children, and removes the folder.
pub struct Folder {
    path: PathBuf,
    shell: Child,
    pipe: Option<ChildStdin>,
}

const WATCH: &str = r#"
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kids=$(cat /proc/$pid/task/*/children)
    kill -CONT $pid $kids
    kill -INT $pid
    i=0
    while kill -0 $pid && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
    kill -KILL $pid $kids
fi
rm -rf "$1""#;

impl Folder {
    /// Makes an empty folder that everybody may enter.
    pub fn new() -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let path = std::env::temp_dir().join(format!("rkf-{}", &id[..8]));
        fs::create_dir(&path).unwrap();
        let mut shell = Command::new("setsid")
            .args(["sh", "-c", WATCH, "watch"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pipe = shell.stdin.take();
        Self { path, shell, pipe }
    }

    /// Names the process that lives here from now on, or that there is none any more.
    pub fn inhabitant(&mut self, pid: Option<u32>) {
        let text = pid.map(|pid| pid.to_string()).unwrap_or_default();
        writeln!(self.pipe.as_mut().unwrap(), "{text}").unwrap();
    }

    /// Writes a file into it and returns the file's path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.join(name);
        fs::write(&file, content).unwrap();
        file
    }

    /// What a file in it holds.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.join(name)).unwrap_or_default()).into_owned()
    }
}

impl std::ops::Deref for Folder {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.pipe.take();
        let _ = self.shell.wait();
    }
}

/// Sends a signal (`TERM`, `KILL`, …); whether the process was there.
pub fn signal(pid: u32, name: &str) -> bool {
    Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

/// Whether a process runs; one that waits to be reaped does not.
pub fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or("Z").starts_with('Z'))
}

/// The children of a process, whichever of its threads made them.
pub fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .map(|pid| pid.parse().unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Waits for the end of a child.
///
/// # Panics
/// When it takes longer.
pub fn wait_end(child: &mut Child, limit: Duration) -> ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(begin.elapsed() < limit, "still running after {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asks again and again until there is an answer; how long that took.
///
/// # Panics
/// When there is none within the limit.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> (T, Duration) {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return (answer, begin.elapsed());
        }
        assert!(begin.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A free TCP port, outside the range from which the system takes the ports of outgoing connections: so a server that
/// is killed finds its port free again.
pub fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = 20_000 + (base + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Prints one line past the test runner's capture.
pub fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
