//! The unambiguous formats of dates and times.
//!
//! Year first, or the month by name: `31.08.2025` and `08/09/2025` are not accepted, because they are ambiguous. Parsed
//! by hand, because a roster has as many timestamps as rows and most are not in the mirror's own format.

use jiff::civil;

/// A parsed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeText {
    /// Year 1 or before: the vendor's filler for "no value" (wapi.md 3.3).
    Unset,
    /// A day, perhaps with a time, and where that time is.
    At {
        date: civil::Date,
        /// `None` for a day alone.
        time: Option<TimeOfDay>,
        zone: UtcOffset,
    },
    /// A year that has more than four digits: "no end".
    FarAway,
    /// Milliseconds since 1970 in UTC, with the offset that .NET puts beside them.
    Milliseconds(i64, UtcOffset),
}

/// A time of day. `24:00` and the leap second are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeOfDay {
    pub(super) hour: i8,
    pub(super) minute: i8,
    pub(super) second: i8,
    pub(super) nanosecond: i32,
}

/// How far a time is from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UtcOffset {
    /// Not declared.
    Unknown,
    /// Seconds east of UTC.
    Seconds(i32),
}

/// Accepted years of a date without separators: other numbers may have another order.
const COMPACT_YEARS: [std::ops::RangeInclusive<i16>; 2] = [1800..=2299, 9999..=9999];

/// Parses a trimmed text.
pub(super) fn read(text: &str) -> Option<TimeText> {
    if let Some(inner) = text.strip_prefix("/Date(") {
        return milliseconds(inner.strip_suffix(")/")?);
    }
    // Go prints its monotonic clock behind a time.
    let text = match text.find(" m=") {
        Some(end) => &text[..end],
        None => text,
    };
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        if let Some(spelled) = year_first(text) {
            return Some(spelled);
        }
    } else if let Some(years) = text.strip_prefix('+') {
        return is_far_away(years).then_some(TimeText::FarAway);
    }
    month_by_name(text)
}

/// wapi.md 9 rule 4 and wisenet.md 7: the older JSON form of .NET.
fn milliseconds(inner: &str) -> Option<TimeText> {
    let (digits, zone) = match inner.get(1..).and_then(|rest| rest.find(['+', '-'])) {
        Some(sign) => {
            let mut rest = Rest(&inner[sign + 1..]);
            let zone = rest.offset()?;
            rest.is_empty().then_some((&inner[..=sign], zone))?
        }
        None => (inner, UtcOffset::Unknown),
    };
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let beyond = match digits.starts_with('-') {
        true => i64::MIN,
        false => i64::MAX,
    };
    Some(TimeText::Milliseconds(
        digits.parse().unwrap_or(beyond),
        zone,
    ))
}

/// What is left of a text.
struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn first(&self) -> Option<u8> {
        self.0.as_bytes().first().copied()
    }

    fn skip(&mut self, sign: u8) -> bool {
        let is_there = self.first() == Some(sign);
        if is_there {
            self.0 = &self.0[1..];
        }
        is_there
    }

    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }

    /// A number of so many digits, at most.
    fn number(&mut self, least: usize, most: usize) -> Option<i32> {
        let digits = self
            .0
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        let number = self.0[..digits].parse().ok()?;
        self.0 = &self.0[digits..];
        (digits >= least).then_some(number)
    }

    /// `10:00`, `10:00:00`, `10:00:00.123`, `100000`, optionally followed by `AM` or `PM`.
    fn time(&mut self) -> Option<TimeOfDay> {
        let mut hour = self.number(1, 2)?;
        let has_colons = self.skip(b':');
        let minute = self.number(2, 2)?;
        let has_second = match has_colons {
            true => self.skip(b':'),
            false => self.first().is_some_and(|next| next.is_ascii_digit()),
        };
        let second = if has_second { self.number(2, 2)? } else { 0 };
        let mut nanosecond = 0;
        if has_second && matches!(self.first(), Some(b'.' | b',')) {
            self.0 = &self.0[1..];
            let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return None;
            }
            let padded = self.0[..digits].bytes().chain(std::iter::repeat(b'0'));
            nanosecond = padded
                .take(9)
                .fold(0, |number, digit| number * 10 + i32::from(digit - b'0'));
            self.0 = &self.0[digits..];
        }
        let suffix = self.0.trim_start_matches(' ');
        if let Some(is_late) = suffix.get(..2).and_then(|suffix| {
            let is = |word: &str| suffix.eq_ignore_ascii_case(word);
            is("PM").then_some(true).or(is("AM").then_some(false))
        }) {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if is_late { 12 } else { 0 };
            self.0 = &suffix[2..];
        }
        let is_midnight = hour == 24 && minute == 0 && second == 0 && nanosecond == 0;
        (is_midnight || hour < 24 && minute < 60 && second <= 60).then_some(TimeOfDay {
            hour: hour as i8,
            minute: minute as i8,
            second: second as i8,
            nanosecond,
        })
    }

    /// `+02`, `+0200`, `+02:00`, `+02:00:00`.
    fn offset(&mut self) -> Option<UtcOffset> {
        let sign = match self.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.number(2, 2)?;
        let mut parts = [0, 0];
        for part in &mut parts {
            let has_colon = self.skip(b':');
            if has_colon || self.first().is_some_and(|next| next.is_ascii_digit()) {
                *part = self.number(2, 2)?;
            }
        }
        let [minutes, seconds] = parts;
        let is_real = hours <= 26 && minutes < 60 && seconds < 60;
        is_real.then_some(UtcOffset::Seconds(
            sign * (hours * 3600 + minutes * 60 + seconds),
        ))
    }

    /// What may follow a time: a zone, and the zone's name again. Nothing else.
    fn zone(&mut self) -> Option<UtcOffset> {
        self.blanks();
        if self.is_empty() {
            return Some(UtcOffset::Unknown);
        }
        let letters = self.0.bytes().take_while(u8::is_ascii_alphabetic).count();
        let name = &self.0[..letters];
        let is_utc = ["Z", "UTC", "GMT", "UT"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        let zone = if is_utc {
            self.0 = &self.0[letters..];
            match self.first() {
                Some(b'+' | b'-') => self.offset()?,
                _ => UtcOffset::Seconds(0),
            }
        } else {
            self.offset()?
        };
        // Go and Java append the zone's name to its offset; only the offset counts.
        self.blanks();
        let rest = self.0;
        let in_brackets = |open, close| rest.starts_with(open) && rest.ends_with(close);
        let is_name = rest.is_empty()
            || rest.len() <= 5 && rest.bytes().all(|letter| letter.is_ascii_uppercase())
            || rest.len() <= 5 && rest.starts_with(['+', '-'])
            || in_brackets('[', ']')
            || in_brackets('(', ')');
        is_name.then_some(zone)
    }
}

