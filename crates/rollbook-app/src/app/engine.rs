//! Implements the daemon's [`Engine`]: runs the jobs of the configuration in force and reloads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::unrecorded_alerts::UnrecordedAlerts;
use super::webhooks::ReportedWebhooks;
use super::{AdminResponse, App, maintenance};
use rollbook_core::connector::connector_schema;
use rollbook_core::document::without_values::{names_of, without_values};
use rollbook_core::document::{Problem, Problems, RenderStyle, Severity};
use rollbook_core::model::park::PARKS_AT;
use rollbook_core::model::{
    Cause, EntryName, JobName, Outcome, ParkReason, Pause, RunStart, StreamSet,
};
use rollbook_core::store::queries::Reader;
use rollbook_core::store::runs::{self, JobState};
use rollbook_core::store::{StoreError, alerts, pauses};
use rollbook_engine::daemon::status::{MOST_PLACES, ProblemPlace};
use rollbook_engine::daemon::webhook_request::WebhookRequest;
use rollbook_engine::daemon::{
    AdminResult, Conditions, Engine, Entry, LoadedFiles, Refusal, RunRequest, WebhookResult,
};
use rollbook_engine::setup::files::{
    bundle_schema, crosswalk_schema, job_schema, people_schema, rollbook_schema,
};
use rollbook_engine::setup::{Folders, JobSetup, Overlay, Setup};
use rollbook_engine::sync::{Progress, ProgressSink, RunOptions};

/// What it may take to bring what a run has written to where it is kept.
const SHIPPING: Duration = Duration::from_secs(60 * 60);

/// Where a reload gets the configuration from.
pub type SetupLoader = Arc<dyn Fn() -> Result<Setup, Problems> + Send + Sync>;

/// The application, as the daemon sees it.
pub struct DaemonEngine {
    pub(super) app: Arc<App>,
    load: SetupLoader,
    /// The files that a reload reads; `None` where it gets what another has read.
    loaded: Option<Arc<LoadedFiles>>,
    pub(super) unrecorded: UnrecordedAlerts,
    reported_webhooks: Arc<ReportedWebhooks>,
}

impl DaemonEngine {
    /// Runs the jobs of `app`; a reload reads the same folders again.
    pub fn new(
        app: Arc<App>,
        folders: Folders,
        overlay: Overlay,
        loaded: Arc<LoadedFiles>,
    ) -> Self {
        let load = Arc::new(move || Setup::load(&folders, &overlay));
        Self {
            loaded: Some(loaded),
            ..Self::loading(app, load)
        }
    }

    /// Runs the jobs of `app`; a reload gets its configuration here.
    pub fn loading(app: Arc<App>, load: SetupLoader) -> Self {
        app.warn_of_unverified_webhooks();
        Self {
            app,
            load,
            loaded: None,
            unrecorded: UnrecordedAlerts::default(),
            reported_webhooks: Arc::default(),
        }
    }
}

impl DaemonEngine {
    /// The state of a job between its runs.
    pub(super) fn job_state(
        &self,
        reader: &Reader,
        entry: &EntryName,
    ) -> Result<JobState, StoreError> {
        let state = runs::job_state(reader, entry)?;
        Ok(match entry {
            EntryName::Job(job) => {
                let state = self.unless_signed_in_since(job, state);
                let state = self.unless_accepted_since(reader, job, state)?;
                JobState {
                    pauses: self.pauses(reader, job)?,
                    ..state
                }
            }
            EntryName::Backup => state,
        })
    }

    fn pauses(&self, reader: &Reader, job: &JobName) -> Result<Vec<Pause>, StoreError> {
        match self.app.setup().jobs.get(job) {
            Some(setup) => pauses::of_job(reader, job, &setup.source),
            None => Ok(Vec::new()),
        }
    }

    /// A job whose credential was refused is tried once more after another job of the source has had a good run with it.
    /// Once, because a vendor may refuse some routes only.
    fn unless_accepted_since(
        &self,
        reader: &Reader,
        job: &JobName,
        state: JobState,
    ) -> Result<JobState, StoreError> {
        let (Some(tried), Some(parked)) = (state.last_due, &state.parked) else {
            return Ok(state);
        };
        let is_refused = parked.reason == ParkReason::CredentialRefused
            && matches!(state.refused_runs, 1 | PARKS_AT);
        let setup = self.app.setup();
        let source = setup.jobs.get(job).map(|job| &job.source);
        if !is_refused || source.is_none() {
            return Ok(state);
        }
        for (other, setup) in &setup.jobs {
            if Some(&setup.source) == source
                && other != job
                && alerts::ends(reader, other, self.app.clock.now())?
                    .0
                    .is_some_and(|good| good > tried)
            {
                return Ok(state.resumed());
            }
        }
        Ok(state)
    }

