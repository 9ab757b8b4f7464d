use client::{Mapper, Owner, mapper};
use realm::Error;
use uuid::Uuid;

use crate::support::Db;

fn mapper(name: &str, protocol: &str) -> Mapper {
    let text = format!(
        r#"{{"name":"{name}","protocol":"{protocol}","protocolMapper":"t","config":{{"k":"v"}}}}"#
    );
    Mapper::from_rep(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[tokio::test]
async fn mappers_are_created_found_listed_changed_and_deleted() {
    let db = Db::new().await;
    let (realm, client) = (db.realm.id, db.stored(r#"{"clientId":"web"}"#).await.id);
    let (aud, reg) = (mapper("aud", "openid-connect"), mapper("reg", "docker-v2"));
    mapper::create(&db.pool, realm, Owner::Client(client), &aud)
        .await
        .unwrap();
    mapper::add_many(
        &db.pool,
        realm,
        Owner::Client(client),
        std::slice::from_ref(&reg),
    )
    .await
    .unwrap();
    mapper::add_many(&db.pool, realm, Owner::Client(client), &[])
        .await
        .unwrap();

    assert_eq!(
        mapper::find(&db.pool, realm, Owner::Client(client), aud.id)
            .await
            .unwrap(),
        Some(aud.clone())
    );
    assert_eq!(
        mapper::list(&db.pool, realm, Owner::Client(client), None)
            .await
            .unwrap(),
        [aud.clone(), reg.clone()]
    );
    assert_eq!(
        mapper::list(&db.pool, realm, Owner::Client(client), Some("docker-v2"))
            .await
            .unwrap(),
        std::slice::from_ref(&reg)
    );
    assert_eq!(
        client::find(&db.pool, realm, client)
            .await
            .unwrap()
            .unwrap()
            .mappers
            .len(),
        2
    );

    let changed = Mapper {
        name: "aud2".to_owned(),
        config: [("x".to_owned(), "y".to_owned())].into(),
        ..aud.clone()
    };
    assert!(
        mapper::update(&db.pool, realm, Owner::Client(client), &changed)
            .await
            .unwrap()
    );
    assert_eq!(
        mapper::find(&db.pool, realm, Owner::Client(client), aud.id)
            .await
            .unwrap(),
        Some(changed)
    );
    assert!(
        mapper::delete(&db.pool, realm, Owner::Client(client), aud.id)
            .await
            .unwrap()
    );
    assert!(
        !mapper::delete(&db.pool, realm, Owner::Client(client), aud.id)
            .await
            .unwrap()
    );
    assert!(
        !mapper::update(&db.pool, realm, Owner::Client(client), &aud)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_mapper_name_is_unique_in_its_client_only() {
    let db = Db::new().await;
    let (realm, web) = (db.realm.id, db.stored(r#"{"clientId":"web"}"#).await.id);
    let svc = db.stored(r#"{"clientId":"svc"}"#).await.id;
    let other = mapper("other", "p");
    mapper::add_many(
        &db.pool,
        realm,
        Owner::Client(web),
        &[mapper("aud", "p"), other.clone()],
    )
    .await
    .unwrap();
    mapper::create(&db.pool, realm, Owner::Client(svc), &mapper("aud", "p"))
        .await
        .unwrap();

    let again = mapper::create(&db.pool, realm, Owner::Client(web), &mapper("aud", "p"))
        .await
        .unwrap_err();
    assert!(
        matches!(&again, Error::Duplicate(key) if key == "protocol_mapper_name_key"),
        "{again}"
    );
    let renamed = Mapper {
        name: "aud".to_owned(),
        ..other
    };
    let clash = mapper::update(&db.pool, realm, Owner::Client(web), &renamed)
        .await
        .unwrap_err();
    assert!(
        matches!(&clash, Error::Duplicate(key) if key == "protocol_mapper_name_key"),
        "{clash}"
    );
}

#[tokio::test]
async fn a_mapper_is_reached_through_its_own_client_and_realm_only() {
    let db = Db::new().await;
    let (realm, other) = (db.realm.id, db.other_realm().await);
    let web = db.stored(r#"{"clientId":"web"}"#).await.id;
    let svc = db.stored(r#"{"clientId":"svc"}"#).await.id;
    let aud = mapper("aud", "p");
    mapper::create(&db.pool, realm, Owner::Client(web), &aud)
        .await
        .unwrap();
    for (realm, client) in [(realm, svc), (other, web)] {
        assert_eq!(
            mapper::find(&db.pool, realm, Owner::Client(client), aud.id)
                .await
                .unwrap(),
            None
        );
        assert!(
            mapper::list(&db.pool, realm, Owner::Client(client), None)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            !mapper::update(&db.pool, realm, Owner::Client(client), &aud)
                .await
                .unwrap()
        );
        assert!(
            !mapper::delete(&db.pool, realm, Owner::Client(client), aud.id)
                .await
                .unwrap()
        );
    }
    let stolen = mapper::create(&db.pool, realm, Owner::Client(svc), &aud)
        .await
        .unwrap_err();
    assert!(
        matches!(&stolen, Error::Duplicate(key) if key == "protocol_mapper_pkey"),
        "{stolen}"
    );
    let orphan = mapper::create(
        &db.pool,
        realm,
        Owner::Client(Uuid::new_v4()),
        &mapper("x", "p"),
    )
    .await
    .unwrap_err();
    assert!(matches!(orphan, Error::Missing(_)), "{orphan}");
}

#[tokio::test]
async fn a_client_has_a_bounded_number_of_mappers() {
    let db = Db::new().await;
    let (realm, client) = (db.realm.id, db.stored(r#"{"clientId":"web"}"#).await.id);
    let many: Vec<_> = (0..mapper::MAX)
        .map(|n| mapper(&n.to_string(), "p"))
        .collect();
    mapper::add_many(&db.pool, realm, Owner::Client(client), &many)
        .await
        .unwrap();
    let one_more = mapper::create(&db.pool, realm, Owner::Client(client), &mapper("more", "p"))
        .await
        .unwrap_err();
    assert!(matches!(one_more, Error::Invalid(_)), "{one_more}");
    assert_eq!(
        mapper::list(&db.pool, realm, Owner::Client(client), None)
            .await
            .unwrap()
            .len(),
        mapper::MAX
    );
}

#[tokio::test]
async fn the_mappers_of_a_client_have_a_bounded_size_together() {
    let db = Db::new().await;
    let (realm, client) = (db.realm.id, db.stored(r#"{"clientId":"web"}"#).await.id);
    let owner = Owner::Client(client);
    let large = |name: &str, entries: usize| {
        let mut large = mapper(name, "p");
        large.config = (0..entries)
            .map(|n| (n.to_string(), "x".repeat(4000)))
            .collect();
        large
    };
    let many: Vec<_> = (0..5).map(|n| large(&n.to_string(), 100)).collect();
    mapper::add_many(&db.pool, realm, owner, &many)
        .await
        .unwrap();
    let full = mapper::create(&db.pool, realm, owner, &large("more", 100)).await;
    assert!(matches!(full, Err(Error::Invalid(_))), "{full:?}");
    let small = mapper("small", "p");
    mapper::create(&db.pool, realm, owner, &small)
        .await
        .unwrap();
    let mut grown = large("small", 100);
    grown.id = small.id;
    let full = mapper::update(&db.pool, realm, owner, &grown).await;
    assert!(matches!(full, Err(Error::Invalid(_))), "{full:?}");
    let same = mapper::update(&db.pool, realm, owner, &many[0]).await;
    assert!(same.unwrap());
}
