//! Limits of a body that are no settings, each with its reason.

/// Only this much of a body that comes with an error status is read, to find its code.
pub(super) const ERROR_BODY: u64 = 64 * 1024;

/// A fine status with a body up to this size is searched for an error code too: vendors put error
/// objects into a 200, but never beside a page full of rows.
pub(super) const ERROR_IN_FINE_BODY: usize = 16 * 1024;

/// Largest token answer. Real ones have a few kilobytes.
pub(super) const TOKEN_BODY: u64 = 1024 * 1024;

/// Unpacked bytes before the ratio is looked at: small bodies of blanks pack very well.
pub(super) const RATIO_AFTER: u64 = 1024 * 1024;

/// Unpacked to packed, at most. A measured bomb has 1,029; roster JSON has about 12.
pub(super) const RATIO: u64 = 100;
