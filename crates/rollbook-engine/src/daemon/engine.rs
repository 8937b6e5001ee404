//! The interface between the loop and the rest of the program: the [`Engine`] trait and the loop's events.
//!
//! `app/` implements [`Engine`]; tests use a scripted one.

use std::collections::BTreeMap;
use std::fmt;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::clock_rule::{ClockStep, shown};
use super::control::RunRequest;
use super::status::{HeldStream, Outputs, ProblemPlace};
use super::webhook_request::{WebhookAnswer, WebhookRequest};
use super::webhooks::EarlyRun;
use crate::setup::files::schedule::{Schedule, Zone};
use crate::sync::{Progress, ProgressSink};
use rollbook_core::model::{EntryName, Outcome, ParkReason, Pause, RunStart, SourceName};
use rollbook_core::store::runs::JobState;

/// A job, as the loop sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The job's name.
    pub name: EntryName,
    /// When it ticks.
    pub schedule: Schedule,
    /// The zone that the schedule's times are in.
    pub zone: Zone,
    /// Whether a missed tick is caught up.
    pub catch_up: bool,
}

/// Jobs, their state, and how to run one.
pub trait Engine: Send + Sync + 'static {
    /// All jobs of the configuration in force.
    fn jobs(&self) -> Vec<Entry>;

    /// The state of a job between its runs; the error is a message.
    fn state(&self, entry: &EntryName) -> Result<JobState, String>;

    /// Changes with the job's configuration and its source's secrets; a parked job is retried then. Reads files.
    fn config_fingerprint(&self, entry: &EntryName) -> String;

    /// The states of several jobs; the error is a message.
    fn states(&self, entries: &[EntryName]) -> Result<BTreeMap<EntryName, JobState>, String> {
        let state = |entry: &EntryName| Ok((entry.clone(), self.state(entry)?));
        entries.iter().map(state).collect()
    }

    /// Records durably from when on new jobs can miss ticks.
    fn note_seen(&self, last_due: Vec<(EntryName, Timestamp)>)
    -> BoxFuture<'_, Result<(), String>>;

    /// Records durably that this tick is acted on, before its run starts.
    fn note_due(&self, entry: &EntryName, due: Timestamp) -> BoxFuture<'_, Result<(), String>>;

    /// Runs a job once and records how it ended, until the token stops it.
    fn run(
        &self,
        entry: &EntryName,
        start: RunStart,
        stop: CancellationToken,
        sink: ProgressSink,
    ) -> BoxFuture<'static, Outcome>;

    /// Loads the configuration from disk; on an error the old one stays in force.
    fn reload(&self) -> BoxFuture<'static, Result<(), Refusal>>;

    /// Handles an admin request; request and response are defined by the engine.
    fn handle_admin_request(&self, request: String) -> BoxFuture<'static, AdminResult>;

    /// Checks a webhook and decides which runs it asks for. It trusts nothing else of it, and logs and keeps nothing of it.
    fn handle_webhook(&self, request: WebhookRequest) -> BoxFuture<'static, WebhookResult>;

    /// Counts starts and ends of the mirror's write transactions; odd during one.
    fn write_counter(&self) -> u64;

    /// The condition of jobs, bundles and hooks; the error is a message.
    fn conditions(&self) -> Result<Conditions, String>;

    /// Whether the disk has no room for what runs have to write; the loop continues.
    fn is_disk_full(&self) -> bool;

    /// The size in bytes of a write-ahead log that another program keeps from being emptied.
    fn held_log(&self) -> Option<u64>;

    /// Why the mirror cannot be written any more, if so: the loop ends.
    fn fatal_error(&self) -> Option<String>;

    /// Identifies this machine, so that machines with the same jobs do not start them together.
    fn host(&self) -> String;
}

/// The result of an admin request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminResult {
    /// The response, one line.
    pub response: String,
    /// A job to run now, because an admin approved its held run or asked for a run.
    pub run_now: Option<RunRequest>,
}

/// The result of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookResult {
    /// What its sender is answered.
    pub answer: WebhookAnswer,
    /// The runs that it asks for.
    pub runs: Vec<EarlyRun>,
}

/// Why a new configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Number of problems in the files; zero if something else failed.
    pub problems: usize,
    /// The first problem in one line: file, line, message, help; without a value of the file.
    pub first: String,
    /// The problems in the files, for the status.
    pub places: Vec<ProblemPlace>,
    /// All problems, with excerpts.
    pub text: String,
}

