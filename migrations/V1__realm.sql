-- Realms, what signs for them, their roles and their events.
-- Every table carries realm_id first in its key; no foreign key crosses realms; deleting a realm cascades.

-- Data keys, each wrapped by a master key from the settings. The newest seals, all open.
create table data_key (
    id         integer primary key,
    master_id  text not null,
    wrapped    bytea not null,
    created_at timestamptz not null default now()
);

create table realm (
    id            uuid primary key,
    -- what clients see as `id`: any text they gave (Terraform gives the name), else the uuid
    public_id     text not null constraint realm_public_id_key unique,
    name          text not null constraint realm_name_key unique,
    enabled       boolean not null,
    not_before    bigint not null default 0,
    default_role  uuid not null,
    -- RealmRepresentation without the members above and without what lives in other tables
    settings      jsonb not null,
    smtp_password bytea,
    created_at    timestamptz not null default now()
);

create table realm_ca (
    realm_id    uuid primary key references realm on delete cascade,
    certificate bytea not null,
    private_key bytea not null
);

create table component (
    realm_id      uuid not null references realm on delete cascade,
    id            uuid not null,
    parent_id     text not null,
    name          text not null,
    provider_id   text not null,
    provider_type text not null,
    sub_type      text,
    config        jsonb not null default '{}',
    primary key (realm_id, id)
);

-- One key a key provider. public_key is the DER SubjectPublicKeyInfo; private_key is sealed.
create table realm_key (
    realm_id     uuid not null,
    component_id uuid not null,
    kid          text not null,
    algorithm    text not null,
    key_use      text not null,
    key_type     text not null,
    public_key   bytea,
    certificate  bytea,
    -- whether the key came from outside; its certificate may then not be of the realm's CA
    imported boolean not null default false,
    private_key  bytea not null,
    valid_to     bigint,
    primary key (realm_id, component_id),
    foreign key (realm_id, component_id) references component on delete cascade
);

create table role (
    realm_id    uuid not null references realm on delete cascade,
    id          uuid not null,
    client_id   uuid,
    name        text not null,
    description text,
    attributes  jsonb not null default '{}',
    primary key (realm_id, id),
    constraint role_name_key unique nulls not distinct (realm_id, client_id, name)
);

create table role_composite (
    realm_id  uuid not null,
    parent_id uuid not null,
    child_id  uuid not null,
    primary key (realm_id, parent_id, child_id),
    foreign key (realm_id, parent_id) references role on delete cascade,
    foreign key (realm_id, child_id) references role on delete cascade
);
create index role_composite_child on role_composite (realm_id, child_id);

create table event (
    realm_id   uuid not null references realm on delete cascade,
    id         uuid not null,
    time       bigint not null,
    type       text not null,
    client_id  text,
    user_id    text,
    session_id text,
    ip_address text,
    error      text,
    details    jsonb not null default '{}',
    primary key (realm_id, id)
);
create index event_time on event (realm_id, time desc);
