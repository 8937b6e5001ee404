//! When the next request of a session may start: the pace, and a vendor's wish to be left alone.
//!
//! Arithmetic under a lock; the waiting is done in `session.rs`. Requests are spread evenly, so no
//! second that the vendor counts holds more than its share. Only a pace that no vendor publishes
//! lets several start together, because the runtime's timer cannot tell tenths of a millisecond.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A session's pace, in the clock's running time.
pub(super) struct Pace {
    interval: Duration,
    slack: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: Duration,
    held: Duration,
    held_by: u16,
}

/// A tenth of a second's worth may start together...
const SLACK: Duration = Duration::from_millis(100);

/// ...when requests are closer together than this.
const TOO_CLOSE_TO_SPREAD: Duration = Duration::from_millis(10);

impl Pace {
    /// A pace of so many requests a second.
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

    /// Takes the next free slot; gives the wait until it.
    pub fn reserve(&self, now: Duration) -> Duration {
        self.with(|state| {
            let slot = state.next.max(now.saturating_sub(self.slack));
            state.next = slot + self.interval;
            slot.saturating_sub(now)
        })
    }

    /// Nobody starts before this time; the status says who asked for it.
    pub fn hold(&self, until: Duration, status: u16) {
        self.with(|state| {
            if until > state.held {
                (state.held, state.held_by) = (until, status);
            }
        });
    }

    /// How long everybody still has to wait, and because of which status.
    pub fn held(&self, now: Duration) -> (Duration, u16) {
        self.with(|state| (state.held.saturating_sub(now), state.held_by))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_holds_more_than_its_share() {
        for (per_second, most) in [(0.5, 1), (5.0, 5), (10.0, 10), (1000.0, 1100)] {
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
            assert_eq!(busiest, Some(most), "{per_second}");
        }
        let free = Pace::new(f64::INFINITY);
        assert!((0..10_000).all(|_| free.reserve(Duration::from_secs(1)).is_zero()));
    }

    #[test]
    fn the_longest_wish_holds() {
        let pace = Pace::new(5.0);
        let seconds = Duration::from_secs;
        pace.hold(seconds(120), 429);
        pace.hold(seconds(60), 503);
        assert_eq!(pace.held(seconds(20)), (seconds(100), 429));
        assert_eq!(pace.held(seconds(130)).0, Duration::ZERO);
    }
}
