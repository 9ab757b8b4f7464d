//! What the machine offers: Postgres's programs, an account that may run them, a place for the socket.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::{Error, Result};

/// A short place for the socket: its path may have 107 bytes at most.
pub(super) fn socket_dir(data_dir: &Path) -> PathBuf {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in data_dir.as_os_str().as_encoded_bytes() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let base = env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|dir| dir.is_dir() && !rustix::process::getuid().is_root());
    base.unwrap_or_else(|| PathBuf::from("/tmp"))
        .join(format!("realmkeep-{hash:016x}"))
}

pub(super) fn find_binaries(given: Option<&Path>) -> Result<PathBuf> {
    let has = |dir: &Path| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    if let Some(dir) = given
        .map(Path::to_owned)
        .or_else(|| env::var_os("PG_BIN").map(PathBuf::from))
    {
        return if has(&dir) {
            Ok(dir)
        } else {
            Err(Error::Invalid(format!(
                "no initdb and postgres in {}",
                dir.display()
            )))
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(dir) = env::split_paths(&path).find(|dir| has(dir)) {
        return Ok(dir);
    }
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, inside) in [
        ("/usr/lib/postgresql", "bin"),
        ("/usr", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
        ("/opt/local/lib", "bin"),
    ] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
            let dir = entry.path().join(inside);
            if (name.starts_with(|c: char| c.is_ascii_digit())
                || name.contains("postgres")
                || name.contains("pgsql"))
                && has(&dir)
            {
                found.push((
                    digits
                        .split('.')
                        .next()
                        .and_then(|d| d.parse().ok())
                        .unwrap_or(0),
                    dir,
                ));
            }
        }
    }
    found.sort();
    found.pop().map(|(_, dir)| dir).ok_or_else(|| {
        Error::Invalid(
            "no PostgreSQL server programs found. Install them (Debian, Ubuntu: apt-get install postgresql; \
             Fedora: dnf install postgresql-server; macOS: brew install postgresql@17), \
             or say where initdb and postgres are with --pg-bin, \
             or use a running server: realmkeep start --db-url postgres://…"
                .to_owned(),
        )
    })
}

/// Who Postgres runs as.
pub(super) struct Account {
    /// Set when we are root, which Postgres refuses.
    switch_to: Option<(u32, u32)>,
}

impl Account {
    pub(super) fn choose() -> Result<Self> {
        if !rustix::process::getuid().is_root() {
            return Ok(Self { switch_to: None });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let ids = |name: &str| {
            passwd.lines().find_map(|line| {
                let fields: Vec<&str> = line.split(':').collect();
                (fields.len() > 3 && fields[0] == name)
                    .then(|| Some((fields[2].parse().ok()?, fields[3].parse().ok()?)))?
            })
        };
        ids("postgres")
            .or_else(|| ids("nobody"))
            .map(|ids| Self {
                switch_to: Some(ids),
            })
            .ok_or_else(|| {
                Error::Invalid(
                    "Postgres refuses to run as root, and there is no user postgres or nobody"
                        .to_owned(),
                )
            })
    }

    /// Where the cluster's files go: the data directory, if the account can get there.
    pub(super) fn home(&self, data_dir: &Path) -> Result<PathBuf> {
        let Some(_) = self.switch_to else {
            return Ok(data_dir.to_owned());
        };
        let reachable = data_dir
            .ancestors()
            .all(|dir| fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0));
        if reachable {
            return Ok(data_dir.to_owned());
        }
        let name = socket_dir(data_dir)
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let home = Path::new("/var/lib").join(name);
        fs::create_dir_all(&home).map_err(|e| cannot("make", &home, &e))?;
        tracing::warn!(
            "Postgres may not enter {} as an unprivileged user; its files are in {}",
            data_dir.display(),
            home.display()
        );
        Ok(home)
    }

    pub(super) fn own(&self, dir: &Path) -> Result<()> {
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(dir, mode).map_err(|e| cannot("protect", dir, &e))?;
        if let Some((uid, gid)) = self.switch_to
            && fs::metadata(dir).is_ok_and(|meta| meta.uid() != uid)
        {
            std::os::unix::fs::chown(dir, Some(uid), Some(gid))
                .map_err(|e| cannot("hand over", dir, &e))?;
        }
        Ok(())
    }

    /// The program as this account. `bound` ends it when we die, however we die, where the system can do that.
    pub(super) fn command(&self, program: &Path, bound: bool) -> Command {
        let setpriv = Path::new("/usr/bin/setpriv");
        if bound && setpriv.is_file() {
            let mut command = Command::new(setpriv);
            if let Some((uid, gid)) = self.switch_to {
                command
                    .arg(format!("--reuid={uid}"))
                    .arg(format!("--regid={gid}"))
                    .arg("--clear-groups");
            }
            command
                .args(["--pdeathsig", "INT", "--"])
                .arg(program)
                .current_dir("/");
            // A terminal's Ctrl-C is for us; we then stop Postgres after the last request.
            command.process_group(0);
            return command;
        }
        let mut command = Command::new(program);
        if let Some((uid, gid)) = self.switch_to {
            command.uid(uid).gid(gid);
        }
        command.current_dir("/").process_group(0);
        command
    }
}

pub(super) fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::Invalid(format!("cannot {what} {}: {error}", path.display()))
}
