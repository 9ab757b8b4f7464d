//! The members of mappers' configs that several kinds have, as Keycloak 26.7.3 describes them.

use protocol::MapperProperty;

pub(super) const fn property(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    kind: &'static str,
) -> MapperProperty {
    MapperProperty {
        name,
        label,
        help,
        kind,
        default: None,
        options: &[],
        required: false,
    }
}

pub(super) const TO_ID: MapperProperty = property(
    "id.token.claim",
    "includeInIdToken.label",
    "includeInIdToken.tooltip",
    "boolean",
)
.or("true");
pub(super) const TO_ACCESS: MapperProperty = property(
    "access.token.claim",
    "includeInAccessToken.label",
    "includeInAccessToken.tooltip",
    "boolean",
)
.or("true");
pub(super) const TO_LIGHTWEIGHT: MapperProperty = property(
    "lightweight.claim",
    "includeInLightweight.label",
    "includeInLightweight.tooltip",
    "boolean",
)
.or("false");
pub(super) const TO_INTROSPECTION: MapperProperty = property(
    "introspection.token.claim",
    "includeInIntrospection.label",
    "includeInIntrospection.tooltip",
    "boolean",
)
.or("true");
pub(super) const TO_USERINFO: MapperProperty = property(
    "userinfo.token.claim",
    "includeInUserInfo.label",
    "includeInUserInfo.tooltip",
    "boolean",
)
.or("true");
pub(super) const CLAIM_NAME: MapperProperty = property(
    "claim.name",
    "tokenClaimName.label",
    "tokenClaimName.tooltip",
    "String",
)
.required();
pub(super) const JSON_TYPE: MapperProperty = property(
    "jsonType.label",
    "jsonType.label",
    "jsonType.tooltip",
    "List",
)
.of(&["String", "long", "int", "boolean", "JSON"]);
pub(super) const TO_RESPONSE: MapperProperty = property(
    "access.tokenResponse.claim",
    "includeInAccessTokenResponse.label",
    "includeInAccessTokenResponse.tooltip",
    "boolean",
)
.or("false");
pub(super) const MULTIVALUED: MapperProperty = property(
    "multivalued",
    "multivalued.label",
    "multivalued.tooltip",
    "boolean",
)
.or("true");
