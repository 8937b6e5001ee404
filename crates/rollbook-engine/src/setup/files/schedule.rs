//! When a job runs, as it is written: a cron pattern and a time zone.
//!
//! Not here: the next tick (`model/schedule.rs`).

use std::str::FromStr;

use std::sync::Arc;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use rollbook_core::document::suggest::{listed, quoted, suggest_some};
use rollbook_core::document::text_value::{ValueError, text_value};

/// A cron pattern of five fields, or six with seconds in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    /// Shared, for it is five kilobytes, and jobs and their copies have one each.
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

/// One field of a pattern.
struct Field {
    name: &'static str,
    /// What it accepts.
    range: &'static str,
    /// How many values that are.
    values: u32,
}

const fn field(name: &'static str, range: &'static str, values: u32) -> Field {
    Field {
        name,
        range,
        values,
    }
}

/// The fields of a pattern of six.
const FIELDS: [Field; 6] = [
    field("second", "0-59", 60),
    field("minute", "0-59", 60),
    field("hour", "0-23", 24),
    field("day", "1-31", 31),
    field("month", "1-12", 12),
    field("weekday", "Sun-Sat", 7),
];

impl FromStr for Schedule {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if !matches!(fields.len(), 5 | 6) {
            let error = ValueError::new(format!(
                "a schedule has five fields, or six with seconds; this has {}",
                fields.len()
            ));
            return Err(error.help(match nickname(text.trim()) {
                Some(pattern) => format!("write `\"{pattern}\"`"),
                None => "minute, hour, day, month, weekday, such as `\"*/20 6-18 * * Mon-Fri\"`"
                    .to_owned(),
            }));
        }
        let cron = parse(text).map_err(|_| wrong_field(&fields))?;
        large_step(&fields).map_or(Ok(()), Err)?;
        let start = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        match cron.find_next_occurrence::<Zoned>(&start, false) {
            Ok(_) => Ok(Self {
                text: text.to_owned(),
                cron: Arc::new(cron),
            }),
            Err(_) => Err(
                ValueError::new(format!("the schedule {} never runs", quoted(text)))
                    .help("no year has such a day; correct day or month"),
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
fn wrong_field(fields: &[&str]) -> ValueError {
    let names = &FIELDS[FIELDS.len() - fields.len()..];
    for (at, (text, Field { name, range, .. })) in fields.iter().zip(names).enumerate() {
        let mut alone = vec!["*"; fields.len()];
        alone[at] = text;
        if parse(&alone.join(" ")).is_err() {
            return ValueError::new(format!(
                "the {name} {} of the schedule cannot be used",
                quoted(text)
            ))
            .help(match in_english(text) {
                Some(english)
                    if *name == "weekday" && parse(&format!("* * * * {english}")).is_ok() =>
                {
                    format!("weekdays are English: `{english}`")
                }
                _ => format!("{range}, `*`, `*/STEP`, or several with commas between"),
            });
        }
    }
    ValueError::new("the schedule cannot be read").help("such as `\"*/20 6-18 * * Mon-Fri\"`")
}

/// German weekdays by their English names: `Mo-Fr`, also with a dash that a word processor wrote.
fn in_english(weekdays: &str) -> Option<String> {
    let mut english = String::new();
    for part in weekdays.split_inclusive(|letter: char| !letter.is_alphabetic()) {
        let name = part.trim_end_matches(|letter: char| !letter.is_alphabetic());
        english.push_str(match name.to_lowercase().as_str() {
            "" => "",
            "mo" | "mon" => "Mon",
            "di" | "tue" => "Tue",
            "mi" | "wed" => "Wed",
            "do" | "thu" => "Thu",
            "fr" | "fri" => "Fri",
            "sa" | "sat" => "Sat",
            "so" | "sun" => "Sun",
            _ => return None,
        });
        english.push_str(&part[name.len()..].replace('–', "-"));
    }
    Some(english)
}

/// A step that is larger than its range: the field starts again before the first step, so that a pattern such as
/// `*/70` runs every hour and not every 70 minutes.
fn large_step(fields: &[&str]) -> Option<ValueError> {
    let names = &FIELDS[FIELDS.len() - fields.len()..];
    for (text, field) in fields.iter().zip(names) {
        for part in text.split(',') {
            let Some((range, step)) = part.split_once('/') else {
                continue;
            };
            let values = width(range).unwrap_or(field.values);
            let step: String = step.chars().take_while(char::is_ascii_digit).collect();
            if step.parse().is_ok_and(|step: u32| step > values) {
                let name = field.name;
                let message = format!(
                    "the {name} {} of the schedule has a step larger than its range",
                    quoted(part)
                );
                let help = format!(
                    "the largest step is {values}; list the values instead, such as `0,30`, or \
                     use the next field"
                );
                return Some(ValueError::new(message).help(help));
            }
        }
    }
    None
}

/// How many values a range such as `6-18` holds.
fn width(range: &str) -> Option<u32> {
    let (from, to) = range.split_once('-')?;
    let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
    Some(to.checked_sub(from)? + 1)
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

text_value!(
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
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
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

fn unknown_zone(text: &str, names: &[String]) -> ValueError {
    let error = ValueError::new(format!("there is no time zone {}", quoted(text)));
    if names.is_empty() {
        return error.help("this system has no time zones; install the package `tzdata`");
    }
    let near = suggest_some(text, names.iter().map(String::as_str), 3);
    let near = if near.is_empty() {
        "such as `Europe/Vienna`".to_owned()
    } else {
        format!("nearest: {}", listed(near))
    };
    error.help(format!("{near}; all of them: `timedatectl list-timezones`"))
}

text_value!(
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
                    "weekdays are English: `Mon-Fri`",
                )),
            ),
            (
                "0 6 * * Di,Do,sa-So",
                Err((
                    "the weekday `Di,Do,sa-So` of the schedule cannot be used",
                    "weekdays are English: `Tue,Thu,Sat-Sun`",
                )),
            ),
            (
                "0 6 * * Mon–Fri",
                Err((
                    "the weekday `Mon\\u{2013}Fri` of the schedule cannot be used",
                    "weekdays are English: `Mon-Fri`",
                )),
            ),
            (
                "0 6 * * Mx-Fr",
                Err((
                    "the weekday `Mx-Fr` of the schedule cannot be used",
                    "Sun-Sat, `*`, `*/STEP`, or several with commas between",
                )),
            ),
            (
                "Mo 6 * * *",
                Err((
                    "the minute `Mo` of the schedule cannot be used",
                    "0-59, `*`, `*/STEP`, or several with commas between",
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
                    "the schedule `0 0 30 2 *` never runs",
                    "no year has such a day; correct day or month",
                )),
            ),
        ];
        for (text, expected) in rows {
            let found = text.parse::<Schedule>().map(drop);
            let found = found
                .as_ref()
                .map_err(|error| (error.message.as_str(), error.help.as_deref().unwrap_or("")));
            assert_eq!(
                found,
                expected.as_ref().map_err(|expected| *expected),
                "{text}"
            );
        }
    }

