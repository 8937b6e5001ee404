//! The loop: nap until something is due, look at the clock, start what is due.
//!
//! One timer for all jobs. It naps half a minute at most and then looks at the wall clock again,
//! so that a set clock or a host that slept is noticed; between naps nothing wakes up.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::engine::{Dropped, Engine, Event, Next, Waiting};
use super::runs::{Runs, Tell, drop_tick};
use super::signals::Signals;
use super::timetable::{LONGEST_NAP, Occasion, Timetable};
use crate::clock::Clock;
use crate::model::Cause;

/// 2026-01-01T00:00:00Z: a clock that shows less has not been set since the machine was switched on.
const PLAUSIBLE: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// How long a clock that has not been set is waited for.
const UNSET_CLOCK: Duration = Duration::from_secs(120);

/// What the loop may be told from outside.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// Stops the loop and all its runs.
    pub stop: CancellationToken,
    /// Loads the configuration again; many at once are one.
    pub reload: Arc<Notify>,
    /// Jobs to run at once.
    pub at_once: Arc<AtOnce>,
    /// How often the loop must come round at least, where somebody waits for its sign of life.
    pub alive_every: Option<Duration>,
}

/// Jobs that are to run at once, whatever their schedule.
#[derive(Debug, Default)]
pub struct AtOnce {
    jobs: Mutex<Vec<String>>,
    asked: Notify,
}

impl AtOnce {
    /// One more; the loop sees it at once.
    pub fn ask(&self, job: String) {
        self.jobs().push(job);
        self.asked.notify_one();
    }

    fn jobs(&self) -> MutexGuard<'_, Vec<String>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs every job at its times until an order or a signal stops it, which takes five seconds at most.
///
/// SIGTERM and SIGINT stop, SIGHUP reloads. `events` is called from the loop and from runs; it must not block.
///
/// # Errors
/// Why nothing can be written down any more: the engine's [`Engine::lost`].
pub async fn serve(
    engine: Arc<dyn Engine>,
    clock: Clock,
    orders: Orders,
    events: impl Fn(Event) + Send + Sync + 'static,
) -> Result<(), String> {
    let signals = Signals::listen();
    let told = async {
        match signals {
            Ok(signals) => signals.forward(&orders).await,
            Err(error) => {
                tracing::warn!("signals cannot be listened for, a stop ends runs at once: {error}");
                std::future::pending().await
            }
        }
    };
    tokio::select! {
        ended = follow(engine, clock, orders.clone(), events) => ended,
        () = told => Ok(()),
    }
}

/// The loop itself, which hears orders and no signals.
///
/// # Errors
/// As [`serve`].
pub async fn follow(
    engine: Arc<dyn Engine>,
    clock: Clock,
    orders: Orders,
    events: impl Fn(Event) + Send + Sync + 'static,
) -> Result<(), String> {
    let tell: Tell = Arc::new(events);
    let runs = Runs::new(
        Arc::clone(&engine),
        clock.clone(),
        Arc::clone(&tell),
        orders.stop.clone(),
    );
    let timetable = Timetable::new(engine.host());
    let daemon = Daemon {
        engine,
        clock,
        orders,
        tell,
        runs,
        timetable,
        told: Vec::new(),
        waiting: (None, Vec::new()),
        stuck: None,
        clock_is_wrong: false,
    };
    daemon.run().await
}

struct Daemon {
    engine: Arc<dyn Engine>,
    clock: Clock,
    orders: Orders,
    tell: Tell,
    runs: Runs,
    timetable: Timetable,
    /// The plans that were told last.
    told: Vec<Next>,
    /// Who waited for a person when it was told last, and what the writer had done when it was looked at.
    waiting: (Option<u64>, Vec<Waiting>),
    /// Who did not get on when the loop last came round.
    stuck: Option<String>,
    /// Whether it was told that the clock is wrong.
    clock_is_wrong: bool,
}

impl Daemon {
    async fn run(mut self) -> Result<(), String> {
        (self.tell)(Event::Ready);
        self.wait_for_a_plausible_clock().await;
        let first_seen = self.load(Occasion::Start);
        self.tell_plans();
        self.note(first_seen).await;
        let stop = self.orders.stop.clone();
        let reload = Arc::clone(&self.orders.reload);
        let at_once = Arc::clone(&self.orders.at_once);
        let mut lost = None;
        while !stop.is_cancelled() {
            self.runs.note_ended();
            lost = self.engine.lost();
            if let Some(why) = &lost {
                (self.tell)(Event::Lost(why.clone()));
                stop.cancel();
                break;
            }
            self.doubt_the_clock_no_longer();
            self.look();
            self.tell_plans();
            self.tell_waiting();
            self.tell_alive();
            let nap = self.nap();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = reload.notified() => self.reload().await,
                () = at_once.asked.notified() => {}
                () = self.runs.ended() => {}
                () = self.clock.sleep(nap) => {}
            }
        }
        (self.tell)(Event::Stopping);
        self.runs.finish().await;
        lost.map_or(Ok(()), Err)
    }

