use user::session::{self, Limits, Refresh};
use uuid::Uuid;

use crate::with_database;

const NOW: i64 = 1_800_000_000;
const LIMITS: Limits = Limits {
    idle: 1800,
    lifespan: 36000,
};

#[test]
fn a_session_is_found_with_its_clients_and_ended() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let id = session::create(&t.pool, realm, user, t.client, "192.0.2.1", NOW)
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
        let second = session::create(&t.pool, realm, user, t.client, "192.0.2.2", NOW + 1)
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
        assert_eq!(counts, [(t.client, "registry".to_owned(), 2)]);
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
        assert!(!session::delete(&t.pool, Uuid::new_v4(), &id).await.unwrap());
        assert!(session::delete(&t.pool, realm, &id).await.unwrap());
        assert!(!session::delete(&t.pool, realm, &id).await.unwrap());
        assert_eq!(
            session::delete_all_of_user(&t.pool, realm, user)
                .await
                .unwrap(),
            1
        );
        session::create(&t.pool, realm, user, t.client, "192.0.2.1", NOW)
            .await
            .unwrap();
        assert_eq!(session::delete_all(&t.pool, realm).await.unwrap(), 1);
        let gone =
            session::create(&t.pool, realm, Uuid::new_v4(), t.client, "192.0.2.1", NOW).await;
        assert!(matches!(gone, Err(store::Error::Missing(_))));
    });
}

#[test]
fn a_refresh_reads_the_user_and_moves_the_session_on() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let id = session::create(&t.pool, realm, user, t.client, "192.0.2.1", NOW)
            .await
            .unwrap();
        let refresh = async |client, now| {
            session::refresh(&t.pool, realm, &id, client, LIMITS, now)
                .await
                .unwrap()
        };
        let last = async || {
            session::find(&t.pool, realm, &id)
                .await
                .unwrap()
                .unwrap()
                .last_refresh
        };
        let Refresh::Active(found) = refresh(t.client, NOW + 100).await else {
            panic!("not active")
        };
        assert_eq!(
            (
                found.user,
                found.started,
                found.last_refresh,
                found.client_started
            ),
            (t.find(user).await, NOW, NOW, NOW)
        );
        assert_eq!(last().await, NOW + 100);
        let Refresh::Active(found) = refresh(t.client, NOW + 102).await else {
            panic!("not active")
        };
        assert_eq!(
            (found.last_refresh, last().await),
            (NOW + 100, NOW + 100),
            "a moment later it is not written again"
        );

        let other = Uuid::new_v4();
        assert_eq!(refresh(other, NOW + 200).await, Refresh::WithoutClient);
        assert_eq!(last().await, NOW + 100);
        assert_eq!(
            refresh(t.client, NOW + 100 + LIMITS.idle).await,
            Refresh::Gone
        );
        let short = Limits {
            idle: 1800,
            lifespan: 150,
        };
        let old = session::refresh(&t.pool, realm, &id, t.client, short, NOW + 150)
            .await
            .unwrap();
        assert_eq!(old, Refresh::Gone);
        let stranger = session::refresh(&t.pool, Uuid::new_v4(), &id, t.client, LIMITS, NOW + 101)
            .await
            .unwrap();
        assert_eq!(stranger, Refresh::Gone);

        assert!(session::leave(&t.pool, realm, &id, t.client).await.unwrap());
        assert!(!session::leave(&t.pool, realm, &id, t.client).await.unwrap());
        assert_eq!(refresh(t.client, NOW + 200).await, Refresh::WithoutClient);
        assert!(
            session::join(&t.pool, realm, &id, t.client, NOW + 200)
                .await
                .unwrap()
        );
        assert!(
            session::join(&t.pool, realm, &id, t.client, NOW + 300)
                .await
                .unwrap()
        );
        let Refresh::Active(found) = refresh(t.client, NOW + 300).await else {
            panic!("not active")
        };
        assert_eq!(found.client_started, NOW + 200);
        assert!(
            !session::join(&t.pool, realm, "nosuch", t.client, NOW)
                .await
                .unwrap()
        );
    });
}

#[test]
fn sweeping_deletes_what_is_over_and_nothing_else() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let start = async |at| {
            session::create(&t.pool, realm, user, t.client, "192.0.2.1", at)
                .await
                .unwrap()
        };
        let (idle, old, remembered) = (
            start(NOW - 1800).await,
            start(NOW - 36000).await,
            start(NOW - 3600).await,
        );
        let (busy, fresh) = (start(NOW - 35999).await, start(NOW - 1799).await);
        sqlx::query("update user_session set last_refresh = $1 where id = any($2)")
            .bind(NOW)
            .bind(vec![old.clone(), busy.clone()])
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
        let mut connection = t.pool.acquire().await.unwrap();
        assert_eq!(session::sweep(&mut connection, NOW, 1).await.unwrap(), 1);
        assert_eq!(session::sweep(&mut connection, NOW, 100).await.unwrap(), 1);
        assert_eq!(session::sweep(&mut connection, NOW, 100).await.unwrap(), 0);
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
        assert!(!left.contains(&idle));
    });
}
