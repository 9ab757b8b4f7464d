//! From files to realms, each realm in one transaction.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use protocol::body::{self, JsonError};
use protocol::provision::{self, RealmFile};
use protocol::{HttpError, State};
use realm::RealmRepresentation;
use realm::json::Raw;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::names::users_of;
use crate::bootstrap::refused;

/// A realm's file, and the files with more of its users.
#[derive(Debug)]
pub struct Source {
    /// The file that describes the realm.
    pub realm: PathBuf,
    /// In order.
    pub users: Vec<PathBuf>,
}

/// A file of users, as Keycloak's export to a folder writes it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct UsersFile {
    realm: String,
    users: Option<Raw>,
    federated_users: Option<Vec<Value>>,
}

/// The realms of a folder, in the order of their files' names: each `*.json`, and beside it `{realm}-users-{n}.json`.
///
/// # Errors
/// When the folder cannot be read, or has users of a realm that is not in it.
pub fn in_folder(folder: &Path) -> anyhow::Result<Vec<Source>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    sources(files)
}

/// The realms of these files, with the files of users that lie beside them.
///
/// # Errors
/// As [`in_folder`].
pub fn of_files(files: Vec<PathBuf>) -> anyhow::Result<Vec<Source>> {
    let mut all = files;
    for file in all.clone() {
        let Some(name) = file.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        let Some(realm) = name.strip_suffix("-realm") else {
            continue;
        };
        let folder = file
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let beside = std::fs::read_dir(folder.unwrap_or(Path::new(".")))
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(file.with_file_name(entry.ok()?.file_name())))
            .filter(|path| users_of(path).is_some_and(|(of, _)| of == realm));
        all.extend(beside);
    }
    all.sort();
    all.dedup();
    sources(all)
}

/// Puts files of users to the files of their realms.
fn sources(files: Vec<PathBuf>) -> anyhow::Result<Vec<Source>> {
    let (mut users, realms): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| users_of(file).is_some());
    users.sort_by_key(|file| users_of(file));
    let mut sources = Vec::new();
    for realm in realms {
        let stem = realm.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.strip_suffix("-realm").unwrap_or(&stem);
        let (own, others): (Vec<_>, Vec<_>) = users
            .into_iter()
            .partition(|file| users_of(file).is_some_and(|(of, _)| of == name));
        users = others;
        sources.push(Source { realm, users: own });
    }
    if let Some(left) = users.first() {
        bail!(
            "{} holds users, and the file of their realm is not beside it",
            left.display()
        );
    }
    Ok(sources)
}

/// Imports a realm; whether it did. A realm that is there is replaced, or with `replace` off left alone.
///
/// # Errors
/// What is wrong with a file, with its name; nothing of this realm is written then.
pub async fn import(
    state: &State,
    pool: &store::Pool,
    source: &Source,
    replace: bool,
) -> anyhow::Result<bool> {
    let rep: RealmRepresentation = parse(&source.realm, "RealmRepresentation")?;
    let at = |error: HttpError| {
        let text = format!("{}: {error}", source.realm.display());
        refused(error, text)
    };
    let name = rep.realm.clone().unwrap_or_default();
    let old = state.realms.get(&name).await?;
    if old.is_some() && !replace {
        tracing::info!(realm = ?name, "the realm exists, its file is left alone");
        return Ok(false);
    }
    if old.as_ref().is_some_and(|old| old.is_master()) {
        bail!(
            "{}: realm master cannot be replaced: its administrators and all that they may do would be gone",
            source.realm.display()
        );
    }
    let mut file = RealmFile::prepare(state, rep).await.map_err(at)?;
    let users = file.users.take();
    let master = provision::master_of(state, &name).await.map_err(at)?;
    let mut transaction = pool.begin().await.map_err(store::Error::from)?;
    if let Some(old) = &old {
        provision::remove_realm(&mut transaction, master.as_deref(), old)
            .await
            .map_err(at)?;
    }
    let realm = file
        .write(state, &mut transaction, master.as_deref())
        .await
        .map_err(at)?;
    let mut count = 0;
    if let Some(users) = &users {
        count += provision::import_users(state, &mut transaction, &realm, users)
            .await
            .map_err(at)?;
    }
    for path in &source.users {
        let file: UsersFile = parse(path, "UserRepresentation")?;
        if file.realm != name {
            bail!(
                "{}: users of realm {}, not of {name}",
                path.display(),
                file.realm
            );
        }
        if file.federated_users.is_some_and(|users| !users.is_empty()) {
            bail!(
                "{}: user federation is not available on this server",
                path.display()
            );
        }
        if let Some(users) = &file.users {
            count += provision::import_users(state, &mut transaction, &realm, users)
                .await
                .map_err(|error| {
                    let text = format!("{}: {error}", path.display());
                    refused(error, text)
                })?;
        }
    }
    provision::add_service_accounts(state, &mut transaction, &realm)
        .await
        .map_err(at)?;
    transaction.commit().await.map_err(store::Error::from)?;
    state.changed(realm.id);
    tracing::info!(realm = ?name, users = count, file = %source.realm.display(), "imported");
    Ok(true)
}

fn parse<T: DeserializeOwned>(path: &Path, kind: &str) -> anyhow::Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text =
        String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))?;
    let text = replace_placeholders(text);
    body::parse(text.as_bytes()).map_err(|error: JsonError| {
        anyhow::anyhow!("{}: {}", path.display(), error.into_http(kind))
    })
}

/// `${NAME}` and `${NAME:default}` of the environment, as Keycloak's import replaces them.
fn replace_placeholders(text: String) -> String {
    if !text.contains("${") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inside, tail)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        let (name, default) = inside
            .split_once(':')
            .map_or((inside, None), |(name, default)| (name, Some(default)));
        let plain = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        match std::env::var(name)
            .ok()
            .filter(|_| plain)
            .or_else(|| default.filter(|_| plain).map(str::to_owned))
        {
            // Inside a JSON text, so quotes and backslashes of the value are escaped.
            Some(value) => out.push_str(Value::String(value).to_string().trim_matches('"')),
            None => {
                out.push_str("${");
                out.push_str(inside);
                out.push('}');
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_of_keycloaks_own_stay() {
        let text = "${client_account} ${authBaseUrl} ${UNSET_NAME:x} ${".to_owned();
        assert_eq!(
            replace_placeholders(text),
            "${client_account} ${authBaseUrl} x ${"
        );
    }

    #[test]
    fn users_go_with_the_file_of_their_realm_in_the_order_of_their_numbers() {
        let files = [
            "a-realm.json",
            "a-users-10.json",
            "a-users-9.json",
            "b.json",
        ];
        let found = sources(files.iter().map(PathBuf::from).collect()).unwrap();
        let users: Vec<_> = found.iter().map(|source| source.users.len()).collect();
        assert_eq!(users, [2, 0]);
        assert_eq!(found[0].users[0], Path::new("a-users-9.json"));
        let error = sources(vec![PathBuf::from("c-users-0.json")]).unwrap_err();
        assert!(error.to_string().contains("c-users-0.json"), "{error}");
    }
}
