//! The user profile of a realm: what it may be, and what it does to users. The answers are Keycloak's own.

use serde_json::{Value, json};

use crate::people::People;
use crate::support::{Admin, Answer, Realm, server, token};

fn everybody() -> Value {
    json!({ "view": ["admin", "user"], "edit": ["admin", "user"] })
}

/// Adds attributes to the default profile.
async fn set(realm: &People, more: Value, policy: Value) -> Answer {
    realm.api.send("PUT", "/users/profile", &Value::Null).await;
    let mut profile = realm.api.get("/users/profile").await.json;
    profile["attributes"]
        .as_array_mut()
        .unwrap()
        .extend(more.as_array().unwrap().clone());
    if !policy.is_null() {
        profile["unmanagedAttributePolicy"] = policy;
    }
    realm.api.send("PUT", "/users/profile", &profile).await
}

/// Makes a user, and shows its attributes, or why there is none.
async fn made(realm: &People, name: &str, attributes: &Value) -> Value {
    let user = json!({ "username": name, "attributes": attributes });
    let made = realm.api.send("POST", "/users", &user).await;
    if made.status != 201 {
        assert_eq!(made.status, 400, "{}", made.json);
        return made.json;
    }
    let id = made.location.rsplit('/').next().unwrap();
    let found = realm.api.get(&format!("/users/{id}")).await.json;
    found["attributes"].clone()
}

#[tokio::test]
async fn a_profile_is_stored_shown_and_reset() {
    let realm = People::new().await;
    let default = realm.api.get("/users/profile").await.json;
    let more = json!([{
        "name": "dept", "displayName": "Dept", "group": "user-metadata", "annotations": { "n": 1 },
        "validations": { "length": { "max": 3 } }, "required": { "roles": ["user", "admin"] },
        "permissions": { "view": ["admin"], "edit": ["user", "admin"] }, "multivalued": true
    }]);
    let stored = set(&realm, more, json!("ADMIN_EDIT")).await;
    assert_eq!(stored.status, 200, "{}", stored.json);
    assert_eq!(
        stored.json["attributes"][4]["required"]["roles"],
        json!(["admin", "user"])
    );
    assert_eq!(stored.json["unmanagedAttributePolicy"], "ADMIN_EDIT");
    assert_eq!(realm.api.get("/users/profile").await.json, stored.json);
    let components = realm
        .api
        .get("/components?type=org.keycloak.userprofile.UserProfileProvider")
        .await
        .json;
    assert_eq!(components[0]["providerId"], "declarative-user-profile");
    assert_eq!(components.as_array().unwrap().len(), 1);

    let metadata = realm.api.get("/users/profile/metadata").await.json;
    assert_eq!(
        metadata["attributes"][4],
        json!({
            "name": "dept", "displayName": "Dept", "required": true, "readOnly": false, "annotations": { "n": 1 },
            "validators": { "length": { "max": 3, "ignore.empty.value": true } }, "group": "user-metadata",
            "multivalued": true
        })
    );
    let reset = realm.api.send("PUT", "/users/profile", &Value::Null).await;
    assert_eq!((reset.status, &reset.json), (200, &default));
    assert_eq!(realm.api.get("/users/profile").await.json, default);
}

#[tokio::test]
async fn a_profile_that_makes_no_sense_is_refused_in_keycloaks_words() {
    let realm = People::new().await;
    for (attribute, text) in [
        (
            json!({}),
            "[Attribute configuration without 'name' is not allowed]",
        ),
        (
            json!({ "name": "email" }),
            "[Attribute configuration already exists with 'name':'email']",
        ),
        (
            json!({ "name": "a b" }),
            "[Invalid attribute name (only letters, numbers and '.' '_' '-' special characters allowed): a b']",
        ),
        (
            json!({ "name": "x", "permissions": { "view": ["y"], "edit": [] } }),
            "['permissions.view' configuration for attribute 'x' contains unsupported role 'y']",
        ),
        (
            json!({ "name": "x", "required": { "scopes": ["nosuch"] } }),
            "['required.scopes' configuration for attribute 'x' contains unsupported scope 'nosuch']",
        ),
        (
            json!({ "name": "x", "group": "y" }),
            "[Attribute 'x' references unknown group 'y']",
        ),
        (
            json!({ "name": "x", "validations": { "nosuch": {} } }),
            "[Validator 'nosuch' defined for attribute 'x' doesn't exist]",
        ),
        (
            json!({ "name": "x", "validations": { "length": { "min": "x" } } }),
            "[Validator 'length' defined for attribute 'x' has incorrect configuration: \
             ValidationError{validatorId='length', inputHint='min', message='error-validator-config-invalid-number-value', \
             messageParameters=[x]}, ]",
        ),
        (
            json!({ "name": "x", "defaultValue": "q", "validations": { "options": { "options": ["a"] } } }),
            "[Default value for attribute 'x' is invalid]",
        ),
    ] {
        let answer = set(&realm, json!([attribute]), Value::Null).await;
        assert_eq!(
            (answer.status, answer.json),
            (400, json!({ "errorMessage": text }))
        );
    }
    let both =
        "[The attribute 'username' can not be removed, The attribute 'email' can not be removed]";
    let unreadable =
        json!({ "error": "unknown_error", "error_description": "Cannot parse the JSON" });
    for (body, answer) in [
        (json!({ "attributes": [] }), json!({ "errorMessage": both })),
        (json!([]), unreadable.clone()),
        (
            json!({ "unmanagedAttributePolicy": "enabled" }),
            unreadable.clone(),
        ),
        (
            json!({ "attributes": [{ "name": "x", "validations": { "length": "x" } }] }),
            unreadable,
        ),
        (
            json!({ "nope": 1 }),
            json!({
                "error": "Invalid json representation for UPConfig. Unrecognized field \"nope\" at line 1 column 10."
            }),
        ),
    ] {
        let refused = realm.api.send("PUT", "/users/profile", &body).await;
        assert_eq!((refused.status, refused.json), (400, answer), "{body}");
    }
}

