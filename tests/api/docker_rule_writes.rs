//! Access rules as data: where they may be written, what is refused, and how they move with a realm.

use reqwest::Method;
use serde_json::{Value, json};

use crate::docker_rules::{rule, team};
use crate::support::Realm;

#[tokio::test]
async fn rules_of_a_default_client_scope_are_the_clients_too() {
    let realm = team().await;
    realm.set_rules(vec![]).await;
    let scope = json!({
        "name": "readers", "protocol": "docker-v2",
        "protocolMappers": [rule("read", "authenticated", "docs/**", "pull")]
    });
    let scope = realm
        .admin
        .create(&realm.path("/client-scopes"), scope)
        .await;
    let link = |kind: &str| {
        realm.path(&format!(
            "/clients/{}/{kind}-client-scopes/{scope}",
            realm.registry
        ))
    };
    let asked = ["repository:docs/a:pull,push"];
    let read = "repository:docs/a:pull";
    assert_eq!(realm.granted(Some("alice"), &asked).await, "");
    // No client program could ask for an optional one.
    let done = realm.admin.put(&link("optional"), json!({})).await;
    assert_eq!(done.status, 204, "{}", done.json);
    assert_eq!(realm.granted(Some("alice"), &asked).await, "");
    realm.admin.delete(&link("optional")).await;
    realm.admin.put(&link("default"), json!({})).await;
    assert_eq!(realm.granted(Some("alice"), &asked).await, read);
    // A change of the scope is one of the client.
    let models = realm.path(&format!("/client-scopes/{scope}/protocol-mappers/models"));
    let more = rule("write", "user:alice", "docs/*", "push");
    realm.admin.create(&models, more).await;
    assert_eq!(realm.granted(Some("alice"), &asked).await, asked[0]);
    realm.admin.delete(&link("default")).await;
    assert_eq!(realm.granted(Some("alice"), &asked).await, "");
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused_wherever_it_is_written() {
    let realm = team().await;
    let base = realm.path(&format!("/clients/{}", realm.registry));
    let models = format!("{base}/protocol-mappers/models");
    let good = realm
        .admin
        .create(&models, rule("good", "authenticated", "a", "pull"))
        .await;
    let scope = json!({ "name": "s", "protocol": "docker-v2" });
    let scope = realm
        .admin
        .create(&realm.path("/client-scopes"), scope)
        .await;
    let of_scope = realm.path(&format!("/client-scopes/{scope}/protocol-mappers"));
    for (member, bad) in [
        ("subject", "alice"),
        ("subject", "group:team"),
        ("subject", ""),
        ("repository", "a?"),
        ("repository", "a[b]"),
        ("repository", "{a,b}"),
        ("repository", "${user}"),
        ("repository", "team**"),
        ("repository", ""),
        ("type", "a b"),
        ("actions", "read"),
        ("actions", "pull,push"),
        ("actions", ""),
    ] {
        let mut mapper = rule("bad", "authenticated", "a", "pull");
        mapper["config"][member] = json!(bad);
        let mut update = mapper.clone();
        update["id"] = json!(good);
        let client = |id: &str| json!({ "clientId": id, "protocol": "docker-v2", "protocolMappers": [mapper] });
        let scope = json!({ "name": "t", "protocol": "docker-v2", "protocolMappers": [mapper] });
        let name = format!("bad-{}", uuid::Uuid::new_v4().simple());
        let with_client = json!({ "realm": name, "clients": [client("reg")] });
        let with_scope = json!({ "realm": name, "clientScopes": [scope] });
        let overwrite = json!({ "ifResourceExists": "OVERWRITE", "clients": [client("reg")] });
        let calls = [
            (Method::POST, models.clone(), mapper.clone()),
            (Method::PUT, format!("{models}/{good}"), update),
            (
                Method::POST,
                format!("{base}/protocol-mappers/add-models"),
                json!([mapper]),
            ),
            (Method::POST, format!("{of_scope}/models"), mapper.clone()),
            (
                Method::POST,
                format!("{of_scope}/add-models"),
                json!([mapper]),
            ),
            (Method::POST, realm.path("/clients"), client("new")),
            (
                Method::PUT,
                base.clone(),
                json!({ "protocolMappers": [mapper] }),
            ),
            (Method::POST, realm.path("/client-scopes"), scope.clone()),
            (Method::POST, String::new(), with_client),
            (Method::POST, String::new(), with_scope),
            (Method::POST, realm.path("/partialImport"), overwrite),
        ];
        for (method, path, body) in calls {
            let answer = realm.admin.call(method.clone(), &path, Some(body)).await;
            let said = format!("{method} {path} {member} {bad:?}: {}", answer.text);
            assert_eq!(answer.status, 400, "{said}");
            let named = format!("Protocol mapper 'bad': {member}");
            let named = named.replace(
                "'bad'",
                if path.contains(&good) {
                    "'good'"
                } else {
                    "'bad'"
                },
            );
            let text = answer.json["error_description"].as_str();
            assert!(text.unwrap_or_default().contains(&named), "{said}");
        }
    }
    let kept = realm.admin.get(&models).await.json;
    let names: Vec<_> = kept
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["name"])
        .collect();
    assert_eq!(names, ["docker-v2-allow-all-mapper", "good"]);
}

