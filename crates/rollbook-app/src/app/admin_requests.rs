//! Admin requests that write to the mirror: approve a run, pause and resume jobs, reset a stream.
//!
//! Here and not in the commands, because a running daemon owns the mirror and handles them then, with the same messages.
//! What follows, such as running the job, is left to the caller.

mod pause;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use pause::{ResumedJob, TypedTarget};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bundles::{BundleAction, BundleReport};
use super::{App, Publishing};
use rollbook_core::blocking::blocking;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::decision::APPROVAL_TTL;
use rollbook_core::model::{
    ApplyMode, AuditedAction, BundleName, ErasureReason, JobName, Outcome, PublishName, SourceName,
    StreamName, scalar,
};
use rollbook_core::permissions::Actor;
use rollbook_core::store::person::PersonKey;
use rollbook_core::store::queries::{self, Reader, RunLine};
use rollbook_core::store::runs::{self, JobState};
use rollbook_core::store::suppression::Erasure;
use rollbook_core::store::{StoreError, audit, checkpoints};
use rollbook_engine::setup::{JobSetup, Setup};

/// A request and who sends it. Only the daemon's own user and root are served, so the name is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminMessage {
    /// Who started the command.
    pub by: Actor,
    /// What it requests.
    pub request: AdminRequest,
}

/// How long an admin waits for runs before the mirror's file is rewritten; it is rewritten after them otherwise.
pub(super) const FINISH_WAIT: Duration = Duration::from_secs(30);

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminRequest {
    /// Accept what a run held back.
    Approve {
        /// The run.
        run: i64,
    },
    /// Start no run of a job, or of a source's jobs, by schedule.
    Pause {
        /// Which.
        target: TypedTarget,
        /// Until when, as it is typed; `None` until it is resumed.
        until: Option<String>,
    },
    /// Let a paused, parked, deferred or failing job run at its next tick, or all jobs of a source.
    Resume {
        /// Which.
        target: TypedTarget,
    },
    /// Run a job now.
    Run {
        /// The job.
        job: JobName,
        /// Read every stream in full.
        full: bool,
        /// Read only this stream, by its own name or its table's.
        only: Option<String>,
    },
    /// Read a stream in full next time.
    Reset {
        /// The job.
        job: JobName,
        /// The stream, by its own name or its table's.
        stream: String,
    },
    /// Record what another command did that does not write to the mirror.
    Record(RecordedAction),
    /// Erase a person, and suppress what the vendor sends of them from now on.
    Erase {
        /// The rows that are the person.
        people: Vec<PersonKey>,
        /// Why.
        reason: ErasureReason,
    },
    /// Finish erasures: rewrite the mirror's file and all copies of it.
    FinishErasures,
    /// Write a bundle now.
    WriteBundle {
        /// The bundle.
        name: BundleName,
        /// How.
        action: BundleAction,
    },
    /// Take back what the vendor sends of an erased person.
    LiftErasure {
        /// The erasure.
        id: String,
    },
    /// Compare everything that is published of a source, or of all, also if another mirror published it.
    RebuildPublished {
        /// The database.
        name: PublishName,
        /// The source; all without one.
        source: Option<SourceName>,
    },
    /// Remove everything of a source that is published no longer.
    RemovePublished {
        /// The database.
        name: PublishName,
        /// The source.
        source: SourceName,
    },
    /// Forget what was published of sources: nothing is removed there.
    ForgetPublished {
        /// The database, which the configuration may not have any more.
        name: PublishName,
        /// The source; all without one.
        source: Option<SourceName>,
    },
}

/// What a command did without writing to the mirror.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedAction {
    /// A person signed in to a source.
    Login(SourceName),
    /// The sign-in of a source was deleted.
    Logout(SourceName),
    /// What is kept of a person was shown; the tables with rows that are the person.
    ShowPerson(Vec<String>),
    /// The same was written to a file.
    ExportPerson(Vec<String>),
}

impl RecordedAction {
    fn audited(&self) -> (AuditedAction, String) {
        let person = |tables: &[String]| format!("a person of {}", tables.join(", "));
        match self {
            Self::Login(source) => (AuditedAction::Login, format!("source {source}")),
            Self::Logout(source) => (AuditedAction::Logout, format!("source {source}")),
            Self::ShowPerson(tables) => (AuditedAction::ShowPerson, person(tables)),
            Self::ExportPerson(tables) => (AuditedAction::ExportPerson, person(tables)),
        }
    }
}