/// A year of five to nine digits, a month and a day: "no end".
fn is_far_away(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = Rest(&text[digits..]);
    (5..=9).contains(&digits)
        && !text.starts_with('0')
        && rest.skip(b'-')
        && rest.number(2, 2).is_some()
        && rest.skip(b'-')
        && rest.number(2, 2).is_some()
}

/// `2024-09-11`, `2024-9-1`, `2024/09/11`, `20240911`, each perhaps with a time behind it.
fn year_first(text: &str) -> Option<TimeText> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = Rest(text);
    let (year, month, day) = match digits {
        4 => {
            let year = rest.number(4, 4)?;
            let separator = rest.first().filter(|sign| b"-/.".contains(sign))?;
            rest.skip(separator);
            let month = rest.number(1, 2)?;
            if !rest.skip(separator) {
                return None;
            }
            (year, month, rest.number(1, 2)?)
        }
        8 | 12 | 14 => {
            let date = (rest.number(4, 4)?, rest.number(2, 2)?, rest.number(2, 2)?);
            let is_usual = COMPACT_YEARS
                .iter()
                .any(|years| years.contains(&(date.0 as i16)));
            if !is_usual && date.0 > 1 {
                return None;
            }
            date
        }
        _ => return is_far_away(text).then_some(TimeText::FarAway),
    };
    let is_unset = year <= 1;
    let date = civil::Date::new(year as i16, month as i8, day as i8).ok();
    let (time, zone) = if rest.is_empty() {
        (None, UtcOffset::Unknown)
    } else {
        match rest.first()? {
            b'T' | b't' | b' ' => rest.0 = rest.0[1..].trim_start_matches(' '),
            next if next.is_ascii_digit() && digits > 8 => {}
            _ => return None,
        }
        (Some(rest.time()?), rest.zone()?)
    };
    if is_unset {
        return Some(TimeText::Unset);
    }
    Some(TimeText::At {
        date: date?,
        time,
        zone,
    })
}

/// `Wed, 11 Sep 2024 10:00:00 GMT`, `Wed Sep 11 10:00:00 2024`, `11-Sep-2024`, `September 11, 2024`.
fn month_by_name(text: &str) -> Option<TimeText> {
    if text.len() > 60 || !text.is_ascii() {
        return None;
    }
    let (mut day, mut month, mut year, mut time) = (None, None, None, None);
    let mut zone = UtcOffset::Unknown;
    for (number, word) in words(text).enumerate() {
        let first = word.as_bytes()[0];
        if word.contains(':') && time.is_none() {
            let mut rest = Rest(word);
            time = Some(rest.time()?);
            if !rest.is_empty() {
                zone = rest.zone()?;
            }
        } else if (first == b'+' || first == b'-') && time.is_some() {
            let mut rest = Rest(word);
            zone = rest.offset()?;
            rest.is_empty().then_some(())?;
        } else if first.is_ascii_digit() {
            let figure: i16 = word.parse().ok()?;
            match word.len() {
                1 | 2 if day.is_none() => day = Some(figure as i8),
                4 if year.is_none() => year = Some(figure),
                _ => return None,
            }
        } else if let (Some(named), None) = (month_number(word), month) {
            month = Some(named);
        } else if number == 0 && is_weekday(word) {
        } else if time.is_some() && Rest(word).zone() == Some(UtcOffset::Seconds(0)) {
            zone = UtcOffset::Seconds(0);
        } else {
            return None;
        }
    }
    Some(TimeText::At {
        date: civil::Date::new(year?, month?, day?).ok()?,
        time,
        zone,
    })
}

/// The words of a date; a dash separates day, month name and year, and is a sign before an offset.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let is_dash = move |at: usize| {
        bytes[at] == b'-' && at > 0 && bytes[at - 1] != b' ' && !text[..at].contains(':')
    };
    let mut start = 0;
    let ends = (0..=text.len())
        .filter(move |at| *at == text.len() || b" ,".contains(&bytes[*at]) || is_dash(*at));
    ends.map(move |end| {
        let word = &text[start..end];
        start = end + 1;
        word
    })
    .filter(|word| !word.is_empty())
}

fn month_number(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.trim_end_matches('.').to_ascii_lowercase();
    let is_meant = |month: &&str| {
        *month == word || month[..3] == word || word == "sept" && month.starts_with("sept")
    };
    let month = MONTHS.iter().position(is_meant)?;
    Some(month as i8 + 1)
}

fn is_weekday(word: &str) -> bool {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let word = word.trim_end_matches('.').to_ascii_lowercase();
    word.len() >= 3 && DAYS.iter().any(|day| day.starts_with(&word))
}
