//! `make bench`: the whole server under load, next to what the machine can do and to Keycloak.
//!
//! One table on stdout, in Markdown. Everything that a line compares is measured in the same run, in rounds that take
//! turns, so that a change of the machine's mood reaches all sides. An answer that is not the expected one ends the run.

mod bound;
mod http;
mod load;
mod process;
mod sections;
mod site;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};

use process::Server;
use sections::{administration, docker, endpoints, life, overload, realms, registry, sign_in};
use site::Site;

/// Measures realmkeep. KEYCLOAK_URL names a Keycloak (with the feature docker) to be measured in the same run; without
/// it the ratios are to recorded figures.
#[derive(Parser)]
struct Cli {
    /// What to measure [default: all].
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// A minute, to see that everything works. Its figures are worth little.
    #[arg(long)]
    quick: bool,
    /// The server [default: the `realmkeep` beside this program].
    #[arg(long)]
    binary: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Start to the first answer, idle memory.
    Life,
    /// docker tokens with a password.
    Docker,
    /// docker tokens for machines: app passwords, robots, identity tokens; rules, events, remembered passwords.
    Registry,
    /// Key set, discovery and refresh.
    Endpoints,
    /// openid-connect: grants, introspection, userinfo, a whole sign-in; with few sessions and with 100,000.
    SignIn,
    /// 500 logins at once.
    Overload,
    /// The admin API: people made, read, listed, searched and imported.
    Administration,
    /// Making realms.
    Realms,
}

/// How long, and how often.
pub struct Plan {
    pub rounds: usize,
    pub round: Duration,
    pub starts: usize,
    pub realms: usize,
}

/// A folder that goes with its owner.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let plan = if cli.quick {
        Plan {
            rounds: 1,
            round: Duration::from_secs(1),
            starts: 2,
            realms: 48,
        }
    } else {
        Plan {
            rounds: 7,
            round: Duration::from_secs(3),
            starts: 7,
            realms: 1000,
        }
    };
    let binary = match cli.binary {
        Some(binary) => binary,
        None => std::env::current_exe()?.with_file_name("realmkeep"),
    };
    ensure!(
        binary.is_file(),
        "{} is missing: cargo build --release -p realmkeep-server",
        binary.display()
    );
    let folder =
        Folder(std::env::temp_dir().join(format!("realmkeep-bench-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0)?;
    let data = folder.0.join("data");
    let keycloak = Site::keycloak()?;
    let wanted = |section| cli.sections.is_empty() || cli.sections.contains(&section);
    let load_before = load_average();

    let mut rows = Vec::new();
    let mut server = Server::start_dev(&binary, &data, &[])?;
    eprintln!(
        "first start, on an empty data directory: {:.1} s",
        server.first_answer().await?.as_secs_f64()
    );
    let (_, postgres) = server.postgres()?;
    if wanted(Section::Life) {
        (server, rows) = life::rows(server, &binary, &data, &plan).await?;
    }
    server.keys_ready().await?;
    server.site.prepare().await.context("preparing realmkeep")?;
    if let Some(keycloak) = &keycloak {
        keycloak.prepare().await.context("preparing Keycloak")?;
    }
    if wanted(Section::Docker) {
        rows.extend(docker::rows(&server.site, keycloak.as_ref(), &plan).await?);
    }
    if wanted(Section::Registry) {
        rows.extend(registry::rows(&server.site, &plan).await?);
    }
    if wanted(Section::Endpoints) {
        rows.extend(endpoints::rows(&server.site, keycloak.as_ref(), &plan).await?);
    }
    if wanted(Section::SignIn) {
        rows.extend(sign_in::rows(&server, keycloak.as_ref(), &plan).await?);
    }
    if let Some(keycloak) = &keycloak {
        keycloak.clear().await?;
    }
    rows.push(life::resident_after(&server, "this load").await?);
    if wanted(Section::Overload) {
        rows.extend(overload::rows(&server, &plan).await?);
        rows.push(life::resident_after(&server, "these 500 logins").await?);
    }
    if wanted(Section::Administration) {
        rows.extend(administration::rows(&server.site, &plan).await?);
        rows.push(life::resident_after(&server, "100,000 users and these searches").await?);
    }
    if wanted(Section::Realms) {
        rows.extend(realms::rows(&server, &plan).await?);
        if wanted(Section::Life) {
            let again;
            (server, again) = life::rows(server, &binary, &data, &plan).await?;
            rows.extend(again.into_iter().map(|mut row| {
                row.scenario += &format!(", with {} realms", plan.realms);
                row
            }));
        }
        server.stop()?;
        rows.extend(realms::rows_without_pool(&binary, &data, &plan).await?);
    } else {
        server.stop()?;
    }

    table::print(&rows);
    println!("\n{}", machine(&postgres, &load_before));
    println!(
        "{} rounds of {} s; Keycloak: {}.",
        plan.rounds,
        plan.round.as_secs_f64(),
        keycloak.map_or(
            "26.7.3, recorded on the same kind of machine".to_owned(),
            |site| format!("measured in this run at {}", site.host)
        )
    );
    if cfg!(debug_assertions) || binary.components().any(|part| part.as_os_str() == "debug") {
        println!("NOT a release build: these figures say nothing.");
    }
    Ok(())
}

/// What the figures were taken on.
fn machine(postgres: &std::path::Path, load_before: &str) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let fact = |name: &str| {
        cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_once(": "))
            .map_or("?", |(_, value)| value)
            .to_owned()
    };
    let output = |program: &std::path::Path, argument: &str| {
        let output = std::process::Command::new(program).arg(argument).output();
        output.map_or("?".to_owned(), |o| {
            String::from_utf8_lossy(&o.stdout).trim().to_owned()
        })
    };
    format!(
        "{}; {} (family {}, model {}), {} cores; Linux {}; {}; load average {} before, {} after.",
        output("date".as_ref(), "-uI"),
        fact("model name"),
        fact("cpu family"),
        fact("model"),
        std::thread::available_parallelism().map_or(1, usize::from),
        read("/proc/sys/kernel/osrelease").trim(),
        output(postgres, "--version"),
        load_before,
        load_average(),
    )
}

fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .unwrap_or_default()
        .split_whitespace()
        .next()
        .unwrap_or("?")
        .to_owned()
}
