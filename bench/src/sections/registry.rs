//! docker tokens for machines: by app password, robot and identity token, and by a password that is remembered; against
//! what signing alone allows.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::Plan;
use crate::bound::{Bound, Signing, signing_key};
use crate::http::{Connection, request};
use crate::load::Case;
use crate::site::{Admin, PASSWORD, Site};
use crate::table::{Row, median, ratios, spread};

const CLIENTS: usize = 8;
/// People in each realm.
const PEOPLE: usize = 16;
const RULES: usize = 1000;
const SECRET: &str = "the-secret-of-a-robot";
const ROBOT: &str = "service-account-robot";
/// Realms: one that keeps events, one that does not, and one that remembers passwords and keeps none.
const REALMS: [&str; 3] = ["registry-quiet", "registry-events", "registry-cache"];
/// The registries of each realm: who may do what, by which algorithm they are signed, and how many rules there are.
const REGISTRIES: [(&str, &str, usize); 4] = [
    ("rs256", "RS256", 0),
    ("es256", "ES256", 0),
    ("one-rule", "ES256", 1),
    ("many-rules", "ES256", RULES),
];

pub async fn rows(site: &Site, plan: &Plan) -> Result<Vec<Row>> {
    let [quiet, events, cache] = prepare(site).await?;
    let mut cases = Vec::new();
    for (realm, told) in [(&quiet, "events off"), (&events, "events on")] {
        for (registry, algorithm, _) in &REGISTRIES[..2] {
            for (means, requests) in [
                ("app password", realm.app_passwords(site, registry)),
                ("robot", vec![realm.get(site, registry, ROBOT, SECRET)]),
                ("identity token", realm.refreshes(site, registry)),
            ] {
                let title = format!("docker token, {means}, {algorithm}, {told}");
                cases.push((*algorithm, Case::new(&title, CLIENTS, site, requests)));
            }
        }
    }
    for (registry, algorithm, _) in &REGISTRIES[..2] {
        let title = format!("docker token, password remembered, {algorithm}");
        let requests = cache.passwords(site, registry);
        cases.push((*algorithm, Case::new(&title, CLIENTS, site, requests)));
    }
    for (registry, algorithm, rules) in &REGISTRIES[2..] {
        let title = format!("docker token, app password, {algorithm}, {rules} rules");
        let requests = quiet.app_passwords(site, registry);
        cases.push((*algorithm, Case::new(&title, CLIENTS, site, requests)));
    }
    let passwords = quiet.passwords(site, "rs256");
    let mut password = Case::new("docker token, password, RS256", CLIENTS, site, passwords);

    let key = signing_key()?;
    for case in cases.iter().map(|(_, case)| case).chain([&password]) {
        case.warm_up(plan.round / 3).await?;
    }
    let (mut argon2, mut signing) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        eprintln!("registries, round {} of {}", round + 1, plan.rounds);
        argon2.push(Bound::measure(plan.round, &key)?.argon2);
        signing.push(Signing::measure(plan.round, &key)?);
        for case in cases
            .iter_mut()
            .map(|(_, case)| case)
            .chain([&mut password])
        {
            case.round(plan.round).await?;
        }
    }

    let bound = |algorithm: &str| -> Vec<f64> {
        let of = |signing: &Signing| match algorithm {
            "ES256" => signing.es256,
            _ => signing.rs256,
        };
        signing.iter().map(of).collect()
    };
    let mut rows: Vec<Row> = ["RS256", "ES256"]
        .map(|algorithm| {
            let title = format!("bound: signing with {algorithm} on all cores, nothing else");
            Row {
                clients: "–".to_owned(),
                ..Row::plain(&title, spread(&bound(algorithm)), "", None)
            }
        })
        .into();
    for (algorithm, case) in &cases {
        let part = median(&ratios(&case.rates, &bound(algorithm)));
        rows.push(Row {
            ratio: format!("{:.1} % of signing", part * 100.0),
            goal: "≥ 80 % of signing".to_owned(),
            met: Some(part >= 0.8),
            ..Row::of(case)
        });
    }
    let rate = |at: usize| &cases[at].1.rates;
    let compared = |title: String, at: usize, by: usize, goal: &str, least: f64| {
        let part = median(&ratios(rate(at), rate(by)));
        let measured = format!("{part:.2} ×");
        Row {
            clients: CLIENTS.to_string(),
            ..Row::plain(&title, measured, goal, Some(part >= least))
        }
    };
    // The order is that in which the cases were made: three means, by algorithm, by realm; remembered; rules.
    for (at, by, algorithm) in [(12, 0, "RS256"), (13, 3, "ES256")] {
        let title = format!("password remembered by app password, {algorithm}");
        rows.push(compared(title, at, by, "the same figure (≥ 0.95 ×)", 0.95));
    }
    let title = format!("{RULES} rules by one");
    rows.push(compared(title, 15, 14, "≥ 0.95 ×", 0.95));
    let part = median(&ratios(&password.rates, &argon2));
    rows.push(Row {
        ratio: format!("{:.1} % of argon2", part * 100.0),
        ..Row::of(&password)
    });
    Ok(rows)
}

