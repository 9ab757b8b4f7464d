//! The writers of events: all that was acknowledged is there once, whoever else writes or locks.

use std::time::{Duration, Instant};

use realm::event::{self, Event, Log};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Db, login};

async fn keep_many(log: &Log, realm: Uuid, count: usize) -> Vec<bool> {
    let tasks: Vec<_> = (0..count)
        .map(|n| {
            let log = log.clone();
            tokio::spawn(async move { log.keep(realm, login(n)).await.is_ok() })
        })
        .collect();
    let mut kept = vec![];
    for task in tasks {
        kept.push(task.await.unwrap());
    }
    kept
}

#[tokio::test]
async fn two_writers_at_once_keep_one_chain_in_each_of_many_realms() {
    let db = Db::new().await;
    let (a, b) = (db.log(), db.log());
    let mut realms = vec![db.realm.id];
    for _ in 0..4 {
        realms.push(db.other_realm(&json!({ "eventsEnabled": true })).await.id);
    }
    let mut work = vec![];
    for round in 0..6 {
        for realm in realms.clone() {
            let log = if round % 2 == 0 { a.clone() } else { b.clone() };
            work.push(tokio::spawn(
                async move { keep_many(&log, realm, 60).await },
            ));
        }
    }
    for task in work {
        assert!(task.await.unwrap().into_iter().all(|kept| kept));
    }
    for realm in realms {
        let mut snapshot = store::snapshot(&db.pool).await.unwrap();
        let report = event::verify(&mut snapshot, &db.sealer, realm, None)
            .await
            .unwrap();
        assert_eq!((report.finding, report.events), (None, 360));
    }
}

#[tokio::test]
async fn what_comes_at_once_goes_in_few_transactions() {
    let db = Db::new().await;
    let log = db.events(1).await;
    assert!(
        keep_many(&log, db.realm.id, 300)
            .await
            .into_iter()
            .all(|kept| kept)
    );
    let transactions = "select count(distinct xmin::text) from event where realm_id = $1";
    assert!(db.number(transactions).await < 30);
    assert_eq!(db.verify().await.events, 301);
}

#[tokio::test]
async fn only_what_a_realm_wants_is_kept() {
    let db = Db::new().await;
    let log = db.log();
    let types = "select count(*) from event where realm_id = $1";
    let record = async |realm, kind, audited| {
        let event = Event::new(kind);
        let event = if audited { event.audited() } else { event };
        event::record(&log, realm, event).await.unwrap();
        db.number(types).await
    };
    assert_eq!(record(&db.realm, "REFRESH_TOKEN", false).await, 0);
    assert_eq!(record(&db.realm, "REFRESH_TOKEN", true).await, 1);
    assert_eq!(record(&db.realm, "LOGIN", false).await, 2);
    let quiet = db.other_realm(&json!({})).await;
    let choosy = json!({ "eventsEnabled": true, "enabledEventTypes": ["LOGOUT"] });
    let choosy = db.other_realm(&choosy).await;
    for realm in [&quiet, &choosy] {
        for kind in ["LOGIN", "REFRESH_TOKEN"] {
            event::record(&log, realm, Event::new(kind).audited())
                .await
                .unwrap();
        }
        let rows: i64 = sqlx::query_scalar("select count(*) from event where realm_id = $1")
            .bind(realm.id)
            .fetch_one(&db.pool)
            .await
            .unwrap();
        assert_eq!(rows, 0);
    }
}

#[tokio::test]
async fn a_realm_that_is_locked_holds_up_no_other() {
    let db = Db::new().await;
    let log = db.events(1).await;
    let other = db.other_realm(&json!({ "eventsEnabled": true })).await;
    event::record(&log, &other, login(1)).await.unwrap();
    let mut lock = db.pool.begin().await.unwrap();
    sqlx::query("select from realm where id = $1 for update")
        .bind(db.realm.id)
        .execute(&mut *lock)
        .await
        .unwrap();
    let blocked = tokio::spawn({
        let log = log.clone();
        let realm = db.realm.id;
        async move { keep_many(&log, realm, 20).await }
    });
    let begin = Instant::now();
    for n in 0..20 {
        event::record(&log, &other, login(n)).await.unwrap();
    }
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert!(!blocked.is_finished());
    lock.commit().await.unwrap();
    assert!(blocked.await.unwrap().into_iter().all(|kept| kept));
    assert_eq!(
        (db.found().await.as_str(), db.verify().await.events),
        ("", 21)
    );
}

#[tokio::test]
async fn an_event_of_a_realm_that_is_gone_is_refused_and_spoils_no_other() {
    let db = Db::new().await;
    let log = db.log();
    let (gone, kept) = tokio::join!(
        keep_many(&log, Uuid::new_v4(), 3),
        keep_many(&log, db.realm.id, 3)
    );
    assert_eq!((gone, kept), (vec![false; 3], vec![true; 3]));
}

#[tokio::test]
async fn what_was_given_before_the_end_is_committed() {
    let db = Db::new().await;
    let log = db.events(1).await;
    let mut answers = vec![];
    for n in 0..100 {
        let (log, realm) = (log.clone(), db.realm.id);
        // Polled once, so that it waits in the queue, and given up as by a caller who hangs up.
        let mut keep = Box::pin(async move { log.keep(realm, login(n)).await });
        let polled = futures_poll(&mut keep);
        assert!(!polled);
        answers.push(keep);
    }
    drop(answers);
    log.stop().await;
    assert_eq!(db.verify().await.events, 101);
}

/// Polls a future once; whether it is done.
fn futures_poll<F: Future + Unpin>(future: &mut F) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context).is_ready()
}

#[tokio::test]
async fn a_queue_that_is_full_refuses() {
    let db = Db::new().await;
    let log = db.events(1).await;
    let mut lock = db.pool.begin().await.unwrap();
    sqlx::query("select from event_chain where realm_id = $1 for update")
        .bind(db.realm.id)
        .execute(&mut *lock)
        .await
        .unwrap();
    let kept = keep_many(&log, db.realm.id, 10_000).await;
    drop(lock);
    let kept = kept.into_iter().filter(|kept| *kept).count();
    assert!(kept < 10_000, "nothing was refused");
    let report = db.verify().await;
    assert_eq!((report.finding, report.events), (None, kept as u64 + 1));
}

#[tokio::test]
async fn text_of_any_kind_is_kept_and_verified() {
    let db = Db::new().await;
    let log = db.log();
    for text in ["\0", "a\0b", "\u{FFFF}", "'\"\\", "\u{202E}", "\n"] {
        let mut event = Event::new("LOGIN")
            .detail("x", text)
            .long_detail("y", text.repeat(20_000));
        event.client_id = Some(text.repeat(300));
        event.error = Some(text.to_owned());
        event.session_id = Some(String::new());
        event::record(&log, &db.realm, event).await.unwrap();
    }
    assert_eq!(
        (db.found().await.as_str(), db.verify().await.events),
        ("", 6)
    );
}
