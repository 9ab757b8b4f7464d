use user::session::{self, Ended};
use uuid::Uuid;

use crate::with_database;

const NOW: i64 = 1_800_000_000;
#[test]
fn a_session_is_found_with_its_clients_and_ended() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let id = session::create(&t.pool, realm, t.login(user, "192.0.2.1", NOW))
            .await
            .unwrap();
        assert_eq!(id.len(), 24);
        let found = session::find(&t.pool, realm, &id).await.unwrap().unwrap();
        assert_eq!(
            (
                found.user_id,
                found.username.as_str(),
                found.ip_address.as_str()
            ),
            (user, "alice", "192.0.2.1")
        );
        assert_eq!(
            (found.started, found.last_refresh, found.remember_me),
            (NOW, NOW, false)
        );
        assert_eq!(
            found.clients.into_iter().collect::<Vec<_>>(),
            [(t.client, "registry".to_owned())]
        );
        let second = session::create(&t.pool, realm, t.login(user, "192.0.2.2", NOW + 1))
            .await
            .unwrap();
        let list = session::list(&t.pool, realm, user).await.unwrap();
        assert_eq!(
            list.iter().map(|one| &one.id).collect::<Vec<_>>(),
            [&second, &id]
        );
        assert_eq!(
            session::count_of_client(&t.pool, realm, t.client)
                .await
                .unwrap(),
            2
        );
        let counts = session::count_by_client(&t.pool, realm).await.unwrap();
        let counted = counts
            .iter()
            .map(|of| (of.id, of.client_id.as_str(), of.active, of.offline));
        assert_eq!(counted.collect::<Vec<_>>(), [(t.client, "registry", 2, 0)]);
        assert_eq!(
            session::list_of_client(&t.pool, realm, t.client, 1, 10)
                .await
                .unwrap()[0]
                .id,
            id
        );

        assert!(
            session::find(&t.pool, Uuid::new_v4(), &id)
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            session::find(&t.pool, realm, "a\0")
                .await
                .unwrap()
                .is_none()
        );
        let end = async |realm, id: &str| session::end(&t.pool, realm, id).await.unwrap();
        let over = |id: String| Ended {
            id,
            user_id: user,
            clients: vec!["registry".to_owned()],
        };
        assert_eq!(end(Uuid::new_v4(), &id).await, None);
        assert_eq!(end(realm, "a\0").await, None);
        assert_eq!(end(realm, &id).await, Some(over(id.clone())));
        assert_eq!(end(realm, &id).await, None);
        let all = session::end_all_of_user(&t.pool, realm, user).await;
        assert_eq!(all.unwrap(), [over(second)]);
        session::create(&t.pool, realm, t.login(user, "192.0.2.1", NOW))
            .await
            .unwrap();
        // Nobody wants to be told.
        assert_eq!(session::end_all(&t.pool, realm).await.unwrap(), []);
        let left = session::list(&t.pool, realm, user).await.unwrap();
        assert_eq!(left, []);
        let gone = session::create(&t.pool, realm, t.login(Uuid::new_v4(), "192.0.2.1", NOW)).await;
        assert!(matches!(gone, Err(store::Error::Missing(_))));
    });
}

#[test]
fn sweeping_deletes_what_is_over_and_nothing_else() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let start = async |at| {
            session::create(&t.pool, realm, t.login(user, "192.0.2.1", at))
                .await
                .unwrap()
        };
        let (idle, old, remembered) = (
            start(NOW - 1800).await,
            start(NOW - 40000).await,
            start(NOW - 3600).await,
        );
        let (busy, fresh) = (start(NOW - 35999).await, start(NOW - 1799).await);
        sqlx::query("update user_session set last_refresh = $1 where id = any($2)")
            .bind(NOW)
            .bind(vec![busy.clone()])
            .execute(&t.pool)
            .await
            .unwrap();
        sqlx::query("update user_session set remember_me = true where id = $1")
            .bind(&remembered)
            .execute(&t.pool)
            .await
            .unwrap();
        sqlx::query(
            "update realm set settings = settings || '{\"ssoSessionIdleTimeoutRememberMe\": 7200}'",
        )
        .execute(&t.pool)
        .await
        .unwrap();
        let sweep = async |limit| session::sweep(&t.pool, NOW, limit).await.unwrap();
        assert_eq!(
            [sweep(1).await, sweep(100).await, sweep(100).await],
            [1, 1, 0]
        );
        let mut left: Vec<_> = session::list(&t.pool, realm, user)
            .await
            .unwrap()
            .into_iter()
            .map(|one| one.id)
            .collect();
        let mut expected = vec![busy, fresh, remembered];
        left.sort();
        expected.sort();
        assert_eq!(left, expected);
        assert!(!left.contains(&idle) && !left.contains(&old));
    });
}
