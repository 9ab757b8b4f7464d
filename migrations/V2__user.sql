-- Users, their credentials, roles and sessions, and the failures that brute-force protection counts.

create table user_entity (
    realm_id               uuid not null references realm on delete cascade,
    id                     uuid not null,
    username               text not null,
    email                  text,
    -- the e-mail while it has to be unique; null in realms with duplicateEmailsAllowed
    email_unique           text,
    email_verified         boolean not null default false,
    first_name             text,
    last_name              text,
    enabled                boolean not null default false,
    created_timestamp      bigint not null,
    not_before             bigint not null default 0,
    service_account_client uuid,
    attributes             jsonb not null default '{}',
    required_actions       text[] not null default '{}',
    primary key (realm_id, id),
    constraint user_username_key unique (realm_id, username),
    constraint user_email_key unique (realm_id, email_unique)
);
create unique index user_service_account_key on user_entity (realm_id, service_account_client)
    where service_account_client is not null;

create table credential (
    realm_id        uuid not null,
    id              uuid not null,
    user_id         uuid not null,
    type            text not null,
    user_label      text,
    created_date    bigint not null,
    priority        integer not null,
    credential_data text not null,
    -- a password's hash as Keycloak writes it; for every other type the secret, sealed
    secret_data     bytea not null,
    primary key (realm_id, id),
    foreign key (realm_id, user_id) references user_entity on delete cascade
);
create index credential_user on credential (realm_id, user_id, priority);

create table user_role (
    realm_id uuid not null,
    user_id  uuid not null,
    role_id  uuid not null,
    primary key (realm_id, user_id, role_id),
    foreign key (realm_id, user_id) references user_entity on delete cascade,
    foreign key (realm_id, role_id) references role on delete cascade
);
create index user_role_role on user_role (realm_id, role_id);

create table user_session (
    realm_id     uuid not null,
    id           text not null,
    user_id      uuid not null,
    ip_address   text not null,
    started      bigint not null,
    last_refresh bigint not null,
    remember_me  boolean not null default false,
    primary key (realm_id, id),
    foreign key (realm_id, user_id) references user_entity on delete cascade
);
create index user_session_user on user_session (realm_id, user_id);
create index user_session_last_refresh on user_session (last_refresh);

create table login_failure (
    realm_id                uuid not null,
    user_id                 uuid not null,
    num_failures            integer not null default 0,
    num_temporary_lockouts  integer not null default 0,
    failed_login_not_before bigint not null default 0,
    last_failure            bigint not null default 0,
    last_ip_failure         text not null,
    primary key (realm_id, user_id),
    foreign key (realm_id, user_id) references user_entity on delete cascade
);
