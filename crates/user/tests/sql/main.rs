//! Every query of the crate against a real Postgres: one cluster for the run, a database of its own for each test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

extern crate realmkeep_user as user;

mod app_passwords;
mod auth_sessions;
mod consents;
mod credentials;
mod groups;
mod identity_tokens;
mod lockout;
mod logins;
mod memberships;
mod offline_sessions;
mod otp;
mod own_profile;
mod refreshes;
mod roles;
mod search;
mod sessions;
mod subjects;
mod users;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use realm::{Realm, RealmRepresentation, Sealer};
use serde_json::{Value, json};
use store::dev_cluster::{DevCluster, Durability};
use user::session::{Limits, Span};
use user::{Hasher, Options, UserRepresentation, WriteError};
use uuid::Uuid;

/// Limits of sessions that are long for a test.
const LIMITS: Limits = {
    let span = Span {
        idle: 1800,
        lifespan: 36000,
    };
    Limits {
        session: span,
        remembered: span,
        client: Span::UNLIMITED,
        offline: span,
        offline_client: Span::UNLIMITED,
    }
};

/// A running cluster with a migrated template; gone with the last test that uses it.
struct Cluster {
    postgres: Option<DevCluster>,
    folder: PathBuf,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.postgres.take();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn cluster() -> Arc<Cluster> {
    static RUNNING: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let mut running = RUNNING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(cluster) = running.upgrade() {
        return cluster;
    }
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let folder =
        std::env::temp_dir().join(format!("realmkeep-user-{}-{number}", std::process::id()));
    let postgres = DevCluster::start(Path::new(&folder), None, Durability::None).unwrap();
    let cluster = Arc::new(Cluster {
        postgres: Some(postgres),
        folder,
    });
    *running = Arc::downgrade(&cluster);
    block_on(async {
        let template = cluster
            .postgres
            .as_ref()
            .unwrap()
            .database("template")
            .await
            .unwrap();
        store::migrate::run(&template).await.unwrap();
    });
    cluster
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A database with one realm, one client and a few roles.
struct Fixture {
    pool: store::Pool,
    sealer: Sealer,
    hasher: Hasher,
    realm: Realm,
    client: Uuid,
    roles: Roles,
}

/// `default` contains `inner`, `inner` contains the client's `push`, and `push` contains `inner`: a circle.
struct Roles {
    default: Uuid,
    inner: Uuid,
    push: Uuid,
    spare: Uuid,
}

/// Runs a test in a database of its own.
fn with_database<F: Future<Output = ()>>(test: impl FnOnce(Fixture) -> F) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let cluster = cluster();
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    block_on(async {
        let options = cluster
            .postgres
            .as_ref()
            .unwrap()
            .copy("template", &name)
            .await
            .unwrap();
        let pool = options.pool();
        test(fixture(pool.clone()).await).await;
        pool.close().await;
    });
}

async fn fixture(pool: store::Pool) -> Fixture {
    let master =
        realm::seal::MasterKey::parse(&realm::seal::MasterKey::generate().unwrap()).unwrap();
    let sealer = Sealer::new(vec![master]);
    sealer
        .open_database(&mut pool.acquire().await.unwrap())
        .await
        .unwrap();
    let roles = Roles {
        default: Uuid::new_v4(),
        inner: Uuid::new_v4(),
        push: Uuid::new_v4(),
        spare: Uuid::new_v4(),
    };
    let realm = realm(&pool, &sealer, "r", roles.default).await;
    let client = Uuid::new_v4();
    sqlx::query(
        "insert into client (realm_id, id, client_id, enabled, protocol, settings) \
         values ($1, $2, 'registry', true, 'docker-v2', '{}')",
    )
    .bind(realm.id)
    .bind(client)
    .execute(&pool)
    .await
    .unwrap();
    for (id, client, name) in [
        (roles.default, None, "default-roles-r"),
        (roles.inner, None, "inner"),
        (roles.push, Some(client), "push"),
        (roles.spare, None, "spare"),
    ] {
        sqlx::query("insert into role (realm_id, id, client_id, name) values ($1, $2, $3, $4)")
            .bind(realm.id)
            .bind(id)
            .bind(client)
            .bind(name)
            .execute(&pool)
            .await
            .unwrap();
    }
    for (parent, child) in [
        (roles.default, roles.inner),
        (roles.inner, roles.push),
        (roles.push, roles.inner),
    ] {
        sqlx::query(
            "insert into role_composite (realm_id, parent_id, child_id) values ($1, $2, $3)",
        )
        .bind(realm.id)
        .bind(parent)
        .bind(child)
        .execute(&pool)
        .await
        .unwrap();
    }
    Fixture {
        pool,
        sealer,
        hasher: Hasher::with(2, 64),
        realm,
        client,
        roles,
    }
}

async fn realm(pool: &store::Pool, sealer: &Sealer, name: &str, default_role: Uuid) -> Realm {
    let id = Uuid::new_v4();
    sqlx::query(
        "with made as (insert into realm (id, public_id, name, enabled, default_role, settings) \
         values ($1, $2, $3, true, $4, $5)) insert into realm_ca values ($1, '', '')",
    )
    .bind(id)
    .bind(id.to_string())
    .bind(name)
    .bind(default_role)
    .bind(sqlx::types::Json(RealmRepresentation::defaults()))
    .execute(pool)
    .await
    .unwrap();
    realm::find(pool, sealer, name).await.unwrap().unwrap()
}

fn rep(value: Value) -> UserRepresentation {
    serde_json::from_value(value).unwrap()
}

impl Fixture {
    async fn create(&self, value: Value, options: Options) -> Result<Uuid, WriteError> {
        let mut tx = self.pool.begin().await.unwrap();
        let id = user::create(
            &mut tx,
            &self.hasher,
            &self.sealer,
            &self.realm,
            &rep(value),
            options,
        )
        .await?;
        tx.commit().await.unwrap();
        Ok(id)
    }

