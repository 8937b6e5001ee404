//! Alerts while the daemon runs: evaluates each job and source, writes alerts to the outbox and sends them.
//!
//! Independent of the runs. It evaluates after each run, and at least every 15 minutes, because a job that does not
//! run at all triggers nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::copy::copies;
use super::hooks::hook_states;
use super::publish::{PublishState, publish_states};
use super::unrecorded_alerts::UnrecordedAlerts;
use super::{App, DaemonEngine};
use rollbook_core::model::figures::many;
use rollbook_core::model::schedule::next_tick;
use rollbook_core::model::{
    AlertSubject, BundleName, EntryName, HookName, Outcome, PublishName, SourceName, scalar,
};
use rollbook_core::store::alerts::{self, QueuedAlert};
use rollbook_core::store::bundle::state;
use rollbook_core::store::hooks::HookStates;
use rollbook_core::store::queries::RunLine;
use rollbook_core::store::runs::JobState;
use rollbook_core::store::{StoreError, queries, runs};
use rollbook_engine::daemon::alerts::{
    Alert, AlertKind, AlertLimits, AlertPlan, JobFacts, MAX_TRIES, OutputFacts, ParkedJob,
    SourceFacts, channels, evaluate_job, evaluate_output, evaluate_source, overdue_from,
    retry_pause, send,
};
use rollbook_engine::daemon::status::HeldStream;
use rollbook_engine::daemon::{Engine as _, Entry, JobCondition};
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::{AlertsConfig, PublishConfig};

/// The longest time between two evaluations: only time makes a job stale.
const MAX_SLEEP: Duration = Duration::from_secs(15 * 60);

/// One failed backup is enough: it runs once a day.
const BACKUP_FAILURES: u32 = 1;

/// A receiver that is busy or restarts answers within a few minutes.
const HOOK_ATTEMPTS: u32 = 3;

/// A list may change while it is read; after three incomplete runs it is not chance.
const INCOMPLETE_RUNS: u32 = 3;

