//! What the crate does with a real Postgres: one cluster for the run, a realm of its own for each test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

extern crate realmkeep_realm as realm;

mod event_chain;
mod event_log;
mod support;
