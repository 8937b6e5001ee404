//! What an admin may ask for that writes to the mirror: approve a run, resume a job, reset a stream.
//!
//! Here, and not in the commands, because either the command does it or a daemon that has the mirror. The words of an
//! answer are the same for both. What comes after it, such as running the job, is the asker's.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{App, JobSetup, Setup};
use crate::model::nearest::advice;
use crate::model::{JobName, Outcome, ParkReason, scalar};
use crate::store::look::{self, RunLine};
use crate::store::runs::{self, JobState};
use crate::store::{StoreError, checkpoints};

/// A held run can be approved for a day (reliability.md 4.2): later the vendor says something else.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Wish {
    /// Accept what a run held back.
    Approve {
        /// The run.
        run: i64,
    },
    /// Let a job run again at its next tick.
    Resume {
        /// The job.
        job: String,
    },
    /// Read a stream in full next time.
    Reset {
        /// The job.
        job: String,
        /// Its stream, by its own name or as its table is called.
        stream: String,
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granted {
    /// The next run of the job applies what the approved one held back, if it is still the same.
    Approved {
        /// The job.
        job: String,
    },
    /// The job waits no longer.
    Resumed {
        /// What it waited for, in words; empty when for nothing.
        waits: Vec<String>,
        /// Why it was parked, if it was.
        park_reason: Option<ParkReason>,
    },
    /// The stream is read in full next time.
    Forgotten {
        /// Its table.
        table: String,
    },
    /// It makes no sense, in words.
    Refused(String),
    /// The mirror did not take it, in words.
    Failed(String),
}

impl From<StoreError> for Granted {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl App {
    /// Does what is asked for.
    pub async fn grant(&self, wish: &Wish) -> Granted {
        let done = match wish {
            Wish::Approve { run } => self.approve(*run).await,
            Wish::Resume { job } => self.resume(job).await,
            Wish::Reset { job, stream } => self.reset(job, stream).await,
        };
        done.unwrap_or_else(|why_not| why_not)
    }

    async fn approve(&self, number: i64) -> Result<Granted, Granted> {
        let now = self.clock.now();
        let reader = self.store().reader()?;
        let run = look::run(&reader, number)?;
        let hold = runs::held(&reader, number)?.map(|(_, hold)| hold);
        let (run, hold) = approvable(number, run, hold, now).map_err(Granted::Refused)?;
        if look::held(&reader, &run.job)?.is_none() {
            return Err(Granted::Refused(format!(
                "run {number} of {} waits no longer: a later run ended well",
                run.job
            )));
        }
        if self.setup().job(&run.job).is_none() {
            return Err(Granted::Refused(format!(
                "the job {} of run {number} is not configured any more",
                run.job
            )));
        }
        let (job, at) = (run.job.clone(), scalar::written(now));
        self.store()
            .write(move |connection| runs::approve(connection, number, &job, &hold, &at))
            .await?;
        Ok(Granted::Approved { job: run.job })
    }

    async fn resume(&self, job: &str) -> Result<Granted, Granted> {
        let source = known_job(&self.setup(), job)
            .map_err(Granted::Refused)?
            .source
            .clone();
        let job = job.to_owned();
        let before = self
            .store()
            .write(move |connection| {
                let state = runs::job_state(connection, &job)?;
                let cleared = JobState {
                    last_due: state.last_due,
                    ..JobState::default()
                };
                runs::save_job_state(connection, &job, &cleared)?;
                Ok(state)
            })
            .await?;
        if before.parked.is_some() {
            self.prepare_anew(source.as_str());
        }
        Ok(Granted::Resumed {
            waits: waits_for(&before),
            park_reason: before.parked.map(|parked| parked.reason),
        })
    }

    async fn reset(&self, name: &str, stream: &str) -> Result<Granted, Granted> {
        let setup = self.setup();
        let job = known_job(&setup, name).map_err(Granted::Refused)?;
        let stream = known_stream(name, job, stream).map_err(Granted::Refused)?;
        let source = job.source.as_str();
        let table_name = format!("{source}_{stream}");
        let mut tables = setup.tables().into_iter();
        let Some(table) = tables.find(|table| table.name() == table_name) else {
            return Err(Granted::Failed(format!("no job has a table {table_name}")));
        };
        // What a run is about to write would undo it.
        let Some(_lock) = self.store().try_lock_table(&table_name) else {
            return Err(Granted::Refused(format!(
                "a run reads {table_name} now; ask again when it has ended"
            )));
        };
        self.store()
            .write(move |connection| checkpoints::forget(connection, &table))
            .await?;
        Ok(Granted::Forgotten { table: table_name })
    }
}

impl App {
    /// A credential was put right, so it is fetched anew and not held back as one that was refused; a run that
    /// goes on keeps what it has.
    fn prepare_anew(&self, name: &str) {
        self.made_sources().remove(name);
    }
}

/// A job by the name that the admin typed; the error is a sentence.
pub fn known_job<'a>(setup: &'a Setup, name: &str) -> Result<&'a JobSetup, String> {
    setup.job(name).ok_or_else(|| {
        let help = advice(name, setup.jobs.keys().map(JobName::as_str));
        format!("there is no job `{name}`; {help}")
    })
}

