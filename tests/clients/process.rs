//! Programs of this machine: found, started, watched, ended.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

/// The top folder of the project.
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Where a program is: what `scripts/test-programs.sh` installed first, then the machine's own.
///
/// # Errors
/// Why a test that needs it cannot run.
pub fn find(program: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    [project().join(".realmkeep/bin")]
        .into_iter()
        .chain(std::env::split_paths(&path))
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{program} is not installed, scripts/test-programs.sh says how"))
}

/// Says on the terminal, past the test runner's capture, that `what` is not tested and why.
///
/// # Panics
/// On CI, where all that the tests need can be installed.
pub fn skip(what: &str, why: &str) {
    say(&format!("skipped: {what}: {why}"));
    assert!(std::env::var_os("CI").is_none(), "{what}: {why}");
}

/// Prints one line past the test runner's capture.
pub fn say(line: &str) {
    // The runner catches only what the print macros write.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// A folder that goes with this value or with this process, however that ends. Its path is short:
/// Unix sockets take 107 bytes.
///
/// A shell holds the other end of a pipe; when that closes, the shell ends the program that it was
/// told of and removes the folder. So nothing stays behind a process that panicked, was interrupted
/// or was killed.
pub struct Folder {
    path: PathBuf,
    shell: Child,
    pipe: Option<ChildStdin>,
}

const WATCH: &str = r#"
while read -r line; do pid=$line; done
if [ "$pid" ]; then
    kill -TERM "$pid"
    i=0
    # A program that has ended may wait long for whoever inherits it.
    while kill -0 "$pid" && ! grep -qs State:.Z "/proc/$pid/status" && [ $i -lt 150 ]; do
        sleep 0.1
        i=$((i+1))
    done
    kill -KILL "$pid"
fi
rm -rf "$1""#;

impl Folder {
    /// Makes an empty folder.
    pub fn new() -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let path = std::env::temp_dir().join(format!("rk-{}", &id[..8]));
        fs::create_dir(&path).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", WATCH, "watch"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let pipe = shell.stdin.take();
        Self { path, shell, pipe }
    }

    /// Writes a file into it and returns the file's path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        file
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

/// What a finished program said on both outputs, and whether it was content.
pub struct Finished {
    pub ok: bool,
    pub text: String,
}

/// Runs a program to its end; one that takes over two minutes is killed and has failed.
pub fn run(program: &Path, args: &[String], setup: impl FnOnce(&mut Command)) -> Finished {
    run_within(120, program, args, setup)
}

/// Runs a program to its end; one that takes more than so many seconds is killed and has failed.
pub fn run_within(
    seconds: u32,
    program: &Path,
    args: &[String],
    setup: impl FnOnce(&mut Command),
) -> Finished {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg(seconds.to_string());
    command.arg(program);
    command.args(args).stdin(Stdio::null());
    setup(&mut command);
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Finished {
        ok: output.status.success(),
        text: String::from_utf8_lossy(&text).into_owned(),
    }
}

/// A program that runs in the background and ends with this value or with this process.
pub struct Service {
    child: Child,
    folder: Folder,
}

impl Service {
    /// Starts a program that lives in `folder`, where its output goes to the file `log`.
    pub fn start(mut folder: Folder, mut command: Command) -> Self {
        let log = File::create(folder.join("log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let watch = folder.pipe.as_mut().unwrap();
        writeln!(watch, "{}", child.id()).unwrap();
        Self { child, folder }
    }

    /// All that the program has said so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The folder that goes with the program.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until `ready` has an answer.
    ///
    /// # Errors
    /// The end of the log, when the program ends or a minute passes first.
    pub fn wait<T>(&mut self, mut ready: impl FnMut(&Self) -> Option<T>) -> Result<T, String> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(answer) = ready(self) {
                return Ok(answer);
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > until {
                let log = self.log();
                let tail: Vec<_> = log.lines().rev().take(30).collect();
                let tail: Vec<_> = tail.into_iter().rev().collect();
                return Err(format!("ended: {ended:?}, log:\n{}", tail.join("\n")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.folder.pipe.take();
        let _ = self.child.wait();
    }
}

/// A free port below the range from which the system takes its own, so that no outgoing
/// connection takes it between now and its use.
pub fn free_port() -> u16 {
    loop {
        let port = 15_000 + (uuid::Uuid::new_v4().as_u128() % 17_000) as u16;
        if ["127.0.0.1", "::1"]
            .iter()
            .all(|host| match TcpListener::bind((*host, port)) {
                Ok(_) => true,
                Err(error) => error.kind() == std::io::ErrorKind::AddrNotAvailable,
            })
        {
            return port;
        }
    }
}

/// The words of a line, where `{name}` stands for a value; values are not split.
pub fn words(line: &str, value: impl Fn(&str) -> String) -> Vec<String> {
    line.split_whitespace()
        .map(|word| {
            let mut parts = word.split('{');
            let mut out = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (name, rest) = part.split_once('}').unwrap_or_else(|| panic!("{line}"));
                out += &value(name);
                out += rest;
            }
            out
        })
        .collect()
}

/// The environment that a client sees: its own home, and nothing of the developer's.
pub fn environment(command: &mut Command, home: &Path, more: &[(&str, OsString)]) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .envs(more.iter().map(|(name, value)| (name, value)))
        .current_dir(home);
}
