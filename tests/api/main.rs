//! The API, in one binary: one server and one private Postgres a run, a fresh realm a test.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod bad_texts;
mod bodies;
mod client_writes;
mod clients;
mod docker;
mod floors;
mod forge;
mod isolation;
mod keys;
mod lockout;
mod odd_requests;
mod people;
mod permission_table;
mod permissions;
mod pluggable;
mod random_input;
mod realm_files;
mod realms;
mod revocation;
mod role_mappings;
mod role_permissions;
mod roles;
mod rows;
mod secrets;
mod service_accounts;
mod support;
mod tokens;
mod user_reach;
mod users;
mod x509;