    /// A user named so who can log in with `right`.
    async fn user(&self, name: &str) -> Uuid {
        let user = json!({
            "username": name, "email": format!("{name}@example.org"), "firstName": "F", "lastName": "L", "enabled": true,
            "credentials": [{"type": "password", "value": "right"}],
        });
        self.create(user, Options::default()).await.unwrap()
    }

    async fn update(&self, id: Uuid, value: Value) -> Result<bool, WriteError> {
        let mut tx = self.pool.begin().await.unwrap();
        let found = user::update(
            &mut tx,
            &self.hasher,
            &self.sealer,
            &self.realm,
            id,
            &rep(value),
        )
        .await?;
        tx.commit().await.unwrap();
        Ok(found)
    }

    /// One more client.
    async fn other_client(&self, name: &str) -> Uuid {
        let id = Uuid::new_v4();
        sqlx::query(
            "insert into client (realm_id, id, client_id, enabled, protocol, settings) \
             values ($1, $2, $3, true, 'openid-connect', '{}')",
        )
        .bind(self.realm.id)
        .bind(id)
        .bind(name)
        .execute(&self.pool)
        .await
        .unwrap();
        id
    }

    /// A sign-in at the client by a password grant.
    fn login<'a>(&self, user: Uuid, ip: &'a str, now: i64) -> user::session::New<'a> {
        user::session::New {
            user,
            client: self.client,
            ip,
            now,
            auth_time: None,
            remember_me: false,
            notes: serde_json::Map::new(),
            until_offline: false,
        }
    }

    async fn find(&self, id: Uuid) -> user::User {
        user::find(&self.pool, self.realm.id, id)
            .await
            .unwrap()
            .unwrap()
    }
}

/// What the admin API would answer, in short.
fn answer(error: WriteError) -> String {
    match error {
        WriteError::Validation(errors) => user::validation_body(&errors).to_string(),
        WriteError::Policy { error, description } => format!("{error}: {description}"),
        WriteError::Store(error) => panic!("{error}"),
        other => other.to_string(),
    }
}
