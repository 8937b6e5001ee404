//! What a wall clock that is set means for the ticks of a job. Arithmetic only.
//!
//! A clock that is set back was ahead before: it acted on ticks that are in the future now, and stored times that are too
//! late. The rule: ticks that follow from the new time run, except the one that was acted on last, so a job loses one
//! tick at most; and stored times are moved back with the clock, so that a pause ends after the time that it was meant to
//! take. The surprise: a tick that was acted on before the last one runs again, because otherwise a job would do nothing
//! until the clock is where it was.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use rollbook_core::model::scalar::{display_time, saturating_add, to_canonical};
use rollbook_core::store::runs::JobState;

/// A clock set forward by more than this was wrong before: ticks in between count as missed.
const MAX_STEP_FORWARD: SignedDuration = SignedDuration::from_hours(3);

/// A clock set back by less than this changes no planned tick.
const MAX_STEP_BACK: SignedDuration = SignedDuration::from_secs(1);

/// The wall clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// What it would show if it had not been set.
    pub from: Timestamp,
    /// What it shows.
    pub to: Timestamp,
}

impl ClockStep {
    /// Compares two observations of the wall clock and the monotonic time between them; `None` if the clock runs, or was
    /// set by too little to change anything.
    pub(super) fn between(before: Timestamp, now: Timestamp, passed: Duration) -> Option<Self> {
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let step = Self {
            from: saturating_add(before, passed),
            to: now,
        };
        let moved = now.duration_since(step.from);
        (moved < -MAX_STEP_BACK || moved > MAX_STEP_FORWARD).then_some(step)
    }

    /// Whether it was set back.
    pub fn is_back(&self) -> bool {
        self.to < self.from
    }

    /// By how much, never negative.
    pub fn length(&self) -> SignedDuration {
        self.to.duration_since(self.from).abs()
    }
}

impl fmt::Display for ClockStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.is_back() { "back" } else { "forward" };
        write!(
            f,
            "the clock was set {direction} by {}, from {} UTC to {} UTC",
            in_words(self.length()),
            shown(self.from),
            shown(self.to)
        )
    }
}

/// A time to the second, for messages.
pub(super) fn shown(time: Timestamp) -> String {
    display_time(&to_canonical(time))
}

/// A length in its two largest units.
fn in_words(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let first = units.iter().position(|(unit, _)| seconds >= *unit);
    let parts = units[first.unwrap_or(3)..]
        .iter()
        .take(2)
        .scan(seconds, |left, (unit, name)| {
            let number = *left / unit;
            *left %= unit;
            Some((number, name))
        });
    let parts = parts
        .enumerate()
        .filter(|(index, (number, _))| *index == 0 || *number > 0)
        .map(|(_, (number, name))| format!("{number} {name}"));
    parts.collect::<Vec<_>>().join(" ")
}

/// A stored time, unless it is later than `now`: then a clock that was ahead has written it.
pub(super) fn plausible(stored: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    stored.filter(|stored| *stored <= now)
}

/// Stored times of a job that a clock wrote which was ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Correction {
    /// The stored last tick; the correction is over when another one is stored.
    stored: Timestamp,
    /// How far the clock was ahead.
    ahead: SignedDuration,
}

impl Correction {
    /// The state with times of the clock as it is now. A deferral from before the last tick was written after the clock
    /// was set, and stays.
    pub fn apply(correction: Option<Self>, mut state: JobState) -> JobState {
        let Some(Self { stored, ahead }) =
            correction.filter(|one| state.last_due == Some(one.stored))
        else {
            return state;
        };
        let moved = |time: Timestamp| saturating_add(time, -ahead);
        state.last_due = state.last_due.map(moved);
        let deferred = state.deferred_until;
        state.deferred_until =
            deferred.map(|until| if until < stored { until } else { moved(until) });
        state
    }
}

/// What a job has done by a clock that was ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ahead {
    /// The last tick that was acted on before the clock was set back. Only one, also if the clock is set back again: every
    /// tick in here is lost, and those of two steps may be those of two days.
    ran: Option<Timestamp>,
    pub correction: Option<Correction>,
}

impl Ahead {
    /// A job at the start of the daemon; the clock may have been set while it was stopped. Then it was ahead by this much
    /// at least, so no pause is cut short.
    pub fn at_start(stored: Option<Timestamp>, now: Timestamp) -> Self {
        let mut ahead = Self::default();
        if let Some(stored) = stored.filter(|stored| *stored > now) {
            ahead.ran = Some(stored);
            let by = stored.duration_since(now);
            ahead.correction = Some(Correction { stored, ahead: by });
        }
        ahead
    }

    /// The clock was set back. `acted` is the last tick that was acted on, `stored` the last tick in the mirror.
    pub fn set_back(
        &mut self,
        acted: Option<Timestamp>,
        stored: Option<Timestamp>,
        step: ClockStep,
    ) {
        let is_ahead = |tick: &Timestamp| *tick > step.to;
        self.ran = acted.filter(is_ahead).or(self.ran.filter(is_ahead));
        let earlier = self.correction.filter(|one| Some(one.stored) == stored);
        let earlier = earlier.map_or(SignedDuration::ZERO, |one| one.ahead);
        self.correction = stored.map(|stored| Correction {
            stored,
            ahead: earlier.saturating_add(step.length()),
        });
    }

