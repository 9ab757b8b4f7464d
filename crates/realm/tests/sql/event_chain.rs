//! What somebody who can write the database does to events is found.

use realm::event::{self, Finding};
use serde_json::json;

use crate::support::{Db, login};

const CHANGES: [&str; 10] = [
    "id = gen_random_uuid()",
    "time = time + 1",
    "type = 'LOGOUT'",
    "client_id = null",
    "client_id = 'other'",
    "user_id = ''",
    "session_id = ''",
    "error = 'x', ip_address = null",
    "details = details || '{\"username\": \"other\"}'",
    "details = '[]'",
];

#[tokio::test]
async fn untouched_events_are_as_they_were_written() {
    let db = Db::new().await;
    db.events(5).await;
    let report = db.verify().await;
    assert_eq!(report.finding, None);
    assert_eq!(
        (report.events, report.gone, report.end.0, report.unchained),
        (5, 0, 5, 0)
    );
}

#[tokio::test]
async fn a_column_that_was_altered_is_found_at_beginning_middle_and_end() {
    let db = Db::new().await;
    db.events(5).await;
    for at in [1, 3, 5] {
        for change in CHANGES {
            db.sql("create table if not exists saved as select * from event where false and realm_id = $1")
                .await;
            let save = "insert into saved select * from event where realm_id = $1";
            assert_eq!(db.sql(save).await, 5);
            let changed = db
                .sql(&format!(
                    "update event set {change} where realm_id = $1 and seq = {at}"
                ))
                .await;
            assert_eq!(changed, 1);
            let found = db.found().await;
            assert!(
                found.starts_with(&format!("event {at}, id ")) && found.contains(" was altered"),
                "{change}: {found}"
            );
            db.sql("delete from event where realm_id = $1").await;
            db.sql("insert into event select * from saved where realm_id = $1")
                .await;
            db.sql("delete from saved where realm_id = $1").await;
            assert_eq!(db.found().await, "");
        }
    }
}

#[tokio::test]
async fn rows_that_changed_places_are_found() {
    let db = Db::new().await;
    db.events(5).await;
    db.sql("update event set seq = 100 where realm_id = $1 and seq = 2")
        .await;
    db.sql("update event set seq = 2 where realm_id = $1 and seq = 3")
        .await;
    db.sql("update event set seq = 3 where realm_id = $1 and seq = 100")
        .await;
    let found = db.found().await;
    assert!(found.starts_with("event 2, id "), "{found}");
}

#[tokio::test]
async fn a_row_that_was_deleted_is_found_at_beginning_middle_and_end() {
    for (gone, expected) in [
        ("seq = 1", "event 1 is missing; behind it: event 2, id "),
        ("seq = 3", "event 3 is missing; before it: event 2, id "),
        ("seq = 5", "event 5 is missing; before it: event 4, id "),
        (
            "seq < 4",
            "events 1 to 3 are missing; behind it: event 4, id ",
        ),
        (
            "seq > 2",
            "events 3 to 5 are missing; before it: event 2, id ",
        ),
        ("true", "events 1 to 5 are missing"),
    ] {
        let db = Db::new().await;
        db.events(5).await;
        db.sql(&format!("delete from event where realm_id = $1 and {gone}"))
            .await;
        let found = db.found().await;
        assert!(found.starts_with(expected), "{gone}: {found}");
    }
}

#[tokio::test]
async fn a_row_that_was_added_is_found_wherever_it_is_put() {
    let add = |seq: &str| {
        format!(
            "insert into event select realm_id, '00000000-0000-4000-8000-000000000000', time, type, client_id, user_id, \
             session_id, ip_address, error, details, {seq}, hash from event where realm_id = $1 and seq = 3"
        )
    };
    for (seq, make_room, expected) in [
        (
            "0",
            0,
            "event 0, id 00000000-0000-4000-8000-000000000000, of ",
        ),
        ("-7", 0, "event -7, id 00000000-"),
        ("6", 0, "event 6, id 00000000-"),
        ("1000", 0, "event 1000, id 00000000-"),
        ("null", 0, "event id 00000000-"),
        ("1", 1, "event 1, id 00000000-"),
        ("4", 4, "event 4, id 00000000-"),
        ("5", 5, "event 5, id 00000000-"),
    ] {
        let db = Db::new().await;
        db.events(5).await;
        if make_room > 0 {
            db.sql(&format!(
                "update event set seq = seq + 1000 where realm_id = $1 and seq >= {make_room}"
            ))
            .await;
            db.sql("update event set seq = seq - 999 where realm_id = $1 and seq > 1000")
                .await;
        }
        let from = if make_room > 0 && make_room <= 3 {
            4
        } else {
            3
        };
        let add = add(seq).replace("seq = 3", &format!("seq = {from}"));
        assert_eq!(db.sql(&add).await, 1);
        let found = db.found().await;
        assert!(found.starts_with(expected), "{seq}: {found}");
    }
}

