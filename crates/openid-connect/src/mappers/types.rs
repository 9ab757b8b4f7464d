//! The kinds of mappers as Keycloak 26.7.3 describes them to the admin console.

use protocol::MapperType;

use super::properties::*;

pub(crate) const ACR: &str = "oidc-acr-mapper";
pub(crate) const ADDRESS: &str = "oidc-address-mapper";
pub(crate) const ALLOWED_ORIGINS: &str = "oidc-allowed-origins-mapper";
pub(crate) const AMR: &str = "oidc-amr-mapper";
pub(crate) const AUDIENCE: &str = "oidc-audience-mapper";
pub(crate) const AUDIENCE_RESOLVE: &str = "oidc-audience-resolve-mapper";
pub(crate) const CLAIMS_PARAMETER: &str = "oidc-claims-param-token-mapper";
pub(crate) const CLAIMS_PARAMETER_VALUE: &str = "oidc-claims-param-value-idtoken-mapper";
pub(crate) const FULL_NAME: &str = "oidc-full-name-mapper";
pub(crate) const GROUP_MEMBERSHIP: &str = "oidc-group-membership-mapper";
pub(crate) const HARDCODED_CLAIM: &str = "oidc-hardcoded-claim-mapper";
pub(crate) const HARDCODED_ROLE: &str = "oidc-hardcoded-role-mapper";
pub(crate) const NONCE: &str = "oidc-nonce-backwards-compatible-mapper";
pub(crate) const ORGANIZATION_MEMBERSHIP: &str = "oidc-organization-membership-mapper";
pub(crate) const PAIRWISE: &str = protocol::pairwise::MAPPER;
pub(crate) const ROLE_NAME: &str = "oidc-role-name-mapper";
pub(crate) const SESSION_STATE: &str = "oidc-session-state-mapper";
pub(crate) const SUBJECT: &str = "oidc-sub-mapper";
pub(crate) const USER_ATTRIBUTE: &str = "oidc-usermodel-attribute-mapper";
pub(crate) const USER_CLIENT_ROLE: &str = "oidc-usermodel-client-role-mapper";
pub(crate) const USER_PROPERTY: &str = "oidc-usermodel-property-mapper";
pub(crate) const USER_REALM_ROLE: &str = "oidc-usermodel-realm-role-mapper";
pub(crate) const SESSION_NOTE: &str = "oidc-usersessionmodel-note-mapper";

