//! Reading dates and times in every spelling that the contracts list, and writing them in one.
//!
//! Pure text work. The common spellings are taken by hand because a roster of two hundred
//! thousand rows has as many stamps; the rest goes to the calendar library.
//! Sources: wisenet.md 7, wapi.md 3.3 and 9.4, webuntis-oneroster.md 3.1.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A moment as the mirror writes it, or nothing for a vendor's way to say "unset" (year 1 or before).
#[derive(Debug)]
pub enum Moment<'a> {
    /// `YYYY-MM-DDTHH:MM:SS.sssZ` or `YYYY-MM-DD`.
    Text(Cow<'a, str>),
    /// The vendor's filler for "no value".
    Unset,
    /// Not a date or time.
    Not,
}

/// Reads a timestamp: `T` or a blank between date and time, no or up to nine fraction digits,
/// `Z`, an offset or none (then UTC), a date alone, or `/Date(milliseconds+zone)/`.
pub fn timestamp(text: &str) -> Moment<'_> {
    if is_canonical(text) {
        return Moment::Text(Cow::Borrowed(text));
    }
    let text = text.trim();
    if let Some(inner) = text
        .strip_prefix("/Date(")
        .and_then(|rest| rest.strip_suffix(")/"))
    {
        return from_milliseconds(inner);
    }
    if is_unset_year(text) {
        return Moment::Unset;
    }
    match parse(text) {
        Some(moment) => Moment::Text(Cow::Owned(written(moment))),
        None => Moment::Not,
    }
}

/// Reads a date; of a date with a time the date part as written, without moving it between zones.
pub fn date(text: &str) -> Moment<'_> {
    let text = text.trim();
    let Some(head) = text.get(..10) else {
        return Moment::Not;
    };
    let rest = &text[10..];
    if !(rest.is_empty() || rest.starts_with(['T', 't', ' '])) {
        return Moment::Not;
    }
    if is_unset_year(text) {
        return Moment::Unset;
    }
    match head.parse::<civil::Date>() {
        Ok(_) => Moment::Text(Cow::Borrowed(head)),
        Err(_) => Moment::Not,
    }
}

/// A timestamp as the mirror writes it: UTC with milliseconds, the rest cut off.
pub fn written(moment: Timestamp) -> String {
    let time = moment.to_zoned(TimeZone::UTC).datetime();
    let mut text = String::with_capacity(24);
    let _ = write!(
        text,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    );
    text
}

/// Reads what [`written`] wrote, or any other spelling of a timestamp.
pub fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let text = if text.len() > 10 && text.as_bytes()[10] == b' ' {
        text.replacen(' ', "T", 1)
    } else {
        text.to_owned()
    };
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let civil: civil::DateTime = match text.parse::<civil::DateTime>() {
        Ok(time) => time,
        Err(_) => text
            .parse::<civil::Date>()
            .ok()?
            .to_datetime(civil::Time::midnight()),
    };
    civil
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

fn is_canonical(text: &str) -> bool {
    const SHAPE: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let bytes = text.as_bytes();
    if bytes.len() != SHAPE.len() {
        return false;
    }
    let shaped = bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    let two = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
    shaped
        && bytes[..4] > b"0001"[..]
        && (1..=12).contains(&two(5))
        && (1..=28).contains(&two(8)) // the 29th to the 31st are left to the calendar
        && two(11) < 24
        && two(14) < 60
        && two(17) < 60
}

/// wapi.md 3.3: .NET writes an unset date as the year 1.
fn is_unset_year(text: &str) -> bool {
    text.starts_with("0001-") || text.starts_with("0000-")
}

/// wapi.md 9.4 and wisenet.md 7: the older JSON form of .NET; the zone is for display only.
fn from_milliseconds(inner: &str) -> Moment<'static> {
    let digits = match inner.get(1..).and_then(|rest| rest.find(['+', '-'])) {
        Some(zone) => &inner[..=zone],
        None => inner,
    };
    let moment = digits
        .parse::<i64>()
        .ok()
        .and_then(|number| Timestamp::from_millisecond(number).ok());
    match moment {
        Some(moment) if moment.to_zoned(TimeZone::UTC).year() <= 1 => Moment::Unset,
        Some(moment) => Moment::Text(Cow::Owned(written(moment))),
        None => Moment::Not,
    }
}

/// A time of the mirror for people: `2026-01-31 06:00:14`, still UTC.
pub fn moment(written: &str) -> String {
    match (written.get(..10), written.get(11..19)) {
        (Some(date), Some(time)) => format!("{date} {time}"),
        _ => written.to_owned(),
    }
}

/// A timestamp moved by a span, staying inside what can be written.
pub fn moved(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.checked_add(by).unwrap_or(if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(moment: Moment<'_>) -> String {
        match moment {
            Moment::Text(text) => text.into_owned(),
            Moment::Unset => "unset".to_owned(),
            Moment::Not => "not".to_owned(),
        }
    }

    #[test]
    fn timestamps_of_every_vendor() {
        for (given, expected) in [
            ("2026-02-03T07:15:42.000Z", "2026-02-03T07:15:42.000Z"),
            ("2026-01-31T23:59:59.999Z", "2026-01-31T23:59:59.999Z"),
            ("2026-02-29T00:00:00.000Z", "not"),
            ("2028-02-29T00:00:00.000Z", "2028-02-29T00:00:00.000Z"),
            ("2026-02-17T09:05:12.84", "2026-02-17T09:05:12.840Z"),
            ("2026-02-17T09:05:12", "2026-02-17T09:05:12.000Z"),
            ("2026-02-17 09:05:12", "2026-02-17T09:05:12.000Z"),
            ("2026-02-17 09:05:12+02:00", "2026-02-17T07:05:12.000Z"),
            ("2025-01-14T06:10:00.0000000Z", "2025-01-14T06:10:00.000Z"),
            ("2025-01-14T06:10:00.1234567Z", "2025-01-14T06:10:00.123Z"),
            ("2025-01-14T06:10:00.999999999Z", "2025-01-14T06:10:00.999Z"),
            ("2025-01-14", "2025-01-14T00:00:00.000Z"),
            ("0001-01-01T00:00:00.0000000Z", "unset"),
            ("/Date(1736835000000+0000)/", "2025-01-14T06:10:00.000Z"),
            ("/Date(1333061075507+1100)/", "2012-03-29T22:44:35.507Z"),
            ("/Date(-62135596800000)/", "unset"),
            ("9998-12-31T00:00:00.000Z", "9998-12-31T00:00:00.000Z"),
            ("yesterday", "not"),
            ("", "not"),
            ("2026-13-01T00:00:00.000Z", "not"),
            ("2026-01-01T25:00:00.000Z", "not"),
        ] {
            assert_eq!(shown(timestamp(given)), expected, "{given}");
        }
    }

    #[test]
    fn dates_keep_the_day_as_written() {
        for (given, expected) in [
            ("2026-02-16", "2026-02-16"),
            ("2026-02-16T00:00:00", "2026-02-16"),
            ("2026-02-16T23:30:00+13:00", "2026-02-16"),
            ("2026-02-16 00:00:00", "2026-02-16"),
            ("2026-02-29", "not"),
            ("0001-01-01", "unset"),
            ("2026-02-16x", "not"),
            ("16.02.2026", "not"),
            ("ü026-02-16", "not"),
        ] {
            assert_eq!(shown(date(given)), expected, "{given}");
        }
    }
}
