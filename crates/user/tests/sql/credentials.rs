use serde_json::json;
use user::{CredentialRepresentation, Options, credential, login};
use uuid::Uuid;

use crate::{answer, with_database};

#[test]
fn a_reset_replaces_the_password_and_a_temporary_one_demands_a_change() {
    with_database(async |t| {
        let id = t.user("alice").await;
        let before = credential::list(&t.pool, t.realm.id, id).await.unwrap();
        let hash = t.hasher.hash("new").await.unwrap();
        let mut tx = t.pool.acquire().await.unwrap();
        for (temporary, actions) in [(true, 1), (true, 1), (false, 0)] {
            assert!(
                credential::set_password(&mut tx, &t.realm, id, &hash, temporary)
                    .await
                    .unwrap()
            );
            assert_eq!(t.find(id).await.required_actions.len(), actions);
        }
        let after = credential::list(&t.pool, t.realm.id, id).await.unwrap();
        assert_eq!((after.len(), after[0].id), (1, before[0].id));
        assert!(
            !credential::set_password(&mut tx, &t.realm, Uuid::new_v4(), &hash, false)
                .await
                .unwrap()
        );

        let candidate = login::find_for_login(&t.pool, t.realm.id, "alice", false)
            .await
            .unwrap()
            .unwrap();
        let password = candidate.password.unwrap();
        assert!(
            t.hasher
                .verify("new", Some(&password.hash))
                .await
                .unwrap()
                .ok
        );
        assert!(
            !t.hasher
                .verify("right", Some(&password.hash))
                .await
                .unwrap()
                .ok
        );
    });
}

#[test]
fn passwords_of_an_update_are_set_and_its_temporary_ones_demand_a_change() {
    with_database(async |mut t| {
        let id = t.user("alice").await;
        t.realm.settings.password_policy = Some("length(8)".to_owned());
        let short = t
            .update(
                id,
                json!({"credentials": [{"type": "password", "value": "x"}]}),
            )
            .await
            .unwrap_err();
        assert!(answer(short).starts_with("invalidPasswordMinLengthMessage"));
        let temporary = json!({"credentials": [{"type": "password", "value": "longenough", "temporary": true}]});
        assert!(t.update(id, temporary).await.unwrap());
        assert_eq!(
            t.find(id).await.required_actions,
            [credential::UPDATE_PASSWORD]
        );
        // As in Keycloak, a permanent one in an update does not end the demand.
        assert!(
            t.update(id, json!({"credentials": [{"value": "longenough"}]}))
                .await
                .unwrap()
        );
        assert_eq!(
            t.find(id).await.required_actions,
            [credential::UPDATE_PASSWORD]
        );
    });
}

#[test]
fn reset_password_is_checked_in_keycloaks_words() {
    with_database(async |mut t| {
        t.realm.settings.password_policy = Some("notUsername".to_owned());
        let check = |value: Option<&str>| {
            let rep = CredentialRepresentation {
                value: value.map(str::to_owned),
                ..Default::default()
            };
            credential::new_password(&t.realm, "alice", None, &rep)
                .map(str::to_owned)
                .map_err(answer)
        };
        assert_eq!(check(None).unwrap_err(), "No password provided");
        assert_eq!(check(Some("  ")).unwrap_err(), "Empty password not allowed");
        assert!(
            check(Some("Alice"))
                .unwrap_err()
                .starts_with("invalidPasswordNotUsernameMessage")
        );
        assert!(
            check(Some(&"x".repeat(5000)))
                .unwrap_err()
                .starts_with("invalidPasswordMaxLengthMessage")
        );
        assert_eq!(check(Some("good")).unwrap(), "good");
    });
}

