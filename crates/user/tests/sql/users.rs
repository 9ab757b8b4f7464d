use serde_json::json;
use user::search::{self, Search};
use user::{Options, WriteError};
use uuid::Uuid;

use crate::{answer, realm, with_database};

#[test]
fn a_new_user_is_stored_in_lower_case_with_the_default_role() {
    with_database(async |t| {
        let id = t
            .create(
                json!({
                    "username": "Alice", "email": "Alice@Example.org", "firstName": "", "id": "ignored",
                    "createdTimestamp": 5, "attributes": {"dropped": ["x"], "lastName": ["L"]},
                    "requiredActions": ["update_password", "NOSUCH", "UPDATE_PASSWORD"],
                }),
                Options::default(),
            )
            .await
            .unwrap();
        let user = t.find(id).await;
        assert_eq!(
            (user.username.as_str(), user.email.as_deref()),
            ("alice", Some("alice@example.org"))
        );
        assert_eq!(
            (
                user.first_name.as_deref(),
                user.last_name.as_deref(),
                user.enabled
            ),
            (None, Some("L"), false)
        );
        assert_eq!(
            (user.attributes.len(), user.required_actions.as_slice()),
            (0, &["UPDATE_PASSWORD".to_owned()][..])
        );
        assert!(user.created_timestamp > 5);
        let found = user::find_by_username(&t.pool, t.realm.id, "ALICE")
            .await
            .unwrap();
        assert_eq!(found, Some(user));
        let roles = user::mapping::direct(&t.pool, t.realm.id, id, realm::role::Of::All)
            .await
            .unwrap();
        assert_eq!(
            roles.iter().map(|role| role.id).collect::<Vec<_>>(),
            [t.roles.default]
        );
        assert!(
            user::find_by_username(&t.pool, t.realm.id, "a\0b")
                .await
                .unwrap()
                .is_none()
        );
    });
}

#[test]
fn a_taken_name_or_address_is_a_conflict_in_keycloaks_words() {
    with_database(async |mut t| {
        t.user("alice").await;
        let conflict = async |value| match t.create(value, Options::default()).await {
            Err(WriteError::Conflict(text)) => text,
            other => panic!("{other:?}"),
        };
        let (name, email) = (
            "User exists with same username",
            "User exists with same email",
        );
        assert_eq!(conflict(json!({"username": "ALICE"})).await, name);
        assert_eq!(
            conflict(json!({"username": "other", "email": "ALICE@example.org"})).await,
            email
        );
        assert_eq!(
            conflict(json!({"username": "alice@example.org"})).await,
            name
        );
        t.create(json!({"username": "x@y.z"}), Options::default())
            .await
            .unwrap();
        assert_eq!(
            conflict(json!({"username": "other", "email": "x@y.z"})).await,
            email
        );

        t.realm.settings.duplicate_emails_allowed = true;
        let mut connection = t.pool.acquire().await.unwrap();
        user::set_duplicate_emails(&mut connection, t.realm.id, true)
            .await
            .unwrap();
        t.create(
            json!({"username": "twin", "email": "alice@example.org"}),
            Options::default(),
        )
        .await
        .unwrap();
        let error = user::set_duplicate_emails(&mut connection, t.realm.id, false)
            .await
            .unwrap_err();
        assert!(matches!(error, store::Error::Duplicate(name) if name == "user_email_key"));
    });
}

#[test]
fn what_does_not_validate_is_refused_in_keycloaks_shape_and_nothing_is_stored() {
    with_database(async |mut t| {
        t.realm.settings.password_policy = Some("length(8)".to_owned());
        for (value, expected) in [
            (json!({}), "User name is missing".to_owned()),
            (
                json!({"username": "be", "email": "notmail"}),
                json!({"errors": [
                    {"field": "username", "errorMessage": "error-invalid-length", "params": ["username", 3, 255]},
                    {"field": "email", "errorMessage": "error-invalid-email", "params": ["email", "notmail"]},
                ]})
                .to_string(),
            ),
            (
                json!({"username": "abc", "firstName": "x".repeat(256)}),
                json!({"field": "firstName", "errorMessage": "error-invalid-length-too-long",
                    "params": ["firstName", null, 255]})
                .to_string(),
            ),
            (
                json!({"username": "abc", "credentials": [{"type": "password", "value": "short"}]}),
                "invalidPasswordMinLengthMessage: Invalid password: minimum length 8.".to_owned(),
            ),
            (json!({"username": "abc", "credentials": [{"type": "password"}]}), "No password provided".to_owned()),
            (json!({"username": "abc", "groups": ["/a"]}), "Group /a not found".to_owned()),
        ] {
            assert_eq!(answer(t.create(value, Options::default()).await.unwrap_err()), expected);
        }
        assert_eq!(
            search::count(&t.pool, t.realm.id, &Search::default())
                .await
                .unwrap(),
            0
        );
    });
}

