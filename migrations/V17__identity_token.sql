-- Identity tokens: what registries' client programs keep instead of a password. Each has an offline session of its own.

alter table offline_session
    -- the id of the identity token that is good; null for sessions of other protocols
    add column token          text,
    -- the one whose place it took, and until which second that is good, too
    add column previous_token text,
    add column previous_until bigint,
    -- the app password that it was got with, if any
    add column credential_id  uuid,
    add constraint offline_session_credential_fkey
        foreign key (realm_id, credential_id) references credential on delete cascade;
create index offline_session_credential on offline_session (realm_id, credential_id) where credential_id is not null;
create index offline_session_identity on offline_session (realm_id, user_id, client_id, last_refresh)
    where token is not null;

-- Triggers, not calls: no writer can forget them, and none can come in between.

-- Who is disabled has logged in for the last time: enabling again revives nothing.
create function end_identity_tokens_of_disabled() returns trigger language plpgsql as $$
begin
    delete from offline_session where realm_id = new.realm_id and user_id = new.id and token is not null;
    return null;
end $$;
create trigger user_disabled after update of enabled on user_entity
    for each row when (old.enabled and not new.enabled) execute function end_identity_tokens_of_disabled();

-- A password that goes, comes or becomes another ends what was got with one. Its hash alone becomes another also when it
-- is made anew for the same password; its date does not.
create function end_identity_tokens_of_password() returns trigger language plpgsql as $$
declare
    changed credential := case when tg_op = 'DELETE' then old else new end;
begin
    delete from offline_session o using realm r where o.realm_id = changed.realm_id and o.user_id = changed.user_id
        and o.token is not null and o.credential_id is null and r.id = changed.realm_id
        and coalesce(r.settings -> 'attributes' ->> 'dockerV2.passwordChangeEndsTokens', '') <> 'false';
    return null;
end $$;
create trigger password_added after insert on credential
    for each row when (new.type = 'password') execute function end_identity_tokens_of_password();
create trigger password_changed after update of created_date on credential
    for each row when (new.type = 'password' and new.created_date <> old.created_date)
    execute function end_identity_tokens_of_password();
create trigger password_deleted after delete on credential
    for each row when (old.type = 'password') execute function end_identity_tokens_of_password();
