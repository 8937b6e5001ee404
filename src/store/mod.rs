//! Floor 1: all SQL of the program. The mirror, its history, what is put aside, checkpoints, runs.
//!
//! Nothing above knows that it is SQLite. One thread writes; readers are short-lived. No
//! transaction is open while anybody waits for a vendor.

pub mod accounts;
pub mod alerts;
pub mod apply;
pub mod care;
pub mod checkpoints;
pub mod database;
pub mod error;
pub mod fitting;
pub mod look;
pub mod lookups;
pub mod matches;
mod private;
pub mod purge;
pub mod references;
mod rehearsal;
pub mod runs;
pub mod schema;
pub mod staging;
pub mod table;
pub mod table_locks;
pub mod tables;
pub mod unconfirmed;
pub mod vault;
mod views;
mod words;
mod writer;

#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod tests;

pub use database::Store;
pub use error::StoreError;
pub use rehearsal::Rehearsal;
pub use staging::{Absence, Ending, Size, Staged, Staging};
pub use table::{Table, TableColumn};
pub use vault::Vault;
