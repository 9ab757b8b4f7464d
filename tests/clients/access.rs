//! Who may do what: every client at both registries, for each kind of subject that a rule can name.

use std::{ops::Deref, thread};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::Client,
    process::say,
    registry::{Registry, VERSIONS, Wire},
    server::{Realm, SERVICE, server},
    terminal::{At, Terminal},
    visit::{Failing, is_there},
};

/// A subject of rules, and who it is.
struct Kind {
    /// The repositories of its rules lie below it.
    name: &'static str,
    subject: &'static str,
    user: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "by-user",
        subject: "user:ursula",
        user: "ursula",
    },
    Kind {
        name: "by-group",
        subject: "group:/team",
        user: "greta",
    },
    Kind {
        name: "by-parent-group",
        subject: "group:/team",
        user: "gustav",
    },
    Kind {
        name: "by-realm-role",
        subject: "realm-role:releaser",
        user: "rosa",
    },
    Kind {
        name: "by-client-role",
        subject: "client-role:registry.pusher",
        user: "carl",
    },
    Kind {
        name: "by-login",
        subject: "authenticated",
        user: "anna",
    },
    Kind {
        name: "by-robot",
        subject: "user:service-account-ci",
        user: "service-account-ci",
    },
    Kind {
        name: "by-app-password",
        subject: "user:otto",
        user: "otto",
    },
    Kind {
        name: "by-variable",
        subject: "realm-role:owner-of-one",
        user: "vera",
    },
];

pub const PASSWORD: &str = "wonderland-1";
const SECRET: &str = "a-secret-of-the-robot-ci";
pub const OWNER: &str = "owner";
/// Nobody whom a rule names.
const STRANGER: &str = "mallory";

fn rule(name: &str, subject: &str, kind: &str, repository: &str, actions: &str) -> Value {
    json!({"name": name, "protocol": "docker-v2", "protocolMapper": "docker-v2-access-rule-mapper",
           "config": {"subject": subject, "type": kind, "repository": repository, "actions": actions}})
}

fn user(name: &str, more: &Value) -> Value {
    let mut user = json!({"username": name, "enabled": true, "email": format!("{name}@people.example"),
        "firstName": name, "lastName": "Example",
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": false}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        user[name] = value.clone();
    }
    user
}

/// A realm in which each kind of subject may pull `…/read`, push `…/write`, and do everything with `…/full`.
pub fn realm(client: &Client) -> Realm {
    let mut rules = vec![
        rule("owner", "user:owner", "repository", "**", "*"),
        rule("catalog", "user:owner", "registry", "catalog", "*"),
        rule("public", "anonymous", "repository", "public/*", "pull"),
    ];
    for Kind { name, subject, .. } in KINDS {
        let below = match *name {
            "by-variable" => "by-variable/${username}",
            name => name,
        };
        for (repository, actions) in [("read", "pull"), ("write", "pull ## push"), ("full", "*")] {
            let repository = format!("{below}/{repository}");
            rules.push(rule(
                &repository,
                subject,
                "repository",
                &repository,
                actions,
            ));
        }
    }
    let file = json!({
        "roles": {
            "realm": [{"name": "releaser"}, {"name": "owner-of-one"}],
            "client": {SERVICE: [{"name": "pusher"}]},
        },
        "groups": [{"name": "team", "subGroups": [{"name": "dev"}]}],
        "clients": [
            {"clientId": SERVICE, "protocol": "docker-v2", "enabled": true, "protocolMappers": rules},
            {"clientId": "ci", "enabled": true, "publicClient": false, "secret": SECRET,
             "serviceAccountsEnabled": true, "standardFlowEnabled": false},
        ],
        "users": [
            user(OWNER, &json!({})),
            user(STRANGER, &json!({})),
            user("ursula", &json!({})),
            user("greta", &json!({"groups": ["/team"]})),
            user("gustav", &json!({"groups": ["/team/dev"]})),
            user("rosa", &json!({"realmRoles": ["releaser"]})),
            user("carl", &json!({"clientRoles": {SERVICE: ["pusher"]}})),
            user("anna", &json!({})),
            user("vera", &json!({"realmRoles": ["owner-of-one"]})),
            user("otto", &json!({"credentials": [
                {"type": "password", "value": PASSWORD, "temporary": false},
                {"type": "otp", "secretData": r#"{"value":"a-shared-secret-of-otto"}"#,
                 "credentialData": r#"{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}"#},
            ]})),
        ],
    });
    Realm::of(&format!("access-{}", client.name), file)
}

/// Takes a client through all that rules allow and refuse, at both registries side by side.
pub fn every_rule(client: &'static Client) {
    if !is_there(client) || server().keycloak {
        return;
    }
    let realm = realm(client);
    let app_password = realm.app_password("otto");
    let registries: Vec<_> = VERSIONS
        .into_iter()
        .map(|version| Registry::start(version, Wire::Plain, &realm).unwrap())
        .collect();
    thread::scope(|scope| {
        for registry in &registries {
            let app_password = app_password.clone();
            scope.spawn(move || Audit::new(client, registry, app_password).go());
        }
    });
}

pub struct Audit<'a> {
    terminal: Terminal,
    /// Of the one who may do everything.
    pub owner: Terminal,
    registry: &'a Registry,
    app_password: String,
}

impl Deref for Audit<'_> {
    type Target = Terminal;

    fn deref(&self) -> &Terminal {
        &self.terminal
    }
}

