//! When a cron pattern fires, in a time zone with clock changes.
//!
//! Not the loop: that is in `daemon/`. Nothing here reads a clock. croner computes wall-clock times only; one rule here
//! maps them to real time. A pattern that is unaffected by a clock change (every hour, and minutes that the change maps
//! onto themselves, such as `*/15`) follows real time. Any other pattern fires once per wall-clock time: a skipped one
//! when the gap ends, a repeated one the first time.
//!
//! croner's own rule loses `30 2,14 * * *` in the gap and repeats it in autumn, because it has two hours. So croner
//! never receives a zoned time.

use std::time::Duration;

use croner::Cron;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::scalar::saturating_add;

/// Jobs that are due together start within this long of each other.
pub const START_SPREAD: Duration = Duration::from_secs(20);

/// The first tick later than `after`, or `None` if the pattern never fires again.
pub fn next_tick(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut from = after;
    let mut first = Bound::After;
    loop {
        let offset = zone.to_offset(from);
        let wall_time = next_wall_time(cron, offset.to_datetime(from), first)?;
        let tick = offset.to_timestamp(wall_time).ok()?;
        let change = zone
            .following(from)
            .next()
            .filter(|change| change.timestamp() <= tick);
        let Some(change) = change else {
            if !is_repeated(cron, zone, wall_time, tick) {
                return Some(tick);
            }
            (from, first) = (tick, Bound::After);
            continue;
        };
        let skipped = change.offset().duration_since(offset);
        let resumes = change.offset().to_datetime(change.timestamp());
        if wall_time < resumes && !is_unaffected(cron, skipped) {
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
    // A pattern with seconds has millions of ticks a year: search the last minute first, then further back.
    let mut back = SignedDuration::from_mins(1);
    loop {
        let from = saturating_add(now, -back).max(last_due);
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

/// How far a tick may be spread: a quarter of the time to the next tick, at most [`START_SPREAD`].
///
/// Zero for a pattern with seconds: it is meant exactly.
pub fn max_spread(cron: &Cron, due: Timestamp, next: Option<Timestamp>) -> Duration {
    if cron.pattern.as_str().split_whitespace().count() > 5 {
        return Duration::ZERO;
    }
    let interval = next.map_or(SignedDuration::MAX, |next| next.duration_since(due));
    Duration::try_from(interval / 4)
        .unwrap_or_default()
        .min(START_SPREAD)
}

/// Whether a search includes its start.
#[derive(Clone, Copy)]
enum Bound {
    At,
    After,
}

/// The next wall-clock time of a pattern, whatever the zone.
fn next_wall_time(cron: &Cron, from: DateTime, first: Bound) -> Option<DateTime> {
    cron.find_next_occurrence(&from, matches!(first, Bound::At))
        .ok()
}

/// Whether this wall-clock time occurred before and does not count the second time.
fn is_repeated(cron: &Cron, zone: &TimeZone, wall_time: DateTime, tick: Timestamp) -> bool {
    match zone.to_ambiguous_timestamp(wall_time).offset() {
        AmbiguousOffset::Fold { before, after } => {
            zone.to_offset(tick) == after && !is_unaffected(cron, after.duration_since(before))
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => false,
    }
}

/// Whether the pattern matches the same times after the clock was moved by this much.
fn is_unaffected(cron: &Cron, moved: SignedDuration) -> bool {
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