impl AdminRequest {
    /// The action that is recorded if it succeeds, and its subject.
    fn audited(&self) -> Option<(AuditedAction, String)> {
        Some(match self {
            Self::Approve { run } => (AuditedAction::Approve, format!("run {run}")),
            Self::Pause { target, until } => {
                let until = until.as_ref().map(|until| format!(" until {until}"));
                let subject = format!("{}{}", target.name, until.unwrap_or_default());
                (AuditedAction::Pause, subject)
            }
            Self::Resume { target } => (AuditedAction::Resume, target.name.clone()),
            Self::Reset { job, stream } => {
                (AuditedAction::Reset, format!("job {job}, stream {stream}"))
            }
            Self::Record(action) => action.audited(),
            Self::Erase { reason, .. } => (AuditedAction::Erase, reason.as_str().to_owned()),
            Self::LiftErasure { id } => (AuditedAction::LiftErasure, id.clone()),
            Self::WriteBundle {
                name,
                action: BundleAction::Approve,
            } => (AuditedAction::Approve, format!("bundle {name}")),
            Self::RebuildPublished { name, source } => {
                let source = source.as_ref().map(|source| format!(", source {source}"));
                let subject = format!("publish {name}{}", source.unwrap_or_default());
                (AuditedAction::RebuildPublished, subject)
            }
            Self::RemovePublished { name, source } => {
                let subject = format!("publish {name}, source {source}");
                (AuditedAction::RemovePublished, subject)
            }
            Self::ForgetPublished { name, source } => {
                let source = source.as_ref().map(|source| format!(", source {source}"));
                let subject = format!("publish {name}{}", source.unwrap_or_default());
                (AuditedAction::ForgetPublished, subject)
            }
            Self::Run { .. } | Self::FinishErasures | Self::WriteBundle { .. } => return None,
        })
    }
}

/// The response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminResponse {
    /// The job's next run applies what this run held back, if it is the same difference.
    Approved {
        /// The job.
        job: JobName,
        /// Its newest run before.
        after: i64,
    },
    /// The jobs are paused.
    Paused {
        /// Until when: `paused until 2027-01-07`.
        pause: String,
        /// The jobs.
        jobs: Vec<JobName>,
        /// The command that ends it.
        resume: String,
    },
    /// The jobs wait no longer.
    Resumed {
        /// All jobs that were meant.
        jobs: Vec<ResumedJob>,
    },
    /// The job runs now.
    Runs {
        /// The job.
        job: JobName,
        /// Every stream is read in full.
        full: bool,
        /// The only stream that is read.
        only: Option<StreamName>,
        /// Its newest run before, which may be active still.
        after: i64,
    },
    /// The next run reads the stream in full.
    Reset {
        /// Its table.
        table: String,
    },
    /// The action is recorded.
    Recorded,
    /// The person's rows are deleted from the mirror; freed space and copies are not clean yet.
    Erased {
        /// The erasure as recorded.
        erasure: Box<Erasure>,
    },
    /// How far the erasures are.
    Finished(FinishedErasures),
    /// The suppression of an erasure was lifted.
    Lifted {
        /// How many entries it had.
        entries: u64,
    },
    /// Everything is compared now.
    Rebuilding {
        /// The sources.
        sources: Vec<SourceName>,
    },
    /// The source is removed from the database now.
    RemovingPublished,
    /// What was published is not known any more.
    ForgotPublished {
        /// The sources.
        sources: Vec<SourceName>,
    },
    /// The bundle was written, held, or is the same.
    Bundle(Box<BundleReport>),
    /// The request is not possible; why.
    Refused(String),
    /// The mirror could not be written; why.
    Failed(String),
}

/// How far the pending erasures are now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedErasures {
    /// Copies of the mirror that were rewritten.
    pub rewritten: u64,
    /// Copies that could not be read, and were removed.
    pub removed: Vec<PathBuf>,
    /// Files about people that were removed, as one may name another.
    pub exports: Vec<PathBuf>,
    /// Databases whose published tables were cleaned.
    pub databases: Vec<PublishName>,
    /// What is not done yet, and why; nothing when all erasures are finished.
    pub pending: Vec<String>,
}

impl FinishedErasures {
    /// Nothing could be done, because a run is active.
    fn after_a_run() -> Self {
        let why = "a run is active, so the mirror's file is rewritten when it has ended";
        Self {
            pending: vec![why.to_owned()],
            ..Self::default()
        }
    }
}

