//! Load: clients that each send the next request when the last is answered.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;

use crate::http::Connection;
use crate::process::Cpu;
use crate::site::Site;

/// One kind of load, and what was measured of it so far.
pub struct Case {
    pub title: String,
    pub clients: usize,
    site: Site,
    requests: Requests,
    /// The status that every answer must have.
    status: u16,
    next: Arc<AtomicUsize>,
    /// Answers a second, by round.
    pub rates: Vec<f64>,
    /// Microseconds.
    latencies: Vec<u32>,
    cpu: Cpu,
}

/// Several requests, each made of the answer before; the number says for whom.
pub type Walk = Arc<
    dyn for<'a> Fn(
            &'a mut Connection,
            usize,
        ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>
        + Send
        + Sync,
>;

/// What is sent.
#[derive(Clone)]
enum Requests {
    /// A walk through several of them, which counts as one.
    Walked(Walk),
    /// These in turn.
    Given(Arc<[Vec<u8>]>),
    /// One made for each number, no two alike.
    Made(Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>),
}

impl Case {
    pub fn new(title: &str, clients: usize, site: &Site, requests: Vec<Vec<u8>>) -> Self {
        Self::of(title, clients, site, 200, Requests::Given(requests.into()))
    }

    /// Requests that are made one by one from their numbers, each answered by this status.
    pub fn made(
        title: &str,
        clients: usize,
        site: &Site,
        status: u16,
        make: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::of(title, clients, site, status, Requests::Made(Arc::new(make)))
    }

    /// Walks through several requests, each of which counts as one.
    pub fn walked(title: &str, clients: usize, site: &Site, walk: Walk) -> Self {
        Self::of(title, clients, site, 200, Requests::Walked(walk))
    }

    fn of(title: &str, clients: usize, site: &Site, status: u16, requests: Requests) -> Self {
        Self {
            title: title.to_owned(),
            clients,
            site: site.clone(),
            requests,
            status,
            next: Arc::default(),
            rates: Vec::new(),
            latencies: Vec::new(),
            cpu: Cpu::default(),
        }
    }

    /// A round that counts.
    ///
    /// # Errors
    /// When a single answer is not the expected one.
    pub async fn round(&mut self, time: Duration) -> Result<()> {
        let before = Cpu::now(self.site.pid);
        let (rate, latencies) = self.run(time).await?;
        self.cpu.add(before, Cpu::now(self.site.pid));
        self.rates.push(rate);
        self.latencies.extend(latencies);
        Ok(())
    }

    /// A round that does not.
    ///
    /// # Errors
    /// When a single answer is not the expected one.
    pub async fn warm_up(&self, time: Duration) -> Result<()> {
        self.run(time).await.map(drop)
    }

    /// Answers that came in time, a second; and how long each took.
    async fn run(&self, time: Duration) -> Result<(f64, Vec<u32>)> {
        let mut connections = Vec::new();
        for _ in 0..self.clients {
            connections.push(Connection::open(self.site.address).await?);
        }
        let deadline = Instant::now() + time;
        let mut clients = JoinSet::new();
        for connection in connections {
            clients.spawn(client(
                connection,
                self.requests.clone(),
                self.status,
                Arc::clone(&self.next),
                deadline,
            ));
        }
        let (mut in_time, mut latencies) = (0, Vec::new());
        while let Some(done) = clients.join_next().await {
            let (count, own) = done?.with_context(|| self.title.clone())?;
            in_time += count;
            latencies.extend(own);
        }
        Ok((in_time as f64 / time.as_secs_f64(), latencies))
    }

    /// Milliseconds under which this part of all answers came.
    pub fn percentile(&self, part: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
        f64::from(sorted.get(at).copied().unwrap_or_default()) / 1000.0
    }

    /// Processor time of one request, in ms: server, Postgres, generator.
    pub fn cpu(&self) -> [f64; 3] {
        let of = |seconds: f64| seconds * 1000.0 / self.latencies.len().max(1) as f64;
        [self.cpu.server, self.cpu.postgres, self.cpu.generator].map(of)
    }

    /// The same in words, with the part of all processor time that went to programs beside the measurement.
    pub fn cpu_cell(&self) -> String {
        let [server, postgres, generator] = self.cpu();
        let others = self.cpu.others() / self.cpu.machine.max(0.01) * 100.0;
        if self.site.pid.is_none() {
            return format!("? + ? + {generator:.3}");
        }
        format!("{server:.3} + {postgres:.3} + {generator:.3}; others {others:.0} %")
    }
}

async fn client(
    mut connection: Connection,
    requests: Requests,
    status: u16,
    next: Arc<AtomicUsize>,
    deadline: Instant,
) -> Result<(usize, Vec<u32>)> {
    let mut latencies = Vec::with_capacity(1024);
    let mut begun = Instant::now();
    let mut in_time = 0;
    while begun < deadline {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let answer = match &requests {
            Requests::Given(given) => Some(connection.send(&given[number % given.len()]).await?),
            Requests::Made(make) => Some(connection.send(&make(number)).await?),
            Requests::Walked(walk) => {
                walk(&mut connection, number).await?;
                None
            }
        };
        if let Some(answer) = answer {
            ensure!(
                answer.status == status,
                "answered {}: {}",
                answer.status,
                String::from_utf8_lossy(connection.body(&answer))
            );
        }
        let now = Instant::now();
        latencies.push(u32::try_from((now - begun).as_micros()).unwrap_or(u32::MAX));
        in_time += usize::from(now <= deadline);
        begun = now;
    }
    Ok((in_time, latencies))
}
