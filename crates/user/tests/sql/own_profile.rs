use serde_json::json;
use uuid::Uuid;

use crate::with_database;

#[test]
fn an_action_that_was_done_is_not_demanded_any_more() {
    with_database(async |t| {
        let user = t.user("alice").await;
        t.update(
            user,
            json!({ "requiredActions": ["CONFIGURE_TOTP", "TERMS_AND_CONDITIONS"] }),
        )
        .await
        .unwrap();
        let (pool, realm) = (&t.pool, t.realm.id);
        let done = user::required_action::done(pool, realm, user, "CONFIGURE_TOTP").await;
        assert!(done.unwrap());
        assert!(
            user::required_action::agree(pool, realm, user, 1234)
                .await
                .unwrap()
        );
        let after = t.find(user).await;
        assert!(after.required_actions.is_empty());
        assert_eq!(after.attributes["terms_and_conditions"], json!(["1234"]));
        let nobody = Uuid::new_v4();
        assert!(
            !user::required_action::done(pool, realm, nobody, "X")
                .await
                .unwrap()
        );
    });
}

#[test]
fn users_change_what_the_profile_lets_them_and_nothing_else() {
    with_database(async |t| {
        let user = t.user("alice").await;
        t.update(user, json!({ "emailVerified": true }))
            .await
            .unwrap();
        t.user("bob").await;
        let change = async |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let mut tx = t.pool.begin().await.unwrap();
            let changed = user::update_own(&mut tx, &t.realm, user, &pairs).await;
            if changed.is_ok() {
                tx.commit().await.unwrap();
            }
            changed.map(|changed| changed.unwrap().new)
        };
        let error = change(&[("email", "nope"), ("firstName", " ")])
            .await
            .err()
            .unwrap();
        let text = crate::answer(error);
        assert!(
            text.contains("error-invalid-email") && text.contains("lastName"),
            "{text}"
        );
        let taken = [
            ("email", "bob@example.org"),
            ("firstName", "A"),
            ("lastName", "B"),
        ];
        assert_eq!(
            crate::answer(change(&taken).await.err().unwrap()),
            "User exists with same email"
        );
        let same = [
            ("email", "alice@example.org"),
            ("firstName", "A"),
            ("lastName", "B"),
        ];
        assert!(change(&same).await.unwrap().email_verified);
        let new = [
            ("email", "New@example.org"),
            ("firstName", "A"),
            ("lastName", "B"),
            ("username", "root"),
            ("enabled", "false"),
            ("disabledReason", "x"),
        ];
        let after = change(&new).await.unwrap();
        assert_eq!(after.email.as_deref(), Some("new@example.org"));
        assert!(!after.email_verified && after.enabled && after.username == "alice");
        assert!(after.attributes.is_empty());
    });
}
