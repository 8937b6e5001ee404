//! Whether runs and the mirror's writer make progress: the condition for watchdog notifications to systemd.
//!
//! Nothing is polled: a run reports progress, and how long it may be silent. The surprise: a run that waits for the
//! writer cannot report, so while the writer is within its own limit, no run counts as stuck.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a run may be silent beyond what it announced: decoding, comparing, requesting a token.
pub(super) const GRACE: Duration = Duration::from_secs(5 * 60);

/// The limit for one transaction; a mirror of millions of rows on a slow disk needs minutes.
pub(super) const MAX_TRANSACTION: Duration = Duration::from_secs(15 * 60);

/// Until when a run may be silent, in monotonic time.
#[derive(Debug, Default)]
pub(super) struct Heartbeat(AtomicU64);

impl Heartbeat {
    /// The run made progress at `running` and may be silent for `quiet` from now on. An earlier, longer limit stays:
    /// several of its requests are in flight.
    pub(super) fn progress(&self, running: Duration, quiet: Duration) {
        let until = running.saturating_add(quiet).saturating_add(GRACE);
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_max(until, Ordering::Relaxed);
    }

    /// The run is not expected to report, because it has not started.
    pub(super) fn pause(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    /// The run starts: from now on it must report.
    pub(super) fn start(&self, running: Duration) {
        self.0.store(0, Ordering::Relaxed);
        self.progress(running, Duration::ZERO);
    }

    /// Whether it has been silent for too long.
    pub(super) fn is_late(&self, running: Duration) -> bool {
        let until = Duration::from_millis(self.0.load(Ordering::Relaxed));
        running > until
    }
}

/// The writer's counter when it last changed, and the monotonic time of that.
#[derive(Debug, Default)]
pub(super) struct WriterWatch(Mutex<(u64, Duration)>);

/// The state of the mirror's writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriterState {
    /// Between transactions.
    Idle,
    /// In a transaction, within its limit.
    Busy,
    /// In one transaction for too long.
    Stuck,
}

impl WriterWatch {
    /// The state by the writer's counter, which is odd during a transaction.
    pub(super) fn observe(&self, counter: u64, running: Duration) -> WriterState {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != counter {
            *seen = (counter, running);
        }
        if counter.is_multiple_of(2) {
            WriterState::Idle
        } else if running.saturating_sub(seen.1) <= MAX_TRANSACTION {
            WriterState::Busy
        } else {
            WriterState::Stuck
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_run_is_late_after_its_announced_silence_and_grace() {
        let heartbeat = Heartbeat::default();
        heartbeat.start(10 * SECOND);
        assert!(!heartbeat.is_late(10 * SECOND + GRACE));
        assert!(heartbeat.is_late(11 * SECOND + GRACE));
        heartbeat.progress(20 * SECOND, 600 * SECOND);
        heartbeat.progress(30 * SECOND, SECOND);
        let limit = 620 * SECOND + GRACE;
        assert!(!heartbeat.is_late(limit), "the longer limit of two holds");
        assert!(heartbeat.is_late(limit + SECOND));
        heartbeat.pause();
        assert!(!heartbeat.is_late(Duration::from_secs(1 << 40)));
        heartbeat.start(limit);
        assert!(
            heartbeat.is_late(limit + GRACE + SECOND),
            "a pause ends when it starts"
        );
    }

    #[test]
    fn the_writer_is_observed_by_one_transaction_at_a_time() {
        let writer = WriterWatch::default();
        let late = MAX_TRANSACTION + SECOND;
        assert_eq!(writer.observe(0, late), WriterState::Idle);
        assert_eq!(writer.observe(1, late), WriterState::Busy);
        assert_eq!(writer.observe(1, late + MAX_TRANSACTION), WriterState::Busy);
        assert_eq!(writer.observe(1, late + late), WriterState::Stuck);
        assert_eq!(
            writer.observe(3, late + late),
            WriterState::Busy,
            "another transaction"
        );
        assert_eq!(writer.observe(4, late + late + late), WriterState::Idle);
    }
}
