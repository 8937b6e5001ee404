//! When a cron pattern ticks, in a zone whose clocks change.
//!
//! Not the loop: that is in `daemon/`. Nothing here looks at a clock. croner is asked for places on
//! the face of a clock only; where such a place lies in real time is decided here, by one rule. A
//! pattern that looks the same before and after a change (every hour, and minutes that the change
//! maps onto themselves, such as `*/15`) goes by real time. Any other has each place on the clock
//! once: a skipped one at the moment the gap ends, a doubled one the first time.
//!
//! The surprise: croner has a rule of its own, which loses `30 2,14 * * *` in the gap and doubles it
//! in autumn, because it has two hours. So no zoned time is given to it.

use std::time::Duration;

use croner::Cron;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::scalar::moved;

/// Jobs that are due together start within this long of each other.
pub const TOGETHER: Duration = Duration::from_secs(20);

/// The first tick later than `after`, or `None` if the pattern never comes again.
pub fn next_tick(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut from = after;
    let mut first = Bound::After;
    loop {
        let offset = zone.to_offset(from);
        let place = next_place(cron, offset.to_datetime(from), first)?;
        let tick = offset.to_timestamp(place).ok()?;
        let change = zone
            .following(from)
            .next()
            .filter(|change| change.timestamp() <= tick);
        let Some(change) = change else {
            if !comes_again(cron, zone, place, tick) {
                return Some(tick);
            }
            (from, first) = (tick, Bound::After);
            continue;
        };
        let skipped = change.offset().duration_since(offset);
        let resumes = change.offset().to_datetime(change.timestamp());
        if place < resumes && !even(cron, skipped) {
            return Some(change.timestamp());
        }
        (from, first) = (change.timestamp(), Bound::At);
    }
}

/// The latest tick that is later than `last_due` and not later than `now`.
///
/// However many were missed, this is the one to make up for.
pub fn missed(
    cron: &Cron,
    zone: &TimeZone,
    last_due: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    // A pattern with seconds has millions of ticks a year: look back a minute first, then further.
    let mut back = SignedDuration::from_mins(1);
    loop {
        let from = moved(now, -back).max(last_due);
        let ticks = std::iter::successors(Some(from), |tick| next_tick(cron, zone, *tick));
        let latest = ticks.skip(1).take_while(|tick| *tick <= now).last();
        if latest.is_some() || from <= last_due {
            return latest;
        }
        back = back.saturating_mul(8);
    }
}

/// How much later than its due time a job starts, so that jobs due together do not start together.
///
/// Less than `within`, and always the same for a name.
pub fn spread(job_name: &str, within: Duration) -> Duration {
    // The upper half of the hash, as a fraction of 2^32.
    let share = (xxh3_64(job_name.as_bytes()) >> 32) as f64 / (1u64 << 32) as f64;
    within.mul_f64(share)
}

/// How far a tick may be spread: a quarter of the time to the next tick, at most [`TOGETHER`].
///
/// Nothing for a pattern with seconds: who writes them means them.
pub fn room(cron: &Cron, due: Timestamp, next: Option<Timestamp>) -> Duration {
    if cron.pattern.as_str().split_whitespace().count() > 5 {
        return Duration::ZERO;
    }
    let interval = next.map_or(SignedDuration::MAX, |next| next.duration_since(due));
    Duration::try_from(interval / 4)
        .unwrap_or_default()
        .min(TOGETHER)
}

/// Whether a search begins with the moment itself.
#[derive(Clone, Copy)]
enum Bound {
    At,
    After,
}

/// The next place on the face of a clock, whatever the zone.
fn next_place(cron: &Cron, from: DateTime, first: Bound) -> Option<DateTime> {
    cron.find_next_occurrence(&from, matches!(first, Bound::At))
        .ok()
}

/// Whether this place has been on the clock before and does not count the second time.
fn comes_again(cron: &Cron, zone: &TimeZone, place: DateTime, tick: Timestamp) -> bool {
    match zone.to_ambiguous_timestamp(place).offset() {
        AmbiguousOffset::Fold { before, after } => {
            zone.to_offset(tick) == after && !even(cron, after.duration_since(before))
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => false,
    }
}

/// Whether the pattern looks the same when the clock has been moved by this much.
fn even(cron: &Cron, moved: SignedDuration) -> bool {
    let pattern = &cron.pattern;
    let minutes = pattern.minutes.values();
    let moved_minutes = moved.as_mins().rem_euclid(60) as u16;
    pattern.hours.values().len() == 24
        && moved.as_secs() % 60 == 0
        && minutes
            .iter()
            .all(|minute| minutes.contains(&((minute + moved_minutes) % 60)))
}

#[cfg(test)]
mod tests;
