use serde_json::json;
use user::Options;
use user::search::{self, Search};

use crate::with_database;

#[test]
fn users_are_listed_counted_and_searched_as_in_keycloak() {
    with_database(async |t| {
        for (name, first, last) in [
            ("search_a", "Anna", "Smith"),
            ("searchxb", "Bert", "Smith Jones"),
            ("s.c", "Çelik", "D"),
        ] {
            let value = json!({"username": name, "email": format!("{name}@s.org"), "firstName": first, "lastName": last});
            t.create(value, Options::default()).await.unwrap();
        }
        let import = Options {
            import: true,
            ..Options::default()
        };
        t.create(
            json!({"username": "attr", "enabled": true, "attributes": {"k": ["v", "w"]}}),
            import,
        )
        .await
        .unwrap();
        let options = Options {
            service_account: Some(t.client),
            ..Options::default()
        };
        let account = t
            .create(json!({"username": "service-account-registry"}), options)
            .await
            .unwrap();

        let names = async |search: Search| {
            let users = search::list(&t.pool, t.realm.id, &search).await.unwrap();
            let unbounded = Search {
                first: None,
                max: None,
                ..search.clone()
            };
            let count = search::count(&t.pool, t.realm.id, &unbounded)
                .await
                .unwrap();
            assert!(search.first.is_some() || search.max.is_some() || count == users.len() as i64);
            users
                .into_iter()
                .map(|user| user.username)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let text = |text: &str| Some(text.to_owned());
        let searched = |words: &str| Search {
            search: text(words),
            ..Search::default()
        };
        assert_eq!(names(Search::default()).await, "attr s.c search_a searchxb");
        for (words, expected) in [
            ("smi", "search_a searchxb"),
            ("mith", ""),
            ("*MITH", "search_a searchxb"),
            ("s*h", "search_a searchxb"),
            ("\"smith\"", "search_a"),
            ("smith bert", "searchxb"),
            ("search_", "search_a"),
            ("%", ""),
            ("_", ""),
            ("Çel", "s.c"),
            ("", "attr s.c search_a searchxb"),
            ("service", ""),
            ("'; drop table user_entity; --", ""),
            ("id:nosuch", ""),
            ("a\0b", ""),
        ] {
            assert_eq!(names(searched(words)).await, expected, "{words}");
        }
        assert_eq!(
            names(searched(&format!("id:{account}"))).await,
            "service-account-registry"
        );
        let username = |name: &str, exact| Search {
            username: text(name),
            exact: Some(exact),
            ..Search::default()
        };
        assert_eq!(names(username("SEARCH", false)).await, "search_a searchxb");
        assert_eq!(names(username("h_a", false)).await, "search_a");
        assert_eq!(names(username("search", true)).await, "");
        assert_eq!(names(username("SEARCH_A", true)).await, "search_a");
        assert_eq!(
            names(username("service-account-registry", true)).await,
            "service-account-registry"
        );
        assert_eq!(
            names(Search {
                last_name: text("smith"),
                exact: Some(true),
                ..Search::default()
            })
            .await,
            "search_a"
        );
        assert_eq!(
            names(Search {
                email: text("S.ORG"),
                first_name: text("b"),
                ..Search::default()
            })
            .await,
            "searchxb"
        );
        assert_eq!(
            names(Search {
                enabled: Some(true),
                ..Search::default()
            })
            .await,
            "attr"
        );
        assert_eq!(
            names(Search {
                email_verified: Some(true),
                ..Search::default()
            })
            .await,
            ""
        );
        let q = |name: &str, value: &str| Search {
            q: vec![(name.to_owned(), value.to_owned())],
            ..Search::default()
        };
        assert_eq!(names(q("k", "w")).await, "attr");
        assert_eq!(names(q("k", "x")).await, "");
        assert_eq!(names(q("firstName", "ANNA")).await, "search_a");
        let page = |first, max| Search {
            first: Some(first),
            max: Some(max),
            ..Search::default()
        };
        assert_eq!(names(page(1, 2)).await, "s.c search_a");
        assert_eq!(names(page(-1, 0)).await, "");
        assert_eq!(names(page(3, -1)).await, "searchxb");
        assert_eq!(names(page(i64::MAX, i64::MAX)).await, "");
    });
}

/// How often this transaction has walked the whole table of users, and asked each of its indexes.
async fn scans(tx: &mut store::Connection) -> (i64, Vec<(String, i64)>) {
    let walks = sqlx::query_scalar("select pg_stat_get_xact_numscans('user_entity'::regclass)")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let indexes = sqlx::query_as(
        "select indexrelid::regclass::text, pg_stat_get_xact_numscans(indexrelid) from pg_index \
         where indrelid = 'user_entity'::regclass order by 1",
    )
    .fetch_all(tx)
    .await
    .unwrap();
    (walks, indexes)
}

#[test]
fn each_filter_asks_an_index_among_many_users() {
    with_database(async |t| {
        for first in (1..20_000).step_by(2000) {
            sqlx::query(
                "insert into user_entity (realm_id, id, username, email, email_unique, first_name, last_name, enabled, \
                 created_timestamp, attributes) select $1, gen_random_uuid(), n, n || '@example.org', \
                 n || '@example.org', 'F' || left(md5(n), 8), 'L' || right(md5(n), 8), true, i, \
                 jsonb_build_object('badge', jsonb_build_array('b' || i)) from generate_series($2, $2 + 1999) i, \
                 lateral (select 'user' || lpad(i::text, 6, '0') as n) as name",
            )
            .bind(t.realm.id)
            .bind(first)
            .execute(&t.pool)
            .await
            .unwrap();
        }
        // Here commits do not wait for the disk, and what is not there yet is not seen by all.
        for sql in ["checkpoint", "vacuum analyze user_entity"] {
            sqlx::query(sql).execute(&t.pool).await.unwrap();
        }
        let text = |text: &str| Some(text.to_owned());
        let searched = |words: &str| Search {
            search: text(words),
            ..Search::default()
        };
        for (search, expected, index) in [
            (Search::default(), 20_000, "user_username_key"),
            (searched("user01234"), 10, "user_search"),
            (searched("*r01234"), 10, "user_search"),
            (searched("\"user012345\""), 1, "user_search"),
            (searched("*nobody"), 0, "user_search"),
            (
                Search {
                    username: text("1234"),
                    ..Search::default()
                },
                12,
                "user_search",
            ),
            (
                Search {
                    email: text("user012345@EXAMPLE.org"),
                    exact: Some(true),
                    ..Search::default()
                },
                1,
                "user_search",
            ),
            (
                Search {
                    last_name: text("zzz"),
                    ..Search::default()
                },
                0,
                "user_search",
            ),
            (
                Search {
                    enabled: Some(false),
                    ..Search::default()
                },
                0,
                "user_flags",
            ),
            (
                Search {
                    email_verified: Some(true),
                    ..Search::default()
                },
                0,
                "user_flags",
            ),
            (
                Search {
                    created_after: Some(19_991),
                    ..Search::default()
                },
                10,
                "user_created",
            ),
            (
                Search {
                    created_before: Some(10),
                    ..Search::default()
                },
                10,
                "user_created",
            ),
            (
                Search {
                    q: vec![("badge".to_owned(), "B777".to_owned())],
                    ..Search::default()
                },
                1,
                "user_attributes",
            ),
        ] {
            let mut tx = t.pool.begin().await.unwrap();
            let before = scans(&mut tx).await;
            let found = search::list(&mut *tx, t.realm.id, &search).await.unwrap();
            let listed = scans(&mut tx).await;
            let count = search::count(&mut *tx, t.realm.id, &search).await.unwrap();
            let counted = scans(&mut tx).await;
            assert_eq!(
                (found.len() as i64, count),
                (expected.min(100), expected),
                "{search:?}"
            );
            assert_eq!(
                (before.0, listed.0, counted.0),
                (0, 0, 0),
                "the table is walked: {search:?}"
            );
            let asked = |(_, after): &(i64, Vec<(String, i64)>),
                         (_, before): &(i64, Vec<(String, i64)>)| {
                let asked = after
                    .iter()
                    .zip(before)
                    .filter(|(after, before)| after.1 > before.1);
                asked.map(|(after, _)| after.0.clone()).collect::<Vec<_>>()
            };
            let index = index.to_owned();
            assert!(
                asked(&listed, &before).contains(&index),
                "{search:?} {listed:?}"
            );
            if expected < 20_000 {
                assert!(
                    asked(&counted, &listed).contains(&index),
                    "{search:?} {counted:?}"
                );
            }
        }
    });
}

#[test]
fn an_attribute_is_found_by_its_value_in_any_case_and_by_its_own_name() {
    with_database(async |t| {
        let import = Options {
            import: true,
            ..Options::default()
        };
        let long = "x".repeat(2048);
        for (name, attributes) in [
            ("one", json!({"Key": ["Val", "w"], "long": [long]})),
            ("two", json!({"key": ["val"]})),
            ("three", json!({})),
        ] {
            t.create(json!({"username": name, "attributes": attributes}), import)
                .await
                .unwrap();
        }
        // One that another program left as a text is no list of values.
        sqlx::query(
            "update user_entity set attributes = '{\"key\": \"val\"}' where username = 'three'",
        )
        .execute(&t.pool)
        .await
        .unwrap();
        for (name, value, expected) in [
            ("Key", "VAL", "one"),
            ("key", "VAL", "two"),
            ("KEY", "val", ""),
            ("Key", "va", ""),
            ("long", long.as_str(), "one"),
        ] {
            let search = Search {
                q: vec![(name.to_owned(), value.to_owned())],
                ..Search::default()
            };
            let found = search::list(&t.pool, t.realm.id, &search).await.unwrap();
            let names: Vec<_> = found.into_iter().map(|user| user.username).collect();
            assert_eq!(names.join(" "), expected, "{name}");
        }
    });
}
