//! The sandbox's days: a fixed first morning, and one more day for each day of churn.
//!
//! Nothing here asks what time it is, so that the same day serves the same bytes for ever.

use jiff::Timestamp;

use super::random::Random;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// Day zero in the morning: 2026-03-02T06:00:00Z, in seconds since 1970.
const FIRST_MORNING: i64 = 1_772_431_200;

/// When a day of churn ends, in seconds since 1970; day zero ends at 2026-03-02T06:00:00Z.
pub fn morning(day: u64) -> i64 {
    FIRST_MORNING + i64::try_from(day).unwrap_or(0) * DAY
}

/// When something changed in the course of a day, in milliseconds since 1970.
///
/// What was there on day zero changed in the half year before it. Every later change lies after
/// all changes of the days before, as the cursor of an incremental reader needs it.
pub fn moment(seed: u64, label: &str, number: u64, day: u64) -> i64 {
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
/// Beyond the year 9999, which only a mistake in the sandbox reaches.
pub fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).expect("the sandbox stays within its century")
}