#[tokio::test]
async fn a_cut_is_found_also_if_the_head_is_made_to_fit() {
    for (gone, head) in [
        (
            "seq = 5",
            "last_seq = 4, last_hash = (select hash from event where realm_id = $1 and seq = 4)",
        ),
        ("seq = 1", "first_seq = 1, first_hash = decode('00', 'hex')"),
        ("true", "last_seq = 0, last_hash = ''"),
        ("true", "first_seq = last_seq, first_hash = last_hash"),
        ("seq < 3", "first_seq = 2, first_hash = gone.hash"),
    ] {
        let db = Db::new().await;
        let log = db.events(5).await;
        let sql = format!(
            "with gone as (select hash from event where realm_id = $1 and seq = 2), deleted as \
             (delete from event where realm_id = $1 and {gone} returning 1) \
             update event_chain set {head} from gone where realm_id = $1"
        );
        assert_eq!(db.sql(&sql).await, 1);
        assert!(db.verify().await.finding.is_some(), "{gone} {head}");
        // What is written next does not heal it.
        event::record(&log, &db.realm, login(6)).await.unwrap();
        assert!(db.verify().await.finding.is_some(), "{gone} {head}");
        event::sweep(&db.pool, &db.sealer, store::clock::now())
            .await
            .unwrap();
        assert!(db.verify().await.finding.is_some(), "{gone} {head}");
        // That the events are cleared does.
        event::clear(&db.pool, &db.sealer, db.realm.id)
            .await
            .unwrap();
        event::record(&log, &db.realm, login(7)).await.unwrap();
        let report = db.verify().await;
        assert_eq!((report.finding, report.events), (None, 1));
    }
}

#[tokio::test]
async fn a_head_that_was_deleted_is_found_and_logins_go_on() {
    for sql in [
        "delete from event_chain where realm_id = $1",
        "update event_chain set key = null, mac = '' where realm_id = $1",
        "update event_chain set mac = '' where realm_id = $1",
        "update event_chain set last_seq = 9223372036854775807 where realm_id = $1",
        "update event_chain set unchained = 7 where realm_id = $1",
    ] {
        let db = Db::new().await;
        let log = db.events(3).await;
        db.sql(sql).await;
        assert!(db.verify().await.finding.is_some(), "{sql}");
        event::record(&log, &db.realm, login(4)).await.unwrap();
        assert!(db.verify().await.finding.is_some(), "{sql}");
        let count = "select count(*) from event where realm_id = $1";
        assert_eq!(db.number(count).await, 4, "{sql}");
    }
}

#[tokio::test]
async fn the_key_of_another_realm_does_not_open() {
    let db = Db::new().await;
    let log = db.events(1).await;
    let other = db.other_realm(&json!({ "eventsEnabled": true })).await;
    event::record(&log, &other, login(1)).await.unwrap();
    db.sql(&format!(
        "update event_chain set key = (select key from event_chain where realm_id = '{}') where realm_id = $1",
        other.id
    ))
    .await;
    assert!(event::record(&log, &db.realm, login(2)).await.is_err());
    event::record(&log, &other, login(2)).await.unwrap();
    event::clear(&db.pool, &db.sealer, db.realm.id)
        .await
        .unwrap();
    event::record(&log, &db.realm, login(3)).await.unwrap();
    assert_eq!(db.found().await, "");
}

#[tokio::test]
async fn a_database_that_was_put_back_is_found_by_an_end_that_was_noted() {
    let db = Db::new().await;
    let log = db.events(3).await;
    db.sql("create table if not exists old_head as select * from event_chain where false and realm_id = $1")
        .await;
    db.sql("insert into old_head select * from event_chain where realm_id = $1")
        .await;
    event::record(&log, &db.realm, login(4)).await.unwrap();
    let noted = db.verify().await.end;
    assert_eq!(db.verify_from(Some(&noted)).await.finding, None);

    db.sql("delete from event where realm_id = $1 and seq = 4")
        .await;
    db.sql("delete from event_chain where realm_id = $1").await;
    db.sql("insert into event_chain select * from old_head where realm_id = $1")
        .await;
    assert_eq!(db.found().await, "");
    let finding = db.verify_from(Some(&noted)).await.finding.unwrap();
    assert!(
        matches!(finding, Finding::Missing { from: 4, to: 4, .. }),
        "{finding}"
    );

    for n in 4..6 {
        event::record(&log, &db.realm, login(n)).await.unwrap();
    }
    let finding = db.verify_from(Some(&noted)).await.finding;
    assert_eq!(finding, Some(Finding::Replaced(4)));
}

