use user::subject::{self, Needs};
use user::{User, group, mapping};

use crate::with_database;

#[test]
fn a_subject_has_the_groups_and_roles_that_rules_ask_for() {
    with_database(async |t| {
        let (realm, id) = (t.realm.id, t.user("alice").await);
        let top = t.group(None, "team").await;
        let low = t.group(Some(top), "dev").await;
        let slashed = t.group(None, "a/b").await;
        let groups = [low, slashed];
        group::join(&t.pool, realm, id, &groups).await.unwrap();
        mapping::add(&t.pool, realm, mapping::Owner::Group(top), &[t.roles.push])
            .await
            .unwrap();
        let user = user::find(&t.pool, realm, id).await.unwrap().unwrap();
        let find = async |groups, roles| {
            let needs = Needs { groups, roles };
            subject::find(&t.pool, realm, &user, needs).await.unwrap()
        };

        let all = find(true, true).await;
        assert_eq!(all.groups, [vec!["a/b"], vec!["team", "dev"]]);
        for (path, is_within) in [
            ("/team", true),
            ("/team/dev", true),
            ("/a/b", true),
            ("/a", false),
            ("/dev", false),
            ("/b", false),
        ] {
            assert_eq!(all.is_within(path), is_within, "{path}");
        }
        // `push` contains `inner`.
        assert!(all.has_client_role("registry", "push") && all.has_realm_role("inner"));
        assert!(!all.has_realm_role("push") && !all.has_realm_role("spare"));

        let groups = find(true, false).await;
        assert!(groups.is_within("/team") && !groups.has_realm_role("inner"));
        let roles = find(false, true).await;
        assert!(!roles.is_within("/team") && roles.has_realm_role("inner"));
    });
}

#[test]
fn a_subject_of_whom_nothing_is_asked_needs_no_database() {
    with_database(async |t| {
        let closed = t.pool.clone();
        closed.close().await;
        let user = User {
            username: "alice".to_owned(),
            email: Some("alice@example.org".to_owned()),
            ..User::default()
        };
        let subject = subject::find(&closed, t.realm.id, &user, Needs::default());
        let subject = subject.await.unwrap();
        assert_eq!(subject.username, "alice");
        assert_eq!(subject.verified_email, None, "the address is not verified");
    });
}
