//! When a job runs, as it is written: a cron pattern and a time zone.
//!
//! Only reading them. The next tick is the daemon's business.

use std::str::FromStr;

use std::sync::Arc;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::model::nearest::{listed, nearest_some, quoted};
use crate::model::spelled::{Complaint, spelled};

/// A cron pattern of five fields, or six with seconds in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    /// Shared, for it is five kilobytes, and every copy of a job has one.
    cron: Arc<Cron>,
}

impl Schedule {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As it is computed with.
    pub fn cron(&self) -> &Cron {
        &self.cron
    }
}

/// The fields of a pattern of six, and what each may hold.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0-59"),
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day", "1-31"),
    ("month", "1-12"),
    ("weekday", "Sun-Sat"),
];

impl FromStr for Schedule {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if !matches!(fields.len(), 5 | 6) {
            let complaint = Complaint::new(format!(
                "a schedule has five fields, or six with seconds; this has {}",
                fields.len()
            ));
            return Err(complaint.help(match nickname(text.trim()) {
                Some(pattern) => format!("write `\"{pattern}\"`"),
                None => "minute, hour, day, month, weekday, such as `\"*/20 6-18 * * Mon-Fri\"`"
                    .to_owned(),
            }));
        }
        let cron = parse(text).map_err(|_| wrong_field(&fields))?;
        let start = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        match cron.find_next_occurrence::<Zoned>(&start, false) {
            Ok(_) => Ok(Self {
                text: text.to_owned(),
                cron: Arc::new(cron),
            }),
            Err(_) => Err(
                Complaint::new(format!("the schedule {} never comes", quoted(text)))
                    .help("no year has such a day; look at day and month"),
            ),
        }
    }
}

fn parse(text: &str) -> Result<Cron, croner::errors::CronError> {
    CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build()
        .parse(text)
}

/// Which field cannot be read, found by trying each alone.
fn wrong_field(fields: &[&str]) -> Complaint {
    let names = &FIELDS[FIELDS.len() - fields.len()..];
    for (at, (field, (name, range))) in fields.iter().zip(names).enumerate() {
        let mut alone = vec!["*"; fields.len()];
        alone[at] = field;
        if parse(&alone.join(" ")).is_err() {
            return Complaint::new(format!(
                "the {name} {} of the schedule cannot be used",
                quoted(field)
            ))
            .help(format!(
                "{range}, `*`, `*/STEP`, or several with commas between"
            ));
        }
    }
    Complaint::new("the schedule cannot be read").help("such as `\"*/20 6-18 * * Mon-Fri\"`")
}

fn nickname(text: &str) -> Option<&'static str> {
    Some(match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * Sun",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => return None,
    })
}

spelled!(
    Schedule,
    pattern = r"^ *\S+( +\S+){4,5} *$",
    example = "*/20 6-18 * * Mon-Fri"
);

/// A time zone by its name in the IANA database, such as `Europe/Vienna`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// As it is computed with.
    pub fn zone(&self) -> &TimeZone {
        &self.0
    }
}

/// UTC.
impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl FromStr for Zone {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        if text.eq_ignore_ascii_case("utc") {
            return Ok(Self::default());
        }
        if let Ok(zone) = jiff::tz::db().get(text) {
            return Ok(Self(zone));
        }
        let names: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.to_string())
            .collect();
        Err(unknown_zone(text, &names))
    }
}

fn unknown_zone(text: &str, names: &[String]) -> Complaint {
    let complaint = Complaint::new(format!("there is no time zone {}", quoted(text)));
    if names.is_empty() {
        return complaint.help("this system has no time zones; install the package `tzdata`");
    }
    let near = nearest_some(text, names.iter().map(String::as_str), 3);
    let near = if near.is_empty() {
        "such as `Europe/Vienna`".to_owned()
    } else {
        format!("nearest: {}", listed(near))
    };
    complaint.help(format!("{near}; all of them: `timedatectl list-timezones`"))
}

spelled!(
    Zone,
    pattern = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$",
    example = "Europe/Vienna"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules() {
        let five = "minute, hour, day, month, weekday, such as `\"*/20 6-18 * * Mon-Fri\"`";
        type Row<'a> = (&'a str, Result<(), (&'a str, &'a str)>);
        let rows: &[Row<'_>] = &[
            ("*/20 6-18 * * Mon-Fri", Ok(())),
            ("0 3 * * *", Ok(())),
            ("15 0 3 * * *", Ok(())),
            ("0 0 29 2 *", Ok(())),
            ("0 0 L * *", Ok(())),
            (
                "",
                Err((
                    "a schedule has five fields, or six with seconds; this has 0",
                    five,
                )),
            ),
            (
                "* * * *",
                Err((
                    "a schedule has five fields, or six with seconds; this has 4",
                    five,
                )),
            ),
            (
                "0 0 0 1 1 * 2030",
                Err((
                    "a schedule has five fields, or six with seconds; this has 7",
                    five,
                )),
            ),
            (
                "@daily",
                Err((
                    "a schedule has five fields, or six with seconds; this has 1",
                    "write `\"0 0 * * *\"`",
                )),
            ),
            (
                "61 * * * *",
                Err((
                    "the minute `61` of the schedule cannot be used",
                    "0-59, `*`, `*/STEP`, or several with commas between",
                )),
            ),
            (
                "0 6 * * Mo-Fr",
                Err((
                    "the weekday `Mo-Fr` of the schedule cannot be used",
                    "Sun-Sat, `*`, `*/STEP`, or several with commas between",
                )),
            ),
            (
                "75 0 3 * * *",
                Err((
                    "the second `75` of the schedule cannot be used",
                    "0-59, `*`, `*/STEP`, or several with commas between",
                )),
            ),
            (
                "0 0 30 2 *",
                Err((
                    "the schedule `0 0 30 2 *` never comes",
                    "no year has such a day; look at day and month",
                )),
            ),
        ];
        for (text, expected) in rows {
            let found = text.parse::<Schedule>().map(drop);
            let found = found.as_ref().map_err(|complaint| {
                (
                    complaint.message.as_str(),
                    complaint.help.as_deref().unwrap_or(""),
                )
            });
            assert_eq!(
                found,
                expected.as_ref().map_err(|expected| *expected),
                "{text}"
            );
        }
    }

    #[test]
    fn an_unknown_zone_is_told_the_nearest() {
        let names =
            ["Europe/Vienna", "Europe/Vilnius", "Australia/Sydney", "UTC"].map(str::to_owned);
        let rows = [
            (
                "Europe/Viena",
                "nearest: `Europe/Vienna`, `Europe/Vilnius`; all of them: `timedatectl list-timezones`",
            ),
            (
                "Europe/Wien",
                "nearest: `Europe/Vienna`, `Europe/Vilnius`; all of them: `timedatectl list-timezones`",
            ),
            (
                "Sydney",
                "nearest: `Australia/Sydney`; all of them: `timedatectl list-timezones`",
            ),
            (
                "CEST",
                "such as `Europe/Vienna`; all of them: `timedatectl list-timezones`",
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(
                unknown_zone(text, &names).help.as_deref(),
                Some(expected),
                "{text}"
            );
        }
        let help = unknown_zone("Europe/Vienna", &[]).help;
        assert_eq!(
            help.as_deref(),
            Some("this system has no time zones; install the package `tzdata`")
        );
    }

    #[test]
    fn utc_needs_no_database() {
        assert_eq!("UTC".parse(), Ok(Zone::default()));
        assert_eq!("utc".parse(), Ok(Zone::default()));
        assert!("Nowhere/Land".parse::<Zone>().is_err());
    }
}
