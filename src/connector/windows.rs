//! A walk through time in steps that shrink and grow: a pure value, like the pager.
//!
//! Whether a vendor's bounds include their ends is mostly unknown (wapi.md 12 A44), so each step starts a
//! second before the last one ended, and the whole walk a minute early and ends a minute late.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::scalar;

/// After so many good steps a shrunk step grows again (wapi.md 12 A45).
const GOOD_STEPS: u32 = 10;

const SLACK: SignedDuration = SignedDuration::from_secs(60);
const SEAM: SignedDuration = SignedDuration::from_secs(1);

/// A walk from one time to another.
#[derive(Debug)]
pub struct WindowWalk {
    at: Timestamp,
    end: Timestamp,
    step: Duration,
    full_step: Duration,
    smallest: Duration,
    good: u32,
}

impl WindowWalk {
    /// A walk that has not begun. An end before the start makes an empty walk.
    pub fn new(start: Timestamp, end: Timestamp, step: Duration, smallest: Duration) -> Self {
        let at = scalar::saturating_add(start, -SLACK);
        let end = if end < start {
            at
        } else {
            scalar::saturating_add(end, SLACK)
        };
        Self {
            at,
            end,
            step,
            full_step: step,
            smallest: smallest.min(step),
            good: 0,
        }
    }

    /// The next span to request.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        (self.at < self.end).then(|| {
            let length = SignedDuration::try_from(self.step).unwrap_or(SignedDuration::MAX);
            (
                self.at,
                scalar::saturating_add(self.at, length).min(self.end),
            )
        })
    }

    /// The span was read.
    pub fn done(&mut self) {
        let Some((_, to)) = self.span() else { return };
        self.at = if to == self.end {
            to
        } else {
            scalar::saturating_add(to, -SEAM)
        };
        self.good += 1;
        if self.good >= GOOD_STEPS {
            self.step = (self.step * 2).min(self.full_step);
            self.good = 0;
        }
    }

    /// The vendor reports that the span is too long; returns whether a shorter one can be requested.
    pub fn shrink(&mut self) -> bool {
        self.good = 0;
        if self.step <= self.smallest {
            return false;
        }
        self.step = (self.step / 2).max(self.smallest);
        true
    }
}

/// The first valid time: RFC 3339 or similar, or `-30d` from now.
pub fn first_time(texts: &[String], now: Timestamp) -> Option<Timestamp> {
    texts
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty() && !text.contains('{'))
        .find_map(|text| match text.strip_prefix('-') {
            Some(back) => {
                let length = crate::model::duration::duration(back).ok()?;
                Some(scalar::saturating_add(
                    now,
                    -SignedDuration::try_from(length).ok()?,
                ))
            }
            None => scalar::parse(text),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    const HOUR: Duration = Duration::from_secs(3600);

    fn spans(walk: &mut WindowWalk) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some((from, to)) = walk.span() {
            seen.push(format!("{from} {to}"));
            walk.done();
        }
        seen
    }

    #[test]
    fn a_walk_covers_its_span_without_a_gap() {
        let mut walk = WindowWalk::new(
            time("2025-01-01T00:00:00Z"),
            time("2025-01-01T10:00:00Z"),
            6 * HOUR,
            HOUR,
        );
        assert_eq!(
            spans(&mut walk),
            [
                "2024-12-31T23:59:00Z 2025-01-01T05:59:00Z",
                "2025-01-01T05:58:59Z 2025-01-01T10:01:00Z"
            ]
        );
        let mut empty = WindowWalk::new(
            time("2025-01-02T00:00:00Z"),
            time("2025-01-01T00:00:00Z"),
            HOUR,
            HOUR,
        );
        assert!(spans(&mut empty).is_empty());
    }

    #[test]
    fn steps_shrink_to_the_smallest_and_grow_again() {
        let mut walk = WindowWalk::new(
            time("2025-01-01T00:00:00Z"),
            time("2026-01-01T00:00:00Z"),
            8 * HOUR,
            3 * HOUR,
        );
        let length = |walk: &WindowWalk| {
            walk.span().map(|(from, to)| {
                (to - from).get_seconds() / 3600 + i64::from((to - from).get_hours())
            })
        };
        assert!(walk.shrink());
        assert!(walk.shrink());
        assert_eq!(length(&walk), Some(3));
        assert!(!walk.shrink());
        for _ in 0..GOOD_STEPS {
            walk.done();
        }
        assert_eq!(length(&walk), Some(6));
        for _ in 0..GOOD_STEPS {
            walk.done();
        }
        assert_eq!(length(&walk), Some(8));
    }

    #[test]
    fn the_first_time_that_is_said_wins() {
        let now = time("2025-06-01T00:00:00Z");
        for (texts, expected) in [
            (
                vec!["", "2025-01-14T06:10:00.000Z"],
                Some("2025-01-14T06:10:00Z"),
            ),
            (vec!["{first}", "-30d"], Some("2025-05-02T00:00:00Z")),
            (vec!["2025-01-14"], Some("2025-01-14T00:00:00Z")),
            (vec![""], None),
        ] {
            let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
            assert_eq!(first_time(&texts, now), expected.map(time), "{texts:?}");
        }
    }
}
