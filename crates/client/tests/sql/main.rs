//! Every query of clients, protocol mappers and roles against a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

extern crate realmkeep_client as client;

mod cache;
mod clients;
mod mappers;
mod roles;
mod scope_mappings;
mod scopes;
mod secrets;
mod support;
