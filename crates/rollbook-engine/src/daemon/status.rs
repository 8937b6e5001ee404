//! The daemon's status: the schema of its status file, and one line for systemd.
//!
//! Counts, states, names and times only, so that it may be read without access to the mirror. Its reference is
//! `docs/reference/status-file.md`; a change that breaks readers needs another [`SCHEMA`].

mod outputs;

use std::fmt;

use jiff::Zoned;
use rollbook_core::model::scalar::to_canonical;
use rollbook_core::model::{
    EntryName, HoldRule, ParkReason, Pause, SourceName, StreamName, StreamSet,
};
use serde::{Deserialize, Serialize};

pub use self::outputs::{BundleStatus, HookStatus, OutputState, Outputs, PublishStatus};

/// The schema's version.
pub const SCHEMA: u32 = 1;

/// A job is reported as failing from so many failures in a row: one or two are usual at a vendor.
pub const FAILING: u32 = 3;

/// So many jobs that need a person have a part of the line each.
const MOST_WAITING: usize = 3;

/// So many problems of a refused configuration are listed: the first ones are usually the cause.
pub const MOST_PLACES: usize = 50;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Version of Rollbook.
    pub version: String,
    /// The daemon's process.
    pub process: Process,
    /// Absolute path of the mirror that it writes.
    pub mirror: String,
    /// The daemon's state.
    pub state: DaemonState,
    /// When the daemon started, UTC.
    pub since: String,
    /// When this file was written, UTC. It is written when something changes, so an old file may be current.
    pub written: String,
    /// The configuration in force.
    pub configuration: Configuration,
    /// What is wrong with the machine's clock, or that it was set in the last day; `null` otherwise.
    pub clock: Option<String>,
    /// That another program keeps the mirror's write-ahead log from being emptied; `null` otherwise.
    #[serde(default)]
    pub held_log: Option<String>,
    /// Why runs cannot write, although the daemon continues: a full disk; `null` otherwise.
    #[serde(default)]
    pub disk: Option<String>,
    /// What made no progress; `null` if everything does.
    pub stuck: Option<String>,
    /// Why the daemon exits by itself; `null` if it does not.
    pub fatal_error: Option<String>,
    /// All configured jobs, by name.
    pub jobs: Vec<JobStatus>,
    /// Bundles, hooks and published databases.
    #[serde(default)]
    pub outputs: Outputs,
}

/// A process, so that a reader can check whether it still runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot: pids are reused, but not together with this.
    pub began: Option<u64>,
}

/// The daemon's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DaemonState {
    #[default]
    /// Not ready yet.
    Starting,
    /// Runs jobs on their schedules.
    Running,
    /// Loads another configuration.
    Reloading,
    /// Stops its runs and exits.
    Stopping,
}

impl DaemonState {
    /// The value in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Reloading => "reloading",
            Self::Stopping => "stopping",
        }
    }
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// When it was loaded, UTC.
    pub since: String,
    /// Identifies the content of the files that it was loaded from; `null` if they changed meanwhile.
    #[serde(default)]
    pub content: Option<String>,
    /// A newer one on disk that was refused; `null` if there is none.
    pub refused: Option<RefusedReload>,
}

/// A refused configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedReload {
    /// When, UTC.
    pub at: String,
    /// Number of problems in the files; zero if something else failed.
    pub problems: usize,
    /// The first problem: file, line, message, help; without a value of the file.
    pub first: String,
    /// The problems in the files, [`MOST_PLACES`] at most, file by file.
    #[serde(default)]
    pub places: Vec<ProblemPlace>,
}

/// A problem of a configuration file, without a value of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemPlace {
    /// The file, as the admin named it.
    pub file: String,
    /// The line, from 1; `null` if the whole file is meant.
    pub line: Option<usize>,
    /// What is wrong and what to do; every value is replaced by `…`.
    pub advice: String,
}

/// `jobs/rosters.toml:3: unknown key`.
impl fmt::Display for ProblemPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.advice)
    }
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// Its name.
    pub job: EntryName,
    /// Its source; `null` for the backup.
    #[serde(default)]
    pub source: Option<SourceName>,
    /// The zone of its schedule.
    pub time_zone: String,
    /// Its next tick that starts a run, UTC; `null` if never.
    pub next_tick: Option<String>,
    /// Why ticks before that are skipped, for people; `null` if none is.
    #[serde(default)]
    pub delayed: Option<String>,
    /// The pause in force.
    #[serde(default)]
    pub paused: Option<PauseStatus>,
    /// The active run.
    pub running: Option<Running>,
    /// Its last run since the daemon's start, apart from runs of one stream.
    pub last: Option<Last>,
    /// The last tick since that was skipped.
    pub skipped: Option<SkippedTick>,
    /// Whether it waits for a person to sign in, grant a permission or provide a secret.
    #[serde(default)]
    pub parked: bool,
    /// Why, if it waits.
    #[serde(default)]
    pub park_reason: Option<ParkReason>,
    /// The held run that waits for an approval.
    #[serde(default)]
    pub held: Option<i64>,
    /// What the held run would do, by stream; the one that would lose rows first.
    #[serde(default)]
    pub held_streams: Vec<HeldStream>,
    /// When it becomes stale unless a good run ends before, UTC: `[alerts] stale_after` after its first tick without one.
    /// `null` while it is paused, and if it is never due.
    #[serde(default)]
    pub stale_at: Option<String>,
    /// Runs in a row that failed, were held or parked.
    #[serde(default)]
    pub failures: u32,
}

