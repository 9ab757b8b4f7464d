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

const EXPIRATION: &str = "client.secret.rotated.expiration.time";

/// A client whose regenerated secret leaves `the first one` good, and that new secret.
async fn rotated(db: &Db, seconds: &str) -> (client::Client, String) {
    let text = format!(
        r#"{{"clientId":"web","secret":"the first one","attributes":{{"client.secret.rotated.seconds":"{seconds}"}}}}"#
    );
    let web = db.stored(&text).await;
    let new = secret::regenerate(&db.pool, db.realm.id, &db.sealer, web.id).await;
    let new = new.unwrap().unwrap().to_string();
    (found(db, web.id).await, new)
}

async fn found(db: &Db, id: Uuid) -> client::Client {
    let found = client::find(&db.pool, db.realm.id, id).await;
    found.unwrap().unwrap()
}

fn changed(db: &Db, client: &client::Client, change: serde_json::Value) -> client::Client {
    let change = serde_json::from_value(change).unwrap();
    client.merged(&db.sealer, &change).unwrap()
}

#[tokio::test]
async fn the_secret_before_is_good_until_its_time_and_lies_sealed() {
    let db = Db::new().await;
    let (web, new) = rotated(&db, "60").await;
    for _ in 0..2 {
        for good in ["the first one", new.as_str()] {
            assert!(secret::verify(&db.sealer, &web, good).unwrap());
        }
        assert!(!secret::verify(&db.sealer, &web, "s").unwrap());
    }
    assert_eq!(
        secret::reveal(&db.sealer, &web).unwrap().unwrap().as_str(),
        new
    );
    let before = secret::reveal_rotated(&db.sealer, &web).unwrap().unwrap();
    assert_eq!(before.as_str(), "the first one");
    let ends: i64 = web.attribute(EXPIRATION).unwrap().parse().unwrap();
    assert!((ends - store::clock::now() - 60).abs() < 600);
    let made = web.attribute("client.secret.rotated.creation.time");
    assert!(made.is_some());

    let row: String = sqlx::query_scalar(
        "select c::text || encode(secret, 'escape') || encode(rotated_secret, 'escape') from client c where id = $1",
    )
    .bind(web.id)
    .fetch_one(&db.pool)
    .await
    .unwrap();
    assert!(
        !row.contains("the first one") && !row.contains(&new),
        "{row}"
    );
    let shown = serde_json::to_string(&web.to_rep(None, None)).unwrap();
    assert!(!shown.contains("\"the first one"), "{shown}");

    let mut late = web.clone();
    let attributes = late.settings.attributes.as_mut().unwrap();
    attributes.insert(EXPIRATION.to_owned(), store::clock::now().to_string());
    assert!(!secret::verify(&db.sealer, &late, "the first one").unwrap());
    assert!(secret::verify(&db.sealer, &late, &new).unwrap());
    assert!(secret::reveal_rotated(&db.sealer, &late).unwrap().is_none());
    let cleaned = changed(&db, &late, serde_json::json!({ "name": "N" }));
    assert!(cleaned.rotated_secret.is_none() && cleaned.attribute(EXPIRATION).is_none());
}

#[tokio::test]
async fn only_one_secret_before_is_good_and_none_without_the_attribute() {
    let db = Db::new().await;
    let (web, second) = rotated(&db, "60").await;
    let third = secret::regenerate(&db.pool, db.realm.id, &db.sealer, web.id).await;
    let third = third.unwrap().unwrap();
    let web = found(&db, web.id).await;
    for (given, good) in [("the first one", false), (&second, true), (&third, true)] {
        assert_eq!(secret::verify(&db.sealer, &web, given).unwrap(), good);
    }
    let web = changed(
        &db,
        &web,
        serde_json::json!({ "attributes": { secret::ROTATED_SECONDS: "0" } }),
    );
    assert!(secret::verify(&db.sealer, &web, &second).unwrap());
    let mut connection = db.pool.acquire().await.unwrap();
    client::update(&mut connection, &web, &web).await.unwrap();
    let fourth = secret::regenerate(&db.pool, db.realm.id, &db.sealer, web.id).await;
    let web = found(&db, web.id).await;
    for (given, good) in [
        (&second, false),
        (&*third, false),
        (&*fourth.unwrap().unwrap(), true),
    ] {
        assert_eq!(secret::verify(&db.sealer, &web, given).unwrap(), good);
    }
    assert_eq!(web.attribute(EXPIRATION), None);
}

#[tokio::test]
async fn the_secret_before_is_ended_by_a_call_and_by_another_given_secret() {
    let db = Db::new().await;
    let (web, new) = rotated(&db, "60").await;
    let same = changed(&db, &web, serde_json::json!({ "secret": new }));
    assert!(secret::verify(&db.sealer, &same, "the first one").unwrap());
    let other = changed(&db, &web, serde_json::json!({ "secret": "other" }));
    assert!(!secret::verify(&db.sealer, &other, "the first one").unwrap());
    assert_eq!(other.attribute(EXPIRATION), None);

    assert!(
        !secret::end_rotated(&db.pool, Uuid::new_v4(), web.id)
            .await
            .unwrap()
    );
    assert!(
        secret::end_rotated(&db.pool, db.realm.id, web.id)
            .await
            .unwrap()
    );
    let ended = found(&db, web.id).await;
    assert!(!secret::verify(&db.sealer, &ended, "the first one").unwrap());
    assert!(secret::verify(&db.sealer, &ended, &new).unwrap());
    assert_eq!(ended.attribute(EXPIRATION), None);
    assert_eq!(ended.attribute(secret::ROTATED_SECONDS), Some("60"));
}

#[tokio::test]
async fn the_seconds_are_a_number_within_a_year() {
    let db = Db::new().await;
    for (seconds, good) in [
        ("0", true),
        ("31536000", true),
        ("31536001", false),
        ("-1", false),
        ("+1", false),
        ("1.5", false),
        ("x", false),
    ] {
        let change = serde_json::json!({ "attributes": { secret::ROTATED_SECONDS: seconds } });
        let change: client::ClientRepresentation = serde_json::from_value(change).unwrap();
        assert_eq!(client::check::check(&change).is_empty(), good, "{seconds}");
    }
    // What an earlier version let in does no harm.
    let (web, _) = rotated(&db, "1").await;
    sqlx::query("update client set settings = jsonb_set(settings, '{attributes,client.secret.rotated.seconds}', '\"9x\"') where realm_id = $1 and id = $2")
        .bind(db.realm.id)
        .bind(web.id)
        .execute(&db.pool)
        .await
        .unwrap();
    let new = secret::regenerate(&db.pool, db.realm.id, &db.sealer, web.id).await;
    assert!(new.unwrap().is_some());
}
