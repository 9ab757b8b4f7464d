//! Identity tokens, and what ends them in the database itself.

use serde_json::json;
use user::session::identity::{self, Found, MAX, New, OVERLAP, Standing};
use user::session::{Part, offline};
use user::{credential, lockout};
use uuid::Uuid;

use crate::{Fixture, with_database};

const NOW: i64 = 1_800_000_000;

impl Fixture {
    fn identity<'a>(&self, user: Uuid, token: &'a str, now: i64) -> New<'a> {
        New {
            user,
            client: self.client,
            app_password: None,
            ip: "192.0.2.1",
            token,
            now,
            since: store::clock::now_ms(),
        }
    }

    async fn begin_identity(&self, new: New<'_>) -> Option<String> {
        identity::begin(&self.pool, self.realm.id, new)
            .await
            .unwrap()
    }

    async fn begun(&self, user: Uuid) -> String {
        self.begin_identity(self.identity(user, "t1", NOW))
            .await
            .unwrap()
    }

    fn identity_part<'a>(&self, session: &'a str) -> Part<'a> {
        Part {
            session,
            client: self.client,
            offline: true,
        }
    }

    async fn find_identity(&self, user: Uuid, session: &str) -> Option<Found> {
        let part = self.identity_part(session);
        identity::find(&self.pool, self.realm.id, user, part)
            .await
            .unwrap()
    }

    async fn set(&self, user: Uuid, password: &str) {
        let hash = self.hasher.hash(password).await.unwrap();
        let mut tx = self.pool.acquire().await.unwrap();
        let set = credential::set_password(&mut tx, &self.realm, user, &hash, false);
        assert!(set.await.unwrap());
    }
}

#[test]
fn an_identity_token_is_found_by_its_user_its_client_and_its_session() {
    with_database(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let id = t.begun(alice).await;
        let found = t.find_identity(alice, &id).await.unwrap();
        assert_eq!(
            (found.user.username.as_str(), found.current()),
            ("alice", "t1")
        );
        assert_eq!((found.times.started, found.times.last_refresh), (NOW, NOW));
        assert!(found.times.offline && found.locked_until == 0 && !found.is_expired(i64::MAX));
        assert!(t.find_identity(bob, &id).await.is_none());
        assert!(t.find_identity(alice, "a\0").await.is_none());
        let other = t.other_client("other").await;
        let part = Part {
            client: other,
            ..t.identity_part(&id)
        };
        let found = identity::find(&t.pool, t.realm.id, alice, part).await;
        assert!(found.unwrap().is_none());
        let listed = offline::list(&t.pool, t.realm.id, alice, t.client)
            .await
            .unwrap();
        assert_eq!((listed.len(), &listed[0].id), (1, &id));
        assert_eq!(
            t.begin_identity(t.identity(Uuid::new_v4(), "t", NOW)).await,
            None
        );
        let client = New {
            client: Uuid::new_v4(),
            ..t.identity(alice, "t", NOW)
        };
        assert_eq!(t.begin_identity(client).await, None);
    });
}

#[test]
fn a_refresh_is_noted_unless_somebody_did_just_now() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let id = t.begun(user).await;
        let touch = async |before, now| {
            let part = t.identity_part(&id);
            identity::touch(&t.pool, t.realm.id, part, (before, now))
                .await
                .unwrap();
            t.find_identity(user, &id).await.unwrap().times.last_refresh
        };
        assert_eq!(touch(NOW - 1, NOW + 59).await, NOW);
        assert_eq!(touch(NOW, NOW + 60).await, NOW + 60);
    });
}

#[test]
fn a_token_whose_place_was_taken_stays_good_for_a_moment() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let id = t.begun(user).await;
        let rotate = async |old, new, now| {
            let part = t.identity_part(&id);
            identity::rotate(&t.pool, t.realm.id, part, (old, new), now)
                .await
                .unwrap()
        };
        assert!(rotate("t1", "t2", NOW + 5).await);
        assert!(!rotate("t1", "t3", NOW + 5).await);
        let found = t.find_identity(user, &id).await.unwrap();
        assert_eq!((found.current(), found.times.last_refresh), ("t2", NOW + 5));
        assert_eq!(found.standing("t2", NOW + 5), Standing::Current);
        let until = NOW + 5 + OVERLAP;
        assert_eq!(found.standing("t1", until - 1), Standing::Overlapping);
        assert_eq!(found.standing("t1", until), Standing::Replaced);
        assert_eq!(found.standing("t0", NOW), Standing::Replaced);
        assert!(!rotate("t2", "t3", until - 1).await, "t1 is still good");
        assert!(rotate("t2", "t3", until).await);
        let found = t.find_identity(user, &id).await.unwrap();
        assert_eq!(found.standing("t1", until), Standing::Replaced);
        assert_eq!(found.standing("t2", until), Standing::Overlapping);
    });
}

