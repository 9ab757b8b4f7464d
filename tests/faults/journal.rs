//! Writes under a fault, each noted with its answer; and readers of what must answer throughout.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinHandle;

use crate::load::{Outcome, RUNTIME, client, send};
use crate::node::Node;
use crate::postgres::Database;
use crate::process::say;
use crate::{ANSWER, RECOVERY, SLACK};

/// Creates users at a steady rate.
pub struct Journal {
    stop: Arc<AtomicBool>,
    writer: JoinHandle<Vec<(String, Outcome)>>,
    outages: Mutex<Vec<(Instant, Option<Instant>)>>,
}

/// What a [`Journal`] holds in the end.
pub struct Written {
    writes: Vec<(String, Outcome)>,
    outages: Vec<(Instant, Option<Instant>)>,
}

impl Journal {
    pub fn start(node: &Node, realm: &str, per_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (url, token) = (
            format!("{}/admin/realms/{realm}/users", node.url),
            node.token(),
        );
        let stopped = Arc::clone(&stop);
        let writer = RUNTIME.spawn(async move {
            let client = client();
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
            let mut tasks = vec![];
            while !stopped.load(Ordering::SeqCst) {
                ticks.tick().await;
                let name = format!("user-{}", tasks.len());
                let body = json!({"username": name, "enabled": true});
                let request = client.post(&url).bearer_auth(&token).json(&body);
                tasks.push(tokio::spawn(async move { (name, send(request).await) }));
            }
            let mut writes = vec![];
            for task in tasks {
                writes.push(task.await.unwrap());
            }
            writes
        });
        Self {
            stop,
            writer,
            outages: Mutex::default(),
        }
    }

    pub fn database_goes(&self) {
        self.outages.lock().unwrap().push((Instant::now(), None));
    }

    pub fn database_is_back(&self) {
        self.outages.lock().unwrap().last_mut().unwrap().1 = Some(Instant::now());
    }

    /// Stops writing and waits for the last answers.
    pub fn finish(self) -> Written {
        self.stop.store(true, Ordering::SeqCst);
        Written {
            writes: RUNTIME.block_on(self.writer).unwrap(),
            outages: self.outages.into_inner().unwrap(),
        }
    }
}

impl Written {
    /// The users whose creation was acknowledged.
    pub fn acknowledged(&self) -> Vec<&str> {
        self.writes
            .iter()
            .filter(|(_, outcome)| outcome.is(201))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Holds answers and rows against each other and against the bounds.
    pub fn check(&self, database: &Database, realm: &str) {
        let rows = database.sql(&format!(
            "select u.username from user_entity u join realm r on r.id = u.realm_id where r.name = '{realm}'"
        ));
        let rows: BTreeSet<&str> = rows.lines().collect();
        let acknowledged = self.acknowledged();
        let refused = self.writes.len() - acknowledged.len();
        say(&format!(
            "{} writes, {} acknowledged, {refused} refused, {} rows",
            self.writes.len(),
            acknowledged.len(),
            rows.len()
        ));
        assert!(
            !acknowledged.is_empty() && refused > 0,
            "the fault was not felt"
        );
        for name in &acknowledged {
            assert!(rows.contains(name), "{name} was acknowledged and is gone");
        }
        for (name, outcome) in &self.writes {
            assert!(outcome.is_fair(), "{name}: {outcome:?}");
            assert!(
                outcome.is(201) || self.may_refuse(outcome),
                "{name}: refused while the database was there: {outcome:?}"
            );
        }
        let half_made = "select username from user_entity u where not exists (select from user_role r \
             where r.realm_id = u.realm_id and r.user_id = u.id)";
        assert_eq!(
            database.sql(half_made),
            "",
            "users without the realm's default role"
        );
    }

    /// Whether a request ended between the beginning of an outage and two seconds after its end.
    fn may_refuse(&self, outcome: &Outcome) -> bool {
        self.outages.iter().any(|(gone, back)| {
            let over = back.map(|back| back + RECOVERY + SLACK);
            outcome.ended() >= *gone && over.is_none_or(|over| outcome.ended() <= over)
        })
    }
}

/// Reads key set, discovery and health ten times a second, and readiness twenty times.
pub struct Watch {
    stop: Arc<AtomicBool>,
    readers: Vec<JoinHandle<()>>,
    reds: Arc<Mutex<Vec<Instant>>>,
}

impl Watch {
    pub fn start(node: &Node, realm: &str) -> Self {
        let (stop, reds) = (
            Arc::new(AtomicBool::new(false)),
            Arc::<Mutex<Vec<Instant>>>::default(),
        );
        let always = [
            format!("{}/realms/{realm}/protocol/openid-connect/certs", node.url),
            format!(
                "{}/realms/{realm}/.well-known/openid-configuration",
                node.url
            ),
            format!("{}/health/live", node.management),
            format!("{}/metrics", node.management),
        ];
        let mut readers = vec![];
        for url in always {
            let stop = Arc::clone(&stop);
            readers.push(RUNTIME.spawn(async move {
                let client = client();
                while !stop.load(Ordering::SeqCst) {
                    let outcome = send(client.get(&url)).await;
                    assert!(outcome.is(200), "{url}: {outcome:?}");
                    assert!(outcome.took <= RECOVERY, "{url} took {:?}", outcome.took);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }));
        }
        let (url, stopped, seen) = (
            format!("{}/health/ready", node.management),
            Arc::clone(&stop),
            Arc::clone(&reds),
        );
        readers.push(RUNTIME.spawn(async move {
            let client = client();
            while !stopped.load(Ordering::SeqCst) {
                let outcome = send(client.get(&url)).await;
                assert!(outcome.took < ANSWER, "{url} took {:?}", outcome.took);
                match outcome.status {
                    Ok(200) => {}
                    Ok(503) => seen.lock().unwrap().push(outcome.sent),
                    _ => panic!("{url}: {outcome:?}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }));
        Self {
            stop,
            readers,
            reds,
        }
    }

    /// When readiness was first seen red since.
    pub fn first_red_after(&self, since: Instant) -> Option<Instant> {
        self.reds
            .lock()
            .unwrap()
            .iter()
            .find(|red| **red >= since)
            .copied()
    }

    /// Stops reading.
    ///
    /// # Panics
    /// When a reader found fault.
    pub fn finish(self) {
        self.stop.store(true, Ordering::SeqCst);
        for reader in self.readers {
            RUNTIME.block_on(reader).unwrap();
        }
    }
}