    /// A parked job resumes once a person has signed in to its source. Another process does that: `rollbook login` writes
    /// to the vault, and cannot write to the mirror, where the job is parked.
    fn unless_signed_in_since(&self, job: &JobName, state: JobState) -> JobState {
        let (Some(tried), Some(_)) = (state.last_due, &state.parked) else {
            return state;
        };
        match self.app.signed_in(job) {
            // A clock that was ahead may have written the last tick.
            Some(signed_in) if signed_in > tried.min(self.app.clock.now()) => state.resumed(),
            _ => state,
        }
    }
}

impl Engine for DaemonEngine {
    fn jobs(&self) -> Vec<Entry> {
        let setup = self.app.setup();
        let entry = |(name, job): (&JobName, &JobSetup)| Entry {
            name: name.into(),
            schedule: job.config.schedule.clone(),
            zone: job.config.time_zone.clone(),
            catch_up: job.config.catch_up,
        };
        let jobs = setup.jobs.iter().map(entry);
        jobs.chain(maintenance::entry(&setup)).collect()
    }

    fn state(&self, entry: &EntryName) -> Result<JobState, String> {
        let store = self.app.store();
        store
            .reader()
            .and_then(|reader| self.job_state(&reader, entry))
            .inspect_err(|error| store.note_failure(error))
            .map_err(|error| error.to_string())
    }

    fn config_fingerprint(&self, entry: &EntryName) -> String {
        let setup = self.app.setup();
        let job = entry.job().and_then(|job| setup.jobs.get(job));
        // The backup is never parked.
        job.map_or_else(String::new, |job| self.app.config_fingerprint(&setup, job))
    }

    fn states(&self, entries: &[EntryName]) -> Result<BTreeMap<EntryName, JobState>, String> {
        let store = self.app.store();
        let states = store.reader().and_then(|reader| {
            let state = |entry: &EntryName| Ok((entry.clone(), self.job_state(&reader, entry)?));
            entries.iter().map(state).collect()
        });
        states.map_err(|error| error.to_string())
    }

