-- Clients (relying parties and registries) and their protocol mappers.

create table client (
    realm_id       uuid not null references realm on delete cascade,
    id             uuid not null,
    client_id      text not null,
    enabled        boolean not null,
    protocol       text not null,
    secret         bytea,
    -- ClientRepresentation without the members above and without its mappers
    settings       jsonb not null,
    primary key (realm_id, id),
    constraint client_client_id_key unique (realm_id, client_id)
);

create table protocol_mapper (
    realm_id         uuid not null,
    id               uuid not null,
    client_id        uuid not null,
    name             text not null,
    protocol         text not null,
    protocol_mapper  text not null,
    consent_required boolean not null default false,
    config           jsonb not null default '{}',
    primary key (realm_id, id),
    foreign key (realm_id, client_id) references client on delete cascade,
    constraint protocol_mapper_name_key unique (realm_id, client_id, name)
);
create index protocol_mapper_client on protocol_mapper (realm_id, client_id);

alter table role add foreign key (realm_id, client_id) references client on delete cascade;
alter table user_entity add foreign key (realm_id, service_account_client) references client on delete cascade;

create table client_session (
    realm_id   uuid not null,
    session_id text not null,
    client_id  uuid not null,
    started    bigint not null,
    primary key (realm_id, session_id, client_id),
    foreign key (realm_id, session_id) references user_session on delete cascade,
    foreign key (realm_id, client_id) references client on delete cascade
);
create index client_session_client on client_session (realm_id, client_id);
