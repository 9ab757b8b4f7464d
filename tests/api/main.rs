//! The API, in one binary: one server and one private Postgres a run, a fresh realm a test.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client_writes;
mod clients;
mod floors;
mod people;
mod pluggable;
mod role_mappings;
mod role_permissions;
mod roles;
mod support;
mod user_reach;
mod users;
