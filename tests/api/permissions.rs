//! The permission gate, over every route of the admin API: a route without a row in the table fails, and so does a row
//! without a route.
//!
//! Longer than other files are: every kind of placeholder and body has its line here.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::people::forbidden;
use crate::permission_console;
use crate::permission_scopes;
use crate::permission_table::TABLE;
use crate::rows::snapshot;
use crate::support::{Answer, Realm, login, person, server, token};

/// A route, and what its row says.
struct Row {
    method: &'static str,
    path: String,
    who: &'static str,
}

impl Row {
    fn may(&self, role: &str) -> bool {
        match self.who {
            "everybody" => true,
            "nobody" => false,
            "any" => role != "impersonation",
            who => role == "realm-admin" || who.split(' ').any(|allowed| allowed == role),
        }
    }
}

/// All routes with their rows.
fn rows() -> Vec<Row> {
    server();
    let mut table = BTreeMap::new();
    for (who, routes) in TABLE
        .iter()
        .chain(permission_console::TABLE)
        .chain(permission_scopes::TABLE)
    {
        for route in *routes {
            assert!(table.insert(*route, *who).is_none(), "two rows for {route}");
        }
    }
    let mut seen = BTreeSet::new();
    // The description of the API is for everybody.
    let routes = admin::routes()
        .into_iter()
        .filter(|(_, path)| path != "/openapi.json");
    let rows = routes.map(|(method, path)| {
        // A path with a slash at its end is the same call.
        let route = format!("{method} {}", path.trim_end_matches('/'));
        let (route, who) = table
            .get_key_value(route.as_str())
            .unwrap_or_else(|| panic!("no row for {route}"));
        seen.insert(*route);
        Row { method, path, who }
    });
    let rows: Vec<Row> = rows.collect();
    let gone: Vec<_> = table
        .keys()
        .filter(|route| !seen.contains(*route))
        .collect();
    assert!(gone.is_empty(), "rows without a route: {gone:?}");
    rows
}

/// What the paths name.
struct Place {
    realm: Realm,
    ids: BTreeMap<&'static str, String>,
    http: Client,
}

