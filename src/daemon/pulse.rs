//! Whether the runs and the mirror's writer get on: what a sign of life to systemd rests on.
//!
//! Nobody here asks anybody: a run says when it moves, and for how long it may be silent. The surprise:
//! a run that waits for the writer cannot say so, so while the writer works within its own time, no run is
//! called stuck.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A run may be silent for so long beyond what it said: decoding, comparing, asking for a token.
pub(super) const BREATH: Duration = Duration::from_secs(5 * 60);

/// The writer may take so long for one transaction; a mirror of millions of rows on a slow disk needs minutes.
pub(super) const TRANSACTION: Duration = Duration::from_secs(15 * 60);

/// Until when a run may be silent, in monotonic time.
#[derive(Debug, Default)]
pub(super) struct Pulse(AtomicU64);

impl Pulse {
    /// The run moved at `running` and may now be silent for `quiet`. What it said before stays said: several of
    /// its requests are under way at once.
    pub(super) fn moved(&self, running: Duration, quiet: Duration) {
        let until = running.saturating_add(quiet).saturating_add(BREATH);
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_max(until, Ordering::Relaxed);
    }

    /// The run is not expected to say anything any more, or not yet.
    pub(super) fn rest(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    /// The run begins: from now on it is expected to move.
    pub(super) fn begin(&self, running: Duration) {
        self.0.store(0, Ordering::Relaxed);
        self.moved(running, Duration::ZERO);
    }

    /// Whether it has been silent for longer than it may.
    pub(super) fn is_late(&self, running: Duration) -> bool {
        let until = Duration::from_millis(self.0.load(Ordering::Relaxed));
        running > until
    }
}

/// What was last seen of the mirror's writer.
#[derive(Debug, Default)]
pub(super) struct Writer(Mutex<(u64, Duration)>);

/// How the writer fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// It waits for work.
    Nothing,
    /// It has been at one thing for no longer than it may.
    Something,
    /// It has been at one thing for too long.
    ForTooLong,
}

impl Writer {
    /// Judges by how often it has begun or ended something.
    pub(super) fn look(&self, steps: u64, running: Duration) -> Writes {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != steps {
            *seen = (steps, running);
        }
        if steps.is_multiple_of(2) {
            Writes::Nothing
        } else if running.saturating_sub(seen.1) <= TRANSACTION {
            Writes::Something
        } else {
            Writes::ForTooLong
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_run_is_late_after_what_it_said_and_a_breath() {
        let pulse = Pulse::default();
        pulse.begin(10 * SECOND);
        assert!(!pulse.is_late(10 * SECOND + BREATH));
        assert!(pulse.is_late(11 * SECOND + BREATH));
        pulse.moved(20 * SECOND, 600 * SECOND);
        pulse.moved(30 * SECOND, SECOND);
        let told = 620 * SECOND + BREATH;
        assert!(!pulse.is_late(told), "the longer wait of two still goes on");
        assert!(pulse.is_late(told + SECOND));
        pulse.rest();
        assert!(!pulse.is_late(Duration::from_secs(1 << 40)));
        pulse.begin(told);
        assert!(
            pulse.is_late(told + BREATH + SECOND),
            "a rest is over when it begins"
        );
    }

    #[test]
    fn the_writer_is_judged_by_one_task_at_a_time() {
        let writer = Writer::default();
        let late = TRANSACTION + SECOND;
        assert_eq!(writer.look(0, late), Writes::Nothing);
        assert_eq!(writer.look(1, late), Writes::Something);
        assert_eq!(writer.look(1, late + TRANSACTION), Writes::Something);
        assert_eq!(writer.look(1, late + late), Writes::ForTooLong);
        assert_eq!(
            writer.look(3, late + late),
            Writes::Something,
            "another task"
        );
        assert_eq!(writer.look(4, late + late + late), Writes::Nothing);
    }
}
