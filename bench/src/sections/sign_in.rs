//! openid-connect: what machines and applications ask for all day, a whole sign-in, and the same among many sessions.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};

use crate::Plan;
use crate::bound::{Bound, signing_key};
use crate::http::Connection;
use crate::load::{Case, Walk};
use crate::process::Server;
use crate::site::{REALM, Site, USERS};
use crate::table::{Row, median, ratios};

const CLIENTS: usize = 8;
/// Sessions beside those that are used.
const SESSIONS: usize = 100_000;

/// Recorded with Keycloak 26.7.3 and 8 clients, answers a second; none was recorded for userinfo at rest.
const RECORDED: [f64; 5] = [952.0, 629.0, 3448.0, f64::NAN, 47.9];

pub async fn rows(server: &Server, keycloak: Option<&Site>, plan: &Plan) -> Result<Vec<Row>> {
    let site = &server.site;
    site.prepare_sign_in().await?;
    let mut ours = cases(site).await?;
    let mut theirs = Vec::new();
    if let Some(keycloak) = keycloak {
        keycloak.prepare_sign_in().await?;
        theirs = cases(keycloak).await?;
    }
    let key = signing_key()?;
    for case in ours.iter().chain(&theirs) {
        case.warm_up(plan.round / 3).await?;
    }
    let mut argon2 = Vec::new();
    for round in 0..plan.rounds {
        eprintln!("sign-in, round {} of {}", round + 1, plan.rounds);
        argon2.push(Bound::measure(plan.round, &key)?.argon2);
        for case in ours.iter_mut().chain(&mut theirs) {
            case.round(plan.round).await?;
        }
    }
    let mut rows = Vec::new();
    for (at, case) in ours.iter().enumerate() {
        let rate = median(&case.rates);
        let of_keycloak = match theirs.get(at) {
            Some(their) => median(&ratios(&case.rates, &their.rates)),
            None => RECORDED
                .get(at)
                .map_or(f64::NAN, |recorded| rate / recorded),
        };
        let of_argon2 = median(&ratios(&case.rates, &argon2));
        let (ratio, goal, met) = match at {
            0 => (of_keycloak, "≥ 3,800/s", rate >= 3_800.0),
            1 => (of_keycloak, "≥ 2,500/s", rate >= 2_500.0),
            2 | 3 => (of_keycloak, "≥ 3 × Keycloak", of_keycloak >= 3.0),
            _ => (of_keycloak, "≥ 95 % of argon2", of_argon2 >= 0.95),
        };
        let mut text = if ratio.is_nan() {
            String::new()
        } else {
            format!("{ratio:.1} × Keycloak")
        };
        if at > 3 {
            text += &format!(" {:.1} % of argon2", of_argon2 * 100.0);
        }
        rows.push(Row {
            ratio: text.trim().to_owned(),
            goal: goal.to_owned(),
            met: (at != 3 || !ratio.is_nan()).then_some(met),
            ..Row::of(case)
        });
    }
    rows.extend(theirs.iter().map(|case| {
        let mut row = Row::of(case);
        row.scenario.insert_str(0, "Keycloak: ");
        row
    }));
    rows.extend(among_many(server, &ours, plan).await?);
    Ok(rows)
}

/// The same requests while the tables hold many sessions more.
async fn among_many(server: &Server, before: &[Case], plan: &Plan) -> Result<Vec<Row>> {
    let site = &server.site;
    fill(server, if plan.rounds == 1 { 1_000 } else { SESSIONS })?;
    let mut cases = cases(site).await?;
    cases.truncate(4);
    for case in &cases {
        case.warm_up(plan.round / 3).await?;
    }
    for round in 0..plan.rounds {
        eprintln!(
            "sign-in among many sessions, round {} of {}",
            round + 1,
            plan.rounds
        );
        for case in &mut cases {
            case.round(plan.round).await?;
        }
    }
    Ok(cases
        .iter()
        .zip(before)
        .map(|(case, few)| {
            let part = median(&case.rates) / median(&few.rates);
            let mut row = Row::of(case);
            row.scenario += &format!(", {SESSIONS} sessions");
            row.ratio = format!("{part:.2} × of that with few");
            row.goal = "≥ 0.8 ×".to_owned();
            row.met = Some(part >= 0.8);
            row
        })
        .collect())
}