impl DaemonEngine {
    /// Sends alerts until `stop`; `wake` is notified after a run and after a reload.
    ///
    /// Ends between two alerts: one that was sent and is still in the outbox would be sent again at the next start.
    pub async fn watch_alerts(&self, wake: &Notify, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let config = self.app.setup().config.alerts.clone();
            let pause = match &config {
                None => None,
                Some(config) => Some(self.evaluate_and_send(config, stop).await),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = wake.notified() => {}
                () = self.app.clock.sleep(pause.unwrap_or(MAX_SLEEP)), if pause.is_some() => {}
            }
        }
    }

    /// Evaluates every job and source and sends what is due until `stop`; returns how long to wait.
    pub(super) async fn evaluate_and_send(
        &self,
        config: &AlertsConfig,
        stop: &CancellationToken,
    ) -> Duration {
        for entry in self.jobs() {
            let evaluated = self.evaluate_job(config, &entry).await;
            log_failure(&AlertSubject::Entry(entry.name), evaluated);
        }
        let setup = self.app.setup();
        for source in setup.sources.keys() {
            let evaluated = self.evaluate_source(config, &setup, source).await;
            log_failure(&AlertSubject::Source(source.clone()), evaluated);
        }
        log_failure(&AlertSubject::Copy, self.evaluate_copy(config).await);
        for name in setup.bundles.keys() {
            let evaluated = self.evaluate_bundle(config, name).await;
            log_failure(&AlertSubject::Bundle(name.clone()), evaluated);
        }
        let states = match self.app.store().reader() {
            Ok(reader) => hook_states(&setup, &reader).unwrap_or_default(),
            Err(_) => HookStates::default(), // told by what needs it more
        };
        for name in setup.config.hooks.keys() {
            let evaluated = self.evaluate_hook(config, &states, name).await;
            log_failure(&AlertSubject::Hook(name.clone()), evaluated);
        }
        for (name, publish) in &setup.config.publish {
            let evaluated = self.evaluate_publish(config, &setup, (name, publish)).await;
            log_failure(&AlertSubject::Publish(name.clone()), evaluated);
        }
        match self.app.send_due(config, &self.unrecorded, stop).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!("could not read or write the outbox of alerts: {error}");
                MAX_SLEEP
            }
        }
    }

    async fn evaluate_job(&self, config: &AlertsConfig, entry: &Entry) -> Result<(), StoreError> {
        let facts = self.facts(&*self.app.store().reader()?, entry)?;
        let limits = AlertLimits {
            failures: match &entry.name {
                EntryName::Backup => BACKUP_FAILURES,
                EntryName::Job(_) => config.after_failures.get(),
            },
            incomplete_runs: INCOMPLETE_RUNS,
            stale: SignedDuration::try_from(config.stale_after.0).unwrap_or(SignedDuration::MAX),
        };
        let check = |active: &[_], now| evaluate_job(&entry.name, &facts, active, limits, now);
        let subject = AlertSubject::Entry(entry.name.clone());
        self.app.evaluate(config, subject, check).await
    }

    async fn evaluate_source(
        &self,
        config: &AlertsConfig,
        setup: &Setup,
        source: &SourceName,
    ) -> Result<(), StoreError> {
        let facts = self.source_facts(&*self.app.store().reader()?, setup, source)?;
        let check = |active: &[_], now| evaluate_source(source, &facts, active, now);
        let subject = AlertSubject::Source(source.clone());
        self.app.evaluate(config, subject, check).await
    }

    async fn evaluate_copy(&self, config: &AlertsConfig) -> Result<(), StoreError> {
        let facts = {
            let (setup, reader) = (self.app.setup(), self.app.store().reader()?);
            let copies = copies(&setup, self.app.store().path(), &reader)?;
            let Some((path, state)) = copies.configured else {
                return Ok(());
            };
            let (what, name) = (
                "the copy of the mirror",
                format!("the copy {}", path.display()),
            );
            OutputFacts::of_file(what, &name, state.message.as_deref(), state.made)
        };
        let check = |active: &[_], now| evaluate_output(&facts, active, now);
        self.app.evaluate(config, AlertSubject::Copy, check).await
    }

    async fn evaluate_bundle(
        &self,
        config: &AlertsConfig,
        name: &BundleName,
    ) -> Result<(), StoreError> {
        let state = state::state(&*self.app.store().reader()?, name)?;
        let what = format!("the bundle {name}");
        // One that waits for its consumer has not failed.
        let message = state.message.filter(|_| state.failed.is_some());
        let facts = OutputFacts::of_file(&what, &what, message.as_deref(), state.made);
        let check = |active: &[_], now| evaluate_output(&facts, active, now);
        let subject = AlertSubject::Bundle(name.clone());
        self.app.evaluate(config, subject, check).await
    }

    async fn evaluate_hook(
        &self,
        config: &AlertsConfig,
        states: &HookStates,
        name: &HookName,
    ) -> Result<(), StoreError> {
        let own = || states.iter().filter(|((hook, _), _)| hook == name);
        let failed = own().filter(|(_, state)| state.attempts >= HOOK_ATTEMPTS);
        let problem = failed.min_by_key(|(_, state)| state.failed);
        let problem = problem.and_then(|((_, subject), state)| {
            let since = state.failed?.strftime("%Y-%m-%d %H:%M UTC");
            let message = state.message.as_ref()?;
            Some(format!(
                "the hook {name} could not be told of {subject} since {since}: {message}"
            ))
        });
        let facts = OutputFacts {
            problem,
            over: format!("the hook {name} is told again"),
            good: own().filter_map(|(_, state)| state.told).max(),
        };
        let check = |active: &[_], now| evaluate_output(&facts, active, now);
        let subject = AlertSubject::Hook(name.clone());
        self.app.evaluate(config, subject, check).await
    }

    async fn evaluate_publish(
        &self,
        config: &AlertsConfig,
        setup: &Setup,
        (name, publish): (&PublishName, &PublishConfig),
    ) -> Result<(), StoreError> {
        let states = publish_states(setup, name, &*self.app.store().reader()?)?;
        let facts = publish_facts((name, publish), &states, self.app.clock.now());
        let check = |active: &[_], now| evaluate_output(&facts, active, now);
        let subject = AlertSubject::Publish(name.clone());
        self.app.evaluate(config, subject, check).await
    }

    fn facts(&self, reader: &queries::Reader, entry: &Entry) -> Result<JobFacts, StoreError> {
        let state = self.job_state(reader, &entry.name)?;
        let (last, held) = match &entry.name {
            EntryName::Backup => (None, None),
            EntryName::Job(job) => (
                queries::runs(reader, Some(job), 1)?.pop(),
                queries::held(reader, job)?,
            ),
        };
        let (good, due) = self.good_and_due(reader, entry, &state, last.as_ref())?;
        Ok(JobFacts {
            parked: state.parked.is_some(),
            held: held.map(|run| run.run),
            in_source: self.app.folders.source.clone(),
            failures: state.failures,
            incomplete_runs: state.incomplete_runs,
            message: last.and_then(|run| run.message),
            good,
            due,
        })
    }

    /// When the last good run ended, and the tick from which on the next one is overdue.
    fn good_and_due(
        &self,
        reader: &queries::Reader,
        entry: &Entry,
        state: &JobState,
        last: Option<&RunLine>,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
        let now = self.app.clock.now();
        let (good, first) = match &entry.name {
            EntryName::Backup => (runs::done(reader, entry.name.as_str())?, None),
            EntryName::Job(job) => alerts::ends(reader, job, now)?,
        };
        // A parked run is alerted for its source; the job can be stale from the tick after it.
        let parked = last
            .filter(|run| run.outcome == Some(Outcome::Parked))
            .and_then(|run| scalar::parse(run.ended.as_deref()?))
            .filter(|ended| *ended <= now);
        let from = overdue_from(good.or(first).max(parked), &state.pauses, now);
        let (cron, zone) = (entry.schedule.cron(), entry.zone.zone());
        Ok((good, from.and_then(|from| next_tick(cron, zone, from))))
    }

    /// What the status shows of a job besides its ticks and runs.
    pub(super) fn condition(
        &self,
        reader: &queries::Reader,
        entry: Entry,
    ) -> Result<JobCondition, StoreError> {
        let state = self.job_state(reader, &entry.name)?;
        let setup = self.app.setup();
        let (mut last, mut held) = (None, None);
        if let EntryName::Job(job) = &entry.name {
            last = queries::runs(reader, Some(job), 1)?.pop();
            held = queries::held(reader, job)?.map(|run| run.run);
        }
        let streams = held.map_or(Ok(Vec::new()), |run| queries::held_streams(reader, run))?;
        let (_, due) = self.good_and_due(reader, &entry, &state, last.as_ref())?;
        let stale_after = setup.config.alerts.as_ref();
        let stale_after = stale_after.map_or(AlertsConfig::STALE_AFTER, |it| it.stale_after.0);
        let stale_after = SignedDuration::try_from(stale_after).unwrap_or(SignedDuration::MAX);
        let job = entry.name.job().and_then(|job| setup.jobs.get(job));
        Ok(JobCondition {
            source: job.map(|job| job.source.clone()),
            parked: state.parked.map(|parked| parked.reason),
            held,
            held_streams: streams.into_iter().map(held_stream).collect(),
            stale_at: due.map(|due| scalar::saturating_add(due, stale_after)),
            failures: state.failures,
            job: entry.name,
        })
    }

    fn source_facts(
        &self,
        reader: &queries::Reader,
        setup: &Setup,
        source: &SourceName,
    ) -> Result<SourceFacts, StoreError> {
        let (mut facts, now) = (SourceFacts::default(), self.app.clock.now());
        let jobs = setup.jobs.iter();
        for (job, _) in jobs.filter(|(_, job)| job.source == *source) {
            facts.jobs.push(job.clone());
            let state = self.job_state(reader, &job.into())?;
            if let Some(parked) = state.parked {
                facts.parked.push(ParkedJob {
                    job: job.clone(),
                    reason: parked.reason,
                    message: parked.message,
                });
            }
            facts.good = facts.good.max(alerts::ends(reader, job, now)?.0);
        }
        Ok(facts)
    }
}

