//! Sentences about runs, for people, and the same as JSON for scripts.

use serde_json::{Value, json};

use super::words::many;
use crate::store::look::RejectLine;
use crate::store::runs::StreamRecord;
use crate::sync::{RunReport, StreamReport};

/// What needs saying beside the table: why something did not end well, and what to do.
pub fn remarks(reports: &[RunReport]) -> Vec<String> {
    let mut remarks = Vec::new();
    for report in reports {
        if report.streams.is_empty()
            && let Some(sentence) = &report.sentence
        {
            remarks.push(format!("{}: {sentence}", report.job));
        }
        for stream in &report.streams {
            remarks.extend(of_stream(&report.source, &stream.record));
            let rejects = rejects_of(stream);
            let told = of_rejects(&rejects);
            remarks.extend(told.map(|told| {
                let (source, stream) = (&report.source, &stream.record.stream);
                format!("{source}.{stream}: could not read {told}")
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
                "{}: the vendor asks to be left alone until {until}",
                report.job
            ));
        }
    }
    remarks
}

/// What needs saying about one stream of a run.
pub fn of_stream(source: &str, record: &StreamRecord) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(sentence) = &record.sentence {
        remarks.push(format!("{source}.{}: {sentence}", record.stream));
    }
    if !record.unlisted.is_empty() {
        remarks.push(format!(
            "{source}.{}: not mirrored, because no column lists them: {}",
            record.stream,
            record.unlisted.join(", ")
        ));
    }
    remarks
}

/// At most so many places that could not be read are named in one line.
const NAMED_REJECTS: usize = 5;

/// What could not be read of one stream: column, reason and rows, the most first. Nothing where all could.
pub fn of_rejects(rejects: &[RejectLine]) -> Option<String> {
    let mut rejects: Vec<&RejectLine> = rejects.iter().collect();
    rejects.sort_by_key(|reject| std::cmp::Reverse(reject.rows));
    let named = rejects.iter().take(NAMED_REJECTS).map(|reject| {
        let rows = many(reject.rows as u64, "row", "rows");
        format!("`{}`: {} ({rows})", reject.path, reject.reason)
    });
    let mut told: Vec<String> = named.collect();
    let more = rejects.len().saturating_sub(NAMED_REJECTS);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    (!told.is_empty()).then(|| told.join("; "))
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

/// How a held run is accepted.
pub fn to_approve(run: i64) -> String {
    format!("to accept what run {run} held back: rollbook approve {run}")
}

/// One stream of a run for a script.
pub fn stream_json(record: &StreamRecord) -> Value {
    json!({
        "stream": record.stream,
        "reading": record.reading,
        "outcome": record.outcome,
        "sentence": record.sentence,
        "pages": record.pages,
        "rows_read": record.rows_read,
        "new": record.new,
        "changed": record.changed,
        "gone": record.gone,
        "waiting": record.waiting,
        "unchanged": record.unchanged,
        "rejected": record.rejected,
        "unlisted": record.unlisted,
        "duration_ms": record.duration_ms,
        "attempts": record.attempts,
        "completeness": record.completeness,
    })
}

/// The runs for a script.
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
            "sentence": report.sentence,
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

    #[test]
    fn what_could_not_be_read_is_named_the_most_first() {
        let reject = |path: &str, rows| RejectLine {
            stream: "users".to_owned(),
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
        let told = of_rejects(&lots).expect("told");
        assert!(told.ends_with("(2 rows); and 2 more"), "{told}");
    }
}
