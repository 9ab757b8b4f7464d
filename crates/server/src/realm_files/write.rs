//! From realms to files: users are read in pages and written as they come, so that no table is ever in memory.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use protocol::State;
use protocol::provision::export::{Exported, Parts, export as read};
use realm::Realm;
use serde_json::json;
use store::Connection;
use user::export::{Which, page};
use uuid::Uuid;

use super::names;

/// Where users go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Users {
    /// Nowhere.
    Skip,
    /// Into the realm's file.
    RealmFile,
    /// All into one file beside the realm's.
    SameFile,
    /// Some into each of several files beside the realm's.
    DifferentFiles,
}

/// What is to be exported, and where to.
pub struct Export {
    /// The realm's name; none for all.
    pub realm: Option<String>,
    /// One file for one realm.
    pub file: Option<PathBuf>,
    /// A folder with a file for each realm.
    pub dir: Option<PathBuf>,
    /// Where users go; in one file they go into that.
    pub users: Users,
    /// Of [`Users::DifferentFiles`].
    pub users_per_file: usize,
}

/// Writes realms to files, as they were at one moment; how many.
///
/// # Errors
/// When there is no such realm, a file cannot be written, or a secret does not open.
pub async fn export(state: &State, what: &Export) -> anyhow::Result<usize> {
    let names = match &what.realm {
        Some(name) => vec![name.clone()],
        None => all_names(state).await?,
    };
    if what.file.is_some() && what.realm.is_none() {
        bail!("one file holds one realm: name it with --realm, or give a folder with --dir");
    }
    for name in &names {
        // Not from a cache: what stands in the database now.
        let realm = realm::find(&state.pool, &state.sealer, name)
            .await?
            .with_context(|| format!("there is no realm {name}"))?;
        let mut snapshot = store::snapshot(&state.pool).await?;
        let exported = read(state, &mut snapshot, &realm, Parts::WHOLE)
            .await
            .map_err(|error| anyhow::anyhow!("realm {name}: {error}"))?;
        let mut pages = Pages {
            state,
            db: &mut snapshot,
            realm: &realm,
            exported: &exported,
            after: None,
            ended: what.users == Users::Skip,
        };
        match (&what.file, &what.dir) {
            (Some(file), _) => pages.realm_file(file, true).await?,
            (None, Some(dir)) => pages.folder(dir, what).await?,
            (None, None) => bail!("say where to: --file FILE or --dir DIR"),
        }
        tracing::info!(realm = ?name, "exported");
    }
    Ok(names.len())
}

async fn all_names(state: &State) -> anyhow::Result<Vec<String>> {
    const PAGE: i64 = 1000;
    let mut names = Vec::new();
    loop {
        let first = i64::try_from(names.len())?;
        let page = realm::list(&state.pool, None, first, PAGE).await?;
        if page.is_empty() {
            return Ok(names);
        }
        names.extend(page.into_iter().map(|realm| realm.name));
    }
}

/// The users of a realm, page after page.
struct Pages<'a> {
    state: &'a State,
    db: &'a mut Connection,
    realm: &'a Realm,
    exported: &'a Exported,
    after: Option<Uuid>,
    ended: bool,
}

impl Pages<'_> {
    /// The next users, each on a line of JSON; empty at the end.
    async fn next(&mut self) -> anyhow::Result<Vec<String>> {
        if self.ended {
            return Ok(Vec::new());
        }
        let sealer = Some(&self.state.sealer);
        let names = &self.exported.names;
        let users = page(
            self.db,
            sealer,
            self.realm.id,
            names,
            Which::All,
            self.after,
        )
        .await?;
        self.after = users
            .last()
            .and_then(|user| user.id.as_deref()?.parse().ok());
        self.ended = self.after.is_none();
        let lines = users.iter().map(serde_json::to_string);
        Ok(lines.collect::<Result<_, _>>()?)
    }

    async fn folder(&mut self, dir: &Path, what: &Export) -> anyhow::Result<()> {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let name = &self.realm.name;
        let within = what.users == Users::RealmFile;
        self.realm_file(&dir.join(names::of_realm(name)), within)
            .await?;
        let per_file = match what.users {
            Users::Skip | Users::RealmFile => return Ok(()),
            Users::SameFile => usize::MAX,
            Users::DifferentFiles => what.users_per_file.max(1),
        };
        let mut lines = self.next().await?.into_iter();
        for number in 0.. {
            let mut first = lines.next();
            if first.is_none() {
                lines = self.next().await?.into_iter();
                first = lines.next();
            }
            if first.is_none() && number > 0 {
                break;
            }
            let mut out = Out::create(&dir.join(names::of_users(name, number)))?;
            write!(
                out.file,
                "{{\n  \"realm\": {},\n  \"users\": [",
                json!(name)
            )?;
            let mut written = 0;
            while let Some(line) = first.take() {
                out.line(written, &line)?;
                written += 1;
                if written == per_file {
                    break;
                }
                first = lines.next();
                if first.is_none() {
                    lines = self.next().await?.into_iter();
                    first = lines.next();
                }
            }
            out.file.write_all(b"\n  ]\n}\n")?;
            out.finish()?;
        }
        Ok(())
    }

    /// The realm's file, with its users at the end or without.
    async fn realm_file(&mut self, path: &Path, with_users: bool) -> anyhow::Result<()> {
        let mut out = Out::create(path)?;
        let text = serde_json::to_string_pretty(&self.exported.rep)?;
        if !with_users || self.ended {
            writeln!(out.file, "{text}")?;
            return out.finish();
        }
        let open = text.strip_suffix("\n}").unwrap_or(&text);
        write!(out.file, "{open},\n  \"users\": [")?;
        let mut written = 0;
        loop {
            let lines = self.next().await?;
            if lines.is_empty() {
                break;
            }
            for line in lines {
                out.line(written, &line)?;
                written += 1;
            }
        }
        out.file.write_all(b"\n  ]\n}\n")?;
        out.finish()
    }
}

/// A file that is there whole or not at all, and that nobody else may read: it is full of secrets.
struct Out {
    path: PathBuf,
    aside: PathBuf,
    file: BufWriter<File>,
}

impl Out {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let aside = PathBuf::from(aside);
        // What an export left that did not come to its end may be of anybody's.
        let _ = std::fs::remove_file(&aside);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&aside)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            aside,
            file: BufWriter::new(file),
        })
    }

    fn line(&mut self, before: usize, line: &str) -> std::io::Result<()> {
        let comma = if before == 0 { "" } else { "," };
        write!(self.file, "{comma}\n    {line}")
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.aside, &self.path)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}
