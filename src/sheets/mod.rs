//! Floor 1: tables that people bring and take: spreadsheets and CSV.
//!
//! Knows cells, rows and what a combo list looks like on paper; no mirror and no configuration. Whatever a file
//! holds, reading it ends: its size, its cells and its texts have limits.

pub mod commas;
pub mod compare;
pub mod grid;
pub mod lists;
pub mod xlsx;

pub use compare::{Comparison, MirrorEntry, compare};
pub use grid::{Place, SheetError, read};
pub use lists::{FileLists, find_lists};
