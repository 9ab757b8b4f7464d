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
use crate::realm_files;
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

pub(crate) async fn once(
    settings: &Settings,
    options: &store::Options,
    state: &State,
) -> anyhow::Result<()> {
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
        provision::create_realm(state, master)
            .await
            .map_err(in_words)?;
        tracing::info!("realm master was made");
    }
    administrator(settings, state).await?;
    if let Some(folder) = &settings.import_realm {
        import(folder, options, state).await?;
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
        .map_err(in_words)?;
    tracing::info!(user = ?name, "the first administrator was made");
    Ok(())
}

/// Imports each realm of a folder that is not there, in the order of its files' names.
///
/// # Errors
/// The first file that is not understood; those before it stay imported.
pub async fn import(folder: &Path, options: &store::Options, state: &State) -> anyhow::Result<()> {
    let pool = options.patient_pool();
    for source in realm_files::in_folder(folder)? {
        realm_files::import(state, &pool, &source, false).await?;
    }
    pool.close().await;
    Ok(())
}

fn in_words(error: protocol::HttpError) -> anyhow::Error {
    let text = error.to_string();
    refused(error, text)
}

/// Keeps what can be waited for apart from what cannot.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
pub(crate) fn refused(error: protocol::HttpError, text: String) -> anyhow::Error {
    if error.status() == 503 {
        Error::Unavailable(text).into()
    } else {
        anyhow::anyhow!("{text}")
    }
}
