//! Erasing people: their rows, what refers to them, and every byte of both.
//!
//! `store/person/find.rs` finds by the suppression list, in any mirror or copy of one; `apply.rs` erases in one transaction;
//! `clean.rs` removes what is left in freed space and in the log; `copies.rs` rewrites backups and other copies. All of
//! it can be repeated, so an interrupted erasure is finished by doing it again.

mod apply;
mod clean;
mod copies;
mod fault;
mod messages;
mod preview;
mod steps;

pub use apply::{ErasedRows, apply};
pub use clean::{Cleaned, LogReader};
pub use copies::{LeftOver, RewrittenCopies, find_copies, replay, rewrite_all};
pub use preview::{CopyPreview, Preview, preview};
pub use steps::{ErasureOrder, begin, clean_mirror, finish, lift};

#[cfg(test)]
mod tests;
