//! Groups, as their routes show them.

use serde_json::{Value, json};

use crate::people::People;

pub const UNKNOWN: &str = "11111111-2222-3333-4444-555555555555";

pub fn all_access() -> Value {
    json!({ "view": true, "viewMembers": true, "manageMembers": true, "manage": true, "manageMembership": true })
}

/// A realm with groups in it.
pub struct Place {
    pub people: People,
}

impl Place {
    pub async fn new() -> Self {
        Self {
            people: People::new().await,
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.people.api.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.json);
        answer.json
    }

    /// Status and body of a call.
    pub async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let answer = self.people.api.send(method, path, &body).await;
        (answer.status, answer.json)
    }

    /// A call without an answer's body.
    pub async fn done(&self, method: &str, path: &str, body: Value) {
        assert_eq!(
            self.send(method, path, body).await,
            (204, Value::Null),
            "{method} {path}"
        );
    }

    /// A new group in `parent`, or at the top.
    pub async fn group(&self, parent: Option<&str>, body: Value) -> String {
        let path = match parent {
            Some(parent) => format!("/groups/{parent}/children"),
            None => "/groups".to_owned(),
        };
        let answer = self.people.api.send("POST", &path, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        answer.location.rsplit('/').next().unwrap().to_owned()
    }

    /// The names of a list, each with those below it.
    pub async fn names(&self, path: &str) -> Value {
        fn of(groups: &Value) -> Value {
            let groups = groups.as_array().unwrap().iter();
            groups
                .map(|group| match of(&group["subGroups"]) {
                    below if below == json!([]) => group["name"].clone(),
                    below => json!({ group["name"].as_str().unwrap(): below }),
                })
                .collect()
        }
        of(&self.get(path).await)
    }

    /// The paths of the groups that a user is in.
    pub async fn joined(&self, user: &str) -> Vec<String> {
        let groups = self.get(&format!("/users/{user}/groups")).await;
        let groups = groups.as_array().unwrap().iter();
        groups
            .map(|group| group["path"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn a_group_is_made_read_changed_and_deleted() {
    let place = Place::new().await;
    let body = json!({ "name": "devs", "description": "d", "attributes": { "a": ["b"] }, "realmRoles": ["offline_access"] });
    let id = place.group(None, body).await;
    let path = format!("/groups/{id}");
    let mut expected = json!({
        "id": id, "name": "devs", "description": "d", "path": "/devs", "subGroupCount": 0, "subGroups": [],
        "attributes": { "a": ["b"] }, "realmRoles": [], "clientRoles": {}, "access": all_access(),
    });
    assert_eq!(place.get(&path).await, expected);

    let child = place
        .people
        .api
        .send(
            "POST",
            &format!("{path}/children"),
            &json!({ "name": "in" }),
        )
        .await;
    let child_id = child.location.rsplit('/').next().unwrap();
    assert!(child.location.ends_with(&format!("/groups/{child_id}")));
    assert_eq!(
        (child.status, &child.json),
        (
            201,
            &json!({
                "id": child_id, "name": "in", "path": "/devs/in", "parentId": id, "subGroups": [], "attributes": {},
                "realmRoles": [], "clientRoles": {}, "access": all_access(),
            })
        )
    );

    // An absent description goes, absent attributes stay.
    place.done("PUT", &path, json!({ "name": "devs2" })).await;
    expected["name"] = json!("devs2");
    expected["path"] = json!("/devs2");
    expected["subGroupCount"] = json!(1);
    expected.as_object_mut().unwrap().remove("description");
    assert_eq!(place.get(&path).await, expected);
    let change = json!({ "name": "devs2", "id": id, "attributes": {} });
    place.done("PUT", &path, change).await;
    assert_eq!(place.get(&path).await["attributes"], json!({}));
    let below = place.get(&format!("/groups/{child_id}")).await;
    assert_eq!(below["path"], "/devs2/in");

    place.done("DELETE", &path, Value::Null).await;
    let gone = (404, json!({ "error": "Could not find group by id" }));
    for id in [&id, child_id, "nope"] {
        let path = format!("/groups/{id}");
        for (method, below, body) in [
            ("GET", "", Value::Null),
            ("PUT", "", json!({ "name": "x" })),
            ("DELETE", "", Value::Null),
            ("GET", "/children", Value::Null),
            ("POST", "/children", json!({ "name": "x" })),
            ("GET", "/members", Value::Null),
            ("GET", "/role-mappings", Value::Null),
            ("POST", "/role-mappings/realm", json!([])),
        ] {
            let path = format!("{path}{below}");
            assert_eq!(
                place.send(method, &path, body).await,
                gone,
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_in_keycloaks_words() {
    let place = Place::new().await;
    let devs = place.group(None, json!({ "name": "devs" })).await;
    place.group(Some(&devs), json!({ "name": "in" })).await;
    place.group(None, json!({ "name": "other" })).await;
    let message = |text: &str| json!({ "errorMessage": text });
    let missing = || message("Group name is missing");
    let top = || message("Top level group named 'devs' already exists.");
    let sibling = |name| message(&format!("Sibling group named '{name}' already exists."));
    let unparsed =
        || json!({ "error": "unknown_error", "error_description": "Cannot parse the JSON" });
    let child = format!("/groups/{devs}/children");
    let own = format!("/groups/{devs}");
    for (method, path, body, status, expected) in [
        ("POST", "/groups", json!({ "name": "devs" }), 409, top()),
        ("POST", "/groups", json!({}), 400, missing()),
        ("POST", "/groups", json!({ "name": "  " }), 400, missing()),
        ("POST", "/groups", json!([]), 400, unparsed()),
        (
            "POST",
            "/groups",
            json!({ "name": "x", "attributes": { "a": "b" } }),
            400,
            unparsed(),
        ),
        (
            "POST",
            "/groups",
            json!({ "name": "nul\0" }),
            400,
            unparsed(),
        ),
        (
            "POST",
            "/groups",
            json!({ "name": "x", "nope": 1 }),
            400,
            json!({ "error": "Invalid json representation for GroupRepresentation. Unrecognized field \"nope\" at line 1 column 21." }),
        ),
        (
            "POST",
            "/groups",
            json!({ "name": "x", "id": UNKNOWN }),
            404,
            json!({ "error": "Could not find child by id" }),
        ),
        ("POST", &child, json!({ "name": "in" }), 409, sibling("in")),
        ("POST", &child, json!({}), 400, missing()),
        ("POST", &child, json!({ "id": devs }), 400, missing()),
        (
            "PUT",
            &own,
            json!({ "name": "other" }),
            409,
            sibling("other"),
        ),
        ("PUT", &own, json!({}), 400, missing()),
        (
            "PUT",
            &own,
            json!({ "name": "devs", "id": UNKNOWN }),
            400,
            message("Invalid group id"),
        ),
    ] {
        let answer = place.send(method, path, body.clone()).await;
        assert_eq!(answer, (status, expected), "{method} {path} {body}");
    }
    for body in [
        json!({ "name": "x".repeat(256) }),
        json!({ "name": "x", "description": "x".repeat(256) }),
        json!({ "name": "x", "attributes": { "a": ["v".repeat(10_000)] } }),
    ] {
        let (status, json) = place.send("POST", "/groups", body).await;
        assert_eq!(status, 400, "{json}");
        assert!(json["errorMessage"].as_str().unwrap().contains("at most"));
    }
    assert_eq!(place.names("/groups").await, json!(["devs", "other"]));
}

#[tokio::test]
async fn a_group_is_moved_by_its_id_and_never_below_itself() {
    let place = Place::new().await;
    let a = place.group(None, json!({ "name": "a" })).await;
    let b = place.group(Some(&a), json!({ "name": "b" })).await;
    let c = place.group(Some(&b), json!({ "name": "c" })).await;
    let into = |id: &str| format!("/groups/{id}/children");
    let body = |id: &str, name: &str| json!({ "id": id, "name": name });
    for below in [&b, &c] {
        let (status, json) = place.send("POST", &into(below), body(&a, "a")).await;
        assert_eq!(
            (status, json),
            (
                400,
                json!({ "errorMessage": "A group cannot be moved into a group below it" })
            )
        );
    }
    // The name in the body does not count.
    place.done("POST", "/groups", body(&b, "new")).await;
    assert_eq!(place.get(&format!("/groups/{c}")).await["path"], "/b/c");
    place.done("POST", &into(&c), body(&a, "a")).await;
    place.done("POST", &into(&c), body(&c, "c")).await;
    assert_eq!(place.get(&format!("/groups/{a}")).await["path"], "/b/c/a");
    place.group(None, json!({ "name": "a" })).await;
    let taken = place.send("POST", "/groups", body(&a, "a")).await;
    assert_eq!(
        taken,
        (
            409,
            json!({ "errorMessage": "Top level group named 'a' already exists." })
        )
    );
}
