//! The table behind a chart: the newest day first, and days without anything to see together in one line.

use jiff::civil::Date;

use rollbook_core::model::Outcome;
use rollbook_core::model::run_history::HistoryDay;

/// One day, or several quiet ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DayLine {
    pub first: Date,
    pub last: Date,
    /// How many days with a run.
    pub days: usize,
    /// The day; of quiet days the newest.
    pub day: HistoryDay,
}

/// The lines of days that are in order.
pub(super) fn day_lines(days: &[HistoryDay]) -> Vec<DayLine> {
    let mut lines: Vec<DayLine> = Vec::new();
    for day in days.iter().rev() {
        match lines.last_mut() {
            Some(line) if is_quiet(&line.day) && is_quiet(day) && line.day.rows == day.rows => {
                line.first = day.day;
                line.days += 1;
            }
            _ => lines.push(DayLine {
                first: day.day,
                last: day.day,
                days: 1,
                day: day.clone(),
            }),
        }
    }
    lines
}

fn is_quiet(day: &HistoryDay) -> bool {
    let counts = day.new + day.changed + day.removed + day.unconfirmed;
    counts + day.would_be_removed + day.rejected == 0 && day.outcome == Outcome::Ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_days_are_one_line() {
        let date = |day| jiff::civil::date(2026, 3, day);
        let quiet = |day, rows| HistoryDay {
            rows,
            ..HistoryDay::new(date(day))
        };
        let failed = HistoryDay {
            outcome: Outcome::Interrupted,
            ..quiet(4, Some(7))
        };
        let new = HistoryDay {
            new: 1,
            ..quiet(5, Some(8))
        };
        let days = [
            quiet(1, None),
            quiet(2, Some(7)),
            quiet(3, Some(7)),
            failed,
            new,
            quiet(6, Some(8)),
            quiet(9, Some(8)),
        ];
        let found = day_lines(&days);
        let found: Vec<(i8, i8, usize)> = found
            .iter()
            .map(|line| (line.first.day(), line.last.day(), line.days))
            .collect();
        let expected = [(6, 9, 2), (5, 5, 1), (4, 4, 1), (2, 3, 2), (1, 1, 1)];
        assert_eq!(found, expected);
        assert!(day_lines(&[]).is_empty());
    }
}