/// A job's next tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextTick {
    /// The job.
    pub job: EntryName,
    /// The zone of its schedule, as `Europe/Vienna`.
    pub zone: String,
    /// When the next tick that starts a run is due; `None` if never.
    pub due: Option<Timestamp>,
    /// Why ticks before that are skipped.
    pub delayed: Option<SkipReason>,
    /// The pause in force.
    pub pause: Option<Pause>,
}

/// What the mirror knows of jobs and outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Of every job.
    pub jobs: Vec<JobCondition>,
    /// Of bundles and hooks.
    pub outputs: Outputs,
}

/// What is known of a job besides its ticks and runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCondition {
    /// The job.
    pub job: EntryName,
    /// Its source; `None` for the backup.
    pub source: Option<SourceName>,
    /// Why a person must sign in, grant a permission or provide a secret.
    pub parked: Option<ParkReason>,
    /// The held run that waits for an approval.
    pub held: Option<i64>,
    /// What that run would do.
    pub held_streams: Vec<HeldStream>,
    /// When it becomes stale.
    pub stale_at: Option<Timestamp>,
    /// Runs in a row that failed, were held or parked.
    pub failures: u32,
}

/// An event of the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The configuration is loaded and the mirror is open.
    Ready,
    /// The clock shows a time before this version was built; no run starts until it is set, for two minutes at most.
    ClockUnset(Timestamp),
    /// The clock was not set in time; runs start by the time that it shows.
    ClockAccepted(Timestamp),
    /// The clock shows a plausible time again.
    ClockSet,
    /// The clock was set while the daemon runs.
    ClockStepped(ClockStep),
    /// The last tick that is recorded is in the future: the clock was ahead, and was set back while the daemon was
    /// stopped.
    ClockWasAhead {
        /// That tick.
        recorded: Timestamp,
        /// What the clock shows.
        shown: Timestamp,
    },
    /// The clock was not set for a day.
    ClockSteady,
    /// Next ticks have changed: those of all jobs, by name.
    Planned(Vec<NextTick>),
    /// The disk has no room for what runs have to write, or it has room again.
    DiskFull(bool),
    /// Another program keeps the write-ahead log from being emptied, and it has this many bytes; or it was emptied.
    LogHeld(Option<u64>),
    /// Conditions have changed.
    Conditions(Conditions),
    /// The loop has completed a turn, and every run and the mirror's writer make progress.
    Alive,
    /// A run or the mirror's writer made no progress. No [`Event::Alive`] follows while that lasts.
    Stuck(String),
    /// The configuration is being reloaded.
    Reloading,
    /// A new configuration is in force.
    Reloaded,
    /// A new configuration was refused, the old one stays in force.
    ReloadRefused(Refusal),
    /// A run started.
    RunStarted {
        /// The job.
        job: EntryName,
        /// What started it, and what it reads.
        start: RunStart,
    },
    /// A run made progress.
    RunProgress {
        /// The job.
        job: EntryName,
        /// How.
        progress: Progress,
    },
    /// A run ended.
    RunEnded {
        /// The job.
        job: EntryName,
        /// How.
        outcome: Outcome,
    },
    /// A run panicked; its record in the store is still open.
    RunCrashed {
        /// The job.
        job: EntryName,
    },
    /// A tick started no run.
    TickSkipped {
        /// The job.
        job: EntryName,
        /// Why.
        reason: SkipReason,
    },
    /// The mirror cannot be written any more, and why: the daemon exits.
    FatalError(String),
    /// The daemon stops its runs and exits.
    Stopping,
}

/// Why a tick was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The job's last run has not ended.
    Overlap,
    /// An admin has paused the job or its source.
    Paused(Pause),
    /// No request is sent before then: the vendor's `Retry-After`, a daily limit, or a rest after failed requests.
    Deferred(Timestamp),
    /// The job waits for a person; it is retried, at the latest after a day.
    Parked,
    /// The last runs failed; the next one waits until then.
    BackOff(Timestamp),
    /// The clock was set forward past it, and the job does not catch up.
    Jumped,
    /// The job's state could not be read, or the tick not be recorded.
    Store(String),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap => f.write_str("the last run has not ended"),
            Self::Paused(pause) => write!(f, "{pause}"),
            Self::Deferred(until) => write!(f, "deferred until {} UTC", shown(*until)),
            Self::Parked => f.write_str("the job is parked; it is retried later"),
            Self::BackOff(until) => {
                write!(
                    f,
                    "too many runs in a row failed; backing off until {} UTC",
                    shown(*until)
                )
            }
            Self::Jumped => f.write_str("the clock was set forward past it"),
            Self::Store(message) => f.write_str(message),
        }
    }
}
