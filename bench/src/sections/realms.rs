//! Making realms: with keys from the pool, and without.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};

use crate::Plan;
use crate::process::Server;
use crate::site::Admin;
use crate::table::{Row, median, short, spread};

/// Keycloak 26.7.3, recorded at 50 realms, ms.
const RECORDED: f64 = 609.0;
/// The pool holds 32 keys, a realm takes two; one batch less, so that none ever waits for a key.
const BATCH: usize = 15;
/// Realms made when the pool is off.
const WITHOUT_POOL: usize = 40;

pub async fn rows(server: &Server, plan: &Plan) -> Result<Vec<Row>> {
    let mut times = Vec::new();
    let mut few = None;
    while times.len() < plan.realms {
        if few.is_none() && times.len() >= BATCH {
            few = Some(Probe::take(server).await?);
        }
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
    let many = Probe::take(server).await?;
    let few = few.unwrap_or(many);
    let mut rows = vec![
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
    ];
    for (what, few, many, unit) in [
        ("first page of the realms", few.page, many.page, "ms"),
        ("an administrator's login", few.login, many.login, "ms"),
        ("an administrator's token", few.token, many.token, "bytes"),
    ] {
        rows.push(Row {
            ratio: format!("{:.2} ×", many / few),
            ..Row::plain(
                &format!("{what}: {} realms by {BATCH}", times.len()),
                format!("{} by {} {unit}", short(many), short(few)),
                "≤ 1.2 ×",
                Some(many <= 1.2 * few),
            )
        });
    }
    Ok(rows)
}

/// What must not grow with the number of realms; times in ms, medians.
#[derive(Clone, Copy)]
struct Probe {
    page: f64,
    login: f64,
    token: f64,
}

impl Probe {
    async fn take(server: &Server) -> Result<Self> {
        let mut logins = Vec::new();
        let mut pages = Vec::new();
        for _ in 0..20 {
            let begun = Instant::now();
            let mut admin = Admin::login(&server.site).await?;
            logins.push(begun.elapsed().as_secs_f64() * 1000.0);
            for _ in 0..5 {
                let begun = Instant::now();
                let path = "/master/ui-ext/realms/names?first=0&max=11&search=";
                admin.call("GET", path, &Value::Null, &[200]).await?;
                pages.push(begun.elapsed().as_secs_f64() * 1000.0);
            }
        }
        let token = Admin::login(&server.site).await?.caller().token_length();
        Ok(Self {
            page: median(&pages),
            login: median(&logins),
            token: token as f64,
        })
    }
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
