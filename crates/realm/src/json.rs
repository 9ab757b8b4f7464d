//! Merging representations as Keycloak does: a member that is absent keeps its value.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Lays the members that `change` has over `base`, whole member by whole member.
///
/// # Panics
/// Never: both are representations, which serialise to objects.
#[must_use]
pub fn overlay<T: Serialize + DeserializeOwned + Clone>(base: &T, change: &T) -> T {
    let mut members = object(base);
    members.extend(
        object(change)
            .into_iter()
            .filter(|(_, value)| !value.is_null()),
    );
    serde_json::from_value(Value::Object(members)).unwrap_or_else(|_| base.clone())
}

fn object<T: Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}
