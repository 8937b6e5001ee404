//! The engine as the loop sees it: the real one, and a record of what the loop asks of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::laws;
use super::vendor::SharedWorld;
use crate::app::DaemonEngine;
use rollbook_core::clock::PausedClock;
use rollbook_core::model::{EntryName, Outcome, RunStart};
use rollbook_core::store::runs::JobState;
use rollbook_engine::daemon::webhook_request::WebhookRequest;
use rollbook_engine::daemon::{AdminResult, Conditions, Engine, Entry, Refusal, WebhookResult};
use rollbook_engine::sync::ProgressSink;

/// What was seen, and what was wrong.
#[derive(Default)]
pub(super) struct Seen {
    /// When each tick of a job was acted on, in correct time.
    pub ticks: BTreeMap<EntryName, BTreeMap<Timestamp, Timestamp>>,
    /// Ticks of this month, in the order in which they were acted on, and when.
    pub acted: Vec<(EntryName, Timestamp, Timestamp)>,
    running: BTreeSet<EntryName>,
    /// When the wall clock was set in this life, in correct time, and how far it is ahead since then.
    pub clock_steps: Vec<(Timestamp, SignedDuration)>,
    /// When the program ended on a full disk: what it could not write is lost.
    pub lost_writes: Vec<Timestamp>,
    /// The last outcome of each job, and when.
    pub last: BTreeMap<EntryName, (Outcome, Timestamp)>,
    pub good: BTreeMap<EntryName, Timestamp>,
    pub runs: u64,
    pub bad_runs: u64,
    /// Keys that were in the mirror at the last look.
    pub mirrored: BTreeMap<String, BTreeSet<u32>>,
    pub violations: Vec<String>,
}

pub(super) type SharedSeen = Arc<Mutex<Seen>>;

pub(super) fn lock(seen: &SharedSeen) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Observed {
    pub engine: Arc<DaemonEngine>,
    pub seen: SharedSeen,
    pub clock: PausedClock,
    pub world: SharedWorld,
    pub log: bool,
}

/// Ends with the run, also if it is killed.
struct RunningRun(SharedSeen, EntryName);

impl Drop for RunningRun {
    fn drop(&mut self) {
        lock(&self.0).running.remove(&self.1);
    }
}

impl Engine for Observed {
    fn jobs(&self) -> Vec<Entry> {
        self.engine.jobs()
    }

    fn state(&self, entry: &EntryName) -> Result<JobState, String> {
        self.engine.state(entry)
    }

    fn config_fingerprint(&self, entry: &EntryName) -> String {
        self.engine.config_fingerprint(entry)
    }

    fn note_seen(
        &self,
        last_due: Vec<(EntryName, Timestamp)>,
    ) -> BoxFuture<'_, Result<(), String>> {
        self.engine.note_seen(last_due)
    }

    fn note_due(&self, entry: &EntryName, due: Timestamp) -> BoxFuture<'_, Result<(), String>> {
        let entry = entry.clone();
        async move {
            let noted = self.engine.note_due(&entry, due).await;
            if noted.is_ok() {
                let truth = self.clock.truth();
                let mut seen = lock(&self.seen);
                seen.acted.push((entry.clone(), due, truth));
                let ticks = seen.ticks.entry(entry.clone()).or_default();
                let before = ticks.insert(due, truth);
                ticks.retain(|_, at| *at > truth - SignedDuration::from_hours(60 * 24));
                // A clock that was set shows its times again.
                let was_set = |since: Timestamp| seen.clock_steps.iter().any(|(at, _)| *at > since);
                if let Some(before) = before
                    && !was_set(before)
                {
                    seen.violations.push(format!(
                        "the tick {due} of {entry} was acted on at {before} and again at {truth}"
                    ));
                }
            }
            noted
        }
        .boxed()
    }

    fn run(
        &self,
        entry: &EntryName,
        start: RunStart,
        stop: CancellationToken,
        sink: ProgressSink,
    ) -> BoxFuture<'static, Outcome> {
        let cause = start.cause;
        let run = self.engine.run(entry, start, stop, sink);
        let (seen, world, clock) = (
            Arc::clone(&self.seen),
            self.world.clone(),
            self.clock.clone(),
        );
        let (entry, app, log) = (entry.clone(), Arc::clone(&self.engine.app), self.log);
        async move {
            let began = clock.truth();
            {
                let mut seen = lock(&seen);
                if !seen.running.insert(entry.clone()) {
                    seen.violations
                        .push(format!("{entry} runs twice at once at {began}"));
                }
            }
            let running = RunningRun(Arc::clone(&seen), entry.clone());
            let outcome = run.await;
            drop(running);
            let truth = clock.truth();
            if log {
                let cause = cause.as_str();
                println!(
                    "{truth} {entry} {cause}: {outcome} after {:#}",
                    truth - began
                );
            }
            let wrong = laws::after_run(&app, &entry, outcome, began, &world, &seen);
            let mut seen = lock(&seen);
            seen.violations.extend(wrong);
            seen.runs += 1;
            seen.last.insert(entry.clone(), (outcome, truth));
            if outcome.is_good() {
                seen.good.insert(entry, truth);
            } else {
                seen.bad_runs += 1;
            }
            outcome
        }
        .boxed()
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), Refusal>> {
        self.engine.reload()
    }

    fn handle_admin_request(&self, request: String) -> BoxFuture<'static, AdminResult> {
        self.engine.handle_admin_request(request)
    }

    fn write_counter(&self) -> u64 {
        self.engine.write_counter()
    }

    fn handle_webhook(&self, request: WebhookRequest) -> BoxFuture<'static, WebhookResult> {
        self.engine.handle_webhook(request)
    }

    fn conditions(&self) -> Result<Conditions, String> {
        self.engine.conditions()
    }

    fn is_disk_full(&self) -> bool {
        self.engine.is_disk_full()
    }

    fn held_log(&self) -> Option<u64> {
        self.engine.held_log()
    }

    fn fatal_error(&self) -> Option<String> {
        self.engine.fatal_error()
    }

    /// The same ticks on every machine.
    fn host(&self) -> String {
        "soak".to_owned()
    }
}
