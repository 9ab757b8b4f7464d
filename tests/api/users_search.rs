//! The list of users and its filters, beyond what the wire files show.

use serde_json::{Value, json};

use crate::people::People;

async fn with_attributes(realm: &People) {
    let mut profile = realm.api.get("/users/profile").await.json;
    profile["unmanagedAttributePolicy"] = json!("ENABLED");
    let set = realm.api.send("PUT", "/users/profile", &profile).await;
    assert_eq!(set.status, 200, "{}", set.json);
    for (name, attributes) in [
        ("aaa", json!({ "Key": ["Val", "w"], "k b": ["x y"] })),
        ("bbb", json!({ "key": ["val"] })),
    ] {
        let user = json!({
            "username": name, "email": format!("{name}@x.org"), "firstName": format!("F{name}"), "enabled": true,
            "attributes": attributes
        });
        let made = realm.api.send("POST", "/users", &user).await;
        assert_eq!(made.status, 201, "{}", made.json);
    }
}

/// The names that a query finds, and the count of the same query.
async fn found(realm: &People, query: &str) -> String {
    let list = realm.api.get(&format!("/users?{query}")).await;
    let count = realm.api.get(&format!("/users/count?{query}")).await;
    let Some(users) = list.json.as_array() else {
        assert_eq!(list.json, count.json, "{query}");
        return format!("{} {}", list.status, list.text);
    };
    assert_eq!(count.json, json!(users.len()), "{query}");
    let names = users.iter().map(|user| user["username"].as_str().unwrap());
    names.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn filters_find_what_keycloak_finds() {
    let realm = People::new().await;
    with_attributes(&realm).await;
    for (query, names) in [
        ("q=Key:Val", "aaa"),
        ("q=key:VAL", "bbb"),
        ("q=KEY:w", ""),
        ("q=Key:Val%20Key:w", "aaa"),
        ("q=Key:Val%20Key:nope", ""),
        ("q=%22k%20b%22:%22x%20y%22", "aaa"),
        ("q=Key:Va", ""),
        ("q=username:AAA", "aaa"),
        ("q=enabled:xx", ""),
        ("search=a&q=Key:Val", "aaa"),
        ("search=faaa&username=bbb", "aaa"),
        ("search=aa%20bb", ""),
        ("search=b*b", "bbb"),
        ("search=*x.org", "aaa bbb"),
        ("search=x.org", ""),
        ("search=%22aaa%22", "aaa"),
        ("search=%22aa%22", ""),
        ("search=a_a", ""),
        ("search=%5C", ""),
        ("search=*", "aaa alice bbb"),
        ("search=%20", "aaa alice bbb"),
        ("username=%20aaa", ""),
        ("username=A", "aaa alice"),
        ("username=AAA&exact=true", "aaa"),
        ("emailVerified=false", "aaa alice bbb"),
        ("emailVerified=true", ""),
        ("enabled=true", "aaa alice bbb"),
        ("idpAlias=x", ""),
        ("idpAlias=x&search=bbb", "bbb"),
    ] {
        assert_eq!(found(&realm, query).await, names, "{query}");
    }
}

#[tokio::test]
async fn users_are_found_by_when_they_were_made() {
    let realm = People::new().await;
    let alice = realm.api.get("/users?username=alice").await.json;
    let made = alice[0]["createdTimestamp"].as_i64().unwrap();
    for (query, names) in [
        (format!("createdAfter={made}"), "alice"),
        (format!("createdAfter={}", made + 1), ""),
        (format!("createdBefore={made}"), "alice"),
        (format!("createdBefore={}", made - 1), ""),
        ("createdAfter=2020-01-01".to_owned(), "alice"),
        ("createdBefore=2020-01-01".to_owned(), ""),
        ("createdAfter=".to_owned(), "alice"),
        (format!("search=alice&createdAfter={}", made + 1), ""),
        (
            format!(
                "search=id:{}&createdAfter={}",
                alice[0]["id"].as_str().unwrap(),
                made + 1
            ),
            "alice",
        ),
    ] {
        assert_eq!(found(&realm, &query).await, names, "{query}");
    }
    for bad in ["abc", "-5", "2020-02-30", "20-1-1", "2099-12-31T00:00:00Z"] {
        let answer = realm.api.get(&format!("/users?createdAfter={bad}")).await;
        let text =
            "Invalid value for 'createdAfter', expected format is yyyy-MM-dd or an Epoch timestamp";
        assert_eq!(
            (answer.status, answer.json),
            (400, json!({ "error": text })),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn pages_are_in_the_order_of_names_and_do_not_overlap() {
    let realm = People::new().await;
    for name in ["zoe", "b.b", "bab", "b_b", "b-b"] {
        let made = realm
            .api
            .send("POST", "/users", &json!({ "username": name }))
            .await;
        assert_eq!(made.status, 201);
    }
    let mut names: Vec<Value> = vec![];
    for first in 0..6 {
        let page = realm
            .api
            .get(&format!("/users?first={first}&max=1"))
            .await
            .json;
        assert_eq!(page.as_array().unwrap().len(), 1);
        names.push(page[0]["username"].clone());
    }
    assert_eq!(
        json!(names),
        json!(["alice", "b-b", "b.b", "b_b", "bab", "zoe"])
    );
}
