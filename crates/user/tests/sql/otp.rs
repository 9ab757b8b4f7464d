use std::sync::Arc;

use realm::Realm;
use serde_json::{Value, json};
use totp_rs::{Algorithm, Builder};
use user::otp::{self, Secret};
use user::{Options, recovery};
use uuid::Uuid;

use crate::{Fixture, with_database};

pub(crate) const KEY: &str = "JlRQdbWVVmueS79BlnMI";

/// The code of a step (or counter).
pub(crate) fn code(secret: &str, step: i64) -> String {
    let generator = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_secret(secret.as_bytes())
        .with_skew(0)
        .with_step_duration(1)
        .build_noncompliant();
    generator.generate(u64::try_from(step).unwrap()).to_string()
}

pub(crate) fn step() -> i64 {
    store::clock::now() / 30
}

/// A user with an imported device of this kind.
async fn with_device(t: &Fixture, name: &str, kind: &str) -> Uuid {
    let data = json!({
        "subType": kind, "digits": 6, "counter": 5, "period": 30, "algorithm": "HmacSHA1"
    });
    let device = json!({
        "type": "otp", "credentialData": data.to_string(),
        "secretData": json!({ "value": KEY }).to_string(), "userLabel": "phone"
    });
    let user = json!({ "username": name, "enabled": true, "credentials": [device] });
    t.create(user, Options::default()).await.unwrap()
}

/// The realm, for tasks of their own.
async fn shared(t: &Fixture) -> Arc<Realm> {
    let found = realm::find(&t.pool, &t.sealer, &t.realm.name).await;
    Arc::new(found.unwrap().unwrap())
}

async fn device(t: &Fixture, user: Uuid) -> otp::Device {
    let devices = otp::list(&t.pool, t.realm.id, user).await.unwrap();
    devices.into_iter().next().unwrap()
}

/// What a login does with a code.
async fn is_taken(t: &Fixture, user: Uuid, code: &str) -> bool {
    let device = device(t, user).await;
    match device.check(&t.sealer, &t.realm, code, store::clock::now()) {
        Some(right) => device.spend(&t.pool, &t.realm, &right).await.unwrap(),
        None => false,
    }
}

#[test]
fn a_code_is_taken_once_and_none_before_it_is_taken_after() {
    with_database(async |t| {
        let user = with_device(&t, "alice", "totp").await;
        let now = step();
        assert!(!is_taken(&t, user, "123").await);
        assert!(!is_taken(&t, user, &code("another key of no device", now)).await);
        assert!(is_taken(&t, user, &code(KEY, now)).await);
        assert!(!is_taken(&t, user, &code(KEY, now)).await);
        assert!(!is_taken(&t, user, &code(KEY, now - 1)).await);
        assert!(is_taken(&t, user, &code(KEY, step() + 1)).await);
        assert!(!is_taken(&t, user, &code(KEY, step() + 5)).await);
    });
}

#[test]
fn of_many_uses_of_a_code_at_once_one_is_taken() {
    with_database(async |t| {
        for kind in ["totp", "hotp"] {
            let user = with_device(&t, kind, kind).await;
            let right = if kind == "totp" {
                code(KEY, step())
            } else {
                code(KEY, 5)
            };
            let device = device(&t, user).await;
            let now = store::clock::now();
            let shared = shared(&t).await;
            let mut uses = tokio::task::JoinSet::new();
            for _ in 0..20 {
                let (pool, realm, device) = (t.pool.clone(), shared.clone(), device.clone());
                let checked = device.check(&t.sealer, &realm, &right, now).unwrap();
                uses.spawn(async move { device.spend(&pool, &realm, &checked).await.unwrap() });
            }
            let taken = uses.join_all().await.into_iter().filter(|taken| *taken);
            assert_eq!(taken.count(), 1, "{kind}");
        }
    });
}

#[test]
fn a_realm_may_let_codes_be_used_again() {
    with_database(async |mut t| {
        t.realm.rep.otp_policy_code_reusable = Some(true);
        let user = with_device(&t, "alice", "totp").await;
        let right = code(KEY, step());
        assert!(is_taken(&t, user, &right).await);
        assert!(is_taken(&t, user, &right).await);
    });
}