impl Place {
    /// A realm in which each name of `people` is a user who holds that one role.
    async fn new(people: &[&str]) -> Self {
        let user = |role: &&str| {
            let mut user = person(&format!("u-{role}"));
            user["clientRoles"] = json!({ "realm-management": [role] });
            user
        };
        let mut users: Vec<Value> = people.iter().map(user).collect();
        users.push(person("plain"));
        let realm =
            Realm::with(json!({ "users": users, "roles": { "realm": [{ "name": "puller" }] } }))
                .await;
        let admin = &realm.admin;
        login(&server().url, &realm.name, "alice", "secret").await;
        let first = async |path: String| {
            let answer = admin.get(&realm.path(&path)).await;
            answer.json[0]["id"].as_str().unwrap().to_owned()
        };
        let client = format!("/clients/{}", realm.registry);
        admin
            .create(
                &realm.path(&format!("{client}/roles")),
                json!({ "name": "puller" }),
            )
            .await;
        let group = json!({ "name": "plain" });
        let group = admin.create(&realm.path("/groups"), group).await;
        let ids = BTreeMap::from([
            ("group", group),
            ("scope", first("/client-scopes".to_owned()).await),
            (
                "credential",
                first(format!("/users/{}/credentials", realm.alice)).await,
            ),
            (
                "session",
                first(format!("/users/{}/sessions", realm.alice)).await,
            ),
            (
                "mapper",
                first(format!("{client}/protocol-mappers/models")).await,
            ),
            ("component", first("/components".to_owned()).await),
            (
                "role",
                admin.get(&realm.path("/roles/puller")).await.json["id"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            ),
        ]);
        Self {
            realm,
            ids,
            http: Client::new(),
        }
    }

    /// The path of a route; `unknown`: its last id is nobody's.
    fn fill(&self, path: &str, unknown: bool) -> String {
        let mut parts: Vec<String> = Vec::new();
        let last = path.split('/').count() - 1;
        for (at, part) in path.split('/').enumerate() {
            let before = parts
                .last()
                .map(String::as_str)
                .unwrap_or_default()
                .to_owned();
            parts.push(match part {
                _ if unknown && at == last && part.starts_with('{') => {
                    uuid::Uuid::new_v4().to_string()
                }
                "{user}" => self.realm.alice.clone(),
                "{scope}" => self.ids["scope"].clone(),
                "{client}" | "{owner}" | "{container}" => self.realm.registry.clone(),
                "{role}" => "puller".to_owned(),
                "{credential}" | "{previous}" => self.ids["credential"].clone(),
                "{node}" => "node".to_owned(),
                "{attribute}" => "jwt.credential".to_owned(),
                "{session}" => self.ids["session"].clone(),
                "{group}" => uuid::Uuid::new_v4().to_string(),
                "{path:.*}" => "plain".to_owned(),
                "{tail:.*}" => "x".to_owned(),
                "{alias}" if before == "required-actions" => "UPDATE_PASSWORD".to_owned(),
                "{alias}" => "browser".to_owned(),
                "{locale}" => "en".to_owned(),
                "{key}" => "k".to_owned(),
                "{type}" => "clients".to_owned(),
                "{execution}" | "{member}" | "{provider}" | "{resource}" => {
                    uuid::Uuid::new_v4().to_string()
                }
                "{protocol}" => "docker-v2".to_owned(),
                "{id}" => match before.as_str() {
                    "users" => self.realm.alice.clone(),
                    "groups" => self.ids["group"].clone(),
                    "roles-by-id" | "roles" => self.ids["role"].clone(),
                    "clients" => self.realm.registry.clone(),
                    "clientScopes" => self.ids["scope"].clone(),
                    "config"
                    | "config-description"
                    | "flows"
                    | "clients-initial-access"
                    | "mappers" => uuid::Uuid::new_v4().to_string(),
                    "components" => self.ids["component"].clone(),
                    "models" => self.ids["mapper"].clone(),
                    "providers" => "docker-v2-ca-bundle".to_owned(),
                    other => panic!("what is the id below {other}?"),
                },
                part => {
                    assert!(!part.starts_with('{'), "what is {part}?");
                    part.to_owned()
                }
            });
        }
        parts.join("/")
    }

    async fn call(&self, row: &Row, path: &str, token: Option<&str>) -> Answer {
        let above = match row.path.as_str() {
            "/realms" | "/serverinfo" => "/admin".to_owned(),
            _ => format!("/admin/realms/{}", self.realm.name),
        };
        let method = Method::from_bytes(row.method.as_bytes()).unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{above}{path}", server().url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let lists = [
            "role-mappings/",
            "scope-mappings/",
            "/composites",
            "/disable-credential-types",
            "/add-models",
            "/role-mapping-delete/",
        ];
        if row.path.ends_with("/userLabel") || row.path.ends_with("/{locale}/{key}") {
            request = request.header("Content-Type", "text/plain").body("label");
        } else if lists.iter().any(|list| row.path.contains(list)) {
            request = request.json(&json!([]));
        } else if row.method != "DELETE" {
            request = request.json(&json!({}));
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// Every route with this token, which is to be refused.
    async fn refused(
        &self,
        rows: &[&Row],
        who: &str,
        token: Option<&str>,
        status: u16,
        error: &str,
    ) {
        let answers = rows.iter().map(|row| async move {
            let answer = self.call(row, &self.fill(&row.path, false), token).await;
            assert_eq!(
                (answer.status, &answer.json),
                (status, &json!({ "error": error })),
                "{who}: {} {}",
                row.method,
                row.path
            );
        });
        stream::iter(answers)
            .buffer_unordered(8)
            .collect::<()>()
            .await;
    }
}

const UNAUTHORIZED: &str = "HTTP 401 Unauthorized";
const FORBIDDEN: &str = "HTTP 403 Forbidden";

#[tokio::test]
async fn no_route_answers_without_an_access_token() {
    let rows = rows();
    let all: Vec<&Row> = rows.iter().collect();
    let place = Place::new(&[]).await;
    let docker = place
        .realm
        .docker("alice", "secret", "&scope=registry:catalog:*")
        .await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "secret"),
        ("scope", "openid"),
    ];
    let own = token(&server().url, &place.realm.name, &form).await;
    let text = |answer: &Answer, name: &str| answer.json[name].as_str().unwrap().to_owned();
    let tokens = [
        ("nobody", None),
        ("docker token", Some(text(&docker, "token"))),
        ("refresh token", Some(text(&own, "refresh_token"))),
        ("ID token", Some(text(&own, "id_token"))),
        ("no token at all", Some("x".to_owned())),
    ];
    let before = snapshot(&place.realm.name).await;
    for (who, token) in &tokens {
        place
            .refused(&all, who, token.as_deref(), 401, UNAUTHORIZED)
            .await;
    }
    assert_eq!(snapshot(&place.realm.name).await, before);
}