/// What a held run would do to one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldStream {
    /// The stream.
    pub stream: StreamName,
    /// The rule of the guard; `null` in a run that an older version held.
    pub rule: Option<HoldRule>,
    /// Rows of the table at that time; `null` as for `rule`.
    pub rows: Option<u64>,
    /// Rows that would be added.
    pub new: u64,
    /// Rows that would get other values.
    pub changed: u64,
    /// Rows that would be removed.
    pub would_be_removed: u64,
}

/// A pause of a job or its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseStatus {
    /// When it was ordered, UTC.
    pub since: String,
    /// When it ends, UTC; `null` if an admin ends it.
    pub until: Option<String>,
    /// For people, in the job's time zone: `paused until 2027-01-07`.
    pub message: String,
}

impl From<&Pause> for PauseStatus {
    fn from(pause: &Pause) -> Self {
        let until = pause.until.as_ref().map(Zoned::timestamp);
        Self {
            since: to_canonical(pause.since),
            until: until.map(to_canonical),
            message: pause.to_string(),
        }
    }
}

/// An active run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// When it started, UTC.
    pub since: String,
    /// Its cause: `schedule`, `catch_up`, `command`, `approval`, `webhook`.
    pub cause: String,
    /// The only streams that it reads; `null` for all.
    #[serde(default)]
    pub only: Option<StreamSet>,
    /// The stream that it reads now.
    pub stream: Option<StreamName>,
    /// Pages received so far, of all streams.
    pub pages: u64,
    /// Rows received so far, of all streams.
    pub rows: u64,
}

/// A run that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The outcome, or `crashed`.
    pub outcome: String,
    /// When, UTC.
    pub ended: String,
}

/// A tick that started no run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedTick {
    /// When, UTC.
    pub at: String,
    /// Why, for people.
    pub reason: String,
}

impl Status {
    /// One line: what needs a person, active runs, the next tick, the last run.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(
            self.fatal_error
                .as_ref()
                .map(|why| format!("exiting: {why}")),
        );
        parts.extend(self.disk.clone());
        parts.extend(self.held_log.clone());
        if let Some(refused) = &self.configuration.refused {
            parts.push(format!(
                "the configuration on disk was refused, the old one stays in force: {}",
                refused.first
            ));
        }
        parts.extend(self.clock.clone());
        parts.extend(
            self.stuck
                .as_ref()
                .map(|who| format!("{who} made no progress")),
        );
        let waits: Vec<String> = self.jobs.iter().filter_map(JobStatus::waits).collect();
        match waits.len() {
            ..=MOST_WAITING => parts.extend(waits),
            many => parts.push(format!("{many} jobs need a person: see `rollbook status`")),
        }
        let held = self.outputs.bundles.iter();
        let held = held.filter(|bundle| bundle.state == OutputState::Held);
        parts.extend(held.map(|bundle| format!("the bundle {} needs approval", bundle.bundle)));
        let running: Vec<&str> = self
            .jobs
            .iter()
            .filter(|job| job.running.is_some())
            .map(|job| job.job.as_str())
            .collect();
        match running.as_slice() {
            [] => {}
            [job] => parts.push(format!("{job} runs")),
            many => parts.push(format!("{} jobs run", many.len())),
        }
        let next = self
            .jobs
            .iter()
            .filter_map(|job| Some((job.next_tick.as_deref()?, job)));
        parts.push(match next.min_by_key(|(at, _)| *at) {
            Some((at, job)) => format!("next tick {} at {}", job.job, short(at)),
            None => "no job is scheduled".to_owned(),
        });
        let ended = self
            .jobs
            .iter()
            .filter_map(|job| Some((job.last.as_ref()?, job)));
        if let Some((last, job)) = ended.max_by_key(|(last, _)| &last.ended) {
            parts.push(format!(
                "last {} {} at {}",
                job.job,
                last.outcome,
                short(&last.ended)
            ));
        }
        parts.join("; ")
    }
}

impl JobStatus {
    /// Of an entry of the schedule of which nothing else is known.
    pub fn new(job: EntryName) -> Self {
        Self {
            job,
            source: None,
            time_zone: String::new(),
            next_tick: None,
            delayed: None,
            paused: None,
            running: None,
            last: None,
            skipped: None,
            parked: false,
            park_reason: None,
            held: None,
            held_streams: Vec::new(),
            stale_at: None,
            failures: 0,
        }
    }

    /// What needs a person, if anything does.
    pub fn waits(&self) -> Option<String> {
        let job = &self.job;
        match (self.parked, self.held) {
            (true, _) => Some(format!("{job} is parked and needs a person")),
            (false, Some(run)) => Some(format!("run {run} of {job} needs approval")),
            (false, None) if self.failures >= FAILING => {
                Some(format!("{job} failed {} times in a row", self.failures))
            }
            (false, None) => None,
        }
    }
}

/// `2026-02-02T05:00:00.000Z` as `2026-02-02 05:00 UTC`.
fn short(time: &str) -> String {
    match (time.get(..10), time.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => time.to_owned(),
    }
}
