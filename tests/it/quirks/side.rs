//! The streams of Wisenet that the shipped jobs leave out, switched on as their comments say: every column, a day, no change.

use std::collections::BTreeMap;
use std::path::Path;

use rollbook_engine::sync::RunReport;
use tempfile::TempDir;

use super::harness::{Checked, ClockKind, ComboLists, Harness, Pairs};
use crate::queries;

const STREAMS: [&str; 16] = [
    "assessors",
    "checklist_items",
    "checklists",
    "coordinators",
    "credentials",
    "element_enrolments",
    "filenotes",
    "invoices",
    "language_literacy_numeracy",
    "learner_positions",
    "opportunities",
    "promotions",
    "sales_contacts",
    "sales_persons",
    "tags",
    "trainers",
];

/// Two mirrors start with the same refresh token.
const STEADY: Pairs = &[("auth.rotation", "none")];

fn checked() -> Checked {
    Checked::load(
        "wisenet",
        &[],
        &[],
        ClockKind::School,
        ComboLists::FewAndSide,
    )
}

/// New, changed and removed rows of each of the streams; every stream must have been read.
fn counts(reports: &[RunReport]) -> BTreeMap<String, (u64, u64, u64)> {
    let streams = reports.iter().flat_map(|report| &report.streams);
    let mut counts = BTreeMap::new();
    for stream in streams {
        let record = &stream.record;
        if STREAMS.contains(&record.stream.as_str()) {
            let is_whole = (record.outcome.as_str(), record.rejected) == ("ok", 0);
            assert!(is_whole && record.unlisted.is_empty(), "{record:?}");
            let changes = (record.new, record.changed, record.removed);
            counts.insert(record.stream.to_string(), changes);
        }
    }
    assert_eq!(counts.keys().collect::<Vec<_>>(), STREAMS);
    counts
}

/// Responses for single learners.
fn requests_of_learners(reports: &[RunReport]) -> u64 {
    let mut streams = reports.iter().flat_map(|report| &report.streams);
    let personal = streams.find(|stream| stream.record.stream.as_str() == "learner_personals");
    personal.expect("read").record.pages
}

/// Columns of a table that are null in every row.
fn empty_columns(mirror: &Path, table: &str) -> Vec<String> {
    let names = format!("SELECT name FROM pragma_table_info('{table}')");
    let mut empty = queries::list::<String>(mirror, &names);
    empty.retain(|column| {
        let sql = format!("SELECT count(\"{column}\") FROM {table}");
        queries::one::<u64>(mirror, &sql) == 0
    });
    empty
}

#[tokio::test(flavor = "multi_thread")]
async fn every_side_stream_arrives_changes_and_rests() {
    let checked = checked();
    let state = TempDir::new().expect("a folder");
    let harness = Harness::open(&checked, state.path(), STEADY).await;
    let first = counts(&harness.run(false).await);
    let described = harness.sandbox.describe().vendors["wisenet"].clone();
    for (stream, (new, ..)) in first {
        assert_eq!(new, described[&stream], "{stream}");
        let table = format!("wisenet_{stream}");
        assert_eq!(
            empty_columns(&harness.mirror(), &table),
            [""; 0],
            "{stream}"
        );
    }
    let same = "SELECT count(*) FROM wisenet_learners AS one JOIN wisenet_learner_personals AS other USING (learner_id) \
                WHERE one.last_name IS other.last_name AND one.email IS other.email AND one.date_of_birth IS other.date_of_birth";
    assert_eq!(
        queries::one::<u64>(&harness.mirror(), same),
        described["learners"]
    );
    let text =
        "SELECT count(*) FROM pragma_table_info('wisenet_filenotes') WHERE name = 'description'";
    assert_eq!(
        queries::one::<u64>(&harness.mirror(), text),
        0,
        "the body of a note is nowhere"
    );
    let lists = "SELECT (SELECT count(DISTINCT list) FROM wisenet_combos) || ' of ' || count(DISTINCT combo) FROM rollbook_columns";
    let lists: String = queries::one(&harness.mirror(), lists);
    let (read, used) = lists.split_once(" of ").expect("two numbers");
    assert!(read == used && read != "0", "lists that are read: {lists}");
    for full in [false, true] {
        let reports = harness.run(full).await;
        assert_eq!(requests_of_learners(&reports), if full { 24 } else { 0 });
        let again = counts(&reports);
        assert!(
            again.values().all(|changes| *changes == (0, 0, 0)),
            "{again:?}"
        );
    }
    harness.close().await;

    // The log does not name them: a removal needs two full readings.
    let harness = Harness::open(&checked, state.path(), STEADY).await;
    let day = counts(&harness.run(true).await);
    let changed = day.values().filter(|(_, changed, _)| *changed > 0).count();
    assert!(changed >= 10, "{day:?}");
    let confirmed = counts(&harness.run(true).await);
    for stream in STREAMS {
        let removed = day[stream].2 + confirmed[stream].2;
        assert!(removed >= 1, "{stream}: {day:?} {confirmed:?}");
    }
    assert_rests_like_new(harness, &checked).await;
}

/// What is read by changes only, until a full reading is due.
const BY_CHANGES: [&str; 3] = ["filenotes", "learner_positions", "promotions"];

/// An entry of the log under a guessed name could count the rows of another table.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_alone_removes_no_row_by_a_guessed_name() {
    const LOGGED: Pairs = &[("log_all", "on"), ("auth.rotation", "none")];
    let checked = checked();
    let state = TempDir::new().expect("a folder");
    let harness = Harness::open(&checked, state.path(), LOGGED).await;
    counts(&harness.run(false).await);
    harness.close().await;
    let harness = Harness::open(&checked, state.path(), LOGGED).await;
    // The log is in the job that runs second.
    let runs = [
        counts(&harness.run(false).await),
        counts(&harness.run(false).await),
    ];
    let logged = "SELECT count(DISTINCT entity_name) FROM wisenet_audit_logs \
                  WHERE entity_name IN ('Filenote', 'LearnerPosition', 'Opportunity', 'Promotion')";
    assert_eq!(queries::one::<u64>(&harness.mirror(), logged), 4);
    for stream in BY_CHANGES {
        let removed = runs.each_ref().map(|counts| counts[stream].2);
        assert_eq!(removed, [0, 0], "{stream}");
    }
    let documented: u64 = runs.iter().map(|counts| counts["opportunities"].2).sum();
    assert_eq!(documented, 1);
    assert_rests_like_new(harness, &checked).await;
}

/// The mirror holds what a new one holds, but for roles and invoices that wait for a second full reading.
async fn assert_rests_like_new(harness: Harness, checked: &Checked) {
    counts(&harness.run(true).await);
    counts(&harness.run(true).await);
    let kept = harness.content();
    let other = TempDir::new().expect("a folder");
    let harness = harness.into_mirror(checked, other.path()).await;
    counts(&harness.run(true).await);
    let fresh = harness.content();
    for stream in STREAMS {
        assert_eq!(kept[stream], fresh[stream], "{stream}");
    }
    harness.close().await;
}
