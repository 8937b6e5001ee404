//! Floor 1: spreadsheets and CSV.
//!
//! Knows cells, rows and layouts of combo lists; no mirror and no configuration. Input is untrusted: size, cells and
//! texts have limits.

pub mod commas;
pub mod compare;
pub mod grid;
pub mod lists;
pub mod read;
pub mod xlsx;

pub use compare::{Comparison, MirrorEntry, compare};
pub use grid::{SheetError, SheetLocation};
pub use lists::{FileLists, find_lists};
pub use read::read;
