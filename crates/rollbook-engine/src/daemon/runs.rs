//! The active runs: one per job, a few at once, each in its own task.
//!
//! A panic ends only its run. The task records the tick before the run starts, so that a slow disk does not block the
//! loop.

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::clock_rule::Correction;
use super::engine::{Engine, Event, SkipReason};
use super::heartbeat::{Heartbeat, WriterState, WriterWatch};
use super::next_run::{may_run, may_run_early};
use super::timetable::Tick;
use crate::sync::{Progress, ProgressSink};
use rollbook_core::clock::Clock;
use rollbook_core::model::{Cause, EntryName, Outcome};

/// Concurrent runs; more wait. A run keeps a few pages in memory.
pub const MAX_CONCURRENT_RUNS: usize = 8;

/// How long runs may take to stop: the daemon exits within five seconds of SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);

/// Receives the loop's events.
pub(super) type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// How a task ended: the run's outcome, or `None` if the tick was skipped or the daemon stops.
type TaskResult = Option<Outcome>;

/// All runs that are active or wait for a permit.
pub(super) struct Runs {
    engine: Arc<dyn Engine>,
    clock: Clock,
    emit: EventSink,
    stop: CancellationToken,
    permits: Arc<Semaphore>,
    tasks: JoinSet<TaskResult>,
    jobs: HashMap<Id, EntryName>,
    active: BTreeMap<EntryName, ActiveRun>,
    writer: WriterWatch,
}

/// A run that is active or waits for a permit.
struct ActiveRun {
    stop: CancellationToken,
    heartbeat: Arc<Heartbeat>,
    /// A webhook has started it.
    is_early: bool,
    /// The tick that runs when it has ended, because an early run replaces none of the schedule.
    next: Option<Tick>,
}

impl Runs {
    /// Without runs; `stop` stops all of them. `permits`: those of other loops too.
    pub(super) fn new(
        engine: Arc<dyn Engine>,
        clock: Clock,
        emit: EventSink,
        stop: CancellationToken,
        permits: Option<Arc<Semaphore>>,
    ) -> Self {
        Self {
            engine,
            clock,
            emit,
            stop,
            permits: permits.unwrap_or_else(|| Arc::new(Semaphore::new(MAX_CONCURRENT_RUNS))),
            tasks: JoinSet::new(),
            jobs: HashMap::new(),
            active: BTreeMap::new(),
            writer: WriterWatch::default(),
        }
    }

    /// Starts a run for a tick, unless the job's last run is still active; whether it did. An early run is waited for.
    pub(super) fn start(&mut self, tick: Tick) -> bool {
        if let Some(active) = self.active.get_mut(&tick.job) {
            match active.is_early {
                true => active.next = Some(tick),
                false => skip_tick(&self.emit, &tick.job, SkipReason::Overlap),
            }
            return false;
        }
        let (job, stop) = (tick.job.clone(), self.stop.child_token());
        let heartbeat = Arc::new(Heartbeat::default());
        heartbeat.pause();
        let active = ActiveRun {
            stop: stop.clone(),
            heartbeat: Arc::clone(&heartbeat),
            is_early: tick.start.cause == Cause::Webhook,
            next: None,
        };
        self.active.insert(job.clone(), active);
        let task = RunTask {
            engine: Arc::clone(&self.engine),
            clock: self.clock.clone(),
            emit: Arc::clone(&self.emit),
            permits: Arc::clone(&self.permits),
            heartbeat,
            stop,
        };
        let handle = self.tasks.spawn(task.run(tick));
        self.jobs.insert(handle.id(), job);
        true
    }

    /// Whether a run of the job is active.
    pub(super) fn is_active(&self, job: &EntryName) -> bool {
        self.active.contains_key(job)
    }

    /// Stops the runs of removed jobs.
    pub(super) fn stop_all_but(&mut self, stays: impl Fn(&EntryName) -> bool) {
        for (job, active) in &mut self.active {
            if !stays(job) {
                active.next = None;
                active.stop.cancel();
            }
        }
    }

    /// What made no progress, as a message; `None` if everything does.
    pub(super) fn stuck(&self) -> Option<String> {
        let running = self.clock.running();
        match self.writer.observe(self.engine.write_counter(), running) {
            WriterState::Stuck => Some("the mirror's writer".to_owned()),
            WriterState::Busy => {
                for active in self.active.values() {
                    active.heartbeat.progress(running, Duration::ZERO);
                }
                None
            }
            WriterState::Idle => self
                .active
                .iter()
                .find(|(_, active)| active.heartbeat.is_late(running))
                .map(|(job, _)| format!("the run of {job}")),
        }
    }

