//! The protocol mappers of registries.

use client::{ClientRepresentation, ProtocolMapperRepresentation};
use protocol::{BuiltinMapper, MapperProperty, MapperType};

use crate::ID;

/// Grants whatever is asked, as in Keycloak.
pub(crate) const ALLOW_ALL: &str = "docker-v2-allow-all-mapper";

/// Grants some actions on some resources to some; see [`crate::rule`].
pub(crate) const ACCESS_RULE: &str = "docker-v2-access-rule-mapper";

pub(crate) const TYPES: &[MapperType] = &[
    MapperType {
        id: ALLOW_ALL,
        name: "Allow All",
        category: "Docker Auth Mapper",
        help: "Allows all grants, returning the full set of requested access attributes as permitted attributes.",
        priority: 0,
        properties: &[],
    },
    MapperType {
        id: ACCESS_RULE,
        name: "Access Rule",
        category: "Docker Auth Mapper",
        help: "Grants some actions on some repositories to some. What no rule grants is left out of the token.",
        priority: 0,
        properties: &[
            values(
                "subject",
                "Subjects",
                "user:NAME, group:/path (with its sub-groups), realm-role:ROLE, client-role:CLIENT.ROLE, authenticated, or \
                 anonymous (everybody, signed in or not).",
            )
            .required(),
            values(
                "repository",
                "Repositories",
                "Names. * stands for any text within a part, ** for any number of parts; ${username}, ${group.name}, \
                 ${group.path} and ${email.domain} are the user's.",
            )
            .required(),
            values(
                "type",
                "Resource types",
                "repository, registry (its name is catalog), or any other resource class.",
            )
            .or("repository"),
            values("actions", "Actions", "pull, push, delete, or * for all.").required(),
        ],
    },
];

/// Several texts, with `##` between them in the config.
const fn values(name: &'static str, label: &'static str, help: &'static str) -> MapperProperty {
    MapperProperty {
        name,
        label,
        help,
        kind: "MultivaluedString",
        default: None,
        options: &[],
        required: false,
    }
}

pub(crate) const BUILTIN: &[BuiltinMapper] = &[BuiltinMapper {
    name: ALLOW_ALL,
    mapper_type: ALLOW_ALL,
    config: &[],
    default: true,
}];

/// A new registry grants everything until somebody says otherwise; an empty list of mappers says so.
pub(crate) fn complete(client: &mut ClientRepresentation) {
    if client.protocol_mappers.is_none() {
        let defaults = BUILTIN
            .iter()
            .filter(|mapper| mapper.default)
            .map(|mapper| ProtocolMapperRepresentation {
                name: Some(mapper.name.to_owned()),
                protocol: Some(ID.to_owned()),
                protocol_mapper: Some(mapper.mapper_type.to_owned()),
                consent_required: Some(false),
                config: Some(
                    mapper
                        .config
                        .iter()
                        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
                        .collect(),
                ),
                ..ProtocolMapperRepresentation::default()
            });
        client.protocol_mappers = Some(defaults.collect());
    }
}
