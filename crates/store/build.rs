//! Rebuilds the crate when a migration is added: the macro that embeds them tracks existing files only.
fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
