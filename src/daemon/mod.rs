//! Floor 3: when jobs run, reload, shutdown, and what systemd, status and admins see of it.
//!
//! One loop with one timer for all jobs. It knows no vendor, no source and no SQL: what a job is
//! and how it runs, an [`Engine`] says. What a tick is, `model/schedule.rs` says.

pub mod alerts;
mod board;
mod changes;
pub mod control;
mod engine;
mod front;
mod pulse;
mod runs;
mod serve;
mod service;
mod signals;
pub mod status;
mod status_file;
mod timetable;
mod verdict;

pub use changes::Changes;
pub use engine::{Dropped, Engine, Entry, Event, Next, Refusal, Reply, Waiting};
pub use front::{Front, absolute};
pub use serve::{AtOnce, Orders, follow, serve};
pub use signals::Signals;
pub use status_file::StatusFile;
pub use verdict::back_off;

#[cfg(test)]
mod lost_tests;
#[cfg(test)]
mod played;
#[cfg(test)]
mod tests;
