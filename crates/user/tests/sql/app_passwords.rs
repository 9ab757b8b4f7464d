//! App passwords.

use serde_json::{Value, json};
use user::app_password::{self, AppPassword, AppPasswordRepresentation, Given};
use user::{Options, credential};
use uuid::Uuid;

use crate::{Fixture, answer, otp, with_database};

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;

fn asked(value: Value) -> AppPasswordRepresentation {
    serde_json::from_value(value).unwrap()
}

/// Makes one; none where there is no such user, else what is wrong.
async fn make(
    t: &Fixture,
    user: Uuid,
    value: Value,
) -> Result<Option<AppPasswordRepresentation>, String> {
    let mut tx = t.pool.begin().await.unwrap();
    let asked = asked(value);
    let made = app_password::create(&mut tx, &t.sealer, &t.realm, user, &asked).await;
    tx.commit().await.unwrap();
    made.map_err(|error| match error {
        user::WriteError::Store(user::Error::Invalid(text)) => text,
        other => answer(other),
    })
}

async fn value(t: &Fixture, user: Uuid) -> String {
    let made = make(t, user, json!({ "label": "ci" })).await.unwrap();
    made.unwrap().value.unwrap()
}

/// The stored one that `value` names, if it is this user's.
async fn stored(t: &Fixture, name: &str, value: &str) -> Option<AppPassword> {
    let given = Given::read(value).unwrap();
    let found = app_password::find_for_login(&t.pool, t.realm.id, (name, true), &given).await;
    found.unwrap()?.app_password
}

fn is_right(t: &Fixture, stored: &AppPassword, value: &str) -> bool {
    stored.check(&t.sealer, &t.realm, &Given::read(value).unwrap())
}

async fn last_used(t: &Fixture, user: Uuid) -> Value {
    let all = credential::list(&t.pool, t.realm.id, user).await.unwrap();
    let own = all.iter().find(|one| one.type_ == app_password::TYPE);
    let data: Value = serde_json::from_str(&own.unwrap().credential_data).unwrap();
    data["lastUsedDate"].clone()
}

#[test]
fn a_new_one_is_its_owners_and_only_its_hash_is_kept() {
    with_database(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let wanted =
            json!({ "label": " laptop ", "clients": ["b", "a", "b"], "expirationDate": i64::MAX });
        let made = make(&t, alice, wanted).await.unwrap().unwrap();
        let value = made.value.clone().unwrap();
        assert_eq!(made.label.as_deref(), Some("laptop"));
        let listed = credential::list(&t.pool, t.realm.id, alice).await.unwrap();
        assert_eq!(
            serde_json::to_value(listed[1].to_rep()).unwrap(),
            json!({
                "id": made.id, "type": "app-password", "userLabel": "laptop", "createdDate": made.created_date,
                "credentialData": format!(r#"{{"clients":["a","b"],"expirationDate":{}}}"#, i64::MAX)
            })
        );
        for name in ["alice", "Alice", "alice@example.org"] {
            let known = stored(&t, name, &value).await.unwrap();
            assert!(is_right(&t, &known, &value), "{name}");
        }
        assert!(stored(&t, "bob", &value).await.is_none());
        assert!(stored(&t, "nobody", &value).await.is_none());
        // Of another one with this id only the secret differs.
        let other = self::value(&t, bob).await;
        let known = stored(&t, "alice", &value).await.unwrap();
        assert!(!is_right(&t, &known, &other));

        let secret = value[27..70].to_owned();
        let kept: Vec<Vec<u8>> = sqlx::query_scalar("select secret_data from credential")
            .fetch_all(&t.pool)
            .await
            .unwrap();
        for kept in kept {
            assert!(!kept.windows(43).any(|part| part == secret.as_bytes()));
        }
    });
}