#[tokio::test]
async fn clearing_keeps_the_chain_verifiable() {
    let db = Db::new().await;
    let log = db.events(5).await;
    event::clear(&db.pool, &db.sealer, db.realm.id)
        .await
        .unwrap();
    let report = db.verify().await;
    assert_eq!((report.finding, report.events, report.gone), (None, 0, 5));
    event::record(&log, &db.realm, login(6)).await.unwrap();
    let report = db.verify().await;
    assert_eq!((report.finding, report.events, report.end.0), (None, 1, 6));
    db.sql("delete from event where realm_id = $1").await;
    assert_eq!(db.found().await, "event 6 is missing");
}

#[tokio::test]
async fn events_in_thousands_are_cleared_while_others_come() {
    let db = Db::new().await;
    let log = db.events(1).await;
    let many: Vec<_> = (0..2500)
        .map(|n| {
            let (log, event) = (log.clone(), login(n));
            let realm = db.realm.id;
            tokio::spawn(async move { log.keep(realm, event).await })
        })
        .collect();
    for task in many {
        task.await.unwrap().unwrap();
    }
    let (cleared, kept) = tokio::join!(
        event::clear(&db.pool, &db.sealer, db.realm.id),
        event::record(&log, &db.realm, login(1)),
    );
    cleared.unwrap();
    kept.unwrap();
    let report = db.verify().await;
    assert_eq!((report.finding, report.end.0), (None, 2502));
    assert!(report.events <= 1);
}

#[tokio::test]
async fn expiry_takes_a_beginning_of_the_chain_and_keeps_it_verifiable() {
    let db = Db::new().await;
    let log = db.log();
    let now = store::clock::now();
    for (n, age) in [(1, 5000), (2, 3000), (3, 50), (4, 2000), (5, 10)] {
        let mut event = login(n);
        event.time -= age * 1000;
        event::record(&log, &db.realm, event).await.unwrap();
    }
    event::sweep(&db.pool, &db.sealer, now).await.unwrap();
    assert_eq!(
        db.verify().await.events,
        5,
        "a realm that keeps its events for ever"
    );
    db.sql("update realm set settings = '{\"eventsExpiration\": 1000}' where id = $1")
        .await;
    event::sweep(&db.pool, &db.sealer, now).await.unwrap();
    let report = db.verify().await;
    assert_eq!((report.finding, report.events, report.gone), (None, 3, 2));
    event::sweep(&db.pool, &db.sealer, now + 1000)
        .await
        .unwrap();
    let report = db.verify().await;
    assert_eq!((report.finding, report.events, report.gone), (None, 0, 5));
    event::record(&log, &db.realm, login(6)).await.unwrap();
    assert_eq!(db.found().await, "");
}

#[tokio::test]
async fn an_event_that_was_made_to_look_old_does_not_expire() {
    let db = Db::new().await;
    db.events(5).await;
    db.sql("update realm set settings = '{\"eventsExpiration\": 1000}' where id = $1")
        .await;
    db.sql("update event set time = 1 where realm_id = $1 and seq <= 3")
        .await;
    event::sweep(&db.pool, &db.sealer, store::clock::now())
        .await
        .unwrap();
    let found = db.found().await;
    assert!(
        found.starts_with("event 1, id ") && found.contains("1970-"),
        "{found}"
    );
}

#[tokio::test]
async fn events_from_before_the_chain_are_counted_and_expire() {
    let db = Db::new().await;
    db.sql("insert into event (realm_id, id, time, type) select $1, gen_random_uuid(), n, 'LOGIN' from generate_series(1, 7) n")
        .await;
    db.sql("insert into event_chain (realm_id, unchained) select realm_id, count(*) from event where realm_id = $1 group by 1")
        .await;
    assert_eq!(
        (db.found().await.as_str(), db.verify().await.unchained),
        ("", 7)
    );
    let log = db.events(1).await;
    assert_eq!(
        (db.found().await.as_str(), db.verify().await.unchained),
        ("", 7)
    );
    db.sql("delete from event where realm_id = $1 and time = 3")
        .await;
    assert_eq!(
        db.found().await,
        "1 events from before the chain began are missing"
    );
    db.sql(
        "insert into event (realm_id, id, time, type) values ($1, gen_random_uuid(), 3, 'LOGIN')",
    )
    .await;
    db.sql("update realm set settings = '{\"eventsExpiration\": 1000}' where id = $1")
        .await;
    event::sweep(&db.pool, &db.sealer, store::clock::now())
        .await
        .unwrap();
    assert_eq!(
        (db.found().await.as_str(), db.verify().await.unchained),
        ("", 0)
    );
    db.sql(
        "insert into event (realm_id, id, time, type) values ($1, gen_random_uuid(), 3, 'LOGIN')",
    )
    .await;
    assert!(db.found().await.ends_with(" was added"));
    event::clear(&db.pool, &db.sealer, db.realm.id)
        .await
        .unwrap();
    event::record(&log, &db.realm, login(2)).await.unwrap();
    assert_eq!(db.found().await, "");
}
