//! The user profile as a component, the way in which Ansible sets it.

use serde_json::{Value, json};

use crate::support::Realm;

const TYPE: &str = "org.keycloak.userprofile.UserProfileProvider";

fn component(name: &str, profile: &Value) -> Value {
    json!({
        "name": name, "providerId": "declarative-user-profile", "providerType": TYPE,
        "config": { "kc.user.profile.config": [profile.to_string()] },
    })
}

#[tokio::test]
async fn a_profile_is_set_read_changed_and_taken_away_as_a_component() {
    let realm = Realm::new().await;
    let components = realm.path("/components");
    let listed = realm.path(&format!("/components?type={TYPE}"));
    let profile = realm.path("/users/profile");
    let default = realm.admin.get(&profile).await.json;
    assert_eq!(realm.admin.get(&listed).await.json, json!([]));

    let mut own = default.clone();
    own["unmanagedAttributePolicy"] = json!("ENABLED");
    let id = realm
        .admin
        .create(&components, component("mine", &own))
        .await;
    assert_eq!(realm.admin.get(&profile).await.json, own);
    let list = realm.admin.get(&listed).await.json;
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&list[0]["id"], &list[0]["name"], &list[0]["providerId"]),
        (
            &json!(id),
            &json!("mine"),
            &json!("declarative-user-profile")
        )
    );
    let told = list[0]["config"]["kc.user.profile.config"][0].as_str();
    let told: Value = serde_json::from_str(told.unwrap()).unwrap();
    assert_eq!(told, own);

    own["unmanagedAttributePolicy"] = json!("ADMIN_EDIT");
    let one = realm.path(&format!("/components/{id}"));
    let answer = realm.admin.put(&one, component("mine", &own)).await;
    assert_eq!(answer.status, 204, "{}", answer.json);
    assert_eq!(realm.admin.get(&profile).await.json, own);

    let wrong = json!({ "attributes": [{ "name": "username" }], "nope": 1 });
    for answer in [
        realm.admin.post(&components, component("x", &wrong)).await,
        realm.admin.put(&one, component("x", &wrong)).await,
    ] {
        assert_eq!(answer.status, 400, "{}", answer.json);
    }
    assert_eq!(realm.admin.get(&profile).await.json, own);

    assert_eq!(realm.admin.delete(&one).await.status, 204);
    assert_eq!(realm.admin.get(&profile).await.json, default);
}