/// The sources that are not published in time; the one that is late longest stands for all.
fn publish_facts(
    (name, config): (&PublishName, &PublishConfig),
    states: &BTreeMap<SourceName, PublishState>,
    now: Timestamp,
) -> OutputFacts {
    let late = states.iter().filter_map(|(source, state)| {
        let at = state.late_at(config).filter(|at| *at <= now)?;
        Some((at, source, state))
    });
    let late: Vec<_> = late.collect();
    let first = late.iter().min_by_key(|(at, source, _)| (*at, *source));
    let problem = first.map(|(at, source, state)| {
        let since = state.unpublished_since().unwrap_or(*at);
        let since = since.strftime("%Y-%m-%d %H:%M UTC");
        let others = match late.len() - 1 {
            0 => String::new(),
            others => format!(
                " and {}",
                many(others as u64, "other source", "other sources")
            ),
        };
        let known = state.known.as_ref();
        let why = known.and_then(|known| known.message.as_deref());
        let why = why.unwrap_or("`rollbook publish status` shows how far it is");
        format!("{source}{others} could not be published to {name} since {since}: {why}")
    });
    let checked = states
        .values()
        .filter_map(|state| state.known.as_ref()?.checked);
    OutputFacts {
        problem,
        over: format!("everything is published to {name} again"),
        good: checked.max(),
    }
}

