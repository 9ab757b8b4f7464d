-- Client scopes: what tokens of several clients have in common; who has them, and the roles that they let through.

create table client_scope (
    realm_id    uuid not null references realm on delete cascade,
    id          uuid not null,
    name        text not null,
    description text,
    protocol    text not null,
    attributes  jsonb not null default '{}',
    primary key (realm_id, id),
    constraint client_scope_name_key unique (realm_id, name)
);

-- What a new client of the realm gets: always (is_default), or when it asks.
create table default_client_scope (
    realm_id   uuid not null,
    scope_id   uuid not null,
    is_default boolean not null,
    position   bigint generated always as identity,
    primary key (realm_id, scope_id),
    foreign key (realm_id, scope_id) references client_scope on delete cascade
);

-- What a client has.
create table client_scope_client (
    realm_id   uuid not null,
    client_id  uuid not null,
    scope_id   uuid not null,
    is_default boolean not null,
    position   bigint generated always as identity,
    primary key (realm_id, client_id, scope_id),
    foreign key (realm_id, client_id) references client on delete cascade,
    foreign key (realm_id, scope_id) references client_scope on delete cascade
);
create index client_scope_client_scope on client_scope_client (realm_id, scope_id);

-- The roles that a client or a client scope lets into tokens.
create table scope_mapping (
    realm_id        uuid not null,
    client_id       uuid,
    client_scope_id uuid,
    role_id         uuid not null,
    constraint scope_mapping_owner check (num_nonnulls(client_id, client_scope_id) = 1),
    constraint scope_mapping_key unique nulls not distinct (realm_id, client_id, client_scope_id, role_id),
    foreign key (realm_id, client_id) references client on delete cascade,
    foreign key (realm_id, client_scope_id) references client_scope on delete cascade,
    foreign key (realm_id, role_id) references role on delete cascade
);
create index scope_mapping_client_scope on scope_mapping (realm_id, client_scope_id);
create index scope_mapping_role on scope_mapping (realm_id, role_id);

alter table protocol_mapper
    alter column client_id drop not null,
    add column client_scope_id uuid,
    add constraint protocol_mapper_owner check (num_nonnulls(client_id, client_scope_id) = 1),
    add foreign key (realm_id, client_scope_id) references client_scope on delete cascade,
    add constraint protocol_mapper_scope_name_key unique (realm_id, client_scope_id, name);

-- Once a statement, not once a row: a realm is made with a hundred of them.
create function tell_realms_changed() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        perform pg_notify('realm_changed', realm_id::text) from (select distinct realm_id from old_rows) r;
    else
        perform pg_notify('realm_changed', realm_id::text) from (select distinct realm_id from new_rows) r;
    end if;
    return null;
end $$;

drop trigger realm_changed on protocol_mapper;

do $$
declare name text;
begin
    -- role and role_composite too: what a scope mapping lets through is kept in memory, composites and all.
    foreach name in array array['client_scope', 'default_client_scope', 'client_scope_client', 'scope_mapping',
                                'protocol_mapper', 'role_composite'] loop
        execute format('create trigger realm_changed_insert after insert on %I referencing new table as new_rows '
                       'for each statement execute function tell_realms_changed()', name);
        execute format('create trigger realm_changed_update after update on %I referencing new table as new_rows '
                       'for each statement execute function tell_realms_changed()', name);
        execute format('create trigger realm_changed_delete after delete on %I referencing old table as old_rows '
                       'for each statement execute function tell_realms_changed()', name);
    end loop;
end $$;
create trigger realm_changed_update after update on role referencing new table as new_rows
    for each statement execute function tell_realms_changed();

