//! Sentences about runs, for people, and the same as JSON for scripts.

use serde_json::{Value, json};

use crate::store::runs::StreamRecord;
use crate::sync::RunReport;

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
    })
}

/// The runs for a script.
pub fn json(reports: &[RunReport]) -> Value {
    let run = |report: &RunReport| {
        let streams: Vec<Value> = report
            .streams
            .iter()
            .map(|stream| stream_json(&stream.record))
            .collect();
        json!({
            "run": report.run,
            "job": report.job,
            "source": report.source,
            "outcome": report.outcome.word(),
            "sentence": report.sentence,
            "streams": streams,
            "gaps": report.gaps,
            "deferred_until": report.deferred_until.map(|until| until.to_string()),
        })
    };
    Value::Array(reports.iter().map(run).collect())
}
