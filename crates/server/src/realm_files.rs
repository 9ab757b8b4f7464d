//! Realms as files: what `import`, `export` and `--import-realm` do.

mod names;
mod read;
mod write;

pub use read::{Source, import, in_folder, of_files};
pub use write::{Export, Users, export};
