//! The admin API under load: people made, read, listed, searched and imported.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::Plan;
use crate::bound::{Bound, signing_key};
use crate::load::Case;
use crate::site::{Admin, Caller, PASSWORD, REALM, Site};
use crate::table::{Row, median, ratios, short, spread};

const CLIENTS: usize = 8;
/// People in the realm while it is searched.
const PEOPLE: usize = 100_000;
/// People of one import.
const BATCH: usize = 5_000;
/// Recorded with Keycloak 26.7.3: users imported a second; CPU of a list of 100, Keycloak and Postgres, ms.
const RECORDED_IMPORT: f64 = 738.0;
const RECORDED_LIST_CPU: f64 = 35.0;

/// A row's goal: a text, and whether it is met.
type Goal = fn(&Case) -> (String, bool);

pub async fn rows(site: &Site, plan: &Plan) -> Result<Vec<Row>> {
    let mut admin = Admin::login(site).await?;
    // Rounds outlast the minute that an administrator's token is good for.
    let lifespan = json!({ "accessTokenLifespan": 36_000 });
    admin.call("PUT", "/master", &lifespan, &[204]).await?;
    let mut admin = Admin::login(site).await?;

    let people = if plan.rounds == 1 { BATCH } else { PEOPLE };
    let imports = import(&mut admin, people).await?;
    let rate = median(&imports);
    let mut rows = vec![Row {
        ratio: format!("{:.1} × Keycloak", rate / RECORDED_IMPORT),
        ..Row::plain(
            &format!("partialImport of {BATCH} users without passwords: users/s"),
            spread(&imports),
            "≥ 7,000/s",
            Some(rate >= 7_000.0),
        )
    }];

    let caller = admin.caller();
    let mut cases = cases(site, &caller, people);
    let some = admin
        .call(
            "GET",
            &format!("/{REALM}/users?max=500"),
            &Value::Null,
            &[200],
        )
        .await?;
    let single = some.as_array().into_iter().flatten().filter_map(|user| {
        let id = user["id"].as_str()?;
        Some(caller.request("GET", &format!("/{REALM}/users/{id}"), ""))
    });
    cases.push((
        Case::new("get a user", CLIENTS, site, single.collect()),
        |case| ("≥ 8,000/s".to_owned(), median(&case.rates) >= 8_000.0),
    ));
    for (case, _) in &cases {
        case.warm_up(plan.round / 3).await?;
    }
    let key = signing_key()?;
    let mut bounds = Vec::new();
    let mut with_password = Case::made(
        "create a user with a password",
        CLIENTS,
        site,
        201,
        create(&caller, "p", true),
    );
    for round in 0..plan.rounds {
        eprintln!("administration, round {} of {}", round + 1, plan.rounds);
        for (case, _) in &mut cases {
            case.round(plan.round).await?;
        }
        bounds.push(Bound::measure(plan.round, &key)?.argon2);
        with_password.round(plan.round).await?;
    }
    for (case, goal) in &cases {
        let (goal, met) = goal(case);
        rows.push(row(case, goal, met));
    }
    let of_bound = median(&ratios(&with_password.rates, &bounds));
    rows.push(Row {
        ratio: format!("{:.1} % of argon2", of_bound * 100.0),
        ..row(
            &with_password,
            "≥ 95 % of argon2".to_owned(),
            of_bound >= 0.95,
        )
    });
    Ok(rows)
}

/// Imports people in batches; users a second, by batch.
async fn import(admin: &mut Admin<'_>, people: usize) -> Result<Vec<f64>> {
    let mut rates = Vec::new();
    for batch in 0..people / BATCH {
        let users: Vec<Value> = (batch * BATCH..(batch + 1) * BATCH).map(person).collect();
        let body = json!({ "ifResourceExists": "FAIL", "users": users });
        let begun = Instant::now();
        let answer = admin
            .call("POST", &format!("/{REALM}/partialImport"), &body, &[200])
            .await?;
        rates.push(BATCH as f64 / begun.elapsed().as_secs_f64());
        ensure!(answer["added"] == BATCH, "added {}", answer["added"]);
    }
    Ok(rates)
}

/// A name that no other has, and that begins and goes on like few others.
fn name(number: usize) -> String {
    // A multiplicative hash, so that neighbours differ in every letter.
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{mixed:016x}-{number}")
}

fn person(number: usize) -> Value {
    let name = name(number);
    json!({
        "username": name, "enabled": true, "email": format!("{name}@example.org"),
        "firstName": format!("First{number}"), "lastName": format!("Last{number}")
    })
}

fn create(caller: &Caller, prefix: &str, password: bool) -> impl Fn(usize) -> Vec<u8> + use<> {
    let (caller, prefix) = (caller.clone(), prefix.to_owned());
    let path = format!("/{REALM}/users");
    move |number| {
        let mut user = person(number);
        let name = format!("{prefix}-{}", name(number));
        user["email"] = json!(format!("{name}@example.org"));
        user["username"] = json!(name);
        if password {
            user["credentials"] =
                json!([{ "type": "password", "value": PASSWORD, "temporary": false }]);
        }
        caller.request("POST", &path, &user.to_string())
    }
}

fn cases(site: &Site, caller: &Caller, people: usize) -> Vec<(Case, Goal)> {
    let ask = |title: &str, query: fn(usize) -> String| {
        let caller = caller.clone();
        Case::made(title, CLIENTS, site, 200, move |number| {
            let path = format!("/{REALM}/users{}", query(number * 7919 % people));
            caller.request("GET", &path, "")
        })
    };
    let quick: Goal = |case| {
        let p99 = case.percentile(0.99);
        ("p99 ≤ 10 ms".to_owned(), p99 <= 10.0)
    };
    let of = format!("in {people} users");
    vec![
        (
            Case::made(
                "create a user without password",
                CLIENTS,
                site,
                201,
                create(caller, "n", false),
            ),
            |case| {
                let rate = median(&case.rates);
                ("≥ 3,200/s".to_owned(), rate >= 3_200.0)
            },
        ),
        (
            ask("list of 100 users", |number| {
                format!("?first={}&max=100", number % 1000)
            }),
            |case| {
                let [server, postgres, _] = case.cpu();
                let ratio = RECORDED_LIST_CPU / (server + postgres);
                (
                    format!("≥ 1,000/s and 10 × less CPU than Keycloak ({ratio:.1} ×)"),
                    median(&case.rates) >= 1_000.0 && ratio >= 10.0,
                )
            },
        ),
        (
            ask(&format!("exact name {of}"), |number| {
                format!("?exact=true&username={}", name(number))
            }),
            quick,
        ),
        (
            ask(&format!("prefix {of}"), |number| {
                format!("?search={}", &name(number)[..6])
            }),
            quick,
        ),
        (
            ask(&format!("infix {of}"), |number| {
                format!("?search=*{}*", &name(number)[5..11])
            }),
            quick,
        ),
        (
            ask(&format!("count by infix {of}"), |number| {
                format!("/count?search=*{}*", &name(number)[5..11])
            }),
            quick,
        ),
    ]
}

fn row(case: &Case, goal: String, met: bool) -> Row {
    Row {
        scenario: case.title.clone(),
        clients: case.clients.to_string(),
        measured: spread(&case.rates),
        latency: format!(
            "{} / {}",
            short(case.percentile(0.5)),
            short(case.percentile(0.99))
        ),
        cpu: case.cpu_cell(),
        ratio: String::new(),
        goal,
        met: Some(met),
    }
}