#[test]
fn an_update_keeps_what_is_absent_and_given_attributes_are_the_whole_profile() {
    with_database(async |mut t| {
        let id = t.user("alice").await;
        t.user("bob").await;
        assert!(
            t.update(id, json!({"firstName": "New", "emailVerified": true}))
                .await
                .unwrap()
        );
        let user = t.find(id).await;
        assert_eq!(
            (
                user.first_name.as_deref(),
                user.last_name.as_deref(),
                user.email_verified
            ),
            (Some("New"), Some("L"), true)
        );
        assert!(
            t.update(id, json!({"attributes": {"firstName": ["A"]}}))
                .await
                .unwrap()
        );
        let user = t.find(id).await;
        assert_eq!(
            (user.first_name.as_deref(), user.last_name, user.email),
            (Some("A"), None, None)
        );

        let read_only = json!({"field": "username", "errorMessage": "error-user-attribute-read-only", "params": ["username"]});
        assert_eq!(
            answer(
                t.update(id, json!({"username": "alice2"}))
                    .await
                    .unwrap_err()
            ),
            read_only.to_string()
        );
        assert!(t.update(id, json!({"username": "ALICE"})).await.unwrap());
        assert_eq!(
            answer(t.update(id, json!({"username": ""})).await.unwrap_err()),
            "User name is missing"
        );
        let taken = t
            .update(id, json!({"email": "bob@example.org"}))
            .await
            .unwrap_err();
        assert_eq!(answer(taken), "User exists with same email");
        t.realm.settings.edit_username_allowed = true;
        assert!(t.update(id, json!({"username": "alice2"})).await.unwrap());
        assert_eq!(
            answer(t.update(id, json!({"username": "bob"})).await.unwrap_err()),
            "User exists with same username"
        );
        let taken = t
            .update(id, json!({"username": "bob@example.org"}))
            .await
            .unwrap_err();
        assert_eq!(answer(taken), "User exists with same username");
        assert_eq!(t.find(id).await.username, "alice2");
        assert!(!t.update(Uuid::new_v4(), json!({})).await.unwrap());
    });
}

#[test]
fn with_e_mail_as_username_the_name_follows_the_address() {
    with_database(async |mut t| {
        t.realm.settings.registration_email_as_username = true;
        let id = t
            .create(
                json!({"username": "zzz", "email": "o'z@z.org"}),
                Options::default(),
            )
            .await
            .unwrap();
        assert_eq!(t.find(id).await.username, "o'z@z.org");
        t.update(id, json!({"email": "n@n.org"})).await.unwrap();
        assert_eq!(t.find(id).await.username, "n@n.org");
        let required = json!({"field": "email", "errorMessage": "error-user-attribute-required", "params": ["email"]});
        let error = t
            .create(json!({"username": "zzy"}), Options::default())
            .await
            .unwrap_err();
        assert_eq!(answer(error), required.to_string());
    });
}

