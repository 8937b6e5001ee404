//! When the next request of a session may start: the pace, and the pause that a vendor requested.
//!
//! Arithmetic under a lock; `session.rs` waits. Requests are spread evenly, so that no
//! second that the vendor counts exceeds the limit. Only at a rate far above every published limit
//! do several start together, because the runtime's timer does not resolve tenths of a millisecond.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A session's pace, in the clock's running time.
pub(super) struct Pace {
    interval: Duration,
    slack: Duration,
    state: Mutex<PaceState>,
}

#[derive(Default)]
struct PaceState {
    next: Duration,
    paused: Duration,
    paused_by: u16,
}

/// The requests of this span may start together...
const SLACK: Duration = Duration::from_millis(100);

/// ...when requests are closer together than this.
const TOO_CLOSE_TO_SPREAD: Duration = Duration::from_millis(10);

impl Pace {
    /// A pace of `per_second` requests.
    pub fn new(per_second: f64) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or_default();
        let slack = if interval < TOO_CLOSE_TO_SPREAD {
            SLACK
        } else {
            Duration::ZERO
        };
        Self {
            interval,
            slack,
            state: Mutex::default(),
        }
    }

    /// Reserves the next free slot and returns the wait until it.
    pub fn reserve(&self, now: Duration) -> Duration {
        self.with(|state| {
            let slot = state.next.max(now.saturating_sub(self.slack));
            state.next = slot + self.interval;
            slot.saturating_sub(now)
        })
    }

    /// No request starts before this time; `status` requested the pause.
    pub fn pause(&self, until: Duration, status: u16) {
        self.with(|state| {
            if until > state.paused {
                (state.paused, state.paused_by) = (until, status);
            }
        });
    }

    /// What is left of the pause, and the status that requested it.
    pub fn paused(&self, now: Duration) -> (Duration, u16) {
        self.with(|state| (state.paused.saturating_sub(now), state.paused_by))
    }

    fn with<T>(&self, act: impl FnOnce(&mut PaceState) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_exceeds_the_limit() {
        for (per_second, expected) in [(0.5, 1), (5.0, 5), (10.0, 10), (1000.0, 1100)] {
            let pace = Pace::new(per_second);
            let mut now = Duration::from_secs(100);
            let starts: Vec<Duration> = (0..3000)
                .map(|_| {
                    now += pace.reserve(now);
                    now
                })
                .collect();
            let busiest = starts
                .iter()
                .map(|from| {
                    let end = *from + Duration::from_secs(1);
                    starts
                        .iter()
                        .filter(|start| (*from..end).contains(*start))
                        .count()
                })
                .max();
            assert_eq!(busiest, Some(expected), "{per_second}");
        }
        let free = Pace::new(f64::INFINITY);
        assert!((0..10_000).all(|_| free.reserve(Duration::from_secs(1)).is_zero()));
    }

    #[test]
    fn the_longest_pause_wins() {
        let pace = Pace::new(5.0);
        let seconds = Duration::from_secs;
        pace.pause(seconds(120), 429);
        pace.pause(seconds(60), 503);
        assert_eq!(pace.paused(seconds(20)), (seconds(100), 429));
        assert_eq!(pace.paused(seconds(130)).0, Duration::ZERO);
    }
}