impl<'a> Audit<'a> {
    pub fn new(client: &'static Client, registry: &'a Registry, app_password: String) -> Self {
        let [terminal, owner] = [(), ()].map(|()| Terminal::new(client, &[registry]));
        Self {
            terminal,
            owner,
            registry,
            app_password,
        }
    }

    fn go(&self) {
        let name = format!("{} at {}", self.client.name, self.registry.version);
        let _failing = Failing(format!("{name}: rules"));
        self.fill();
        for kind in KINDS {
            let _failing = Failing(format!("{name}: {}", kind.name));
            self.may(kind);
        }
        self.stranger();
        self.nobody();
        say(&format!(
            "{name}: {} kinds of subject · stranger · nobody",
            KINDS.len()
        ));
    }

    fn at<'t>(&'t self, user: &'t str, repository: &'t str) -> At<'t> {
        let password = match user {
            "otto" => &self.app_password,
            "service-account-ci" => SECRET,
            _ => PASSWORD,
        };
        At {
            registry: self.registry,
            user,
            password,
            repository,
            copy: repository,
        }
    }

    fn log_in(&self, user: &str) {
        self.succeeds(self.client.login, &self.at(user, ""))
            .unwrap();
    }

    /// The owner pushes what others will find.
    pub fn fill(&self) {
        let owner = &self.owner;
        owner
            .succeeds(self.client.login, &self.at(OWNER, ""))
            .unwrap();
        let read = KINDS.iter().map(|kind| kind.repository("read"));
        let full = KINDS.iter().map(|kind| kind.repository("full"));
        for repository in read
            .chain(full)
            .chain(["public/read".into(), "secret/read".into()])
        {
            owner.pushes(&self.at(OWNER, &repository)).unwrap();
        }
        if let Ok(said) = owner.succeeds(self.client.catalog, &self.at(OWNER, "")) {
            assert!(said.contains("public/read"), "{said}");
        }
    }

    /// The owner's image can be pulled.
    fn finds(&self, user: &str, repository: &str) {
        self.pulls_what(&self.owner.image, &self.at(user, repository))
            .unwrap();
    }

    fn may(&self, kind: &Kind) {
        let (read, write, full) = (
            kind.repository("read"),
            kind.repository("write"),
            kind.repository("full"),
        );
        let at = |repository| self.at(kind.user, repository);
        if kind.user == "otto" && self.client.login_asks {
            let bare = At {
                password: PASSWORD,
                ..at(&read)
            };
            self.is_refused(self.client.login, &bare).unwrap();
        }
        self.log_in(kind.user);
        self.finds(kind.user, &read);
        self.is_refused(self.client.push, &at(&read)).unwrap();
        self.pushes(&at(&write)).unwrap();
        self.pulls(&at(&write)).unwrap();
        // What a client cannot do it cannot be refused.
        let _ = self.is_refused(self.client.delete, &at(&write));
        assert!(
            self.registry.digest(&write, "1").is_some(),
            "deleted {write}"
        );
        if self.succeeds(self.client.delete, &at(&full)).is_ok() {
            assert_eq!(self.registry.digest(&full, "1"), None, "{full}");
        }
        let _ = self.is_refused(self.client.catalog, &at(""));
        self.copies(kind.user, (&write, &read), false);
        self.copies(kind.user, ("secret/read", &write), false);
        self.copies(kind.user, (&read, &write), true);
    }

    /// From one repository to another, which needs to pull there and to push here.
    fn copies(&self, user: &str, (from, to): (&str, &str), may: bool) {
        let at = At {
            copy: to,
            ..self.at(user, from)
        };
        // The daemon copies what it has pulled.
        if self.client.name == "docker" || self.client.name == "podman" {
            self.next_round();
            let pulled = self.run(self.client.pull, &at).unwrap();
            if !pulled.ok {
                assert!(!may, "{}", pulled.text);
                return;
            }
        }
        if may {
            self.succeeds(self.client.copy, &at).unwrap();
        } else {
            self.is_refused(self.client.copy, &at).unwrap();
        }
    }

    fn stranger(&self) {
        self.log_in(STRANGER);
        for kind in KINDS {
            let read = kind.repository("read");
            match kind.subject {
                "authenticated" => self.finds(STRANGER, &read),
                _ => self
                    .is_refused(self.client.pull, &self.at(STRANGER, &read))
                    .unwrap(),
            }
        }
        self.finds(STRANGER, "public/read");
    }

    fn nobody(&self) {
        self.succeeds(self.client.logout, &self.at(STRANGER, ""))
            .unwrap();
        self.finds("", "public/read");
        self.is_refused(self.client.push, &self.at("", "public/read"))
            .unwrap();
        for kind in KINDS {
            self.is_refused(self.client.pull, &self.at("", &kind.repository("read")))
                .unwrap();
        }
    }
}

/// The access that a token of an answer grants.
pub fn granted(answer: &Value) -> Value {
    let token = answer["token"].as_str().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["access"].take()
}

impl Kind {
    fn repository(&self, name: &str) -> String {
        match self.name {
            "by-variable" => format!("{}/{}/{name}", self.name, self.user),
            kind => format!("{kind}/{name}"),
        }
    }
}

impl Realm {
    /// An app password of a user.
    pub fn app_password(&self, user: &str) -> String {
        let path = format!("/{}/users?exact=true&username={user}", self.name);
        let users = server().admin(Method::GET, &path, None).json();
        let id = users[0]["id"].as_str().unwrap();
        let path = format!("/{}/users/{id}/app-passwords", self.name);
        let made = server().admin(Method::POST, &path, Some(&json!({"label": "laptop"})));
        made.json()["value"].as_str().unwrap().to_owned()
    }
}