impl From<StoreError> for AdminResponse {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl App {
    /// Handles a request, and records who did what.
    pub async fn handle_admin_request(&self, message: &AdminMessage) -> AdminResponse {
        let AdminMessage { by, request } = message;
        let done = match request {
            AdminRequest::Approve { run } => self.approve(*run).await,
            AdminRequest::Pause { target, until } => self.pause(target, until.as_deref()).await,
            AdminRequest::Resume { target } => self.resume(target).await,
            AdminRequest::Run { job, full, only } => self.accept_run(job, *full, only.as_deref()),
            AdminRequest::Reset { job, stream } => self.reset(job, stream).await,
            AdminRequest::Record(_) => Ok(AdminResponse::Recorded),
            AdminRequest::Erase { people, reason } => self.erase(people, *reason, &by.name).await,
            AdminRequest::FinishErasures => self
                .finish_erasures(FINISH_WAIT, Publishing::Now)
                .await
                .map(|done| {
                    AdminResponse::Finished(done.unwrap_or_else(FinishedErasures::after_a_run))
                })
                .map_err(AdminResponse::from),
            AdminRequest::WriteBundle { name, action } => {
                let written = self.write_bundle(name, *action).await;
                let written = written.map(|report| AdminResponse::Bundle(Box::new(report)));
                written.map_err(|error| AdminResponse::Failed(error.to_string()))
            }
            AdminRequest::LiftErasure { id } => self.lift_erasure(id).await,
            AdminRequest::RebuildPublished { name, source } => {
                self.rebuild_published(name, source.as_ref()).await
            }
            AdminRequest::RemovePublished { name, source } => {
                self.remove_published(name, source).await
            }
            AdminRequest::ForgetPublished { name, source } => {
                self.forget_published(name, source.as_ref()).await
            }
        };
        let Ok(response) = done else {
            return done.unwrap_or_else(|error| error);
        };
        let Some((action, subject)) = request.audited() else {
            return response;
        };
        match self.record(by.clone(), action, subject).await {
            Ok(()) => response,
            Err(error) => error.into(),
        }
    }

    /// Records an action in the mirror.
    pub async fn record(
        &self,
        by: Actor,
        action: AuditedAction,
        subject: String,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.store()
            .write(move |connection| audit::record(connection, &by, action, &subject, now))
            .await
    }

    async fn approve(&self, number: i64) -> Result<AdminResponse, AdminResponse> {
        let now = self.clock.now();
        let reader = self.store().reader()?;
        let run = queries::run(&reader, number)?;
        let hold = runs::held(&reader, number)?.map(|(_, hold)| hold);
        let (run, hold) = approvable(number, run, hold, now).map_err(AdminResponse::Refused)?;
        if queries::held(&reader, &run.job)?.is_none() {
            return Err(AdminResponse::Refused(format!(
                "run {number} of {} no longer waits for approval: a later run succeeded",
                run.job
            )));
        }
        if !self.setup().jobs.contains_key(&run.job) {
            return Err(AdminResponse::Refused(format!(
                "the job {} of run {number} is no longer configured",
                run.job
            )));
        }
        let (job, at) = (run.job.clone(), scalar::to_canonical(now));
        self.store()
            .write(move |connection| runs::approve(connection, number, &job, &hold, &at))
            .await?;
        let after = newest(&reader, &run.job)?;
        Ok(AdminResponse::Approved {
            job: run.job,
            after,
        })
    }

    /// Accepts a run; the process that received the request starts it.
    fn accept_run(
        &self,
        name: &JobName,
        full: bool,
        only: Option<&str>,
    ) -> Result<AdminResponse, AdminResponse> {
        let setup = self.setup();
        let (job, _) = known_job(&setup, name.as_str()).map_err(AdminResponse::Refused)?;
        let only = only.map(|only| self.single_stream(job, only)).transpose()?;
        Ok(AdminResponse::Runs {
            job: job.clone(),
            full,
            only,
            after: newest(&*self.store().reader()?, job)?,
        })
    }

    /// A stream that can be read without the job's other streams.
    pub fn single_stream(&self, name: &JobName, typed: &str) -> Result<StreamName, AdminResponse> {
        let setup = self.setup();
        let (_, job) = known_job(&setup, name.as_str()).map_err(AdminResponse::Refused)?;
        let stream = known_stream(name, job, typed).map_err(AdminResponse::Refused)?;
        if job.config.apply == ApplyMode::Together {
            return Err(AdminResponse::Refused(format!(
                "{name} applies its streams together (`apply = \"together\"`), so {stream} is not read alone: \
                 `rollbook sync {name}`"
            )));
        }
        let spec = job.streams.iter().find(|spec| spec.name == *stream);
        let each = spec.and_then(|spec| spec.for_each.as_ref());
        if let Some(parent) = each.and_then(|each| each.stream.as_ref())
            && !checkpoints::was_read(&*self.store().reader()?, &job.source, parent)?
        {
            return Err(AdminResponse::Refused(format!(
                "{stream} is read for each row of {parent}, which was not read yet: `rollbook sync {name}`"
            )));
        }
        Ok(stream.clone())
    }