/// The job's stream: by its own name, or as its table is called.
fn known_stream<'a>(name: &str, job: &'a JobSetup, stream: &str) -> Result<&'a str, String> {
    let names = || job.streams.iter().map(|spec| spec.name.as_str());
    let plain = stream
        .strip_prefix(job.source.as_str())
        .and_then(|rest| rest.strip_prefix(['_', '.']));
    names()
        .find(|known| *known == stream || Some(*known) == plain)
        .ok_or_else(|| {
            let help = advice(plain.unwrap_or(stream), names().collect::<Vec<_>>());
            format!("the job {name} reads no stream `{stream}`; {help}")
        })
}

/// The run and what its approval is bound to, or why it cannot be approved.
fn approvable(
    number: i64,
    run: Option<RunLine>,
    hold: Option<String>,
    now: Timestamp,
) -> Result<(RunLine, String), String> {
    let run = run.ok_or_else(|| {
        format!("there is no run {number}; `rollbook status` shows the held ones")
    })?;
    let job = &run.job;
    let Some(hold) = hold else {
        return Err(match run.outcome {
            Some(Outcome::Held) => format!(
                "what run {number} of {job} held back is part of a time series and cannot be approved; \
                 change [guard] of the job, then `rollbook sync {job}`"
            ),
            Some(outcome) => format!(
                "run {number} of {job} held nothing back, it ended {outcome}; `rollbook status` shows the held ones"
            ),
            None => format!("run {number} of {job} has not ended"),
        });
    };
    if is_too_old(&run, now) {
        return Err(format!(
            "run {number} of {job} started {} UTC, more than a day ago; `rollbook sync {job}` reads again, \
             then approve that run",
            scalar::moment(&run.started)
        ));
    }
    Ok((run, hold))
}

/// Whether a held run can no longer be approved.
pub fn is_too_old(run: &RunLine, now: Timestamp) -> bool {
    let held = run.ended.as_deref().unwrap_or(&run.started);
    scalar::parse(held).is_none_or(|held| now.duration_since(held) > GOOD_FOR)
}

/// What makes a job wait, in words.
pub fn waits_for(state: &JobState) -> Vec<String> {
    let mut waits = Vec::new();
    if let Some(parked) = &state.parked {
        waits.push(format!("parked: {}", parked.message));
    }
    if let Some(until) = state.deferred_until {
        waits.push(format!(
            "deferred: the vendor asked to be left alone until {} UTC",
            scalar::moment(&scalar::written(until))
        ));
    }
    if state.failures > 1 {
        waits.push(format!("{} runs in a row did not end well", state.failures));
    }
    waits
}

#[cfg(test)]
mod tests;
