//! A time in the past as people say it: `fri`, `yesterday 8:00`, `3 days`, `2026-03-01`.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _, Zoned};

/// The time that an admin means, in this zone; an offset in the text wins. A time of day without a day is the last one that
/// was; a weekday is the last one that has begun. The error is a message.
pub fn parse_past(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    let time = read(text, &now.to_zoned(zone.clone())).ok_or_else(|| {
        format!(
            "`{text}` is no time; write it like `2026-03-01`, `2026-03-01 08:00`, `8:00`, `yesterday 8:00`, `fri` or `3 days`"
        )
    })?;
    if time > now {
        let now = now.to_zoned(zone.clone());
        return Err(format!(
            "`{text}` is in the future: it is {} now",
            now.strftime("%Y-%m-%d %H:%M %Z")
        ));
    }
    Ok(time)
}

fn read(text: &str, now: &Zoned) -> Option<Timestamp> {
    if let Some(time) = date_or_time(text, now.time_zone()) {
        return Some(time.timestamp());
    }
    let lower = text.to_ascii_lowercase();
    let (day, time) = match lower.split_once(char::is_whitespace) {
        Some((day, time)) => (day, time_of_day(time.trim())),
        None => (lower.as_str(), None),
    };
    match (on(day, time, now), time_of_day(&lower)) {
        (Some(found), _) if time.is_some() || day == lower => Some(found),
        (_, Some(time)) => newest(now.date(), 1, time, now),
        _ => back(&lower, now),
    }
}

/// `2026-03-01`, `2026-03-01 08:00`, or a time with an offset, which wins over the zone.
pub fn date_or_time(text: &str, zone: &TimeZone) -> Option<Zoned> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.to_zoned(zone.clone()));
    }
    let local: DateTime = text.parse().ok()?;
    local.to_zoned(zone.clone()).ok()
}

/// `today`, `yesterday` or a weekday, from a time of day on.
fn on(day: &str, time: Option<Time>, now: &Zoned) -> Option<Timestamp> {
    let from = time.unwrap_or(Time::midnight());
    match day {
        "today" => at(now.date(), from, now),
        "yesterday" => at(now.date().yesterday().ok()?, from, now),
        _ => {
            let back = i64::from(weekday(day)?.until(now.weekday()));
            newest(now.date().checked_sub(back.days()).ok()?, 7, from, now)
        }
    }
}

/// On this date if that has been, else so many days earlier.
fn newest(date: Date, days: i64, time: Time, now: &Zoned) -> Option<Timestamp> {
    let found = at(date, time, now)?;
    match found <= now.timestamp() {
        true => Some(found),
        false => at(date.checked_sub(days.days()).ok()?, time, now),
    }
}

/// `3 days`, `2 weeks ago`, `90m`: before now.
fn back(text: &str, now: &Zoned) -> Option<Timestamp> {
    let span: Span = text.trim_end_matches("ago").trim().parse().ok()?;
    (!span.is_negative() && !span.is_zero())
        .then(|| now.checked_sub(span).ok())
        .flatten()
        .map(|then| then.timestamp())
}

fn at(date: Date, time: Time, now: &Zoned) -> Option<Timestamp> {
    let local = date.to_datetime(time).to_zoned(now.time_zone().clone());
    local.ok().map(|then| then.timestamp())
}

/// `8:00` or `08:00`, with or without seconds.
pub fn time_of_day(text: &str) -> Option<Time> {
    let (hour, _) = text.split_once(':')?;
    match hour.len() {
        1 => format!("0{text}").parse().ok(),
        _ => text.parse().ok(),
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    const NAMES: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let mut names = NAMES.into_iter();
    names
        .find(|(name, _)| text.len() >= 3 && name.starts_with(text))
        .map(|(_, day)| day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_say_them() {
        let zone = TimeZone::get("Europe/Vienna").expect("a zone");
        // A Thursday, 11:30 in Vienna.
        let now: Timestamp = "2026-11-26T10:30:00Z".parse().expect("a time");
        for (text, expected) in [
            ("2026-11-02", "2026-11-01T23:00:00Z"),
            (" 2026-07-01 06:30 ", "2026-07-01T04:30:00Z"),
            ("2026-11-02T06:00", "2026-11-02T05:00:00Z"),
            ("2026-11-02T06:00:00Z", "2026-11-02T06:00:00Z"),
            ("today", "2026-11-25T23:00:00Z"),
            ("Yesterday", "2026-11-24T23:00:00Z"),
            ("yesterday 8:00", "2026-11-25T07:00:00Z"),
            ("8:00", "2026-11-26T07:00:00Z"),
            ("18:00", "2026-11-25T17:00:00Z"),
            ("fri", "2026-11-19T23:00:00Z"),
            ("Friday 14:00", "2026-11-20T13:00:00Z"),
            ("thu", "2026-11-25T23:00:00Z"),
            ("thu 18:00", "2026-11-19T17:00:00Z"),
            ("thu 10:00", "2026-11-26T09:00:00Z"),
            ("3 days", "2026-11-23T10:30:00Z"),
            ("3 days ago", "2026-11-23T10:30:00Z"),
            ("90m", "2026-11-26T09:00:00Z"),
            // Days and weeks are those of the calendar: an hour was added in the night of October 25.
            ("5 weeks", "2026-10-22T09:30:00Z"),
        ] {
            let expected = expected.parse::<Timestamp>().expect("a time");
            assert_eq!(parse_past(text, &zone, now), Ok(expected), "{text}");
        }
        for text in [
            "",
            "soon",
            "fr",
            "3",
            "0 days",
            "-3 days",
            "25:00",
            "2026-02-30",
            "fri soon",
        ] {
            let refused = parse_past(text, &zone, now).expect_err(text);
            assert!(
                refused.contains("is no time; write it like"),
                "{text}: {refused}"
            );
        }
        assert_eq!(
            parse_past("2026-12-24", &zone, now),
            Err("`2026-12-24` is in the future: it is 2026-11-26 11:30 CET now".to_owned())
        );
    }
}
