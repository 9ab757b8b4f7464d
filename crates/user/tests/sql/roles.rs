use realm::role::{Of, Role};
use user::mapping;
use uuid::Uuid;

use crate::with_database;

fn names(roles: &[Role]) -> Vec<&str> {
    roles.iter().map(|role| role.name.as_str()).collect()
}

#[test]
fn roles_are_listed_directly_through_composites_and_as_available() {
    with_database(async |t| {
        let (realm, id) = (t.realm.id, t.user("alice").await);
        let client = Of::Client(t.client);
        let direct = mapping::direct(&t.pool, realm, id, Of::All).await.unwrap();
        assert_eq!(names(&direct), ["default-roles-r"]);
        assert!(direct[0].composite);
        assert!(
            mapping::direct(&t.pool, realm, id, client)
                .await
                .unwrap()
                .is_empty()
        );
        let effective = mapping::effective(&t.pool, realm, id, Of::All)
            .await
            .unwrap();
        assert_eq!(names(&effective), ["default-roles-r", "inner", "push"]);
        assert_eq!(
            names(
                &mapping::effective(&t.pool, realm, id, Of::Realm)
                    .await
                    .unwrap()
            ),
            ["default-roles-r", "inner"]
        );
        assert_eq!(
            names(
                &mapping::effective(&t.pool, realm, id, client)
                    .await
                    .unwrap()
            ),
            ["push"]
        );
        assert_eq!(
            names(
                &mapping::available(&t.pool, realm, id, Of::Realm)
                    .await
                    .unwrap()
            ),
            ["inner", "spare"]
        );
        assert_eq!(
            names(
                &mapping::available(&t.pool, realm, id, client)
                    .await
                    .unwrap()
            ),
            ["push"]
        );
        assert!(
            mapping::holds(&t.pool, realm, id, t.roles.push)
                .await
                .unwrap()
        );
        assert!(
            !mapping::holds(&t.pool, realm, id, t.roles.spare)
                .await
                .unwrap()
        );

        let held = mapping::effective_names(&t.pool, realm, id).await.unwrap();
        assert_eq!(held.realm, ["default-roles-r", "inner"]);
        assert_eq!(
            held.clients.into_iter().collect::<Vec<_>>(),
            [("registry".to_owned(), vec!["push".to_owned()])]
        );
    });
}

#[test]
fn adding_and_removing_roles_twice_is_the_same_as_once() {
    with_database(async |t| {
        let (realm, id) = (t.realm.id, t.user("alice").await);
        let roles = [t.roles.spare, t.roles.push];
        for _ in 0..2 {
            mapping::add(&t.pool, realm, id, &roles).await.unwrap();
            let all = mapping::direct(&t.pool, realm, id, Of::All).await.unwrap();
            assert_eq!(names(&all), ["default-roles-r", "push", "spare"]);
        }
        for _ in 0..2 {
            mapping::remove(&t.pool, realm, id, &roles).await.unwrap();
            assert_eq!(
                mapping::direct(&t.pool, realm, id, Of::All)
                    .await
                    .unwrap()
                    .len(),
                1
            );
        }
        let unknown = mapping::add(&t.pool, realm, id, &[Uuid::new_v4()]).await;
        assert!(matches!(unknown, Err(store::Error::Missing(_))));
    });
}

#[test]
fn a_role_of_another_realm_cannot_be_mapped() {
    with_database(async |t| {
        let id = t.user("alice").await;
        let stranger = Uuid::new_v4();
        let other = crate::realm(&t.pool, &t.sealer, "other", stranger).await;
        sqlx::query("insert into role (realm_id, id, name) values ($1, $2, 'stranger')")
            .bind(other.id)
            .bind(stranger)
            .execute(&t.pool)
            .await
            .unwrap();
        assert!(matches!(
            mapping::add(&t.pool, t.realm.id, id, &[stranger]).await,
            Err(store::Error::Missing(_))
        ));
        assert!(
            mapping::direct(&t.pool, other.id, id, Of::All)
                .await
                .unwrap()
                .is_empty()
        );
    });
}
