//! Access rules: who is granted what by a registry's mappers, and where such mappers may stand.

use std::fmt::Write as _;

use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{Answer, Realm, claims, person, server};

/// Everything that users of [`team`] differ in.
const SUBJECTS: [&str; 6] = [
    "user:alice",
    "group:/team",
    "realm-role:releaser",
    "client-role:my.app.dev.ops",
    "authenticated",
    "anonymous",
];

pub fn rule(name: &str, subject: &str, repository: &str, actions: &str) -> Value {
    json!({
        "name": name, "protocol": "docker-v2", "protocolMapper": "docker-v2-access-rule-mapper",
        "config": { "subject": subject, "repository": repository, "actions": actions }
    })
}

impl Realm {
    /// In place of what the registry has.
    pub async fn set_rules(&self, rules: Vec<Value>) {
        let path = self.path(&format!("/clients/{}", self.registry));
        let change = json!({ "protocolMappers": rules });
        let answer = self.admin.put(&path, change).await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }

    /// The scopes that a token for these carries, as they are asked for; no user for an anonymous one.
    pub async fn granted(&self, user: Option<&str>, scopes: &[&str]) -> String {
        let answer = self.ask(user, scopes).await;
        assert_eq!(answer.status, 200, "{scopes:?}: {}", answer.json);
        let claims = claims(answer.json["token"].as_str().unwrap());
        assert_eq!(claims["sub"], user.unwrap_or_default());
        written(&claims["access"])
    }

    pub async fn ask(&self, user: Option<&str>, scopes: &[&str]) -> Answer {
        self.ask_by(&Client::new(), user, scopes).await
    }

    /// By a program that asks more than once.
    pub async fn ask_by(&self, http: &Client, user: Option<&str>, scopes: &[&str]) -> Answer {
        let url = format!(
            "{}/realms/{}/protocol/docker-v2/auth",
            server().url,
            self.name
        );
        let query: Vec<_> = scopes.iter().map(|scope| ("scope", *scope)).collect();
        let ask = || {
            let request = http.get(&url).query(&[("service", "reg")]);
            let request = request.query(&query);
            match user {
                Some(user) => request.basic_auth(user, Some("secret")),
                None => request,
            }
        };
        crate::support::patiently(ask).await
    }
}

/// Access as scopes are written.
pub fn written(access: &Value) -> String {
    let mut text = String::new();
    for item in access.as_array().unwrap() {
        let part = |name: &str| item[name].as_str().unwrap().to_owned();
        let actions = item["actions"].as_array().unwrap().iter();
        let actions: Vec<_> = actions.map(|action| action.as_str().unwrap()).collect();
        if !text.is_empty() {
            text.push(' ');
        }
        write!(
            text,
            "{}:{}:{}",
            part("type"),
            part("name"),
            actions.join(",")
        )
        .unwrap();
    }
    text
}

/// A realm with alice, who is nothing else; dora of /team/dev, rita the releaser, and olaf with a role of client `my.app`
/// by a composite; gina holds what her group /staff holds.
pub async fn team() -> Realm {
    let with = |name: &str, more: Value| {
        let mut user = person(name);
        let more = more.as_object().unwrap().clone();
        user.as_object_mut().unwrap().extend(more);
        user
    };
    Realm::with(json!({
        "clients": [{ "clientId": "my.app" }],
        "roles": {
            "realm": [{ "name": "releaser" },
                      { "name": "operators", "composites": { "client": { "my.app": ["dev.ops"] } } }],
            "client": { "my.app": [{ "name": "dev.ops" }] }
        },
        "groups": [{ "name": "team", "subGroups": [{ "name": "dev" }] },
                   { "name": "staff", "realmRoles": ["releaser"] }, { "name": "team/dev" }],
        "users": [
            with("dora", json!({ "groups": ["/team/dev"], "emailVerified": true })),
            with("rita", json!({ "realmRoles": ["releaser"] })),
            with("olaf", json!({ "realmRoles": ["operators"] })),
            with("gina", json!({ "groups": ["/staff"] })),
        ]
    }))
    .await
}

