//! Fixed limits of bodies, each with its reason.

/// Bytes of an error body that are read to find its code.
pub(crate) const ERROR_BODY: u64 = 64 * 1024;

/// A 2xx body up to this size (bytes) is searched for an error code too: vendors return error
/// objects with 200, but never beside a page full of rows.
pub(crate) const ERROR_IN_FINE_BODY: usize = 16 * 1024;

/// Largest token response in bytes. Real ones have a few kilobytes.
pub(crate) const TOKEN_BODY: u64 = 1024 * 1024;

/// Decompressed bytes before the ratio is checked: small bodies of blanks compress very well.
pub(crate) const RATIO_AFTER: u64 = 1024 * 1024;

/// Largest ratio of decompressed to compressed bytes. A measured bomb has 1,029; roster JSON has about 12.
pub(crate) const RATIO: u64 = 100;

/// Bytes of a body after which what can be decoded is decoded and forgotten. A usual page has fewer.
pub(crate) const PIECE: usize = 1024 * 1024;

/// Of bodies that cannot be decoded piece by piece, one at a time is larger than this, in bytes.
pub(crate) const LARGE: usize = 4 * 1024 * 1024;