#[test]
fn the_one_unused_for_longest_ends_when_there_are_too_many() {
    with_database(async |t| {
        let (user, bob) = (t.user("alice").await, t.user("bob").await);
        let other = t
            .begin_identity(t.identity(bob, "b", NOW - 9))
            .await
            .unwrap();
        let mut begun = vec![];
        for number in 0..MAX {
            begun.push(
                t.begin_identity(t.identity(user, "t", NOW + number))
                    .await
                    .unwrap(),
            );
        }
        let part = t.identity_part(&begun[0]);
        let now = NOW + MAX;
        identity::touch(&t.pool, t.realm.id, part, (now, now))
            .await
            .unwrap();
        t.begin_identity(t.identity(user, "t", now)).await.unwrap();
        assert!(t.find_identity(user, &begun[0]).await.is_some());
        assert!(t.find_identity(user, &begun[1]).await.is_none());
        assert!(t.find_identity(user, &begun[2]).await.is_some());
        assert!(t.find_identity(bob, &other).await.is_some());
    });
}

#[test]
fn disabling_ends_it_whoever_does_it_and_nobody_disabled_begins_one() {
    with_database(async |mut t| {
        let user = t.user("alice").await;
        let id = t.begun(user).await;
        assert!(t.update(user, json!({ "firstName": "Al" })).await.unwrap());
        assert!(t.find_identity(user, &id).await.is_some());
        assert!(t.update(user, json!({ "enabled": false })).await.unwrap());
        assert!(t.find_identity(user, &id).await.is_none());
        assert_eq!(t.begin_identity(t.identity(user, "t", NOW)).await, None);
        assert!(t.update(user, json!({ "enabled": true })).await.unwrap());
        assert!(t.find_identity(user, &id).await.is_none());

        let id = t.begun(user).await;
        t.realm.settings.permanent_lockout = true;
        t.realm.settings.failure_factor = 1;
        let failed = lockout::fail(&t.pool, &t.realm, user, "192.0.2.1", NOW * 1000).await;
        assert!(failed.unwrap().disabled);
        assert!(t.find_identity(user, &id).await.is_none());
    });
}

#[test]
fn another_password_ends_what_was_got_with_one() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let id = t.begun(user).await;
        t.set(user, "second").await;
        assert!(t.find_identity(user, &id).await.is_none());

        let id = t.begun(user).await;
        let all = credential::list(&t.pool, t.realm.id, user).await.unwrap();
        let (password, created) = (all[0].id, all[0].created_date);
        let hash = t.hasher.hash("second").await.unwrap();
        credential::upgrade_password(&t.pool, t.realm.id, password, created, &hash)
            .await
            .unwrap();
        assert!(
            t.find_identity(user, &id).await.is_some(),
            "the same, hashed anew"
        );
        assert!(
            credential::delete(&t.pool, t.realm.id, user, password)
                .await
                .unwrap()
        );
        assert!(t.find_identity(user, &id).await.is_none());
        assert_eq!(
            t.begin_identity(t.identity(user, "t", NOW)).await,
            None,
            "none is left"
        );

        t.set(user, "third").await;
        let late = New {
            since: 0,
            ..t.identity(user, "t", NOW)
        };
        assert_eq!(
            t.begin_identity(late).await,
            None,
            "it changed while the login went on"
        );
    });
}

#[test]
fn a_realm_may_let_them_outlive_passwords() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let sql = "update realm set settings = jsonb_set(settings, '{attributes}', \
                   '{\"dockerV2.passwordChangeEndsTokens\": \"false\"}') where id = $1";
        sqlx::query(sql)
            .bind(t.realm.id)
            .execute(&t.pool)
            .await
            .unwrap();
        let id = t.begun(user).await;
        t.set(user, "second").await;
        assert!(t.find_identity(user, &id).await.is_some());
    });
}

#[test]
fn what_was_got_with_an_app_password_ends_with_it_and_not_with_the_password() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let app_password = Uuid::new_v4();
        let sql = "insert into credential (realm_id, id, user_id, type, created_date, priority, credential_data, secret_data) \
                   values ($1, $2, $3, 'app-password', 0, 20, '{\"expirationDate\": 5}', '')";
        let insert = sqlx::query(sql)
            .bind(t.realm.id)
            .bind(app_password)
            .bind(user);
        insert.execute(&t.pool).await.unwrap();
        let new = New {
            app_password: Some(app_password),
            ..t.identity(user, "t", NOW)
        };
        let id = t.begin_identity(new).await.unwrap();
        t.set(user, "second").await;
        let found = t.find_identity(user, &id).await.unwrap();
        assert_eq!(found.app_password, Some(app_password));
        assert!(found.is_expired(5) && !found.is_expired(4));
        assert!(
            credential::delete(&t.pool, t.realm.id, user, app_password)
                .await
                .unwrap()
        );
        assert!(t.find_identity(user, &id).await.is_none());
        assert_eq!(t.begin_identity(new).await, None);
    });
}
