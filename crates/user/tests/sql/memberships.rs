use realm::role::{Of, Role};
use serde_json::json;
use store::Error;
use user::mapping::{self, Owner};
use user::{Options, group};
use uuid::Uuid;

use crate::{Fixture, answer, with_database};

fn names(roles: &[Role]) -> Vec<&str> {
    roles.iter().map(|role| role.name.as_str()).collect()
}

impl Fixture {
    async fn groups_of(&self, user: Uuid) -> Vec<String> {
        let groups = group::list_of_user(&self.pool, self.realm.id, user, None, 0, None)
            .await
            .unwrap();
        groups.into_iter().map(|group| group.path).collect()
    }
}

#[test]
fn a_user_holds_the_roles_of_his_groups_and_of_those_above_them() {
    with_database(async |t| {
        let (realm, user) = (t.realm.id, t.user("alice").await);
        let top = t.group(None, "top").await;
        let middle = t.group(Some(top), "middle").await;
        let low = t.group(Some(middle), "low").await;
        mapping::add(&t.pool, realm, Owner::Group(top), &[t.roles.spare])
            .await
            .unwrap();
        mapping::add(&t.pool, realm, Owner::Group(low), &[t.roles.push])
            .await
            .unwrap();
        mapping::remove(&t.pool, realm, user, &[t.roles.default])
            .await
            .unwrap();
        let effective = async || {
            let roles = mapping::effective(&t.pool, realm, user, Of::All)
                .await
                .unwrap();
            roles.into_iter().map(|r| r.name).collect::<Vec<_>>()
        };
        assert!(effective().await.is_empty());

        group::join(&t.pool, realm, user, &[middle]).await.unwrap();
        assert_eq!(effective().await, ["spare"]);
        group::join(&t.pool, realm, user, &[middle, low])
            .await
            .unwrap();
        // `push` contains `inner`, which contains `push`.
        assert_eq!(effective().await, ["inner", "push", "spare"]);
        let held = mapping::effective_names(&t.pool, realm, user)
            .await
            .unwrap();
        assert_eq!(held.realm, ["inner", "spare"]);
        assert_eq!(held.clients["registry"], ["push"]);
        assert!(
            mapping::holds(&t.pool, realm, user, t.roles.spare)
                .await
                .unwrap()
        );
        // None of it is the user's own, so all of it could be mapped.
        let direct = mapping::direct(&t.pool, realm, user, Of::All)
            .await
            .unwrap();
        assert!(direct.is_empty());
        let available = mapping::available(&t.pool, realm, user, Of::Realm)
            .await
            .unwrap();
        assert_eq!(names(&available), ["default-roles-r", "inner", "spare"]);

        let session = user::session::create(&t.pool, realm, t.login(user, "127.0.0.1", 100))
            .await
            .unwrap();
        let part = user::session::Part {
            session: &session,
            client: t.client,
            offline: false,
        };
        let resumed = user::session::resume(&t.pool, realm, part, &crate::LIMITS, 110)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(resumed.roles, held);

        for left in [low, middle, middle] {
            group::leave(&t.pool, realm, user, left).await.unwrap();
        }
        assert!(effective().await.is_empty());
    });
}

#[test]
fn the_roles_of_a_group_are_listed_like_those_of_a_user() {
    with_database(async |t| {
        let realm = t.realm.id;
        let top = t.group(None, "top").await;
        let low = Owner::Group(t.group(Some(top), "low").await);
        mapping::add(&t.pool, realm, Owner::Group(top), &[t.roles.spare])
            .await
            .unwrap();
        for _ in 0..2 {
            mapping::add(&t.pool, realm, low, &[t.roles.inner])
                .await
                .unwrap();
        }
        let direct = mapping::direct(&t.pool, realm, low, Of::All).await.unwrap();
        assert_eq!(names(&direct), ["inner"]);
        let effective = mapping::effective(&t.pool, realm, low, Of::All)
            .await
            .unwrap();
        assert_eq!(names(&effective), ["inner", "push", "spare"]);
        // `push` comes by `inner`, which is the group's own; of the groups above only realm roles are shown.
        mapping::add(&t.pool, realm, Owner::Group(top), &[t.roles.push])
            .await
            .unwrap();
        mapping::remove(&t.pool, realm, low, &[t.roles.inner])
            .await
            .unwrap();
        let of_client = mapping::effective(&t.pool, realm, low, Of::Client(t.client))
            .await
            .unwrap();
        assert!(of_client.is_empty());
        mapping::add(&t.pool, realm, low, &[t.roles.inner])
            .await
            .unwrap();
        let of_client = mapping::effective(&t.pool, realm, low, Of::Client(t.client))
            .await
            .unwrap();
        assert_eq!(names(&of_client), ["push"]);
        let available = mapping::available(&t.pool, realm, low, Of::Realm)
            .await
            .unwrap();
        assert_eq!(names(&available), ["default-roles-r", "spare"]);
        let with_role = group::list_with_role(&t.pool, realm, t.roles.inner, 0, None)
            .await
            .unwrap();
        assert_eq!(with_role.len(), 1);
        assert_eq!(with_role[0].path, "/top/low");
        mapping::remove(&t.pool, realm, low, &[t.roles.inner])
            .await
            .unwrap();
        let direct = mapping::direct(&t.pool, realm, low, Of::All).await.unwrap();
        assert!(direct.is_empty());
    });
}

