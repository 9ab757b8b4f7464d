//! A token grants what is explained, for random rules, users and scopes.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::docker_rules::rule;
use crate::support::{Realm, claims, person};

const NAMES: [&str; 12] = [
    "a",
    "a/b",
    "a/b/c",
    "team/dev",
    "team/dev/x",
    "u0/x",
    "u1/x/y",
    "dev/a",
    "example.test/a",
    "public/a",
    "home/u3",
    "catalog",
];
const PATTERNS: [&str; 13] = [
    "a",
    "a/*",
    "a/**",
    "**",
    "*/b",
    "${username}/**",
    "home/${username}",
    "${group.path}/**",
    "${group.name}/*",
    "${email.domain}/*",
    "public/**",
    "a/**/c ## team/**",
    "catalog",
];
const SUBJECTS: [&str; 9] = [
    "anonymous",
    "authenticated",
    "user:u0",
    "user:u1 ## user:u2",
    "group:/team",
    "group:/team/dev",
    "realm-role:releaser",
    "realm-role:outer",
    "client-role:reg.ops",
];
const ACTIONS: [&str; 6] = ["pull", "push", "delete", "*", "pull##push", "push##delete"];
const USERS: usize = 50;

fn pick<T>(runner: &mut TestRunner, strategy: impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

fn choose<'a>(runner: &mut TestRunner, from: &'static [&'a str]) -> &'a str {
    from[pick(runner, 0..from.len())]
}

fn scope(runner: &mut TestRunner) -> String {
    let kind = choose(
        runner,
        &[
            "repository",
            "repository",
            "repository",
            "registry",
            "repository(plugin)",
        ],
    );
    let actions = prop::sample::subsequence(vec!["pull", "push", "delete", "*", "fly"], 1..4);
    let actions = pick(runner, actions.prop_shuffle());
    format!("{kind}:{}:{}", choose(runner, &NAMES), actions.join(","))
}

/// A thousand random users and scopes, over several random sets of rules; without credentials, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_grants_what_is_explained_for_a_thousand_random_users_and_scopes() {
    let mut runner = TestRunner::deterministic();
    let mut users = Vec::new();
    for n in 0..USERS {
        let mut user = person(&format!("u{n}"));
        let groups = prop::sample::subsequence(vec!["/team", "/team/dev", "/dev"], 0..3);
        let roles = prop::sample::subsequence(vec!["releaser", "outer"], 0..2);
        user["groups"] = json!(pick(&mut runner, groups));
        user["realmRoles"] = json!(pick(&mut runner, roles));
        user["emailVerified"] = json!(pick(&mut runner, any::<bool>()));
        // A hash that costs little, as the policy wants it: a thousand logins are no test of passwords.
        user["credentials"] = json!([cheap_password()]);
        users.push(user);
    }
    let realm = Realm::with(json!({
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha512) and hashIterations(1)",
        "users": users,
        "roles": { "realm": [{ "name": "releaser" },
                             { "name": "outer", "composites": { "realm": ["releaser"] } }] },
        "groups": [{ "name": "team", "subGroups": [{ "name": "dev" }] }, { "name": "dev" }]
    }))
    .await;
    let ops = json!({ "name": "ops" });
    let path = format!("/clients/{}/roles", realm.registry);
    realm.admin.create(&realm.path(&path), ops).await;
    let ops = realm.admin.get(&realm.path(&format!("{path}/ops"))).await;
    let outer = realm.admin.get(&realm.path("/roles/outer")).await.json;
    let path = format!("/roles-by-id/{}/composites", outer["id"].as_str().unwrap());
    let composed = realm
        .admin
        .post(&realm.path(&path), json!([ops.json]))
        .await;
    assert_eq!(composed.status, 204, "{}", composed.json);

    let http = reqwest::Client::new();
    let (mut granted, mut denied) = (0, 0);
    for _ in 0..20 {
        let count = pick(&mut runner, 1..10_usize);
        let rules = (0..count).map(|at| {
            let [subject, repository, actions] = [&SUBJECTS[..], &PATTERNS, &ACTIONS]
                .map(|from| from[pick(&mut runner, 0..from.len())]);
            let mut rule = rule(&format!("rule {at}"), subject, repository, actions);
            rule["config"]["type"] = json!(choose(
                &mut runner,
                &[
                    "repository",
                    "repository",
                    "registry",
                    "repository(plugin) ## repository"
                ]
            ));
            rule
        });
        let rules: Vec<_> = rules.collect();
        realm.set_rules(rules.clone()).await;
        for _ in 0..50 {
            let user = pick(&mut runner, 0..=USERS);
            let user = (user < USERS).then(|| format!("u{user}"));
            let scopes: Vec<_> = (0..pick(&mut runner, 1..4))
                .map(|_| scope(&mut runner))
                .collect();
            let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
            let mut query: Vec<_> = scopes.iter().map(|scope| ("scope", *scope)).collect();
            if let Some(user) = &user {
                query.push(("user", user));
            }
            let explained = realm.explain(&query).await.json;
            let answer = realm.ask_by(&http, user.as_deref(), &scopes).await;
            let about = format!("{user:?} {scopes:?} {rules:#?}");
            let open = rules
                .iter()
                .any(|rule| rule["config"]["subject"] == "anonymous");
            if user.is_none() && !open {
                assert_eq!(
                    (answer.status, &explained["access"]),
                    (401, &json!([])),
                    "{about}"
                );
                continue;
            }
            assert_eq!(answer.status, 200, "{}", answer.json);
            let access = &claims(answer.json["token"].as_str().unwrap())["access"];
            assert_eq!(access, &explained["access"], "{about}");
            // What is granted is in the decisions, and nothing else is.
            let mut decisions: Vec<String> = Vec::new();
            for one in explained["decisions"].as_array().unwrap() {
                assert_eq!(one["granted"], json!(!one["mapper"].is_null()), "{about}");
                if one["granted"] == true {
                    granted += 1;
                    let text = |member: &str| one[member].as_str().unwrap().to_owned();
                    decisions.push([text("type"), text("name"), text("action")].join(":"));
                } else {
                    denied += 1;
                }
            }
            let told = access.as_array().unwrap().iter().flat_map(|item| {
                let text = |member: &str| item[member].as_str().unwrap().to_owned();
                let start = [text("type"), text("name")].join(":");
                let actions = item["actions"].as_array().unwrap().iter();
                actions.map(move |action| format!("{start}:{}", action.as_str().unwrap()))
            });
            assert_eq!(told.collect::<Vec<_>>(), decisions, "{about}");
        }
    }
    assert!(granted > 200 && denied > 200, "{granted} {denied}");
}

/// `secret` by PBKDF2 with one round.
fn cheap_password() -> Value {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let salt = b"0123456789abcdef";
    let mut hash = [0; 64];
    let rounds = std::num::NonZeroU32::MIN;
    aws_lc_rs::pbkdf2::derive(
        aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA512,
        rounds,
        salt,
        b"secret",
        &mut hash,
    );
    json!({
        "type": "password",
        "secretData": json!({ "value": STANDARD.encode(hash), "salt": STANDARD.encode(salt) }).to_string(),
        "credentialData": json!({ "hashIterations": 1, "algorithm": "pbkdf2-sha512" }).to_string()
    })
}