#[tokio::test]
async fn validators_judge_what_administrators_write() {
    let realm = People::new().await;
    let x = json!([
        { "name": "x", "permissions": everybody(), "validations": { "length": { "min": 2, "max": 3 } } },
        { "name": "n", "permissions": everybody(), "validations": { "integer": { "min": 1, "max": "5" } } },
        { "name": "m", "permissions": everybody(), "multivalued": true },
        { "name": "d", "permissions": everybody(), "defaultValue": "dd" },
    ]);
    assert_eq!(set(&realm, x, Value::Null).await.status, 200);
    for (number, (attributes, expected)) in [
        (json!({ "x": ["ab"], "n": "3" }), json!({ "d": ["dd"], "n": ["3"], "x": ["ab"] })),
        (json!({ "x": [""], "m": ["a", " ", "b"] }), json!({ "d": ["dd"], "m": ["a", "b"] })),
        (
            json!({ "x": ["abcd"] }),
            json!({ "field": "x", "errorMessage": "error-invalid-length", "params": ["x", 2, 3] }),
        ),
        (
            json!({ "x": ["ab", "ac"] }),
            json!({ "field": "x", "errorMessage": "error-invalid-multivalued-size", "params": ["x", 0, 1] }),
        ),
        (
            json!({ "n": ["6"], "x": ["a"] }),
            json!({ "errors": [
                { "field": "x", "errorMessage": "error-invalid-length", "params": ["x", 2, 3] },
                { "field": "n", "errorMessage": "error-number-out-of-range", "params": ["n", 1, 5] },
            ] }),
        ),
        (json!({ "unlisted": ["v"] }), json!({ "d": ["dd"] })),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("user{number}");
        assert_eq!(made(&realm, &name, &attributes).await, expected, "{attributes}");
    }
    let required = json!([{ "name": "r", "permissions": everybody(), "required": {} }]);
    assert_eq!(set(&realm, required, Value::Null).await.status, 200);
    assert_eq!(
        made(&realm, "none", &json!({})).await,
        json!({ "field": "r", "errorMessage": "error-user-attribute-required", "params": ["r"] })
    );
}