#[test]
fn a_counter_goes_on_behind_the_code_that_was_taken_and_travels_with_an_export() {
    with_database(async |t| {
        let user = with_device(&t, "alice", "hotp").await;
        assert!(!is_taken(&t, user, &code(KEY, 4)).await);
        assert!(
            !is_taken(&t, user, &code(KEY, 7)).await,
            "beyond the window"
        );
        assert!(is_taken(&t, user, &code(KEY, 6)).await);
        assert!(!is_taken(&t, user, &code(KEY, 5)).await);
        assert!(is_taken(&t, user, &code(KEY, 7)).await);
        let known = user::credential::list(&t.pool, t.realm.id, user)
            .await
            .unwrap();
        let data: Value = serde_json::from_str(&known[0].credential_data).unwrap();
        assert_eq!(data["counter"], 8);
    });
}

#[test]
fn a_new_device_is_made_by_its_first_code_which_is_spent() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let secret = Secret::restore(KEY);
        let make = async |label: &str, code: &str| {
            let (pool, sealer) = (&t.pool, &t.sealer);
            otp::create(pool, sealer, &t.realm, user, &secret, (label, code)).await
        };
        assert!(make("phone", "000").await.unwrap().is_none());
        assert!(make("a\nb", &code(KEY, step())).await.is_err());
        let right = code(KEY, step());
        let id = make("phone", &right).await.unwrap().unwrap();
        assert!(!is_taken(&t, user, &right).await);
        assert!(t.find(user).await.totp);

        let known = user::credential::list(&t.pool, t.realm.id, user)
            .await
            .unwrap();
        let made = known.iter().find(|known| known.id == id).unwrap();
        assert_eq!(
            (
                made.type_.as_str(),
                made.user_label.as_deref(),
                made.credential_data.as_str()
            ),
            (
                "otp",
                Some("phone"),
                r#"{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}"#
            )
        );
        let (stored,): (Vec<u8>,) =
            sqlx::query_as("select secret_data from credential where realm_id = $1 and id = $2")
                .bind(t.realm.id)
                .bind(id)
                .fetch_one(&t.pool)
                .await
                .unwrap();
        let stored = String::from_utf8_lossy(&stored).into_owned();
        assert!(!stored.contains(KEY), "the key is sealed");
        let mut db = t.pool.acquire().await.unwrap();
        let (sealer, all) = (Some(&t.sealer), user::export::Which::All);
        let names = user::export::Names::read(&mut *db, t.realm.id, &[])
            .await
            .unwrap();
        let page = user::export::page(&mut db, sealer, t.realm.id, &names, all, None).await;
        let exported = json!(page.unwrap()).to_string();
        assert!(exported.contains(KEY), "{exported}");
    });
}

#[test]
fn nobody_has_more_than_fifty_credentials_nor_is_nobody_given_one() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let mut made = 0;
        for number in 0..60 {
            let secret = Secret::generate().unwrap();
            let right = code(secret.as_str(), step());
            let label = format!("device {number}");
            let (pool, sealer) = (&t.pool, &t.sealer);
            let new = otp::create(pool, sealer, &t.realm, user, &secret, (&label, &right)).await;
            made += usize::from(new.unwrap().is_some());
        }
        assert_eq!(made, 49, "and the password");
        let secret = Secret::generate().unwrap();
        let right = code(secret.as_str(), step());
        let (pool, sealer, nobody) = (&t.pool, &t.sealer, Uuid::new_v4());
        let new = otp::create(pool, sealer, &t.realm, nobody, &secret, ("x", &right)).await;
        assert!(new.unwrap().is_none());
    });
}

/// The codes of a new list of the user.
async fn with_list(t: &Fixture, user: Uuid) -> Vec<String> {
    let codes = recovery::generate().unwrap();
    let mut tx = t.pool.begin().await.unwrap();
    let label = "Recovery codes";
    let made = recovery::create(&mut tx, &t.sealer, &t.realm, user, &codes, label).await;
    assert!(made.unwrap());
    tx.commit().await.unwrap();
    codes.iter().map(|code| code.to_string()).collect()
}

