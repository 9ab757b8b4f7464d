//! Groups give nobody roles that he could not have been given directly.

use serde_json::{Value, json};

use crate::people::{Api, People, forbidden};
use crate::rows::snapshot;
use crate::support::claims;

/// A realm with a group `bosses` that has `realm-admin`, a group `low` in it, a plain group, and callers.
struct Place {
    people: People,
    bosses: String,
    low: String,
    plain: String,
}

impl Place {
    async fn new() -> Self {
        let people = People::new().await;
        let api = &people.api;
        let group = async |path: &str, name: &str| {
            let answer = api.send("POST", path, &json!({ "name": name })).await;
            assert_eq!(answer.status, 201, "{}", answer.json);
            answer.location.rsplit('/').next().unwrap().to_owned()
        };
        let bosses = group("/groups", "bosses").await;
        let low = group(&format!("/groups/{bosses}/children"), "low").await;
        let plain = group("/groups", "plain").await;
        let place = Self {
            bosses,
            low,
            plain,
            people,
        };
        place.arm(&place.bosses).await;
        place
    }

    /// Maps `realm-admin` to a group.
    async fn arm(&self, group: &str) {
        let path = self.mappings(group).await;
        let role = json!([self.people.management_role("realm-admin").await]);
        let answer = self.people.api.send("POST", &path, &role).await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }

    async fn mappings(&self, group: &str) -> String {
        let client = self.people.client("realm-management").await;
        format!("/groups/{group}/role-mappings/clients/{client}")
    }

    /// Somebody with one role of `realm-management`.
    async fn caller(&self, role: &str) -> Api {
        self.people.holder("caller", role).await;
        self.people.login("caller").await
    }

    fn realm(&self) -> String {
        self.people.api.path().trim_start_matches('/').to_owned()
    }

    async fn refused(&self, caller: &Api, calls: Vec<(&str, String, Value)>) {
        let before = snapshot(&self.realm()).await;
        for (method, path, body) in calls {
            let answer = caller.send(method, &path, &body).await;
            assert_eq!(
                (answer.status, answer.json),
                (403, forbidden()),
                "{method} {path} {body}"
            );
        }
        assert_eq!(snapshot(&self.realm()).await, before);
    }
}

#[tokio::test]
async fn a_holder_of_manage_users_gets_no_administrative_role_through_a_group() {
    let place = Place::new().await;
    let caller = place.caller("manage-users").await;
    let own = format!("/users/{}/groups", caller.user);
    let boss = place.people.user("boss").await;
    let joined = format!("/users/{boss}/groups/{}", place.bosses);
    assert_eq!(
        place
            .people
            .api
            .send("PUT", &joined, &Value::Null)
            .await
            .status,
        204
    );
    let role = json!([place.people.management_role("realm-admin").await]);
    let password = json!([{ "type": "password", "value": "x" }]);
    let calls = vec![
        // Joining, above or below where the role is; and disarming who has it.
        ("PUT", format!("{own}/{}", place.bosses), Value::Null),
        ("PUT", format!("{own}/{}", place.low), Value::Null),
        ("DELETE", joined, Value::Null),
        // Giving the role to a group of one's own, or taking it.
        ("POST", place.mappings(&place.plain).await, role.clone()),
        ("DELETE", place.mappings(&place.bosses).await, role),
        // Moving groups in and out.
        (
            "POST",
            format!("/groups/{}/children", place.bosses),
            json!({ "id": place.plain, "name": "plain" }),
        ),
        (
            "POST",
            format!("/groups/{}/children", place.low),
            json!({ "id": place.plain, "name": "plain" }),
        ),
        (
            "POST",
            "/groups".to_owned(),
            json!({ "id": place.low, "name": "low" }),
        ),
        ("DELETE", format!("/groups/{}", place.bosses), Value::Null),
        ("DELETE", format!("/groups/{}", place.low), Value::Null),
        // Making a user there.
        (
            "POST",
            "/users".to_owned(),
            json!({ "username": "new", "groups": ["/bosses/low"], "credentials": password }),
        ),
        (
            "PUT",
            format!("/users/{boss}/reset-password"),
            json!({ "type": "password", "value": "x" }),
        ),
    ];
    place.refused(&caller, calls).await;
    let default = format!("/default-groups/{}", place.bosses);
    let answer = caller.send("PUT", &default, &Value::Null).await;
    assert_eq!(answer.status, 403);

    // What gives nothing is his to do.
    for (method, path, body, status) in [
        ("PUT", format!("{own}/{}", place.plain), Value::Null, 204),
        (
            "POST",
            format!("/groups/{}/children", place.plain),
            json!({ "name": "x" }),
            201,
        ),
        (
            "PUT",
            format!("/groups/{}", place.plain),
            json!({ "name": "plain2" }),
            204,
        ),
        (
            "POST",
            "/users".to_owned(),
            json!({ "username": "new", "groups": ["/plain2"] }),
            201,
        ),
        (
            "DELETE",
            format!("/groups/{}", place.plain),
            Value::Null,
            204,
        ),
    ] {
        let answer = caller.send(method, &path, &body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.json);
    }
}

