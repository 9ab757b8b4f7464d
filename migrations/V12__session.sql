-- What sessions remember, sessions that outlive the browser's, and tokens that are used up or taken back.

alter table user_session
    -- when the user last signed in by a browser, in seconds; null for a password grant
    add column auth_time bigint,
    -- what mappers tell of the sign-in, such as amr
    add column notes jsonb not null default '{}',
    -- begun by a client that asked for offline access alone: it ends when the offline session begins
    add column until_offline boolean not null default false;
drop index user_session_last_refresh;
create index user_session_last_refresh on user_session (realm_id, last_refresh);

-- null until the first refresh
alter table client_session add column last_refresh bigint;

-- One client's share of a session that goes on when the user's other sessions end (scope offline_access).
create table offline_session (
    realm_id       uuid not null,
    session_id     text not null,
    client_id      uuid not null,
    user_id        uuid not null,
    ip_address     text not null,
    started        bigint not null,
    -- when the client last asked for it
    client_started bigint not null,
    last_refresh   bigint not null,
    auth_time      bigint,
    remember_me    boolean not null,
    notes          jsonb not null,
    -- whether the client got in by a sign-in that was there already, and the claims parameter of its request
    sso            boolean not null,
    claims         text,
    primary key (realm_id, session_id, client_id),
    foreign key (realm_id, user_id) references user_entity on delete cascade,
    foreign key (realm_id, client_id) references client on delete cascade
);
create index offline_session_user on offline_session (realm_id, user_id);
create index offline_session_client on offline_session (realm_id, client_id);
create index offline_session_last_refresh on offline_session (realm_id, last_refresh);

-- In realms with revokeRefreshToken: which token of a chain of refresh tokens was used last, and how often.
-- A chain begins with each sign-in, so that two tabs do not use up each other's tokens.
create table refresh_chain (
    realm_id   uuid not null,
    session_id text not null,
    client_id  uuid not null,
    id         text not null,
    generation bigint not null,
    token      text not null,
    uses       bigint not null,
    primary key (realm_id, session_id, client_id, id),
    foreign key (realm_id, session_id, client_id) references client_session on delete cascade
);
create table offline_refresh_chain (
    realm_id   uuid not null,
    session_id text not null,
    client_id  uuid not null,
    id         text not null,
    generation bigint not null,
    token      text not null,
    uses       bigint not null,
    primary key (realm_id, session_id, client_id, id),
    foreign key (realm_id, session_id, client_id) references offline_session on delete cascade
);

-- Access tokens that were taken back before their time, by jti.
create table revoked_token (
    realm_id uuid not null references realm on delete cascade,
    id       text not null,
    expires  bigint not null,
    primary key (realm_id, id)
);
create index revoked_token_expires on revoked_token (expires);
