//! The last runs of a job, and the rows of a stream, as one line of block characters.

use jiff::Span;
use jiff::civil::Date;

use rollbook_core::model::Outcome;
use rollbook_core::model::run_history::{HistoryDay, PastRun};

/// Days of a sparkline.
pub const SPARKLINE_DAYS: i64 = 30;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A day before the first known number.
const UNKNOWN: char = '·';

/// A good run is low, one that an admin has to look at is high; the newest at the right.
pub fn strip(runs: &[PastRun]) -> String {
    let level = |run: &PastRun| match run.outcome {
        Outcome::Ok | Outcome::OkWithRejects | Outcome::NotServed => '▁',
        Outcome::Incomplete | Outcome::Interrupted => '▄',
        Outcome::Held => '▆',
        Outcome::Failed(_) | Outcome::Parked => '█',
    };
    runs.iter().map(level).collect()
}

/// The rows at the end of each of the last days, from the least to the most of them; nothing if they are unknown. A day without a
/// run has the number of the day before.
pub fn sparkline(days: &[HistoryDay], last: Date) -> String {
    let rows_on = |back: i64| {
        let day = last.saturating_sub(Span::new().days(back));
        let before = days.partition_point(|known| known.day <= day);
        days[..before].last().and_then(|known| known.rows)
    };
    let rows: Vec<Option<u64>> = (0..SPARKLINE_DAYS).rev().map(rows_on).collect();
    let known = || rows.iter().flatten().copied();
    let (Some(least), Some(most)) = (known().min(), known().max()) else {
        return String::new();
    };
    let steps = LEVELS.len() as u64 - 1;
    let level = |rows: &Option<u64>| match rows {
        None => UNKNOWN,
        Some(rows) => LEVELS[((rows - least) * steps / (most - least).max(1)) as usize],
    };
    rows.iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::Class;

    #[test]
    fn a_run_that_needs_an_admin_is_high() {
        let run = |outcome| PastRun {
            run: 1,
            started: String::new(),
            outcome,
            duration_ms: 0,
            only: None,
        };
        let runs = [
            Outcome::Ok,
            Outcome::NotServed,
            Outcome::OkWithRejects,
            Outcome::Interrupted,
            Outcome::Incomplete,
            Outcome::Held,
            Outcome::Failed(Class::Contract),
            Outcome::Parked,
        ]
        .map(run);
        assert_eq!(strip(&runs), "▁▁▁▄▄▆██");
        assert_eq!(strip(&[]), "");
    }

    #[test]
    fn a_sparkline_has_a_column_a_day() {
        let last = jiff::civil::date(2026, 3, 30);
        let on = |day: i8, rows| HistoryDay {
            rows,
            ..HistoryDay::new(jiff::civil::date(2026, 3, day))
        };
        for (name, days, expected) in [
            ("none", vec![], String::new()),
            ("unknown", vec![on(3, None)], String::new()),
            ("level", vec![on(1, Some(0))], "▁".repeat(30)),
            (
                "a day without a run has the number before",
                vec![
                    on(3, Some(10)),
                    on(5, Some(80)),
                    on(29, Some(45)),
                    on(30, Some(11)),
                ],
                format!("··▁▁{}▄▁", "█".repeat(24)),
            ),
            (
                "unknown again",
                vec![on(28, Some(10)), on(29, None)],
                format!("{}▁··", "·".repeat(27)),
            ),
        ] {
            assert_eq!(sparkline(&days, last), expected, "{name}");
        }
        let older = HistoryDay {
            rows: Some(u64::from(u32::MAX)),
            ..HistoryDay::new(jiff::civil::date(2025, 1, 1))
        };
        assert_eq!(
            sparkline(&[older, on(30, Some(1))], last),
            format!("{}▁", "█".repeat(29))
        );
    }
}
