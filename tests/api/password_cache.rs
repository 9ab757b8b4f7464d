//! Passwords that a node remembers for a while: what it saves, and that it changes nothing else, on two nodes.

use std::sync::OnceLock;

use reqwest::Client;
use serde_json::{Value, json};
use server::settings::Settings;

use crate::support::{Answer, Realm, Server, server, start};

/// Another node on the same database.
fn other() -> &'static Server {
    static OTHER: OnceLock<Server> = OnceLock::new();
    OTHER.get_or_init(|| start("shared", &server::protocols::PROTOCOLS, Settings::default()))
}

async fn remembering(seconds: &str) -> Realm {
    let settings = json!({
        "bruteForceProtected": true, "failureFactor": 10, "quickLoginCheckMilliSeconds": 0, "waitIncrementSeconds": 600,
        "attributes": { "dockerV2.passwordCacheSeconds": seconds }
    });
    Realm::with(settings).await
}

impl Realm {
    async fn docker_at(&self, node: &Server, password: &str) -> Answer {
        let url = format!(
            "{}/realms/{}/protocol/docker-v2/auth?service=reg",
            node.url, self.name
        );
        let request = Client::new()
            .get(url)
            .basic_auth("alice", Some(password))
            .send();
        Answer::read(request.await.unwrap()).await
    }

    async fn wrong_ones(&self) -> i64 {
        let path = format!("/attack-detection/brute-force/users/{}", self.alice);
        let status = self.admin.get(&self.path(&path)).await.json;
        status["numFailures"].as_i64().unwrap()
    }

    /// Whether a node takes alice's password without checking it: only a check makes her wrong ones forgotten.
    async fn is_remembered(&self, node: &Server) -> bool {
        let before = self.wrong_ones().await;
        assert_eq!(self.docker_at(node, "wrong").await.status, 401);
        assert_eq!(self.wrong_ones().await, before + 1);
        assert_eq!(self.docker_at(node, "secret").await.status, 200);
        match self.wrong_ones().await {
            0 => false,
            same => {
                assert_eq!(same, before + 1);
                true
            }
        }
    }

    async fn change_alice(&self, change: Value) {
        let path = self.path(&format!("/users/{}", self.alice));
        assert_eq!(self.admin.put(&path, change).await.status, 204);
    }
}

#[tokio::test]
async fn a_right_password_is_remembered_only_where_the_realm_says_so_and_only_by_the_node_that_checked_it()
 {
    for (seconds, expected) in [("0", false), ("", false), ("300", true)] {
        let realm = remembering(seconds).await;
        assert!(!realm.is_remembered(server()).await);
        assert_eq!(realm.is_remembered(server()).await, expected, "{seconds}");
        assert!(!realm.is_remembered(other()).await);
    }
}

#[tokio::test]
async fn a_password_is_remembered_for_as_long_as_the_realm_says() {
    let realm = remembering("1").await;
    assert_eq!(realm.docker_at(server(), "wrong").await.status, 401);
    // However slow the machine is: once a second has gone by, the next is checked again.
    let begun = std::time::Instant::now();
    let mut checks = 0;
    while checks < 2 {
        assert!(begun.elapsed().as_secs() < 60, "remembered for too long");
        assert_eq!(realm.docker_at(server(), "secret").await.status, 200);
        if realm.wrong_ones().await == 0 {
            checks += 1;
            assert_eq!(realm.docker_at(server(), "wrong").await.status, 401);
        }
    }
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1));
}

#[tokio::test]
async fn other_doors_check_every_password() {
    let realm = remembering("300").await;
    assert_eq!(realm.docker_at(server(), "secret").await.status, 200);
    assert_eq!(realm.docker_at(server(), "wrong").await.status, 401);
    crate::support::login(&server().url, &realm.name, "alice", "secret").await;
    assert_eq!(realm.wrong_ones().await, 0);
}

#[tokio::test]
async fn what_changes_on_one_node_counts_at_once_on_the_other() {
    let realm = remembering("300").await;
    let (here, there) = (server(), other());
    let remember = async || {
        realm.docker_at(there, "secret").await;
        assert!(realm.is_remembered(there).await);
    };
    let user = realm.path(&format!("/users/{}", realm.alice));

    remember().await;
    let logout = realm.admin.post(&format!("{user}/logout"), json!({})).await;
    assert_eq!(logout.status, 204);
    assert!(!realm.is_remembered(there).await);

    remember().await;
    realm.change_alice(json!({ "enabled": false })).await;
    assert_eq!(realm.docker_at(there, "secret").await.status, 401);
    realm.change_alice(json!({ "enabled": true })).await;
    assert_eq!(realm.docker_at(there, "secret").await.status, 200);

    remember().await;
    realm
        .change_alice(json!({ "requiredActions": ["UPDATE_PROFILE"] }))
        .await;
    let refused = realm.docker_at(there, "secret").await;
    assert_eq!(refused.status, 401);
    assert!(
        refused.text.contains("not fully set up"),
        "{}",
        refused.text
    );
    realm.change_alice(json!({ "requiredActions": [] })).await;

    remember().await;
    let password = json!({ "type": "password", "value": "another", "temporary": false });
    let reset = realm
        .admin
        .put(&format!("{user}/reset-password"), password)
        .await;
    assert_eq!(reset.status, 204);
    assert_eq!(realm.docker_at(there, "secret").await.status, 401);
    assert_eq!(realm.docker_at(there, "another").await.status, 200);
    // The same word again is another password.
    let password = json!({ "type": "password", "value": "secret", "temporary": false });
    realm
        .admin
        .put(&format!("{user}/reset-password"), password)
        .await;
    assert!(!realm.is_remembered(there).await);

    remember().await;
    let credentials = realm.admin.get(&format!("{user}/credentials")).await.json;
    let id = credentials[0]["id"].as_str().unwrap();
    let deleted = realm
        .admin
        .delete(&format!("{user}/credentials/{id}"))
        .await;
    assert_eq!(deleted.status, 204);
    assert_eq!(realm.docker_at(there, "secret").await.status, 401);
    let password = json!({ "type": "password", "value": "secret", "temporary": false });
    realm
        .admin
        .put(&format!("{user}/reset-password"), password)
        .await;

    remember().await;
    for _ in 0..10 {
        realm.docker_at(here, "wrong").await;
    }
    assert_eq!(realm.docker_at(there, "secret").await.status, 401);
    let unlock = realm.path(&format!(
        "/attack-detection/brute-force/users/{}",
        realm.alice
    ));
    assert_eq!(realm.admin.delete(&unlock).await.status, 204);
    assert_eq!(realm.docker_at(there, "secret").await.status, 200);

    remember().await;
    assert_eq!(realm.admin.delete(&user).await.status, 204);
    assert_eq!(realm.docker_at(there, "secret").await.status, 401);
}

#[tokio::test]
async fn the_attribute_is_a_number_of_seconds_up_to_300() {
    let realm = Realm::new().await;
    for (value, status) in [
        (json!("0"), 204),
        (json!("300"), 204),
        (json!(60), 204),
        (json!(""), 204),
        (json!("301"), 400),
        (json!("-1"), 400),
        (json!("a minute"), 400),
        (json!(true), 400),
    ] {
        let change = json!({ "attributes": { "dockerV2.passwordCacheSeconds": value } });
        let answer = realm.admin.put(&realm.path(""), change).await;
        assert_eq!(answer.status, status, "{value}");
        if status == 400 {
            let text = "dockerV2.passwordCacheSeconds is a number from 0 to 300";
            assert_eq!(answer.json["errorMessage"], text);
        }
    }
}
