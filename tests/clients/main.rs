//! Programs as they come from their makers, against the server as its users start it.
//!
//! `scripts/test-programs.sh` installs the programs. A test whose program is missing says so on the
//! terminal; on CI it fails. With `KEYCLOAK_URL=http://localhost:8180` the same tests run against a
//! Keycloak there (docker feature on, admin/admin), and say what makes no sense with it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is not as it should be"
)]

mod access;
mod admin_clients;
mod client;
mod compose;
mod docker;
mod doctor;
mod identity;
mod image;
mod kcadm;
mod mount;
mod pki;
mod process;
mod registry;
mod registry_access;
mod rotation;
mod schemathesis;
mod server;
mod signin;
mod terminal;
mod visit;

use access::every_rule;
use registry::Wire::{Plain, Tls};
use visit::every_step;

/// One test for each client, which takes it through the steps of `visit` at both registries.
macro_rules! at_both_registries {
    ($($test:ident $client:ident $wire:ident;)*) => {
        $(#[test]
        fn $test() {
            every_step(&client::$client, $wire);
        })*
    };
}

at_both_registries! {
    docker_does_every_step_at_both_registries DOCKER Plain;
    skopeo_does_every_step_at_both_registries SKOPEO Plain;
    podman_does_every_step_at_both_registries PODMAN Plain;
    crane_does_every_step_at_both_registries CRANE Plain;
    oras_does_every_step_at_both_registries ORAS Plain;
    regctl_does_every_step_at_both_registries REGCTL Plain;
    docker_pushes_and_pulls_over_tls DOCKER Tls;
    skopeo_pushes_and_pulls_over_tls SKOPEO Tls;
    podman_pushes_and_pulls_over_tls PODMAN Tls;
    crane_pushes_and_pulls_over_tls CRANE Tls;
    oras_pushes_and_pulls_over_tls ORAS Tls;
    regctl_pushes_and_pulls_over_tls REGCTL Tls;
}

/// One test for each client, which takes it through what access rules allow and refuse.
macro_rules! by_the_rules {
    ($($test:ident $client:ident;)*) => {
        $(#[test]
        fn $test() {
            every_rule(&client::$client);
        })*
    };
}

by_the_rules! {
    docker_may_do_what_rules_allow DOCKER;
    skopeo_may_do_what_rules_allow SKOPEO;
    podman_may_do_what_rules_allow PODMAN;
    crane_may_do_what_rules_allow CRANE;
    oras_may_do_what_rules_allow ORAS;
    regctl_may_do_what_rules_allow REGCTL;
}
