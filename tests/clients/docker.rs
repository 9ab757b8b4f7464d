//! A docker daemon of this run, beside whatever runs on the machine.

use std::{path::Path, process::Command, sync::OnceLock};

use crate::process::{Folder, Service, find};

struct Daemon {
    socket: String,
    _service: Service,
}

/// The daemon's socket as `DOCKER_HOST`; started by the first who asks.
///
/// # Errors
/// Why there is none.
pub fn daemon() -> Result<&'static str, String> {
    static DAEMON: OnceLock<Result<Daemon, String>> = OnceLock::new();
    let daemon = DAEMON.get_or_init(start).as_ref();
    daemon.map(|d| d.socket.as_str()).map_err(Clone::clone)
}

fn start() -> Result<Daemon, String> {
    let program = find("dockerd")?;
    let user = Command::new("id").arg("-u").output().unwrap();
    if user.stdout != b"0\n" {
        return Err("dockerd runs as root only".into());
    }
    let folder = Folder::new();
    let socket = format!("unix://{}", folder.join("d.sock").display());
    let mut command = Command::new(program);
    // It moves images and runs no container: no network, no mounts.
    command.args(["--storage-driver=vfs", "--iptables=false", "--bridge=none"]);
    command.args(["--host", &socket, "--config-file"]);
    command.arg(folder.write("daemon.json", "{}"));
    for (option, name) in [
        ("--data-root", "data"),
        ("--exec-root", "exec"),
        ("--pidfile", "pid"),
    ] {
        command.arg(option).arg(folder.join(name));
    }
    let file = folder.join("d.sock");
    let mut service = Service::start(folder, command);
    service.wait(|_| answers(&file).then_some(()))?;
    Ok(Daemon {
        socket,
        _service: service,
    })
}

fn answers(socket: &Path) -> bool {
    let mut curl = Command::new("docker");
    curl.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let done = curl.args(["version"]).output();
    done.is_ok_and(|done| done.status.success())
}
