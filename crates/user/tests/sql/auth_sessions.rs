//! Logins in progress, and authorization codes.

use serde_json::{Map, json};
use user::auth_session::{self, AuthSession};
use user::code::{self, Code, Taken};
use uuid::Uuid;

use crate::Fixture;

fn login(root: &str, tab: &str, expires: i64) -> AuthSession {
    AuthSession {
        root_id: root.to_owned(),
        tab_id: tab.to_owned(),
        session_code: "first".to_owned(),
        client_id: Uuid::nil(),
        request: json!({ "client_id": "app" }),
        user_id: None,
        notes: Map::new(),
        expires,
    }
}

#[test]
fn a_login_goes_on_from_the_step_it_stands_at() {
    crate::with_database(|db: Fixture| async move {
        let (pool, realm) = (&db.pool, db.realm.id);
        let alice = db.user("alice").await;
        let mut session = login("root", "tab", 100);
        auth_session::create(pool, realm, &session).await.unwrap();
        let found = |root: &'static str, now| auth_session::find(pool, realm, root, "tab", now);
        assert_eq!(found("root", 99).await.unwrap().as_ref(), Some(&session));
        assert_eq!(found("root", 100).await.unwrap(), None, "over");
        assert_eq!(found("root\0", 99).await.unwrap(), None);

        session.session_code = "second".to_owned();
        session.user_id = Some(alice);
        session.notes.insert("signed_in".to_owned(), json!(true));
        let update = |code: &'static str| auth_session::update(pool, realm, code, &session);
        assert!(update("first").await.unwrap());
        assert!(!update("first").await.unwrap(), "that step is past");
        assert_eq!(found("root", 99).await.unwrap().as_ref(), Some(&session));

        auth_session::rename_root(pool, realm, "root", "new")
            .await
            .unwrap();
        assert_eq!(found("root", 99).await.unwrap(), None);
        assert!(found("new", 99).await.unwrap().is_some());
        assert!(
            auth_session::delete(pool, realm, "new", "tab")
                .await
                .unwrap()
        );
        assert!(
            !auth_session::delete(pool, realm, "new", "tab")
                .await
                .unwrap()
        );
    });
}

#[test]
fn a_browser_has_a_bounded_number_of_logins_and_old_ones_are_swept() {
    crate::with_database(|db: Fixture| async move {
        let (pool, realm) = (&db.pool, db.realm.id);
        for tab in 0..320 {
            let session = login("root", &tab.to_string(), 1000 + tab);
            auth_session::create(pool, realm, &session).await.unwrap();
        }
        let count = || sqlx::query_scalar::<_, i64>("select count(*) from auth_session");
        assert_eq!(count().fetch_one(pool).await.unwrap(), 300);
        let newest = auth_session::find(pool, realm, "root", "319", 0)
            .await
            .unwrap();
        assert!(newest.is_some());
        assert_eq!(auth_session::sweep(pool, 1310, 5).await.unwrap(), 5);
        assert_eq!(auth_session::sweep(pool, 5000, 1000).await.unwrap(), 295);
    });
}

#[test]
fn a_code_is_first_used_once() {
    crate::with_database(|db: Fixture| async move {
        let (pool, realm) = (&db.pool, db.realm.id);
        let stored = Code {
            client_id: db.client,
            session_id: "s".to_owned(),
            request: json!({ "scope": "openid" }),
            expires: 100,
        };
        code::create(pool, realm, "text", &stored).await.unwrap();
        let take = |text: &'static str, now| code::take(pool, realm, text, now);
        assert_eq!(take("other", 50).await.unwrap(), Taken::Unknown);
        assert_eq!(take("text", 100).await.unwrap(), Taken::Unknown, "over");
        let (a, b) = tokio::join!(take("text", 50), take("text", 50));
        let (a, b) = (a.unwrap(), b.unwrap());
        let pair = [Taken::First(stored.clone()), Taken::Again(stored)];
        assert!(pair == [a.clone(), b.clone()] || pair == [b, a]);
        assert_eq!(code::sweep(pool, 101, 10).await.unwrap(), 1);
        assert_eq!(take("text", 50).await.unwrap(), Taken::Unknown);
    });
}
