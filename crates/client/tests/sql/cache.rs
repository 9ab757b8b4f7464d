use client::Clients;
use client::cache::{MAX_AGE_MS, MAX_STALE_MS};
use realm::Error;

use crate::support::Db;

async fn rename(db: &Db, client: &client::Client, name: &str) {
    sqlx::query("update client set settings = settings || jsonb_build_object('name', $2::text) where id = $1")
        .bind(client.id)
        .bind(name)
        .execute(&db.pool)
        .await
        .unwrap();
}

/// One test: it moves the clock, which all share, and only forwards.
#[tokio::test]
async fn clients_in_memory_are_read_again_when_told_when_old_and_not_before() {
    let db = Db::new().await;
    let web = db.stored(r#"{"clientId":"web","name":"1"}"#).await;
    let clients = Clients::new();
    let name = async || {
        let found = clients.get(&db.pool, &db.realm, "web").await.unwrap();
        found.map(|client| client.settings.name.clone().unwrap())
    };
    assert_eq!(name().await.as_deref(), Some("1"));

    rename(&db, &web, "2").await;
    clients.forget_realm(db.other_realm().await);
    assert_eq!(name().await.as_deref(), Some("1"));
    clients.forget_realm(db.realm.id);
    assert_eq!(name().await.as_deref(), Some("2"));

    rename(&db, &web, "3").await;
    clients.forget_all();
    assert_eq!(name().await.as_deref(), Some("3"));

    rename(&db, &web, "4").await;
    store::clock::shift(MAX_AGE_MS);
    assert_eq!(name().await.as_deref(), Some("4"));

    // That there is no such client is known for as long, and not longer.
    assert!(
        clients
            .get(&db.pool, &db.realm, "new")
            .await
            .unwrap()
            .is_none()
    );
    db.stored(r#"{"clientId":"new"}"#).await;
    assert!(
        clients
            .get(&db.pool, &db.realm, "new")
            .await
            .unwrap()
            .is_none()
    );
    clients.forget_realm(db.realm.id);
    assert!(
        clients
            .get(&db.pool, &db.realm, "new")
            .await
            .unwrap()
            .is_some()
    );

    client::delete(&db.pool, db.realm.id, web.id).await.unwrap();
    clients.forget_realm(db.realm.id);
    assert_eq!(name().await, None);

    assert!(
        clients
            .get(&db.pool, &db.realm, "")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        clients
            .get(&db.pool, &db.realm, "a\0b")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        clients
            .get(&db.pool, &db.realm, &"x".repeat(5000))
            .await
            .unwrap()
            .is_none()
    );

    // Without a database: what was there is used for a while, what was not there or has changed is not answered.
    let web = db.stored(r#"{"clientId":"web","name":"5"}"#).await;
    clients.forget_realm(db.realm.id);
    assert_eq!(name().await.as_deref(), Some("5"));
    assert!(
        clients
            .get(&db.pool, &db.realm, "missing")
            .await
            .unwrap()
            .is_none()
    );
    let away = db.pool.clone();
    away.close().await;
    let name = async || {
        let found = clients.get(&away, &db.realm, "web").await;
        found.map(|client| client.unwrap().settings.name.clone().unwrap())
    };
    clients.forget_all();
    assert_eq!(name().await.unwrap(), "5");
    assert!(matches!(
        clients.get(&away, &db.realm, "missing").await,
        Err(Error::Unavailable(_))
    ));
    store::clock::shift(MAX_AGE_MS);
    assert_eq!(name().await.unwrap(), "5");
    store::clock::shift(MAX_STALE_MS);
    assert!(matches!(name().await, Err(Error::Unavailable(_))));
    drop(web);
}

#[tokio::test]
async fn a_told_change_is_not_papered_over_while_the_database_is_away() {
    let db = Db::new().await;
    db.stored(r#"{"clientId":"web"}"#).await;
    let clients = Clients::new();
    assert!(
        clients
            .get(&db.pool, &db.realm, "web")
            .await
            .unwrap()
            .is_some()
    );
    clients.forget_realm(db.realm.id);
    db.pool.close().await;
    assert!(matches!(
        clients.get(&db.pool, &db.realm, "web").await,
        Err(Error::Unavailable(_))
    ));
}
