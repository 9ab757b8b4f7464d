//! The table itself.

use super::Answer::{Missing, NoContent, NoOrganization, Ok, Organizations, Unavailable};
use super::{Area, EMPTY, POST, REALM, WRITES, all, get, list};
use crate::auth::Role::{
    ManageAuthorization, ManageClients, ManageIdentityProviders, ManageOrganizations, ManageRealm,
    ManageUsers, QueryClients, QueryOrganizations, ViewAuthorization, ViewClients,
    ViewIdentityProviders, ViewOrganizations, ViewRealm, ViewUsers,
};

/// actix takes the first path that fits: within an area, literal ones stand first.
pub(super) const AREAS: &[Area] = &[
    Area {
        name: "authentication flows",
        view: &[
            ManageClients,
            ManageRealm,
            QueryClients,
            ViewClients,
            ViewRealm,
        ],
        manage: &[ManageRealm],
        calls: &[
            (
                "/authentication/client-authenticator-providers",
                get(Ok(
                    r#"[{"supportsSecret":false,"displayName":"Signed JWT","description":"Validates client based on signed JWT issued by client and signed with the Client private key","id":"client-jwt"},{"supportsSecret":true,"displayName":"Client Id and Secret","description":"Validates client based on 'client_id' and 'client_secret' sent either in request parameters or in 'Authorization: Basic' header","id":"client-secret"},{"supportsSecret":true,"displayName":"Signed JWT with Client Secret","description":"Validates client based on signed JWT issued by client and signed with the Client Secret","id":"client-secret-jwt"}]"#,
                )),
            ),
            (
                "/authentication/per-client-config-description",
                get(Ok(
                    r#"{"client-jwt":[],"client-secret":[],"client-secret-jwt":[]}"#,
                )),
            ),
        ],
    },
    Area {
        name: "authentication flows",
        view: REALM,
        manage: &[ManageRealm],
        calls: &[
            ("/authentication/authenticator-providers", get(EMPTY)),
            ("/authentication/form-action-providers", get(EMPTY)),
            ("/authentication/form-providers", get(EMPTY)),
            ("/authentication/unregistered-required-actions", get(EMPTY)),
            ("/authentication/register-required-action", POST),
            (
                "/authentication/config-description/{id}",
                get(Missing("Could not find authenticator provider")),
            ),
            ("/authentication/config", POST),
            (
                "/authentication/config/{id}",
                all(Missing("Could not find authenticator config")),
            ),
            ("/authentication/executions", POST),
            (
                "/authentication/executions/{execution}/config/{id}",
                get(Missing("Could not find authenticator config")),
            ),
            (
                "/authentication/executions/{tail:.*}",
                all(Missing("Illegal execution")),
            ),
            ("/authentication/flows/{alias}/{tail:.*}", WRITES),
        ],
    },
    Area {
        name: "client registration",
        view: REALM,
        manage: &[ManageRealm],
        calls: &[("/client-registration-policy/providers", get(EMPTY))],
    },
    Area {
        name: "client registration",
        view: &[ViewClients, ManageClients],
        manage: &[ManageClients],
        calls: &[
            ("/clients-initial-access", list(EMPTY)),
            ("/clients-initial-access/{id}", WRITES),
            ("/clients/{client}/registration-access-token", POST),
        ],
    },
    Area {
        name: "SAML",
        view: &[ViewClients, ManageClients],
        manage: &[ManageClients],
        calls: &[(
            "/clients/{client}/evaluate-scopes/generate-example-saml-response",
            get(Unavailable),
        )],
    },
    Area {
        name: "client description conversion",
        view: &[ManageClients],
        manage: &[ManageClients],
        calls: &[("/client-description-converter", POST)],
    },
    Area {
        name: "client types",
        view: &[ViewClients, ManageClients],
        manage: &[ManageClients],
        calls: &[("/client-types", all(Unavailable))],
    },
    Area {
        name: "authorization services",
        view: &[
            ManageAuthorization,
            ManageClients,
            ViewAuthorization,
            ViewClients,
        ],
        manage: &[ManageAuthorization, ManageClients],
        calls: &[
            (
                "/clients/{client}/authz/resource-server/resource",
                list(EMPTY),
            ),
            (
                "/clients/{client}/authz/resource-server/resource/search",
                get(NoContent),
            ),
            ("/clients/{client}/authz/resource-server/scope", list(EMPTY)),
            (
                "/clients/{client}/authz/resource-server/scope/search",
                get(NoContent),
            ),
            (
                "/clients/{client}/authz/resource-server/policy",
                list(EMPTY),
            ),
            (
                "/clients/{client}/authz/resource-server/policy/providers",
                get(EMPTY),
            ),
            (
                "/clients/{client}/authz/resource-server/policy/search",
                get(NoContent),
            ),
            (
                "/clients/{client}/authz/resource-server/permission",
                list(EMPTY),
            ),
            (
                "/clients/{client}/authz/resource-server/permission/providers",
                get(EMPTY),
            ),
            (
                "/clients/{client}/authz/resource-server/permission/search",
                get(NoContent),
            ),
            ("/clients/{client}/authz/{tail:.*}", all(Unavailable)),
        ],
    },
    Area {
        name: "identity providers",
        view: &[ManageIdentityProviders, ViewIdentityProviders],
        manage: &[ManageIdentityProviders],
        calls: &[(
            "/identity-provider/{tail:.*}",
            all(Missing("Could not find identity provider")),
        )],
    },
    Area {
        name: "identity providers",
        view: &[ViewUsers, ManageUsers],
        manage: &[ManageUsers],
        calls: &[("/users/{id}/federated-identity/{provider}", WRITES)],
    },
    Area {
        name: "verifiable credentials",
        view: &[ViewUsers, ManageUsers],
        manage: &[ManageUsers],
        calls: &[
            ("/users/{id}/vc/credentials", list(EMPTY)),
            ("/users/{id}/vc/issued-credentials", get(EMPTY)),
            ("/users/{id}/vc/{tail:.*}", WRITES),
        ],
    },
    Area {
        name: "user federation",
        view: &[ManageUsers],
        manage: &[ManageUsers],
        calls: &[("/user-storage/{tail:.*}", WRITES)],
    },
    Area {
        name: "user federation",
        view: &[ManageRealm],
        manage: &[ManageRealm],
        calls: &[
            ("/ldap-server-capabilities", POST),
            ("/testLDAPConnection", POST),
        ],
    },
    Area {
        name: "organizations",
        view: &[],
        manage: &[],
        calls: &[(
            "/organizations/members/{member}/organizations",
            get(Organizations("[]")),
        )],
    },
    Area {
        name: "organizations",
        view: &[
            ManageOrganizations,
            ManageRealm,
            QueryOrganizations,
            ViewOrganizations,
        ],
        manage: &[ManageOrganizations, ManageRealm],
        calls: &[
            ("/organizations", list(Organizations("[]"))),
            ("/organizations/count", get(Organizations("0"))),
            ("/organizations/{tail:.*}", all(NoOrganization)),
        ],
    },
    Area {
        name: "workflows",
        view: &[],
        manage: &[],
        calls: &[
            ("/workflows", list(EMPTY)),
            ("/workflows/scheduled/{resource}", get(EMPTY)),
            (
                "/workflows/{tail:.*}",
                all(Missing("Could not find workflow")),
            ),
        ],
    },
    Area {
        name: "credential registration",
        view: REALM,
        manage: &[],
        calls: &[("/credential-registrators", get(EMPTY))],
    },
];
