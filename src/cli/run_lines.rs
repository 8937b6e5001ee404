//! Results of runs: tables and remarks for people, and JSON for scripts.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::suggested::suggested;
use super::table::{
    TextTable, blocks, bullets, count, fold, group, grouped, left, length, many, rest_name, right,
};
use rollbook_core::model::scalar::{display_time, to_canonical};
use rollbook_core::model::{Outcome, SourceName};
use rollbook_core::store::queries::RejectLine;
use rollbook_core::store::runs::StreamRecord;
use rollbook_engine::sync::{RunReport, StreamReport};

/// Runs as a table with remarks. On a terminal, the `most` streams with the most changes have a row each, and so have
/// those that need attention; the rest of a source is one row.
pub fn of_runs(reports: &[RunReport], most: usize, width: Option<usize>) -> String {
    let mut sources: BTreeMap<&SourceName, Vec<&StreamRecord>> = BTreeMap::new();
    for report in reports {
        let records = report.streams.iter().map(|stream| &stream.record);
        sources.entry(&report.source).or_default().extend(records);
    }
    let mut numbers: Vec<u64> = sources
        .values()
        .flatten()
        .map(|record| changes(record))
        .collect();
    numbers.sort_by_key(|number| Reverse(*number));
    let few = numbers.get(most).copied().unwrap_or(0);
    let has_row = |record: &&StreamRecord| {
        width.is_none() || needs_attention(record) || changes(record) > few
    };
    let mut table = stream_table();
    for (source, records) in sources {
        let (rows, rest) = fold(records, has_row);
        for record in &rows {
            table.row(stream_row(source.as_str(), record));
        }
        if let [first, ..] = rest[..] {
            let sum = sum(first, &rest);
            let outcome = match changes(&sum) {
                0 => "unchanged".to_owned(),
                _ => outcome(&sum),
            };
            let name = rest_name(&rows, &rest);
            table.row(cells(source.as_str(), name, &sum, outcome));
        }
    }
    blocks([table.render(width), bullets(remarks(reports))])
}

fn needs_attention(record: &StreamRecord) -> bool {
    record.outcome != Outcome::Ok || record.message.is_some() || !record.unlisted.is_empty()
}

fn changes(record: &StreamRecord) -> u64 {
    record.new + record.changed + record.removed + record.unconfirmed
}

/// Several streams as one.
fn sum(first: &StreamRecord, records: &[&StreamRecord]) -> StreamRecord {
    let mut sum = StreamRecord::new(first.stream.clone());
    for record in records {
        sum.pages += record.pages;
        sum.rows_read += record.rows_read;
        sum.new += record.new;
        sum.changed += record.changed;
        sum.removed += record.removed;
        sum.unconfirmed += record.unconfirmed;
        sum.unchanged += record.unchanged;
        sum.duration_ms += record.duration_ms;
    }
    sum
}

/// The streams of one run, one row each.
pub fn of_streams(records: &[StreamRecord], width: Option<usize>) -> String {
    let mut table = stream_table();
    for record in records {
        table.row(stream_row("", record));
    }
    table.render(width)
}

fn stream_table() -> TextTable<10> {
    TextTable::new([
        group("source"),
        left("stream"),
        right("pages").optional(),
        right("rows read"),
        right("new"),
        right("changed"),
        right("removed"),
        right("unchanged").optional(),
        right("time").optional(),
        left("outcome"),
    ])
}

fn stream_row(source: &str, record: &StreamRecord) -> [String; 10] {
    let name = record.stream.to_string();
    cells(source, name, record, outcome(record))
}

fn cells(source: &str, name: String, record: &StreamRecord, outcome: String) -> [String; 10] {
    [
        source.to_owned(),
        name,
        grouped(record.pages),
        grouped(record.rows_read),
        count(record.new),
        count(record.changed),
        count(record.removed),
        count(record.unchanged),
        length(Duration::from_millis(record.duration_ms)),
        outcome,
    ]
}

/// The outcome, with the numbers that are rarely not zero.
fn outcome(record: &StreamRecord) -> String {
    let mut text = record.outcome.to_string();
    for (number, what) in [
        (record.unconfirmed, "unconfirmed"),
        (record.rejected, "rejected"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", grouped(number)));
        }
    }
    text
}

/// Remarks below the table: what failed and why, and what to do.
fn remarks(reports: &[RunReport]) -> Vec<String> {
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
    if record.suppressed > 0 {
        remarks.push(format!(
            "{source}.{}: {} of erased people received and suppressed",
            record.stream,
            many(record.suppressed, "row", "rows")
        ));
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
    format!(
        "to see the rows of held run {run}: {}; to accept: {}",
        suggested(&format!("runs show {run} --rows")),
        suggested(&format!("approve {run}"))
    )
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
        "suppressed": record.suppressed,
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
mod tests;
