//! What the tests of this folder share.

use std::{fs, path::PathBuf};

use serde_json::Value;

/// A file of the checkout, by its path from the root.
#[must_use]
pub fn path(relative: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", relative].iter().collect()
}

/// The text of a file of the checkout.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn text(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("`{relative}`: {error}"))
}

/// A JSON file of the checkout.
///
/// # Panics
/// If it cannot be read or is not JSON.
#[must_use]
pub fn json(relative: &str) -> Value {
    serde_json::from_str(&text(relative)).unwrap_or_else(|error| panic!("`{relative}`: {error}"))
}
