//! From files to rows: every file as one checked setup, a run of a job, when jobs run, and what leaves the mirror as files.

pub mod daemon;
pub mod output;
pub mod setup;
pub mod sync;