#[tokio::test]
async fn each_subject_is_granted_its_actions_and_no_other() {
    let realm = team().await;
    let users = [
        Some("alice"),
        Some("dora"),
        Some("rita"),
        Some("olaf"),
        Some("gina"),
        None,
    ];
    for subject in SUBJECTS {
        for actions in ["pull", "push", "delete", "*", "pull##push"] {
            // Without it nobody would be let in without a name.
            let open = rule("open", "anonymous", "open", "pull");
            realm
                .set_rules(vec![rule("r", subject, "team/app", actions), open])
                .await;
            for user in users {
                let is_meant = match (subject, user) {
                    ("anonymous", _) => true,
                    (_, None) => false,
                    ("authenticated", _) => true,
                    ("user:alice", user) => user == Some("alice"),
                    ("group:/team", user) => user == Some("dora"),
                    ("realm-role:releaser", user) => user == Some("rita") || user == Some("gina"),
                    (_, user) => user == Some("olaf"),
                };
                let all = ["pull", "push", "delete"];
                let granted: Vec<_> = all
                    .into_iter()
                    .filter(|action| is_meant && (actions == "*" || actions.contains(action)))
                    .collect();
                let expected = match granted.join(",") {
                    none if none.is_empty() => none,
                    some => format!("repository:team/app:{some}"),
                };
                let asked = "repository:team/app:pull,push,delete";
                let scopes = [asked, "repository:other:pull,push", "registry:catalog:*"];
                assert_eq!(
                    realm.granted(user, &scopes).await,
                    expected,
                    "{subject} {actions} {user:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn variables_stand_for_the_users_own_names() {
    let realm = team().await;
    realm
        .set_rules(vec![
            rule("own", "authenticated", "home/${username}/**", "*"),
            rule("domain", "authenticated", "${email.domain}/*", "pull"),
            rule("teams", "group:/team", "${group.path}/**", "pull##push"),
            rule("names", "authenticated", "by-name/${group.name}", "pull"),
        ])
        .await;
    for (user, asked, expected) in [
        (
            "dora",
            "repository:home/dora/a/b:*",
            "repository:home/dora/a/b:*",
        ),
        ("dora", "repository:home/alice/a:pull", ""),
        ("dora", "repository:home/dora:pull", ""),
        (
            "dora",
            "repository:example.test/a:pull,push",
            "repository:example.test/a:pull",
        ),
        // The address of rita is not verified.
        ("rita", "repository:example.test/a:pull", ""),
        (
            "dora",
            "repository:team/dev/a:push,pull,delete",
            "repository:team/dev/a:push,pull",
        ),
        ("dora", "repository:team/a:pull", ""),
        (
            "dora",
            "repository:by-name/dev:pull",
            "repository:by-name/dev:pull",
        ),
        (
            "gina",
            "repository:by-name/staff:pull",
            "repository:by-name/staff:pull",
        ),
        ("gina", "repository:staff/a:pull", ""),
    ] {
        assert_eq!(
            realm.granted(Some(user), &[asked]).await,
            expected,
            "{user} {asked}"
        );
    }
}

#[tokio::test]
async fn what_a_variable_stands_for_is_no_pattern_and_one_part() {
    let realm = team().await;
    // Names as an administrator could allow them.
    let profile = json!({ "attributes": [{ "name": "username" }, { "name": "email" }, { "name": "firstName" },
                                          { "name": "lastName" }] });
    let answer = realm
        .admin
        .put(&realm.path("/users/profile"), profile)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    for name in ["*", "**", "a/b"] {
        let mut user = person("x");
        user["username"] = json!(name);
        user["email"] = json!(format!("{}@example.test", uuid::Uuid::new_v4()));
        realm.admin.create(&realm.path("/users"), user).await;
    }
    // A group whose name looks like the path of another.
    let group = realm
        .admin
        .get(&realm.path("/groups?search=team%2Fdev&exact=true"))
        .await;
    let group = group.json[0]["id"].as_str().unwrap().to_owned();
    let path = realm.path(&format!("/users/{}/groups/{group}", realm.alice));
    assert_eq!(realm.admin.put(&path, json!({})).await.status, 204);
    realm
        .set_rules(vec![
            rule("own", "authenticated", "${username}/**", "pull"),
            rule("teams", "authenticated", "${group.path}/**", "pull"),
            rule("names", "authenticated", "n/${group.name}", "pull"),
            rule("members", "group:/team", "members", "pull"),
        ])
        .await;
    for (user, asked) in [
        ("*", "repository:alice/x:pull"),
        ("**", "repository:alice/x:pull"),
        ("a/b", "repository:a/b/x:pull"),
        ("alice", "repository:team/dev/x:pull"),
        ("alice", "repository:n/team/dev:pull"),
        ("alice", "repository:members:pull"),
    ] {
        assert_eq!(
            realm.granted(Some(user), &[asked]).await,
            "",
            "{user} {asked}"
        );
    }
    let own = ["repository:alice/x:pull"];
    assert_eq!(realm.granted(Some("alice"), &own).await, own[0]);
}

#[tokio::test]
async fn a_star_asked_for_is_what_rules_allow() {
    let realm = team().await;
    let mut catalog = rule("catalog", "user:alice", "catalog", "*");
    catalog["config"]["type"] = json!("registry");
    let mut plugin = rule("plugin", "authenticated", "p/*", "pull");
    plugin["config"]["type"] = json!("repository(plugin)");
    realm
        .set_rules(vec![
            rule("read", "authenticated", "**", "pull"),
            rule("write", "user:alice", "a/**", "delete ## push"),
            rule("own", "user:alice", "own", "*"),
            catalog,
            plugin,
        ])
        .await;
    for (user, asked, expected) in [
        (
            "alice",
            "repository:a/b:*",
            "repository:a/b:pull,push,delete",
        ),
        ("dora", "repository:a/b:*", "repository:a/b:pull"),
        ("alice", "repository:own:*,pull", "repository:own:*,pull"),
        ("alice", "registry:catalog:*", "registry:catalog:*"),
        ("dora", "registry:catalog:*", ""),
        ("alice", "repository:catalog:push", ""),
        (
            "dora",
            "repository(plugin):p/x:push,pull",
            "repository(plugin):p/x:pull",
        ),
        ("dora", "repository(plugin):a:pull", ""),
        (
            "dora",
            "repository:a:push repository:b:pull,push",
            "repository:b:pull",
        ),
    ] {
        assert_eq!(
            realm.granted(Some(user), &[asked]).await,
            expected,
            "{user} {asked}"
        );
    }
    // A copy between repositories asks with two parameters, and is granted both sides or one.
    let both = ["repository:a/new:pull,push", "repository:b/old:pull"];
    assert_eq!(realm.granted(Some("alice"), &both).await, both.join(" "));
    let read = "repository:a/new:pull repository:b/old:pull";
    assert_eq!(realm.granted(Some("dora"), &both).await, read);
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_let_in_where_a_rule_is_for_everybody() {
    let realm = team().await;
    let asked = ["repository:public/a:pull,push"];
    for rules in [
        vec![
            json!({ "name": "all", "protocol": "docker-v2", "protocolMapper": "docker-v2-allow-all-mapper" }),
        ],
        vec![rule("r", "authenticated", "**", "*")],
        vec![],
    ] {
        realm.set_rules(rules).await;
        let answer = realm.ask(None, &asked).await;
        assert_eq!(answer.status, 401, "{}", answer.json);
        assert!(
            answer.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Basic ")
        );
        assert_eq!(answer.json["errors"][0]["code"], "UNAUTHORIZED");
    }
    let all = json!({ "name": "all", "protocol": "docker-v2", "protocolMapper": "docker-v2-allow-all-mapper" });
    let public = rule("public", "anonymous", "public/**", "pull");
    realm.set_rules(vec![public, all]).await;
    assert_eq!(
        realm.granted(None, &asked).await,
        "repository:public/a:pull"
    );
    assert_eq!(realm.granted(None, &["repository:x:pull"]).await, "");
    assert_eq!(realm.granted(None, &[]).await, "");
    // Allow-all is for whoever has signed in, and wins over the rule.
    assert_eq!(realm.granted(Some("alice"), &asked).await, asked[0]);
    // Whoever says who they are is believed or refused.
    let wrong = realm.docker("alice", "wrong", "").await;
    assert_eq!(wrong.status, 401);
    let url = format!(
        "{}/realms/{}/protocol/docker-v2/auth?service=reg",
        server().url,
        realm.name
    );
    for header in ["Bearer x", "Basic", ""] {
        let request = Client::new().get(&url).header("Authorization", header);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401);
    }
}

#[tokio::test]
async fn a_change_in_a_user_counts_for_the_next_token() {
    let realm = team().await;
    realm
        .set_rules(vec![
            rule("g", "group:/staff", "g", "pull"),
            rule("r", "realm-role:later", "r", "pull"),
        ])
        .await;
    let asked = ["repository:g:pull", "repository:r:pull"];
    assert_eq!(realm.granted(Some("alice"), &asked).await, "");
    let groups = realm.admin.get(&realm.path("/groups?search=staff")).await;
    let group = groups.json[0]["id"].as_str().unwrap().to_owned();
    let path = realm.path(&format!("/users/{}/groups/{group}", realm.alice));
    assert_eq!(realm.admin.put(&path, json!({})).await.status, 204);
    assert_eq!(realm.granted(Some("alice"), &asked).await, asked[0]);
    // A role that the rule named before there was one.
    let role = json!({ "name": "later" });
    let made = realm.admin.post(&realm.path("/roles"), role).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let role = realm.admin.get(&realm.path("/roles/later")).await.json;
    let path = realm.path(&format!("/groups/{group}/role-mappings/realm"));
    let mapped = realm.admin.post(&path, json!([role])).await;
    assert_eq!(mapped.status, 204, "{}", mapped.json);
    assert_eq!(realm.granted(Some("alice"), &asked).await, asked.join(" "));
    let path = realm.path(&format!("/users/{}/groups/{group}", realm.alice));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(realm.granted(Some("alice"), &asked).await, "");
}
