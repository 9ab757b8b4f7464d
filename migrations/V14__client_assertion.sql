-- How clients prove who they are with assertions (RFC 7523), and what a session tells them.

-- An assertion that a client has signed in with, by the SHA-256 of its jti: each works once.
create table used_client_assertion (
    realm_id  uuid not null,
    client_id uuid not null,
    id        bytea not null,
    expires   bigint not null,
    primary key (realm_id, client_id, id),
    foreign key (realm_id, client_id) references client on delete cascade
);
create index used_client_assertion_expires on used_client_assertion (expires);

-- whether the client last got in by a sign-in that was there already, so that nobody proved anything to it
alter table client_session
    add column sso boolean not null default false,
    -- the claims parameter of the authorization request, where a mapper reads it
    add column claims text;
