//! Requests that no client means to send: odd paths, methods and credentials.

use base64::Engine as _;
use testkit::http::{Request, Response};

use crate::support::{Realm, login, server};

/// A request with every byte as given.
async fn raw(request: Request) -> Response {
    tokio::task::spawn_blocking(move || request.send(&server().url).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn odd_paths_reach_no_other_route() {
    let realm = Realm::new().await;
    let token = login(&server().url, "master", "admin", "admin").await;
    let users = format!("/admin/realms/{}/users", realm.name);
    assert_eq!(
        raw(Request::new("GET", &users).bearer(&token)).await.status,
        200
    );
    for path in [
        users.replace("/users", "//users"),
        users.replace("/users", "/./users"),
        users.replace("/users", "/x/../users"),
        users.replace("/users", "/%2e%2e/users"),
        users.replace("/users", "%2fusers"),
        users.replace("/users", ";x=y/users"),
        users.replace("/users", "/users;x"),
        users.replace("/users", "/users%3Bx"),
        users.replace("/users", "/users%00"),
        users.replace("/admin", "/Admin"),
        users.replace("/admin", "/x/../admin"),
        users.replace("/admin", "//admin"),
        format!("{users}/%00"),
        format!("{users}/%ff"),
        format!("{users}/."),
        format!("{users}/{}/..", realm.alice),
        format!("{users}/{}%00", realm.alice),
        format!("{users}/{}/credentials/..", realm.alice),
        "/admin/realms/%00/users".to_owned(),
        "/admin/realms/%ff/users".to_owned(),
        "/admin/realms/%2e%2e/users".to_owned(),
    ] {
        let answer = raw(Request::new("GET", &path).bearer(&token)).await;
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
    }
    for method in ["TRACE", "CONNECT", "PATCH", "PROPFIND", "get"] {
        let answer = raw(Request::new(method, &users).bearer(&token)).await;
        assert!(
            matches!(answer.status, 400 | 404 | 405 | 501),
            "{method}: {}",
            answer.status
        );
    }
    // What says that another method was meant is not listened to.
    let overridden = Request::new("GET", format!("{users}/{}", realm.alice))
        .bearer(&token)
        .header("X-HTTP-Method-Override", "DELETE");
    assert_eq!(raw(overridden).await.status, 200);
    assert_eq!(
        realm
            .admin
            .get(&realm.path(&format!("/users/{}", realm.alice)))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn odd_credentials_are_401_with_a_challenge() {
    let realm = Realm::new().await;
    let path = format!("/realms/{}/protocol/docker-v2/auth?service=reg", realm.name);
    let basic = |bytes: &[u8]| {
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(bytes)
        )
        .into_bytes()
    };
    let long = [b"alice:".as_slice(), &[b'x'; 8192]].concat();
    for value in [
        basic(b"alice:a\0b"),
        basic(b"alice\0:secret"),
        basic(b"alice:\xff"),
        basic(b"\xff\xfe:x"),
        basic(b":"),
        basic(b"alice"),
        basic(b":secret"),
        basic(&long),
        b"Basic \xff\xff".to_vec(),
        b"Basic YWxpY2U6c2VjcmV0=".to_vec(),
        b"Basic YWxpY2U6c2VjcmV0, Basic YWxpY2U6c2VjcmV0".to_vec(),
        b"Basic\tYWxpY2U6c2VjcmV0".to_vec(),
        b"Bearer YWxpY2U6c2VjcmV0".to_vec(),
        b"Digest username=alice".to_vec(),
        b"Negotiate".to_vec(),
        b"".to_vec(),
    ] {
        let shown = String::from_utf8_lossy(&value).into_owned();
        let answer = raw(Request::new("GET", &path).header("Authorization", value)).await;
        assert_eq!(answer.status, 401, "{shown}: {}", answer.text());
        let challenge = format!("Basic realm=\"{}\", charset=\"UTF-8\"", realm.name);
        assert_eq!(
            answer.header("WWW-Authenticate"),
            Some(challenge.as_str()),
            "{shown}"
        );
        assert_eq!(
            answer.json()["errors"][0]["code"],
            "UNAUTHORIZED",
            "{shown}"
        );
    }
    let good = basic(b"alice:secret");
    assert_eq!(
        raw(Request::new("GET", &path).header("Authorization", good.clone()))
            .await
            .status,
        200
    );
    let twice = Request::new("GET", &path)
        .header("Authorization", good.clone())
        .header("Authorization", good);
    assert_eq!(raw(twice).await.status, 401);
}
