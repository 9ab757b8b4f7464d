-- What administrators did, kept where a realm wants it (adminEventsEnabled).

create table admin_event (
    realm_id       uuid not null references realm on delete cascade,
    id             uuid not null,
    time           bigint not null,
    operation_type text not null,
    resource_type  text not null,
    -- below the realm, without a slash in front; null for the realm itself
    resource_path  text,
    -- JSON without secrets; null where the realm does not want it (adminEventsDetailsEnabled)
    representation text,
    -- who it was, as the realm of the caller knew it then; nothing of it has to exist any more
    auth_realm_id  text not null,
    auth_client_id text not null,
    auth_user_id   text not null,
    ip_address     text not null,
    primary key (realm_id, id)
);
create index admin_event_time on admin_event (realm_id, time desc, id desc);
create index admin_event_user on admin_event (realm_id, auth_user_id, time desc);
create index admin_event_path on admin_event (realm_id, resource_path text_pattern_ops);

create index event_user on event (realm_id, user_id, time desc);
