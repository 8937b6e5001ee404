//! Results of runs: remarks for people, and JSON for scripts.

use serde_json::{Value, json};

use super::table::many;
use crate::model::SourceName;
use crate::model::scalar::{display_time, to_canonical};
use crate::store::queries::RejectLine;
use crate::store::runs::StreamRecord;
use crate::sync::{RunReport, StreamReport};

/// Remarks below the table: what failed and why, and what to do.
pub fn remarks(reports: &[RunReport]) -> Vec<String> {
    let mut remarks = Vec::new();
    for report in reports {
        if report.streams.is_empty()
            && let Some(message) = &report.message
        {
            remarks.push(format!("{}: {message}", report.job));
        }
        for stream in &report.streams {
            remarks.extend(of_stream(&report.source, &stream.record));
            let rejects = rejects_of(stream);
            let text = of_rejects(&rejects);
            remarks.extend(text.map(|text| {
                let (source, stream) = (&report.source, &stream.record.stream);
                format!("{source}.{stream}: could not read {text}")
            }));
        }
        if let (Some(run), true) = (
            report.run,
            report.streams.iter().any(|stream| stream.hold.is_some()),
        ) {
            remarks.push(to_approve(run));
        }
        remarks.extend(report.gaps.iter().map(ToString::to_string));
        if let Some(until) = report.deferred_until {
            remarks.push(format!(
                "{}: deferred until {} UTC",
                report.job,
                display_time(&to_canonical(until))
            ));
        }
    }
    remarks
}

/// Remarks about one stream of a run.
pub fn of_stream(source: &SourceName, record: &StreamRecord) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(message) = &record.message {
        remarks.push(format!("{source}.{}: {message}", record.stream));
    }
    if !record.unlisted.is_empty() {
        remarks.push(format!(
            "{source}.{}: not mirrored, because the connector has no columns for them: {}",
            record.stream,
            record.unlisted.join(", ")
        ));
    }
    remarks
}

/// Rejects shown in one line.
const MAX_REJECTS_SHOWN: usize = 5;

/// The rejects of one stream, most rows first: column, reason and rows. `None` if there are none.
pub fn of_rejects(rejects: &[RejectLine]) -> Option<String> {
    let mut rejects: Vec<&RejectLine> = rejects.iter().collect();
    rejects.sort_by_key(|reject| std::cmp::Reverse(reject.rows));
    let named = rejects.iter().take(MAX_REJECTS_SHOWN).map(|reject| {
        let rows = many(reject.rows as u64, "row", "rows");
        format!("`{}`: {} ({rows})", reject.path, reject.reason)
    });
    let mut parts: Vec<String> = named.collect();
    let more = rejects.len().saturating_sub(MAX_REJECTS_SHOWN);
    if more > 0 {
        parts.push(format!("and {more} more"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn rejects_of(stream: &StreamReport) -> Vec<RejectLine> {
    let lines = stream.rejects.iter().map(|(reject, rows)| RejectLine {
        stream: stream.record.stream.clone(),
        path: reject.path.clone(),
        reason: reject.reason.clone(),
        rows: *rows as i64,
    });
    lines.collect()
}

/// How to accept a held run.
pub fn to_approve(run: i64) -> String {
    format!("to accept the changes of held run {run}: rollbook approve {run}")
}

/// One stream of a run as JSON.
pub fn stream_json(record: &StreamRecord) -> Value {
    json!({
        "stream": record.stream,
        "reading": record.reading,
        "outcome": record.outcome,
        "message": record.message,
        "pages": record.pages,
        "rows_read": record.rows_read,
        "new": record.new,
        "changed": record.changed,
        "removed": record.removed,
        "unconfirmed": record.unconfirmed,
        "unchanged": record.unchanged,
        "rejected": record.rejected,
        "unlisted": record.unlisted,
        "duration_ms": record.duration_ms,
        "attempts": record.attempts,
        "completeness": record.completeness,
    })
}

/// Runs as JSON.
pub fn json(reports: &[RunReport]) -> Value {
    let run = |report: &RunReport| {
        let streams: Vec<Value> = report
            .streams
            .iter()
            .map(|stream| {
                let mut json = stream_json(&stream.record);
                json["rejects"] = json!(rejects_of(stream));
                json
            })
            .collect();
        json!({
            "run": report.run,
            "job": report.job,
            "source": report.source,
            "outcome": report.outcome,
            "message": report.message,
            "streams": streams,
            "gaps": report.gaps,
            "deferred_until": report.deferred_until.map(|until| until.to_string()),
        })
    };
    Value::Array(reports.iter().map(run).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;

    #[test]
    fn rejects_are_shown_most_rows_first() {
        let reject = |path: &str, rows| RejectLine {
            stream: named("users"),
            path: path.to_owned(),
            reason: "missing".to_owned(),
            rows,
        };
        assert_eq!(of_rejects(&[]), None);
        let few = [reject("email", 1), reject("sourcedId", 12)];
        assert_eq!(
            of_rejects(&few).as_deref(),
            Some("`sourcedId`: missing (12 rows); `email`: missing (1 row)")
        );
        let lots: Vec<RejectLine> = (0..7).map(|rows| reject("email", rows)).collect();
        let text = of_rejects(&lots).expect("a text");
        assert!(text.ends_with("(2 rows); and 2 more"), "{text}");
    }
}