/// A realm with registries, people and a robot.
struct Realm {
    name: &'static str,
    /// A user's name, and an app password of theirs.
    people: Vec<(String, String)>,
    /// The identity tokens of its people, for each registry.
    identity: Vec<(&'static str, Vec<String>)>,
}

async fn prepare(site: &Site) -> Result<[Realm; 3]> {
    let [quiet, events, cache] = REALMS;
    let none = json!({});
    let keep = json!({ "eventsEnabled": true });
    let remember = json!({ "attributes": { "dockerV2.passwordCacheSeconds": "300" } });
    Ok([
        Realm::make(site, quiet, none).await?,
        Realm::make(site, events, keep).await?,
        Realm::make(site, cache, remember).await?,
    ])
}

impl Realm {
    async fn make(site: &Site, name: &'static str, mut file: Value) -> Result<Self> {
        let mut admin = Admin::login(site).await?;
        let path = format!("/{name}");
        admin
            .call("DELETE", &path, &Value::Null, &[204, 404])
            .await?;
        let registries = REGISTRIES.iter().map(|(id, algorithm, rules)| {
            let mut client = json!({ "clientId": id, "protocol": "docker-v2", "enabled": true,
                "attributes": { "docker-v2.signature.alg": algorithm } });
            if *rules > 0 {
                client["protocolMappers"] = (0..*rules).map(rule).collect();
            }
            client
        });
        let robot = json!({ "clientId": "robot", "enabled": true, "secret": SECRET, "serviceAccountsEnabled": true });
        file["realm"] = json!(name);
        file["enabled"] = json!(true);
        file["clients"] = registries.chain([robot]).collect();
        file["users"] = (0..PEOPLE).map(person).collect();
        admin.call("POST", "", &file, &[201]).await?;

        let mut people = Vec::new();
        let users = format!("{path}/users?max={}&search=user", PEOPLE * 2);
        let users = admin.call("GET", &users, &Value::Null, &[200]).await?;
        for user in users.as_array().context("a list of users")? {
            let (Some(id), Some(name)) = (user["id"].as_str(), user["username"].as_str()) else {
                continue;
            };
            let path = format!("{path}/users/{id}/app-passwords");
            let made = admin
                .call("POST", &path, &json!({ "label": "bench" }), &[201])
                .await?;
            let value = made["value"].as_str().context("an app password")?;
            people.push((name.to_owned(), value.to_owned()));
        }
        ensure!(people.len() == PEOPLE, "{} users in {name}", people.len());
        let mut realm = Self {
            name,
            people,
            identity: Vec::new(),
        };
        for (registry, ..) in &REGISTRIES[..2] {
            let tokens = realm.identity_tokens(site, registry).await?;
            realm.identity.push((registry, tokens));
        }
        Ok(realm)
    }

    async fn identity_tokens(&self, site: &Site, registry: &str) -> Result<Vec<String>> {
        let mut connection = Connection::open(site.address).await?;
        let mut tokens = Vec::new();
        for (user, password) in &self.people {
            let form = format!(
                "grant_type=password&access_type=offline&service={registry}&client_id=bench&username={user}&password={password}"
            );
            let answer = connection.send(&self.post(site, &form)).await?;
            let body = connection.body(&answer);
            ensure!(
                answer.status == 200,
                "an identity token was refused with {}: {}",
                answer.status,
                String::from_utf8_lossy(body)
            );
            let body: Value = serde_json::from_slice(body)?;
            let token = body["refresh_token"].as_str().context("no refresh_token")?;
            tokens.push(token.to_owned());
        }
        Ok(tokens)
    }

    fn app_passwords(&self, site: &Site, registry: &str) -> Vec<Vec<u8>> {
        let people = self.people.iter();
        people
            .map(|(user, password)| self.get(site, registry, user, password))
            .collect()
    }

    fn passwords(&self, site: &Site, registry: &str) -> Vec<Vec<u8>> {
        let people = self.people.iter();
        people
            .map(|(user, _)| self.get(site, registry, user, PASSWORD))
            .collect()
    }

    fn refreshes(&self, site: &Site, registry: &str) -> Vec<Vec<u8>> {
        let (_, tokens) = self
            .identity
            .iter()
            .find(|(known, _)| *known == registry)
            .unwrap_or(&self.identity[0]);
        let form = |token: &String| {
            let scope = "repository%3Asamalba%2Fmy-app%3Apull%2Cpush";
            format!(
                "grant_type=refresh_token&service={registry}&client_id=bench&scope={scope}&refresh_token={token}"
            )
        };
        tokens
            .iter()
            .map(|token| self.post(site, &form(token)))
            .collect()
    }

    /// What a registry's client sends to pull and push.
    fn get(&self, site: &Site, registry: &str, user: &str, password: &str) -> Vec<u8> {
        let basic = STANDARD.encode(format!("{user}:{password}"));
        let scope = "repository%3Asamalba%2Fmy-app%3Apull%2Cpush";
        request(
            "GET",
            &site.host,
            &format!(
                "/realms/{}/protocol/docker-v2/auth?account={user}&scope={scope}&service={registry}",
                self.name
            ),
            &[("Authorization", &format!("Basic {basic}"))],
            "",
        )
    }

    fn post(&self, site: &Site, form: &str) -> Vec<u8> {
        request(
            "POST",
            &site.host,
            &format!("/realms/{}/protocol/docker-v2/auth", self.name),
            &[("Content-Type", "application/x-www-form-urlencoded")],
            form,
        )
    }
}

fn person(number: usize) -> Value {
    json!({
        "username": format!("user{number}"), "enabled": true, "emailVerified": true,
        "email": format!("user{number}@example.org"), "firstName": "A", "lastName": "User",
        "credentials": [{ "type": "password", "value": PASSWORD, "temporary": false }]
    })
}

/// The first lets everybody who signed in do everything; the others are about other repositories.
fn rule(number: usize) -> Value {
    let repository = match number {
        0 => "**".to_owned(),
        _ => format!("team-{number}/**"),
    };
    json!({ "name": format!("rule {number:04}"), "protocol": "docker-v2",
        "protocolMapper": "docker-v2-access-rule-mapper",
        "config": { "subject": "authenticated", "repository": repository, "actions": "pull##push" } })
}