    fn note_seen(
        &self,
        last_due: Vec<(EntryName, Timestamp)>,
    ) -> BoxFuture<'_, Result<(), String>> {
        let note = self.app.store().write(move |connection| {
            for (entry, due) in last_due {
                let mut state = runs::job_state(connection, &entry)?;
                state.last_due = Some(due);
                runs::save_job_state(connection, &entry, &state)?;
            }
            Ok(())
        });
        async move { note.await.map_err(|error| error.to_string()) }.boxed()
    }

    fn note_due(&self, entry: &EntryName, due: Timestamp) -> BoxFuture<'_, Result<(), String>> {
        self.note_seen(vec![(entry.clone(), due)])
    }

    fn run(
        &self,
        entry: &EntryName,
        start: RunStart,
        stop: CancellationToken,
        sink: ProgressSink,
    ) -> BoxFuture<'static, Outcome> {
        let app = Arc::clone(&self.app);
        let is_early = start.cause == Cause::Webhook;
        let run_options = RunOptions {
            cause: start.cause,
            full: start.full,
            dry: false,
            only: start.only,
        };
        let Some(job) = entry.job().cloned() else {
            sink(Progress::ExpectSilence(maintenance::MAX_BACKUP_TIME));
            return async move { app.scheduled_backup().await }.boxed();
        };
        async move {
            if is_early && app.is_half_spent(&job).await {
                let job = job.as_str();
                tracing::debug!(
                    job,
                    "half of the day's requests are sent; webhooks start no more runs"
                );
                return Outcome::Interrupted;
            }
            let Some(_run) = app.begin_run(&stop).await else {
                return Outcome::Interrupted;
            };
            // A reload may have removed the job after its tick.
            let report = app.run(&job, run_options, &stop, &sink).await;
            // In a cluster a run has ended when another worker would know of it, and much takes long to send.
            sink(Progress::ExpectSilence(SHIPPING));
            match report {
                Some(report) if app.ship().await => report.outcome,
                _ => Outcome::Interrupted,
            }
        }
        .boxed()
    }

    fn host(&self) -> String {
        // Only for the spread of ticks; machines without an id share it.
        std::fs::read_to_string("/etc/machine-id").unwrap_or_default()
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), Refusal>> {
        let (app, load, loaded) = (
            Arc::clone(&self.app),
            Arc::clone(&self.load),
            self.loaded.clone(),
        );
        async move {
            let reading = loaded.as_ref().map(|loaded| loaded.begin());
            let setup = load();
            let content = loaded.as_ref().zip(reading);
            let content = content.map(|(loaded, reading)| loaded.end(reading));
            let setup = setup.map_err(|problems| refusal(&problems))?;
            app.replace(setup).await.map_err(|error| Refusal {
                problems: 0,
                first: error.to_string(),
                places: Vec::new(),
                text: error.to_string(),
            })?;
            if let Some((loaded, content)) = loaded.as_ref().zip(content) {
                loaded.set_in_force(content);
            }
            app.warn_of_unverified_webhooks();
            Ok(())
        }
        .boxed()
    }

    fn handle_admin_request(&self, request: String) -> BoxFuture<'static, AdminResult> {
        let app = Arc::clone(&self.app);
        async move {
            let response = match serde_json::from_str(&request) {
                Ok(request) => {
                    let response = app.handle_admin_request(&request).await;
                    match app.ship().await {
                        true => response,
                        false => AdminResponse::Failed(
                            "another worker has the source now, and nothing was changed; try again"
                                .to_owned(),
                        ),
                    }
                }
                Err(_) => AdminResponse::Refused(
                    "this daemon does not know this request; is it another version?".to_owned(),
                ),
            };
            let (job, start) = match &response {
                AdminResponse::Approved { job, .. } => (Some(job), Cause::Approval.into()),
                AdminResponse::Runs {
                    job, full, only, ..
                } => {
                    let start = RunStart {
                        cause: Cause::Command,
                        full: *full,
                        only: only.clone().map(StreamSet::from),
                    };
                    (Some(job), start)
                }
                _ => (None, Cause::Command.into()),
            };
            let job = job.cloned();
            let run_now = job.map(|job| RunRequest { job, start });
            let response = serde_json::to_string(&response).unwrap_or_default();
            AdminResult { response, run_now }
        }
        .boxed()
    }

    fn handle_webhook(&self, request: WebhookRequest) -> BoxFuture<'static, WebhookResult> {
        let (app, reported) = (Arc::clone(&self.app), Arc::clone(&self.reported_webhooks));
        async move { app.handle_webhook(&request, &reported) }.boxed()
    }

    fn conditions(&self) -> Result<Conditions, String> {
        self.read_conditions().map_err(|error| error.to_string())
    }

    fn is_disk_full(&self) -> bool {
        self.app.store().is_full()
    }

    fn held_log(&self) -> Option<u64> {
        self.app.store().held_log(self.app.clock.now())
    }

    fn fatal_error(&self) -> Option<String> {
        self.app.store().fatal_error().map(str::to_owned)
    }

    fn write_counter(&self) -> u64 {
        self.app.store().write_counter()
    }
}

/// What the status shows of it has no value of a file; the log has everything.
fn refusal(problems: &Problems) -> Refusal {
    let names = names_of(&[
        rollbook_schema(),
        job_schema(),
        people_schema(),
        crosswalk_schema(),
        bundle_schema(),
        connector_schema(),
    ]);
    let errors = problems.iter();
    let errors = errors.filter(|problem| problem.severity == Severity::Error);
    let places: Vec<ProblemPlace> = errors
        .take(MOST_PLACES)
        .map(|problem| place(problem, &names))
        .collect();
    Refusal {
        problems: problems.errors(),
        first: places.first().map(ToString::to_string).unwrap_or_default(),
        places,
        text: problems.render(RenderStyle::Plain),
    }
}

fn place(problem: &Problem, names: &BTreeSet<String>) -> ProblemPlace {
    let mut advice = problem.message.clone();
    if let Some(help) = &problem.help {
        advice = format!("{advice} ({help})");
    }
    ProblemPlace {
        file: problem.location.file.name().to_owned(),
        line: problem.line(),
        advice: without_values(&advice, problem.location.file.text(), names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::document::{FileText, Location};

    #[test]
    fn a_refused_configuration_shows_no_value() {
        let text = "[sources.north]\npassword = \"hunter2\"\n";
        let file = FileText::new("/etc/rollbook/rollbook.toml", text);
        let mut problems = Problems::new();
        problems.push(Problem::note(Location::whole(&file), "a note"));
        let problem = Problem::error(Location::within(&file, 16..24), "`password` is \"hunter2\"");
        problems.push(problem.help("write `password = { credential = \"hunter2\" }`"));
        for _ in 0..MOST_PLACES {
            problems.push(Problem::error(Location::whole(&file), "another"));
        }
        let refusal = refusal(&problems);
        assert_eq!(
            refusal.first,
            "/etc/rollbook/rollbook.toml:2: `password` is \"…\" (write `…`)"
        );
        assert_eq!((refusal.problems, refusal.places.len()), (51, MOST_PLACES));
        assert!(refusal.text.contains("another"));
    }
}
