//! All SQL of the program: mirror, history, staging, checkpoints, runs, vault, maintenance, queries.
//!
//! One thread writes; readers are short-lived. No transaction is open while a run waits for a vendor. Floors above do not know that
//! it is SQLite.

pub mod accounts;
pub mod adaptations;
pub mod alerts;
pub mod apply;
pub mod audit;
pub mod bundle;
pub mod checkpoints;
pub mod copy;
mod create;
pub mod database;
mod dry_run_copy;
pub mod erase;
pub mod error;
pub mod fitting;
pub mod held;
pub mod held_log;
pub mod hooks;
mod inserts;
pub mod known_pages;
mod last_versions;
pub mod lookups;
pub mod maintenance;
pub mod matches;
pub mod mirror_lock;
pub mod moment;
pub mod pages;
pub mod pauses;
pub mod person;
mod private;
pub mod published;
pub mod purge;
pub mod queries;
pub mod readers;
pub mod references;
mod relayout;
pub mod rename;
pub mod runs;
pub mod schema;
mod scratch;
pub mod series;
pub mod sharing;
mod sorted_rows;
mod sql_cells;
mod sql_values;
pub mod staging;
pub mod suppression;
pub mod table;
pub mod table_locks;
pub mod tables;
pub mod unconfigured;
pub mod unconfirmed;
pub mod vault;
mod views;
mod writer;

#[cfg(test)]
mod people_fixture;
#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod tests;

pub use database::Store;
pub use dry_run_copy::{DryRunCopy, remove_left_over};
pub use error::StoreError;
pub use known_pages::{
    AbridgedBody, Blocks, DecodedText, KnownPages, NewPage, PageHash, PagePart, PageParts,
    SeenRows, newest_of,
};
pub use private::make_folder_private as make_private_folder;
pub use staging::{
    Absence, Ending, PageNote, PageRows, Size, Staged, Staging, StagingSpace, ValueCounts,
    WaitingRows,
};
pub use vault::Vault;
