//! The series: what each Data measured, and which points the platform has on a given day.
//!
//! Values are derived from seed, Data and time, so nothing is stored. LTUs call at intervals and
//! deliver what they recorded since; the third one delivers two hours of each day a day late.

use super::plant::{Data, FLUXES, Pattern};
use super::switches::{Bounds, Switches};
use crate::calendar::{DAY, morning};
use crate::random::Random;

/// Seconds between two points.
const SAMPLING: i64 = 600;
/// Days of points before day zero.
const DAYS_BEFORE: i64 = 30;
/// Data that gets older points by the switch `back_dated`.
const BACK_DATED: i64 = 9002;
/// Data with corrected values, and Data with values that are no number or in the future, by switches.
const CORRECTED: i64 = 9001;
const ODD: i64 = 9003;

/// One point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Seconds since 1970.
    pub(super) at: i64,
    pub(super) value: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reading {
    Number(f64),
    /// The sensor sent nothing.
    Missing,
    NotANumber,
}

/// The series of one sandbox on one day.
pub(super) struct Series<'a> {
    pub(super) seed: u64,
    pub(super) day: u64,
    pub(super) switches: &'a Switches,
}

impl Series<'_> {
    /// Points of a Data in a window, ascending; seconds since 1970; a switch decides about the bounds.
    pub(super) fn between(&self, data: &Data, from: i64, to: i64) -> Vec<Point> {
        let (from, to) = match self.switches.bounds {
            Bounds::Inclusive => (from, to),
            Bounds::FromExclusive => (from.saturating_add(1), to),
            Bounds::ToExclusive => (from, to.saturating_sub(1)),
            Bounds::Exclusive => (from.saturating_add(1), to.saturating_sub(1)),
        };
        let Some(first) = self.first(data) else {
            return Vec::new();
        };
        let skipped = ((from - first).max(0) + SAMPLING - 1) / SAMPLING;
        let mut points: Vec<Point> = (skipped..)
            .map(|slot| first + slot * SAMPLING)
            .take_while(|at| *at <= to.min(self.last_call(data)))
            .filter(|at| self.has_arrived(data, *at))
            .map(|at| Point {
                at,
                value: self.value(data, at),
            })
            .collect();
        points.extend(
            self.future_points(data)
                .filter(|at| (from..=to).contains(at))
                .map(|at| Point {
                    at,
                    value: self.value(data, at),
                }),
        );
        points
    }

    /// Number of points of a Data on the platform.
    pub(super) fn count(&self, data: &Data) -> i64 {
        let Some(first) = self.first(data) else {
            return 0;
        };
        let slots = (self.last_call(data) - first) / SAMPLING + 1;
        let arrived = (0..slots)
            .filter(|slot| self.has_arrived(data, first + slot * SAMPLING))
            .count();
        arrived as i64 + i64::from(self.future_points(data).next().is_some())
    }

    /// Time of the oldest point; none without points.
    pub(super) fn first(&self, data: &Data) -> Option<i64> {
        let earlier = match self.switches.back_dated {
            Some(from) if self.day >= from && data.id == BACK_DATED => 1,
            _ => 0,
        };
        data.pattern
            .map(|_| morning(0) - (DAYS_BEFORE + earlier) * DAY)
    }

    /// Time of the newest point that is not in the future; none without points.
    pub(super) fn last(&self, data: &Data) -> Option<i64> {
        let first = self.first(data)?;
        let mut at = first + (self.last_call(data) - first) / SAMPLING * SAMPLING;
        while !self.has_arrived(data, at) {
            at -= SAMPLING;
        }
        Some(at)
    }

    /// When the LTU behind a Data last called.
    fn last_call(&self, data: &Data) -> i64 {
        let call = FLUXES
            .iter()
            .find(|flux| flux.id == data.flux)
            .and_then(|flux| flux.ltu);
        last_call(call.unwrap_or_default(), self.day)
    }

    /// Late batch: points from eight to ten in the morning arrive with the call of the following day.
    fn has_arrived(&self, data: &Data, at: i64) -> bool {
        let late = self.switches.late_batch
            && data.flux == 2120
            && (8..10).contains(&(at.rem_euclid(DAY) / 3600));
        !late || at + DAY <= self.last_call(data)
    }

    fn future_points(&self, data: &Data) -> impl Iterator<Item = i64> + use<> {
        let at = morning(self.day) + 2 * DAY;
        (self.switches.future_point && data.id == ODD)
            .then_some(at)
            .into_iter()
    }

    fn value(&self, data: &Data, at: i64) -> Reading {
        let slot = (at - morning(0)) / SAMPLING;
        let mut random = Random::of(
            self.seed,
            "wapi.point",
            ((data.id as u64) << 32) ^ (slot as u64 & 0xffff_ffff),
        );
        if random.below(150) == 0 {
            return Reading::Missing;
        }
        let old = at < morning(0) - (DAYS_BEFORE * DAY) + 10 * SAMPLING;
        if self.switches.nan && data.id == ODD && old {
            return Reading::NotANumber;
        }
        let noise = random.below(100) as i64;
        // In hundredths, so that a number never has more than two decimals; a day is two straight lines,
        // because sines differ between machines.
        let minute = at.rem_euclid(DAY) / 60;
        let height = (720 - (minute - 720).abs()) * data.swing / 720;
        let mut hundredths = match data.pattern {
            Some(Pattern::Swings) => data.base + height + noise,
            Some(Pattern::Counts) => {
                data.base + (slot + 10_000) * data.swing + noise.min(data.swing)
            }
            Some(Pattern::Switches) => i64::from(height + noise > data.swing / 2) * 100,
            None => 0,
        };
        if data.id == CORRECTED
            && old
            && self.switches.corrected.is_some_and(|from| self.day >= from)
        {
            hundredths += 100;
        }
        Reading::Number(hundredths as f64 / 100.0)
    }
}

/// When an LTU last called before the morning of a day: every ten minutes, every six hours at half
/// past, or once a night at two.
pub(super) fn last_call(ltu: i64, day: u64) -> i64 {
    let (every, at) = match ltu {
        412 => (SAMPLING, 0),
        415 => (DAY / 4, 1800),
        _ => (DAY, 7200),
    };
    (morning(day) - at).div_euclid(every) * every + at
}