#[test]
fn imported_credentials_keep_their_data_and_secrets_are_sealed() {
    with_database(async |t| {
        let hash = t.hasher.hash("imported").await.unwrap();
        let otp = r#"{"value":"JBSWY3DPEHPK3PXP"}"#;
        let value = json!({"username": "alice", "credentials": [
            {"type": "password", "credentialData": hash.credential_data(), "secretData": hash.secret_data().as_str(),
             "userLabel": "l", "createdDate": 5, "priority": 3, "id": "zz"},
            {"type": "otp", "credentialData": "{\"subType\":\"totp\"}", "secretData": otp},
            {"type": "weird", "credentialData": "{}", "secretData": "{}"},
        ]});
        let id = t.create(value, Options::default()).await.unwrap();
        assert!(t.find(id).await.totp);
        let list = credential::list(&t.pool, t.realm.id, id).await.unwrap();
        assert_eq!(
            list.iter()
                .map(|one| one.type_.as_str())
                .collect::<Vec<_>>(),
            ["password", "otp"]
        );
        assert_eq!(
            serde_json::to_value(list[0].to_rep()).unwrap(),
            json!({"id": list[0].id, "type": "password", "userLabel": "l", "createdDate": 5,
                "credentialData": hash.credential_data()})
        );
        let sealed: Vec<u8> =
            sqlx::query_scalar("select secret_data from credential where id = $1")
                .bind(list[1].id)
                .fetch_one(&t.pool)
                .await
                .unwrap();
        assert!(!sealed.windows(16).any(|part| part == b"JBSWY3DPEHPK3PXP"));
        assert_eq!(
            &**t.sealer.open(t.realm.id, list[1].id, &sealed).unwrap(),
            otp.as_bytes()
        );

        let candidate = login::find_for_login(&t.pool, t.realm.id, "alice", true)
            .await
            .unwrap()
            .unwrap();
        assert!(candidate.second_factor);
        assert!(
            t.hasher
                .verify("imported", Some(&candidate.password.unwrap().hash))
                .await
                .unwrap()
                .ok
        );
        for bad in [
            json!({"type": "password", "credentialData": "nojson", "secretData": "{}"}),
            json!({"type": "password", "credentialData": "{\"hashIterations\":5,\"algorithm\":\"zzz\"}", "secretData": "{}"}),
            json!({"type": "otp", "credentialData": "{\"a\":\"\u{0}\"}", "secretData": "{}"}),
        ] {
            let error = t
                .create(
                    json!({"username": "bad", "credentials": [bad]}),
                    Options::default(),
                )
                .await
                .unwrap_err();
            assert!(matches!(error, user::WriteError::Credential(_)), "{error}");
        }
    });
}

#[test]
fn an_old_import_with_a_bare_pbkdf2_hash_can_log_in_and_is_upgraded() {
    with_database(async |t| {
        // PBKDF2 of "right", salt "saltsaltsaltsalt", 1000 rounds of SHA-256, 32 bytes.
        let mut value = [0; 32];
        let rounds = std::num::NonZeroU32::new(1000).unwrap();
        aws_lc_rs::pbkdf2::derive(
            aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256,
            rounds,
            b"saltsaltsaltsalt",
            b"right",
            &mut value,
        );
        let encode = |bytes: &[u8]| {
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
        };
        let credential = json!({"type": "password", "hashedSaltedValue": encode(&value), "salt": encode(b"saltsaltsaltsalt"),
            "hashIterations": 1000, "algorithm": "pbkdf2-sha256"});
        t.create(
            json!({"username": "old", "credentials": [credential]}),
            Options::default(),
        )
        .await
        .unwrap();
        let candidate = async || {
            login::find_for_login(&t.pool, t.realm.id, "old", false)
                .await
                .unwrap()
                .unwrap()
        };
        let password = candidate().await.password.unwrap();
        let verdict = t
            .hasher
            .verify("right", Some(&password.hash))
            .await
            .unwrap();
        assert!(verdict.ok && verdict.needs_rehash);

        let new = t.hasher.hash("right").await.unwrap();
        credential::upgrade_password(
            &t.pool,
            t.realm.id,
            password.id,
            password.created_date + 1,
            &new,
        )
        .await
        .unwrap();
        let same = candidate().await.password.unwrap();
        assert!(
            t.hasher
                .verify("right", Some(&same.hash))
                .await
                .unwrap()
                .needs_rehash,
            "changed meanwhile: left alone"
        );
        credential::upgrade_password(
            &t.pool,
            t.realm.id,
            password.id,
            password.created_date,
            &new,
        )
        .await
        .unwrap();
        let upgraded = t
            .hasher
            .verify("right", Some(&candidate().await.password.unwrap().hash))
            .await
            .unwrap();
        assert!(upgraded.ok && !upgraded.needs_rehash);
    });
}

