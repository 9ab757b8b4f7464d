//! What Keycloak calls the files of an exported realm.

use std::path::Path;

/// `{realm}-realm.json`.
pub(super) fn of_realm(realm: &str) -> String {
    format!("{realm}-realm.json")
}

/// `{realm}-users-{number}.json`.
pub(super) fn of_users(realm: &str, number: usize) -> String {
    format!("{realm}-users-{number}.json")
}

/// The realm and the number of a file of users.
pub(super) fn users_of(file: &Path) -> Option<(String, usize)> {
    let name = file.file_name()?.to_str()?.strip_suffix(".json")?;
    let (rest, number) = name.rsplit_once('-')?;
    let realm = rest.strip_suffix("-users")?;
    let realm = realm.strip_suffix("-federated").unwrap_or(realm);
    Some((realm.to_owned(), number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_users_are_told_by_their_names() {
        let of = |name: &str| users_of(Path::new(name));
        assert_eq!(of("/a/dev-users-12.json"), Some(("dev".to_owned(), 12)));
        assert_eq!(of("my-users-0.json"), Some(("my".to_owned(), 0)));
        assert_eq!(
            of("dev-federated-users-0.json"),
            Some(("dev".to_owned(), 0))
        );
        for name in [
            "dev-realm.json",
            "dev.json",
            "dev-users-x.json",
            "users-1.json",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
        assert_eq!(of(&of_users("dev", 3)), Some(("dev".to_owned(), 3)));
    }
}
