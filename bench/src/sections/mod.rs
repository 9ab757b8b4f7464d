//! What is measured; each section gives its lines of the table.

pub mod administration;
pub mod docker;
pub mod endpoints;
pub mod life;
pub mod overload;
pub mod realms;
pub mod registry;
pub mod sign_in;
