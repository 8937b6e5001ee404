//! Pauses that an admin orders, for holidays: no tick of a paused job starts a run.
//!
//! The surprise: a pause that has ended is kept, because a job is overdue only from its end on.

use std::fmt;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

use super::name::{JobName, SourceName};
use super::past_time::{date_or_time, time_of_day};

/// What is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseTarget {
    /// One job.
    Job(JobName),
    /// A source: all its jobs, also those that are added later.
    Source(SourceName),
}

impl PauseTarget {
    /// `job` or `source`, as it is stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Job(_) => "job",
            Self::Source(_) => "source",
        }
    }

    /// The name of the job or source.
    pub fn name(&self) -> &str {
        match self {
            Self::Job(name) => name.as_str(),
            Self::Source(name) => name.as_str(),
        }
    }
}

/// A pause of a job or of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it was ordered.
    pub since: Timestamp,
    /// The first instant after it, in the zone of the job; `None` until an admin ends it.
    pub until: Option<Zoned>,
}

impl Pause {
    /// Whether it has not ended.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.ended(now).is_none()
    }

    /// When it ended.
    pub fn ended(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.until.as_ref().map(Zoned::timestamp);
        until.filter(|until| *until <= now)
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.until {
            None => f.write_str("paused until it is resumed"),
            Some(until) if until.time() == Time::midnight() => {
                write!(f, "paused until {}", until.date())
            }
            Some(until) => write!(f, "paused until {}", until.strftime("%Y-%m-%d %H:%M %Z")),
        }
    }
}

/// The pause in force: the one that ends last.
pub fn in_force(pauses: &[Pause], now: Timestamp) -> Option<&Pause> {
    let active = pauses.iter().filter(|pause| pause.is_active(now));
    // Without an end is later than any end.
    active.max_by_key(|pause| (pause.until.is_none(), pause.until.clone()))
}

/// The pause that ended last, if none is in force, and when.
pub fn last_ended(pauses: &[Pause], now: Timestamp) -> Option<(&Pause, Timestamp)> {
    if in_force(pauses, now).is_some() {
        return None;
    }
    let ended = pauses
        .iter()
        .filter_map(|pause| Some((pause, pause.ended(now)?)));
    ended.max_by_key(|(_, at)| *at)
}

/// The end of a pause as an admin writes it: a date, a date and time, or the next time of day, in this zone; an offset in
/// the text wins. The error is a message.
pub fn parse_until(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Zoned, String> {
    let text = text.trim();
    let until = read_until(text, zone, now).ok_or_else(|| {
        format!(
            "`{text}` is no date or time; write it like `2027-01-07`, `2027-01-07 06:00` or `18:00`"
        )
    })?;
    if until.timestamp() <= now {
        let now = now.to_zoned(zone.clone());
        return Err(format!(
            "`{text}` is in the past: it is {} now",
            now.strftime("%Y-%m-%d %H:%M %Z")
        ));
    }
    Ok(until)
}

fn read_until(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Zoned> {
    if let Some(time) = date_or_time(text, zone) {
        return Some(time);
    }
    let time = time_of_day(text)?;
    let now = now.to_zoned(zone.clone());
    let today = now.date().to_datetime(time).to_zoned(zone.clone()).ok()?;
    match today > now {
        true => Some(today),
        false => today.checked_add(1.day()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn vienna() -> TimeZone {
        TimeZone::get("Europe/Vienna").expect("a zone")
    }

    #[test]
    fn ends_are_read_in_the_zone_of_the_job() {
        let now = time("2026-12-20T10:00:00Z");
        for (text, expected, shown) in [
            (
                "2027-01-07",
                "2027-01-06T23:00:00Z",
                "paused until 2027-01-07",
            ),
            (
                " 2027-07-01 06:30 ",
                "2027-07-01T04:30:00Z",
                "paused until 2027-07-01 06:30 CEST",
            ),
            (
                "2027-01-07T06:00",
                "2027-01-07T05:00:00Z",
                "paused until 2027-01-07 06:00 CET",
            ),
            (
                "2027-01-07T06:00:00Z",
                "2027-01-07T06:00:00Z",
                "paused until 2027-01-07 07:00 CET",
            ),
            (
                "18:00",
                "2026-12-20T17:00:00Z",
                "paused until 2026-12-20 18:00 CET",
            ),
            (
                "11:00",
                "2026-12-21T10:00:00Z",
                "paused until 2026-12-21 11:00 CET",
            ),
            // The night in which an hour is missing.
            (
                "2027-03-28 02:30",
                "2027-03-28T01:30:00Z",
                "paused until 2027-03-28 03:30 CEST",
            ),
        ] {
            let until = parse_until(text, &vienna(), now).expect(text);
            assert_eq!(until.timestamp(), time(expected), "{text}");
            let pause = Pause {
                since: now,
                until: Some(until),
            };
            assert_eq!(pause.to_string(), shown);
        }
        for (text, message) in [
            (
                "2026-12-20",
                "`2026-12-20` is in the past: it is 2026-12-20 11:00 CET now",
            ),
            (
                "2026-12-20T10:00:00Z",
                "`2026-12-20T10:00:00Z` is in the past: it is 2026-12-20 11:00 CET now",
            ),
            (
                "monday",
                "`monday` is no date or time; write it like `2027-01-07`, `2027-01-07 06:00` or `18:00`",
            ),
            (
                "2027",
                "`2027` is no date or time; write it like `2027-01-07`, `2027-01-07 06:00` or `18:00`",
            ),
            (
                "2027-02-30",
                "`2027-02-30` is no date or time; write it like `2027-01-07`, `2027-01-07 06:00` or `18:00`",
            ),
        ] {
            assert_eq!(parse_until(text, &vienna(), now), Err(message.to_owned()));
        }
    }

    #[test]
    fn the_pause_that_ends_last_is_in_force() {
        let pause = |until: Option<&str>| Pause {
            since: time("2026-12-20T10:00:00Z"),
            until: until.map(|until| time(until).to_zoned(vienna())),
        };
        let (early, late) = ("2027-01-01T00:00:00Z", "2027-01-07T00:00:00Z");
        let both = [pause(Some(early)), pause(Some(late))];
        let open = [pause(None), pause(Some(late))];
        let now = time("2026-12-24T00:00:00Z");
        assert_eq!(in_force(&both, now), Some(&both[1]));
        assert_eq!(in_force(&open, now), Some(&open[0]));
        assert_eq!(in_force(&[], now), None);
        assert_eq!(last_ended(&both, time("2027-01-02T00:00:00Z")), None);
        // Its end is the first instant at which jobs run.
        let ended = last_ended(&both, time(late));
        assert_eq!(ended, Some((&both[1], time(late))));
        assert_eq!(in_force(&both, time(late)), None);
    }
}
