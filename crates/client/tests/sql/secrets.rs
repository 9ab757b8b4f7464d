use client::secret;
use realm::Error;
use uuid::Uuid;

use crate::support::Db;

#[tokio::test]
async fn only_the_right_secret_is_verified_and_the_database_holds_none_in_clear() {
    let db = Db::new().await;
    let web = db
        .stored(r#"{"clientId":"web","secret":"correct horse"}"#)
        .await;
    let found = client::find(&db.pool, db.realm.id, web.id)
        .await
        .unwrap()
        .unwrap();
    // The second time the digest of the first answers.
    for _ in 0..2 {
        assert!(secret::verify(&db.sealer, &found, "correct horse").unwrap());
        assert!(!secret::verify(&db.sealer, &found, "correct hors").unwrap());
        assert!(!secret::verify(&db.sealer, &found, "").unwrap());
    }
    let row: String = sqlx::query_scalar(
        "select c::text || encode(secret, 'escape') from client c where id = $1",
    )
    .bind(web.id)
    .fetch_one(&db.pool)
    .await
    .unwrap();
    assert!(!row.contains("correct horse"), "{row}");

    let public = db
        .stored(r#"{"clientId":"public","publicClient":true}"#)
        .await;
    assert!(!secret::verify(&db.sealer, &public, "").unwrap());
    assert!(secret::reveal(&db.sealer, &public).unwrap().is_none());
}

#[tokio::test]
async fn a_secret_copied_to_another_client_does_not_open() {
    let db = Db::new().await;
    let web = db.stored(r#"{"clientId":"web","secret":"s3"}"#).await;
    let mut thief = db.stored(r#"{"clientId":"thief","secret":"mine"}"#).await;
    thief.secret = web.secret.clone();
    assert!(matches!(
        secret::verify(&db.sealer, &thief, "s3"),
        Err(Error::Sealed(_))
    ));
    assert!(matches!(
        secret::reveal(&db.sealer, &thief),
        Err(Error::Sealed(_))
    ));
}

#[tokio::test]
async fn a_new_secret_replaces_the_old_one_and_notes_the_time() {
    let db = Db::new().await;
    let web = db
        .stored(r#"{"clientId":"web","secret":"s3","attributes":{"a":"b"}}"#)
        .await;
    let new = secret::regenerate(&db.pool, db.realm.id, &db.sealer, web.id)
        .await
        .unwrap()
        .unwrap();
    let found = client::find(&db.pool, db.realm.id, web.id)
        .await
        .unwrap()
        .unwrap();
    assert!(
        secret::verify(&db.sealer, &found, &new).unwrap()
            && !secret::verify(&db.sealer, &found, "s3").unwrap()
    );
    assert_eq!((new.len(), found.attribute("a")), (86, Some("b")));
    let time: i64 = found
        .attribute("client.secret.creation.time")
        .unwrap()
        .parse()
        .unwrap();
    assert!((store::clock::now() - time).abs() < 600);
    assert!(
        secret::regenerate(&db.pool, db.realm.id, &db.sealer, Uuid::new_v4())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_public_client_made_confidential_gets_a_secret_and_a_given_one_is_taken() {
    let db = Db::new().await;
    let public = db.stored(r#"{"clientId":"web","publicClient":true}"#).await;
    let confidential = public
        .merged(
            &db.sealer,
            &serde_json::from_str(r#"{"publicClient":false}"#).unwrap(),
        )
        .unwrap();
    assert_eq!(
        secret::reveal(&db.sealer, &confidential)
            .unwrap()
            .unwrap()
            .len(),
        86
    );
    assert!(
        confidential
            .attribute("client.secret.creation.time")
            .is_some()
    );

    let given = public
        .merged(
            &db.sealer,
            &serde_json::from_str(r#"{"publicClient":false,"secret":"mine"}"#).unwrap(),
        )
        .unwrap();
    assert!(secret::verify(&db.sealer, &given, "mine").unwrap());
    let masked = given
        .merged(
            &db.sealer,
            &serde_json::from_str(r#"{"secret":"**********"}"#).unwrap(),
        )
        .unwrap();
    assert!(secret::verify(&db.sealer, &masked, "mine").unwrap());
    let changed = given
        .merged(
            &db.sealer,
            &serde_json::from_str(r#"{"secret":"other"}"#).unwrap(),
        )
        .unwrap();
    assert!(secret::verify(&db.sealer, &changed, "other").unwrap());

    let bearer = db
        .stored(r#"{"clientId":"b","publicClient":true,"bearerOnly":true}"#)
        .await;
    let still = bearer
        .merged(
            &db.sealer,
            &serde_json::from_str(r#"{"publicClient":false}"#).unwrap(),
        )
        .unwrap();
    assert!(still.secret.is_none());
}
