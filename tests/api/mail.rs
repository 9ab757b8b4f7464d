//! E-mails that administrators send.

use serde_json::{Value, json};

use crate::mail_sink::{Sink, ask, with_mail};
use crate::support::{Realm, claims};

#[tokio::test]
async fn the_mail_server_is_spoken_to_as_the_realm_says() {
    let (realm, mut sink) = with_mail().await;
    let shown = realm.admin.get(&realm.path("")).await.json;
    assert_eq!(shown["smtpServer"]["password"], "**********");
    assert_eq!(shown["smtpServer"]["port"], sink.port.to_string());
    // The mask leaves the password as it is.
    let again = json!({ "smtpServer": shown["smtpServer"] });
    assert_eq!(realm.admin.put(&realm.path(""), again).await.status, 204);

    let sent = ask(
        &realm,
        "execute-actions-email",
        json!(["UPDATE_PASSWORD", "VERIFY_EMAIL"]),
    )
    .await;
    assert_eq!(
        (sent.status, sent.text.as_str()),
        (204, ""),
        "{}",
        sent.json
    );
    let letter = sink.letter().await;
    let said = letter.commands.join("\n");
    // PLAIN: NUL u NUL hush.
    assert!(said.contains("AUTH PLAIN AHUAaHVzaA=="), "{said}");
    assert!(said.contains("MAIL FROM:<bounce@example.org>"), "{said}");
    assert!(said.contains("RCPT TO:<alice@example.test>"), "{said}");
    for header in [
        "From: \"The Keeper\" <keeper@example.org>\n",
        "Reply-To: help@example.org\n",
        "To: alice@example.test\n",
        "Subject: Update Your Account\n",
    ] {
        assert!(letter.text.contains(header), "{header}{}", letter.text);
    }
    let text = letter.text.replace("=\n", "");
    assert!(text.contains("update your Blue <& Co account"), "{text}");
    assert!(
        text.contains("update your Blue &lt;&amp; Co account"),
        "{text}"
    );
    assert!(text.contains("Update Password, Verify Email"), "{text}");
    assert!(text.contains("expire within 12 hours"), "{text}");
    let key = letter.link();
    let claims = claims(key.split_once("?key=").unwrap().1);
    assert_eq!(claims["typ"], "execute-actions");
    assert_eq!(claims["rqac"], json!(["UPDATE_PASSWORD", "VERIFY_EMAIL"]));
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        43200
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_said() {
    let realm = Realm::new().await;
    let none = realm
        .admin
        .create(
            &realm.path("/users"),
            json!({ "username": "nomail", "enabled": true }),
        )
        .await;
    let off = json!({ "username": "off", "email": "off@example.test" });
    let off = realm.admin.create(&realm.path("/users"), off).await;
    let call = async |user: &str, body: Value| {
        let path = realm.path(&format!("/users/{user}/execute-actions-email"));
        let answer = realm.admin.put(&path, body).await;
        (
            answer.status,
            answer.json["errorMessage"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let verify = || json!(["VERIFY_EMAIL"]);
    let text = "Failed to send execute actions email: the realm has no mail server; set host, port and from of its smtpServer";
    assert_eq!(call(&realm.alice, verify()).await, (400, text.to_owned()));
    assert_eq!(
        call(&none, verify()).await,
        (400, "User email missing".to_owned())
    );
    assert_eq!(
        call(&off, verify()).await,
        (400, "User is disabled".to_owned())
    );
    for actions in [json!(["nosuch"]), json!(["verify_email"])] {
        let invalid = (400, "Provided invalid required actions".to_owned());
        assert_eq!(call(&realm.alice, actions).await, invalid);
    }
    assert_eq!(call(&realm.alice, json!({})).await.0, 400);

    // A port that nobody listens at any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let set =
        json!({ "smtpServer": { "host": "127.0.0.1", "port": port, "from": "a@example.org" } });
    assert_eq!(realm.admin.put(&realm.path(""), set).await.status, 204);
    let (status, text) = call(&realm.alice, verify()).await;
    assert_eq!(status, 500);
    assert!(
        text.starts_with("Failed to send execute actions email: Connection"),
        "{text}"
    );

    // Encryption that is wanted and not offered: nothing is said in clear.
    let mut sink = Sink::start().await;
    let mut wanted = sink.settings();
    wanted["starttls"] = json!("true");
    assert_eq!(
        realm
            .admin
            .put(&realm.path(""), json!({ "smtpServer": wanted }))
            .await
            .status,
        204
    );
    assert_eq!(call(&realm.alice, verify()).await.0, 500);
    assert!(
        !sink
            .letter()
            .await
            .commands
            .iter()
            .any(|said| said.starts_with("AUTH"))
    );

    for (smtp, from) in [
        (json!({ "host": "h" }), "null"),
        (json!({ "from": "a b@c" }), "a b@c"),
    ] {
        let refused = realm
            .admin
            .put(&realm.path(""), json!({ "smtpServer": smtp }))
            .await;
        assert_eq!(refused.status, 400);
        let text = refused.json["errorMessage"].as_str().unwrap();
        assert!(
            text.starts_with(&format!("Invalid sender address '{from}'.")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_administrator_tries_a_mail_server() {
    let (realm, mut sink) = with_mail().await;
    let boss = realm.administrator("boss", &["manage-realm"]).await;
    let path = realm.path("/testSMTPConnection");
    let sent = boss.post(&path, sink.settings()).await;
    assert_eq!(sent.status, 204, "{}", sent.json);
    let letter = sink.letter().await;
    assert!(
        letter
            .commands
            .contains(&"RCPT TO:<boss@example.test>".to_owned())
    );

    // The stored password goes to the stored server, and to no other.
    let mut masked = sink.settings();
    masked["password"] = json!("**********");
    assert_eq!(boss.post(&path, masked.clone()).await.status, 204);
    let said = sink.letter().await.commands.join("\n");
    assert!(said.contains("AUTH PLAIN AHUAaHVzaA=="), "{said}");
    let mut elsewhere = Sink::start().await;
    masked["port"] = json!(elsewhere.port);
    let refused = boss.post(&path, masked).await;
    assert_eq!(refused.status, 400);
    let text = "Failed to send email: give the password for another host, port or user";
    assert_eq!(refused.json, json!({ "errorMessage": text }));
    assert!(elsewhere.letters.try_recv().is_err());

    for (body, status) in [
        (json!({}), 400),
        (json!([]), 400),
        (json!({ "host": { "a": 1 } }), 400),
    ] {
        assert_eq!(
            boss.post(&path, body.clone()).await.status,
            status,
            "{body}"
        );
    }
    let viewer = realm
        .administrator("viewer", &["view-realm", "manage-users"])
        .await;
    assert_eq!(viewer.post(&path, sink.settings()).await.status, 403);
}

#[tokio::test]
async fn the_mail_password_is_not_in_the_database_as_it_is() {
    let (realm, _sink) = with_mail().await;
    let stored = crate::rows::dump(&realm.name).await;
    assert!(stored.contains("keeper@example.org") && !stored.contains("hush"));
    // What is cleared is gone, and a mask does not bring it back.
    let path = realm.path("");
    assert_eq!(
        realm
            .admin
            .put(&path, json!({ "smtpServer": {} }))
            .await
            .status,
        204
    );
    let masked =
        json!({ "smtpServer": { "host": "h", "from": "a@b.c", "password": "**********" } });
    assert_eq!(realm.admin.put(&path, masked).await.status, 204);
    let shown = realm.admin.get(&path).await.json;
    assert_eq!(shown["smtpServer"], json!({ "host": "h", "from": "a@b.c" }));
}
