//! The protocol mappers of registries.

use client::{ClientRepresentation, ProtocolMapperRepresentation};
use protocol::{BuiltinMapper, MapperType};

use crate::ID;

/// Grants whatever is asked, as in Keycloak.
pub(crate) const ALLOW_ALL: &str = "docker-v2-allow-all-mapper";

pub(crate) const TYPES: &[MapperType] = &[MapperType {
    id: ALLOW_ALL,
    name: "Allow All",
    category: "Docker Auth Mapper",
    help: "Allows all grants, returning the full set of requested access attributes as permitted attributes.",
    priority: 0,
    properties: &[],
}];

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