pub(crate) const TYPES: &[MapperType] = &[
    MapperType {
        id: ACR,
        name: "Authentication Context Class Reference (ACR)",
        category: "Token mapper",
        help: "Maps the achieved LoA (Level of Authentication) to the 'acr' claim of the token",
        priority: 0,
        properties: &[
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: ADDRESS,
        name: "User Address",
        category: "Token mapper",
        help: "Maps user address attributes (street, locality, region, postal_code, and country) to the OpenID Connect 'address' claim.",
        priority: 0,
        properties: &[
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_INTROSPECTION,
            property("user.attribute.street", "addressClaim.street.label", "addressClaim.street.tooltip", "String").or("street"),
            property("user.attribute.locality", "addressClaim.locality.label", "addressClaim.locality.tooltip", "String").or("locality"),
            property("user.attribute.region", "addressClaim.region.label", "addressClaim.region.tooltip", "String").or("region"),
            property("user.attribute.postal_code", "addressClaim.postal_code.label", "addressClaim.postal_code.tooltip", "String").or("postal_code"),
            property("user.attribute.country", "addressClaim.country.label", "addressClaim.country.tooltip", "String").or("country"),
            property("user.attribute.formatted", "addressClaim.formatted.label", "addressClaim.formatted.tooltip", "String").or("formatted"),
        ],
    },
    MapperType {
        id: ALLOWED_ORIGINS,
        name: "Allowed Web Origins",
        category: "Token mapper",
        help: "Adds all allowed web origins to the 'allowed-origins' claim in the token",
        priority: 0,
        properties: &[
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: AMR,
        name: "Authentication Method Reference (AMR)",
        category: "Token mapper",
        help: "Add authentication method reference (AMR) to the token.",
        priority: 0,
        properties: &[
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
        ],
    },
    MapperType {
        id: AUDIENCE,
        name: "Audience",
        category: "Token mapper",
        help: "Add specified audience to the audience (aud) field of token",
        priority: 0,
        properties: &[
            property("included.client.audience", "included.client.audience.label", "included.client.audience.tooltip", "ClientList"),
            property("included.custom.audience", "included.custom.audience.label", "included.custom.audience.tooltip", "String"),
            property("id.token.claim", "includeInIdToken.label", "includeInIdToken.tooltip", "boolean").or("false"),
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: AUDIENCE_RESOLVE,
        name: "Audience Resolve",
        category: "Token mapper",
        help: "Adds all client_ids of \"allowed\" clients to the audience field of the token. Allowed client means the client\n for which user has at least one client role",
        priority: 30,
        properties: &[
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: CLAIMS_PARAMETER,
        name: "Claims parameter Token",
        category: "Token mapper",
        help: "Claims specified by Claims parameter are put into tokens.",
        priority: 0,
        properties: &[
            TO_ID,
            TO_USERINFO,
        ],
    },
    MapperType {
        id: CLAIMS_PARAMETER_VALUE,
        name: "Claims parameter with value ID Token",
        category: "Token mapper",
        help: "Claims specified by Claims parameter with value are put into an ID token.",
        priority: 0,
        properties: &[
            property("claim.name", "Claim name", "Name of the claim you want to set its value. 'true' and 'false can be used for boolean values.", "String"),
            TO_ID,
        ],
    },
    MapperType {
        id: FULL_NAME,
        name: "User's full name",
        category: "Token mapper",
        help: "Maps the user's first and last name to the OpenID Connect 'name' claim. Format is <first> + ' ' + <last>",
        priority: 0,
        properties: &[
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: GROUP_MEMBERSHIP,
        name: "Group Membership",
        category: "Token mapper",
        help: "Map user group membership",
        priority: 0,
        properties: &[
            CLAIM_NAME,
            property("full.path", "Full group path", "Include full path to group i.e. /top/level1/level2, false will just specify the group name", "boolean").or("true"),
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: HARDCODED_CLAIM,
        name: "Hardcoded claim",
        category: "Token mapper",
        help: "Hardcode a claim into the token.",
        priority: 0,
        properties: &[
            CLAIM_NAME,
            property("claim.value", "Claim value", "Value of the claim you want to hard code.  'true' and 'false can be used for boolean values.", "String"),
            JSON_TYPE,
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_RESPONSE,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: HARDCODED_ROLE,
        name: "Hardcoded Role",
        category: "Token mapper",
        help: "Hardcode a role into the access token.",
        priority: 20,
        properties: &[
            property("role", "Role", "Role you want added to the token.  Click 'Select Role' button to browse roles, or just type it in the textbox.  To reference a client role the syntax is clientname.clientrole, i.e. myclient.myrole", "Role"),
        ],
    },
    MapperType {
        id: NONCE,
        name: "Nonce backwards compatible",
        category: "Token mapper",
        help: "Adds the nonce claim to Access, Refresh and ID token",
        priority: 0,
        properties: &[],
    },
    MapperType {
        id: ORGANIZATION_MEMBERSHIP,
        name: "Organization Membership",
        category: "Token mapper",
        help: "Map user Organization membership",
        priority: 0,
        properties: &[
            CLAIM_NAME,
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_INTROSPECTION,
            property("jsonType.label", "jsonType.label", "jsonType.tooltip", "List").or("String").of(&["String", "JSON"]),
            MULTIVALUED,
            property("addOrganizationAttributes", "addOrganizationAttributes.label", "addOrganizationAttributes.help", "boolean").or("false"),
            property("addOrganizationId", "addOrganizationId.label", "addOrganizationId.help", "boolean").or("false"),
            property("addOrganizationDomain", "addOrganizationDomain.label", "addOrganizationDomain.help", "boolean").or("false"),
        ],
    },
    MapperType {
        id: ROLE_NAME,
        name: "Role Name Mapper",
        category: "Token mapper",
        help: "Map an assigned role to a new name or position in the token.",
        priority: 10,
        properties: &[
            property("role", "Role", "Role name you want changed.  Click 'Select Role' button to browse roles, or just type it in the textbox.  To reference a client role the syntax is clientname.clientrole, i.e. myclient.myrole", "Role"),
            property("new.role.name", "New Role Name", "The new role name.  The new name format corresponds to where in the access token the role will be mapped to.  So, a new name of 'myapp.newname' will map the role to that position in the access token.  A new name of 'newname' will map the role to the realm roles in the token.", "String"),
        ],
    },
    MapperType {
        id: SESSION_STATE,
        name: "Session State (session_state)",
        category: "Token mapper",
        help: "Add Session State (session_state) claim",
        priority: 0,
        properties: &[
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: PAIRWISE,
        name: "Pairwise subject identifier",
        category: "Token mapper",
        help: "Calculates a pairwise subject identifier using a salted sha-256 hash and adds it to the 'sub' claim. See OpenID Connect specification for more info about pairwise subject identifiers.",
        priority: 0,
        properties: &[
            property("sectorIdentifierUri", "sectorIdentifierUri.label", "sectorIdentifierUri.tooltip", "String"),
            property("pairwiseSubAlgorithmSalt", "pairwiseSubAlgorithmSalt.label", "pairwiseSubAlgorithmSalt.tooltip", "String"),
        ],
    },
    MapperType {
        id: SUBJECT,
        name: "Subject (sub)",
        category: "Token mapper",
        help: "Add Subject (sub) claim",
        priority: -10,
        properties: &[
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: USER_ATTRIBUTE,
        name: "User Attribute",
        category: "Token mapper",
        help: "Map a custom user attribute to a token claim.",
        priority: 0,
        properties: &[
            property("user.attribute", "usermodel.attr.label", "usermodel.attr.tooltip", "UserProfileAttributeList"),
            CLAIM_NAME,
            JSON_TYPE,
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_INTROSPECTION,
            property("multivalued", "multivalued.label", "multivalued.tooltip", "boolean"),
            property("aggregate.attrs", "aggregate.attrs.label", "aggregate.attrs.tooltip", "boolean"),
        ],
    },
    MapperType {
        id: USER_CLIENT_ROLE,
        name: "User Client Role",
        category: "Token mapper",
        help: "Map a user client role to a token claim.",
        priority: 40,
        properties: &[
            property("usermodel.clientRoleMapping.clientId", "usermodel.clientRoleMapping.clientId.label", "usermodel.clientRoleMapping.clientId.tooltip", "ClientList"),
            property("usermodel.clientRoleMapping.rolePrefix", "usermodel.clientRoleMapping.rolePrefix.label", "usermodel.clientRoleMapping.rolePrefix.tooltip", "String"),
            MULTIVALUED,
            property("claim.name", "tokenClaimName.label", "usermodel.clientRoleMapping.tokenClaimName.tooltip", "String").required(),
            JSON_TYPE,
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: USER_PROPERTY,
        name: "User Property",
        category: "Token mapper",
        help: "Map a built in user property (email, firstName, lastName) to a token claim.",
        priority: 0,
        properties: &[
            property("user.attribute", "usermodel.prop.label", "usermodel.prop.tooltip", "String"),
            CLAIM_NAME,
            JSON_TYPE,
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: USER_REALM_ROLE,
        name: "User Realm Role",
        category: "Token mapper",
        help: "Map a user realm role to a token claim.",
        priority: 40,
        properties: &[
            property("usermodel.realmRoleMapping.rolePrefix", "usermodel.realmRoleMapping.rolePrefix.label", "usermodel.realmRoleMapping.rolePrefix.tooltip", "String"),
            MULTIVALUED,
            CLAIM_NAME,
            JSON_TYPE,
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_INTROSPECTION,
        ],
    },
    MapperType {
        id: SESSION_NOTE,
        name: "User Session Note",
        category: "Token mapper",
        help: "Map a custom user session note to a token claim.",
        priority: 0,
        properties: &[
            property("user.session.note", "userSession.modelNote.label", "userSession.modelNote.tooltip", "String").required(),
            CLAIM_NAME,
            JSON_TYPE,
            TO_ID,
            TO_ACCESS,
            TO_LIGHTWEIGHT,
            TO_USERINFO,
            TO_RESPONSE,
            TO_INTROSPECTION,
        ],
    },
];

/// In which turn a kind acts.
pub(crate) fn priority(kind: &str) -> i32 {
    let known = TYPES.iter().find(|known| known.id == kind);
    known.map_or(0, |known| known.priority)
}
