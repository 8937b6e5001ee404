//! A walk through time in steps that shrink and grow: a pure value, like the pager.
//!
//! Whether a vendor's bounds include their ends is mostly unknown (wapi.md 12 A44), so each step starts a
//! second before the last one ended, and the whole walk a minute early and ends a minute late.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::scalar;

/// After so many good steps a shrunk step grows again (wapi.md 12 A45).
const GOOD_STEPS: u32 = 10;

/// A step through a time without rows is at most this many times as long as the connector's.
const MAX_WIDENING: u32 = 64;

/// Unreadable spans that may be passed over in a row.
const MAX_PASSED_OVER: u32 = 3;

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
    passed_over: u32,
    /// Where the next step ends at the latest, so that it can share a request with the steps of other walks.
    meets_at: Option<Timestamp>,
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
            passed_over: 0,
            meets_at: None,
        }
    }

    /// The same walk that begins with steps of a length that worked before.
    pub fn with_step(mut self, step: Option<Duration>) -> Self {
        self.step = step
            .unwrap_or(self.step)
            .clamp(self.smallest, self.full_step);
        self
    }

    /// The same walk whose first step reaches up to a time, behind which nothing was ever received.
    pub fn with_first_to(mut self, to: Option<Timestamp>) -> Self {
        let length = to.and_then(|to| Duration::try_from(to.duration_since(self.at)).ok());
        self.step = self.step.max(length.unwrap_or_default());
        self
    }

    /// The length of the next step, where it is shorter than the connector's.
    pub fn short_step(&self) -> Option<Duration> {
        (self.step < self.full_step).then_some(self.step)
    }

    /// The length of the next step, unless it meets others earlier.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// The next step ends here, if it is not over before.
    pub fn meet_at(&mut self, to: Timestamp) {
        self.meets_at = Some(to).filter(|to| *to > self.at);
    }

    /// The next span to request.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        (self.at < self.end).then(|| {
            let length = SignedDuration::try_from(self.step).unwrap_or(SignedDuration::MAX);
            let to = scalar::saturating_add(self.at, length).min(self.end);
            (self.at, self.meets_at.map_or(to, |at| at.min(to)))
        })
    }

    /// The span was read. One without rows makes the next one longer: a time in which nothing was recorded is often long.
    pub fn done(&mut self, rows: u64) {
        self.advance();
        self.passed_over = 0;
        self.good += 1;
        if rows == 0 {
            let widest = self.full_step.saturating_mul(MAX_WIDENING);
            self.step = self.step.saturating_mul(2).min(widest.max(self.step));
        } else if self.step > self.full_step {
            self.step = self.full_step;
        } else if self.good >= GOOD_STEPS {
            self.step = (self.step * 2).min(self.full_step);
            self.good = 0;
        }
    }

    /// The span holds a value that cannot be read, and is as short as it can be; returns whether the walk may go on
    /// behind it.
    pub fn pass_over(&mut self) -> bool {
        if self.can_shrink() || self.passed_over >= MAX_PASSED_OVER {
            return false;
        }
        self.advance();
        self.passed_over += 1;
        true
    }

    fn advance(&mut self) {
        if let Some((_, to)) = self.span() {
            self.at = match to == self.end {
                true => to,
                false => scalar::saturating_add(to, -SEAM).max(self.at),
            };
        }
        self.meets_at = None;
    }

    /// Whether a shorter span can be requested.
    pub fn can_shrink(&self) -> bool {
        self.step > self.smallest
    }

    /// The vendor reports that the span is too long; returns whether a shorter one can be requested. With the last of
    /// the tries that are left the span is as short as it can be.
    pub fn shrink(&mut self, tries_left: u32) -> bool {
        self.good = 0;
        if !self.can_shrink() || tries_left == 0 {
            return false;
        }
        let ratio = self.step.as_secs_f64() / self.smallest.as_secs_f64().max(1.0);
        let divisor = match tries_left {
            1 => ratio,
            2 => ratio.sqrt().max(2.0),
            _ => 2.0,
        };
        self.step = self.step.div_f64(divisor).max(self.smallest);
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
            walk.done(1);
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
        assert!(walk.shrink(4));
        assert!(walk.shrink(3));
        assert_eq!(length(&walk), Some(3));
        assert!(!walk.shrink(2));
        assert_eq!(walk.short_step(), Some(3 * HOUR));
        for _ in 0..GOOD_STEPS {
            walk.done(1);
        }
        assert_eq!(length(&walk), Some(6));
        for _ in 0..GOOD_STEPS {
            walk.done(1);
        }
        assert_eq!(length(&walk), Some(8));
        assert_eq!(walk.short_step(), None);
    }

    /// Whatever the lengths: the last of five tries is for the smallest span.
    #[test]
    fn five_tries_reach_the_smallest_span() {
        for (step, smallest) in [(168, 1), (720, 1), (24, 1), (8, 3), (1, 1)] {
            let end = time("2026-01-01T00:00:00Z");
            let start = time("2025-01-01T00:00:00Z");
            let mut walk = WindowWalk::new(start, end, step * HOUR, smallest * HOUR);
            let mut shrunk = 0;
            while walk.shrink(4 - shrunk) {
                shrunk += 1;
            }
            assert!(shrunk <= 4, "{step} h: {shrunk}");
            assert!(!walk.can_shrink(), "{step} h: {:?}", walk.span());
        }
    }

    #[test]
    fn steps_without_rows_grow_until_there_are_rows() {
        let (start, end) = (time("2024-01-01T00:00:00Z"), time("2026-01-01T00:00:00Z"));
        let mut walk = WindowWalk::new(start, end, 168 * HOUR, HOUR);
        let mut steps = 0;
        while walk.span().is_some() {
            walk.done(0);
            steps += 1;
        }
        assert_eq!(steps, 7, "two years of silence");
        let mut walk = WindowWalk::new(start, end, 168 * HOUR, HOUR);
        walk.done(0);
        walk.done(0);
        walk.done(5);
        let length = walk.span().map(|(from, to)| to.duration_since(from));
        assert_eq!(length, Some(SignedDuration::from_hours(168)));
        let known = time("2025-12-25T00:00:00Z");
        let mut walk = WindowWalk::new(start, end, 168 * HOUR, HOUR).with_first_to(Some(known));
        assert_eq!(walk.span().map(|(_, to)| to), Some(known));
        walk.done(1);
        walk.done(0);
        walk.done(0);
        assert_eq!(walk.span(), None);
    }

    #[test]
    fn at_most_three_spans_are_passed_over_in_a_row() {
        let (start, end) = (time("2025-01-01T00:00:00Z"), time("2026-01-01T00:00:00Z"));
        let mut walk = WindowWalk::new(start, end, 2 * HOUR, HOUR);
        assert!(!walk.pass_over(), "it can be shorter");
        assert!(walk.shrink(1));
        for _ in 0..MAX_PASSED_OVER {
            assert!(walk.pass_over());
        }
        let stays = walk.span();
        assert!(!walk.pass_over());
        assert_eq!(walk.span(), stays);
        walk.done(1);
        assert!(walk.pass_over());
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