#[tokio::test]
async fn new_users_of_a_realm_with_an_administrative_default_group_need_a_caller_who_could_arm_them()
 {
    let place = Place::new().await;
    let default = format!("/default-groups/{}", place.low);
    let set = place.people.api.send("PUT", &default, &Value::Null).await;
    assert_eq!(set.status, 204);
    // The callers come from master, so the default groups are not their own.
    let helper = place.people.delegate("manage-users").await;
    let calls = vec![("POST", "/users".to_owned(), json!({ "username": "new" }))];
    place.refused(&helper, calls).await;
    let clients = place.people.delegate("manage-clients").await;
    let robot = json!({ "clientId": "robot", "serviceAccountsEnabled": true });
    let calls = vec![("POST", "/clients".to_owned(), robot)];
    place.refused(&clients, calls).await;
    let quiet = json!({ "clientId": "robot" });
    assert_eq!(clients.send("POST", "/clients", &quiet).await.status, 201);
    let robot = place.people.client("robot").await;
    let on = json!({ "clientId": "robot", "serviceAccountsEnabled": true });
    let calls = vec![("PUT", format!("/clients/{robot}"), on)];
    place.refused(&clients, calls).await;
}

#[tokio::test]
async fn a_holder_of_manage_realm_makes_no_administrative_group_everybodys() {
    let place = Place::new().await;
    let caller = place.caller("manage-realm").await;
    let default = |group: &str| format!("/default-groups/{group}");
    let calls = vec![
        ("PUT", default(&place.bosses), Value::Null),
        ("PUT", default(&place.low), Value::Null),
        (
            "PUT",
            String::new(),
            json!({ "defaultGroups": ["/bosses/low"] }),
        ),
    ];
    place.refused(&caller, calls).await;
    for (method, path, body) in [
        ("PUT", default(&place.plain), Value::Null),
        ("PUT", String::new(), json!({ "defaultGroups": ["/plain"] })),
        ("DELETE", default(&place.plain), Value::Null),
    ] {
        let answer = caller.send(method, &path, &body).await;
        assert_eq!(answer.status, 204, "{method} {path}: {}", answer.json);
    }
    // One that is there stays when the rest is written back.
    let set = place
        .people
        .api
        .send("PUT", &default(&place.low), &Value::Null)
        .await;
    assert_eq!(set.status, 204);
    let back = json!({ "defaultGroups": ["/bosses/low", "/plain"] });
    assert_eq!(caller.send("PUT", "", &back).await.status, 204);
}

#[tokio::test]
async fn an_administrator_by_group_administers_and_a_deleted_group_disarms_at_once() {
    let place = Place::new().await;
    let boss = place.people.user("boss").await;
    let joined = format!("/users/{boss}/groups/{}", place.low);
    assert_eq!(
        place
            .people
            .api
            .send("PUT", &joined, &Value::Null)
            .await
            .status,
        204
    );
    let api = place.people.login("boss").await;
    assert_eq!(claims(api.token())["sub"], json!(boss));
    let member = format!("/users/{}/groups/{}", boss, place.plain);
    assert_eq!(api.send("PUT", &member, &Value::Null).await.status, 204);
    assert_eq!(api.get("/users").await.status, 200);
    // With the group its roles are gone, for tokens that live as well.
    let gone = format!("/groups/{}", place.bosses);
    assert_eq!(api.send("DELETE", &gone, &Value::Null).await.status, 204);
    let refused = api.get("/users").await;
    assert_eq!((refused.status, refused.json), (403, forbidden()));
}

#[tokio::test]
async fn who_may_only_look_for_groups_sees_how_many_there_are_and_no_more() {
    let place = Place::new().await;
    let caller = place.caller("query-groups").await;
    assert_eq!(caller.get("/groups").await.json, json!([]));
    assert_eq!(caller.get("/groups?search=b").await.json, json!([]));
    assert_eq!(
        caller.get("/groups/count").await.json,
        json!({ "count": 3 })
    );
    let own = format!("/groups/{}", place.plain);
    for path in ["", "/children", "/members", "/role-mappings"] {
        let answer = caller.get(&format!("{own}{path}")).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    assert_eq!(caller.get("/group-by-path/plain").await.status, 403);
}

#[tokio::test]
async fn access_tells_what_the_caller_may_do_with_a_group() {
    let place = Place::new().await;
    let caller = place.caller("view-users").await;
    let expected = json!({
        "view": true, "viewMembers": true, "manageMembers": false, "manage": false, "manageMembership": false,
    });
    let own = caller.get(&format!("/groups/{}", place.plain)).await.json;
    assert_eq!(own["access"], expected);
    assert_eq!(caller.get("/groups").await.json[0]["access"], expected);
}

#[tokio::test]
async fn a_group_of_another_realm_is_not_found_by_any_path() {
    let (place, other) = (Place::new().await, Place::new().await);
    place.people.holder("boss", "realm-admin").await;
    let boss = place.people.login("boss").await;
    let foreign = format!("/groups/{}", other.plain);
    for (method, path, body) in [
        ("GET", foreign.clone(), Value::Null),
        ("PUT", foreign.clone(), json!({ "name": "x" })),
        ("DELETE", foreign.clone(), Value::Null),
        ("GET", format!("{foreign}/children"), Value::Null),
        (
            "POST",
            format!("{foreign}/children"),
            json!({ "name": "x" }),
        ),
        ("GET", format!("{foreign}/members"), Value::Null),
        ("GET", format!("{foreign}/role-mappings"), Value::Null),
        ("POST", format!("{foreign}/role-mappings/realm"), json!([])),
        (
            "PUT",
            format!("/users/{}/groups/{}", boss.user, other.plain),
            Value::Null,
        ),
        (
            "PUT",
            format!("/default-groups/{}", other.plain),
            Value::Null,
        ),
        (
            "POST",
            "/groups".to_owned(),
            json!({ "id": other.plain, "name": "plain" }),
        ),
    ] {
        let answer = boss.send(method, &path, &body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.json);
    }
    let still = other.people.api.get(&foreign).await;
    assert_eq!(still.json["name"], "plain");
}
