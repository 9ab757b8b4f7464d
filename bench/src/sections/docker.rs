//! docker tokens with a password, against the work that checking a password is.

use anyhow::Result;

use crate::Plan;
use crate::bound::{Bound, signing_key};
use crate::load::Case;
use crate::site::{Site, USERS};
use crate::table::{Row, median, ratios, short, spread};

/// Recorded with Keycloak 26.7.3: clients, tokens a second.
const RECORDED: [f64; 4] = [59.0, 57.7, 41.6, 49.5];

pub async fn rows(site: &Site, keycloak: Option<&Site>, plan: &Plan) -> Result<Vec<Row>> {
    let key = signing_key()?;
    let mut cases = cases(site);
    let mut theirs = keycloak.map(cases_of).unwrap_or_default();
    for case in cases.iter().chain(&theirs) {
        case.warm_up(plan.round / 3).await?;
    }
    let mut bounds = Vec::new();
    for round in 0..plan.rounds {
        eprintln!("docker tokens, round {} of {}", round + 1, plan.rounds);
        bounds.push(Bound::measure(plan.round, &key)?);
        for case in cases.iter_mut().chain(&mut theirs) {
            case.round(plan.round).await?;
        }
    }

    let argon2: Vec<_> = bounds.iter().map(|bound| bound.argon2).collect();
    let parts: Vec<_> = bounds.iter().map(|bound| bound.with_signature).collect();
    let hash_cpu = median(
        &bounds
            .iter()
            .map(|bound| bound.argon2_cpu)
            .collect::<Vec<_>>(),
    );
    let mut rows = vec![
        Row {
            clients: "–".to_owned(),
            cpu: format!("{hash_cpu:.3}"),
            ..Row::plain(
                "bound: argon2id on all cores, nothing else",
                spread(&argon2),
                "",
                None,
            )
        },
        Row {
            clients: "–".to_owned(),
            ..Row::plain(
                "bound: one argon2id and one RS256 signature",
                spread(&parts),
                "",
                None,
            )
        },
    ];
    let at_8 = cases[1].rates.clone();
    for (at, case) in cases.iter().enumerate() {
        let of_bound = median(&ratios(&case.rates, &argon2));
        let of_parts = median(&ratios(&case.rates, &parts));
        let of_keycloak = match theirs.get(at) {
            Some(their) => median(&ratios(&case.rates, &their.rates)),
            None => median(&case.rates) / RECORDED[at],
        };
        let (p50, p99) = (case.percentile(0.5), case.percentile(0.99));
        let of_8 = median(&ratios(&case.rates, &at_8));
        let (more, fine) = match (case.clients, at) {
            (8, 1) => (", p99 ≤ 3 × p50".to_owned(), p99 <= 3.0 * p50),
            (32, _) => (
                format!(", no fall from 8 ({of_8:.2})"),
                // Two rounds of the same differ by some hundredths.
                of_8 >= 0.97,
            ),
            _ => (String::new(), true),
        };
        rows.push(Row {
            scenario: case.title.clone(),
            clients: case.clients.to_string(),
            measured: spread(&case.rates),
            latency: format!("{} / {}", short(p50), short(p99)),
            cpu: case.cpu_cell(),
            ratio: format!(
                "{:.1} % of argon2, {:.1} % of both; argon2 is {:.1} % of the processor time; {of_keycloak:.1} × Keycloak",
                of_bound * 100.0,
                of_parts * 100.0,
                hash_cpu / case.cpu().iter().sum::<f64>() * 100.0
            ),
            goal: format!("≥ 95 % of argon2{more}"),
            met: Some(of_bound >= 0.95 && fine),
        });
    }
    rows.extend(theirs.iter().map(|case| Row {
        scenario: case.title.clone(),
        clients: case.clients.to_string(),
        measured: spread(&case.rates),
        latency: format!(
            "{} / {}",
            short(case.percentile(0.5)),
            short(case.percentile(0.99))
        ),
        cpu: String::new(),
        ratio: String::new(),
        goal: String::new(),
        met: None,
    }));
    Ok(rows)
}

fn cases(site: &Site) -> Vec<Case> {
    let people = || (0..USERS).map(|user| site.docker_token(user)).collect();
    vec![
        Case::new("docker token, password", 2, site, people()),
        Case::new("docker token, password", 8, site, people()),
        Case::new("docker token, password", 32, site, people()),
        Case::new(
            "docker token, password, always the same user",
            8,
            site,
            vec![site.docker_token(0)],
        ),
    ]
}

fn cases_of(keycloak: &Site) -> Vec<Case> {
    let mut cases = cases(keycloak);
    for case in &mut cases {
        case.title.insert_str(0, "Keycloak: ");
    }
    cases
}
