//! `realmkeep`: the command line.

mod audit;
mod doctor;
mod explain;
mod files;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use server::settings::{self, Secret, Settings};
use store::dev_cluster::{DevCluster, Durability};
use tracing_subscriber::EnvFilter;

/// Identity server for container registries: many realms, each with its own users, clients and signing keys.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything on this machine, with a private Postgres: for trying it out and for development.
    StartDev(StartDev),
    /// Production: against a given database, with a public host name and a seal key.
    Start(Start),
    /// Bring the schema of the database up to date, and end.
    Migrate(Database),
    /// Make realms from files, whether a server runs or not.
    Import(files::Import),
    /// Write realms to files, secrets and all, whether a server runs or not.
    Export(files::Export),
    /// Tell what a registry's rules grant to somebody, and which of them, whether a server runs or not.
    Explain(explain::Explain),
    /// Find out whether somebody has changed events in the database.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Find out what is wrong, from outside.
    #[command(subcommand)]
    Doctor(doctor::Doctor),
}

#[derive(Args)]
struct Common {
    /// Settings file [default: realmkeep.toml, if there is one].
    #[arg(long)]
    config: Option<PathBuf>,
    /// Address to serve HTTP on.
    #[arg(long)]
    http_host: Option<String>,
    /// Port to serve HTTP on [default: 8080].
    #[arg(long)]
    http_port: Option<u16>,
    /// Port of health and metrics [default: 9000].
    #[arg(long)]
    management_port: Option<u16>,
    /// Public URL of this server.
    #[arg(long)]
    hostname: Option<String>,
    /// Folder of realm files to import, each if its realm is not there.
    #[arg(long, value_name = "DIR")]
    import_realm: Option<PathBuf>,
}

#[derive(Args)]
struct StartDev {
    #[command(flatten)]
    common: Common,
    /// Where the database and the seal key are kept.
    #[arg(long, default_value = ".realmkeep")]
    data_dir: PathBuf,
    /// Where initdb and postgres are.
    #[arg(long)]
    pg_bin: Option<PathBuf>,
}

#[derive(Args)]
struct Start {
    #[command(flatten)]
    common: Common,
    /// Where the database is: postgres://user:password@host:5432/database.
    #[arg(long)]
    db_url: Option<String>,
    /// File with the key that encrypts secrets in the database.
    #[arg(long, value_name = "FILE")]
    seal_key_file: Option<PathBuf>,
}

#[derive(Args)]
struct Database {
    /// Settings file.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Where the database is.
    #[arg(long)]
    db_url: Option<String>,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::StartDev(args) => start_dev(args),
        Command::Start(args) => start(&args),
        Command::Migrate(args) => {
            let settings = settings::read(args.config.as_ref(), &[("db.url", args.db_url)])?;
            log(&settings)?;
            let applied = runtime()?.block_on(async {
                store::migrate::run(&settings.database()?)
                    .await
                    .map_err(anyhow::Error::from)
            })?;
            println!("{applied} migrations applied; the schema is up to date");
            Ok(())
        }
        Command::Import(args) => files::import(args),
        Command::Export(args) => files::export(args),
        Command::Explain(args) => explain::run(args),
        Command::Audit(audit) => match audit::run(audit)? {
            true => Ok(()),
            false => std::process::exit(1),
        },
        Command::Doctor(doctor) => match doctor::run(doctor)? {
            true => Ok(()),
            false => std::process::exit(1),
        },
    }
}

fn read(common: &Common, more: &[(&str, Option<String>)]) -> anyhow::Result<Settings> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
    let mut overrides = vec![
        ("http.host", common.http_host.clone()),
        ("http.port", common.http_port.map(|port| port.to_string())),
        (
            "management.port",
            common.management_port.map(|port| port.to_string()),
        ),
        ("hostname", common.hostname.clone()),
        ("import_realm", path(&common.import_realm)),
    ];
    overrides.extend_from_slice(more);
    let settings = settings::read(common.config.as_ref(), &overrides)?;
    log(&settings)?;
    Ok(settings)
}

