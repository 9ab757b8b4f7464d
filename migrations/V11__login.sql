-- Logins in progress, and the codes that they end with.
-- Unlogged: they live for minutes, and a crash of the database only asks people to sign in once more.

-- One row a browser tab. root_id is the SHA-256 of the cookie AUTH_SESSION_ID that all tabs of a browser share.
create unlogged table auth_session (
    realm_id     uuid not null references realm on delete cascade,
    root_id      text not null,
    tab_id       text not null,
    -- which step a form belongs to; a form with an older one is not taken
    session_code text not null,
    client_id    uuid not null,
    -- the authorization request, as the protocol that began the login writes it
    request      jsonb not null,
    -- whoever gave the right password
    user_id      uuid,
    notes        jsonb not null default '{}',
    expires      bigint not null,
    primary key (realm_id, root_id, tab_id),
    foreign key (realm_id, user_id) references user_entity on delete cascade
);
create index auth_session_expires on auth_session (expires);
create index auth_session_user on auth_session (realm_id, user_id) where user_id is not null;

-- An authorization code, by its SHA-256. A used one stays until it would have expired, so that a second use is known.
create unlogged table authorization_code (
    realm_id   uuid not null references realm on delete cascade,
    id         bytea not null,
    client_id  uuid not null,
    session_id text not null,
    request    jsonb not null,
    used       boolean not null default false,
    expires    bigint not null,
    primary key (realm_id, id)
);
create index authorization_code_expires on authorization_code (expires);
