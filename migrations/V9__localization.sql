-- Texts of a realm's own, by locale: they stand before those that pages come with.

create table localization_text (
    realm_id uuid not null references realm on delete cascade,
    locale   text not null,
    key      text not null,
    value    text not null,
    primary key (realm_id, locale, key)
);
