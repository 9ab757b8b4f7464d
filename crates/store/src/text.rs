//! What text may hold before it reaches Postgres.

/// Whether the database can store the text: Postgres refuses U+0000 in text and jsonb.
#[must_use]
pub fn storable(text: &str) -> bool {
    !text.contains('\0')
}
