//! Webhooks as early ticks: many webhooks become few runs, and one run always starts after the last webhook.
//!
//! Measured in monotonic time, so a wall clock that is set moves nothing. In memory only: after a restart the next tick of
//! the schedule reads what a lost webhook announced.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use rollbook_core::model::{Cause, JobName, RunStart, StreamSet};

/// A run that a webhook asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyRun {
    /// The job.
    pub job: JobName,
    /// Which of its streams.
    pub streams: StreamSet,
    /// The shortest time between the starts of two such runs of the job.
    pub min_interval: Duration,
}

/// Webhooks that wait for a run, shared by the control socket and the loop.
#[derive(Debug, Default)]
pub struct PendingWebhooks {
    debounce: Mutex<Debounce>,
    changed: Notify,
}

impl PendingWebhooks {
    /// Adds the runs of a webhook, and wakes the loop if one of them is new.
    pub fn request(&self, runs: Vec<EarlyRun>) {
        let mut debounce = self.debounce();
        let mut is_new = false;
        for run in runs {
            is_new |= debounce.add(run);
        }
        drop(debounce);
        if is_new {
            self.changed.notify_one();
        }
    }

    /// Waits for a webhook that changes something.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn debounce(&self) -> MutexGuard<'_, Debounce> {
        self.debounce.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the runs start that webhooks ask for.
#[derive(Debug, Default)]
pub(super) struct Debounce(BTreeMap<JobName, JobWebhooks>);

#[derive(Debug, Default)]
struct JobWebhooks {
    /// What a run must read that starts after the last webhook.
    pending: Option<StreamSet>,
    min_interval: Duration,
    /// When the last run that webhooks asked for was started.
    started: Option<Duration>,
}

impl JobWebhooks {
    fn due(&self) -> Option<Duration> {
        self.pending.as_ref()?;
        let earliest = self.started.map(|at| at.saturating_add(self.min_interval));
        Some(earliest.unwrap_or_default())
    }
}

impl Debounce {
    /// Adds a run; returns whether that changes what has to be read.
    pub(super) fn add(&mut self, run: EarlyRun) -> bool {
        let webhooks = self.0.entry(run.job).or_default();
        webhooks.min_interval = run.min_interval;
        match &mut webhooks.pending {
            Some(streams) => streams.add(&run.streams),
            none => {
                *none = Some(run.streams);
                true
            }
        }
    }

    /// The jobs that run now, and how; webhooks of an active job wait for its end.
    pub(super) fn take(
        &mut self,
        running: Duration,
        is_active: impl Fn(&JobName) -> bool,
    ) -> Vec<(JobName, RunStart)> {
        let mut taken = Vec::new();
        for (job, webhooks) in &mut self.0 {
            if webhooks.due().is_some_and(|due| due <= running) && !is_active(job) {
                webhooks.started = Some(running);
                let start = RunStart {
                    cause: Cause::Webhook,
                    full: false,
                    only: webhooks.pending.take(),
                };
                taken.push((job.clone(), start));
            }
        }
        taken
    }

    /// The time until [`Debounce::take`] returns something, as long as no run starts or ends.
    pub(super) fn time_to_next(
        &self,
        running: Duration,
        is_active: impl Fn(&JobName) -> bool,
    ) -> Option<Duration> {
        let idle = self.0.iter().filter(|(job, _)| !is_active(job));
        let due = idle.filter_map(|(_, webhooks)| webhooks.due()).min()?;
        Some(due.saturating_sub(running))
    }

    /// A run of all the job's streams starts, which reads what webhooks have announced.
    pub(super) fn covered(&mut self, job: &JobName) {
        if let Some(webhooks) = self.0.get_mut(job) {
            webhooks.pending = None;
        }
    }
}

#[cfg(test)]
mod tests;
