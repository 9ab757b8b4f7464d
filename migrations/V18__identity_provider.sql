-- Outside issuers that a realm trusts, and what of their tokens stands for which robot.

create table identity_provider (
    realm_id      uuid not null references realm on delete cascade,
    id            uuid not null,
    alias         text not null,
    provider_id   text not null,
    enabled       boolean not null,
    -- the other members of Keycloak's representation
    settings      jsonb not null,
    config        jsonb not null,
    -- sealed; config holds a mask in its place
    client_secret bytea,
    primary key (realm_id, id),
    constraint identity_provider_alias_key unique (realm_id, alias)
);
-- by a hash: an issuer may be longer than an index takes
create index identity_provider_issuer on identity_provider (realm_id, hashtextextended(config ->> 'issuer', 0));

create table identity_provider_mapper (
    realm_id        uuid not null,
    id              uuid not null,
    provider_id     uuid not null,
    name            text not null,
    kind            text not null,
    config          jsonb not null,
    -- the name of the robot that it lets tokens stand for
    service_account text not null,
    primary key (realm_id, id),
    constraint identity_provider_mapper_name_key unique (realm_id, provider_id, name),
    foreign key (realm_id, provider_id) references identity_provider on delete cascade
);
create index identity_provider_mapper_robot on identity_provider_mapper (realm_id, service_account);
