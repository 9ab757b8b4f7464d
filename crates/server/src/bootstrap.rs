//! From an empty database to a server with an administrator; on any other, nothing.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use protocol::{State, provision};
use realm::{MASTER, RealmRepresentation};
use store::Error;
use user::{CredentialRepresentation, UserRepresentation};

use crate::health::Health;
use crate::settings::Settings;

/// Any number that no other program on the database takes for its own lock; nodes that start together take turns.
const LOCK: i64 = 0x7265_616c_6d62;

/// Brings schema, seal, realm master and imports into place, waiting for the database as long as it takes.
///
/// # Errors
/// What no waiting will mend: a realm file that is not understood.
pub(crate) async fn run(
    settings: &Settings,
    options: &store::Options,
    state: &State,
    health: &Health,
) -> anyhow::Result<()> {
    let mut told = String::new();
    loop {
        let error = match once(settings, options, state).await {
            Ok(()) => {
                health.bootstrapped.store(true, Ordering::SeqCst);
                return Ok(());
            }
            Err(error) => error,
        };
        let waits = match error.downcast_ref::<Error>() {
            Some(Error::Unavailable(_)) => Duration::from_millis(250),
            // Another master key may be given to a new process; this one stays up to say what is wrong.
            Some(Error::Sealed(_)) => Duration::from_secs(2),
            _ => return Err(error),
        };
        let text = format!("{error:#}");
        if text != told {
            tracing::error!("not ready: {text}");
            told = text;
        }
        tokio::time::sleep(waits).await;
    }
}

async fn once(settings: &Settings, options: &store::Options, state: &State) -> anyhow::Result<()> {
    let mut connection = options.connect().await?;
    // With the wrong seal key nothing may be changed, so the key is tried before the schema is touched.
    if store::migrate::exists(&mut connection).await? {
        state.sealer.check_database(&mut connection).await?;
    }
    let applied = store::migrate::run(options).await?;
    if applied > 0 {
        tracing::info!(applied, "the schema was brought up to date");
    }
    store::lock(&mut connection, LOCK).await?;
    state.sealer.open_database(&mut connection).await?;
    if state.realms.get(MASTER).await?.is_none() {
        let master = RealmRepresentation {
            realm: Some(MASTER.to_owned()),
            display_name: Some("realmkeep".to_owned()),
            enabled: Some(true),
            ..RealmRepresentation::default()
        };
        provision::create_realm(state, &master)
            .await
            .map_err(refused)?;
        tracing::info!("realm master was made");
    }
    administrator(settings, state).await?;
    if let Some(folder) = &settings.import_realm {
        import(folder, state).await?;
    }
    // The lock goes with the connection.
    drop(connection);
    Ok(())
}

/// Makes the first administrator, if realm master has no user yet.
async fn administrator(settings: &Settings, state: &State) -> anyhow::Result<()> {
    let master = state.realms.get(MASTER).await?.context("realm master")?;
    if user::search::count(&state.pool, master.id, &user::search::Search::default()).await? > 0 {
        return Ok(());
    }
    let (Some(name), Some(password)) = (
        &settings.bootstrap.admin_username,
        &settings.bootstrap.admin_password,
    ) else {
        tracing::warn!(
            "realm master has no users, so nobody can administer this server. Give KC_BOOTSTRAP_ADMIN_USERNAME and \
             KC_BOOTSTRAP_ADMIN_PASSWORD once and start again"
        );
        return Ok(());
    };
    let rep = UserRepresentation {
        username: Some(name.clone()),
        enabled: Some(true),
        realm_roles: Some(vec!["admin".to_owned(), "default-roles-master".to_owned()]),
        credentials: Some(vec![CredentialRepresentation {
            r#type: Some("password".to_owned()),
            value: Some(password.reveal().to_owned()),
            temporary: Some(false),
            ..CredentialRepresentation::default()
        }]),
        ..UserRepresentation::default()
    };
    provision::create_user(state, &master, &rep)
        .await
        .map_err(refused)?;
    tracing::info!(user = ?name, "the first administrator was made");
    Ok(())
}

/// Imports each `*.json` of a folder whose realm is not there, in the order of their names.
///
/// # Errors
/// The first file that is not understood; those before it stay imported.
pub async fn import(folder: &Path, state: &State) -> anyhow::Result<()> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    for file in files {
        let bytes =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let text =
            String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", file.display()))?;
        let rep: RealmRepresentation =
            protocol::body::parse(replace_placeholders(&text).as_bytes()).map_err(|error| {
                anyhow::anyhow!(
                    "{}: {}",
                    file.display(),
                    error.into_http("RealmRepresentation")
                )
            })?;
        let name = rep.realm.clone().unwrap_or_default();
        if state.realms.get(&name).await?.is_some() {
            tracing::info!(realm = ?name, "the realm exists, its file is left alone");
            continue;
        }
        provision::create_realm(state, &rep)
            .await
            .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
        tracing::info!(realm = ?name, file = %file.display(), "imported");
    }
    Ok(())
}

/// `${NAME}` and `${NAME:default}` of the environment, as Keycloak's import replaces them.
fn replace_placeholders(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
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
            Some(value) => out.push_str(
                serde_json::Value::String(value)
                    .to_string()
                    .trim_matches('"'),
            ),
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

/// Keeps what can be waited for apart from what cannot.
fn refused(error: protocol::HttpError) -> anyhow::Error {
    if error.status() == 503 {
        Error::Unavailable(error.to_string()).into()
    } else {
        anyhow::anyhow!("{error}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_of_keycloaks_own_stay() {
        assert_eq!(
            replace_placeholders("${client_account} ${authBaseUrl} ${UNSET_NAME:x} ${"),
            "${client_account} ${authBaseUrl} x ${"
        );
    }
}
