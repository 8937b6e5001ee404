//! The runs that go on: one a job, a few at once, each in a task of its own.
//!
//! A panic ends its run only. The tick is written down in the task, before its run, so that a slow
//! disk does not hold up the loop.

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::engine::{Dropped, Engine, Event};
use super::pulse::{Pulse, Writer, Writes};
use super::timetable::Tick;
use super::verdict::may_run;
use crate::clock::Clock;
use crate::model::{Cause, Outcome};
use crate::sync::{Progress, Watch};

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
    clock: Clock,
    tell: Tell,
    stop: CancellationToken,
    places: Arc<Semaphore>,
    tasks: JoinSet<Ended>,
    jobs: HashMap<Id, String>,
    going: BTreeMap<String, Going>,
    writer: Writer,
}

/// A run that goes on or waits for a place.
struct Going {
    stop: CancellationToken,
    pulse: Arc<Pulse>,
}

impl Runs {
    /// None yet; `stop` stops all of them.
    pub(super) fn new(
        engine: Arc<dyn Engine>,
        clock: Clock,
        tell: Tell,
        stop: CancellationToken,
    ) -> Self {
        Self {
            engine,
            clock,
            tell,
            stop,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: JoinSet::new(),
            jobs: HashMap::new(),
            going: BTreeMap::new(),
            writer: Writer::default(),
        }
    }

    /// Makes a run of a tick, unless the job's last one goes on.
    pub(super) fn start(&mut self, tick: Tick) {
        if self.going.contains_key(&tick.job) {
            drop_tick(&self.tell, &tick.job, Dropped::Overlap);
            return;
        }
        let (job, stop) = (tick.job.clone(), self.stop.child_token());
        let pulse = Arc::new(Pulse::default());
        pulse.rest();
        let going = Going {
            stop: stop.clone(),
            pulse: Arc::clone(&pulse),
        };
        self.going.insert(job.clone(), going);
        let run = Run {
            engine: Arc::clone(&self.engine),
            clock: self.clock.clone(),
            tell: Arc::clone(&self.tell),
            places: Arc::clone(&self.places),
            pulse,
            stop,
        };
        let handle = self.tasks.spawn(run.go(tick));
        self.jobs.insert(handle.id(), job);
    }

    /// Stops the runs of jobs that are no more.
    pub(super) fn stop_all_but(&self, stays: impl Fn(&str) -> bool) {
        for (job, going) in &self.going {
            if !stays(job) {
                going.stop.cancel();
            }
        }
    }

    /// Who does not get on, in words; nothing when all do.
    pub(super) fn stuck(&self) -> Option<String> {
        let running = self.clock.running();
        match self.writer.look(self.engine.writer_steps(), running) {
            Writes::ForTooLong => Some("the mirror's writer".to_owned()),
            Writes::Something => {
                for going in self.going.values() {
                    going.pulse.moved(running, Duration::ZERO);
                }
                None
            }
            Writes::Nothing => self
                .going
                .iter()
                .find(|(_, going)| going.pulse.is_late(running))
                .map(|(job, _)| format!("the run of {job}")),
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
    pub(super) async fn finish(mut self) {
        let clock = self.clock.clone();
        let mut limit = clock.sleep(STOPPING);
        while !self.tasks.is_empty() {
            tokio::select! {
                biased;
                () = self.ended() => {}
                () = &mut limit => break,
            }
        }
        for job in self.going.keys() {
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
        self.going.remove(&job);
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

/// What a run's task needs.
struct Run {
    engine: Arc<dyn Engine>,
    clock: Clock,
    tell: Tell,
    places: Arc<Semaphore>,
    pulse: Arc<Pulse>,
    stop: CancellationToken,
}

impl Run {
    /// From a tick to the end of its run.
    async fn go(self, tick: Tick) -> Ended {
        let (engine, tell) = (&self.engine, &self.tell);
        let _place = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            place = self.places.acquire() => place.ok()?,
        };
        self.pulse.begin(self.clock.running());
        let may = match engine.state(&tick.job) {
            // A person asked for it, and knows what the job waits for.
            Ok(_) if tick.cause == Cause::Approval => Ok(()),
            Ok(state) => may_run(&state, &tick.config_fingerprint, tick.due, tick.now),
            Err(sentence) => Err(Dropped::Store(sentence)),
        };
        let noted = match may {
            Ok(()) => engine.note_due(&tick.job, tick.due).await,
            Err(reason) => {
                drop_tick(tell, &tick.job, reason);
                return None;
            }
        };
        if let Err(sentence) = noted {
            drop_tick(tell, &tick.job, Dropped::Store(sentence));
            return None;
        }
        let (job, cause) = (tick.job, tick.cause);
        tell(Event::RunStarted {
            job: job.clone(),
            cause,
        });
        let watch = self.watch(&job);
        Some(engine.run(&job, cause, self.stop.clone(), watch).await)
    }

    /// Hears the run, notes that it gets on, and tells what is worth telling.
    fn watch(&self, job: &str) -> Watch {
        let (tell, pulse) = (Arc::clone(&self.tell), Arc::clone(&self.pulse));
        let (clock, job) = (self.clock.clone(), job.to_owned());
        Arc::new(move |progress| {
            if let Progress::Quiet(length) = progress {
                pulse.moved(clock.running(), length);
                return;
            }
            pulse.moved(clock.running(), Duration::ZERO);
            let job = job.clone();
            tell(Event::RunMoved { job, progress });
        })
    }
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
