//! Lets the daemon run the jobs of the configuration in force, and put another one in force.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{App, Granted, Overlay, Places, Setup, care};
use crate::daemon::{Engine, Entry, Refusal, Reply, Waiting};
use crate::model::{Cause, Look, Outcome, Problems, Severity};
use crate::store::StoreError;
use crate::store::look::{self, Reader};
use crate::store::runs::{self, JobState};
use crate::sync::{Order, Progress, Watch};

/// The program, as the daemon sees it.
pub struct DaemonEngine {
    pub(super) app: Arc<App>,
    places: Places,
    overlay: Overlay,
}

impl DaemonEngine {
    /// Runs the jobs of this program; a reload reads the same folders again.
    pub fn new(app: Arc<App>, places: Places, overlay: Overlay) -> Self {
        Self {
            app,
            places,
            overlay,
        }
    }
}

impl DaemonEngine {
    /// What is known of a job between its runs.
    pub(super) fn state_by(&self, reader: &Reader, job: &str) -> Result<JobState, StoreError> {
        let state = runs::job_state(reader, job)?;
        Ok(self.unless_signed_in_since(job, state))
    }

    /// A parked job waits no longer once a person has signed in to its source, which another process does:
    /// `rollbook login` writes to the vault and cannot write to the mirror, where the job is parked.
    fn unless_signed_in_since(&self, job: &str, state: JobState) -> JobState {
        let (Some(tried), Some(_)) = (state.last_due, &state.parked) else {
            return state;
        };
        match self.app.signed_in(job) {
            Some(signed_in) if signed_in > tried => JobState {
                last_due: state.last_due,
                ..JobState::default()
            },
            _ => state,
        }
    }
}

impl Engine for DaemonEngine {
    fn jobs(&self) -> Vec<Entry> {
        let setup = self.app.setup();
        let entry = |(name, job): (&crate::model::JobName, &super::JobSetup)| Entry {
            name: name.to_string(),
            schedule: job.config.schedule.clone(),
            zone: job.config.time_zone.clone(),
            catch_up: job.config.catch_up,
            config_fingerprint: self.app.config_fingerprint(&setup, job),
        };
        let jobs = setup.jobs.iter().map(entry);
        jobs.chain(care::entry(&setup)).collect()
    }

    fn state(&self, job: &str) -> Result<JobState, String> {
        let store = self.app.store();
        store
            .reader()
            .and_then(|reader| self.state_by(&reader, job))
            .inspect_err(|error| store.judge(error))
            .map_err(|error| error.to_string())
    }

    fn note_due(&self, job: &str, due: Timestamp) -> BoxFuture<'_, Result<(), String>> {
        let job = job.to_owned();
        let note = self.app.store().write(move |connection| {
            let mut state = runs::job_state(connection, &job)?;
            state.last_due = Some(due);
            runs::save_job_state(connection, &job, &state)
        });
        async move { note.await.map_err(|error| error.to_string()) }.boxed()
    }

    fn run(
        &self,
        job: &str,
        cause: Cause,
        stop: CancellationToken,
        watch: Watch,
    ) -> BoxFuture<'static, Outcome> {
        let (app, job) = (Arc::clone(&self.app), job.to_owned());
        let order = Order {
            cause,
            full: false,
            dry: false,
        };
        if job == care::BACKUP {
            watch(Progress::Quiet(care::LONGEST_BACKUP));
            return async move { app.scheduled_backup().await }.boxed();
        }
        async move { app.run(&job, order, &stop, &watch).await.outcome }.boxed()
    }

    fn host(&self) -> String {
        // Only to tell machines apart; a machine without one shares its offsets with others like it.
        std::fs::read_to_string("/etc/machine-id").unwrap_or_default()
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), Refusal>> {
        let (app, places, overlay) = (
            Arc::clone(&self.app),
            self.places.clone(),
            self.overlay.clone(),
        );
        async move {
            let setup = Setup::load(&places, &overlay).map_err(|problems| refusal(&problems))?;
            app.replace(setup).await.map_err(|error| Refusal {
                problems: 0,
                first: error.to_string(),
                text: error.to_string(),
            })
        }
        .boxed()
    }

    fn wish(&self, wish: String) -> BoxFuture<'static, Reply> {
        let app = Arc::clone(&self.app);
        async move {
            let granted = match serde_json::from_str(&wish) {
                Ok(wish) => app.grant(&wish).await,
                Err(_) => Granted::Refused("this daemon does not know such a wish".to_owned()),
            };
            let run_now = match &granted {
                Granted::Approved { job } => Some(job.clone()),
                _ => None,
            };
            let answer = serde_json::to_string(&granted).unwrap_or_default();
            Reply { answer, run_now }
        }
        .boxed()
    }

    fn waiting(&self) -> Result<Vec<Waiting>, String> {
        let setup = self.app.setup();
        let reader = self
            .app
            .store()
            .reader()
            .map_err(|error| error.to_string())?;
        let mut waiting = Vec::new();
        for name in setup.jobs.keys() {
            let state = self.state_by(&reader, name.as_str());
            let held = look::held(&reader, name.as_str());
            let (state, held) = state
                .and_then(|state| Ok((state, held?)))
                .map_err(|error| error.to_string())?;
            let one = Waiting {
                parked: state.parked.is_some(),
                held: held.map(|run| run.run),
                job: name.to_string(),
            };
            if one.parked || one.held.is_some() {
                waiting.push(one);
            }
        }
        Ok(waiting)
    }

    fn lost(&self) -> Option<String> {
        self.app.store().lost().map(str::to_owned)
    }

    fn writer_steps(&self) -> u64 {
        self.app.store().steps()
    }
}

fn refusal(problems: &Problems) -> Refusal {
    let first = problems
        .iter()
        .find(|problem| problem.severity == Severity::Error);
    Refusal {
        problems: problems.errors(),
        first: first.map(ToString::to_string).unwrap_or_default(),
        text: problems.render(Look::Plain),
    }
}
