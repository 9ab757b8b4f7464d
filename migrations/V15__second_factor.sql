-- The time step of the last one-time code that was taken from a device: codes up to it are refused from then on.
alter table credential add column used_step bigint;
