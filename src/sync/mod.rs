//! Floor 2: reading a stream, the plan, the guard, the apply; one run of a job.
//!
//! A run takes no hint of what changed: it looks, so that after a crash the same code does the
//! same thing. It knows no vendor and no SQL.

mod account;
pub mod adapt;
pub mod client;
pub mod error;
mod holds;
pub mod items;
pub mod job;
pub mod probe;
pub mod read;
pub mod report;
pub mod run;
#[cfg(test)]
mod simulation;
pub mod timeline;
mod unready;
mod walk;
mod work;

pub use crate::model::{Cause, Outcome};
pub use client::PageClient;
pub use error::Failure;
pub use job::{ApplyMode, Identity, Job, Source, StreamJob};
pub use report::{Progress, RunReport, StreamReport, Watch};
pub use run::{Order, Runner};