#[test]
fn what_cannot_be_one_is_refused_in_words() {
    with_database(async |t| {
        let alice = t.user("alice").await;
        let long = "x".repeat(256);
        let many: Vec<String> = (0..51).map(|number| number.to_string()).collect();
        for (wanted, text) in [
            (json!({}), "An app password needs a label"),
            (json!({ "label": "  " }), "An app password needs a label"),
            (json!({ "label": long }), "A label has at most 255"),
            (json!({ "label": "a\u{7}b" }), "no control characters"),
            (
                json!({ "label": "a", "expirationDate": store::clock::now_ms() }),
                "in the past",
            ),
            (json!({ "label": "a", "expirationDate": -1 }), "in the past"),
            (
                json!({ "label": "a", "clients": [] }),
                "clients names 1 to 50",
            ),
            (
                json!({ "label": "a", "clients": many }),
                "clients names 1 to 50",
            ),
            (
                json!({ "label": "a", "clients": [""] }),
                "A clientId has 1 to 255",
            ),
            (
                json!({ "label": "a", "clients": [long] }),
                "A clientId has 1 to 255",
            ),
            (
                json!({ "label": "a", "value": "mine" }),
                "made by the server",
            ),
        ] {
            let refused = make(&t, alice, wanted.clone()).await.err().unwrap();
            assert!(refused.contains(text), "{wanted}: {refused}");
        }
        assert!(
            make(&t, Uuid::new_v4(), json!({ "label": "a" }))
                .await
                .unwrap()
                .is_none()
        );
        let mut tx = t.pool.acquire().await.unwrap();
        let robot = user::create(
            &mut tx,
            &t.hasher,
            &t.sealer,
            &t.realm,
            &user::UserRepresentation {
                username: Some("service-account-registry".to_owned()),
                enabled: Some(true),
                ..Default::default()
            },
            Options::default(),
        )
        .await
        .unwrap();
        sqlx::query("update user_entity set service_account_client = $2 where id = $1")
            .bind(robot)
            .bind(t.client)
            .execute(&t.pool)
            .await
            .unwrap();
        let refused = make(&t, robot, json!({ "label": "a" }))
            .await
            .err()
            .unwrap();
        assert!(refused.contains("secret of its client"), "{refused}");
    });
}

#[test]
fn a_user_has_a_hundred_at_most_and_room_for_other_credentials_beside_them() {
    with_database(async |t| {
        let alice = t.user("alice").await;
        sqlx::query(
            "insert into credential (realm_id, id, user_id, type, created_date, priority, credential_data, secret_data) \
             select $1, gen_random_uuid(), $2, 'app-password', 0, 5, '{}', '' from generate_series(1, 95)",
        )
        .bind(t.realm.id)
        .bind(alice)
        .execute(&t.pool)
        .await
        .unwrap();
        let made = futures(&t, alice, 12).await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 5);
        let refused = made.into_iter().find_map(Result::err).unwrap();
        assert_eq!(refused, "A user has at most 100 app passwords");

        let (key, code) = (otp::KEY, otp::code(otp::KEY, otp::step()));
        let secret = user::otp::Secret::restore(key);
        let made = user::otp::create(
            &t.pool,
            &t.sealer,
            &t.realm,
            alice,
            &secret,
            ("", code.as_str()),
        )
        .await;
        assert!(made.unwrap().is_some());
    });
}

/// So many made at once.
async fn futures(t: &Fixture, user: Uuid, number: usize) -> Vec<Result<String, String>> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..number {
        let pool = t.pool.clone();
        let found = realm::find(&t.pool, &t.sealer, &t.realm.name).await;
        let (realm, sealer) = (found.unwrap().unwrap(), t.sealer.clone());
        tasks.spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            let asked = asked(json!({ "label": "l" }));
            let made = app_password::create(&mut tx, &sealer, &realm, user, &asked).await;
            tx.commit().await.unwrap();
            made.map(|made| made.unwrap().id.unwrap()).map_err(answer)
        });
    }
    tasks.join_all().await
}

