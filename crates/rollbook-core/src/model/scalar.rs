//! Parses dates and times in every unambiguous format, and writes them in one.
//!
//! Pure. Far-future ends ("9999-12-31T23:59:59.9999999") are ordinary dates; anything later than the last time that the
//! mirror can write becomes that time. Sources: wisenet.md 7, wapi.md 3.3, wapi.md 9 rule 4, webuntis-oneroster.md 3.1.

mod spellings;

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use self::spellings::{TimeOfDay, TimeText, UtcOffset};

/// The last time that the mirror writes; it means "no end".
const FAR_AWAY: &str = "9999-12-31T23:59:59.999Z";

/// A time in the mirror's format, or a vendor's filler for "unset" (year 1 or before).
#[derive(Debug, PartialEq, Eq)]
pub enum ParsedTime<'a> {
    /// `YYYY-MM-DDTHH:MM:SS.sssZ` or `YYYY-MM-DD`.
    Text(Cow<'a, str>),
    /// The vendor's filler for "no value".
    Unset,
    /// Not a date or time.
    Invalid,
}

/// A day that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Day<'a> {
    /// The day.
    pub value: ParsedTime<'a>,
    /// It is a time other than midnight with an offset, and the time zone that decides its day is unknown.
    pub is_ambiguous: bool,
}

/// Parses a timestamp; without a zone it is UTC, a date alone is its midnight. Fractions beyond milliseconds are cut
/// off.
pub fn timestamp(text: &str) -> ParsedTime<'_> {
    if is_canonical(text) {
        return ParsedTime::Text(Cow::Borrowed(text));
    }
    if let Some(written) = plain_timestamp(text) {
        return ParsedTime::Text(Cow::Owned(written));
    }
    match spellings::read(text.trim()) {
        None => ParsedTime::Invalid,
        Some(TimeText::Unset) => ParsedTime::Unset,
        Some(TimeText::FarAway) => ParsedTime::Text(Cow::Borrowed(FAR_AWAY)),
        Some(TimeText::Milliseconds(number, _)) => timestamp_of(since_1970(number, 0)),
        Some(TimeText::At { date, time, zone }) => timestamp_of(in_utc(date, time, zone)),
    }
}

/// Parses a date. A time with an offset gives its day in `zone`: a birth date sent as local midnight in UTC is the
/// local day. Midnight itself is the day as written, and so is any other time if `zone` is unknown.
pub fn date<'a>(text: &'a str, zone: Option<&TimeZone>) -> Day<'a> {
    let day = |value| Day {
        value,
        is_ambiguous: false,
    };
    if let Some(head) = plain_day(text) {
        return day(ParsedTime::Text(Cow::Borrowed(head)));
    }
    let text = text.trim();
    let (civil, given) = match spellings::read(text) {
        None => return day(ParsedTime::Invalid),
        Some(TimeText::Unset) => return day(ParsedTime::Unset),
        Some(TimeText::FarAway) => return day(ParsedTime::Text(Cow::Borrowed(&FAR_AWAY[..10]))),
        Some(TimeText::At { date, time, zone }) => {
            let time = time.map(|time| time.on(civil::Date::ZERO).unwrap_or(civil::DateTime::ZERO));
            let is_midnight = time.is_none_or(|time| time.time() == civil::Time::midnight());
            if is_midnight || zone == UtcOffset::Unknown {
                return day(ParsedTime::Text(day_as_written(text, date)));
            }
            let time = time.map_or(civil::Time::midnight(), civil::DateTime::time);
            (date.to_datetime(time), zone)
        }
        Some(TimeText::Milliseconds(number, zone)) => match since_1970(number, zone.seconds()) {
            Ok(time) if time.year() <= 1 => return day(ParsedTime::Unset),
            Ok(time) if time.time() == civil::Time::midnight() => {
                return day(ParsedTime::Text(canonical_day(time.date()).into()));
            }
            Ok(time) => (time, UtcOffset::Seconds(zone.seconds())),
            Err(end) => return day(end.day()),
        },
    };
    match zone {
        Some(zone) => day(ParsedTime::Text(local_day(civil, given, zone).into())),
        None => Day {
            value: ParsedTime::Text(canonical_day(civil.date()).into()),
            is_ambiguous: true,
        },
    }
}

