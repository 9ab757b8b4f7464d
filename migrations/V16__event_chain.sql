-- Login events in one chain a realm: each carries a keyed hash over itself and over the hash before it.

-- null: from before the chain began
alter table event add column seq bigint, add column hash bytea;
create unique index event_seq on event (realm_id, seq);
create index event_unchained on event (realm_id, time) where seq is null;

create table event_chain (
    realm_id   uuid primary key references realm on delete cascade,
    -- sealed; null until the first event
    key        bytea,
    -- events from before the chain began that are still kept
    unchained  bigint not null default 0,
    -- the newest event that was cleared or has expired: what is kept follows it
    first_seq  bigint not null default 0,
    first_hash bytea not null default '',
    last_seq   bigint not null default 0,
    last_hash  bytea not null default '',
    -- over all of this; empty since it was found wrong
    mac        bytea not null default ''
);
insert into event_chain (realm_id, unchained) select realm_id, count(*) from event group by realm_id;
