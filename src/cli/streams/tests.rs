//! Streams as text.

use super::*;
use crate::cli::table::snapshots;
use rollbook_core::model::{Outcome, named};

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
