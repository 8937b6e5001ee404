//! Queries for people and scripts: read-only and short.
//!
//! They take the connection of `database::reader`, so that they work beside a daemon that writes. Only `ask`, `changes` and
//! `columns_of_rows` return values of rows; the others return names, counts and times.

mod ask;
mod audit;
mod changes;
mod combos;
mod gaps;
mod held;
mod matches;
mod rows;
mod run_history;
mod runs;
mod streams;

pub use ask::{Answer, ask};
pub use audit::{AuditLine, audit};
pub use changes::{ChangeKind, ChangeRange, ChangedRow, CompleteRuns, changes, complete_runs};
pub use combos::{ListLine, combo_lists};
pub use gaps::{Gap, gaps};
pub use held::{HeldLine, HeldRow, ended_after, held_rows, held_streams};
pub use matches::{MatchLine, MatchSetTables, match_sets, matches_of};
pub use rows::{
    RowProblem, Version, columns_of_rows, has_rows_of, keys_where, missed_readings, row_problems,
    why,
};
pub use run_history::{add_ended_runs, job_runs, last_ended_run};
pub use runs::{
    RejectLine, RunLine, held, jobs, last_outcome, newest_and_busy, newest_whole, rejects, run,
    run_streams, runs,
};
pub use streams::{LastRead, last_read, mirrored, sizes, table};

/// A connection that only reads.
pub type Reader = rusqlite::Connection;

#[cfg(test)]
mod tests;
