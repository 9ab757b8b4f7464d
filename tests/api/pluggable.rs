//! A protocol from outside: one type, one line in the list, and every realm speaks it and the admin API knows it.

use actix_web::web::{self, ServiceConfig};
use protocol::{
    BuiltinMapper, ClientRepresentation, InstallInput, Installation, MapperType, Protocol,
    Protocols, RealmContext,
};
use reqwest::Client;
use serde_json::{Value, json};
use server::settings::Settings;

use crate::support::{Answer, login, start};

struct Toy;

impl Protocol for Toy {
    fn id(&self) -> &'static str {
        "toy"
    }

    fn routes(&self, cfg: &mut ServiceConfig) {
        cfg.service(protocol::resource("/hello").route(web::get().to(hello)));
    }

    fn realm_routes(&self, cfg: &mut ServiceConfig) {
        cfg.service(protocol::resource("/.well-known/toy").route(web::get().to(hello)));
    }

    fn mapper_types(&self) -> &'static [MapperType] {
        &[MapperType {
            id: "toy-mapper",
            name: "Toy",
            category: "Toys",
            help: "Plays",
            priority: 0,
            properties: &[],
        }]
    }

    fn builtin_mappers(&self) -> &'static [BuiltinMapper] {
        &[BuiltinMapper {
            name: "toy",
            mapper_type: "toy-mapper",
            config: &[],
            default: false,
        }]
    }

    fn installations(&self) -> &'static [Installation] {
        &[Installation {
            id: "toy-file",
            media_type: "text/plain",
            display_type: "Toy",
            help: "Plays",
            filename: "toy.txt",
            download_only: false,
            render: |input: &InstallInput<'_>| {
                format!("{} at {}", input.client.client_id, input.base).into_bytes()
            },
        }]
    }

    fn complete(&self, client: &mut ClientRepresentation) {
        client.description.get_or_insert_with(|| "a toy".to_owned());
    }

    fn check(&self, client: &ClientRepresentation) -> Vec<String> {
        let broken = client.name.as_deref() == Some("broken");
        broken
            .then(|| "Toys must not be broken".to_owned())
            .into_iter()
            .collect()
    }
}

async fn hello(ctx: RealmContext) -> String {
    format!("hello from {}", ctx.issuer())
}

static PROTOCOLS: Protocols =
    Protocols(&[&openid_connect::OpenidConnect, &docker_v2::DockerV2, &Toy]);

async fn call(request: reqwest::RequestBuilder) -> Answer {
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_protocol_from_outside_needs_one_line_in_the_list() {
    let server = start("pluggable", &PROTOCOLS, Settings::default());
    let http = Client::new();
    let base = &server.url;
    let token = login(base, "master", "admin", "admin").await;
    let get = |path: &str| http.get(format!("{base}{path}")).bearer_auth(&token);
    let post = |path: &str, body: Value| {
        http.post(format!("{base}{path}"))
            .bearer_auth(&token)
            .json(&body)
    };
    assert_eq!(
        call(post(
            "/admin/realms",
            json!({ "realm": "r", "enabled": true })
        ))
        .await
        .status,
        201
    );

    // Every realm speaks it, and the realm is checked without its doing.
    assert_eq!(
        call(get("/realms/r/protocol/toy/hello")).await.text,
        format!("hello from {base}/realms/r")
    );
    assert_eq!(
        call(get("/auth/realms/r/protocol/toy/hello")).await.text,
        format!("hello from {base}/auth/realms/r")
    );
    assert_eq!(call(get("/realms/r/.well-known/toy")).await.status, 200);
    assert_eq!(
        call(get("/realms/nosuch/protocol/toy/hello")).await.json["error"],
        "Realm does not exist"
    );
    assert_eq!(
        call(post("/realms/r/protocol/toy/hello", json!({})))
            .await
            .status,
        405
    );

    // The admin API knows it: clients are completed and checked, mappers and files are its own.
    let made = call(post(
        "/admin/realms/r/clients",
        json!({ "clientId": "t", "protocol": "toy" }),
    ))
    .await;
    assert_eq!(made.status, 201, "{}", made.json);
    let path = made
        .location
        .strip_prefix(base.as_str())
        .unwrap()
        .to_owned();
    assert_eq!(call(get(&path)).await.json["description"], "a toy");
    let broken = call(post(
        "/admin/realms/r/clients",
        json!({ "clientId": "b", "protocol": "toy", "name": "broken" }),
    ))
    .await;
    assert_eq!(
        (broken.status, &broken.json["error_description"]),
        (400, &json!("Toys must not be broken"))
    );
    let mapper =
        json!({ "name": "m", "protocol": "toy", "protocolMapper": "toy-mapper", "config": {} });
    assert_eq!(
        call(post(&format!("{path}/protocol-mappers/models"), mapper))
            .await
            .status,
        201
    );
    let file = call(get(&format!("{path}/installation/providers/toy-file"))).await;
    assert_eq!(file.text, format!("t at {base}"));
    let info = call(get("/admin/serverinfo")).await.json;
    assert_eq!(info["protocolMapperTypes"]["toy"][0]["id"], "toy-mapper");
    assert_eq!(info["clientInstallations"]["toy"][0]["id"], "toy-file");
    assert_eq!(info["builtinProtocolMappers"]["toy"][0]["name"], "toy");
}