    /// Whether this tick was acted on, the last one before the clock was set back.
    pub fn has_run(&self, tick: Timestamp) -> bool {
        self.ran == Some(tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// Day and time of March 2026.
    fn at(text: &str) -> Timestamp {
        time(&format!("2026-03-{text}Z"))
    }

    #[test]
    fn steps_of_the_clock_and_what_is_none() {
        // Before, passed seconds, now, and the message.
        let rows = [
            ("02T10:00", 30, "02T10:00:30", None),
            ("02T10:00", 30, "02T10:00:29", None),
            ("02T10:00", 30, "02T10:00:28", Some("back by 2 s")),
            ("02T10:00", 30, "02T13:00:30", None),
            ("02T10:00", 30, "02T13:00:31", Some("forward by 3 h")),
            ("02T10:00", 0, "02T00:00", Some("back by 10 h")),
            ("05T10:00", 0, "02T09:55", Some("back by 3 d")),
            ("05T10:00", 0, "02T07:00", Some("back by 3 d 3 h")),
            ("02T10:05", 0, "02T10:00", Some("back by 5 min")),
            ("02T10:05", 0, "02T08:59:30", Some("back by 1 h 5 min")),
        ];
        for (before, passed, now, expected) in rows {
            let found = ClockStep::between(at(before), at(now), Duration::from_secs(passed));
            let found = found.map(|step| step.to_string());
            assert_eq!(
                found.is_some(),
                expected.is_some(),
                "{before} {now}: {found:?}"
            );
            if let (Some(found), Some(expected)) = (found, expected) {
                let start = format!("the clock was set {expected}, from 2026-03-");
                assert!(found.starts_with(&start), "{found}");
            }
        }
        let year = ClockStep::between(time("2027-03-02T10:00:00Z"), at("02T10:00"), Duration::ZERO);
        assert_eq!(
            year.expect("a step").to_string(),
            "the clock was set back by 365 d, from 2027-03-02 10:00:00 UTC to 2026-03-02 10:00:00 UTC"
        );
    }

    #[test]
    fn stored_times_move_back_with_the_clock_until_another_tick_is_stored() {
        let state = |last_due, deferred| JobState {
            last_due: Some(at(last_due)),
            deferred_until: Some(at(deferred)),
            failures: 7,
            ..JobState::default()
        };
        let step = |from, to| ClockStep {
            from: at(from),
            to: at(to),
        };
        let mut ahead = Ahead::default();
        ahead.set_back(
            Some(at("02T16:00")),
            Some(at("02T16:00")),
            step("02T16:05", "02T06:05"),
        );
        let corrected = |ahead: &Ahead, state| Correction::apply(ahead.correction, state);
        assert_eq!(
            corrected(&ahead, state("02T16:00", "02T17:00")),
            state("02T06:00", "02T07:00")
        );
        assert_eq!(
            corrected(&ahead, state("02T16:00", "02T06:30")),
            state("02T06:00", "02T06:30"),
            "a deferral that was written after the clock was set"
        );
        assert_eq!(
            corrected(&ahead, state("02T06:20", "02T07:00")),
            state("02T06:20", "02T07:00"),
            "the job ran since"
        );
        // Once more, before the job ran.
        ahead.set_back(
            Some(at("02T16:00")),
            Some(at("02T16:00")),
            step("02T06:10", "02T05:10"),
        );
        assert_eq!(
            corrected(&ahead, state("02T16:00", "02T17:00")),
            state("02T05:00", "02T06:00")
        );
        let started = Ahead::at_start(Some(at("02T16:00")), at("02T06:05"));
        assert_eq!(
            corrected(&started, state("02T16:00", "02T17:00")),
            state("02T06:05", "02T07:05"),
            "no pause is cut short"
        );
        assert_eq!(
            Ahead::at_start(Some(at("02T06:00")), at("02T06:05")),
            Ahead::default()
        );
        assert_eq!(Ahead::at_start(None, at("02T06:05")), Ahead::default());
    }

    #[test]
    fn the_last_tick_that_ran_does_not_run_again() {
        let step = |from, to| ClockStep {
            from: at(from),
            to: at(to),
        };
        // The last tick that was acted on and the step after it, one after the other; ticks that run again, and the one that
        // does not.
        let once = ("02T16:00", step("02T16:05", "02T06:05"));
        for (name, steps, again, lost) in [
            ("once", vec![once], "02T15:40", Some("02T16:00")),
            (
                "twice, and it ran in between",
                vec![once, ("02T06:20", step("02T06:25", "02T06:10"))],
                "02T16:00",
                Some("02T06:20"),
            ),
            (
                "twice, and the last tick is over",
                vec![once, ("02T06:20", step("02T06:25", "02T06:22"))],
                "02T06:40",
                Some("02T16:00"),
            ),
            (
                "twice before it ran",
                vec![once, ("02T16:00", step("02T06:10", "02T05:10"))],
                "02T06:20",
                Some("02T16:00"),
            ),
            (
                "to a time after the last tick",
                vec![("02T16:00", step("02T16:05", "02T16:01"))],
                "02T16:20",
                None,
            ),
        ] {
            let mut ahead = Ahead::default();
            for (acted, step) in steps {
                ahead.set_back(Some(at(acted)), None, step);
            }
            assert!(!ahead.has_run(at(again)), "{name}");
            assert_eq!(ahead.ran, lost.map(at), "{name}");
        }
    }
}
