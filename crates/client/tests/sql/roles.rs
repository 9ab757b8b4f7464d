use realm::Error;
use realm::role::{self, NewRole, Of, Role, RoleRepresentation};
use uuid::Uuid;

use crate::support::Db;

fn new(client_id: Option<Uuid>, name: &str) -> NewRole {
    let rep = RoleRepresentation {
        name: Some(name.to_owned()),
        ..RoleRepresentation::default()
    };
    NewRole::from_rep(client_id, &rep).unwrap()
}

fn names(roles: &[Role]) -> Vec<&str> {
    roles.iter().map(|role| role.name.as_str()).collect()
}

#[tokio::test]
async fn realm_and_client_roles_of_one_name_are_two_roles() {
    let db = Db::new().await;
    let (realm, web) = (db.realm.id, db.stored(r#"{"clientId":"web"}"#).await.id);
    let of_realm = NewRole {
        description: Some("d".to_owned()),
        attributes: [("a".to_owned(), vec!["b".to_owned()])].into(),
        ..new(None, "a/b")
    };
    let of_client = new(Some(web), "a/b");
    role::create(&db.pool, realm, &of_realm).await.unwrap();
    role::create(&db.pool, realm, &of_client).await.unwrap();

    let found = role::find_by_name(&db.pool, realm, None, "a/b")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        found,
        role::find(&db.pool, realm, of_realm.id)
            .await
            .unwrap()
            .unwrap()
    );
    assert_eq!(
        (found.id, found.client_id, found.composite),
        (of_realm.id, None, false)
    );
    let other = role::find_by_name(&db.pool, realm, Some(web), "a/b")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((other.id, other.client_id), (of_client.id, Some(web)));
    assert!(
        role::find_by_name(&db.pool, realm, Some(Uuid::new_v4()), "a/b")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        role::find_by_name(&db.pool, realm, None, "a\0")
            .await
            .unwrap()
            .is_none()
    );

    let rep = serde_json::to_string(&found.to_rep(&db.realm, false)).unwrap();
    assert_eq!(
        rep,
        format!(
            r#"{{"id":"{}","name":"a/b","description":"d","composite":false,"clientRole":false,"containerId":"{}","attributes":{{"a":["b"]}}}}"#,
            of_realm.id, db.realm.public_id
        )
    );
    let rep = other.to_rep(&db.realm, true);
    assert_eq!(
        (rep.client_role, rep.container_id, rep.attributes),
        (Some(true), Some(web.to_string()), None)
    );

    for (client, name) in [(None, "a/b"), (Some(web), "a/b")] {
        let again = role::create(&db.pool, realm, &new(client, name))
            .await
            .unwrap_err();
        assert!(
            matches!(&again, Error::Duplicate(key) if key == "role_name_key"),
            "{again}"
        );
    }
    let orphan = role::create(&db.pool, realm, &new(Some(Uuid::new_v4()), "x"))
        .await
        .unwrap_err();
    assert!(matches!(orphan, Error::Missing(_)), "{orphan}");
}

#[tokio::test]
async fn a_role_list_is_ordered_searched_and_paged() {
    let db = Db::new().await;
    let (realm, web) = (db.realm.id, db.stored(r#"{"clientId":"web"}"#).await.id);
    let many = [
        new(None, "puller"),
        new(None, "Admin"),
        new(None, "100%"),
        new(Some(web), "push"),
        NewRole {
            description: Some("may Pull".to_owned()),
            ..new(None, "z")
        },
    ];
    role::insert_many(&db.pool, realm, &many).await.unwrap();
    let list = async |client, search, first, max| -> Vec<String> {
        let roles = role::list(&db.pool, realm, client, search, first, max)
            .await
            .unwrap();
        roles.into_iter().map(|role| role.name).collect()
    };
    assert_eq!(
        list(None, None, None, None).await,
        ["100%", "Admin", "puller", "z"]
    );
    assert_eq!(list(Some(web), None, None, None).await, ["push"]);
    assert_eq!(list(None, Some("PUL"), None, None).await, ["puller", "z"]);
    assert_eq!(list(Some(web), Some("pul"), None, None).await.len(), 0);
    assert_eq!(list(None, Some("%"), None, None).await, ["100%"]);
    assert_eq!(list(None, Some("\0"), None, None).await.len(), 0);
    assert_eq!(
        list(None, None, Some(1), Some(2)).await,
        ["Admin", "puller"]
    );
    assert_eq!(list(None, None, Some(-5), Some(-5)).await.len(), 4);
    assert_eq!(list(None, None, None, Some(0)).await.len(), 0);

    let some = role::find_many(&db.pool, realm, &[many[0].id, many[3].id, Uuid::new_v4()])
        .await
        .unwrap();
    assert_eq!(names(&some), ["puller", "push"]);
}

#[tokio::test]
async fn an_update_changes_a_role_and_refuses_a_taken_name() {
    let db = Db::new().await;
    let realm = db.realm.id;
    role::insert_many(&db.pool, realm, &[new(None, "puller"), new(None, "pusher")])
        .await
        .unwrap();
    let mut puller = role::find_by_name(&db.pool, realm, None, "puller")
        .await
        .unwrap()
        .unwrap();
    let change = r#"{"name":"p2","description":"e","attributes":{"a":["b"]}}"#;
    puller.apply(&serde_json::from_str(change).unwrap());
    assert!(role::update(&db.pool, realm, &puller).await.unwrap());
    assert_eq!(
        role::find(&db.pool, realm, puller.id)
            .await
            .unwrap()
            .unwrap(),
        puller
    );

    puller.name = "pusher".to_owned();
    let clash = role::update(&db.pool, realm, &puller).await.unwrap_err();
    assert!(
        matches!(&clash, Error::Duplicate(key) if key == "role_name_key"),
        "{clash}"
    );
    puller.name = "x".repeat(300);
    assert!(matches!(
        role::update(&db.pool, realm, &puller).await,
        Err(Error::Invalid(_))
    ));

    assert!(role::delete(&db.pool, realm, puller.id).await.unwrap());
    assert!(!role::delete(&db.pool, realm, puller.id).await.unwrap());
    puller.name = "p3".to_owned();
    assert!(!role::update(&db.pool, realm, &puller).await.unwrap());
}

#[tokio::test]
async fn composites_are_listed_by_kind_and_expanded_through_circles() {
    let db = Db::new().await;
    let (realm, web) = (db.realm.id, db.stored(r#"{"clientId":"web"}"#).await.id);
    let [top, middle, leaf, push] = [
        new(None, "top"),
        new(None, "middle"),
        new(None, "leaf"),
        new(Some(web), "push"),
    ];
    let ids = [top.id, middle.id, leaf.id, push.id];
    role::insert_many(&db.pool, realm, &[top, middle, leaf, push])
        .await
        .unwrap();
    let [top, middle, leaf, push] = ids;
    role::insert_composites(
        &db.pool,
        realm,
        &[(top, middle), (middle, leaf), (leaf, top)],
    )
    .await
    .unwrap();
    role::add_composites(&db.pool, realm, top, &[push, middle])
        .await
        .unwrap();
    role::insert_composites(&db.pool, realm, &[]).await.unwrap();

    let composites = async |of| role::composites(&db.pool, realm, top, of).await.unwrap();
    assert_eq!(names(&composites(Of::All).await), ["middle", "push"]);
    assert_eq!(names(&composites(Of::Realm).await), ["middle"]);
    assert_eq!(names(&composites(Of::Client(web)).await), ["push"]);
    assert!(composites(Of::Client(Uuid::new_v4())).await.is_empty());
    assert_eq!(
        names(&role::expand(&db.pool, realm, &[middle]).await.unwrap()),
        ["leaf", "middle", "push", "top"]
    );
    assert_eq!(
        names(&role::expand(&db.pool, realm, &[push]).await.unwrap()),
        ["push"]
    );
    assert!(
        role::find(&db.pool, realm, top)
            .await
            .unwrap()
            .unwrap()
            .composite
    );
    assert!(
        !role::find(&db.pool, realm, push)
            .await
            .unwrap()
            .unwrap()
            .composite
    );

    let foreign = role::add_composites(&db.pool, realm, top, &[leaf, Uuid::new_v4()])
        .await
        .unwrap_err();
    assert!(matches!(foreign, Error::Missing(_)), "{foreign}");
    assert_eq!(names(&composites(Of::All).await), ["middle", "push"]);

    role::remove_composites(&db.pool, realm, top, &[middle, Uuid::new_v4()])
        .await
        .unwrap();
    assert_eq!(names(&composites(Of::All).await), ["push"]);
    role::delete(&db.pool, realm, push).await.unwrap();
    assert!(
        !role::find(&db.pool, realm, top)
            .await
            .unwrap()
            .unwrap()
            .composite
    );
}

#[tokio::test]
async fn roles_of_another_realm_are_out_of_reach() {
    let db = Db::new().await;
    let (realm, other) = (db.realm.id, db.other_realm().await);
    let (mine, theirs) = (new(None, "admin"), new(None, "admin"));
    role::create(&db.pool, realm, &mine).await.unwrap();
    role::create(&db.pool, other, &theirs).await.unwrap();

    assert!(
        role::find(&db.pool, realm, theirs.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        role::find_many(&db.pool, realm, &[theirs.id])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        role::expand(&db.pool, realm, &[theirs.id])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        role::find_by_name(&db.pool, realm, None, "admin")
            .await
            .unwrap()
            .unwrap()
            .id,
        mine.id
    );
    assert!(!role::delete(&db.pool, realm, theirs.id).await.unwrap());
    assert!(matches!(
        role::add_composites(&db.pool, realm, mine.id, &[theirs.id]).await,
        Err(Error::Missing(_))
    ));
    assert!(
        role::composites(&db.pool, realm, theirs.id, Of::All)
            .await
            .unwrap()
            .is_empty()
    );
}
