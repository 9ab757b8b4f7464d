//! Floor 5: the binary. Settings, the list of protocols, start and stop.

pub mod app;
mod background;
pub mod bootstrap;
mod health;
mod middleware;
pub mod protocols;
pub mod realm_files;
pub mod settings;
mod tls;
