//! Lists of groups, searches and paths.

use serde_json::{Value, json};

use crate::groups::{Place, all_access};

#[tokio::test]
async fn the_list_shows_the_top_and_a_search_the_way_down() {
    let place = Place::new().await;
    let devs = place
        .group(
            None,
            json!({ "name": "devs", "attributes": { "a": ["c"] } }),
        )
        .await;
    let low = place
        .group(
            Some(&devs),
            json!({ "name": "in", "attributes": { "k": ["v"] } }),
        )
        .await;
    place.group(Some(&low), json!({ "name": "deep" })).await;
    place.group(None, json!({ "name": "Zed" })).await;
    let slash = place.group(None, json!({ "name": "a/b" })).await;
    place.group(Some(&slash), json!({ "name": "inner" })).await;
    for (query, expected) in [
        ("", json!(["Zed", "a/b", "devs"])),
        ("?search=", json!(["Zed", "a/b", "devs"])),
        ("?first=1&max=1", json!(["a/b"])),
        ("?max=0", json!([])),
        ("?max=-1", json!(["Zed", "a/b", "devs"])),
        (
            "?search=IN",
            json!([{ "a/b": ["inner"] }, { "devs": ["in"] }]),
        ),
        ("?search=in&exact=true", json!([{ "devs": ["in"] }])),
        ("?search=in&first=1&max=1", json!([{ "a/b": ["inner"] }])),
        (
            "?search=d",
            json!(["Zed", { "devs": [{ "in": ["deep"] }] }]),
        ),
        ("?search=in&populateHierarchy=false", json!(["in", "inner"])),
        ("?search=%25", json!([])),
        ("?q=a:c", json!(["devs"])),
        ("?q=k:v", json!([{ "devs": ["in"] }])),
        ("?q=a:c%20k:v", json!([])),
        ("?q=k:V", json!([])),
    ] {
        assert_eq!(
            place.names(&format!("/groups{query}")).await,
            expected,
            "{query}"
        );
    }
    assert_eq!(place.people.api.get("/groups?max=x").await.status, 404);

    let brief = json!({
        "id": devs, "name": "devs", "path": "/devs", "subGroupCount": 1, "subGroups": [], "access": all_access(),
    });
    assert_eq!(place.get("/groups").await[2], brief);
    let uncounted = place.get("/groups?subGroupsCount=false").await;
    assert_eq!(uncounted[2].get("subGroupCount"), None);
    let full = place.get("/groups?briefRepresentation=false").await;
    assert_eq!(full[2]["attributes"], json!({ "a": ["c"] }));
    assert_eq!(full[2]["realmRoles"], json!([]));
    let found = place.get("/groups?search=deep").await;
    assert_eq!(
        found[0]["subGroups"][0]["subGroups"][0]["path"],
        "/devs/in/deep"
    );
    assert_eq!(found[0]["subGroups"][0]["parentId"], json!(devs));

    for (query, expected) in [
        ("", 6),
        ("?search=in", 2),
        ("?search=", 6),
        ("?top=true", 3),
        ("?top=true&search=in", 2),
    ] {
        let count = place.get(&format!("/groups/count{query}")).await;
        assert_eq!(count, json!({ "count": expected }), "{query}");
    }

    let children = format!("/groups/{devs}/children");
    let child = place.get(&children).await;
    assert_eq!(child[0]["attributes"], json!({ "k": ["v"] }));
    assert_eq!(child[0]["subGroupCount"], 1);
    for (query, expected) in [
        ("?search=I", json!(["in"])),
        ("?search=n", json!([])),
        ("?search=in&exact=true", json!(["in"])),
        ("?search=IN&exact=true", json!([])),
        ("?max=0", json!([])),
        ("?first=1", json!([])),
    ] {
        assert_eq!(
            place.names(&format!("{children}{query}")).await,
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_group_is_found_by_its_path() {
    let place = Place::new().await;
    let devs = place.group(None, json!({ "name": "devs" })).await;
    let low = place.group(Some(&devs), json!({ "name": "in" })).await;
    let slash = place.group(None, json!({ "name": "a/b" })).await;
    let odd = place.group(Some(&slash), json!({ "name": "c/d~ é" })).await;
    for (path, id) in [
        ("devs", &devs),
        ("devs/in", &low),
        ("devs/in/", &low),
        ("a/b", &slash),
        ("a%2Fb", &slash),
        ("a/b/c/d~%20%C3%A9", &odd),
    ] {
        let found = place.get(&format!("/group-by-path/{path}")).await;
        assert_eq!(found["id"], json!(id), "{path}");
        assert_eq!(found.get("access"), None);
        assert_eq!(found["realmRoles"], json!([]));
    }
    for path in ["DEVS", "nope", "devs/nope", "a"] {
        let answer = place
            .send("GET", &format!("/group-by-path/{path}"), Value::Null)
            .await;
        assert_eq!(
            answer,
            (404, json!({ "error": "Group path does not exist" })),
            "{path}"
        );
    }
}