/// Writes sessions as a sign-in leaves them: people sign in a few hundred times a second, which would take minutes.
fn fill(server: &Server, sessions: usize) -> Result<()> {
    let (socket, postgres) = server.postgres()?;
    let sql = format!(
        "with r as (select id from realm where name = '{REALM}'), \
         c as (select k.id from client k join r on r.id = k.realm_id where k.client_id = 'app'), \
         u as (select array_agg(e.id) as ids from user_entity e join r on r.id = e.realm_id where e.username like 'user%'), \
         s as (insert into user_session (realm_id, id, user_id, ip_address, started, last_refresh) \
         select r.id, 'filled-' || n, u.ids[1 + n % cardinality(u.ids)], '127.0.0.1', t.now, t.now from r, u, \
         (select extract(epoch from now())::bigint as now) t, generate_series(1, {sessions}) n \
         returning realm_id, id, started) \
         insert into client_session (realm_id, session_id, client_id, started) select s.realm_id, s.id, c.id, s.started from s, c; \
         analyze user_session; analyze client_session"
    );
    let beside = postgres.canonicalize()?.with_file_name("psql");
    let psql = if beside.is_file() {
        beside
    } else {
        "psql".into()
    };
    let done = Command::new(&psql)
        .args([
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "realmkeep",
            "-d",
            "realmkeep",
            "-h",
        ])
        .arg(&socket)
        .args(["-c", &sql])
        .output()
        .with_context(|| {
            format!(
                "{} cannot be run; install the client of PostgreSQL",
                psql.display()
            )
        })?;
    ensure!(
        done.status.success(),
        "psql: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

async fn cases(site: &Site) -> Result<Vec<Case>> {
    let tokens = site.tokens(CLIENTS).await?;
    let of = |make: fn(&Site, &serde_json::Value) -> Result<Vec<u8>>| {
        tokens
            .iter()
            .map(|tokens| make(site, tokens))
            .collect::<Result<Vec<_>>>()
    };
    let people = (0..USERS).map(|user| site.password_grant(user)).collect();
    Ok(vec![
        Case::new(
            "token, grant_type=client_credentials",
            CLIENTS,
            site,
            vec![site.client_credentials()],
        ),
        Case::new(
            "token, grant_type=refresh_token, scope openid",
            CLIENTS,
            site,
            of(Site::refresh)?,
        ),
        Case::new("introspection", CLIENTS, site, of(Site::introspection)?),
        Case::new("userinfo", CLIENTS, site, of(Site::userinfo)?),
        Case::new(
            "token, grant_type=password, scope openid",
            CLIENTS,
            site,
            people,
        ),
        Case::walked(
            "sign-in: login page, password, code, tokens",
            CLIENTS,
            site,
            walk(site.clone()),
        ),
    ])
}

/// A browser that has never been here, and the application behind it.
fn walk(site: Site) -> Walk {
    Arc::new(move |connection, number| {
        let site = site.clone();
        Box::pin(async move { sign_in(&site, connection, number % USERS).await })
    })
}

async fn sign_in(site: &Site, connection: &mut Connection, user: usize) -> Result<()> {
    let page = connection.send(&site.login_page()).await?;
    ensure!(
        page.status == 200,
        "the login page answered {}",
        page.status
    );
    let cookies: Vec<&str> = connection
        .headers(&page, "set-cookie")
        .filter_map(|cookie| cookie.split(';').next())
        .collect();
    let cookies = cookies.join("; ");
    let text = String::from_utf8_lossy(connection.body(&page));
    let action = text
        .split_once(" action=\"")
        .and_then(|(_, rest)| rest.split('"').next())
        .context("the login page has no form")?
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    let target = action
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or(action.clone(), |(_, path)| format!("/{path}"));
    let form = site.login_form(&target, &cookies, user);
    let sent = connection.send(&form).await?;
    let location = connection
        .headers(&sent, "location")
        .next()
        .unwrap_or_default();
    let code = location
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix("code="))
        .with_context(|| format!("the form answered {} and no code", sent.status))?
        .to_owned();
    let tokens = connection.send(&site.redemption(&code)).await?;
    ensure!(
        tokens.status == 200,
        "the code was answered {}: {}",
        tokens.status,
        String::from_utf8_lossy(connection.body(&tokens))
    );
    Ok(())
}
