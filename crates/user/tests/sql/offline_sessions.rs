//! Sessions that go on when the user's other sessions end.

use user::session::{self, New, Part, offline};
use uuid::Uuid;

use crate::{Fixture, LIMITS, with_database};

const NOW: i64 = 1_800_000_000;

async fn login(t: &Fixture, user: Uuid, until_offline: bool) -> String {
    let new = New {
        until_offline,
        auth_time: Some(NOW),
        ..t.login(user, "192.0.2.1", NOW)
    };
    session::create(&t.pool, t.realm.id, new).await.unwrap()
}

async fn begin(t: &Fixture, id: &str, client: Uuid, now: i64) -> bool {
    let begun = offline::begin(&t.pool, t.realm.id, id, client, now).await;
    begun.unwrap().is_some()
}

#[test]
fn an_offline_session_outlives_the_one_that_it_came_from() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let id = login(&t, user, false).await;
        assert!(begin(&t, &id, t.client, NOW + 5).await);
        assert!(!begin(&t, "nosuch", t.client, NOW).await);
        assert!(session::find(&t.pool, realm, &id).await.unwrap().is_some());
        session::end(&t.pool, realm, &id).await.unwrap();

        let found = offline::find(&t.pool, realm, &id).await.unwrap().unwrap();
        assert_eq!((found.user_id, found.username.as_str()), (user, "alice"));
        assert_eq!(
            (found.started, found.last_refresh, found.auth_time),
            (NOW + 5, NOW + 5, Some(NOW))
        );
        assert_eq!(
            found.clients.get(&t.client).map(String::as_str),
            Some("registry")
        );
        let part = Part {
            session: &id,
            client: t.client,
            offline: true,
        };
        let resumed = session::resume(&t.pool, realm, part, &LIMITS, NOW + 10).await;
        assert!(resumed.unwrap().unwrap().times.offline);
        session::touch(&t.pool, realm, part, NOW + 20)
            .await
            .unwrap();
        let found = offline::find(&t.pool, realm, &id).await.unwrap().unwrap();
        assert_eq!(found.last_refresh, NOW + 20);

        let list = offline::list(&t.pool, realm, user, t.client).await.unwrap();
        assert_eq!(list, std::slice::from_ref(&found));
        let list = offline::list_of_client(&t.pool, realm, t.client, 0, 10).await;
        assert_eq!(list.unwrap(), [found]);
        let count = offline::count_of_client(&t.pool, realm, t.client).await;
        assert_eq!(count.unwrap(), 1);
        let clients = offline::clients_of_user(&t.pool, realm, user)
            .await
            .unwrap();
        assert_eq!(clients, [(t.client, "registry".to_owned())]);
        let counts = session::count_by_client(&t.pool, realm).await.unwrap();
        assert_eq!((counts[0].active, counts[0].offline), (0, 1));

        assert!(!offline::delete(&t.pool, Uuid::new_v4(), &id).await.unwrap());
        assert!(offline::delete(&t.pool, realm, &id).await.unwrap());
        assert!(!offline::delete(&t.pool, realm, &id).await.unwrap());
        assert_eq!(offline::find(&t.pool, realm, "a\0").await.unwrap(), None);
    });
}

#[test]
fn a_session_that_began_for_offline_access_alone_ends_when_that_begins() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let (alone, shared) = (login(&t, user, true).await, login(&t, user, true).await);
        let other = t.other_client("other").await;
        session::join(&t.pool, realm, &shared, other, NOW)
            .await
            .unwrap();
        for id in [&alone, &shared] {
            assert!(begin(&t, id, t.client, NOW).await);
        }
        let left = session::list(&t.pool, realm, user).await.unwrap();
        assert_eq!(
            left.iter().map(|one| &one.id).collect::<Vec<_>>(),
            [&shared]
        );
        assert!(begin(&t, &shared, other, NOW).await);
        let found = offline::find(&t.pool, realm, &shared)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.clients.len(), 2);
        assert_eq!(
            offline::delete_of_user(&t.pool, realm, user, t.client)
                .await
                .unwrap(),
            2
        );
        let found = offline::find(&t.pool, realm, &shared)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.clients.into_keys().collect::<Vec<_>>(), [other]);
        assert_eq!(offline::delete_all(&t.pool, realm).await.unwrap(), 1);
    });
}

#[test]
fn offline_sessions_are_swept_by_their_own_limits() {
    with_database(async |t| {
        let user = t.user("alice").await;
        for _ in 0..2 {
            let id = login(&t, user, true).await;
            assert!(begin(&t, &id, t.client, NOW).await);
        }
        let sweep = async |now| session::sweep_offline(&t.pool, now, 1).await.unwrap();
        let month = 30 * 24 * 3600;
        assert_eq!(sweep(NOW + month - 1).await, 0);
        assert_eq!(sweep(NOW + month).await, 1);
        let set = |settings| {
            sqlx::query("update realm set settings = settings || $1::jsonb")
                .bind(settings)
                .execute(&t.pool)
        };
        set(r#"{"offlineSessionMaxLifespan": 100}"#).await.unwrap();
        assert_eq!(sweep(NOW + 100).await, 0, "not enabled");
        set(r#"{"offlineSessionMaxLifespanEnabled": true}"#)
            .await
            .unwrap();
        assert_eq!(sweep(NOW + 100).await, 1);
    });
}

#[test]
fn offline_sessions_go_with_their_user_and_their_client() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let other = t.other_client("other").await;
        let id = login(&t, user, false).await;
        session::join(&t.pool, realm, &id, other, NOW)
            .await
            .unwrap();
        for client in [t.client, other] {
            assert!(begin(&t, &id, client, NOW).await);
        }
        let gone = sqlx::query("delete from client where id = $1").bind(other);
        gone.execute(&t.pool).await.unwrap();
        let found = offline::find(&t.pool, realm, &id).await.unwrap().unwrap();
        assert_eq!(found.clients.len(), 1);
        let gone = sqlx::query("delete from user_entity where id = $1").bind(user);
        gone.execute(&t.pool).await.unwrap();
        assert_eq!(offline::find(&t.pool, realm, &id).await.unwrap(), None);
    });
}
