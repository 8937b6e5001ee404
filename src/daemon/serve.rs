//! The loop: nap until something is due, look at the clock, start what is due.
//!
//! One timer for all jobs. It naps half a minute at most and then looks at the wall clock again,
//! so that a set clock or a host that slept is noticed; between naps nothing wakes up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::engine::{Dropped, Engine, Event};
use super::runs::{Runs, Tell, drop_tick};
use super::signals::Signals;
use super::timetable::{LONGEST_NAP, Occasion, Timetable};
use super::verdict::last_due;
use crate::clock::Clock;

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
}

/// Runs every job at its times until the token or a signal stops it, which takes five seconds at most.
///
/// SIGTERM and SIGINT cancel the token, SIGHUP reloads. `events` is called from the loop and from runs; it must not block.
pub async fn serve(
    engine: Arc<dyn Engine>,
    clock: Clock,
    stop: CancellationToken,
    events: impl Fn(Event) + Send + Sync + 'static,
) {
    let orders = Orders {
        stop,
        ..Orders::default()
    };
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
        () = follow(engine, clock, orders.clone(), events) => {}
        () = told => {}
    }
}

/// The loop itself, which hears orders and no signals.
pub async fn follow(
    engine: Arc<dyn Engine>,
    clock: Clock,
    orders: Orders,
    events: impl Fn(Event) + Send + Sync + 'static,
) {
    let tell: Tell = Arc::new(events);
    let runs = Runs::new(Arc::clone(&engine), Arc::clone(&tell), orders.stop.clone());
    let timetable = Timetable::new(engine.host());
    let daemon = Daemon {
        engine,
        clock,
        orders,
        tell,
        runs,
        timetable,
    };
    daemon.run().await;
}

struct Daemon {
    engine: Arc<dyn Engine>,
    clock: Clock,
    orders: Orders,
    tell: Tell,
    runs: Runs,
    timetable: Timetable,
}

impl Daemon {
    async fn run(mut self) {
        self.wait_for_a_plausible_clock().await;
        let first_seen = self.load(Occasion::Start);
        (self.tell)(Event::Ready);
        self.note(first_seen).await;
        let stop = self.orders.stop.clone();
        let reload = Arc::clone(&self.orders.reload);
        while !stop.is_cancelled() {
            self.runs.note_ended();
            self.look();
            let nap = self.timetable.nap(self.clock.now());
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = reload.notified() => self.reload().await,
                () = self.runs.ended() => {}
                () = self.clock.sleep(nap) => {}
            }
        }
        (self.tell)(Event::Stopping);
        self.runs.finish(&self.clock).await;
    }

    /// A small computer without a battery starts in 1970 and is told the time a little later.
    async fn wait_for_a_plausible_clock(&self) {
        let begun = self.clock.running();
        while self.clock.now() < PLAUSIBLE {
            let waited = self.clock.running().saturating_sub(begun);
            let left = UNSET_CLOCK.saturating_sub(waited);
            if left.is_zero() {
                tracing::warn!(
                    "the clock shows {}, going on all the same",
                    self.clock.now()
                );
                return;
            }
            tokio::select! {
                biased;
                () = self.orders.stop.cancelled() => return,
                () = self.clock.sleep(left.min(LONGEST_NAP)) => {}
            }
        }
    }

    fn look(&mut self) {
        let seen = self.timetable.look(self.clock.now(), self.clock.running());
        for job in seen.jumped {
            drop_tick(&self.tell, &job, Dropped::Jumped);
        }
        for tick in seen.due {
            self.runs.start(tick);
        }
    }

    async fn reload(&mut self) {
        // An order that came up to now is carried out by what follows.
        let _ = self.orders.reload.notified().now_or_never();
        match self.engine.reload() {
            Ok(()) => {
                let first_seen = self.load(Occasion::Reload);
                self.runs.stop_all_but(|job| self.timetable.has(job));
                tracing::info!("the new configuration is in force");
                (self.tell)(Event::Reloaded);
                self.note(first_seen).await;
            }
            Err(problem) => {
                tracing::error!("the configuration is wrong and the old one stays: {problem}");
                (self.tell)(Event::ReloadRefused(problem));
            }
        }
    }

    fn load(&mut self, occasion: Occasion) -> Vec<(String, Timestamp)> {
        let now = self.clock.now();
        let engine = Arc::clone(&self.engine);
        let known = |job: &str| match engine.state(job) {
            Ok(state) => last_due(&state),
            Err(sentence) => {
                tracing::warn!(job, "what the job missed is not known: {sentence}");
                Some(now)
            }
        };
        let entries = self.engine.jobs();
        self.timetable.load(entries, known, occasion, now)
    }

    /// Writes down from when on jobs that are new can miss ticks.
    async fn note(&self, first_seen: Vec<(String, Timestamp)>) {
        for (job, due) in first_seen {
            tokio::select! {
                biased;
                () = self.orders.stop.cancelled() => return,
                noted = self.engine.note_due(&job, due) => {
                    if let Err(sentence) = noted {
                        tracing::warn!(job, "what the job misses will not be known: {sentence}");
                    }
                }
            }
        }
    }
}
