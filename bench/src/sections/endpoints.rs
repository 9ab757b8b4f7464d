//! What costs no password: the key set, discovery, refreshed tokens.

use anyhow::Result;

use crate::Plan;
use crate::load::Case;
use crate::site::Site;
use crate::table::{Row, median, ratios};

const CLIENTS: usize = 8;

/// Recorded with Keycloak 26.7.3 and 8 clients, answers a second; and the goal, so many times as fast.
const RECORDED: [(f64, f64); 3] = [(6317.0, 8.0), (9088.0, 8.0), (629.0, 4.0)];

pub async fn rows(site: &Site, keycloak: Option<&Site>, plan: &Plan) -> Result<Vec<Row>> {
    let mut ours = cases(site).await?;
    let mut theirs = match keycloak {
        Some(keycloak) => cases(keycloak).await?,
        None => Vec::new(),
    };
    for case in ours.iter().chain(&theirs) {
        case.warm_up(plan.round / 3).await?;
    }
    for round in 0..plan.rounds {
        eprintln!("endpoints, round {} of {}", round + 1, plan.rounds);
        for case in ours.iter_mut().chain(&mut theirs) {
            case.round(plan.round).await?;
        }
    }
    let mut rows = Vec::new();
    for (at, case) in ours.iter().enumerate() {
        let (recorded, goal) = RECORDED[at];
        let ratio = match theirs.get(at) {
            Some(their) => median(&ratios(&case.rates, &their.rates)),
            None => median(&case.rates) / recorded,
        };
        rows.push(Row {
            ratio: format!("{ratio:.1} × Keycloak"),
            goal: format!("≥ {goal:.0} × Keycloak"),
            met: Some(ratio >= goal),
            ..Row::of(case)
        });
    }
    rows.extend(theirs.iter().map(|case| {
        let mut row = Row::of(case);
        row.scenario.insert_str(0, "Keycloak: ");
        row
    }));
    Ok(rows)
}

async fn cases(site: &Site) -> Result<Vec<Case>> {
    Ok(vec![
        Case::new("certs", CLIENTS, site, vec![site.certs()]),
        Case::new("discovery", CLIENTS, site, vec![site.discovery()]),
        Case::new(
            "token, grant_type=refresh_token",
            CLIENTS,
            site,
            site.refreshes(CLIENTS).await?,
        ),
    ])
}
