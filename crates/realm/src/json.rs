//! Merging representations as Keycloak does: a member that is absent keeps its value.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// JSON as it was read: what is too much to be taken apart at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(Box<RawValue>);

impl Raw {
    /// What a value is written as; none for one that is no JSON.
    #[must_use]
    pub fn of<T: Serialize>(value: &T) -> Option<Self> {
        serde_json::value::to_raw_value(value).ok().map(Self)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

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
