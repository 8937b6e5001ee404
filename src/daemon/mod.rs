//! Floor 3: when jobs run, reload, shutdown.
//!
//! One loop with one timer for all jobs. It knows no vendor, no source and no SQL: what a job is
//! and how it runs, an [`Engine`] says. What a tick is, `model/schedule.rs` says.

mod engine;
mod runs;
mod serve;
mod signals;
mod timetable;
mod verdict;

pub use engine::{CATCH_UP, Dropped, Engine, Entry, Event, TICK};
pub use serve::{Orders, follow, serve};
pub use signals::Signals;
pub use verdict::back_off;

#[cfg(test)]
mod played;
#[cfg(test)]
mod tests;