#[test]
fn credentials_are_labelled_moved_and_deleted_for_their_own_user_only() {
    with_database(async |t| {
        let otp = json!({"type": "otp", "credentialData": "{}", "secretData": "{}"});
        let id = t
            .create(
                json!({"username": "alice", "credentials": [{"value": "right"}, otp, otp]}),
                Options::default(),
            )
            .await
            .unwrap();
        let bob = t.user("bob").await;
        let ids = async || -> Vec<Uuid> {
            credential::list(&t.pool, t.realm.id, id)
                .await
                .unwrap()
                .into_iter()
                .map(|one| one.id)
                .collect()
        };
        let before = ids().await;
        assert_eq!(before.len(), 3);
        let last = before[2];
        assert!(
            credential::move_to_first(&t.pool, t.realm.id, id, last)
                .await
                .unwrap()
        );
        assert_eq!(ids().await, [last, before[0], before[1]]);
        assert!(
            credential::label(&t.pool, t.realm.id, id, last, "phone")
                .await
                .unwrap()
        );
        let first = credential::list(&t.pool, t.realm.id, id)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(first.user_label.as_deref(), Some("phone"));
        assert!(
            credential::label(&t.pool, t.realm.id, id, last, "a\0b")
                .await
                .is_err()
        );
        for stranger in [(t.realm.id, bob), (Uuid::new_v4(), id)] {
            assert!(
                !credential::label(&t.pool, stranger.0, stranger.1, last, "x")
                    .await
                    .unwrap()
            );
            assert!(
                !credential::move_to_first(&t.pool, stranger.0, stranger.1, last)
                    .await
                    .unwrap()
            );
            assert!(
                !credential::delete(&t.pool, stranger.0, stranger.1, last)
                    .await
                    .unwrap()
            );
        }
        assert!(
            credential::delete(&t.pool, t.realm.id, id, last)
                .await
                .unwrap()
        );
        assert_eq!(ids().await, [before[0], before[1]]);
    });
}

#[test]
fn an_earlier_password_is_refused_as_long_as_the_realm_remembers_it() {
    with_database(async |mut t| {
        t.realm.settings.password_policy = Some("passwordHistory(3)".to_owned());
        let id = t.user("alice").await;
        let change = async |password: &str| {
            credential::check_history(&t.pool, &t.hasher, &t.realm, id, password).await?;
            let hash = t.hasher.hash(password).await.unwrap();
            let mut tx = t.pool.begin().await.unwrap();
            let done = credential::set_password(&mut tx, &t.realm, id, &hash, false).await;
            assert!(done.unwrap());
            tx.commit().await.unwrap();
            Ok::<(), user::WriteError>(())
        };
        for (password, allowed) in [
            ("right", false),
            ("a", true),
            ("b", true),
            ("right", false),
            ("a", false),
            ("c", true),
            ("d", true),
            ("right", true),
            ("d", false),
        ] {
            match change(password).await {
                Ok(()) => assert!(allowed, "{password}"),
                Err(error) => {
                    assert!(!allowed, "{password}");
                    assert_eq!(
                        answer(error),
                        "invalidPasswordHistoryMessage: Invalid password: must not be equal to any of last 3 passwords."
                    );
                }
            }
        }
        let known = credential::list(&t.pool, t.realm.id, id).await.unwrap();
        let kept = known
            .iter()
            .filter(|known| known.type_ == "password-history");
        assert_eq!((kept.count(), known.len()), (2, 3));
    });
}
