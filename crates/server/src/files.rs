//! `import` and `export` on the command line.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use protocol::State;
use server::{realm_files, settings};
use store::dev_cluster::{DevCluster, Durability};

use crate::{Database, log, runtime, seal_key};

/// Where the realms of a command are.
#[derive(Args)]
pub(crate) struct Place {
    #[command(flatten)]
    database: Database,
    /// File with the key that encrypts secrets in the database.
    #[arg(long, value_name = "FILE")]
    seal_key_file: Option<PathBuf>,
    /// The data directory of a development server, in place of database and key.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["db_url", "seal_key_file"])]
    data_dir: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Import {
    #[command(flatten)]
    place: Place,
    /// Realm files, each with the files of its users beside it, if it has some.
    #[arg(required_unless_present = "dir")]
    files: Vec<PathBuf>,
    /// Folder of realm files.
    #[arg(long, conflicts_with = "files")]
    dir: Option<PathBuf>,
    /// Whether a realm that is there is replaced, or left alone.
    #[arg(long = "override", default_value_t = true, action = clap::ArgAction::Set)]
    replace: bool,
}

#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    place: Place,
    /// The realm; all, if none is named.
    #[arg(long)]
    realm: Option<String>,
    /// Write one realm, users and all, into this file.
    #[arg(long, required_unless_present = "dir", conflicts_with = "dir")]
    file: Option<PathBuf>,
    /// Write the files of each realm into this folder.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Where users are written.
    #[arg(long, value_enum, default_value_t = realm_files::Users::DifferentFiles)]
    users: realm_files::Users,
    /// Users of each of different_files.
    #[arg(long, default_value_t = 50)]
    users_per_file: usize,
}

pub(crate) fn import(args: Import) -> anyhow::Result<()> {
    let sources = match &args.dir {
        Some(dir) => realm_files::in_folder(dir)?,
        None => realm_files::of_files(args.files)?,
    };
    let imported = at(args.place, true, async |state: &State| {
        let mut imported = 0;
        for source in &sources {
            let done = realm_files::import(state, &state.pool, source, args.replace).await?;
            imported += usize::from(done);
        }
        Ok(imported)
    })?;
    println!("{imported} of {} realms imported", sources.len());
    Ok(())
}

pub(crate) fn export(args: Export) -> anyhow::Result<()> {
    let what = realm_files::Export {
        realm: args.realm,
        file: args.file,
        dir: args.dir,
        users: args.users,
        users_per_file: args.users_per_file,
    };
    let exported = at(args.place, false, async |state: &State| {
        realm_files::export(state, &what).await
    })?;
    println!("{exported} realms exported");
    Ok(())
}

/// Does the work of a command on the database of a server, which may run meanwhile.
pub(crate) fn at<T>(
    place: Place,
    prepare: bool,
    work: impl AsyncFnOnce(&State) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
    let mut settings = settings::read(
        place.database.config.as_ref(),
        &[
            ("db.url", place.database.db_url.clone()),
            ("seal.key_file", path(&place.seal_key_file)),
        ],
    )?;
    log(&settings)?;
    // Keys that files do not bring are made when they are asked for.
    settings.key_pool = 0;
    settings.import_realm = None;
    let mut cluster = None;
    let dev = match &place.data_dir {
        None => None,
        Some(dir) => {
            if settings.seal.key.is_none() && settings.seal.key_file.is_none() {
                std::fs::create_dir_all(dir)
                    .with_context(|| format!("cannot make {}", dir.display()))?;
                settings.seal.key_file = Some(seal_key(dir)?);
            }
            let running = DevCluster::running(dir, "realmkeep");
            if running.is_none() {
                cluster = Some(DevCluster::start(dir, None, Durability::Full)?);
            }
            Some(running)
        }
    };
    let done = runtime()?.block_on(async {
        let options = match (&cluster, dev) {
            (Some(cluster), _) => cluster.database("realmkeep").await?,
            (None, Some(Some(running))) => running,
            _ => settings.database()?,
        };
        let protocols = &server::protocols::PROTOCOLS;
        let state = server::app::for_command(&settings, &options, protocols, prepare).await?;
        let done = work(&state).await;
        state.pool.close().await;
        done
    });
    drop(cluster);
    done
}