#[test]
fn its_use_is_noted_once_a_minute_and_its_label_changes_nothing_else() {
    with_database(async |t| {
        let alice = t.user("alice").await;
        let value = value(&t, alice).await;
        let (realm, now) = (t.realm.id, store::clock::now_ms());
        assert_eq!(last_used(&t, alice).await, Value::Null);
        let first = stored(&t, "alice", &value).await.unwrap();
        first.used(&t.pool, realm, now).await.unwrap();
        assert_eq!(last_used(&t, alice).await, now);
        // Read before that was written, on whichever node.
        first.used(&t.pool, realm, now + 5).await.unwrap();
        assert_eq!(last_used(&t, alice).await, now);

        let again = stored(&t, "alice", &value).await.unwrap();
        again.used(&t.pool, realm, now + MINUTE - 1).await.unwrap();
        assert_eq!(last_used(&t, alice).await, now);
        credential::label(&t.pool, realm, alice, again.id, r#"{"lastUsedDate":1}"#)
            .await
            .unwrap();
        again.used(&t.pool, realm, now + MINUTE).await.unwrap();
        assert_eq!(last_used(&t, alice).await, now + MINUTE);

        // One that is being written, or read by a foreign key, is not waited for.
        let later = stored(&t, "alice", &value).await.unwrap();
        let mut other = t.pool.begin().await.unwrap();
        sqlx::query("select 1 from credential where id = $1 for update")
            .bind(later.id)
            .execute(&mut *other)
            .await
            .unwrap();
        later.used(&t.pool, realm, now + 2 * MINUTE).await.unwrap();
        other.rollback().await.unwrap();
        assert_eq!(last_used(&t, alice).await, now + MINUTE);
    });
}

#[test]
fn it_goes_out_with_an_export_and_comes_in_with_its_id() {
    with_database(async |t| {
        let alice = t.user("alice").await;
        let value = value(&t, alice).await;
        let names = user::export::Names::read(&t.pool, t.realm.id, &[])
            .await
            .unwrap();
        let mut db = t.pool.acquire().await.unwrap();
        let page = user::export::page(
            &mut db,
            Some(&t.sealer),
            t.realm.id,
            &names,
            user::export::Which::All,
            None,
        );
        let mut rep = page.await.unwrap().remove(0);
        drop(db);
        assert!(user::delete(&t.pool, t.realm.id, alice).await.unwrap());
        assert!(stored(&t, "alice", &value).await.is_none());
        rep.realm_roles = None;
        rep.id = None;
        let again = t
            .create(serde_json::to_value(&rep).unwrap(), Options::default())
            .await
            .unwrap();
        let known = stored(&t, "alice", &value).await.unwrap();
        assert!(is_right(&t, &known, &value));

        let own = rep.credentials.unwrap().remove(1);
        let own = serde_json::to_value(own).unwrap();
        for (member, bad, text) in [
            (
                "credentialData",
                json!(r#"{"clients":"a"}"#),
                "cannot be read",
            ),
            (
                "credentialData",
                json!(r#"{"clients":[]}"#),
                "clients names 1 to 50",
            ),
            ("secretData", json!("{}"), "cannot be read"),
            (
                "secretData",
                json!(r#"{"value":"aGk=","algorithm":"SHA-256"}"#),
                "no SHA-256",
            ),
            (
                "secretData",
                json!(own["secretData"].as_str().unwrap().replace("256", "1")),
                "no SHA-256",
            ),
            ("id", json!("x"), "comes with its id"),
        ] {
            let mut own = own.clone();
            own[member] = bad;
            let refused = t.update(again, json!({ "credentials": [own] })).await;
            let refused = answer(refused.unwrap_err());
            assert!(refused.contains(text), "{member}: {refused}");
        }
        let many = vec![own; 101];
        let refused = t.update(again, json!({ "credentials": many })).await;
        assert!(answer(refused.unwrap_err()).contains("at most 100 app passwords"));
    });
}

#[test]
fn deleting_it_ends_what_was_got_with_it() {
    with_database(async |t| {
        let alice = t.user("alice").await;
        let value = value(&t, alice).await;
        let id = stored(&t, "alice", &value).await.unwrap().id;
        for (session, credential) in [("kept", None), ("got", Some(id))] {
            sqlx::query(
                "insert into offline_session (realm_id, session_id, client_id, user_id, ip_address, started, \
                 client_started, last_refresh, remember_me, notes, sso, token, credential_id) \
                 values ($1, $2, $3, $4, '', 1, 1, 1, false, '{}', false, 't', $5)",
            )
            .bind(t.realm.id)
            .bind(session)
            .bind(t.client)
            .bind(alice)
            .bind(credential)
            .execute(&t.pool)
            .await
            .unwrap();
        }
        assert!(
            credential::delete(&t.pool, t.realm.id, alice, id)
                .await
                .unwrap()
        );
        let left: Vec<String> = sqlx::query_scalar("select session_id from offline_session")
            .fetch_all(&t.pool)
            .await
            .unwrap();
        assert_eq!(left, ["kept"]);
    });
}
