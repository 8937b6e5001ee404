//! The sandbox's calendar: a fixed first morning, plus one day for each day of churn.
//!
//! Nothing here reads the real clock, so the same day always serves the same bytes.

use jiff::Timestamp;

use super::random::Random;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// Day zero in the morning: 2026-03-02T06:00:00Z, in seconds since 1970.
const FIRST_MORNING: i64 = 1_772_431_200;

/// The end of a day, in seconds since 1970; day zero ends at 2026-03-02T06:00:00Z.
pub fn morning(day: u64) -> i64 {
    FIRST_MORNING + i64::try_from(day).unwrap_or(0) * DAY
}

/// The time of a change on a day, in milliseconds since 1970.
///
/// Rows of day zero changed in the months before it. Every later change is after all changes of the
/// days before, as the cursor of an incremental reader requires.
pub fn change_time(seed: u64, label: &str, number: u64, day: u64) -> i64 {
    let mut random = Random::of(seed ^ day, label, number);
    let seconds = match day {
        0 => morning(0) - DAY * 2 - random.below(150 * DAY as u64) as i64,
        later => morning(later - 1) + 1 + random.below(DAY as u64 - 2) as i64,
    };
    seconds * 1000 + random.below(1000) as i64
}

/// Milliseconds since 1970 as `2026-03-02T06:00:00.000Z`.
pub fn stamp(millis: i64) -> String {
    format!("{}Z", instant(millis).strftime("%Y-%m-%dT%H:%M:%S%.3f"))
}

/// The instant of a number of milliseconds since 1970.
///
/// # Panics
///
/// Beyond the year 9999, which only a bug in the sandbox reaches.
pub fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).expect("the sandbox stays within its century")
}
