//! One cluster for all tests, gone with the last of them; each test has realms of its own.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::{env, fs, path::PathBuf};

use realm::event::{Event, Log, Report};
use realm::seal::MasterKey;
use realm::{Realm, Sealer, event};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use store::dev_cluster::{DevCluster, Durability};
use store::{Options, Pool};
use uuid::Uuid;

static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

struct Cluster {
    options: Options,
    key: String,
    _cluster: DevCluster,
    _directory: Directory,
}

/// Gone when dropped, also when the cluster did not start.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Cluster {
    async fn start() -> Self {
        let directory =
            Directory(env::temp_dir().join(format!("realmkeep-realm-{}", Uuid::new_v4().simple())));
        let cluster = DevCluster::start(&directory.0, None, Durability::None).unwrap();
        let options = cluster.database("realms").await.unwrap();
        store::migrate::run(&options).await.unwrap();
        let key = MasterKey::generate().unwrap().to_string();
        Self {
            options,
            key,
            _cluster: cluster,
            _directory: directory,
        }
    }
}

/// A database with one realm that nobody else uses, and keeps its events.
pub struct Db {
    pub pool: Pool,
    pub sealer: Sealer,
    pub realm: Realm,
    cluster: Arc<Cluster>,
}

impl Db {
    pub async fn new() -> Self {
        let cluster = tokio::task::spawn_blocking(|| {
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            shared.upgrade().unwrap_or_else(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let cluster = Arc::new(runtime.block_on(Cluster::start()));
                *shared = Arc::downgrade(&cluster);
                cluster
            })
        })
        .await
        .unwrap();
        let pool = cluster.options.pool();
        let sealer = Sealer::new(vec![MasterKey::parse(&cluster.key).unwrap()]);
        sealer
            .open_database(&mut pool.acquire().await.unwrap())
            .await
            .unwrap();
        let realm = new_realm(&pool, &json!({ "eventsEnabled": true })).await;
        Self {
            pool,
            sealer,
            realm,
            cluster,
        }
    }

    pub async fn other_realm(&self, settings: &Value) -> Realm {
        new_realm(&self.pool, settings).await
    }

    /// A writer, as each node has one.
    pub fn log(&self) -> Log {
        Log::start(self.cluster.options.pool(), self.sealer.clone())
    }

    /// A realm's chain of so many events, numbered from 1.
    pub async fn events(&self, count: usize) -> Log {
        let log = self.log();
        for n in 1..=count {
            event::record(&log, &self.realm, login(n)).await.unwrap();
        }
        log
    }

    pub async fn verify(&self) -> Report {
        self.verify_from(None).await
    }

    pub async fn verify_from(&self, noted: Option<&(i64, String)>) -> Report {
        let mut snapshot = store::snapshot(&self.pool).await.unwrap();
        event::verify(&mut snapshot, &self.sealer, self.realm.id, noted)
            .await
            .unwrap()
    }

    /// What is found, in words; nothing where all is well.
    pub async fn found(&self) -> String {
        let finding = self.verify().await.finding;
        finding.map_or_else(String::new, |finding| finding.to_string())
    }

    /// Runs SQL in which `$1` is the realm; how many rows it changed.
    pub async fn sql(&self, text: &str) -> u64 {
        sqlx::query(AssertSqlSafe(text.to_owned()))
            .bind(self.realm.id)
            .execute(&self.pool)
            .await
            .unwrap()
            .rows_affected()
    }

    pub async fn number(&self, text: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(text.to_owned()))
            .bind(self.realm.id)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

/// A login with everything that an event can have.
pub fn login(n: usize) -> Event {
    let mut event = Event::new("LOGIN")
        .detail("username", format!("user-{n}"))
        .detail("ümlaut", "\"x\" \\ \u{1F600}")
        .detail("a", "");
    event.client_id = Some("reg".to_owned());
    event.user_id = Some(format!("user-{n}"));
    event.ip_address = Some("127.0.0.1".to_owned());
    event
}

async fn new_realm(pool: &Pool, settings: &Value) -> Realm {
    let id = Uuid::new_v4();
    let name = format!("realm-{id}");
    sqlx::query("insert into realm (id, public_id, name, enabled, default_role, settings) values ($1, $2, $2, true, $1, $3)")
        .bind(id)
        .bind(&name)
        .bind(settings)
        .execute(pool)
        .await
        .unwrap();
    realm::list(pool, Some(&name), 0, 1)
        .await
        .unwrap()
        .pop()
        .unwrap()
}