#[tokio::test]
async fn unlisted_attributes_follow_the_policy() {
    let realm = People::new().await;
    for (number, (policy, kept)) in [
        (Value::Null, Value::Null),
        (json!("ENABLED"), json!({ "un": ["a", "b"] })),
        (json!("ADMIN_EDIT"), json!({ "un": ["a", "b"] })),
        (json!("ADMIN_VIEW"), Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(set(&realm, json!([]), policy.clone()).await.status, 200);
        let name = format!("user{number}");
        let attributes = json!({ "un": ["a", "b"], "empty": [""] });
        assert_eq!(made(&realm, &name, &attributes).await, kept, "{policy}");
    }
    // Switched off, they are hidden and kept.
    assert_eq!(set(&realm, json!([]), Value::Null).await.status, 200);
    let user = realm.api.get("/users?username=user1").await.json[0].clone();
    let path = format!("/users/{}", user["id"].as_str().unwrap());
    let unmanaged = format!("{path}/unmanagedAttributes");
    assert_eq!(user["attributes"], Value::Null);
    assert_eq!(realm.api.get(&unmanaged).await.json, json!({}));
    let changed = realm
        .api
        .send("PUT", &path, &json!({ "firstName": "F" }))
        .await;
    assert_eq!(changed.status, 204);
    assert_eq!(
        set(&realm, json!([]), json!("ADMIN_VIEW")).await.status,
        200
    );
    assert_eq!(
        realm.api.get(&unmanaged).await.json,
        json!({ "un": ["a", "b"] })
    );
    // Only to be seen, they stay whatever is written.
    let changed = realm
        .api
        .send("PUT", &path, &json!({ "attributes": {} }))
        .await;
    assert_eq!(changed.status, 204);
    assert_eq!(
        realm.api.get(&unmanaged).await.json,
        json!({ "un": ["a", "b"] })
    );
}

#[tokio::test]
async fn what_administrators_may_not_change_stays() {
    let realm = People::new().await;
    let open = json!([{ "name": "x", "permissions": everybody() }]);
    assert_eq!(set(&realm, open, Value::Null).await.status, 200);
    assert_eq!(
        made(&realm, "bob", &json!({ "x": ["1"] })).await,
        json!({ "x": ["1"] })
    );
    let user = realm.api.get("/users?username=bob").await.json[0]["id"].clone();
    let path = format!("/users/{}", user.as_str().unwrap());
    let closed = json!([{ "name": "x", "permissions": { "view": ["admin"], "edit": ["user"] } }]);
    assert_eq!(set(&realm, closed, Value::Null).await.status, 200);
    let refused = realm
        .api
        .send("PUT", &path, &json!({ "attributes": { "x": ["2"] } }))
        .await;
    assert_eq!(
        (refused.status, refused.json),
        (
            400,
            json!({ "field": "x", "errorMessage": "error-user-attribute-read-only", "params": ["x"] })
        )
    );
    for attributes in [json!({}), json!({ "x": ["1"] })] {
        let changed = realm
            .api
            .send("PUT", &path, &json!({ "attributes": attributes }))
            .await;
        assert_eq!(changed.status, 204, "{}", changed.json);
        assert_eq!(
            realm.api.get(&path).await.json["attributes"],
            json!({ "x": ["1"] })
        );
    }
    assert_eq!(
        made(&realm, "carl", &json!({ "x": ["1"] })).await,
        Value::Null
    );
    let hidden = json!([{ "name": "x", "permissions": { "view": ["user"], "edit": ["user"] } }]);
    assert_eq!(set(&realm, hidden, Value::Null).await.status, 200);
    assert_eq!(realm.api.get(&path).await.json["attributes"], Value::Null);
}

#[tokio::test]
async fn a_user_who_lacks_what_the_profile_requires_cannot_log_in() {
    let realm = Realm::new().await;
    let login = async || {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "alice"),
            ("password", "secret"),
        ];
        token(&server().url, &realm.name, &form).await
    };
    assert_eq!(login().await.status, 200);
    let path = realm.path("/users/profile");
    let mut profile = realm.admin.get(&path).await.json;
    let required =
        json!({ "name": "x", "permissions": everybody(), "required": { "roles": ["user"] } });
    profile["attributes"].as_array_mut().unwrap().push(required);
    assert_eq!(realm.admin.put(&path, profile).await.status, 200);
    let refused = login().await;
    assert_eq!(
        (refused.status, &refused.json["error_description"]),
        (400, &json!("Account is not fully set up"))
    );
}

#[tokio::test]
async fn a_realm_file_brings_its_profile() {
    let admin = Admin::master().await;
    let name = format!("r-{}", uuid::Uuid::new_v4().simple());
    let profile = json!({
        "attributes": [{ "name": "username" }, { "name": "email" }], "unmanagedAttributePolicy": "ADMIN_VIEW"
    });
    let file = |profile: &str| {
        json!({
            "realm": name, "enabled": true, "users": [{ "username": "bob", "attributes": { "badge": ["7"] } }],
            "components": { "org.keycloak.userprofile.UserProfileProvider": [{
                "providerId": "declarative-user-profile", "config": { "kc.user.profile.config": [profile] }
            }] }
        })
    };
    for bad in ["{", r#"{"attributes":[{"name":"username"}]}"#] {
        assert_eq!(admin.post("", file(bad)).await.status, 400, "{bad}");
    }
    let made = admin.post("", file(&profile.to_string())).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let shown = admin.get(&format!("/{name}/users/profile")).await.json;
    assert_eq!(shown["unmanagedAttributePolicy"], "ADMIN_VIEW");
    assert_eq!(shown["attributes"].as_array().unwrap().len(), 2);
    let bob = admin.get(&format!("/{name}/users")).await.json[0].clone();
    assert_eq!(bob["attributes"], json!({ "badge": ["7"] }));
    let path = format!("/{name}/partial-export");
    let exported = admin.post(&path, json!({})).await.json;
    let component = &exported["components"]["org.keycloak.userprofile.UserProfileProvider"][0];
    let stored = component["config"]["kc.user.profile.config"][0]
        .as_str()
        .unwrap();
    assert_eq!(serde_json::from_str::<Value>(stored).unwrap(), shown);
}
