-- Every change of what nodes keep in memory is told to all of them; the payload is the realm's id.
-- A trigger, not a call: no writer can forget it, and nothing is told before the commit.

create function tell_realm_changed() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'realm' then
        perform pg_notify('realm_changed', (case when tg_op = 'DELETE' then old.id else new.id end)::text);
    else
        perform pg_notify('realm_changed', (case when tg_op = 'DELETE' then old.realm_id else new.realm_id end)::text);
    end if;
    return null;
end $$;

create trigger realm_changed after insert or update or delete on realm
    for each row execute function tell_realm_changed();
create trigger realm_changed after insert or update or delete on realm_ca
    for each row execute function tell_realm_changed();
create trigger realm_changed after insert or update or delete on component
    for each row execute function tell_realm_changed();
create trigger realm_changed after insert or update or delete on realm_key
    for each row execute function tell_realm_changed();
create trigger realm_changed after insert or update or delete on client
    for each row execute function tell_realm_changed();
create trigger realm_changed after insert or update or delete on protocol_mapper
    for each row execute function tell_realm_changed();