/// A line of the mirror as the status has it.
pub fn held_stream(line: queries::HeldLine) -> HeldStream {
    HeldStream {
        stream: line.stream,
        rule: line.rule,
        rows: line.rows,
        new: line.new,
        changed: line.changed,
        would_be_removed: line.removed,
    }
}

fn log_failure(subject: &AlertSubject, evaluated: Result<(), StoreError>) {
    if let Err(error) = evaluated {
        let about = subject.to_string();
        tracing::warn!(about, "could not evaluate alerts: {error}");
    }
}

impl App {
    /// Evaluates against the active alerts, and writes the result to the mirror.
    async fn evaluate(
        &self,
        config: &AlertsConfig,
        subject: AlertSubject,
        evaluate: impl FnOnce(&[(AlertKind, Timestamp)], Timestamp) -> AlertPlan,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let before = alerts::active(&*self.store().reader()?, &subject)?;
        let active: Vec<(AlertKind, Timestamp)> = before
            .iter()
            .filter_map(|(kind, at)| Some((AlertKind::of(kind)?, *at)))
            .collect();
        let plan = evaluate(&active, now);
        if plan.active == active && plan.send.is_empty() {
            return Ok(());
        }
        let channels = channels(config);
        self.store()
            .write(move |connection| {
                let AlertPlan { send, active } = plan;
                let active: Vec<_> = active
                    .iter()
                    .map(|(kind, at)| (kind.as_str(), *at))
                    .collect();
                let send: Vec<_> = send
                    .into_iter()
                    .map(|(kind, text)| (kind.as_str(), text))
                    .collect();
                alerts::note(connection, &subject, &active, &send, &channels, now)
            })
            .await
    }

    async fn send_due(
        &self,
        config: &AlertsConfig,
        unrecorded: &UnrecordedAlerts,
        stop: &CancellationToken,
    ) -> Result<Duration, StoreError> {
        let due = alerts::due(&*self.store().reader()?, self.clock.now())?;
        let mut delivered = Ok(());
        for queued in due {
            if stop.is_cancelled() {
                break;
            }
            delivered = delivered.and(self.deliver(config, queued, unrecorded).await);
        }
        delivered?;
        let next = alerts::next(&*self.store().reader()?)?;
        let left = next.map_or(SignedDuration::MAX, |next| {
            next.duration_since(self.clock.now())
        });
        Ok(Duration::try_from(left).unwrap_or_default().min(MAX_SLEEP))
    }

    /// Sends one, unless it was sent, and records that.
    async fn deliver(
        &self,
        config: &AlertsConfig,
        queued: QueuedAlert,
        unrecorded: &UnrecordedAlerts,
    ) -> Result<(), StoreError> {
        let (id, key) = (queued.id, (queued.id, queued.created.clone()));
        let is_over = unrecorded.is_over(&key);
        let again = match is_over {
            true => None,
            false => self.attempt(config, queued).await,
        };
        let written = self
            .store()
            .write(move |connection| match again {
                None => alerts::remove(connection, id),
                Some(due) => alerts::postpone(connection, id, due),
            })
            .await;
        unrecorded.note(key, written.is_err() && again.is_none());
        written
    }

    /// Sends one; returns when to send it again.
    async fn attempt(&self, config: &AlertsConfig, queued: QueuedAlert) -> Option<Timestamp> {
        let alert = Alert {
            kind: queued.kind,
            subject: queued.subject,
            message: queued.message,
            at: queued.created,
        };
        let tries = queued.attempts + 1;
        let (channel, about, kind) = (&queued.channel, alert.subject.to_string(), &alert.kind);
        let again = match send(channel, config, &self.secrets, &alert).await {
            Ok(()) => {
                tracing::info!(channel, about, kind, "alert sent");
                None
            }
            Err(why) if tries >= MAX_TRIES => {
                tracing::error!(channel, about, kind, tries, "discarded an alert: {why}");
                None
            }
            Err(why) => {
                tracing::warn!(
                    channel,
                    about,
                    kind,
                    tries,
                    "could not send an alert, it will be retried: {why}"
                );
                Some(retry_pause(tries))
            }
        };
        again.map(|length| {
            let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
            scalar::saturating_add(self.clock.now(), length)
        })
    }
}

#[cfg(test)]
mod tests;
