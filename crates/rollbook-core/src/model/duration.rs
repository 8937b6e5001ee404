//! Lengths of time as people write them: `"180s"`, `"10m"`, `"400 days"`.
//!
//! Not points in time. A month or a year is not a length, so neither is accepted.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::document::suggest::quoted;
use crate::document::text_value::{ValueError, text_value};

/// The upper limit for every length: a longer one is a typing error and could overflow a timestamp.
const MAX_LENGTH: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A length of time, written as a whole number and a unit: `"180s"`, `"10m"`, `"48h"`, `"7d"`, `"400 days"`.
///
/// Parts may follow one another: `"1h 30m"`. Never zero, at most 100 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

impl FromStr for Period {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        duration(text).map(Self)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (unit, word) = [(86_400, "d"), (3_600, "h"), (60, "m")]
            .into_iter()
            .find(|(unit, _)| seconds.is_multiple_of(*unit))
            .unwrap_or((1, "s"));
        write!(f, "{}{word}", seconds / unit)
    }
}

text_value!(
    Period,
    pattern = "^ *[0-9]+ *(s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|d|days?|w|weeks?|y|years?)( *[0-9]+ *[a-z]+)* *$",
    example = "10m"
);

/// How long old versions of rows are kept: a length of time, or `"off"` for not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// No old versions are kept.
    Off,
    /// Each is purged this long after it ended.
    Keep(Duration),
}

impl FromStr for History {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text == "off" {
            return Ok(Self::Off);
        }
        duration(text).map(Self::Keep).map_err(|complaint| {
            complaint.help("write a length such as `\"400 days\"`, or `\"off\"`")
        })
    }
}

text_value!(
    History,
    pattern = "^(off|[0-9]+ *[a-z]+)$",
    example = "400 days"
);

/// Reads a length of time.
pub fn duration(text: &str) -> Result<Duration, ValueError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong(text, "it is empty"));
    }
    let mut whole = Duration::ZERO;
    while !rest.is_empty() {
        let (digits, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after.trim_start(), char::is_alphabetic);
        whole = part(digits, unit)
            .and_then(|part| {
                whole
                    .checked_add(part)
                    .filter(|whole| *whole <= MAX_LENGTH)
                    .ok_or("it is longer than 100 years")
            })
            .map_err(|why| wrong(text, why))?;
        rest = after.trim_start();
    }
    if whole.is_zero() {
        Err(wrong(text, "it is zero"))
    } else {
        Ok(whole)
    }
}

fn part(digits: &str, unit: &str) -> Result<Duration, &'static str> {
    if digits.is_empty() {
        return Err("it must begin with a whole number");
    }
    let seconds = match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        "y" | "year" | "years" => 31_536_000,
        "" => return Err("the unit is missing"),
        _ => return Err("the unit is none of s, m, h, d, w, y"),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(seconds))
        .map(Duration::from_secs)
        .ok_or("it is longer than 100 years")
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn wrong(text: &str, why: &str) -> ValueError {
    ValueError::new(format!("{} is not a duration: {why}", quoted(text))).help(
        "write a whole number and a unit, such as `\"180s\"`, `\"10m\"`, `\"48h\"` or `\"7 days\"`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        let rows: &[(&str, Result<u64, &str>)] = &[
            ("180s", Ok(180)),
            ("10m", Ok(600)),
            ("48h", Ok(172_800)),
            ("7d", Ok(604_800)),
            ("2w", Ok(1_209_600)),
            ("400 days", Ok(34_560_000)),
            ("1 day", Ok(86_400)),
            ("1h 30m", Ok(5_400)),
            ("1h30min", Ok(5_400)),
            ("  5 minutes ", Ok(300)),
            ("", Err("`` is not a duration: it is empty")),
            ("0s", Err("`0s` is not a duration: it is zero")),
            ("30", Err("`30` is not a duration: the unit is missing")),
            (
                "days",
                Err("`days` is not a duration: it must begin with a whole number"),
            ),
            (
                "-5m",
                Err("`-5m` is not a duration: it must begin with a whole number"),
            ),
            ("1.5h", Err("`1.5h` is not a duration: the unit is missing")),
            (
                "3 months",
                Err("`3 months` is not a duration: the unit is none of s, m, h, d, w, y"),
            ),
            (
                "5M",
                Err("`5M` is not a duration: the unit is none of s, m, h, d, w, y"),
            ),
            (
                "40000d",
                Err("`40000d` is not a duration: it is longer than 100 years"),
            ),
            (
                "99999999999999999999s",
                Err("`99999999999999999999s` is not a duration: it is longer than 100 years"),
            ),
            (
                "18446744073709551615w",
                Err("`18446744073709551615w` is not a duration: it is longer than 100 years"),
            ),
        ];
        for (text, expected) in rows {
            let found = duration(text)
                .map(|length| length.as_secs())
                .map_err(|complaint| complaint.message);
            assert_eq!(
                found.as_ref().copied().map_err(String::as_str),
                *expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_length_of_time_reads_back() {
        for (text, shown) in [
            ("90s", "90s"),
            ("600s", "10m"),
            ("90m", "90m"),
            ("48 hours", "2d"),
            ("1h", "1h"),
        ] {
            assert_eq!(
                text.parse::<Period>()
                    .map(|period| period.to_string())
                    .as_deref(),
                Ok(shown)
            );
        }
    }

    #[test]
    fn history_may_be_off() {
        assert_eq!("off".parse(), Ok(History::Off));
        assert_eq!("1d".parse(), Ok(History::Keep(Duration::from_secs(86_400))));
        let complaint = "never".parse::<History>().expect_err("not a length");
        assert_eq!(
            complaint.help.as_deref(),
            Some("write a length such as `\"400 days\"`, or `\"off\"`")
        );
    }
}
