//! When each part of what is kept of a person is removed. Pure: dates and rules in, sentences out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cli::unconfigured::UnconfiguredTable;
use rollbook_core::model::{History, Period, scalar};

/// The rules of one table.
#[derive(Clone, Debug)]
pub(super) struct EndRules {
    /// How long old versions are kept.
    pub history: History,
    /// When a row is removed for a date of its own.
    pub retain: Option<RetainedRow>,
    /// The table's end, if no job reads it.
    pub unconfigured: Option<UnconfiguredTable>,
}

/// A row is removed so long after the date in a column.
#[derive(Clone, Debug)]
pub(super) struct RetainedRow {
    /// The column's number.
    pub column: usize,
    /// The column's name.
    pub name: String,
    pub length: Duration,
    /// Points of a time series are removed with their old versions; a row of a list becomes one.
    pub is_series: bool,
}

impl RetainedRow {
    fn end(&self, values: &[Value]) -> Option<String> {
        moved(values.get(self.column)?.as_str()?, self.length)
    }
}

impl EndRules {
    /// When the current row is removed.
    pub fn live(&self, values: &[Value]) -> String {
        if let Some(table) = &self.unconfigured {
            return match &table.removed_on {
                Some(date) => format!("on {date}, because no job reads the table any more"),
                None => "after the next start, because no job reads the table any more".to_owned(),
            };
        }
        let then = match self.history {
            History::Keep(length) => {
                format!("; then kept as an old version for {}", Period(length))
            }
            History::Off => String::new(),
        };
        let retained = self.retain.as_ref().and_then(|rule| {
            let end = rule.end(values)?;
            let then = if rule.is_series { "" } else { then.as_str() };
            Some(format!(
                "on {end}, {} after {}{then}",
                Period(rule.length),
                rule.name
            ))
        });
        retained.unwrap_or_else(|| format!("when the vendor no longer sends it{then}"))
    }

    /// When a version that ended at a time is removed.
    pub fn version(&self, values: &[Value], until: &str) -> String {
        let of_point = self.retain.as_ref().filter(|rule| rule.is_series);
        let of_point = of_point.and_then(|rule| rule.end(values));
        let by_table = self.unconfigured.as_ref();
        let by_table = by_table.and_then(|table| table.removed_on.clone());
        match self.history {
            History::Off => "with the next run".to_owned(),
            History::Keep(length) => {
                let own = moved(until, length);
                // Dates of this form are ordered as texts.
                let first = own.into_iter().chain(by_table).chain(of_point).min();
                first.map_or_else(String::new, |date| format!("on {date}"))
            }
        }
    }
}

/// The date of a time or date, moved by a length.
fn moved(text: &str, length: Duration) -> Option<String> {
    let midnight = || scalar::parse(&format!("{text}T00:00:00Z"));
    let start = scalar::parse(text).or_else(midnight)?;
    Some(date(start, SignedDuration::try_from(length).ok()?))
}

/// The date of a time, moved by a length.
pub(super) fn date(start: Timestamp, length: SignedDuration) -> String {
    scalar::saturating_add(start, length)
        .strftime("%Y-%m-%d")
        .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn rules() -> EndRules {
        EndRules {
            history: History::Keep(Duration::from_secs(400 * DAY)),
            retain: None,
            unconfigured: None,
        }
    }

    fn retained(length: u64, is_series: bool) -> EndRules {
        EndRules {
            retain: Some(RetainedRow {
                column: 1,
                name: "end_date".to_owned(),
                length: Duration::from_secs(length),
                is_series,
            }),
            ..rules()
        }
    }

    #[test]
    fn a_current_row_is_removed() {
        let retain = |length| retained(length, false);
        let unconfigured = |date: Option<&str>| EndRules {
            unconfigured: Some(UnconfiguredTable {
                table: "north_users".to_owned(),
                removed_on: date.map(str::to_owned),
            }),
            ..rules()
        };
        let off = EndRules {
            history: History::Off,
            ..rules()
        };
        for (rules, value, expected) in [
            (
                rules(),
                json!(null),
                "when the vendor no longer sends it; then kept as an old version for 400d",
            ),
            (off, json!(null), "when the vendor no longer sends it"),
            (
                retain(30 * DAY),
                json!("2026-01-31"),
                "on 2026-03-02, 30d after end_date; then kept as an old version for 400d",
            ),
            (
                retained(30 * DAY, true),
                json!("2026-01-31"),
                "on 2026-03-02, 30d after end_date",
            ),
            (
                retain(DAY),
                json!("2026-01-31T23:00:00.000Z"),
                "on 2026-02-01, 1d after end_date; then kept as an old version for 400d",
            ),
            (
                retain(DAY),
                json!(null),
                "when the vendor no longer sends it; then kept as an old version for 400d",
            ),
            (
                unconfigured(Some("2026-05-01")),
                json!("2026-01-31"),
                "on 2026-05-01, because no job reads the table any more",
            ),
            (
                unconfigured(None),
                json!(null),
                "after the next start, because no job reads the table any more",
            ),
        ] {
            assert_eq!(rules.live(&[json!(7), value]), expected, "{rules:?}");
        }
    }

    #[test]
    fn an_old_version_is_removed() {
        let until = "2026-01-31T06:00:00.000Z";
        let table = |date: &str| EndRules {
            unconfigured: Some(UnconfiguredTable {
                table: "north_users".to_owned(),
                removed_on: Some(date.to_owned()),
            }),
            ..rules()
        };
        let off = EndRules {
            history: History::Off,
            ..rules()
        };
        for (rules, expected) in [
            (rules(), "on 2027-03-07"),
            (table("2026-05-01"), "on 2026-05-01"),
            (table("2028-05-01"), "on 2027-03-07"),
            (off, "with the next run"),
            (retained(30 * DAY, false), "on 2027-03-07"),
            (retained(30 * DAY, true), "on 2026-03-02"),
        ] {
            let values = [json!(7), json!("2026-01-31")];
            assert_eq!(rules.version(&values, until), expected, "{rules:?}");
        }
    }
}
