//! `[publish.NAME]` by the real program and a real PostgreSQL: after whatever went wrong the published tables are the mirror's.
//!
//! What is there is compared by `psql` and SQLite (`same.rs`), not by the program's own `verify`, which has to agree.
//! Without PostgreSQL these tests are skipped; see `database`.

mod access;
mod beside;
mod columns;
mod days;
mod differences;
mod erasure;
mod faults;
mod kills;
mod late;
mod owners;
mod restores;
mod retention;
pub mod same;
mod school;
mod shipped;
mod values;