    async fn reset(&self, name: &JobName, stream: &str) -> Result<AdminResponse, AdminResponse> {
        let setup = self.setup();
        let (_, job) = known_job(&setup, name.as_str()).map_err(AdminResponse::Refused)?;
        let stream = known_stream(name, job, stream).map_err(AdminResponse::Refused)?;
        let table_name = format!("{}_{stream}", job.source);
        let mut tables = setup.tables().into_iter();
        let Some(table) = tables.find(|table| table.name() == table_name) else {
            return Err(AdminResponse::Failed(format!(
                "no job has the table {table_name}"
            )));
        };
        // A run would overwrite the reset when it ends.
        let Some(_lock) = self.store().locks().try_lock_table(&table_name) else {
            return Err(AdminResponse::Refused(format!(
                "a run is reading {table_name}; try again when it has ended"
            )));
        };
        self.store()
            .write(move |connection| checkpoints::forget(connection, &table))
            .await?;
        Ok(AdminResponse::Reset { table: table_name })
    }
}

impl App {
    /// Forgets that the source's password was not accepted, also for other processes.
    async fn lift_refusal(&self, source: &SourceName) -> Result<bool, AdminResponse> {
        let (vault, source) = (Arc::clone(&self.vault), source.clone());
        let lifted = blocking(move || vault.lift_refusal(&source)).await;
        lifted.map_err(AdminResponse::from)
    }

    /// Drops the source's session with all refusals that it remembers. An active run keeps its session.
    fn rebuild_source(&self, name: &SourceName) {
        self.open_sources().remove(name);
    }
}

/// The number of a job's newest run; 0 without one.
fn newest(reader: &Reader, job: &JobName) -> Result<i64, StoreError> {
    let newest = queries::runs(reader, Some(job), 1)?;
    Ok(newest.first().map_or(0, |run| run.run))
}

/// Finds a job by the name that an admin typed; the error is a message.
pub fn known_job<'a>(setup: &'a Setup, name: &str) -> Result<(&'a JobName, &'a JobSetup), String> {
    setup.jobs.get_key_value(name).ok_or_else(|| {
        let help = advice(name, setup.jobs.keys().map(JobName::as_str));
        format!("there is no job `{name}`; {help}")
    })
}

/// Finds the job's stream by its own name or its table's.
fn known_stream<'a>(
    name: &JobName,
    job: &'a JobSetup,
    stream: &str,
) -> Result<&'a StreamName, String> {
    let names = || job.streams.iter().map(|spec| &spec.name);
    let plain = stream
        .strip_prefix(job.source.as_str())
        .and_then(|rest| rest.strip_prefix(['_', '.']));
    names()
        .find(|known| **known == *stream || plain.is_some_and(|plain| **known == *plain))
        .ok_or_else(|| {
            let help = advice(plain.unwrap_or(stream), names().map(StreamName::as_str));
            format!("the job {name} reads no stream `{stream}`; {help}")
        })
}

/// The run and the difference that its approval is bound to, or why it cannot be approved.
fn approvable(
    number: i64,
    run: Option<RunLine>,
    hold: Option<String>,
    now: Timestamp,
) -> Result<(RunLine, String), String> {
    let run =
        run.ok_or_else(|| format!("there is no run {number}; `rollbook status` shows held runs"))?;
    let job = &run.job;
    let Some(hold) = hold else {
        return Err(match run.outcome {
            Some(Outcome::Held) => format!(
                "run {number} of {job} held back a part of a time series, which cannot be approved; \
                 change [guard] in the job, then run `rollbook sync {job}`"
            ),
            Some(outcome) => format!(
                "run {number} of {job} held nothing back, its outcome is {outcome}; `rollbook status` shows held runs"
            ),
            None => format!("run {number} of {job} has not ended"),
        });
    };
    if is_too_old(&run, now) {
        return Err(format!(
            "run {number} of {job} started {} UTC, more than a day ago, and can no longer be approved; \
             run `rollbook sync {job}`, then approve the new run",
            scalar::display_time(&run.started)
        ));
    }
    Ok((run, hold))
}

/// Whether a held run can no longer be approved.
pub fn is_too_old(run: &RunLine, now: Timestamp) -> bool {
    let held = run.ended.as_deref().unwrap_or(&run.started);
    scalar::parse(held).is_none_or(|held| now.duration_since(held) > APPROVAL_TTL)
}

/// Why a job waits, for people.
pub fn wait_reasons(state: &JobState) -> Vec<String> {
    let mut waits = Vec::new();
    if let Some(parked) = &state.parked {
        waits.push(format!("parked: {}", parked.message));
    }
    if let Some(until) = state.deferred_until {
        waits.push(format!(
            "deferred until {} UTC",
            scalar::display_time(&scalar::to_canonical(until))
        ));
    }
    if state.failures > 1 {
        waits.push(format!("{} runs in a row failed", state.failures));
    }
    waits
}

#[cfg(test)]
mod tests;
