-- What finds users among many, and the links of e-mails that were used.

-- Finds a text anywhere in a field. It comes with Postgres itself ("contrib"), and the owner of a database may add it.
do $$ begin
    create extension if not exists pg_trgm;
exception when insufficient_privilege or feature_not_supported or undefined_file then
    raise exception 'the extension pg_trgm is missing (%): where Postgres runs, install its contrib package; then run "create extension pg_trgm" in this database as its owner or a superuser, and start again', sqlerrm;
end $$;

-- One order everywhere, whatever the language of the database: the unique index is then also that of sorted pages, and
-- of prefixes.
alter table user_entity alter column username type text collate "C";

-- The four fields that a search goes through, a line each: one text is cheaper to write, and to ask, than four. What is
-- written waits in a list until that has a megabyte, which makes a new user several times cheaper still.
alter table user_entity add column searched text collate "C" generated always as
    (chr(10) || username || chr(10) || coalesce(email, '') || chr(10) || lower(coalesce(first_name, '')) || chr(10)
    || lower(coalesce(last_name, '')) || chr(10)) stored;
create index user_search on user_entity using gin (searched gin_trgm_ops) with (gin_pending_list_limit = 1024);
-- Keycloak finds an attribute by its name and its value in any case. Numbers, since a value may be longer than an index
-- takes; what is found by them is compared once more.
create function user_attribute_keys(attributes jsonb) returns bigint[] language sql immutable parallel safe as $$
    select array_agg(hashtextextended(name || chr(1) || lower(value), 0))
    from jsonb_each(attributes) as member (name, held),
        jsonb_array_elements_text(case jsonb_typeof(held) when 'array' then held else '[]' end) as value
$$;
create index user_attributes on user_entity using gin (user_attribute_keys(attributes))
    with (gin_pending_list_limit = 1024) where attributes <> '{}';

-- The realm comes last: an index that begins with it would serve a plan that was made while the table was small, and
-- such a plan walks through all of a realm for each name.
create index user_flags on user_entity (enabled, email_verified, realm_id);
create index user_created on user_entity (created_timestamp, realm_id);

-- An action token acts once; its id is kept until it would have expired (seconds).
create table used_action_token (
    realm_id uuid not null references realm on delete cascade,
    id       uuid not null,
    expires  bigint not null,
    primary key (realm_id, id)
);
create index used_action_token_expires on used_action_token (expires);
