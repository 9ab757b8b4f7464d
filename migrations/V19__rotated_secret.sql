-- The secret that a client had before its present one, sealed as that is. When it ends stands in the client's attributes.

alter table client add column rotated_secret bytea;
