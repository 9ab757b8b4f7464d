-- Groups, which nest; their roles, their members, and those that every new user joins.

create table group_entity (
    realm_id    uuid not null references realm on delete cascade,
    id          uuid not null,
    -- null at the top
    parent_id   uuid,
    -- one order everywhere, whatever the language of the database
    name        text collate "C" not null,
    description text,
    attributes  jsonb not null default '{}',
    primary key (realm_id, id),
    constraint group_parent_fkey foreign key (realm_id, parent_id) references group_entity on delete cascade,
    -- serves the lists of children, too
    constraint group_name_key unique nulls not distinct (realm_id, parent_id, name)
);
create index group_search on group_entity (realm_id, lower(name collate "default") text_pattern_ops);
create index group_attributes on group_entity using gin (attributes jsonb_path_ops);

create table group_role (
    realm_id uuid not null,
    group_id uuid not null,
    role_id  uuid not null,
    primary key (realm_id, group_id, role_id),
    foreign key (realm_id, group_id) references group_entity on delete cascade,
    foreign key (realm_id, role_id) references role on delete cascade
);
create index group_role_role on group_role (realm_id, role_id);

create table user_group (
    realm_id uuid not null,
    user_id  uuid not null,
    group_id uuid not null,
    primary key (realm_id, user_id, group_id),
    foreign key (realm_id, user_id) references user_entity on delete cascade,
    foreign key (realm_id, group_id) references group_entity on delete cascade
);
create index user_group_group on user_group (realm_id, group_id, user_id);

create table default_group (
    realm_id uuid not null,
    group_id uuid not null,
    primary key (realm_id, group_id),
    foreign key (realm_id, group_id) references group_entity on delete cascade
);
