//! Schemathesis: requests made up from our own description of the admin API, right ones and wrong ones. None may be
//! answered by a failure of the server, and none in another way than is described.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin_clients::installed,
    process::{Folder, run_within, skip},
    server::server,
};

/// Operations after which the realm is not where it was, or whose caller is not who he was.
const LEFT_OUT: [&str; 2] = ["/admin/realms/{realm}", "/admin/realms/{realm}/ui-ext"];

/// A call with a token that outlasts the run; the id of what it made.
fn create(token: &str, path: &str, body: &Value) -> String {
    let url = format!("{}/admin/realms{path}", server().url);
    let answer = server().send(Method::POST, &url, token, Some(body));
    assert_eq!(answer.status, 201, "{path}: {}", answer.body);
    answer.location.rsplit('/').next().unwrap().to_owned()
}

/// The administrator's token at a client of its own, whose tokens live for hours.
fn token() -> String {
    let client = format!("schemathesis-{}", uuid::Uuid::new_v4());
    server().admin(
        Method::POST,
        "/master/clients",
        Some(&json!({
            "clientId": client, "publicClient": true, "directAccessGrantsEnabled": true,
            "attributes": { "access.token.lifespan": "36000" },
        })),
    );
    server().token_at(&server().url, &client)
}

#[test]
fn no_request_fails_the_server_or_is_answered_otherwise_than_described() {
    let program = match installed("schemathesis/bin/schemathesis") {
        Ok(program) => program,
        Err(why) => return skip("schemathesis", &why),
    };
    if server().keycloak {
        return skip("schemathesis", "Keycloak does not describe its admin API");
    }
    let token = token();
    let realm = format!("schemathesis-{}", uuid::Uuid::new_v4());
    create(&token, "", &json!({ "realm": realm, "enabled": true }));
    let below = |path: &str, body: Value| create(&token, &format!("/{realm}{path}"), &body);
    let user = below("/users", json!({ "username": "somebody", "enabled": true }));
    let client = below(
        "/clients",
        json!({ "clientId": "app", "serviceAccountsEnabled": true }),
    );
    let group = below("/groups", json!({ "name": "some" }));
    let scope = below(
        "/client-scopes",
        json!({ "name": "some", "protocol": "openid-connect" }),
    );
    let role = below("/roles", json!({ "name": "some" }));
    let folder = Folder::new();
    let config = folder.join("schemathesis.toml");
    let of = |area: &str, parameters: &str| {
        format!(
            "[[operations]]\ninclude-path-regex = \"^/admin/realms/\\\\{{realm\\\\}}/{area}\"\nparameters = {{ \"path.realm\" = \"{realm}\", {parameters} }}\n"
        )
    };
    std::fs::write(
        &config,
        [
            format!("[parameters]\n\"path.realm\" = \"{realm}\"\n"),
            // 501 and 503 are answers like others; 500 is none.
            "[checks.not_a_server_error]\nexpected-statuses = [\"2xx\", \"4xx\", 501, 503]\n".to_owned(),
            of("users/", &format!("\"path.id\" = \"{user}\", \"path.client\" = \"{client}\", \"path.group\" = \"{group}\"")),
            of("clients/", &format!("\"path.client\" = \"{client}\", \"path.role\" = \"{role}\"")),
            of("groups/", &format!("\"path.id\" = \"{group}\", \"path.client\" = \"{client}\"")),
            of("client-scopes/", &format!("\"path.scope\" = \"{scope}\", \"path.client\" = \"{client}\"")),
            of("roles/", &format!("\"path.role\" = \"{role}\", \"path.owner\" = \"{client}\"")),
        ]
        .concat(),
    )
    .unwrap();
    let mut args: Vec<String> = ["--config-file", &config.display().to_string(), "run"]
        .map(str::to_owned)
        .into();
    args.push(format!("{}/admin/openapi.json", server().url));
    args.extend([
        "--header".to_owned(),
        format!("Authorization: Bearer {token}"),
    ]);
    args.extend(
        [
            "--phases=coverage,fuzzing",
            "--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
            "--max-examples=1",
            "--seed=1",
            "--continue-on-failure",
            "--workers=1",
            "--warnings=off",
        ]
        .map(str::to_owned),
    );
    for path in LEFT_OUT {
        args.extend(["--exclude-path".to_owned(), path.to_owned()]);
    }
    let said = run_within(300, &program, &args, |command| {
        command.current_dir(&*folder).env("HOME", &*folder);
    });
    assert!(said.ok, "{}", said.text);
}
