//! Making realms: with keys from the pool, and without.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use crate::Plan;
use crate::process::Server;
use crate::site::Admin;
use crate::table::{Row, median, spread};

/// Keycloak 26.7.3, recorded at 50 realms, ms.
const RECORDED: f64 = 609.0;
/// The pool holds 32 keys, a realm takes two; one batch less, so that none ever waits for a key.
const BATCH: usize = 15;
/// Realms made when the pool is off.
const WITHOUT_POOL: usize = 40;

pub async fn rows(server: &Server, plan: &Plan) -> Result<Vec<Row>> {
    let mut times = Vec::new();
    while times.len() < plan.realms {
        if times.len() % (BATCH * 10) == 0 {
            eprintln!("realms: {} of {}", times.len(), plan.realms);
        }
        server.keys_ready().await?;
        let mut admin = Admin::login(&server.site).await?;
        for _ in 0..BATCH.min(plan.realms - times.len()) {
            times.push(make(&mut admin, times.len()).await?);
        }
    }
    let window = (2 * BATCH).min(times.len() / 2);
    let (first, last) = (&times[..window], &times[times.len() - window..]);
    let growth = median(last) / median(first);
    Ok(vec![
        row("make a realm, keys from the pool", &times, 15.0),
        Row {
            ratio: format!("{growth:.2} ×"),
            ..Row::plain(
                &format!(
                    "make a realm: the last {window} of {} by the first {window}",
                    times.len()
                ),
                format!("{} ms by {} ms", spread(last), spread(first)),
                "≤ 1.2 ×",
                Some(growth <= 1.2),
            )
        },
        Row::plain(
            &format!("resident memory, after making {} realms", times.len()),
            format!("{:.1} MiB", server.resident()?),
            "",
            None,
        ),
    ])
}

pub async fn rows_without_pool(binary: &Path, data: &Path, plan: &Plan) -> Result<Vec<Row>> {
    eprintln!("realms without a pool");
    let mut server = Server::start_dev(binary, data, &[("REALMKEEP__KEY_POOL", "0")])?;
    server.first_answer().await?;
    let mut admin = Admin::login(&server.site).await?;
    let mut times = Vec::new();
    for number in 0..WITHOUT_POOL {
        times.push(make(&mut admin, plan.realms + number).await?);
    }
    server.stop()?;
    Ok(vec![row(
        "make a realm, both RSA keys made meanwhile",
        &times,
        150.0,
    )])
}

/// Milliseconds.
async fn make(admin: &mut Admin<'_>, number: usize) -> Result<f64> {
    let realm = json!({ "realm": format!("realm-{number:05}"), "enabled": true });
    let begun = Instant::now();
    admin.call("POST", "", &realm, &[201]).await?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

fn row(scenario: &str, times: &[f64], limit: f64) -> Row {
    Row {
        ratio: format!("{:.0} × as fast as Keycloak", RECORDED / median(times)),
        ..Row::plain(
            scenario,
            format!("{} ms", spread(times)),
            &format!("≤ {limit:.0} ms"),
            Some(median(times) <= limit),
        )
    }
}
