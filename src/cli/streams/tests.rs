//! Streams as text.

use super::*;
use crate::cli::table::snapshots;
use crate::model::{Outcome, named};

fn stream(name: &str, rows: Option<u64>, jobs: &[&str], read: bool) -> StreamView {
    StreamView {
        source: named("north"),
        stream: named(name),
        table: format!("north_{name}"),
        title: String::new(),
        jobs: jobs.iter().map(|job| named(job)).collect(),
        rows,
        history_rows: rows.map(|_| 3),
        last_read: read.then(|| LastRead {
            run: 9,
            job: named("rosters"),
            started: "2026-02-02T06:00:00.000Z".to_owned(),
            reading: "full".to_owned(),
            outcome: Outcome::Ok,
            rejected: 0,
        }),
        rules: Rules {
            key: vec!["list".to_owned(), "id".to_owned()],
            paging: "one answer".to_owned(),
            read_for: read.then(|| "each row of lists".to_owned()),
            changes: "all each time".to_owned(),
            removed: "when absent".to_owned(),
            history: "kept 400d".to_owned(),
        },
    }
}

#[test]
fn a_row_and_its_rules_for_each_stream() {
    let streams = [
        stream("users", Some(12_345), &["rosters", "nightly"], true),
        stream("staff", None, &[], false),
    ];
    snapshots::check("streams", |width| text(&streams, width));
}

/// A text of which nothing is said.
pub fn column(name: &str) -> ColumnLine {
    ColumnLine {
        column: name.to_owned(),
        r#type: "text",
        key: false,
        path: name.to_owned(),
        meaning: String::new(),
        combo: None,
        refers_to: None,
        dropped: false,
    }
}

#[test]
fn a_column_says_what_an_admin_may_ask() {
    let line = |key, dropped, meaning: &str, combo: Option<&str>| ColumnLine {
        key,
        meaning: meaning.to_owned(),
        combo: combo.map(str::to_owned),
        dropped,
        ..column("status_id")
    };
    let rows = [
        (line(true, false, "", None), "key"),
        (
            line(false, true, "its status", None),
            "dropped by the job; its status",
        ),
        (
            line(false, false, "its status", Some("17")),
            "its status; combo list 17",
        ),
        (
            ColumnLine {
                refers_to: Some("north_orgs.id".to_owned()),
                ..line(false, false, "the school", None)
            },
            "the school; refers to north_orgs.id",
        ),
    ];
    for (line, expected) in rows {
        let text = columns_text(&[line], None);
        let row = text.lines().nth(1).expect("a row");
        assert!(row.ends_with(&format!("  {expected}")), "{row}");
    }
}
