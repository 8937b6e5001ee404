//! The loop: sleep until something is due, read the clock, start what is due.
//!
//! One timer for all jobs. It sleeps half a minute at most and then reads the wall clock again, so that a changed clock
//! or a suspended host is noticed; in between nothing wakes up.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;

use super::clock_rule::ClockStep;
use super::control::{ControlHandle, RunRequest};
use super::engine::{Conditions, Engine, Event, NextTick, SkipReason};
use super::runs::{EventSink, Runs, skip_tick};
use super::signals::Signals;
use super::timetable::{LoadReason, MAX_SLEEP, Timetable};
use rollbook_core::clock::Clock;
use rollbook_core::model::{EntryName, JobName, RunStart};
use rollbook_core::store::runs::JobState;

/// 2026-01-01T00:00:00Z: a clock that shows less has not been set since boot.
const EARLIEST_PLAUSIBLE: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// How long to wait for an unset clock.
const CLOCK_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a clock that was set is reported.
const REPORT_CLOCK_STEP: Duration = Duration::from_secs(24 * 3600);

/// Stops and reloads the loop of `control` as SIGTERM, SIGINT and SIGHUP say. They are listened for from this call on.
pub fn forward_signals(control: &ControlHandle) -> impl Future<Output = ()> + '_ {
    let signals = Signals::listen();
    async move {
        match signals {
            Ok(signals) => signals.forward(control).await,
            Err(error) => {
                tracing::warn!("cannot listen for signals, so a stop aborts runs: {error}");
                std::future::pending().await
            }
        }
    }
}

/// Runs every job on its schedule until `control` stops it, which takes five seconds at most. `events` is called from the loop and from
/// runs; it must not block.
///
/// # Errors
/// Why the mirror cannot be written any more: [`Engine::fatal_error`].
pub async fn run_loop(
    engine: Arc<dyn Engine>,
    clock: Clock,
    control: ControlHandle,
    events: impl Fn(Event) + Send + Sync + 'static,
) -> Result<(), String> {
    let emit: EventSink = Arc::new(events);
    let runs = Runs::new(
        Arc::clone(&engine),
        clock.clone(),
        Arc::clone(&emit),
        control.stop.clone(),
        control.permits.clone(),
    );
    let mut timetable = Timetable::new(engine.host());
    timetable.max_sleep = control.max_sleep.unwrap_or(MAX_SLEEP);
    let daemon = Daemon {
        engine,
        clock,
        control,
        emit,
        runs,
        timetable,
        planned: Vec::new(),
        states: (None, BTreeMap::new()),
        conditions: (None, Conditions::default()),
        is_disk_full: false,
        held_log: None,
        stuck: None,
        clock_is_wrong: false,
        clock_step_until: None,
    };
    daemon.run().await
}

struct Daemon {
    engine: Arc<dyn Engine>,
    clock: Clock,
    control: ControlHandle,
    emit: EventSink,
    runs: Runs,
    timetable: Timetable,
    /// The next ticks that were reported last.
    planned: Vec<NextTick>,
    /// The writer's counter when the states of the jobs were read last, and those states.
    states: (Option<u64>, BTreeMap<EntryName, JobState>),
    /// The writer's counter when the conditions were read last, and those conditions.
    conditions: (Option<u64>, Conditions),
    /// Whether a full disk was reported.
    is_disk_full: bool,
    /// The size of a log that cannot be emptied, as it was reported last.
    held_log: Option<u64>,
    /// What made no progress in the last turn.
    stuck: Option<String>,
    /// Whether an unset clock was reported.
    clock_is_wrong: bool,
    /// Until when a clock that was set is reported, in monotonic time.
    clock_step_until: Option<Duration>,
}

