//! Why somebody is granted what: the same answer as the token, with the rules that gave it.

use serde_json::{Value, json};

use crate::docker_rules::{rule, team, written};
use crate::support::{Admin, Answer, Realm, login, server};

impl Realm {
    pub async fn explain(&self, query: &[(&str, &str)]) -> Answer {
        self.explain_of(&self.admin, &self.registry, query).await
    }

    async fn explain_of(&self, admin: &Admin, client: &str, query: &[(&str, &str)]) -> Answer {
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| {
                let value = protocol::context::encode_segment(value);
                format!("{name}={value}")
            })
            .collect();
        let query = query.join("&");
        let path = format!("/clients/{client}/docker-v2/explain?{query}");
        admin.get(&self.path(&path)).await
    }

    async fn mapper(&self, name: &str) -> Value {
        let path = format!("/clients/{}/protocol-mappers/models", self.registry);
        let mappers = self.admin.get(&self.path(&path)).await.json;
        let mut mappers = mappers.as_array().unwrap().iter();
        let mapper = mappers.find(|mapper| mapper["name"] == name).unwrap();
        json!({ "id": mapper["id"], "name": name })
    }
}

#[tokio::test]
async fn every_action_is_explained_by_the_first_mapper_that_grants_it() {
    let realm = team().await;
    realm
        .set_rules(vec![
            rule("b", "authenticated", "**", "pull"),
            rule("a", "group:/team", "team/**", "pull##push"),
        ])
        .await;
    let (a, b) = (realm.mapper("a").await, realm.mapper("b").await);
    let decided = |name: &str, action: &str, mapper: &Value| json!({ "type": "repository", "name": name, "action": action, "granted": !mapper.is_null(), "mapper": mapper });
    let answer = realm
        .explain(&[
            ("user", "DORA"),
            (
                "scope",
                "repository:team/x:push,pull,delete repository:y:pull",
            ),
            ("scope", "repository:team/z:*"),
        ])
        .await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(
        answer.json,
        json!({
            "user": "dora",
            "scope": "repository:team/x:push,pull,delete repository:y:pull repository:team/z:*",
            "access": [
                { "type": "repository", "name": "team/x", "actions": ["push", "pull"] },
                { "type": "repository", "name": "y", "actions": ["pull"] },
                { "type": "repository", "name": "team/z", "actions": ["pull", "push"] },
            ],
            "decisions": [
                decided("team/x", "push", &a),
                decided("team/x", "pull", &a),
                decided("team/x", "delete", &Value::Null),
                decided("y", "pull", &b),
                decided("team/z", "pull", &a),
                decided("team/z", "push", &a),
                decided("team/z", "*", &Value::Null),
            ]
        })
    );
    // By id; one who could not sign in, too.
    let disabled = json!({ "enabled": false });
    let path = realm.path(&format!("/users/{}", realm.alice));
    assert_eq!(realm.admin.put(&path, disabled).await.status, 204);
    let by_id = realm
        .explain(&[("user", &realm.alice), ("scope", "repository:y:pull")])
        .await
        .json;
    assert_eq!(by_id["user"], "alice");
    assert_eq!(by_id["decisions"], json!([decided("y", "pull", &b)]));
    // Nobody in particular.
    let anonymous = realm.explain(&[("scope", "repository:y:pull")]).await.json;
    assert_eq!(
        anonymous,
        json!({ "user": null, "scope": "repository:y:pull", "access": [],
                "decisions": [decided("y", "pull", &Value::Null)] })
    );
    let nothing = realm.explain(&[("user", "dora")]).await.json;
    assert_eq!(
        nothing,
        json!({ "user": "dora", "scope": "", "access": [], "decisions": [] })
    );
}

#[tokio::test]
async fn allow_all_explains_everything() {
    let realm = Realm::new().await;
    let mapper = realm.mapper("docker-v2-allow-all-mapper").await;
    let asked = [("user", "alice"), ("scope", "registry:catalog:*")];
    let answer = realm.explain(&asked).await.json;
    assert_eq!(written(&answer["access"]), "registry:catalog:*");
    assert_eq!(
        answer["decisions"],
        json!([{ "type": "registry", "name": "catalog", "action": "*", "granted": true, "mapper": mapper }])
    );
}