    #[test]
    fn a_step_larger_than_its_range_is_refused() {
        for (text, expected) in [
            ("*/60 * * * *", None),
            ("*/61 * * * *", Some("the minute `*/61` of the schedule")),
            ("*/70 * * * *", Some("the minute `*/70` of the schedule")),
            ("*/70 * * * * *", Some("the second `*/70` of the schedule")),
            ("0 */24 * * *", None),
            ("0 */48 * * *", Some("the hour `*/48` of the schedule")),
            ("0 0 */31 * *", None),
            ("0 0 */40 * *", Some("the day `*/40` of the schedule")),
            ("0 0 1 */12 *", None),
            ("0 0 1 */13 *", Some("the month `*/13` of the schedule")),
            ("0 0 * * */7", None),
            ("0 0 * * */8", Some("the weekday `*/8` of the schedule")),
            ("0-29/30 * * * *", None),
            (
                "0-29/45 * * * *",
                Some("the minute `0-29/45` of the schedule"),
            ),
            (
                "5,10-20/3,*/99 * * * *",
                Some("the minute `*/99` of the schedule"),
            ),
        ] {
            let found = text.parse::<Schedule>().err();
            let message = found.as_ref().map(|found| found.message.clone());
            let expected =
                expected.map(|start| format!("{start} has a step larger than its range"));
            assert_eq!(message, expected, "{text}");
        }
    }

    #[test]
    fn the_nearest_zones_are_suggested_for_an_unknown_one() {
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