#[test]
fn new_users_join_the_default_groups_and_imported_ones_those_they_name() {
    with_database(async |t| {
        let ids = t
            .insert_tree(json!([{ "name": "a", "subGroups": [{ "name": "b" }] }, { "name": "c" }]))
            .await
            .unwrap();
        let realm = t.realm.id;
        let mut tx = t.pool.begin().await.unwrap();
        group::set_default(&mut tx, realm, &ids).await.unwrap();
        group::set_default(&mut tx, realm, &ids[..1]).await.unwrap();
        tx.commit().await.unwrap();
        let b = group::find_by_path(&t.pool, realm, "a/b")
            .await
            .unwrap()
            .unwrap();
        for _ in 0..2 {
            group::add_default(&t.pool, realm, b.id).await.unwrap();
        }
        let paths = group::default_paths(&t.pool, &[realm]).await.unwrap();
        assert_eq!(paths[&realm], ["/a", "/a/b"]);

        let alice = t.user("alice").await;
        assert_eq!(t.groups_of(alice).await, ["/a", "/a/b"]);
        let import = Options {
            import: true,
            ..Options::default()
        };
        let bob = json!({ "username": "bob", "groups": ["/c", "a/b", "/c"] });
        let bob = t.create(bob, import).await.unwrap();
        assert_eq!(t.groups_of(bob).await, ["/a/b", "/c"]);
        let lost = json!({ "username": "carl", "groups": ["/c", "/nope"] });
        let error = t.create(lost, import).await.unwrap_err();
        assert_eq!(answer(error), "Group /nope not found");

        group::remove_default(&t.pool, realm, b.id).await.unwrap();
        assert_eq!(
            group::default_paths(&t.pool, &[realm]).await.unwrap()[&realm],
            ["/a"]
        );
        let gone = group::add_default(&t.pool, realm, Uuid::new_v4()).await;
        assert!(matches!(gone, Err(Error::Missing(_))));
    });
}

#[test]
fn members_go_with_their_user_and_groups_with_their_parent() {
    with_database(async |t| {
        let (realm, alice, bob) = (t.realm.id, t.user("alice").await, t.user("bob").await);
        let top = t.group(None, "top").await;
        let low = t.group(Some(top), "low").await;
        for user in [bob, alice] {
            group::join(&t.pool, realm, user, &[low]).await.unwrap();
        }
        let members = async |first, max| {
            let users = group::members(&t.pool, realm, low, first, max)
                .await
                .unwrap();
            users.into_iter().map(|u| u.username).collect::<Vec<_>>()
        };
        assert_eq!(members(0, 100).await, ["alice", "bob"]);
        assert_eq!(members(1, 1).await, ["bob"]);
        assert!(members(0, 0).await.is_empty());
        assert!(
            group::members(&t.pool, realm, top, 0, 10)
                .await
                .unwrap()
                .is_empty()
        );
        let count = async |part| {
            group::count_of_user(&t.pool, realm, bob, part)
                .await
                .unwrap()
        };
        assert_eq!(
            [
                count(None).await,
                count(Some("OW")).await,
                count(Some("%")).await
            ],
            [1, 1, 0]
        );
        user::delete(&t.pool, realm, alice).await.unwrap();
        assert_eq!(members(0, 100).await, ["bob"]);
        assert_eq!(
            group::with_all_below(&t.pool, realm, top).await.unwrap(),
            [top, low]
        );
        assert!(group::delete(&t.pool, realm, top).await.unwrap());
        assert!(!group::delete(&t.pool, realm, top).await.unwrap());
        assert_eq!(group::find(&t.pool, realm, low).await.unwrap(), None);
        assert!(t.groups_of(bob).await.is_empty());
    });
}
