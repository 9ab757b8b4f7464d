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