/// The day of a time in a time zone.
fn local_day(civil: civil::DateTime, given: UtcOffset, zone: &TimeZone) -> String {
    let utc = civil.checked_sub(SignedDuration::from_secs(i64::from(given.seconds())));
    let local = utc
        .ok()
        .and_then(|utc| TimeZone::UTC.to_timestamp(utc).ok())
        .map(|instant| zone.to_datetime(instant).date());
    canonical_day(local.unwrap_or(civil.date()))
}

/// Borrows a day that is already in the mirror's format.
fn day_as_written(text: &str, date: civil::Date) -> Cow<'_, str> {
    match text.get(..10).filter(|head| is_canonical_date(head)) {
        Some(head) => Cow::Borrowed(head),
        None => Cow::Owned(canonical_day(date)),
    }
}

fn canonical_day(date: civil::Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

/// Beyond what a calendar of four digits can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Long ago: unset.
    Before,
    /// For ever.
    After,
}

impl End {
    fn day(self) -> ParsedTime<'static> {
        match self {
            Self::Before => ParsedTime::Unset,
            Self::After => ParsedTime::Text(Cow::Borrowed(&FAR_AWAY[..10])),
        }
    }
}

impl UtcOffset {
    fn seconds(self) -> i32 {
        match self {
            Self::Unknown => 0,
            Self::Seconds(seconds) => seconds,
        }
    }
}

impl TimeOfDay {
    /// The time on a day: `24:00` is the next day's midnight, a leap second the one before it.
    fn on(self, date: civil::Date) -> Result<civil::DateTime, End> {
        let second = self.second.min(59);
        if self.hour == 24 {
            let next = date.tomorrow().map_err(|_| End::After)?;
            return Ok(next.to_datetime(civil::Time::midnight()));
        }
        let time = civil::Time::new(self.hour, self.minute, second, self.nanosecond);
        Ok(date.to_datetime(time.unwrap_or(civil::Time::midnight())))
    }
}

fn since_1970(milliseconds: i64, offset: i32) -> Result<civil::DateTime, End> {
    let beyond = match milliseconds < 0 {
        true => End::Before,
        false => End::After,
    };
    let span = SignedDuration::from_millis(milliseconds)
        .checked_add(SignedDuration::from_secs(i64::from(offset)))
        .ok_or(beyond)?;
    civil::date(1970, 1, 1)
        .to_datetime(civil::Time::midnight())
        .checked_add(span)
        .map_err(|_| beyond)
}

fn in_utc(
    date: civil::Date,
    time: Option<TimeOfDay>,
    zone: UtcOffset,
) -> Result<civil::DateTime, End> {
    let local = match time {
        Some(time) => time.on(date)?,
        None => date.to_datetime(civil::Time::midnight()),
    };
    match zone.seconds() {
        0 => Ok(local),
        seconds => local
            .checked_sub(SignedDuration::from_secs(i64::from(seconds)))
            .map_err(|_| End::After),
    }
}

fn timestamp_of(utc: Result<civil::DateTime, End>) -> ParsedTime<'static> {
    match utc {
        Ok(time) if time.year() <= 1 => ParsedTime::Unset,
        Ok(time) => ParsedTime::Text(Cow::Owned(canonical_utc(time))),
        Err(End::Before) => ParsedTime::Unset,
        Err(End::After) => ParsedTime::Text(Cow::Borrowed(FAR_AWAY)),
    }
}

/// A timestamp as the mirror writes it: UTC with milliseconds, the rest cut off.
pub fn to_canonical(instant: Timestamp) -> String {
    canonical_utc(instant.to_zoned(TimeZone::UTC).datetime())
}

fn canonical_utc(time: civil::DateTime) -> String {
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

/// Reads what [`to_canonical`] wrote, or any other format of a timestamp.
pub fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    if text == FAR_AWAY {
        return Some(Timestamp::MAX);
    }
    let text = if text.len() > 10 && text.as_bytes()[10] == b' ' {
        text.replacen(' ', "T", 1)
    } else {
        text.to_owned()
    };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
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
    let bytes = text.as_bytes();
    bytes.len() == 24
        && is_plain_start(bytes)
        && bytes[10] == b'T'
        && bytes[19] == b'.'
        && bytes[20..23].iter().all(u8::is_ascii_digit)
        && bytes[23] == b'Z'
}

