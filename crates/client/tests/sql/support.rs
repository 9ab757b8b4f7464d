//! One cluster for all tests, gone with the last of them; each test has realms of its own.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::{env, fs, path::PathBuf};

use client::{Client, ClientRepresentation, defaults};
use realm::seal::MasterKey;
use realm::{Realm, Sealer};
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
        let directory = Directory(
            env::temp_dir().join(format!("realmkeep-client-{}", Uuid::new_v4().simple())),
        );
        let cluster = DevCluster::start(&directory.0, None, Durability::None).unwrap();
        let options = cluster.database("clients").await.unwrap();
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

/// A database with one realm that nobody else uses.
pub struct Db {
    pub pool: Pool,
    pub sealer: Sealer,
    pub realm: Realm,
    _cluster: Arc<Cluster>,
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
        let realm = new_realm(&pool).await;
        Self {
            pool,
            sealer,
            realm,
            _cluster: cluster,
        }
    }

    pub async fn other_realm(&self) -> Uuid {
        new_realm(&self.pool).await.id
    }

    /// A client as the admin API would make it, not stored.
    pub fn client(&self, text: &str) -> Client {
        let mut rep: ClientRepresentation = serde_json::from_str(text).unwrap();
        rep.protocol
            .get_or_insert_with(|| "openid-connect".to_owned());
        defaults::fill(&mut rep).unwrap();
        Client::new(self.realm.id, &self.sealer, &rep).unwrap()
    }

    /// The same, stored.
    pub async fn stored(&self, text: &str) -> Client {
        let new = self.client(text);
        client::create(&self.pool, &new).await.unwrap();
        new
    }
}

async fn new_realm(pool: &Pool) -> Realm {
    let id = Uuid::new_v4();
    let name = format!("realm-{id}");
    sqlx::query("insert into realm (id, public_id, name, enabled, default_role, settings) values ($1, $2, $2, true, $1, '{}')")
        .bind(id)
        .bind(&name)
        .execute(pool)
        .await
        .unwrap();
    realm::list(pool, Some(&name), 0, 1)
        .await
        .unwrap()
        .pop()
        .unwrap()
}
