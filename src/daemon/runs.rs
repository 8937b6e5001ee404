//! The runs that go on: one a job, a few at once, each in a task of its own.
//!
//! A panic ends its run only. The tick is written down in the task, before its run, so that a slow
//! disk does not hold up the loop.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::engine::{Dropped, Engine, Event};
use super::timetable::Tick;
use super::verdict::may_run;
use crate::clock::Clock;
use crate::sync::Outcome;

/// So many runs at once; more wait. A run holds a few pages in memory.
const AT_ONCE: usize = 8;

/// How long runs may take to stop: a SIGTERM is over within five seconds.
const STOPPING: Duration = Duration::from_secs(4);

/// Somebody who is told.
pub(super) type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// How a task ended: a run, or none because the tick was passed over or the daemon stops.
type Ended = Option<Outcome>;

/// All runs that go on or wait for a place.
pub(super) struct Runs {
    engine: Arc<dyn Engine>,
    tell: Tell,
    stop: CancellationToken,
    places: Arc<Semaphore>,
    tasks: JoinSet<Ended>,
    jobs: HashMap<Id, String>,
    stops: HashMap<String, CancellationToken>,
}

impl Runs {
    /// None yet; `stop` stops all of them.
    pub(super) fn new(engine: Arc<dyn Engine>, tell: Tell, stop: CancellationToken) -> Self {
        Self {
            engine,
            tell,
            stop,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: JoinSet::new(),
            jobs: HashMap::new(),
            stops: HashMap::new(),
        }
    }

    /// Makes a run of a tick, unless the job's last one goes on.
    pub(super) fn start(&mut self, tick: Tick) {
        if self.stops.contains_key(&tick.job) {
            drop_tick(&self.tell, &tick.job, Dropped::Overlap);
            return;
        }
        let (job, stop) = (tick.job.clone(), self.stop.child_token());
        self.stops.insert(job.clone(), stop.clone());
        let task = one_run(
            Arc::clone(&self.engine),
            Arc::clone(&self.tell),
            Arc::clone(&self.places),
            tick,
            stop,
        );
        let handle = self.tasks.spawn(task);
        self.jobs.insert(handle.id(), job);
    }

    /// Stops the runs of jobs that are no more.
    pub(super) fn stop_all_but(&self, stays: impl Fn(&str) -> bool) {
        for (job, stop) in &self.stops {
            if !stays(job) {
                stop.cancel();
            }
        }
    }

    /// Waits until a run has ended; for ever when there is none.
    pub(super) async fn ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.note(ended),
            None => pending().await,
        }
    }

    /// Takes note of all runs that have ended, without waiting.
    pub(super) fn note_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.note(ended);
        }
    }

    /// Waits a while for runs that were told to stop; then they are cut off.
    pub(super) async fn finish(mut self, clock: &Clock) {
        let mut limit = clock.sleep(STOPPING);
        while !self.tasks.is_empty() {
            tokio::select! {
                biased;
                () = self.ended() => {}
                () = &mut limit => break,
            }
        }
        for job in self.stops.keys() {
            tracing::warn!(job, "the run did not stop in time and was cut off");
        }
    }

    fn note(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(job) = self.jobs.remove(&id) else {
            return;
        };
        self.stops.remove(&job);
        match ended {
            Ok((_, Some(outcome))) => (self.tell)(Event::RunEnded { job, outcome }),
            Ok((_, None)) => {}
            Err(_) => {
                tracing::error!(
                    job,
                    "the run ended in a panic; the job goes on at its next tick"
                );
                (self.tell)(Event::RunCrashed { job });
            }
        }
    }
}

/// From a tick to the end of its run.
async fn one_run(
    engine: Arc<dyn Engine>,
    tell: Tell,
    places: Arc<Semaphore>,
    tick: Tick,
    stop: CancellationToken,
) -> Ended {
    let _place = tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        place = places.acquire() => place.ok()?,
    };
    let may = match engine.state(&tick.job) {
        Ok(state) => may_run(&state, &tick.shape, tick.due, tick.now),
        Err(sentence) => Err(Dropped::Store(sentence)),
    };
    let noted = match may {
        Ok(()) => engine.note_due(&tick.job, tick.due).await,
        Err(reason) => {
            drop_tick(&tell, &tick.job, reason);
            return None;
        }
    };
    if let Err(sentence) = noted {
        drop_tick(&tell, &tick.job, Dropped::Store(sentence));
        return None;
    }
    let (job, cause) = (tick.job, tick.cause);
    tell(Event::RunStarted {
        job: job.clone(),
        cause,
    });
    Some(engine.run(&job, cause, stop).await)
}

/// Says that a tick is passed over, and why.
pub(super) fn drop_tick(tell: &Tell, job: &str, reason: Dropped) {
    match &reason {
        Dropped::Overlap | Dropped::Jumped | Dropped::Store(_) => {
            tracing::warn!(job, "tick passed over: {reason}");
        }
        Dropped::Deferred(_) | Dropped::Parked | Dropped::BackOff(_) => {
            tracing::info!(job, "tick passed over: {reason}");
        }
    }
    let job = job.to_owned();
    tell(Event::TickDropped { job, reason });
}
