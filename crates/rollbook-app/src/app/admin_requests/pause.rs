//! Pause a job or a source, and resume it: whatever it waits for.

use serde::{Deserialize, Serialize};

use super::{AdminResponse, wait_reasons};
use crate::app::App;
use rollbook_core::blocking::blocking;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::pause::{Pause, PauseTarget, parse_until};
use rollbook_core::model::{EntryName, JobName, ParkReason, SourceName};
use rollbook_core::store::runs::{self, JobState};
use rollbook_core::store::{StoreError, pauses};
use rollbook_engine::setup::{JobSetup, Setup};

/// A job, or a source with all its jobs, as an admin types it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypedTarget {
    /// The name.
    pub name: String,
    /// Whether it is a source's, also if a job has the same name.
    pub is_source: bool,
}

/// A job that waits for nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumedJob {
    /// The job.
    pub job: JobName,
    /// What it waited for, for people; empty if it was not waiting.
    pub waits: Vec<String>,
    /// Why it was parked, if it was.
    pub park_reason: Option<ParkReason>,
    /// The pause of its source, which goes on, and the command that ends it.
    pub still_paused: Option<String>,
}

impl App {
    pub(super) async fn pause(
        &self,
        typed: &TypedTarget,
        until: Option<&str>,
    ) -> Result<AdminResponse, AdminResponse> {
        let (setup, now) = (self.setup(), self.clock.now());
        let target = known_target(&setup, typed).map_err(AdminResponse::Refused)?;
        let jobs = jobs_of(&setup, &target);
        let parse = |text: &str| {
            let mut ends = jobs.iter().map(|(_, job)| {
                let zone = job.config.time_zone.zone();
                parse_until(text, zone, now)
            });
            let Some(first) = ends.next() else {
                return Err(format!("no job reads the source {}", target.name()));
            };
            let first = first?;
            for end in ends {
                if end? != first {
                    return Err(format!(
                        "the jobs of {} have different time zones, so `{text}` is not one time; add an offset, \
                         as in `2027-01-07T00:00:00+01:00`",
                        target.name()
                    ));
                }
            }
            Ok(first)
        };
        let until = until.map(parse).transpose();
        let pause = Pause {
            since: now,
            until: until.map_err(AdminResponse::Refused)?,
        };
        let response = AdminResponse::Paused {
            pause: pause.to_string(),
            jobs: jobs.iter().map(|(name, _)| (*name).clone()).collect(),
            resume: resume_command(&setup, &target),
        };
        self.store()
            .write(move |connection| pauses::save(connection, &target, &pause))
            .await?;
        Ok(response)
    }

    pub(super) async fn resume(&self, typed: &TypedTarget) -> Result<AdminResponse, AdminResponse> {
        let setup = self.setup();
        let target = known_target(&setup, typed).map_err(AdminResponse::Refused)?;
        let mut resumed = Vec::new();
        for (name, job) in jobs_of(&setup, &target) {
            resumed.push(self.resume_job(&setup, name, job, &target).await?);
        }
        let now = self.clock.now();
        self.store()
            .write(move |connection| pauses::end(connection, &target, now))
            .await?;
        Ok(AdminResponse::Resumed { jobs: resumed })
    }

    /// Ends what one job waits for; the pause of a source that is resumed is ended after its last job.
    async fn resume_job(
        &self,
        setup: &Setup,
        name: &JobName,
        job: &JobSetup,
        target: &PauseTarget,
    ) -> Result<ResumedJob, AdminResponse> {
        let (entry, source, now) = (EntryName::from(name), job.source.clone(), self.clock.now());
        let own = PauseTarget::Job(name.clone());
        let (before, mut waits) = self
            .store()
            .write(move |connection| {
                let what = StoreError::sql("resume a job");
                let transaction = connection.transaction().map_err(&what)?;
                let state = runs::job_state(&transaction, &entry)?;
                runs::save_job_state(&transaction, &entry, &state.clone().resumed())?;
                let pause = pauses::end(&transaction, &own, now)?;
                transaction.commit().map_err(what)?;
                let waits: Vec<String> = pause.iter().map(Pause::to_string).collect();
                Ok::<(JobState, Vec<String>), StoreError>((state, waits))
            })
            .await?;
        let shared = PauseTarget::Source(source.clone());
        let shared_pause = pauses::of(&*self.store().reader()?, &shared)?;
        let shared_pause = shared_pause.filter(|pause| pause.is_active(now));
        let mut still_paused = None;
        if let Some(pause) = shared_pause {
            let text = format!("{pause} with its source {source}");
            if *target == shared {
                waits.push(text);
            } else {
                let command = resume_command(setup, &shared);
                still_paused = Some(format!("{text}; `{command}` ends that"));
            }
        }
        let is_lifted = self.lift_refusal(&source).await?;
        if (before.parked.as_ref()).is_some_and(|parked| parked.reason == ParkReason::RefreshOpen) {
            let (grants, source) = (self.grants.clone(), source.clone());
            let resumed = blocking(move || grants.resume(&source)).await;
            resumed.map_err(|error| AdminResponse::Failed(error.reason))?;
        }
        if before.parked.is_some() || before.failures > 0 || is_lifted {
            self.rebuild_source(&source);
        }
        waits.extend(wait_reasons(&before));
        if is_lifted && before.parked.is_none() {
            waits.push("the password was not sent again, because it was not accepted".to_owned());
        }
        Ok(ResumedJob {
            job: name.clone(),
            waits,
            park_reason: before.parked.map(|parked| parked.reason),
            still_paused,
        })
    }
}

/// The job or source of this name; a job, if both have it and the source is not asked for. The error is a message.
fn known_target(setup: &Setup, typed: &TypedTarget) -> Result<PauseTarget, String> {
    let name = typed.name.as_str();
    let job = setup.jobs.get_key_value(name).map(|(name, _)| name);
    if let Some(job) = job.filter(|_| !typed.is_source) {
        return Ok(PauseTarget::Job(job.clone()));
    }
    if let Some((source, _)) = setup.sources.get_key_value(name) {
        return Ok(PauseTarget::Source(source.clone()));
    }
    let sources = setup.sources.keys().map(SourceName::as_str);
    if typed.is_source {
        let help = advice(name, sources);
        return Err(format!("there is no source `{name}`; {help}"));
    }
    let names: Vec<&str> = setup.jobs.keys().map(JobName::as_str).collect();
    let help = advice(name, names.into_iter().chain(sources));
    Err(format!("there is no job or source `{name}`; {help}"))
}

fn jobs_of<'a>(setup: &'a Setup, target: &PauseTarget) -> Vec<(&'a JobName, &'a JobSetup)> {
    let is_meant = |(name, job): &(&JobName, &JobSetup)| match target {
        PauseTarget::Job(meant) => *name == meant,
        PauseTarget::Source(meant) => job.source == *meant,
    };
    setup.jobs.iter().filter(is_meant).collect()
}

/// The command that ends a pause.
pub fn resume_command(setup: &Setup, target: &PauseTarget) -> String {
    let name = target.name();
    match target {
        PauseTarget::Source(_) if setup.jobs.contains_key(name) => {
            format!("rollbook resume {name} --source")
        }
        _ => format!("rollbook resume {name}"),
    }
}
