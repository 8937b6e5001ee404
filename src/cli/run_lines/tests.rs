//! Runs as tables and remarks.

use super::*;
use crate::cli::table::snapshots;
use rollbook_core::model::row::Reject;
use rollbook_core::model::{Class, named};

/// Stream, pages, rows read, new, changed, removed, unconfirmed, milliseconds.
type Row<'a> = (&'a str, u64, u64, u64, u64, u64, u64, u64);

fn record(row: Row<'_>) -> StreamRecord {
    let (stream, pages, rows_read, new, changed, removed, unconfirmed, duration_ms) = row;
    StreamRecord {
        pages,
        rows_read,
        new,
        changed,
        removed,
        unconfirmed,
        unchanged: rows_read - new - changed,
        duration_ms,
        ..StreamRecord::new(named(stream))
    }
}

fn report(job: &str, source: &str, records: Vec<StreamRecord>) -> RunReport {
    let stream = |record| StreamReport {
        record,
        park: None,
        hold: None,
        held_rows: None,
        rejects: Vec::new(),
        written: true,
        vendor_time: None,
    };
    RunReport {
        run: Some(7),
        job: named(job),
        source: named(source),
        outcome: Outcome::Ok,
        park: None,
        message: None,
        streams: records.into_iter().map(stream).collect(),
        gaps: Vec::new(),
        deferred_until: None,
    }
}

/// A day of the demo: jobs of one source are one group, whatever their order.
fn day() -> Vec<RunReport> {
    let reference: Vec<Row<'_>> = vec![
        ("organizations", 1, 2, 0, 0, 0, 0, 3),
        ("wevent_categories", 1, 3, 0, 0, 0, 0, 2),
        ("wum_unit_categories", 1, 2, 0, 0, 0, 0, 2),
    ];
    let telemetry = vec![
        ("datas", 4, 14, 0, 12, 0, 0, 29),
        ("points", 12, 5_160, 1_728, 0, 0, 0, 120),
        ("reflection_datas", 4, 12, 4, 0, 0, 0, 36),
    ];
    let rosters = vec![
        ("academic_sessions", 1, 3, 0, 0, 0, 0, 9),
        ("users", 1, 850, 2, 8, 2, 2, 100),
        ("classes", 1, 192, 0, 1, 0, 0, 18),
        ("enrollments", 5, 4_992, 17, 0, 17, 17, 334),
    ];
    let combos = vec![("combos", 168, 1_197, 0, 0, 0, 0, 2_700)];
    let enrolments = vec![
        ("course_enrolments", 2, 32, 3, 27, 1, 0, 49),
        ("unit_enrolments", 1, 124, 14, 107, 4, 0, 816),
    ];
    let jobs = [
        ("wapi_reference", "wapi", reference),
        ("wisenet_combos", "wisenet", combos),
        ("wapi_telemetry", "wapi", telemetry),
        ("webuntis", "webuntis", rosters),
        ("wisenet_enrolments", "wisenet", enrolments),
    ];
    let of_job = |(job, source, rows): (&str, &str, Vec<Row<'_>>)| {
        report(job, source, rows.into_iter().map(record).collect())
    };
    jobs.map(of_job).into()
}

#[test]
fn snapshots_of_a_day() {
    snapshots::check("demo", |width| of_runs(&day(), 6, width));
    let mut day = day();
    let failed = StreamRecord {
        outcome: Outcome::Failed(Class::Transient),
        message: Some("could not read page 3: the server returned 503 four times".to_owned()),
        rows_read: 2,
        ..record(("courses", 2, 2, 0, 0, 0, 0, 61_000))
    };
    let rejected = StreamRecord {
        outcome: Outcome::OkWithRejects,
        rejected: 12,
        unlisted: vec!["nickname".to_owned()],
        ..record(("learners", 3, 600, 2, 1, 0, 0, 458))
    };
    let mut incomplete = report("wisenet_enrolments", "wisenet", vec![failed, rejected]);
    let reject = Reject {
        path: "dateOfBirth".to_owned(),
        reason: "expected a date, found a text that is no date".to_owned(),
    };
    incomplete.streams[1].rejects = vec![(reject, 12)];
    incomplete.deferred_until = Some("2026-02-02T07:00:00Z".parse().expect("a time"));
    day.push(incomplete);
    snapshots::check("sync", |width| of_runs(&day, 12, width));
}

#[test]
fn only_streams_without_a_row_of_their_own_are_one_row() {
    let unchanged = |name| record((name, 1, 3, 0, 0, 0, 0, 1));
    let changed = |name, new| record((name, 1, new, new, 0, 0, 0, 1));
    let names = |records: Vec<StreamRecord>, width: Option<usize>| -> Vec<String> {
        let text = of_runs(&[report("rosters", "north", records)], 1, width);
        let rows = text.lines().filter(|line| line.starts_with("  "));
        rows.skip(1)
            .map(|line| line.trim().split("  ").next().unwrap_or("").to_owned())
            .collect()
    };
    let terminal = Some(80);
    assert_eq!(
        names(vec![unchanged("a"), unchanged("b")], terminal),
        ["2 streams"]
    );
    assert_eq!(names(vec![unchanged("a")], terminal), ["a"]);
    assert_eq!(
        names(
            vec![changed("a", 1), changed("b", 2), unchanged("c")],
            terminal
        ),
        ["b", "2 more streams"]
    );
    assert_eq!(
        names(vec![changed("a", 1), unchanged("c")], terminal),
        ["a", "c"]
    );
    let failed = StreamRecord {
        outcome: Outcome::Incomplete,
        ..unchanged("a")
    };
    assert_eq!(
        names(
            vec![failed, changed("b", 1), changed("c", 2), unchanged("d")],
            terminal
        ),
        ["a", "c", "2 more streams"]
    );
    let all = of_runs(
        &[report(
            "rosters",
            "north",
            vec![unchanged("a"), unchanged("b")],
        )],
        1,
        None,
    );
    assert_eq!(all.lines().count(), 3, "{all}");
}

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
