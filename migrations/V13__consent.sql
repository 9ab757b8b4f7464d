-- What users have granted to clients, requests that clients have pushed, and devices that wait for somebody to sign in.

create table user_consent (
    realm_id      uuid not null,
    user_id       uuid not null,
    client_id     uuid not null,
    -- whether the client itself stood on the page, too
    client_itself boolean not null default false,
    -- milliseconds
    created       bigint not null,
    last_updated  bigint not null,
    primary key (realm_id, user_id, client_id),
    foreign key (realm_id, user_id) references user_entity on delete cascade,
    foreign key (realm_id, client_id) references client on delete cascade
);
create index user_consent_client on user_consent (realm_id, client_id);

create table user_consent_scope (
    realm_id  uuid not null,
    user_id   uuid not null,
    client_id uuid not null,
    scope_id  uuid not null,
    primary key (realm_id, user_id, client_id, scope_id),
    foreign key (realm_id, user_id, client_id) references user_consent on delete cascade,
    foreign key (realm_id, scope_id) references client_scope on delete cascade
);
create index user_consent_scope_scope on user_consent_scope (realm_id, scope_id);

-- RFC 9126, by the SHA-256 of the request URI. Unlogged as what else lives for a minute.
create unlogged table pushed_authorization_request (
    realm_id   uuid not null,
    id         bytea not null,
    client_id  uuid not null,
    parameters jsonb not null,
    -- seconds
    expires    bigint not null,
    primary key (realm_id, id),
    foreign key (realm_id, client_id) references client on delete cascade
);
create index pushed_authorization_request_client on pushed_authorization_request (realm_id, client_id);
create index pushed_authorization_request_expires on pushed_authorization_request (expires);

-- RFC 8628, by the SHA-256 of the device code. The user code is what people read off a screen: too short for a digest
-- to hide it, and of no use but to grant something to that very device.
create unlogged table device_code (
    realm_id   uuid not null,
    id         bytea not null,
    user_code  text not null,
    client_id  uuid not null,
    -- what was asked for, as the protocol writes it
    request    jsonb not null,
    -- seconds between two polls
    "interval" integer not null,
    -- milliseconds
    last_poll  bigint not null default 0,
    -- null: nobody has decided yet
    granted    boolean,
    user_id    uuid,
    session_id text,
    -- seconds
    expires    bigint not null,
    primary key (realm_id, id),
    constraint device_code_user_code_key unique (realm_id, user_code),
    foreign key (realm_id, client_id) references client on delete cascade,
    foreign key (realm_id, user_id) references user_entity on delete cascade
);
create index device_code_client on device_code (realm_id, client_id);
create index device_code_user on device_code (realm_id, user_id) where user_id is not null;
create index device_code_expires on device_code (expires);
