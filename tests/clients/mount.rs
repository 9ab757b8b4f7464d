//! Layers that come from another repository of the same registry.

use reqwest::Method;

use crate::{
    access::{Audit, PASSWORD, realm},
    client::CRANE,
    registry::{Registry, VERSIONS, Wire},
    server::server,
    visit::is_there,
};

#[test]
fn a_layer_is_mounted_from_another_repository_only_where_both_sides_allow_it() {
    if !is_there(&CRANE) || server().keycloak {
        return;
    }
    let realm = realm(&CRANE);
    for version in VERSIONS {
        let registry = Registry::start(version, Wire::Plain, &realm).unwrap();
        let audit = Audit::new(&CRANE, &registry, String::new());
        audit.fill();
        let token = |user: &str, scope: &str| {
            let answer = server()
                .docker_token(&realm.name, user, PASSWORD, scope)
                .json();
            answer["token"].as_str().unwrap().to_owned()
        };
        let layer = &audit.owner.image.layer;
        let mount = |user: &str, from: &str, to: &str| {
            let scope = format!("repository:{to}:push,pull repository:{from}:pull");
            let url = format!(
                "http://{}/v2/{to}/blobs/uploads/?mount={layer}&from={from}",
                registry.host
            );
            let answer = server().send(Method::POST, &url, &token(user, &scope), None);
            answer.status.as_u16()
        };
        for (user, from, to, status) in [
            ("ursula", "by-user/read", "by-user/write", 201),
            ("ursula", "public/read", "by-user/write", 201),
            ("ursula", "secret/read", "by-user/write", 401),
            ("ursula", "by-user/write", "by-user/read", 401),
            ("mallory", "public/read", "by-user/write", 401),
        ] {
            let got = mount(user, from, to);
            assert_eq!(
                got, status,
                "{user} mounts from {from} to {to} at {version}"
            );
        }
    }
}
