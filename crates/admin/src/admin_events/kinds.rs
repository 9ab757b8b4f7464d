//! What each write of the admin API is in its admin event, as Keycloak tells it.

use std::collections::HashMap;
use std::sync::LazyLock;

use realm::admin_event::Operation::{self, Action, Create, Delete, Update};

/// A kind of write: the resource type and what is done to it.
pub(crate) type Kind = (&'static str, Operation);

/// Every write, below `/admin/realms/{realm}` (below `/admin` for the one that makes realms), with `{}` for each name in
/// a path.
const TABLE: &[(Kind, &[&str])] = &[
    (("REALM", Create), &["POST /realms", "POST /partialImport"]),
    (
        ("REALM", Update),
        &["PUT ", "PUT /events/config", "PUT /ui-ext"],
    ),
    (("REALM", Delete), &["DELETE "]),
    (
        ("REALM", Action),
        &[
            "POST /clear-crl-cache",
            "POST /clear-keys-cache",
            "POST /clear-realm-cache",
            "POST /clear-user-cache",
            "POST /logout-all",
            "POST /push-revocation",
        ],
    ),
    (
        ("IDENTITY_PROVIDER", Create),
        &["POST /identity-provider/instances"],
    ),
    (
        ("IDENTITY_PROVIDER", Update),
        &["PUT /identity-provider/instances/{}"],
    ),
    (
        ("IDENTITY_PROVIDER", Delete),
        &["DELETE /identity-provider/instances/{}"],
    ),
    (
        ("IDENTITY_PROVIDER_MAPPER", Create),
        &["POST /identity-provider/instances/{}/mappers"],
    ),
    (
        ("IDENTITY_PROVIDER_MAPPER", Update),
        &["PUT /identity-provider/instances/{}/mappers/{}"],
    ),
    (
        ("IDENTITY_PROVIDER_MAPPER", Delete),
        &["DELETE /identity-provider/instances/{}/mappers/{}"],
    ),
    (("COMPONENT", Create), &["POST /components"]),
    (("COMPONENT", Update), &["PUT /components/{}"]),
    (("COMPONENT", Delete), &["DELETE /components/{}"]),
    (
        ("REQUIRED_ACTION", Update),
        &[
            "PUT /authentication/required-actions/{}",
            "POST /authentication/required-actions/{}/lower-priority",
            "POST /authentication/required-actions/{}/raise-priority",
        ],
    ),
    (
        ("REQUIRED_ACTION", Delete),
        &["DELETE /authentication/required-actions/{}"],
    ),
    (
        ("USER_LOGIN_FAILURE", Delete),
        &["DELETE /attack-detection/brute-force/users"],
    ),
    (("USER_SESSION", Delete), &["DELETE /sessions/{}"]),
    (("USER", Create), &["POST /users"]),
    (("USER", Update), &["PUT /users/{}"]),
    (("USER", Delete), &["DELETE /users/{}"]),
    (
        ("USER", Action),
        &[
            "DELETE /users/{}/consents/{}",
            "DELETE /users/{}/credentials/{}",
            "POST /users/{}/app-passwords",
            "POST /users/{}/impersonation",
            "POST /users/{}/logout",
            "PUT /users/{}/execute-actions-email",
            "PUT /users/{}/reset-password",
            "PUT /users/{}/reset-password-email",
            "PUT /users/{}/send-verify-email",
        ],
    ),
    (
        ("GROUP", Create),
        &[
            "POST /groups",
            "POST /groups/{}/children",
            "PUT /default-groups/{}",
        ],
    ),
    (("GROUP", Update), &["PUT /groups/{}"]),
    (
        ("GROUP", Delete),
        &["DELETE /groups/{}", "DELETE /default-groups/{}"],
    ),
    (("GROUP_MEMBERSHIP", Create), &["PUT /users/{}/groups/{}"]),
    (
        ("GROUP_MEMBERSHIP", Delete),
        &["DELETE /users/{}/groups/{}"],
    ),
    (
        ("REALM_ROLE", Create),
        &[
            "POST /roles",
            "POST /roles/{}/composites",
            "POST /roles-by-id/{}/composites",
        ],
    ),
    (
        ("REALM_ROLE", Update),
        &["PUT /roles/{}", "PUT /roles-by-id/{}"],
    ),
    (
        ("REALM_ROLE", Delete),
        &[
            "DELETE /roles/{}",
            "DELETE /roles/{}/composites",
            "DELETE /roles-by-id/{}",
            "DELETE /roles-by-id/{}/composites",
            "POST /ui-ext/role-mapping-delete/roles/{}",
        ],
    ),
    (
        ("REALM_ROLE_MAPPING", Create),
        &[
            "POST /users/{}/role-mappings/realm",
            "POST /groups/{}/role-mappings/realm",
        ],
    ),
    (
        ("REALM_ROLE_MAPPING", Delete),
        &[
            "DELETE /users/{}/role-mappings/realm",
            "DELETE /groups/{}/role-mappings/realm",
            "POST /ui-ext/role-mapping-delete/groups/{}",
            "POST /ui-ext/role-mapping-delete/users/{}",
        ],
    ),
    (
        ("CLIENT_ROLE_MAPPING", Create),
        &[
            "POST /users/{}/role-mappings/clients/{}",
            "POST /groups/{}/role-mappings/clients/{}",
        ],
    ),
    (
        ("CLIENT_ROLE_MAPPING", Delete),
        &[
            "DELETE /users/{}/role-mappings/clients/{}",
            "DELETE /groups/{}/role-mappings/clients/{}",
        ],
    ),
    (("CLIENT", Create), &["POST /clients"]),
    (("CLIENT", Update), &["PUT /clients/{}"]),
    (
        ("CLIENT", Delete),
        &[
            "DELETE /clients/{}",
            "DELETE /clients/{}/client-secret/rotated",
        ],
    ),
    (
        ("CLIENT", Action),
        &[
            "POST /clients/{}/client-secret",
            "POST /clients/{}/push-revocation",
            "POST /clients/{}/certificates/{}/download",
            "POST /clients/{}/certificates/{}/generate",
            "POST /clients/{}/certificates/{}/generate-and-download",
            "POST /clients/{}/certificates/{}/upload",
            "POST /clients/{}/certificates/{}/upload-certificate",
        ],
    ),
    (("CLUSTER_NODE", Create), &["POST /clients/{}/nodes"]),
    (("CLUSTER_NODE", Delete), &["DELETE /clients/{}/nodes/{}"]),
    (
        ("CLIENT_ROLE", Create),
        &[
            "POST /clients/{}/roles",
            "POST /clients/{}/roles/{}/composites",
        ],
    ),
    (("CLIENT_ROLE", Update), &["PUT /clients/{}/roles/{}"]),
    (
        ("CLIENT_ROLE", Delete),
        &[
            "DELETE /clients/{}/roles/{}",
            "DELETE /clients/{}/roles/{}/composites",
        ],
    ),
    (
        ("PROTOCOL_MAPPER", Create),
        &[
            "POST /clients/{}/protocol-mappers/add-models",
            "POST /clients/{}/protocol-mappers/models",
            "POST /client-scopes/{}/protocol-mappers/add-models",
            "POST /client-scopes/{}/protocol-mappers/models",
        ],
    ),
    (
        ("PROTOCOL_MAPPER", Update),
        &[
            "PUT /clients/{}/protocol-mappers/models/{}",
            "PUT /client-scopes/{}/protocol-mappers/models/{}",
        ],
    ),
    (
        ("PROTOCOL_MAPPER", Delete),
        &[
            "DELETE /clients/{}/protocol-mappers/models/{}",
            "DELETE /client-scopes/{}/protocol-mappers/models/{}",
        ],
    ),
    (
        ("CLIENT_SCOPE", Create),
        &[
            "POST /client-scopes",
            "PUT /default-default-client-scopes/{}",
            "PUT /default-optional-client-scopes/{}",
        ],
    ),
    (("CLIENT_SCOPE", Update), &["PUT /client-scopes/{}"]),
    (
        ("CLIENT_SCOPE", Delete),
        &[
            "DELETE /client-scopes/{}",
            "DELETE /default-default-client-scopes/{}",
            "DELETE /default-optional-client-scopes/{}",
        ],
    ),
    (
        ("CLIENT_SCOPE_CLIENT_MAPPING", Create),
        &[
            "PUT /clients/{}/default-client-scopes/{}",
            "PUT /clients/{}/optional-client-scopes/{}",
        ],
    ),
    (
        ("CLIENT_SCOPE_CLIENT_MAPPING", Delete),
        &[
            "DELETE /clients/{}/default-client-scopes/{}",
            "DELETE /clients/{}/optional-client-scopes/{}",
        ],
    ),
    (
        ("REALM_SCOPE_MAPPING", Create),
        &[
            "POST /clients/{}/scope-mappings/realm",
            "POST /client-scopes/{}/scope-mappings/realm",
        ],
    ),
    (
        ("REALM_SCOPE_MAPPING", Delete),
        &[
            "DELETE /clients/{}/scope-mappings/realm",
            "DELETE /client-scopes/{}/scope-mappings/realm",
        ],
    ),
    (
        ("CLIENT_SCOPE_MAPPING", Create),
        &[
            "POST /clients/{}/scope-mappings/clients/{}",
            "POST /client-scopes/{}/scope-mappings/clients/{}",
        ],
    ),
    (
        ("CLIENT_SCOPE_MAPPING", Delete),
        &[
            "DELETE /clients/{}/scope-mappings/clients/{}",
            "DELETE /client-scopes/{}/scope-mappings/clients/{}",
            "POST /ui-ext/role-mapping-delete/clientScopes/{}",
            "POST /ui-ext/role-mapping-delete/clients/{}",
        ],
    ),
];

/// Calls of these methods that Keycloak tells nobody of: they change nothing, or it keeps no record of them.
const UNTOLD: &[&str] = &[
    "POST ",
    "DELETE /admin-events",
    "DELETE /events",
    "DELETE /attack-detection/brute-force/users/{}",
    "POST /users/{}/credentials/{}/moveAfter/{}",
    "POST /users/{}/credentials/{}/moveToFirst",
    "PUT /users/{}/credentials/{}/userLabel",
    "PUT /users/{}/disable-credential-types",
    "PUT /users/profile",
    "POST /identity-provider/import-config",
    "POST /partial-export",
    "POST /testSMTPConnection",
    "DELETE /authentication/required-actions/{}/config",
    "PUT /authentication/required-actions/{}/config",
    "PUT /client-policies/policies",
    "PUT /client-policies/profiles",
    "DELETE /localization/{}",
    "DELETE /localization/{}/{}",
    "POST /localization/{}",
    "PUT /localization/{}/{}",
    "PUT /clients/{}/management/permissions",
    "PUT /groups/{}/management/permissions",
    "PUT /roles-by-id/{}/management/permissions",
    "PUT /roles/{}/management/permissions",
    "PUT /clients/{}/roles/{}/management/permissions",
    "PUT /users-management-permissions",
];

static KINDS: LazyLock<HashMap<&str, Option<Kind>>> = LazyLock::new(|| {
    let told = TABLE
        .iter()
        .flat_map(|(kind, routes)| routes.iter().map(|route| (*route, Some(*kind))));
    let untold = UNTOLD.iter().map(|route| (*route, None));
    told.chain(untold).collect()
});

/// The kind of a write, if Keycloak tells of it; the outer `None` for a route that is not in the table.
pub(crate) fn of(method: &str, path: &str) -> Option<Option<Kind>> {
    // What is refused to everybody makes no event.
    let outside = || crate::outside::has(path).then_some(None);
    KINDS
        .get(plain(method, path).as_str())
        .copied()
        .or_else(outside)
}

/// A route as the table writes it.
fn plain(method: &str, path: &str) -> String {
    let mut route = format!("{method} ");
    for part in path.trim_matches('/').split('/') {
        if !part.is_empty() {
            route.push('/');
            route.push_str(if part.starts_with('{') { "{}" } else { part });
        }
    }
    route
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_write_stands_once_in_the_table_with_a_resource_type_that_keycloak_has() {
        let rows = TABLE.iter().map(|(_, routes)| routes.len()).sum::<usize>() + UNTOLD.len();
        assert_eq!(KINDS.len(), rows);
        let known = realm::admin_event::resource_types();
        assert!(TABLE.iter().all(|((kind, _), _)| known.contains(kind)));
    }

    #[test]
    fn each_row_is_a_route_and_each_write_has_a_row() {
        static NONE: protocol::Protocols = protocol::Protocols(&[]);
        drop(crate::scope(&NONE));
        let mut mounted = BTreeMap::new();
        for (method, path) in crate::routes() {
            if method != "GET" {
                mounted.insert(plain(method, &path), of(method, &path).is_some());
            }
        }
        let missing: Vec<_> = mounted.iter().filter(|(_, known)| !**known).collect();
        let gone: Vec<_> = KINDS
            .keys()
            .filter(|row| !mounted.contains_key(**row))
            .collect();
        assert!(
            missing.is_empty() && gone.is_empty(),
            "no row: {missing:?}; no route: {gone:?}"
        );
    }

    #[test]
    fn a_route_is_found_whatever_its_names_are_called_and_with_a_slash_at_its_end() {
        assert_eq!(of("POST", "/users/"), Some(Some(("USER", Create))));
        assert_eq!(of("PUT", "/users/{someone}"), Some(Some(("USER", Update))));
        assert_eq!(of("PUT", ""), Some(Some(("REALM", Update))));
        assert_eq!(of("DELETE", "/events"), Some(None));
        assert_eq!(of("POST", "/nowhere"), None);
    }
}