-- Realms that are there already get the built-in scopes, as new ones do.
with built_in as (
    select * from jsonb_to_recordset($scopes$[
{"name": "profile", "description": "OpenID Connect built-in scope: profile", "protocol": "openid-connect", "attributes": {"consent.screen.text": "${profileScopeConsentText}", "display.on.consent.screen": "true", "include.in.token.scope": "true"}, "protocolMappers": [{"name": "birthdate", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "birthdate", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "birthdate", "userinfo.token.claim": "true"}}, {"name": "family name", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "family_name", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "lastName", "userinfo.token.claim": "true"}}, {"name": "full name", "protocol": "openid-connect", "protocolMapper": "oidc-full-name-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "id.token.claim": "true", "introspection.token.claim": "true", "userinfo.token.claim": "true"}}, {"name": "gender", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "gender", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "gender", "userinfo.token.claim": "true"}}, {"name": "given name", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "given_name", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "firstName", "userinfo.token.claim": "true"}}, {"name": "locale", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "locale", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "locale", "userinfo.token.claim": "true"}}, {"name": "middle name", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "middle_name", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "middleName", "userinfo.token.claim": "true"}}, {"name": "nickname", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "nickname", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "nickname", "userinfo.token.claim": "true"}}, {"name": "picture", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "picture", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "picture", "userinfo.token.claim": "true"}}, {"name": "profile", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "profile", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "profile", "userinfo.token.claim": "true"}}, {"name": "updated at", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "updated_at", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "long", "user.attribute": "updatedAt", "userinfo.token.claim": "true"}}, {"name": "username", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "preferred_username", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "username", "userinfo.token.claim": "true"}}, {"name": "website", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "website", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "website", "userinfo.token.claim": "true"}}, {"name": "zoneinfo", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "zoneinfo", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "zoneinfo", "userinfo.token.claim": "true"}}]},
{"name": "email", "description": "OpenID Connect built-in scope: email", "protocol": "openid-connect", "attributes": {"consent.screen.text": "${emailScopeConsentText}", "display.on.consent.screen": "true", "include.in.token.scope": "true"}, "protocolMappers": [{"name": "email", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "email", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "email", "userinfo.token.claim": "true"}}, {"name": "email verified", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-property-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "email_verified", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "boolean", "user.attribute": "emailVerified", "userinfo.token.claim": "true"}}]},
{"name": "address", "description": "OpenID Connect built-in scope: address", "protocol": "openid-connect", "attributes": {"consent.screen.text": "${addressScopeConsentText}", "display.on.consent.screen": "true", "include.in.token.scope": "true"}, "protocolMappers": [{"name": "address", "protocol": "openid-connect", "protocolMapper": "oidc-address-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "id.token.claim": "true", "introspection.token.claim": "true", "user.attribute.country": "country", "user.attribute.formatted": "formatted", "user.attribute.locality": "locality", "user.attribute.postal_code": "postal_code", "user.attribute.region": "region", "user.attribute.street": "street", "userinfo.token.claim": "true"}}]},
{"name": "phone", "description": "OpenID Connect built-in scope: phone", "protocol": "openid-connect", "attributes": {"consent.screen.text": "${phoneScopeConsentText}", "display.on.consent.screen": "true", "include.in.token.scope": "true"}, "protocolMappers": [{"name": "phone number", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "phone_number", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "phoneNumber", "userinfo.token.claim": "true"}}, {"name": "phone number verified", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "phone_number_verified", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "boolean", "user.attribute": "phoneNumberVerified", "userinfo.token.claim": "true"}}]},
{"name": "offline_access", "description": "OpenID Connect built-in scope: offline_access", "protocol": "openid-connect", "attributes": {"consent.screen.text": "${offlineAccessScopeConsentText}", "display.on.consent.screen": "true"}},
{"name": "roles", "description": "OpenID Connect scope for add user roles to the access token", "protocol": "openid-connect", "attributes": {"consent.screen.text": "${rolesScopeConsentText}", "display.on.consent.screen": "true", "include.in.token.scope": "false"}, "protocolMappers": [{"name": "audience resolve", "protocol": "openid-connect", "protocolMapper": "oidc-audience-resolve-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "introspection.token.claim": "true"}}, {"name": "client roles", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-client-role-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "resource_access.${client_id}.roles", "introspection.token.claim": "true", "jsonType.label": "String", "multivalued": "true", "user.attribute": "foo"}}, {"name": "realm roles", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-realm-role-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "realm_access.roles", "introspection.token.claim": "true", "jsonType.label": "String", "multivalued": "true", "user.attribute": "foo"}}]},
{"name": "web-origins", "description": "OpenID Connect scope for add allowed web origins to the access token", "protocol": "openid-connect", "attributes": {"consent.screen.text": "", "display.on.consent.screen": "false", "include.in.token.scope": "false"}, "protocolMappers": [{"name": "allowed web origins", "protocol": "openid-connect", "protocolMapper": "oidc-allowed-origins-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "introspection.token.claim": "true"}}]},
{"name": "microprofile-jwt", "description": "Microprofile - JWT built-in scope", "protocol": "openid-connect", "attributes": {"display.on.consent.screen": "false", "include.in.token.scope": "true"}, "protocolMappers": [{"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-realm-role-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "groups", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "multivalued": "true", "user.attribute": "foo", "userinfo.token.claim": "true"}}, {"name": "upn", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "upn", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.attribute": "username", "userinfo.token.claim": "true"}}]},
{"name": "acr", "description": "OpenID Connect scope for add acr (authentication context class reference) to the token", "protocol": "openid-connect", "attributes": {"display.on.consent.screen": "false", "include.in.token.scope": "false"}, "protocolMappers": [{"name": "acr loa level", "protocol": "openid-connect", "protocolMapper": "oidc-acr-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "id.token.claim": "true", "introspection.token.claim": "true", "userinfo.token.claim": "true"}}]},
{"name": "basic", "description": "OpenID Connect scope for add all basic claims to the token", "protocol": "openid-connect", "attributes": {"display.on.consent.screen": "false", "include.in.token.scope": "false"}, "protocolMappers": [{"name": "auth_time", "protocol": "openid-connect", "protocolMapper": "oidc-usersessionmodel-note-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "auth_time", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "long", "user.session.note": "AUTH_TIME", "userinfo.token.claim": "true"}}, {"name": "sub", "protocol": "openid-connect", "protocolMapper": "oidc-sub-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "introspection.token.claim": "true"}}]},
{"name": "organization", "description": "Additional claims about the organization a subject belongs to", "protocol": "openid-connect", "attributes": {"consent.screen.text": "${organizationScopeConsentText}", "display.on.consent.screen": "true", "include.in.token.scope": "true"}, "protocolMappers": [{"name": "organization", "protocol": "openid-connect", "protocolMapper": "oidc-organization-membership-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "organization", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "multivalued": "true"}}]},
{"name": "service_account", "description": "Specific scope for a client enabled for service accounts", "protocol": "openid-connect", "attributes": {"display.on.consent.screen": "false", "include.in.token.scope": "false"}, "protocolMappers": [{"name": "Client Host", "protocol": "openid-connect", "protocolMapper": "oidc-usersessionmodel-note-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "clientHost", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.session.note": "clientHost"}}, {"name": "Client ID", "protocol": "openid-connect", "protocolMapper": "oidc-usersessionmodel-note-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "client_id", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.session.note": "client_id"}}, {"name": "Client IP Address", "protocol": "openid-connect", "protocolMapper": "oidc-usersessionmodel-note-mapper", "consentRequired": false, "config": {"access.token.claim": "true", "claim.name": "clientAddress", "id.token.claim": "true", "introspection.token.claim": "true", "jsonType.label": "String", "user.session.note": "clientAddress"}}]}
]$scopes$) as s (name text, description text, protocol text, attributes jsonb, "protocolMappers" jsonb)
), scope as (
    insert into client_scope (realm_id, id, name, description, protocol, attributes)
    select realm.id, gen_random_uuid(), b.name, b.description, b.protocol, b.attributes
    from realm cross join built_in b
    returning realm_id, id, name
)
insert into protocol_mapper (realm_id, client_scope_id, id, name, protocol, protocol_mapper, config)
select scope.realm_id, scope.id, gen_random_uuid(), m.name, m.protocol, m."protocolMapper", m.config
from scope join built_in b on b.name = scope.name
cross join jsonb_to_recordset(b."protocolMappers")
    as m (name text, protocol text, "protocolMapper" text, config jsonb);

insert into default_client_scope (realm_id, scope_id, is_default)
select s.realm_id, s.id, d.is_default
from unnest(array['web-origins', 'acr', 'roles', 'profile', 'basic', 'email',
                  'address', 'phone', 'offline_access', 'organization', 'microprofile-jwt'])
    with ordinality n (name, ordinality)
join client_scope s on s.name = n.name
cross join lateral (select n.ordinality <= 6) d (is_default)
order by s.realm_id, n.ordinality;

-- Their clients have them by name so far.
insert into client_scope_client (realm_id, client_id, scope_id, is_default)
select c.realm_id, c.id, s.id, n.is_default
from client c
cross join lateral (
    select name, true, ordinality
    from jsonb_array_elements_text(c.settings->'defaultClientScopes') with ordinality a (name, ordinality)
    union all
    select name, false, 1000 + ordinality
    from jsonb_array_elements_text(c.settings->'optionalClientScopes') with ordinality a (name, ordinality)
) n (name, is_default, ordinality)
join client_scope s on s.realm_id = c.realm_id and s.name = n.name
order by c.realm_id, c.id, n.ordinality
on conflict do nothing;

update client set settings = settings - 'defaultClientScopes' - 'optionalClientScopes';

insert into scope_mapping (realm_id, client_scope_id, role_id)
select s.realm_id, s.id, r.id
from client_scope s join role r on r.realm_id = s.realm_id and r.client_id is null and r.name = s.name
where s.name = 'offline_access';

insert into scope_mapping (realm_id, client_id, role_id)
select c.realm_id, c.id, r.id
from client c
join client a on a.realm_id = c.realm_id and a.client_id = 'account'
join role r on r.realm_id = a.realm_id and r.client_id = a.id and r.name in ('manage-account', 'view-groups')
where c.client_id = 'account-console';
