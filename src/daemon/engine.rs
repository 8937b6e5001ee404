//! What the loop needs from the rest of the program, and what it tells it.
//!
//! Only types. The program that builds everything implements [`Engine`]; tests play one.

use std::fmt;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::config::schedule::{Schedule, Zone};
use crate::model::{Cause, Outcome};
use crate::store::runs::JobState;
use crate::sync::{Progress, Watch};

/// What the loop knows of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The job's name.
    pub name: String,
    /// When it ticks.
    pub schedule: Schedule,
    /// The zone that the schedule's times are in.
    pub zone: Zone,
    /// Whether a missed tick is made up for.
    pub catch_up: bool,
    /// Another one when the job's configuration says something else: a parked job is then tried again.
    pub config_fingerprint: String,
}

/// The jobs, what is known of them, and how one runs.
pub trait Engine: Send + Sync + 'static {
    /// All jobs of the configuration in force.
    fn jobs(&self) -> Vec<Entry>;

    /// What is known of a job between its runs; the error is a sentence.
    fn state(&self, job: &str) -> Result<JobState, String>;

    /// Writes down that this tick is acted on, durably, before anything of its run happens.
    fn note_due(&self, job: &str, due: Timestamp) -> BoxFuture<'_, Result<(), String>>;

    /// Runs a job once and records how it ended, until the token stops it.
    fn run(
        &self,
        job: &str,
        cause: Cause,
        stop: CancellationToken,
        watch: Watch,
    ) -> BoxFuture<'static, Outcome>;

    /// Puts the configuration on disk in force; on an error the old one stays.
    fn reload(&self) -> BoxFuture<'static, Result<(), Refusal>>;

    /// Does what an admin asks for, in the engine's own language.
    fn wish(&self, wish: String) -> BoxFuture<'static, Reply>;

    /// How often the mirror's writer has begun or ended something; odd while it works.
    fn writer_steps(&self) -> u64;

    /// The jobs that wait for a person, by name; the error is a sentence.
    fn waiting(&self) -> Result<Vec<Waiting>, String>;

    /// Why nothing can be written down any more, if so: the loop ends.
    fn lost(&self) -> Option<String>;

    /// What tells this machine from others with the same jobs, so that they do not start together.
    fn host(&self) -> String;
}

/// What became of a wish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// What the asker is told, one line.
    pub answer: String,
    /// A job that is to run at once because an admin has approved its loss.
    pub run_now: Option<String>,
}

/// Why a new configuration was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How many problems are in the way; zero when it is not the files that are wrong.
    pub problems: usize,
    /// The first of them in one line: file, line, what, advice.
    pub first: String,
    /// All of them, with excerpts.
    pub text: String,
}

/// When a job ticks next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The job.
    pub job: String,
    /// The zone of its schedule, as `Europe/Vienna`.
    pub zone: String,
    /// When it is due; nothing when it never is.
    pub due: Option<Timestamp>,
}

/// A job that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The job.
    pub job: String,
    /// Somebody must sign in, grant a right or bring a secret.
    pub parked: bool,
    /// The run whose difference waits for an approval.
    pub held: Option<i64>,
}

/// What the loop tells while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The configuration is right, the mirror open, the jobs known.
    Ready,
    /// The clock shows a time before this program was made; nothing is started until it is set, for two minutes at most.
    ClockUnset(Timestamp),
    /// The clock was not set; all goes on by the time that it shows.
    ClockBelieved(Timestamp),
    /// The clock shows a time that can be right.
    ClockSet,
    /// When the jobs tick next, because that has changed; all of them, by name.
    Planned(Vec<Next>),
    /// Which jobs wait for a person, because that has changed; all of them.
    Waiting(Vec<Waiting>),
    /// The loop has come round, and every run and the mirror's writer get on.
    Alive,
    /// Somebody does not get on: a run, or the mirror's writer. No [`Event::Alive`] comes while that lasts.
    Stuck(String),
    /// The configuration is read again.
    Reloading,
    /// A new configuration is in force.
    Reloaded,
    /// A new configuration was wrong, the old one stays.
    ReloadRefused(Refusal),
    /// A run begins.
    RunStarted {
        /// The job.
        job: String,
        /// What started it.
        cause: Cause,
    },
    /// A run gets on.
    RunMoved {
        /// The job.
        job: String,
        /// How.
        progress: Progress,
    },
    /// A run has ended.
    RunEnded {
        /// The job.
        job: String,
        /// How.
        outcome: Outcome,
    },
    /// A run has ended in a panic; its record in the store is still open.
    RunCrashed {
        /// The job.
        job: String,
    },
    /// A tick came and nothing was run.
    TickDropped {
        /// The job.
        job: String,
        /// Why.
        reason: Dropped,
    },
    /// Nothing can be written down any more, and why: the daemon ends by itself.
    Lost(String),
    /// No more ticks; runs are being stopped.
    Stopping,
}

/// Why a tick was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// The job's last run still goes on.
    Overlap,
    /// The vendor asked to be left alone until then.
    Deferred(Timestamp),
    /// The job waits for a person; it is tried once a day.
    Parked,
    /// So many runs in a row have failed that the next one waits until then.
    BackOff(Timestamp),
    /// The clock was put forward over it, and the job does not catch up.
    Jumped,
    /// The job's state could not be read, or the tick not be written down.
    Store(String),
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap => f.write_str("the last run still goes on"),
            Self::Deferred(until) => write!(f, "the vendor asked to be left alone until {until}"),
            Self::Parked => f.write_str("the job is parked and tried once a day"),
            Self::BackOff(until) => {
                write!(f, "too many runs in a row failed, waiting until {until}")
            }
            Self::Jumped => f.write_str("the clock was put forward over it"),
            Self::Store(sentence) => f.write_str(sentence),
        }
    }
}