#[tokio::test]
async fn rules_survive_export_and_import() {
    let realm = team().await;
    realm
        .set_rules(vec![
            rule("a", "group:/team ## user:rita", "team/**##x", "pull##push"),
            rule("b", "anonymous", "public/**", "pull"),
        ])
        .await;
    // One that has no rules at all does not get any by the way.
    let bare = json!({ "clientId": "bare", "protocol": "docker-v2", "protocolMappers": [] });
    realm.admin.create(&realm.path("/clients"), bare).await;
    let scope = json!({
        "name": "readers", "protocol": "docker-v2",
        "protocolMappers": [rule("read", "authenticated", "${username}/**", "*")]
    });
    let scope = realm
        .admin
        .create(&realm.path("/client-scopes"), scope)
        .await;
    let link = realm.path(&format!(
        "/clients/{}/default-client-scopes/{scope}",
        realm.registry
    ));
    assert_eq!(realm.admin.put(&link, json!({})).await.status, 204);
    let path = realm.path("/partial-export?exportClients=true&exportGroupsAndRoles=true");
    let mut file = realm.admin.post(&path, json!({})).await.json;
    let name = format!("copy-{}", realm.name);
    // Ids are of one realm each.
    file = without_ids(file);
    file["realm"] = json!(name);
    file["users"] = json!([
        { "username": "dora", "enabled": true, "email": "d@example.test", "firstName": "D", "lastName": "D",
          "groups": ["/team/dev"], "credentials": [{ "type": "password", "value": "secret" }] },
    ]);
    let made = realm.admin.post("", file).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let copy = Realm {
        name,
        admin: realm.admin.clone(),
        alice: String::new(),
        registry: String::new(),
    };
    let bare = copy
        .admin
        .get(&copy.path("/clients?clientId=bare"))
        .await
        .json;
    let path = format!(
        "/clients/{}/docker-v2/explain?user=dora&scope=repository:a:pull",
        bare[0]["id"].as_str().unwrap()
    );
    let explained = copy.admin.get(&copy.path(&path)).await.json;
    assert_eq!(explained["access"], json!([]), "{explained}");
    let asked = [
        "repository:team/a:pull,push,delete",
        "repository:x:push",
        "repository:public/a:pull",
        "repository:dora/a:*",
    ];
    for (user, expected) in [
        (
            Some("dora"),
            "repository:team/a:pull,push repository:x:push repository:public/a:pull repository:dora/a:*",
        ),
        (None, "repository:public/a:pull"),
    ] {
        assert_eq!(realm.granted(user, &asked).await, expected);
        assert_eq!(copy.granted(user, &asked).await, expected);
    }
}

fn without_ids(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| name != "id" && name != "containerId" && name != "_id")
            .map(|(name, value)| (name, without_ids(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_ids).collect(),
        other => other,
    }
}

#[tokio::test]
async fn a_client_may_have_a_thousand_rules() {
    let realm = team().await;
    let rules = (0..1000).map(|n| {
        let (subject, name) = (format!("group:/team-{n}"), format!("team-{n}/**"));
        rule(&format!("team {n}"), &subject, &name, "pull##push")
    });
    let mut rules: Vec<_> = rules.collect();
    rules.push(rule("team", "group:/team", "team-7/**", "pull"));
    realm.set_rules(rules).await;
    let asked = ["repository:team-7/a:pull,push", "repository:team-8/a:pull"];
    let granted = "repository:team-7/a:pull";
    assert_eq!(realm.granted(Some("dora"), &asked).await, granted);
    // One more, by itself, counts at once.
    let models = format!("/clients/{}/protocol-mappers/models", realm.registry);
    let more = rule("more", "user:dora", "team-8/a", "pull");
    realm.admin.create(&realm.path(&models), more).await;
    let granted = format!("{granted} repository:team-8/a:pull");
    assert_eq!(realm.granted(Some("dora"), &asked).await, granted);
}

#[tokio::test]
async fn a_registry_with_rules_gets_no_allow_all_by_a_detour() {
    let realm = team().await;
    realm
        .set_rules(vec![rule("r", "user:alice", "a", "pull")])
        .await;
    let path = realm.path(&format!("/clients/{}", realm.registry));
    for protocol in ["openid-connect", "docker-v2"] {
        let changed = realm
            .admin
            .put(&path, json!({ "protocol": protocol }))
            .await;
        assert_eq!(changed.status, 204, "{}", changed.json);
    }
    let asked = ["repository:a:pull,push", "repository:b:pull"];
    let granted = "repository:a:pull";
    assert_eq!(realm.granted(Some("alice"), &asked).await, granted);
}
