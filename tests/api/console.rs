//! What pages and the admin console ask outside the admin API: texts, and who looks at them.

use serde_json::{Value, json};

use crate::support::{Admin, Answer, Realm, server, token};

async fn public(path: &str) -> Answer {
    Answer::read(
        reqwest::get(format!("{}{path}", server().url))
            .await
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn texts_of_a_realm_are_kept_by_locale_and_read_by_pages() {
    let realm =
        Realm::with(json!({ "internationalizationEnabled": true, "defaultLocale": "fr" })).await;
    let admin = &realm.admin;
    let locale = |name: &str| realm.path(&format!("/localization/{name}"));
    assert_eq!(
        admin.get(&realm.path("/localization")).await.json,
        json!([])
    );
    assert_eq!(admin.get(&locale("fr")).await.json, json!({}));
    assert_eq!(
        admin
            .post(&locale("fr"), json!({ "a": "1", "b": "2" }))
            .await
            .status,
        204
    );
    assert_eq!(
        admin
            .post(&locale("fr"), json!({ "a": 9, "c": true, "b": null }))
            .await
            .status,
        204
    );
    let texts = json!({ "a": "9", "c": "true" });
    assert_eq!(admin.get(&locale("fr")).await.json, texts);
    assert_eq!(
        admin.post(&locale("de"), json!({ "a": "de" })).await.status,
        204
    );
    assert_eq!(
        admin.get(&realm.path("/localization")).await.json,
        json!(["de", "fr"])
    );
    let both = admin
        .get(&format!(
            "{}?useRealmDefaultLocaleFallback=true",
            locale("de")
        ))
        .await
        .json;
    assert_eq!(both, json!({ "a": "de", "c": "true" }));
    assert_eq!(admin.get(&locale("fr/a")).await.text, "9");
    let page = public(&format!("/resources/{}/admin/fr", realm.name)).await;
    assert_eq!(
        page.json,
        json!([{ "key": "a", "value": "9" }, { "key": "c", "value": "true" }])
    );
    assert_eq!(
        public(&format!("/resources/{}/admin/en", realm.name))
            .await
            .json,
        json!([])
    );
    assert_eq!(
        public("/resources/no-such-realm/admin/en").await.status,
        404
    );
    assert_eq!(
        public(&format!("/resources/{}/zz/en", realm.name))
            .await
            .status,
        404
    );

    assert_eq!(admin.delete(&locale("fr/a")).await.status, 204);
    let gone = admin.delete(&locale("fr/a")).await;
    assert_eq!(
        (gone.status, gone.json),
        (404, json!({ "error": "Localization text not found" }))
    );
    assert_eq!(admin.delete(&locale("fr")).await.status, 204);
    let gone = admin.delete(&locale("fr")).await;
    assert_eq!(
        gone.json,
        json!({ "error": "No localization texts for locale fr found." })
    );
    for bad in [
        json!([]),
        json!({ "a": {} }),
        json!({ "": "x" }),
        json!({ "a\nb": "x" }),
        Value::Null,
    ] {
        assert_eq!(
            admin.post(&locale("fr"), bad.clone()).await.status,
            400,
            "{bad}"
        );
    }
    let long = json!({ "a": "x".repeat(4001) });
    assert_eq!(admin.post(&locale("fr"), long).await.status, 400);
}

#[tokio::test]
async fn a_realm_has_a_bound_of_texts() {
    let realm = Realm::new().await;
    let texts = |from: usize, to: usize| -> Value {
        let texts = (from..to).map(|number| (format!("k{number}"), json!("x")));
        Value::Object(texts.collect())
    };
    let path = realm.path("/localization/en");
    assert_eq!(realm.admin.post(&path, texts(0, 10_000)).await.status, 204);
    let more = realm.admin.post(&path, texts(10_000, 10_001)).await;
    assert_eq!(
        more.json,
        json!({ "errorMessage": "A realm has 10000 texts at most" })
    );
    assert_eq!(realm.admin.post(&path, texts(0, 10)).await.status, 204);
}

/// A token of the admin console, by a password grant that the realm's administrator has allowed it.
async fn console(realm: &Realm, user: &str) -> Admin {
    let clients = realm.path("/clients");
    let found = format!("{clients}?clientId=security-admin-console");
    let mut client = realm.admin.get(&found).await.json[0].clone();
    client["directAccessGrantsEnabled"] = json!(true);
    let path = format!("{clients}/{}", client["id"].as_str().unwrap());
    assert_eq!(realm.admin.put(&path, client).await.status, 204);
    let form = [
        ("grant_type", "password"),
        ("client_id", "security-admin-console"),
        ("username", user),
        ("password", "secret"),
    ];
    let answer = token(&server().url, &realm.name, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    Admin::with_token(answer.json["access_token"].as_str().unwrap())
}

#[tokio::test]
async fn whoami_is_for_the_console_and_says_what_its_user_may() {
    let realm = Realm::new().await;
    let path = |realm: &str| format!("/../{realm}/console/whoami?currentRealm={realm}");
    realm
        .administrator("boss", &["manage-users", "view-realm"])
        .await;
    let boss = console(&realm, "boss").await;
    let me = boss.get(&path(&realm.name)).await;
    assert_eq!(me.status, 200, "{}", me.text);
    assert_eq!(me.json["realm"], realm.name);
    assert_eq!(me.json["displayName"], "boss Test");
    assert_eq!(me.json["createRealm"], false);
    let mut own: Vec<&str> = me.json["realm_access"][&realm.name]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role.as_str().unwrap())
        .collect();
    own.sort_unstable();
    assert_eq!(own, ["manage-users", "view-realm"]);
    // It shows no other realm, and its page is that of its own realm.
    assert_eq!(boss.get(&path("master")).await.status, 401);

    let alice = console(&realm, "alice").await;
    let none = alice.get(&path(&realm.name)).await;
    assert_eq!(
        (none.status, none.json),
        (403, json!({ "error": "No realm access" }))
    );
    let other = realm.admin.get(&path("master")).await;
    assert_eq!(other.status, 403);
    assert_eq!(
        other.json["error"],
        "Token issued for an application that is not the admin console: admin-cli"
    );
}
