//! The protocol mappers of this protocol: a table of kinds, each with what it does to a token.

use protocol::{MapperProperty, MapperType};
use serde_json::{Map, Value, json};

use crate::claims::About;

/// Which token is being made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Access,
    Id,
}

const fn text(name: &'static str, label: &'static str) -> MapperProperty {
    MapperProperty {
        name,
        label,
        help: "",
        kind: "String",
        default: None,
    }
}

const fn flag(name: &'static str, label: &'static str) -> MapperProperty {
    MapperProperty {
        name,
        label,
        help: "",
        kind: "boolean",
        default: Some("true"),
    }
}

const CLAIM_NAME: MapperProperty = text("claim.name", "Token Claim Name");
const TO_ID: MapperProperty = flag("id.token.claim", "Add to ID token");
const TO_ACCESS: MapperProperty = flag("access.token.claim", "Add to access token");

pub(crate) const AUDIENCE: &str = "oidc-audience-mapper";
const AUDIENCE_RESOLVE: &str = "oidc-audience-resolve-mapper";
const HARDCODED_CLAIM: &str = "oidc-hardcoded-claim-mapper";
const USER_ATTRIBUTE: &str = "oidc-usermodel-attribute-mapper";
const USER_PROPERTY: &str = "oidc-usermodel-property-mapper";

pub(crate) const TYPES: &[MapperType] = &[
    MapperType {
        id: AUDIENCE,
        name: "Audience",
        category: "Token mapper",
        help: "Adds an audience to the audience (aud) field of the token",
        properties: &[
            text("included.client.audience", "Included Client Audience"),
            text("included.custom.audience", "Included Custom Audience"),
            TO_ID,
            TO_ACCESS,
        ],
    },
    MapperType {
        id: AUDIENCE_RESOLVE,
        name: "Audience Resolve",
        category: "Token mapper",
        help: "Adds the clients whose roles the token carries to its audience",
        properties: &[],
    },
    MapperType {
        id: HARDCODED_CLAIM,
        name: "Hardcoded claim",
        category: "Token mapper",
        help: "Puts a claim with a fixed value into the token",
        properties: &[
            CLAIM_NAME,
            text("claim.value", "Claim value"),
            text("jsonType.label", "Claim JSON Type"),
            TO_ID,
            TO_ACCESS,
        ],
    },
    MapperType {
        id: USER_ATTRIBUTE,
        name: "User Attribute",
        category: "Token mapper",
        help: "Maps an attribute of the user to a claim",
        properties: &[
            text("user.attribute", "User Attribute"),
            CLAIM_NAME,
            text("jsonType.label", "Claim JSON Type"),
            MapperProperty {
                default: Some("false"),
                ..flag("multivalued", "Multivalued")
            },
            TO_ID,
            TO_ACCESS,
        ],
    },
    MapperType {
        id: USER_PROPERTY,
        name: "User Property",
        category: "Token mapper",
        help: "Maps a property of the user (username, email, firstName, lastName, id) to a claim",
        properties: &[
            text("user.attribute", "Property"),
            CLAIM_NAME,
            text("jsonType.label", "Claim JSON Type"),
            TO_ID,
            TO_ACCESS,
        ],
    },
];

/// Claims that no mapper may set: what a token is, for whom and until when is not for mappers to say.
const RESERVED: &[&str] = &[
    "exp",
    "iat",
    "nbf",
    "jti",
    "iss",
    "aud",
    "typ",
    "azp",
    "sub",
    "sid",
    "scope",
    "realm_access",
    "resource_access",
];

/// Lets the client's mappers add to a token.
pub(crate) fn apply(
    about: &About<'_>,
    claims: &mut Map<String, Value>,
    audience: &mut Vec<String>,
    token: Token,
) {
    for mapper in about
        .asked
        .client
        .mappers
        .iter()
        .filter(|mapper| mapper.protocol == crate::ID)
    {
        let config = |name: &str| {
            mapper
                .config
                .get(name)
                .map(String::as_str)
                .filter(|value| !value.is_empty())
        };
        let member = if token == Token::Access {
            "access.token.claim"
        } else {
            "id.token.claim"
        };
        if config(member) == Some("false")
            || (mapper.protocol_mapper == AUDIENCE && config(member) != Some("true"))
        {
            continue;
        }
        if mapper.protocol_mapper == AUDIENCE {
            let added = config("included.client.audience").or(config("included.custom.audience"));
            if let Some(added) = added.filter(|added| !audience.iter().any(|known| known == added))
            {
                audience.push(added.to_owned());
            }
            continue;
        }
        let value = match mapper.protocol_mapper.as_str() {
            HARDCODED_CLAIM => {
                config("claim.value").map(|value| typed(value, config("jsonType.label")))
            }
            USER_ATTRIBUTE => config("user.attribute").and_then(|name| {
                let values = about.user.attributes.get(name)?.as_array()?;
                if config("multivalued") == Some("true") {
                    return Some(json!(values));
                }
                values
                    .first()?
                    .as_str()
                    .map(|value| typed(value, config("jsonType.label")))
            }),
            USER_PROPERTY => config("user.attribute").and_then(|name| {
                let user = about.user;
                match name {
                    "username" => Some(user.username.clone()),
                    "email" => user.email.clone(),
                    "firstName" => user.first_name.clone(),
                    "lastName" => user.last_name.clone(),
                    "id" => Some(user.id.to_string()),
                    _ => None,
                }
                .map(|value| typed(&value, config("jsonType.label")))
            }),
            _ => None,
        };
        if let (Some(name), Some(value)) = (
            config("claim.name").filter(|name| !RESERVED.contains(name)),
            value,
        ) {
            claims.insert(name.to_owned(), value);
        }
    }
}

fn typed(value: &str, kind: Option<&str>) -> Value {
    match kind {
        Some("boolean") => json!(value == "true"),
        Some("int" | "long") => value
            .parse::<i64>()
            .map_or_else(|_| json!(value), |number| json!(number)),
        Some("JSON") => serde_json::from_str(value).unwrap_or_else(|_| json!(value)),
        _ => json!(value),
    }
}
