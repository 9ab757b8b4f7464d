use std::collections::BTreeSet;

use serde_json::json;
use user::consent::{self, Grant};
use user::device_code::{self, New};
use uuid::Uuid;

use crate::{Fixture, with_database};

const NOW: i64 = 1_800_000_000;

async fn scope(t: &Fixture, name: &str) -> Uuid {
    let id = Uuid::new_v4();
    let sql = "insert into client_scope (realm_id, id, name, protocol) values ($1, $2, $3, 'openid-connect')";
    sqlx::query(sql)
        .bind(t.realm.id)
        .bind(id)
        .bind(name)
        .execute(&t.pool)
        .await
        .unwrap();
    id
}

fn grant(scopes: &[Uuid], client_itself: bool) -> Grant {
    Grant {
        scopes: scopes.iter().copied().collect::<BTreeSet<_>>(),
        client_itself,
    }
}

#[test]
fn what_is_granted_adds_up_and_is_replaced_and_taken_back() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let (one, two) = (scope(&t, "one").await, scope(&t, "two").await);
        let mut db = t.pool.acquire().await.unwrap();
        for (more, now) in [(grant(&[one], true), 1), (grant(&[one, two], false), 2)] {
            consent::grant(&mut db, realm, user, t.client, &more, now)
                .await
                .unwrap();
        }
        let found = consent::find(&t.pool, realm, user, t.client)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.created, found.last_updated, found.client_itself),
            (1, 2, true)
        );
        let mut names = found.names();
        names.sort();
        assert_eq!(names, ["one", "registry", "two"]);
        let all = grant(&[two], false);
        assert!(
            consent::replace(&mut db, realm, user, t.client, &all, 3)
                .await
                .unwrap()
        );
        let listed = consent::list(&t.pool, realm, user).await.unwrap();
        assert_eq!(
            listed
                .iter()
                .map(consent::Consent::names)
                .collect::<Vec<_>>(),
            [["two"]]
        );
        assert_eq!((listed[0].created, listed[0].last_updated), (1, 3));

        let session = user::session::create(&t.pool, realm, t.login(user, "192.0.2.1", NOW));
        let session = session.await.unwrap();
        let named = (t.client, "registry");
        let left = consent::revoke(&mut db, realm, user, named)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (left[0].id.as_str(), &left[0].clients[..]),
            (session.as_str(), &["registry".to_owned()][..])
        );
        let still = user::session::find(&t.pool, realm, &session)
            .await
            .unwrap()
            .unwrap();
        assert!(still.clients.is_empty());
        assert!(
            consent::revoke(&mut db, realm, user, named)
                .await
                .unwrap()
                .is_none()
        );
        let other = grant(&[], false);
        assert!(
            !consent::replace(&mut db, realm, user, t.client, &other, 4)
                .await
                .unwrap()
        );
    });
}

#[test]
fn a_device_code_is_decided_once_and_taken_once_and_swept() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let request = json!({ "scope": "openid" });
        let new = New {
            client: t.client,
            request: &request,
            interval: 5,
            expires: NOW + 600,
        };
        let user_code = device_code::create(&t.pool, realm, "secret", &new)
            .await
            .unwrap();
        let found = device_code::find_by_user_code(&t.pool, realm, &user_code)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.granted, &found.request, found.last_poll),
            (None, &request, 0)
        );

        // The first poll counts, one that is too early does not, nor one by another client.
        let poll = async |client: Uuid, now: i64| {
            let polled = device_code::poll(&t.pool, realm, "secret", client, now).await;
            polled.unwrap().unwrap().last_poll
        };
        let ms = NOW * 1000;
        assert_eq!(poll(t.client, ms).await, 0);
        assert_eq!(poll(t.client, ms + 4999).await, ms);
        assert_eq!(poll(Uuid::new_v4(), ms + 5000).await, ms);
        assert_eq!(poll(t.client, ms + 5000).await, ms);
        assert_eq!(poll(t.client, ms + 5001).await, ms + 5000);
        assert!(
            device_code::poll(&t.pool, realm, "guess", t.client, ms)
                .await
                .unwrap()
                .is_none()
        );

        assert!(!device_code::take(&t.pool, realm, &found.id).await.unwrap());
        let late = device_code::decide(&t.pool, realm, &found.id, None, NOW + 600)
            .await
            .unwrap();
        let yes = Some((user, "session"));
        let first = device_code::decide(&t.pool, realm, &found.id, yes, NOW)
            .await
            .unwrap();
        let second = device_code::decide(&t.pool, realm, &found.id, None, NOW)
            .await
            .unwrap();
        assert_eq!((late, first, second), (false, true, false));
        assert!(device_code::take(&t.pool, realm, &found.id).await.unwrap());
        assert!(!device_code::take(&t.pool, realm, &found.id).await.unwrap());

        device_code::create(&t.pool, realm, "other", &new)
            .await
            .unwrap();
        assert_eq!(device_code::sweep(&t.pool, NOW + 660, 10).await.unwrap(), 0);
        assert_eq!(device_code::sweep(&t.pool, NOW + 661, 10).await.unwrap(), 1);
    });
}
