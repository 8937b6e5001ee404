//! Sentences about runs, for people, and the same as JSON for scripts.

use serde_json::{Value, json};

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
            if let Some(sentence) = &stream.record.sentence {
                remarks.push(format!(
                    "{}.{}: {sentence}",
                    report.source, stream.record.stream
                ));
            }
            if !stream.record.unlisted.is_empty() {
                let names = stream.record.unlisted.join(", ");
                remarks.push(format!(
                    "{}.{}: not mirrored, because no column lists them: {names}",
                    report.source, stream.record.stream
                ));
            }
        }
        if let (Some(run), true) = (
            report.run,
            report.streams.iter().any(|stream| stream.hold.is_some()),
        ) {
            remarks.push(format!(
                "to accept what was held back: rollbook approve {run}"
            ));
        }
        if let Some(until) = report.deferred_until {
            remarks.push(format!(
                "{}: the vendor asks to be left alone until {until}",
                report.job
            ));
        }
    }
    remarks
}

/// The runs for a script.
pub fn json(reports: &[RunReport]) -> Value {
    let run = |report: &RunReport| {
        let streams: Vec<Value> = report
            .streams
            .iter()
            .map(|stream| {
                let record = &stream.record;
                json!({
                    "stream": record.stream,
                    "reading": record.reading,
                    "outcome": stream.outcome.word(),
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
            })
            .collect();
        json!({
            "run": report.run,
            "job": report.job,
            "source": report.source,
            "outcome": report.outcome.word(),
            "sentence": report.sentence,
            "streams": streams,
            "deferred_until": report.deferred_until.map(|until| until.to_string()),
        })
    };
    Value::Array(reports.iter().map(run).collect())
}