/// The usual spellings, for a roster has two hundred thousand: `2026-02-03T07:15:42`, with decimals or not, `Z` or nothing.
fn plain_timestamp(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 19 || !is_plain_start(bytes) {
        return None;
    }
    let rest = bytes[19..].strip_suffix(b"Z").unwrap_or(&bytes[19..]);
    let decimals = match rest.split_first() {
        None => rest,
        Some((b'.', decimals)) if !decimals.is_empty() => decimals,
        Some(_) => return None,
    };
    if !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut written = *b"0000-00-00T00:00:00.000Z";
    written[..10].copy_from_slice(&bytes[..10]);
    written[11..19].copy_from_slice(&bytes[11..19]);
    let decimals = &decimals[..decimals.len().min(3)];
    written[20..20 + decimals.len()].copy_from_slice(decimals);
    std::str::from_utf8(&written).ok().map(str::to_owned)
}

/// A day alone, or followed by midnight without an offset.
fn plain_day(text: &str) -> Option<&str> {
    let head = text.get(..10).filter(|head| is_canonical_date(head))?;
    let Some(rest) = text[10..].strip_prefix("T00:00:00") else {
        return (text.len() == 10).then_some(head);
    };
    let rest = rest.strip_suffix('Z').unwrap_or(rest);
    let is_midnight = match rest.strip_prefix('.') {
        None => rest.is_empty(),
        Some(decimals) => !decimals.is_empty() && decimals.bytes().all(|digit| digit == b'0'),
    };
    is_midnight.then_some(head)
}

/// Whether this begins with a day and a time, such as `2026-02-03T07:15:42`.
fn is_plain_start(bytes: &[u8]) -> bool {
    let Some((month, rest)) = bytes.split_first_chunk::<8>() else {
        return false;
    };
    let Some(([ten, one, between], rest)) = rest.split_first_chunk::<3>() else {
        return false;
    };
    let shaped = YEAR_AND_MONTH.fits(month)
        && ten.is_ascii_digit()
        && one.is_ascii_digit()
        && matches!(between, b'T' | b' ')
        && rest.first_chunk().is_some_and(|time| TIME.fits(time));
    let two = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
    shaped
        && bytes[..4] > b"0001"[..]
        && (1..=12).contains(&two(5))
        && (1..=28).contains(&two(8)) // the 29th to the 31st are left to the calendar
        && two(11) < 24
        && two(14) < 60
        && two(17) < 60
}

/// Eight bytes: digits where there are zeros, the same elsewhere. All are compared at once, for each row has a time.
struct Shape {
    bytes: u64,
    /// What makes the high bit of a byte, if it is added to one that differs by too much.
    room: u64,
}

const YEAR_AND_MONTH: Shape = Shape::new(*b"0000-00-");
const TIME: Shape = Shape::new(*b"00:00:00");

impl Shape {
    const fn new(bytes: [u8; 8]) -> Self {
        let mut room = [0x7F; 8];
        let mut place = 0;
        while place < 8 {
            if bytes[place] == b'0' {
                room[place] -= 9; // a digit differs from a zero by at most 9, in its low half
            }
            place += 1;
        }
        Self {
            bytes: u64::from_le_bytes(bytes),
            room: u64::from_le_bytes(room),
        }
    }

    fn fits(&self, bytes: &[u8; 8]) -> bool {
        const HIGH: u64 = 0x8080_8080_8080_8080;
        let difference = u64::from_le_bytes(*bytes) ^ self.bytes;
        let beyond = (difference & !HIGH) + self.room;
        (beyond | difference) & HIGH == 0
    }
}

/// `YYYY-MM-DD`, a day that every month has or the calendar knows.
fn is_canonical_date(text: &str) -> bool {
    const SHAPE: &[u8; 10] = b"0000-00-00";
    let bytes = text.as_bytes();
    let shaped = bytes.len() == SHAPE.len()
        && bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        });
    if !shaped || bytes[..4] <= b"0001"[..] {
        return false;
    }
    let two = |at: usize| ((bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0')) as i8;
    let (month, day) = (two(5), two(8));
    let year = i16::from(two(0)) * 100 + i16::from(two(2));
    (1..=12).contains(&month)
        && day >= 1
        && (day <= 28 || civil::Date::new(year, month, day).is_ok())
}

/// A time of the mirror for people: `2026-01-31 06:00:14`, still UTC.
pub fn display_time(written: &str) -> String {
    match (written.get(..10), written.get(11..19)) {
        (Some(date), Some(time)) => format!("{date} {time}"),
        _ => written.to_owned(),
    }
}

/// A timestamp moved by a span, staying inside what can be written.
pub fn saturating_add(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.checked_add(by).unwrap_or(if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests;
