//! The simulated clock and its time formats (wisenet.md 7).
//!
//! Not the real time: day zero is always 2026-03-02T06:00Z, so a day always has the same bytes.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::switches::FractionDigits;

/// Milliseconds of one day.
pub const DAY: i64 = 86_400_000;

/// The simulated time on day zero, in milliseconds since 1970.
const ANCHOR: i64 = 1_772_431_200_000;

/// The simulated time on a day, in milliseconds since 1970.
pub fn now_of(day: u64) -> i64 {
    ANCHOR + i64::try_from(day).unwrap_or(i64::MAX / DAY / 2) * DAY
}

/// Rounds down to the precision of SQL Server's `datetime`: last digit 0, 3 or 7.
pub fn tick(millis: i64) -> i64 {
    let digit = millis.rem_euclid(10);
    let kept = match digit {
        0..=2 => 0,
        3..=6 => 3,
        _ => 7,
    };
    millis - digit + kept
}

/// A change time as served: ISO 8601 without a zone.
pub fn format_time(millis: i64, digits: FractionDigits) -> String {
    let seconds = seconds(millis);
    let fraction = format!("{:03}", millis.rem_euclid(1000));
    match digits {
        FractionDigits::Natural => match fraction.trim_end_matches('0') {
            "" => seconds,
            rest => format!("{seconds}.{rest}"),
        },
        FractionDigits::None => seconds,
        FractionDigits::One => format!("{seconds}.{}", &fraction[..1]),
        FractionDigits::Two => format!("{seconds}.{}", &fraction[..2]),
        FractionDigits::Three => format!("{seconds}.{fraction}"),
    }
}

/// A date as served: a datetime at midnight.
pub fn format_date(millis: i64) -> String {
    seconds(millis - millis.rem_euclid(DAY))
}

/// Parses a filter value: with or without fraction, with or without `Z`.
pub fn read(text: &str) -> Option<i64> {
    let plain = text.trim().trim_end_matches(['Z', 'z']);
    let civil: DateTime = plain.parse().ok()?;
    Some(
        civil
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_millisecond(),
    )
}

/// By hand, because a page has tens of thousands of times and a format string costs more than the rest.
fn seconds(millis: i64) -> String {
    let Ok(time) = Timestamp::from_millisecond(millis.div_euclid(1000) * 1000) else {
        return String::new();
    };
    let time = TimeZone::UTC.to_datetime(time);
    let (year, month, day) = (time.year(), time.month(), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fraction_digits_vary_as_documented() {
        let rows = [
            (0, FractionDigits::Natural, "2026-03-02T06:00:00"),
            (840, FractionDigits::Natural, "2026-03-02T06:00:00.84"),
            (800, FractionDigits::Natural, "2026-03-02T06:00:00.8"),
            (843, FractionDigits::Natural, "2026-03-02T06:00:00.843"),
            (843, FractionDigits::None, "2026-03-02T06:00:00"),
            (843, FractionDigits::One, "2026-03-02T06:00:00.8"),
            (843, FractionDigits::Two, "2026-03-02T06:00:00.84"),
            (0, FractionDigits::Three, "2026-03-02T06:00:00.000"),
        ];
        for (millis, digits, expected) in rows {
            assert_eq!(format_time(now_of(0) + millis, digits), expected);
            let read_back = read(expected).expect("own spelling");
            assert!(read_back <= now_of(0) + millis, "{expected}");
        }
        assert_eq!(read("2026-03-02T06:00:00.000Z"), Some(now_of(0)));
        assert_eq!(read("2026-03-03T06:00:00"), Some(now_of(1)));
        assert_eq!(format_date(now_of(0)), "2026-03-02T00:00:00");
    }
}
