//! One run of a job: read, plan, decide, apply. Its decisions are pure functions of `model/`.
//!
//! A run takes no hint of what changed: it reads, so after a crash the same code does the same thing. It knows no vendor and no
//! SQL. `simulation/` tests it against random vendors on a virtual clock.

mod account;
pub mod adapt;
pub mod client;
pub mod error;
pub mod items;
pub mod job;
mod moved;
pub mod probe;
pub mod read;
pub mod report;
pub mod run;
mod run_locks;
mod run_log;
#[cfg(test)]
mod simulation;
pub mod stream_memory;
mod stream_run;
pub mod timeline;
mod unready;
mod walk;

pub use client::PageClient;
pub use error::Failure;
pub use job::{Identity, Job, RunOptions, Source, StreamJob};
pub use report::{Progress, ProgressSink, RunReport, StreamReport};
pub use rollbook_core::model::{Cause, Outcome};
pub use run::Runner;