fn start_dev(args: StartDev) -> anyhow::Result<()> {
    let mut settings = read(&args.common, &[])?;
    if args.common.http_host.is_none()
        && std::env::var_os("KC_HTTP_HOST").is_none()
        && settings.http.host == "0.0.0.0"
    {
        // A server with a known password listens to this machine only.
        "127.0.0.1".clone_into(&mut settings.http.host);
    }
    settings.management.host.clone_from(&settings.http.host);
    let cluster = DevCluster::start(&args.data_dir, args.pg_bin.as_deref(), Durability::Full)?;
    if settings.seal.key.is_none() && settings.seal.key_file.is_none() {
        settings.seal.key_file = Some(seal_key(&args.data_dir)?);
    }
    settings.outbound.allow_private.get_or_insert(true);
    let default_admin = settings.bootstrap.admin_password.is_none();
    settings
        .bootstrap
        .admin_username
        .get_or_insert_with(|| "admin".to_owned());
    settings
        .bootstrap
        .admin_password
        .get_or_insert_with(|| Secret::new("admin".to_owned()));

    let stopped = runtime()?.block_on(async {
        let options = cluster.database("realmkeep").await?;
        serve(settings, options, |url| {
            println!("\n  realmkeep is ready: {url}");
            if default_admin {
                println!("\n  Administrator of realm master: admin, password admin, on a new data directory.");
                println!("  THIS PASSWORD IS KNOWN TO EVERYBODY: change it, and never let others reach this port.");
            }
            println!("\n  Next: the README, «From nothing to docker push».\n");
        })
        .await
    });
    // Postgres goes last, when nobody uses it any more.
    drop(cluster);
    stopped
}

fn start(args: &Start) -> anyhow::Result<()> {
    let key_file = args
        .seal_key_file
        .as_ref()
        .map(|path| path.to_string_lossy().into_owned());
    let settings = read(
        &args.common,
        &[("db.url", args.db_url.clone()), ("seal.key_file", key_file)],
    )?;
    let options = settings.database()?;
    settings.master_keys()?;
    if settings.hostname.is_none() {
        bail!(
            "no host name is given. Say by which URL registries and people call this server, with --hostname \
             https://id.example.org, KC_HOSTNAME or hostname: it stands in every token, and a caller must not choose it"
        );
    }
    runtime()?.block_on(serve(settings, options, |url| {
        tracing::info!("ready: {url}")
    }))
}

async fn serve(
    settings: Settings,
    options: store::Options,
    tell: impl FnOnce(&str),
) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let host = settings.http.host.clone();
    let hostname = settings.hostname.clone();
    let running = server::app::build(settings, options, &server::protocols::PROTOCOLS).await?;
    let shown = if host == "0.0.0.0" || host == "127.0.0.1" {
        "localhost"
    } else {
        &host
    };
    let url = hostname.unwrap_or_else(|| format!("http://{shown}:{}", running.http.port()));
    let mut tell = Some(tell);
    loop {
        tokio::select! {
            ready = running.ready(), if tell.is_some() => {
                ready?;
                if let Some(tell) = tell.take() {
                    tell(&url);
                }
            }
            failed = running.failed() => {
                running.stop().await;
                bail!("{failed}");
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

/// The seal key of a development server, made at its first start.
fn seal_key(data_dir: &std::path::Path) -> anyhow::Result<PathBuf> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = data_dir.join("seal.key");
    if !path.exists() {
        let key = realm::seal::MasterKey::generate()?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.write_all(key.as_bytes())?;
        file.sync_all()?;
    }
    Ok(path)
}

fn log(settings: &Settings) -> anyhow::Result<()> {
    let level = settings.log.level.to_ascii_lowercase();
    let filter =
        EnvFilter::try_new(&level).with_context(|| format!("log.level (KC_LOG_LEVEL): {level}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if settings.log.format == "json" {
        builder.json().init()
    } else {
        builder.with_ansi(false).init()
    }
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // Requests have threads of their own; this runtime does the rest.
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(16)
        .thread_keep_alive(Duration::from_secs(5))
        .enable_all()
        .build()?)
}
