//! By which name the server is called, and who may say so.

use std::net::IpAddr;

use reqwest::Client;
use testkit::http::Request;

use crate::load::{RUNTIME, send};
use crate::node::{Node, Setup};
use crate::{beside, postgres};

const FORGED: [(&str, &str); 7] = [
    ("Host", "evil.example"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Port", "4443"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Prefix", "/evil"),
    ("Forwarded", "for=203.0.113.9;host=evil.example;proto=https"),
];

/// All that a realm says about itself to a caller with these headers.
fn said(node: &Node, prefix: &str, headers: &[(&str, &str)]) -> String {
    let mut all = String::new();
    let ask = |method: &str, path: &str, body: Option<String>| {
        let mut request = Request::new(method, format!("{prefix}{path}"));
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(body);
        }
        request.send(&node.url).unwrap()
    };
    for path in [
        "/realms/master/.well-known/openid-configuration",
        "/realms/master",
    ] {
        all += &ask("GET", path, None).text();
    }
    let form = crate::admin::password_form(testkit::ADMIN.0, testkit::ADMIN.1);
    let tokens = ask(
        "POST",
        "/realms/master/protocol/openid-connect/token",
        Some(form),
    );
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let tokens = tokens.json();
    for name in ["access_token", "refresh_token"] {
        use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
        let claims = tokens[name].as_str().unwrap().split('.').nth(1).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        all += claims["iss"].as_str().unwrap();
    }
    all
}

#[test]
fn forged_host_and_forwarded_headers_leave_a_fixed_issuer_unchanged() {
    let _beside = beside();
    let database = postgres::shared().database();
    let node = Node::start(&database);
    let before = said(&node, "", &[]);
    assert!(before.contains(&node.url));
    for header in FORGED {
        let after = said(&node, "", &[header]);
        assert_eq!(after, before, "{header:?}");
    }
    assert_eq!(said(&node, "", &FORGED), before);
    // Nor with proxy headers on: the name is fixed.
    let node = Setup::start(&database)
        .env("KC_PROXY_HEADERS", "xforwarded")
        .ready();
    let before = said(&node, "", &[]);
    assert_eq!(said(&node, "", &FORGED), before);
}

/// The issuer that discovery names to a caller from an address of this machine.
fn issuer_from(node: &Node, address: [u8; 4], headers: &[(&str, &str)]) -> String {
    let client = Client::builder()
        .no_proxy()
        .local_address(IpAddr::from(address))
        .build()
        .unwrap();
    let mut request = client.get(format!(
        "{}/realms/master/.well-known/openid-configuration",
        node.url
    ));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let outcome = RUNTIME.block_on(send(request));
    assert!(outcome.is(200), "{outcome:?}");
    let document: serde_json::Value = serde_json::from_str(&outcome.body).unwrap();
    document["issuer"].as_str().unwrap().to_owned()
}

#[test]
fn forwarded_headers_count_only_from_trusted_proxies() {
    let _beside = beside();
    let database = postgres::shared().database();
    const STRANGER: [u8; 4] = [127, 0, 0, 1];
    const PROXY: [u8; 4] = [127, 0, 7, 2];
    let told = [
        ("X-Forwarded-Host", "id.example.org"),
        ("X-Forwarded-Proto", "https"),
    ];
    let told_both = [
        told[0],
        told[1],
        ("Forwarded", "host=other.example;proto=https"),
    ];

    // The host name is fixed; the scheme is what the proxy says.
    let node = Setup::start(&database)
        .option("--hostname", "localhost")
        .env("KC_PROXY_HEADERS", "xforwarded")
        .env("KC_PROXY_TRUSTED_ADDRESSES", "10.0.0.0/8,127.0.7.0/24")
        .ready();
    let own = format!("{}/realms/master", node.url);
    assert_eq!(issuer_from(&node, STRANGER, &[]), own);
    assert_eq!(issuer_from(&node, STRANGER, &told_both), own);
    assert_eq!(issuer_from(&node, PROXY, &[]), own);
    assert_eq!(
        issuer_from(&node, PROXY, &told_both),
        "https://localhost/realms/master"
    );
    drop(node);

    // Without proxy headers nobody is believed, trusted or not.
    let node = Setup::start(&database)
        .option("--hostname", "localhost")
        .env("KC_PROXY_TRUSTED_ADDRESSES", "127.0.7.0/24")
        .ready();
    let own = format!("{}/realms/master", node.url);
    assert_eq!(issuer_from(&node, PROXY, &told_both), own);
    drop(node);

    // Each kind of header only where it is the one that counts.
    let node = Setup::start(&database)
        .option("--hostname", "localhost")
        .env("KC_PROXY_HEADERS", "forwarded")
        .env("KC_PROXY_TRUSTED_ADDRESSES", "127.0.7.2")
        .ready();
    let own = format!("{}/realms/master", node.url);
    assert_eq!(issuer_from(&node, PROXY, &told), own);
    assert_eq!(
        issuer_from(&node, STRANGER, &[("Forwarded", "proto=https")]),
        own
    );
    assert_eq!(
        issuer_from(
            &node,
            PROXY,
            &[("Forwarded", "host=id.example.org;proto=https")]
        ),
        "https://localhost/realms/master"
    );
}

#[test]
fn everything_moves_below_the_relative_path() {
    let _beside = beside();
    let database = postgres::shared().database();
    let node = Setup::start(&database)
        .option("--hostname", "localhost")
        .env("KC_HTTP_RELATIVE_PATH", "/auth")
        .ready();
    let said = said(&node, "/auth", &[]);
    assert!(
        said.contains(&format!("{}/auth/realms/master", node.url)),
        "{said}"
    );
    assert!(!said.contains(&format!("{}/realms", node.url)), "{said}");
    assert_eq!(node.get("/realms/master").status, 404);
    assert_eq!(node.get("/auth/admin/realms").status, 401);
    assert_eq!(node.get("/admin/realms").status, 404);
}
