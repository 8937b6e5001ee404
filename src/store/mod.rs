//! Floor 1: all SQL of the program. The mirror, its history, what is put aside, checkpoints, runs.
//!
//! Nothing above knows that it is SQLite. One thread writes; readers are short-lived. No
//! transaction is open while anybody waits for a vendor.

pub mod alerts;
pub mod apply;
pub mod care;
pub mod checkpoints;
pub mod database;
pub mod error;
pub mod look;
pub mod lookups;
pub mod matches;
mod private;
pub mod purge;
mod rehearsal;
pub mod runs;
pub mod schema;
pub mod staging;
pub mod table;
pub mod tables;
pub mod vault;
mod views;
mod writer;

#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod tests;

pub use database::Store;
pub use error::StoreError;
pub use rehearsal::Rehearsal;
pub use staging::{Absence, Size, Staged, Staging};
pub use table::{Table, TableColumn};
pub use vault::Vault;
