//! More logins at once than the machine can check: who waits, who is sent away, and whether the rest still works.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::task::JoinSet;

use crate::Plan;
use crate::http::Connection;
use crate::process::Server;
use crate::site::{Site, USERS};
use crate::table::{Row, short};

const CLIENTS: usize = 500;

/// What came back.
#[derive(Default)]
struct Seen {
    granted: usize,
    sent_away: usize,
    /// Milliseconds of the granted ones.
    latencies: Vec<f64>,
}

pub async fn rows(server: &Server, plan: &Plan) -> Result<Vec<Row>> {
    eprintln!("{CLIENTS} logins at once");
    let time = plan.round * 2;
    let deadline = Instant::now() + time;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let connection = Connection::open(server.site.address).await?;
        let request = server.site.docker_token(number % USERS);
        clients.spawn(log_in(connection, request, deadline));
    }
    let health = tokio::spawn(probe(
        server.health.clone(),
        b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        deadline,
    ));
    let certs = tokio::spawn(probe(server.site.clone(), server.site.certs(), deadline));
    let mut all = Seen::default();
    while let Some(seen) = clients.join_next().await {
        let seen = seen??;
        all.granted += seen.granted;
        all.sent_away += seen.sent_away;
        all.latencies.extend(seen.latencies);
    }
    let (health, certs) = (health.await??, certs.await??);
    all.latencies.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let at = (all.latencies.len() as f64 * part) as usize;
        all.latencies
            .get(at.min(all.latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    let worst_login = at(1.0);
    let probe_row = |scenario: &str, slowest: f64| Row {
        clients: format!("1 beside {CLIENTS}"),
        ..Row::plain(
            scenario,
            format!("slowest {} ms", short(slowest)),
            "always 200, ≤ 1000 ms",
            Some(slowest <= 1000.0),
        )
    };
    Ok(vec![
        Row {
            clients: CLIENTS.to_string(),
            latency: format!("{} / {}", short(at(0.5)), short(at(0.99))),
            ..Row::plain(
                "docker token, password; after a 503 each waits as `Retry-After` says",
                format!(
                    "{}; {} answers 503",
                    short(all.granted as f64 / time.as_secs_f64()),
                    all.sent_away
                ),
                "200 or 503 with Retry-After, none over 5 s",
                Some(worst_login <= 5000.0),
            )
        },
        probe_row("`/health/ready` meanwhile", health),
        probe_row("certs meanwhile", certs),
    ])
}

async fn log_in(mut connection: Connection, request: Vec<u8>, deadline: Instant) -> Result<Seen> {
    let mut seen = Seen::default();
    while Instant::now() < deadline {
        let begun = Instant::now();
        let answer = connection.send(&request).await?;
        match answer.status {
            200 => {
                seen.granted += usize::from(Instant::now() <= deadline);
                seen.latencies.push(begun.elapsed().as_secs_f64() * 1000.0);
            }
            503 => {
                ensure!(answer.retry_after, "503 without Retry-After");
                seen.sent_away += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            other => bail!("a login under load was answered {other}"),
        }
    }
    Ok(seen)
}

/// Asks ten times a second: the slowest answer, in ms.
async fn probe(site: Site, request: Vec<u8>, deadline: Instant) -> Result<f64> {
    let mut slowest = 0.0_f64;
    while Instant::now() < deadline {
        let begun = Instant::now();
        let answer = Connection::open(site.address).await?.send(&request).await?;
        ensure!(
            answer.status == 200,
            "a probe was answered {}",
            answer.status
        );
        slowest = slowest.max(begun.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(slowest)
}