impl Daemon {
    async fn run(mut self) -> Result<(), String> {
        (self.emit)(Event::Ready);
        self.wait_for_a_plausible_clock().await;
        let first_seen = self.load(LoadReason::Start);
        self.report_clock_that_was_ahead();
        self.emit_plans();
        self.note(first_seen).await;
        let stop = self.control.stop.clone();
        let reload = Arc::clone(&self.control.reload);
        let run_now = Arc::clone(&self.control.run_now);
        let webhooks = Arc::clone(&self.control.webhooks);
        let mut fatal_error = None;
        while !stop.is_cancelled() {
            self.runs.note_ended();
            fatal_error = self.engine.fatal_error();
            if let Some(why) = &fatal_error {
                (self.emit)(Event::FatalError(why.clone()));
                stop.cancel();
                break;
            }
            self.check_clock();
            self.catch_up_after_pauses();
            self.start_due();
            self.emit_plans();
            self.emit_conditions();
            self.emit_disk_full();
            self.emit_held_log();
            self.emit_alive();
            let sleep_time = self.sleep_time();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = reload.notified() => self.reload().await,
                () = run_now.changed() => {}
                () = webhooks.changed() => {}
                () = self.runs.ended() => {}
                () = self.clock.sleep(sleep_time) => {}
            }
        }
        (self.emit)(Event::Stopping);
        self.runs.finish().await;
        fatal_error.map_or(Ok(()), Err)
    }

    /// A small computer without a battery boots in 1970 and gets the time a little later.
    async fn wait_for_a_plausible_clock(&mut self) {
        let begun = self.clock.running();
        while self.clock.now() < EARLIEST_PLAUSIBLE {
            let shown = self.clock.now();
            let waited = self.clock.running().saturating_sub(begun);
            let left = CLOCK_TIMEOUT.saturating_sub(waited);
            if left.is_zero() {
                (self.emit)(Event::ClockAccepted(shown));
                return;
            }
            if !std::mem::replace(&mut self.clock_is_wrong, true) {
                (self.emit)(Event::ClockUnset(shown));
            }
            self.emit_alive();
            tokio::select! {
                biased;
                () = self.control.stop.cancelled() => return,
                () = self.clock.sleep(left.min(self.max_sleep())) => {}
            }
        }
    }

    fn check_clock(&mut self) {
        if self.clock_is_wrong && self.clock.now() >= EARLIEST_PLAUSIBLE {
            self.clock_is_wrong = false;
            (self.emit)(Event::ClockSet);
        }
        let running = self.clock.running();
        if self.clock_step_until.is_some_and(|until| until <= running) {
            self.clock_step_until = None;
            (self.emit)(Event::ClockSteady);
        }
    }

    fn report_clock_that_was_ahead(&mut self) {
        // An unset clock is reported as such.
        if self.clock_is_wrong {
            return;
        }
        let shown = self.clock.now();
        if let Some(recorded) = self.timetable.latest_ahead(shown) {
            self.clock_step_until = Some(self.clock.running() + REPORT_CLOCK_STEP);
            (self.emit)(Event::ClockWasAhead { recorded, shown });
        }
    }

    fn report_clock_step(&mut self, step: ClockStep) {
        self.clock_step_until = Some(self.clock.running() + REPORT_CLOCK_STEP);
        (self.emit)(Event::ClockStepped(step));
    }

    fn max_sleep(&self) -> Duration {
        let max_sleep = self.timetable.max_sleep;
        let alive_every = self.control.alive_every.unwrap_or(max_sleep);
        alive_every.min(max_sleep)
    }

    fn sleep_time(&self) -> Duration {
        let webhooks = self.control.webhooks.debounce();
        let is_active = |job: &JobName| self.runs.is_active(&job.into());
        let early = webhooks.time_to_next(self.clock.running(), is_active);
        self.timetable
            .time_to_next(self.clock.now())
            .min(early.unwrap_or(Duration::MAX))
            .min(self.max_sleep())
    }

    fn start_due(&mut self) {
        self.read_states();
        let states = &self.states.1;
        let stored = |job: &EntryName| states.get(job)?.last_due;
        let seen = self
            .timetable
            .advance(self.clock.now(), self.clock.running(), stored);
        if let Some(step) = seen.step {
            self.report_clock_step(step);
        }
        for job in seen.skipped {
            skip_tick(&self.emit, &job, SkipReason::Jumped);
        }
        for tick in seen.due {
            let entry = tick.job.clone();
            if self.runs.start(tick)
                && let Some(job) = entry.job()
            {
                self.control.webhooks.debounce().covered(job);
            }
        }
        let now = self.clock.now();
        let is_active = |job: &JobName| self.runs.is_active(&job.into());
        for RunRequest { job, start } in self.control.run_now.take(is_active) {
            self.start_now(job, start, now);
        }
        // After the others: a job that they have started is active.
        let is_active = |job: &JobName| self.runs.is_active(&job.into());
        let running = self.clock.running();
        let early = self.control.webhooks.debounce().take(running, is_active);
        for (job, start) in early {
            self.start_now(job, start, now);
        }
    }

    fn start_now(&mut self, job: JobName, start: RunStart, now: Timestamp) {
        if let Some(tick) = self.timetable.tick_now(&EntryName::Job(job), start, now) {
            self.runs.start(tick);
        }
    }

    fn catch_up_after_pauses(&mut self) {
        self.read_states();
        let now = self.clock.now();
        self.timetable.catch_up_after_pauses(&self.states.1, now);
    }

    fn emit_plans(&mut self) {
        self.read_states();
        let now = self.clock.now();
        let fingerprint = |name: &EntryName| self.engine.config_fingerprint(name);
        let plans = self.timetable.next_ticks(&self.states.1, fingerprint, now);
        if plans != self.planned {
            self.planned.clone_from(&plans);
            (self.emit)(Event::Planned(plans));
        }
    }

    /// Only a write to the mirror changes the states, so they are not read otherwise.
    fn read_states(&mut self) {
        let counter = Some(self.engine.write_counter());
        if self.states.0 == counter {
            return;
        }
        match self.engine.states(&self.timetable.names()) {
            Ok(states) => self.states = (counter, states),
            Err(message) => tracing::debug!("could not read the states of the jobs: {message}"),
        }
    }

    /// Reports which jobs and outputs wait for a person or fail, and which jobs become stale. Only a write to the mirror or a
    /// reload changes them, so they are not read otherwise.
    fn emit_conditions(&mut self) {
        let counter = Some(self.engine.write_counter());
        if self.conditions.0 == counter {
            return;
        }
        self.conditions.0 = counter;
        match self.engine.conditions() {
            Ok(conditions) if conditions != self.conditions.1 => {
                self.conditions.1.clone_from(&conditions);
                (self.emit)(Event::Conditions(conditions));
            }
            Ok(_) => {}
            Err(message) => {
                tracing::debug!(
                    "could not read which jobs and outputs wait for a person or fail: {message}"
                )
            }
        }
    }

    fn emit_disk_full(&mut self) {
        let is_full = self.engine.is_disk_full();
        if std::mem::replace(&mut self.is_disk_full, is_full) != is_full {
            (self.emit)(Event::DiskFull(is_full));
        }
    }

    /// Reports a log that cannot be emptied, and again when it has doubled.
    fn emit_held_log(&mut self) {
        let held = self.engine.held_log();
        let is_news = match (self.held_log, held) {
            (Some(before), Some(now)) => now >= before.saturating_mul(2),
            (before, now) => before != now,
        };
        if is_news {
            self.held_log = held;
            (self.emit)(Event::LogHeld(held));
        }
    }

    /// Reports that everything makes progress; or, once, what does not.
    fn emit_alive(&mut self) {
        let stuck = self.runs.stuck();
        match &stuck {
            None => (self.emit)(Event::Alive),
            Some(who) if self.stuck != stuck => (self.emit)(Event::Stuck(who.clone())),
            Some(_) => {}
        }
        self.stuck = stuck;
    }

    async fn reload(&mut self) {
        // This reload covers all requests up to now.
        let _ = self.control.reload.notified().now_or_never();
        (self.emit)(Event::Reloading);
        let reloading = self.engine.reload();
        match self.keep_alive_during(reloading).await {
            Some(Ok(())) => {
                let first_seen = self.load(LoadReason::Reload);
                self.states.0 = None;
                self.conditions = (None, Conditions::default());
                self.runs.stop_all_but(|job| self.timetable.has(job));
                (self.emit)(Event::Reloaded);
                self.note(first_seen).await;
            }
            Some(Err(refusal)) => (self.emit)(Event::ReloadRefused(refusal)),
            None => {}
        }
    }

    /// Waits for the mirror's writer, which may be busy for minutes, and keeps the watchdog alive meanwhile.
    /// `None` if the loop must stop.
    async fn keep_alive_during<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            if let Some(done) = (&mut work).now_or_never() {
                return Some(done);
            }
            let sleep_time = self.max_sleep();
            tokio::select! {
                biased;
                () = self.control.stop.cancelled() => return None,
                done = &mut work => return Some(done),
                () = self.clock.sleep(sleep_time) => self.emit_alive(),
            }
        }
    }

    fn load(&mut self, reason: LoadReason) -> Vec<(EntryName, Timestamp)> {
        let now = self.clock.now();
        let entries = self.engine.jobs();
        let names: Vec<EntryName> = entries.iter().map(|entry| entry.name.clone()).collect();
        // All at once: each reading by itself would parse the mirror's schema.
        let states = self.engine.states(&names);
        if let Err(message) = &states {
            tracing::warn!("could not read which ticks the jobs missed: {message}");
        }
        let known = |entry: &EntryName| match &states {
            Ok(states) => states.get(entry)?.last_due,
            Err(_) => Some(now),
        };
        self.timetable.load(entries, known, reason, now)
    }

    /// Records for new jobs from when on they can miss ticks.
    async fn note(&mut self, first_seen: Vec<(EntryName, Timestamp)>) {
        if first_seen.is_empty() {
            return;
        }
        let engine = Arc::clone(&self.engine);
        let noted = self.keep_alive_during(engine.note_seen(first_seen)).await;
        if let Some(Err(message)) = noted {
            tracing::warn!(
                "could not record when new jobs were seen first, so what they miss before their first tick is not caught up: {message}"
            );
        }
    }
}
