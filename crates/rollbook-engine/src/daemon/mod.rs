//! Floor 3: scheduling, reload, shutdown, systemd, the status file, the control socket, alerts.
//!
//! One loop with one timer for all jobs. It knows no vendor, no source and no SQL: an [`Engine`] defines jobs and runs
//! them, and `model/schedule.rs` computes ticks.

pub mod alerts;
mod changes;
mod clock_rule;
pub mod cluster_status;
mod control;
pub mod control_server;
mod engine;
mod forecast;
pub mod health;
mod heartbeat;
mod history_file;
mod loaded_files;
mod next_run;
mod running_lock;
mod runs;
mod runtime_folder;
mod serve;
mod service;
mod signals;
pub mod status;
mod status_board;
mod status_file;
mod status_publisher;
mod timetable;
pub mod webhook_request;
mod webhooks;

pub use changes::Changes;
pub use clock_rule::ClockStep;
pub use control::{ControlHandle, RunNow, RunRequest};
pub use engine::{
    AdminResult, Conditions, Engine, Entry, Event, JobCondition, NextTick, Refusal, SkipReason,
    WebhookResult,
};
pub use history_file::HistoryFile;
pub use loaded_files::{LoadedFiles, content_on_disk};
pub use next_run::back_off;
pub use runs::MAX_CONCURRENT_RUNS;
pub use serve::{forward_signals, run_loop};
pub use service::{Service, with_more_time};
pub use signals::Signals;
pub use status_file::StatusFile;
pub use status_publisher::{StatusPublisher, absolute};
pub use webhooks::{EarlyRun, PendingWebhooks};

#[cfg(test)]
mod fatal_error_tests;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod webhook_tests;
