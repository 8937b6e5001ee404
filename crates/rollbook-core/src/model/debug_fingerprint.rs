//! A hash of a value as its debug form shows it.

use std::fmt::Debug;

use xxhash_rust::xxh3::xxh3_128;

/// A hash that another value has too only if its debug form is the same; of this version of the program.
pub fn debug_fingerprint(value: &impl Debug) -> u128 {
    xxh3_128(format!("{} {value:?}", env!("CARGO_PKG_VERSION")).as_bytes())
}
