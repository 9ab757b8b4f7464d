//! One's own profile.

use protocol::HttpError;
use realm::event::Event;
use serde_json::{Map, Value, json};
use user::{User, UserRepresentation, WriteError};

use super::Own;
use crate::pages::user_views;

/// Changes the profile to what was entered, pairs of attribute and value.
///
/// # Errors
/// Those of [`user::update_own`].
pub(super) async fn change(own: &Own, entered: &[(String, String)]) -> Result<(), WriteError> {
    let (state, realm) = (own.ctx.state(), &own.ctx.realm);
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let changed = user::update_own(&mut transaction, realm, own.user.id, entered).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    if let Some(changed) = changed {
        own.record(told(&changed.old, &changed.new)).await;
    }
    Ok(())
}

/// The event of a change, as Keycloak words it.
fn told(old: &User, new: &User) -> Event {
    let mut event = Event::new("UPDATE_PROFILE").detail("context", "ACCOUNT");
    let columns = |user: &User| {
        [
            ("username", Some(user.username.clone())),
            ("email", user.email.clone()),
            ("first_name", user.first_name.clone()),
            ("last_name", user.last_name.clone()),
        ]
    };
    for ((name, before), (_, after)) in columns(old).into_iter().zip(columns(new)) {
        if before != after {
            for (prefix, value) in [("previous", before), ("updated", after)] {
                if let Some(value) = value {
                    event.add(&format!("{prefix}_{name}"), value);
                }
            }
        }
    }
    let (before, after) = (old.attribute_lists(), new.attribute_lists());
    for (prefix, these, others) in [("previous", &before, &after), ("updated", &after, &before)] {
        for (name, values) in these {
            if others.get(name) != Some(values) {
                event.add(&format!("{prefix}_{name}"), values.join("##"));
            }
        }
    }
    event
}

/// The profile as programs read it.
pub(super) fn to_json(own: &Own, metadata: bool) -> Value {
    let (user, realm) = (&own.user, &own.ctx.realm);
    let views = |name: &str| realm.user_profile.attribute(name).is_some_and(user_views);
    let mut rep = Map::new();
    rep.insert("id".to_owned(), json!(user.id));
    rep.insert("username".to_owned(), json!(user.username));
    for (name, value) in [
        ("firstName", &user.first_name),
        ("lastName", &user.last_name),
        ("email", &user.email),
    ] {
        if let Some(value) = value.as_ref().filter(|_| views(name)) {
            rep.insert(name.to_owned(), json!(value));
        }
    }
    rep.insert("emailVerified".to_owned(), json!(user.email_verified));
    if metadata {
        rep.insert("userProfileMetadata".to_owned(), self::metadata(own));
    }
    let mut attributes = user.attribute_lists();
    attributes.retain(|name, _| views(name));
    if !attributes.is_empty() {
        rep.insert("attributes".to_owned(), json!(attributes));
    }
    Value::Object(rep)
}

/// What forms make of the profile: that of administrators, with the rights of users.
fn metadata(own: &Own) -> Value {
    let realm = &own.ctx.realm;
    let mut metadata = user::profile::metadata(realm, true);
    let listed = metadata["attributes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let shown: Vec<Value> = listed
        .into_iter()
        .filter_map(|mut shown| {
            let attribute = realm.user_profile.attribute(shown["name"].as_str()?)?;
            let required = attribute.name() == "username" || attribute.is_required("user");
            shown["required"] = json!(required);
            shown["readOnly"] = json!(!user::may_edit(realm, attribute));
            user_views(attribute).then_some(shown)
        })
        .collect();
    metadata["attributes"] = json!(shown);
    metadata
}

/// The pairs that a representation enters, and what is wrong with it at first sight.
pub(super) fn pairs_of(
    own: &Own,
    rep: &UserRepresentation,
) -> Result<Vec<(String, String)>, WriteError> {
    let realm = &own.ctx.realm;
    let mut pairs = vec![];
    let edits = |name: &str| {
        let attribute = realm.user_profile.attribute(name);
        attribute.is_some_and(|attribute| user::may_edit(realm, attribute))
    };
    let renamed = |name: &&String| !name.eq_ignore_ascii_case(&own.user.username);
    if rep.username.as_ref().is_some_and(|name| renamed(&name)) && !edits("username") {
        let error = |key: &str| user::FieldError {
            field: "username".to_owned(),
            error_message: key.to_owned(),
            params: vec!["username".into()],
        };
        return Err(WriteError::Validation(vec![
            error("error-user-attribute-read-only"),
            error("readOnlyUsernameMessage"),
        ]));
    }
    for (name, value) in [
        ("username", &rep.username),
        ("email", &rep.email),
        ("firstName", &rep.first_name),
        ("lastName", &rep.last_name),
    ] {
        if let Some(value) = value {
            pairs.push((name.to_owned(), value.clone()));
        }
    }
    for (name, values) in rep.attributes.iter().flat_map(|attributes| &attributes.0) {
        pairs.extend(values.iter().map(|value| (name.clone(), value.clone())));
    }
    Ok(pairs)
}

/// The answer to a program for a profile that was not taken.
pub(super) fn refused(own: &Own, error: WriteError) -> HttpError {
    let label = |name: &str| {
        let attribute = own.ctx.realm.user_profile.attribute(name);
        let label = attribute.and_then(|attribute| attribute.display_name.clone());
        label
            .filter(|label| !label.is_empty())
            .unwrap_or_else(|| name.to_owned())
    };
    match error {
        WriteError::Validation(mut errors) => {
            // The first place names the field as the form does.
            for error in &mut errors {
                if let Some(first) = error.params.first_mut() {
                    *first = label(&error.field).into();
                }
            }
            let errors: Vec<Value> = errors.iter().map(Value::from).collect();
            HttpError::json(400, json!({ "errors": errors }))
        }
        WriteError::Conflict(text) => {
            let (field, key) = match text.contains("email") {
                true => ("email", "emailExistsMessage"),
                false => ("username", "usernameExistsMessage"),
            };
            let error = json!({"field": field, "errorMessage": key, "params": [label(field)]});
            let mut body = error.clone();
            body["errors"] = json!([error]);
            HttpError::json(409, body)
        }
        other => protocol::provision::write_error(other),
    }
}
