//! What the daemon says of itself to other processes: the shape of its status file, and one line for systemd.
//!
//! Counts, states, names and times only: who reads it needs neither the mirror nor a secret. Its reference is
//! `docs/reference/status-file.md`; a change that breaks readers takes another [`SCHEMA`].

use serde::{Deserialize, Serialize};

/// The shape's number.
pub const SCHEMA: u32 = 1;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`] of who wrote it.
    pub schema: u32,
    /// Version of the program.
    pub version: String,
    /// Whose status this is.
    pub process: Process,
    /// Full path of the mirror that it writes.
    pub mirror: String,
    /// What it does.
    pub state: State,
    /// Since when it runs, UTC.
    pub since: String,
    /// When this was written, UTC. It is written when something changes, so it may be old and true.
    pub written: String,
    /// What it goes by.
    pub configuration: Configuration,
    /// What is wrong with the machine's clock, in words; nothing when it is plausible.
    pub clock: Option<String>,
    /// Who does not get on, in words; nothing when all do.
    pub stuck: Option<String>,
    /// Why the daemon ends by itself, in words; nothing when it does not.
    pub lost: Option<String>,
    /// All jobs in force, by name.
    pub jobs: Vec<Job>,
}

/// A process, so that a reader can tell whether it still lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it began, in the kernel's ticks since boot: a number may be used again, both together are not.
    pub began: Option<u64>,
}

/// What the daemon does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is not ready yet.
    #[default]
    Starting,
    /// It runs jobs at their times.
    Running,
    /// It puts another configuration in force.
    Reloading,
    /// It ends.
    Stopping,
}

/// What the daemon goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Since when it is in force, UTC.
    pub since: String,
    /// What is wrong with a newer one on disk; nothing when the one in force is the newest.
    pub refused: Option<Refused>,
}

/// A configuration that was not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When, UTC.
    pub at: String,
    /// How many problems are in the way; zero when it is not the files that are wrong.
    pub problems: usize,
    /// The first of them: file, line, what, advice.
    pub first: String,
}

/// One job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub job: String,
    /// The zone of its schedule.
    pub time_zone: String,
    /// When it ticks next, UTC; nothing when it never does.
    pub next_tick: Option<String>,
    /// The run that goes on.
    pub running: Option<Running>,
    /// How its last run since the daemon's start ended.
    pub last: Option<Last>,
    /// Why a tick after that was passed over.
    pub passed_over: Option<PassedOver>,
    /// Whether it waits for a person who signs in, grants a right or brings a secret.
    #[serde(default)]
    pub parked: bool,
    /// The run whose difference waits for an approval.
    #[serde(default)]
    pub held: Option<i64>,
}

/// A run that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Since when, UTC.
    pub since: String,
    /// What started it: `schedule`, `catch_up`, `approval`.
    pub cause: String,
    /// The stream that it reads, once it reads one.
    pub stream: Option<String>,
    /// Pages so far, of all its streams.
    pub pages: u64,
    /// Rows so far, of all its streams.
    pub rows: u64,
}

/// A run that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The outcome's word, or `crashed`.
    pub outcome: String,
    /// When, UTC.
    pub ended: String,
}

/// A tick that became no run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// When, UTC.
    pub at: String,
    /// Why, in words.
    pub reason: String,
}

impl Status {
    /// One line: what is wrong, what goes on, what comes next, how the last run ended.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(
            self.lost
                .as_ref()
                .map(|why| format!("ended by itself: {why}")),
        );
        if let Some(refused) = &self.configuration.refused {
            parts.push(format!(
                "the configuration on disk is refused, the old one stays: {}",
                refused.first
            ));
        }
        parts.extend(self.clock.clone());
        parts.extend(
            self.stuck
                .as_ref()
                .map(|who| format!("{who} does not get on")),
        );
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
        parts.extend(self.jobs.iter().filter_map(Job::waits));
        let next = self
            .jobs
            .iter()
            .filter_map(|job| Some((job.next_tick.as_deref()?, job)));
        parts.push(match next.min_by_key(|(at, _)| *at) {
            Some((at, job)) => format!("next tick {} at {}", job.job, short(at)),
            None => "no job ticks".to_owned(),
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

impl Job {
    /// What it waits for a person to do, if so.
    pub fn waits(&self) -> Option<String> {
        let job = &self.job;
        match (self.parked, self.held) {
            (true, _) => Some(format!("{job} is parked and waits for a person")),
            (false, Some(run)) => Some(format!("{job} holds run {run} back")),
            (false, None) => None,
        }
    }
}

/// `2026-02-02T05:00:00.000Z` as `2026-02-02 05:00 UTC`.
fn short(moment: &str) -> String {
    match (moment.get(..10), moment.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => moment.to_owned(),
    }
}
