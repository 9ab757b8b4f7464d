//! The clients that every realm has from the start, and their roles.

use protocol::{ClientTemplate, RoleTemplate};

const fn role(name: &'static str) -> RoleTemplate {
    RoleTemplate {
        name,
        composites: &[],
        default: false,
    }
}

const fn composite(name: &'static str, composites: &'static [&'static str]) -> RoleTemplate {
    RoleTemplate {
        name,
        composites,
        default: false,
    }
}

const fn default(name: &'static str, composites: &'static [&'static str]) -> RoleTemplate {
    RoleTemplate {
        name,
        composites,
        default: true,
    }
}

pub(crate) const ALL: &[ClientTemplate] = &[
    ClientTemplate {
        json: include_str!("realm_clients/account.json"),
        roles: &[
            default("manage-account", &["manage-account-links"]),
            role("manage-account-links"),
            default("view-profile", &[]),
            role("view-applications"),
            role("view-consent"),
            composite("manage-consent", &["view-consent"]),
            role("delete-account"),
            role("view-groups"),
        ],
    },
    ClientTemplate {
        json: include_str!("realm_clients/account-console.json"),
        roles: &[],
    },
    ClientTemplate {
        json: include_str!("realm_clients/admin-cli.json"),
        roles: &[],
    },
    ClientTemplate {
        json: include_str!("realm_clients/broker.json"),
        roles: &[role("read-token")],
    },
    ClientTemplate {
        json: include_str!("realm_clients/realm-management.json"),
        roles: &[
            composite("realm-admin", REALM_ROLES),
            role("create-client"),
            role("impersonation"),
            role("manage-authorization"),
            role("manage-clients"),
            role("manage-events"),
            role("manage-identity-providers"),
            role("manage-organizations"),
            role("manage-realm"),
            role("manage-users"),
            role("query-clients"),
            role("query-groups"),
            role("query-organizations"),
            role("query-realms"),
            role("query-users"),
            role("view-authorization"),
            composite("view-clients", &["query-clients"]),
            role("view-events"),
            role("view-identity-providers"),
            composite("view-organizations", &["query-organizations"]),
            role("view-realm"),
            composite("view-users", &["query-groups", "query-users"]),
        ],
    },
    ClientTemplate {
        json: include_str!("realm_clients/security-admin-console.json"),
        roles: &[],
    },
];

/// What `realm-admin` is composed of: all other roles of `realm-management`.
const REALM_ROLES: &[&str] = &[
    "create-client",
    "impersonation",
    "manage-authorization",
    "manage-clients",
    "manage-events",
    "manage-identity-providers",
    "manage-organizations",
    "manage-realm",
    "manage-users",
    "query-clients",
    "query-groups",
    "query-organizations",
    "query-realms",
    "query-users",
    "view-authorization",
    "view-clients",
    "view-events",
    "view-identity-providers",
    "view-organizations",
    "view-realm",
    "view-users",
];