async fn list(t: &Fixture, user: Uuid) -> Option<recovery::List> {
    recovery::find(&t.pool, t.realm.id, user).await.unwrap()
}

async fn lets_in(t: &Fixture, user: Uuid, code: &str) -> bool {
    let list = list(t, user).await.unwrap();
    match list.check(&t.sealer, &t.realm, code) {
        Some(right) => list
            .spend(&t.pool, &t.sealer, &t.realm, &right)
            .await
            .unwrap(),
        None => false,
    }
}

#[test]
fn recovery_codes_are_taken_in_their_order_each_once() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let codes = with_list(&t, user).await;
        assert!(!lets_in(&t, user, &codes[1]).await);
        assert!(!lets_in(&t, user, "").await);
        for (number, code) in (1..).zip(&codes) {
            let before = list(&t, user).await.unwrap();
            assert_eq!(before.next(&t.sealer, &t.realm), Some(number));
            assert_eq!(before.remaining(), 13 - number);
            assert!(lets_in(&t, user, &code.to_lowercase()).await, "{number}");
            if number < 12 {
                assert!(!lets_in(&t, user, code).await, "{number} again");
            }
        }
        assert!(list(&t, user).await.is_none(), "the list is used up");
        assert_eq!(t.find(user).await.required_actions, [recovery::CONFIGURE]);
    });
}

#[test]
fn of_many_uses_of_a_recovery_code_at_once_one_is_taken() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let codes = with_list(&t, user).await;
        for number in [0, 11] {
            for code in codes.iter().take(number).skip(1) {
                assert!(lets_in(&t, user, code).await);
            }
            let list = list(&t, user).await.unwrap();
            let shared = shared(&t).await;
            let mut uses = tokio::task::JoinSet::new();
            for _ in 0..20 {
                let (pool, sealer, realm) = (t.pool.clone(), t.sealer.clone(), shared.clone());
                let (list, code) = (list.clone(), codes[number].clone());
                uses.spawn(async move {
                    let right = list.check(&sealer, &realm, &code).unwrap();
                    list.spend(&pool, &sealer, &realm, &right).await.unwrap()
                });
            }
            let taken = uses.join_all().await.into_iter().filter(|taken| *taken);
            assert_eq!(taken.count(), 1, "code {number}");
        }
    });
}

#[test]
fn a_new_list_replaces_the_old_one() {
    with_database(async |t| {
        let user = t.user("alice").await;
        let old = with_list(&t, user).await;
        let new = with_list(&t, user).await;
        assert!(!lets_in(&t, user, &old[0]).await);
        assert!(lets_in(&t, user, &new[0]).await);
        let known = user::credential::list(&t.pool, t.realm.id, user)
            .await
            .unwrap();
        let lists = known.iter().filter(|known| known.type_ == recovery::TYPE);
        let data: Vec<&str> = lists.map(|list| list.credential_data.as_str()).collect();
        assert_eq!(
            data,
            [r#"{"algorithm":"SHA-512","totalCodes":12,"remainingCodes":11}"#]
        );
    });
}

#[test]
fn a_list_of_keycloak_lets_in_who_has_it() {
    with_database(async |t| {
        // Made by Keycloak 26.7.3.
        let secret = json!({ "codes": [{ "number": 1, "encodedHashedValue":
            "atOSfjhuUkttoYTYCjHzx87OBw+uMsyg280xx43zy9os9YX3xnVKG1gtLDOXMK6Z1G1H0ZXkbDW/gWS9UYeFSA==" }] });
        let data = json!({ "algorithm": "SHA-512", "totalCodes": 12, "remainingCodes": 1 });
        let list = json!({ "type": recovery::TYPE, "credentialData": data.to_string(), "secretData": secret.to_string() });
        let user = json!({ "username": "alice", "enabled": true, "credentials": [list] });
        let user = t.create(user, Options::default()).await.unwrap();
        assert!(lets_in(&t, user, "81W4-ABGS-2KEG").await);
    });
}