#[test]
fn an_import_keeps_ids_times_attributes_and_its_own_roles() {
    with_database(async |t| {
        let import = Options {
            import: true,
            ..Options::default()
        };
        let id = Uuid::new_v4();
        let value = json!({
            "id": id, "username": "a b", "createdTimestamp": 5, "notBefore": 7, "attributes": {"k": ["v", "w"]},
            "realmRoles": ["spare"], "clientRoles": {"registry": ["push"]}, "serviceAccountClientId": "registry",
        });
        assert_eq!(t.create(value, import).await.unwrap(), id);
        let user = t.find(id).await;
        assert_eq!((user.created_timestamp, user.not_before), (5, 7));
        assert_eq!(user.attributes["k"], json!(["v", "w"]));
        assert_eq!(user.service_account_client, Some(t.client));
        let roles = user::mapping::direct(&t.pool, t.realm.id, id, realm::role::Of::All)
            .await
            .unwrap();
        let mut ids = [t.roles.push, t.roles.spare];
        ids.sort();
        let mut held: Vec<Uuid> = roles.iter().map(|role| role.id).collect();
        held.sort();
        assert_eq!(held, ids);
        for unknown in [
            json!({"realmRoles": ["push"]}),
            json!({"clientRoles": {"nosuch": ["push"]}}),
            json!({"clientRoles": {"registry": ["spare"]}}),
        ] {
            let mut value = unknown;
            value["username"] = json!("other");
            let error = answer(t.create(value, import).await.unwrap_err());
            assert!(
                error.starts_with("Role ") && error.ends_with(" not found"),
                "{error}"
            );
        }
    });
}

#[test]
fn a_service_account_hangs_on_its_client_and_a_client_has_one() {
    with_database(async |t| {
        let options = Options {
            service_account: Some(t.client),
            ..Options::default()
        };
        let id = t
            .create(
                json!({"username": "service-account-registry", "enabled": true}),
                options,
            )
            .await
            .unwrap();
        let user = user::find_service_account(&t.pool, t.realm.id, t.client)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(user.id, id);
        assert!(user::profile::is_complete(&t.realm, &user));
        let second = t
            .create(json!({"username": "service-account-two"}), options)
            .await;
        assert!(matches!(
            second,
            Err(WriteError::Store(store::Error::Duplicate(_)))
        ));
        assert!(t.update(id, json!({"firstName": "X"})).await.unwrap());
        let alice = t.user("alice").await;
        let rename =
            async |id, name| user::rename_service_account(&t.pool, t.realm.id, id, name).await;
        assert!(rename(id, "Service-Account-New").await.unwrap());
        assert_eq!(t.find(id).await.username, "service-account-new");
        assert!(!rename(id, "alice@example.org").await.unwrap());
        assert!(matches!(
            rename(id, "alice").await,
            Err(store::Error::Duplicate(_))
        ));
        assert!(
            !rename(alice, "other").await.unwrap(),
            "only service accounts"
        );
        sqlx::query("delete from client where id = $1")
            .bind(t.client)
            .execute(&t.pool)
            .await
            .unwrap();
        assert!(user::find(&t.pool, t.realm.id, id).await.unwrap().is_none());
    });
}

#[test]
fn a_user_is_found_and_deleted_in_its_own_realm_only() {
    with_database(async |t| {
        let id = t.user("alice").await;
        let other = realm(&t.pool, &t.sealer, "other", Uuid::new_v4()).await;
        assert!(user::find(&t.pool, other.id, id).await.unwrap().is_none());
        assert!(
            user::find_by_username(&t.pool, other.id, "alice")
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            !user::set_not_before(&t.pool, other.id, id, 9)
                .await
                .unwrap()
        );
        assert!(!user::delete(&t.pool, other.id, id).await.unwrap());
        assert!(
            user::set_not_before(&t.pool, t.realm.id, id, 9)
                .await
                .unwrap()
        );
        assert_eq!(t.find(id).await.not_before, 9);
        assert!(user::delete(&t.pool, t.realm.id, id).await.unwrap());
        assert!(!user::delete(&t.pool, t.realm.id, id).await.unwrap());
    });
}

#[test]
fn a_complete_profile_has_address_and_both_names_but_for_masters_users() {
    with_database(async |t| {
        let complete = t.user("alice").await;
        let bare = t
            .create(
                json!({"username": "bare", "email": "b@b.b", "firstName": "F"}),
                Options::default(),
            )
            .await
            .unwrap();
        assert!(user::profile::is_complete(
            &t.realm,
            &t.find(complete).await
        ));
        let bare = t.find(bare).await;
        assert!(!user::profile::is_complete(&t.realm, &bare));
        let master = realm(&t.pool, &t.sealer, realm::MASTER, Uuid::new_v4()).await;
        assert!(user::profile::is_complete(&master, &bare));
    });
}
