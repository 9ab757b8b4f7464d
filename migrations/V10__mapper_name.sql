-- Names of protocol mappers are unique for each protocol of their owner, as in Keycloak; and clients are found by a part
-- of their clientId.

alter table protocol_mapper
    drop constraint protocol_mapper_name_key,
    drop constraint protocol_mapper_scope_name_key,
    add constraint protocol_mapper_name_key unique (realm_id, client_id, protocol, name),
    add constraint protocol_mapper_scope_name_key unique (realm_id, client_scope_id, protocol, name);

create index client_search on client using gin (lower(client_id) gin_trgm_ops);