#[tokio::test]
async fn users_without_a_role_and_administrators_of_other_realms_are_refused_everywhere() {
    let rows = rows();
    let place = Place::new(&[]).await;
    let other = Realm::new().await;
    other.administrator("boss", &["realm-admin"]).await;
    let plain = login(&server().url, &place.realm.name, "plain", "secret").await;
    let stranger = login(&server().url, &other.name, "boss", "secret").await;
    let before = snapshot(&place.realm.name).await;
    let of_the_server = ["/realms", "/serverinfo"];
    let closed: Vec<&Row> = rows.iter().filter(|row| row.who != "everybody").collect();
    place
        .refused(&closed, "plain user", Some(&plain), 403, FORBIDDEN)
        .await;
    let of_the_realm: Vec<&Row> = closed
        .into_iter()
        .filter(|row| !of_the_server.contains(&row.path.as_str()))
        .collect();
    place
        .refused(&of_the_realm, "stranger", Some(&stranger), 403, FORBIDDEN)
        .await;
    assert_eq!(snapshot(&place.realm.name).await, before);

    // Of the server he sees his own realm, and makes none.
    let seen = place
        .http
        .get(format!("{}/admin/realms", server().url))
        .bearer_auth(&stranger);
    let seen = Answer::read(seen.send().await.unwrap()).await;
    assert_eq!(
        seen.json
            .as_array()
            .unwrap()
            .iter()
            .map(|realm| realm["realm"].clone())
            .collect::<Vec<_>>(),
        [json!(other.name)]
    );
    let made = place
        .http
        .post(format!("{}/admin/realms", server().url))
        .bearer_auth(&stranger);
    let made = made.json(&json!({ "realm": "never-made" }));
    let made = Answer::read(made.send().await.unwrap()).await;
    assert_eq!((made.status, made.json), (403, forbidden()));
}

#[tokio::test]
async fn each_role_alone_may_what_its_row_says_and_nothing_else() {
    let rows = rows();
    let realm = Realm::new().await;
    let management = crate::clients::realm_management(&realm).await;
    let roles = realm.admin.get(&format!("{management}/roles")).await.json;
    let roles: Vec<&str> = roles
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].as_str().unwrap())
        .collect();
    assert_eq!(roles.len(), 22);
    let named = TABLE
        .iter()
        .chain(permission_console::TABLE)
        .flat_map(|(who, _)| who.split(' '));
    for name in named.filter(|name| !["everybody", "nobody", "any", ""].contains(name)) {
        assert!(roles.contains(&name), "{name} is no role");
    }

    let place = Place::new(&roles).await;
    let mut tokens = Vec::new();
    for role in &roles {
        tokens.push((
            *role,
            login(
                &server().url,
                &place.realm.name,
                &format!("u-{role}"),
                "secret",
            )
            .await,
        ));
    }
    let before = snapshot(&place.realm.name).await;
    for (role, token) in &tokens {
        let closed: Vec<&Row> = rows.iter().filter(|row| !row.may(role)).collect();
        place
            .refused(&closed, role, Some(token), 403, FORBIDDEN)
            .await;
    }
    assert_eq!(snapshot(&place.realm.name).await, before);

    for (role, token) in &tokens {
        // These two end it for all; they come last.
        let last = [("DELETE", ""), ("POST", "/logout-all")];
        let open = rows
            .iter()
            .filter(|row| row.may(role) && !last.contains(&(row.method, row.path.as_str())));
        let answers = open.map(|row| async {
            // What others still need is not deleted.
            let path = place.fill(&row.path, row.method == "DELETE");
            let status = place.call(row, &path, Some(token)).await.status;
            assert!(
                !matches!(status, 401 | 403 | 405 | 500 | 502..),
                "{role}: {} {} is {status}",
                row.method,
                row.path
            );
        });
        stream::iter(answers)
            .buffer_unordered(8)
            .collect::<()>()
            .await;
    }
    for role in ["manage-realm", "realm-admin"] {
        let realm = Realm::new().await;
        let caller = realm.administrator("last", &[role]).await;
        assert_eq!(caller.delete(&realm.path("")).await.status, 204, "{role}");
    }
    for role in ["manage-users", "realm-admin"] {
        let realm = Realm::new().await;
        let caller = realm.administrator("last", &[role]).await;
        let all = caller.post(&realm.path("/logout-all"), json!({})).await;
        assert_eq!(all.status, 200, "{role}");
    }
}
