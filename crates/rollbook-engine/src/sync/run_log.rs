//! The line of the log with which a run ends: outcome, numbers and reason, for an admin who reads only the line.

use super::report::RunReport;
use rollbook_core::model::Outcome;
use rollbook_core::store::runs::StreamRecord;

/// Logs the end of a run as severe as its outcome is.
pub(super) fn log_end(report: &RunReport) {
    let (job, outcome) = (report.job.as_str(), report.outcome.as_str());
    let run = report.run;
    let line = line(report);
    match report.outcome {
        Outcome::Ok | Outcome::OkWithRejects | Outcome::NotServed => {
            tracing::info!(job, run, outcome, "{line}");
        }
        Outcome::Interrupted | Outcome::Incomplete => {
            tracing::warn!(job, run, outcome, "{line}");
        }
        Outcome::Held | Outcome::Failed(_) | Outcome::Parked => {
            tracing::error!(job, run, outcome, "{line}");
        }
    }
}

/// A dry run has no number.
pub(super) fn run_name(run: Option<i64>) -> String {
    run.map_or_else(|| "dry run".to_owned(), |run| format!("run {run}"))
}

/// `run 12 ended: ok, 10773 rows read, 3 new, 1 removed`; after a failure with the reason.
fn line(report: &RunReport) -> String {
    let sum = |of: fn(&StreamRecord) -> u64| -> u64 {
        report.streams.iter().map(|stream| of(&stream.record)).sum()
    };
    let numbers = [
        ("rows read", sum(|stream| stream.rows_read)),
        ("new", sum(|stream| stream.new)),
        ("changed", sum(|stream| stream.changed)),
        ("removed", sum(|stream| stream.removed)),
        ("unconfirmed", sum(|stream| stream.unconfirmed)),
        ("rejected", sum(|stream| stream.rejected)),
    ];
    let mut line = format!(
        "{} ended: {}",
        run_name(report.run),
        report.outcome.as_str()
    );
    for (name, number) in numbers.iter().filter(|(_, number)| *number > 0) {
        line.push_str(&format!(", {number} {name}"));
    }
    if let Some(message) = &report.message {
        line.push_str(&format!("; {message}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::report::StreamReport;
    use rollbook_core::model::{Class, named};

    #[test]
    fn the_line_at_the_end_of_a_run() {
        let stream = |rows_read, new, removed| {
            let record = StreamRecord {
                rows_read,
                new,
                removed,
                ..StreamRecord::new(named("users"))
            };
            StreamReport {
                record,
                park: None,
                hold: None,
                held_rows: None,
                rejects: Vec::new(),
                written: false,
                vendor_time: None,
            }
        };
        let report = |run, outcome, message: Option<&str>, streams| RunReport {
            run,
            job: named("rosters"),
            source: named("north"),
            outcome,
            park: None,
            message: message.map(str::to_owned),
            streams,
            gaps: Vec::new(),
            deferred_until: None,
        };
        let rows = [
            (
                report(
                    Some(12),
                    Outcome::Ok,
                    None,
                    vec![stream(10, 3, 0), stream(5, 0, 1)],
                ),
                "run 12 ended: ok, 15 rows read, 3 new, 1 removed",
            ),
            (
                report(Some(13), Outcome::Ok, None, vec![stream(0, 0, 0)]),
                "run 13 ended: ok",
            ),
            (
                report(
                    Some(14),
                    Outcome::Failed(Class::Transient),
                    Some("users: timed out"),
                    vec![],
                ),
                "run 14 ended: failed; users: timed out",
            ),
            (
                report(None, Outcome::Parked, Some("`secret` is missing"), vec![]),
                "dry run ended: parked; `secret` is missing",
            ),
        ];
        for (report, expected) in rows {
            assert_eq!(line(&report), expected);
        }
    }
}