#[tokio::test]
async fn what_cannot_be_explained_is_named() {
    let realm = Realm::new().await;
    for user in ["nobody", "", "a\0", "31dcb656-db2f-4001-922d-b1e216912d3c"] {
        let answer = realm.explain(&[("user", user)]).await;
        let expected = json!({ "error": "User not found" });
        assert_eq!((answer.status, answer.json), (404, expected), "{user}");
    }
    let bad = [("user", "alice"), ("scope", "repository:a")];
    let answer = realm.explain(&bad).await;
    let token = realm.docker("alice", "secret", "&scope=repository:a").await;
    assert_eq!((answer.status, &answer.json), (400, &token.json));
    assert_eq!(answer.json["errors"][0]["code"], "DENIED");
    let web = json!({ "clientId": "web" });
    let web = realm.admin.create(&realm.path("/clients"), web).await;
    let nowhere = uuid::Uuid::new_v4().to_string();
    for client in [&web, &nowhere, &"x".to_owned()] {
        let answer = realm.explain_of(&realm.admin, client, &[]).await;
        let expected = json!({ "error": "Could not find client" });
        assert_eq!((answer.status, answer.json), (404, expected));
    }
    let path = format!("/clients/{}/docker-v2/explain", realm.registry);
    let post = realm.admin.post(&realm.path(&path), json!({})).await;
    assert_eq!(post.status, 405, "{}", post.text);
}

#[tokio::test]
async fn only_who_may_look_at_clients_and_at_users_is_answered() {
    let realm = Realm::new().await;
    let forbidden = json!({ "error": "HTTP 403 Forbidden" });
    for (at, (roles, status)) in [
        (&["view-clients"][..], 403),
        (&["view-users"], 403),
        (&["query-clients", "query-users"], 403),
        (&["view-clients", "view-users"], 200),
        (&["manage-clients", "manage-users"], 200),
    ]
    .into_iter()
    .enumerate()
    {
        let admin = realm.administrator(&format!("admin{at}"), roles).await;
        let asked = [("user", "alice"), ("scope", "repository:a:pull")];
        let answer = realm.explain_of(&admin, &realm.registry, &asked).await;
        assert_eq!(answer.status, status, "{roles:?}: {}", answer.json);
        if status == 403 {
            assert_eq!(answer.json, forbidden);
        }
    }
    let other = Realm::new().await;
    let stranger = other.administrator("boss", &["realm-admin"]).await;
    let answer = realm.explain_of(&stranger, &realm.registry, &[]).await;
    assert_eq!(answer.status, 403, "{}", answer.json);
    // A client of another realm is none of this one's.
    let answer = realm.explain_of(&realm.admin, &other.registry, &[]).await;
    assert_eq!(answer.status, 404, "{}", answer.json);
    let plain = Admin::with_token(&login(&server().url, &realm.name, "alice", "secret").await);
    let answer = realm.explain_of(&plain, &realm.registry, &[]).await;
    assert_eq!(answer.status, 403, "{}", answer.json);
}

#[tokio::test]
async fn the_event_of_a_token_names_the_rules() {
    let realm = team().await;
    let config = json!({ "eventsEnabled": true, "enabledEventTypes": ["LOGIN"] });
    let path = realm.path("/events/config");
    assert_eq!(realm.admin.put(&path, config).await.status, 204);
    realm
        .set_rules(vec![
            rule("read all", "anonymous", "**", "pull"),
            rule("push own", "authenticated", "${username}/*", "push"),
        ])
        .await;
    let asked = ["repository:dora/a:push,pull", "repository:b:push"];
    realm.granted(Some("dora"), &asked).await;
    realm.granted(None, &asked[..1]).await;
    let events = realm
        .admin
        .get(&realm.path("/events?type=LOGIN"))
        .await
        .json;
    let details: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["details"])
        .collect();
    assert_eq!(details.len(), 2, "{events}");
    assert_eq!(details[1]["rules"], "push own##read all");
    assert_eq!(details[1]["scope"], asked.join(" "));
    let access: Value = serde_json::from_str(details[1]["access"].as_str().unwrap()).unwrap();
    assert_eq!(written(&access), "repository:dora/a:push,pull");
    assert_eq!(details[0]["rules"], "read all");
    assert_eq!(details[0]["credential_type"], "none");
}