    /// A small computer without a battery starts in 1970 and is told the time a little later.
    async fn wait_for_a_plausible_clock(&mut self) {
        let begun = self.clock.running();
        while self.clock.now() < PLAUSIBLE {
            let shown = self.clock.now();
            let waited = self.clock.running().saturating_sub(begun);
            let left = UNSET_CLOCK.saturating_sub(waited);
            if left.is_zero() {
                (self.tell)(Event::ClockBelieved(shown));
                return;
            }
            if !std::mem::replace(&mut self.clock_is_wrong, true) {
                (self.tell)(Event::ClockUnset(shown));
            }
            self.tell_alive();
            tokio::select! {
                biased;
                () = self.orders.stop.cancelled() => return,
                () = self.clock.sleep(left.min(self.longest_nap())) => {}
            }
        }
    }

    fn doubt_the_clock_no_longer(&mut self) {
        if self.clock_is_wrong && self.clock.now() >= PLAUSIBLE {
            self.clock_is_wrong = false;
            (self.tell)(Event::ClockSet);
        }
    }

    fn longest_nap(&self) -> Duration {
        let alive_every = self.orders.alive_every.unwrap_or(LONGEST_NAP);
        alive_every.min(LONGEST_NAP)
    }

    fn nap(&self) -> Duration {
        self.timetable.nap(self.clock.now()).min(self.longest_nap())
    }

    fn look(&mut self) {
        let seen = self.timetable.look(self.clock.now(), self.clock.running());
        for job in seen.jumped {
            drop_tick(&self.tell, &job, Dropped::Jumped);
        }
        for tick in seen.due {
            self.runs.start(tick);
        }
        let now = self.clock.now();
        for job in std::mem::take(&mut *self.orders.at_once.jobs()) {
            if let Some(tick) = self.timetable.at_once(&job, Cause::Approval, now) {
                self.runs.start(tick);
            }
        }
    }

    fn tell_plans(&mut self) {
        let plans = self.timetable.nexts();
        if plans != self.told {
            self.told.clone_from(&plans);
            (self.tell)(Event::Planned(plans));
        }
    }

    /// Says who waits for a person. Only what is written to the mirror changes that, so else nobody is asked.
    fn tell_waiting(&mut self) {
        let steps = Some(self.engine.writer_steps());
        if self.waiting.0 == steps {
            return;
        }
        self.waiting.0 = steps;
        match self.engine.waiting() {
            Ok(waiting) if waiting != self.waiting.1 => {
                self.waiting.1.clone_from(&waiting);
                (self.tell)(Event::Waiting(waiting));
            }
            Ok(_) => {}
            Err(sentence) => tracing::debug!("who waits for a person is not known: {sentence}"),
        }
    }

    /// Says that all get on; or, once, who does not.
    fn tell_alive(&mut self) {
        let stuck = self.runs.stuck();
        match &stuck {
            None => (self.tell)(Event::Alive),
            Some(who) if self.stuck != stuck => (self.tell)(Event::Stuck(who.clone())),
            Some(_) => {}
        }
        self.stuck = stuck;
    }

    async fn reload(&mut self) {
        // An order that came up to now is carried out by what follows.
        let _ = self.orders.reload.notified().now_or_never();
        (self.tell)(Event::Reloading);
        let reloading = self.engine.reload();
        match self.patiently(reloading).await {
            Some(Ok(())) => {
                let first_seen = self.load(Occasion::Reload);
                self.runs.stop_all_but(|job| self.timetable.has(job));
                (self.tell)(Event::Reloaded);
                self.note(first_seen).await;
            }
            Some(Err(refusal)) => (self.tell)(Event::ReloadRefused(refusal)),
            None => {}
        }
    }

    /// Waits for something that the mirror's writer does, which may be busy for minutes, and comes round meanwhile.
    /// Nothing when the loop is to stop.
    async fn patiently<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            if let Some(done) = (&mut work).now_or_never() {
                return Some(done);
            }
            let nap = self.longest_nap();
            tokio::select! {
                biased;
                () = self.orders.stop.cancelled() => return None,
                done = &mut work => return Some(done),
                () = self.clock.sleep(nap) => self.tell_alive(),
            }
        }
    }

    fn load(&mut self, occasion: Occasion) -> Vec<(String, Timestamp)> {
        let now = self.clock.now();
        let engine = Arc::clone(&self.engine);
        let known = |job: &str| match engine.state(job) {
            Ok(state) => state.last_due,
            Err(sentence) => {
                tracing::warn!(job, "what the job missed is not known: {sentence}");
                Some(now)
            }
        };
        let entries = self.engine.jobs();
        self.timetable.load(entries, known, occasion, now)
    }

    /// Writes down from when on jobs that are new can miss ticks.
    async fn note(&mut self, first_seen: Vec<(String, Timestamp)>) {
        let engine = Arc::clone(&self.engine);
        for (job, due) in first_seen {
            match self.patiently(engine.note_due(&job, due)).await {
                Some(Ok(())) => {}
                Some(Err(sentence)) => {
                    tracing::warn!(job, "what the job misses will not be known: {sentence}");
                }
                None => return,
            }
        }
    }
}
