//! How fast a server is there, and how much memory it holds.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::Plan;
use crate::process::Server;
use crate::table::{Row, median, spread};

/// Keycloak 26.7.3, recorded: seconds to the first 200, MiB idle and after load.
const RECORDED_START: f64 = 11.2;
const RECORDED_IDLE: f64 = 420.0;
const RECORDED_LOADED: f64 = 710.0;
/// Until a server that has nothing to do has put its things away.
const SETTLE: Duration = Duration::from_secs(8);

/// Starts `start-dev` again and again, then `start` beside it, and weighs it when it has nothing to do.
pub async fn rows(
    mut server: Server,
    binary: &Path,
    data: &Path,
    plan: &Plan,
) -> Result<(Server, Vec<Row>)> {
    eprintln!("starts");
    let mut dev = Vec::new();
    for _ in 0..plan.starts {
        server.stop()?;
        server = Server::start_dev(binary, data, &[])?;
        dev.push(server.first_answer().await?.as_secs_f64() * 1000.0);
    }
    server.keys_ready().await?;
    let (socket_dir, _) = server.postgres()?;
    let mut production = Vec::new();
    for _ in 0..plan.starts {
        let mut beside = Server::start(binary, data, &socket_dir)?;
        production.push(beside.first_answer().await?.as_secs_f64() * 1000.0);
        beside.stop()?;
    }
    tokio::time::sleep(SETTLE).await;
    let idle = server.resident()?;
    let start = |scenario: &str, times: &[f64], limit: f64| Row {
        ratio: format!(
            "{:.0} × as fast as Keycloak",
            RECORDED_START * 1000.0 / median(times)
        ),
        ..Row::plain(
            scenario,
            format!("{} ms", spread(times)),
            &format!("≤ {limit:.0} ms"),
            Some(median(times) <= limit),
        )
    };
    let rows = vec![
        start(
            "`start` to the first 200, Postgres running and migrated",
            &production,
            200.0,
        ),
        start(
            "`start-dev` to the first 200, with a data directory",
            &dev,
            1000.0,
        ),
        memory(
            "resident memory, idle, key pool full",
            idle,
            20.0,
            RECORDED_IDLE,
        ),
    ];
    Ok((server, rows))
}

/// What the server holds when what it had to do is over.
pub async fn resident_after(server: &Server, what: &str) -> Result<Row> {
    tokio::time::sleep(SETTLE).await;
    let mut row = memory(
        &format!("resident memory, {} s after {what}", SETTLE.as_secs()),
        server.resident()?,
        35.0,
        RECORDED_LOADED,
    );
    row.measured += &format!(", at most {:.1} MiB so far", server.most_resident()?);
    Ok(row)
}

fn memory(scenario: &str, mebibytes: f64, limit: f64, keycloak: f64) -> Row {
    Row {
        ratio: format!("1/{:.0} of Keycloak", keycloak / mebibytes),
        ..Row::plain(
            scenario,
            format!("{mebibytes:.1} MiB"),
            &format!("≤ {limit:.0} MiB"),
            Some(mebibytes <= limit),
        )
    }
}