    /// Waits until a run has ended; forever if there is none.
    pub(super) async fn ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.note(ended),
            None => pending().await,
        }
    }

    /// Handles all runs that have ended, without waiting.
    pub(super) fn note_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.note(ended);
        }
    }

    /// Waits for stopped runs up to [`STOP_TIMEOUT`]; then they are aborted.
    pub(super) async fn finish(mut self) {
        let clock = self.clock.clone();
        let mut limit = clock.sleep(STOP_TIMEOUT);
        while !self.tasks.is_empty() {
            tokio::select! {
                biased;
                () = self.ended() => {}
                () = &mut limit => break,
            }
        }
        for job in self.active.keys().map(EntryName::as_str) {
            tracing::warn!(job, "the run did not stop in time and was aborted");
        }
    }

    fn note(&mut self, ended: Result<(Id, TaskResult), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(job) = self.jobs.remove(&id) else {
            return;
        };
        let next = self.active.remove(&job).and_then(|active| active.next);
        match ended {
            Ok((_, Some(outcome))) => (self.emit)(Event::RunEnded { job, outcome }),
            Ok((_, None)) => {}
            Err(_) => {
                tracing::error!(
                    job = job.as_str(),
                    "internal error (panic) in the run; the job runs again at its next tick"
                );
                (self.emit)(Event::RunCrashed { job });
            }
        }
        if let Some(tick) = next {
            self.start(tick);
        }
    }
}

/// The task of a run.
struct RunTask {
    engine: Arc<dyn Engine>,
    clock: Clock,
    emit: EventSink,
    permits: Arc<Semaphore>,
    heartbeat: Arc<Heartbeat>,
    stop: CancellationToken,
}

impl RunTask {
    /// From a tick to the end of its run.
    async fn run(self, tick: Tick) -> TaskResult {
        let (engine, emit) = (&self.engine, &self.emit);
        let _permit = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            permit = self.permits.acquire() => permit.ok()?,
        };
        self.heartbeat.start(self.clock.running());
        let is_early = tick.start.cause == Cause::Webhook;
        let may = match engine.state(&tick.job) {
            // A person wants it and knows why the job waits.
            Ok(_) if matches!(tick.start.cause, Cause::Approval | Cause::Command) => Ok(()),
            Ok(state) => {
                let state = Correction::apply(tick.correction, state);
                let fingerprint = || engine.config_fingerprint(&tick.job);
                match is_early {
                    true => may_run_early(&state, tick.now),
                    false => may_run(&state, fingerprint, tick.due, tick.now),
                }
            }
            Err(message) => Err(SkipReason::Store(message)),
        };
        let noted = match may {
            // It is no tick of the schedule.
            Ok(()) if is_early => Ok(()),
            Err(reason) if is_early => {
                let job = tick.job.as_str();
                tracing::debug!(job, "a webhook starts no run: {reason}");
                return None;
            }
            Ok(()) => engine.note_due(&tick.job, tick.due).await,
            Err(reason) => {
                skip_tick(emit, &tick.job, reason);
                return None;
            }
        };
        if let Err(message) = noted {
            skip_tick(emit, &tick.job, SkipReason::Store(message));
            return None;
        }
        let (job, start) = (tick.job, tick.start);
        emit(Event::RunStarted {
            job: job.clone(),
            start: start.clone(),
        });
        let sink = self.progress_sink(&job);
        Some(engine.run(&job, start, self.stop.clone(), sink).await)
    }

    /// Receives the run's progress: for the heartbeat, and as events.
    fn progress_sink(&self, job: &EntryName) -> ProgressSink {
        let (emit, heartbeat) = (Arc::clone(&self.emit), Arc::clone(&self.heartbeat));
        let (clock, job) = (self.clock.clone(), job.clone());
        Arc::new(move |progress| {
            if let Progress::ExpectSilence(length) = progress {
                heartbeat.progress(clock.running(), length);
                return;
            }
            heartbeat.progress(clock.running(), Duration::ZERO);
            let job = job.clone();
            emit(Event::RunProgress { job, progress });
        })
    }
}

/// Logs and reports that a tick is skipped, and why.
pub(super) fn skip_tick(emit: &EventSink, entry: &EntryName, reason: SkipReason) {
    let job = entry.as_str();
    match &reason {
        SkipReason::Overlap | SkipReason::Jumped | SkipReason::Store(_) => {
            tracing::warn!(job, "tick skipped: {reason}");
        }
        SkipReason::Paused(_)
        | SkipReason::Deferred(_)
        | SkipReason::Parked
        | SkipReason::BackOff(_) => {
            tracing::info!(job, "tick skipped: {reason}");
        }
    }
    let job = entry.clone();
    emit(Event::TickSkipped { job, reason });
}
