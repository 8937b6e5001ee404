//! Combo lists of the simulated Wisenet, from the request to the label: every list, every row, every region.

use std::path::Path;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::harness::{Checked, ClockKind, ComboLists, Harness, Pairs};
use crate::queries;

const COMBOS: &str = "wisenet_combos";

async fn mirrored(region: Pairs, switches: Pairs) -> (TempDir, Harness) {
    let checked = Checked::load(
        "wisenet",
        region,
        region,
        ClockKind::School,
        ComboLists::All,
    );
    let state = TempDir::new().expect("a folder");
    let harness = Harness::open(&checked, state.path(), switches).await;
    for report in harness.run(true).await {
        let outcome = report.outcome.as_str();
        assert!(outcome.starts_with("ok"), "{report:?}");
    }
    (state, harness)
}

/// Stream, column and list of every reference of the mirror.
fn references(mirror: &Path) -> Vec<(String, String, String)> {
    let sql = "SELECT stream || '|' || \"column\" || '|' || combo FROM rollbook_columns \
               WHERE combo IS NOT NULL AND combo_by = 'id' ORDER BY 1";
    let split = |line: String| -> (String, String, String) {
        let parts: Vec<&str> = line.split('|').collect();
        (
            parts[0].to_owned(),
            parts[1].to_owned(),
            parts[2].to_owned(),
        )
    };
    queries::list::<String>(mirror, sql)
        .into_iter()
        .map(split)
        .collect()
}

/// The label of each reference is that of the list; where the vendor sends the description with the id, it is equal
/// to that too. A region picks its own lists.
#[tokio::test(flavor = "multi_thread")]
async fn labels_are_right_for_every_list_and_row_in_every_region() {
    let regions: [(Pairs, Option<[&str; 2]>); 4] = [
        (&[("region", "AU")], Some(["genders", "countries"])),
        (&[("region", "NZ")], Some(["nz-genders", "nz-countries"])),
        (&[("region", "SG")], None),
        (&[("region", "SA")], None),
    ];
    for (region, picked) in regions {
        let (_state, harness) = mirrored(region, &[]).await;
        assert_labels(region, &harness.mirror());
        for (column, list) in ["gender_id", "nationality_id"]
            .iter()
            .zip(picked.into_iter().flatten())
        {
            let sql = format!(
                "SELECT combo FROM rollbook_columns WHERE stream = 'learners' AND \"column\" = '{column}'"
            );
            let combo: String = queries::one(&harness.mirror(), &sql);
            assert_eq!(combo, list, "{region:?} {column}");
        }
        harness.close().await;
    }
}

fn assert_labels(region: Pairs, mirror: &Path) {
    let references = references(mirror);
    assert!(references.len() > 150, "{region:?}: {}", references.len());
    // One connection: reading the schema of a mirror takes longer than a query.
    let connection = queries::open(mirror);
    let one = |sql: &str| -> u64 {
        let number = connection.query_row(sql, [], |row| row.get(0));
        number.unwrap_or_else(|error| panic!("{sql}: {error}"))
    };
    let (mut labels, mut compared) = (0u64, 0u64);
    for (stream, column, list) in &references {
        let view = format!("wisenet_{stream}_labelled");
        let wrong = format!(
            "SELECT count(*) FROM {view} AS row LEFT JOIN wisenet_combos AS entry \
             ON entry.list = '{list}' AND entry.id = row.{column} \
             WHERE entry.description IS NOT row.{column}_label OR entry.code IS NOT row.{column}_code"
        );
        assert_eq!(one(&wrong), 0, "{region:?} {stream}.{column}");
        labels += one(&format!("SELECT count({column}_label) FROM {view}"));
        let description = format!("{}_description", column.trim_end_matches("_id"));
        let sent = format!(
            "SELECT count(*) FROM rollbook_columns WHERE stream = '{stream}' AND \"column\" = '{description}'"
        );
        if one(&sent) == 1 {
            let other = format!(
                "SELECT count(*) FROM {view} WHERE {description} IS NOT NULL AND {description} IS NOT {column}_label"
            );
            assert_eq!(one(&other), 0, "{region:?} {stream}.{description}");
            compared += one(&format!("SELECT count({description}) FROM {view}"));
        }
    }
    assert!(
        labels > 3_000 && compared > 3_000,
        "{region:?}: {labels}, {compared}"
    );
    assert_eq!(
        queries::count(mirror, "rollbook_unlabelled"),
        0,
        "{region:?}"
    );
}

/// 168 requests, whatever changes; codes are texts; a second run writes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn every_list_takes_one_request_and_unchanged_ones_write_nothing() {
    let (_state, harness) =
        mirrored(&[], &[("quota_per_day", "1000"), ("past_end", "empty")]).await;
    let mirror = harness.mirror();
    let lists = format!("SELECT count(DISTINCT list) FROM {COMBOS}");
    assert_eq!(queries::one::<u64>(&mirror, &lists), 168);
    let kinds: Vec<String> = queries::list(
        &mirror,
        &format!("SELECT DISTINCT typeof(code) FROM {COMBOS} WHERE code IS NOT NULL"),
    );
    assert_eq!(kinds, ["text"]);
    for code in ["@@", "NS", "01", "008"] {
        let found = format!("SELECT count(*) FROM {COMBOS} WHERE code = '{code}'");
        assert!(queries::one::<u64>(&mirror, &found) > 0, "{code}");
    }
    let (rows, kept) = (
        queries::data(&mirror),
        queries::content(&mirror, is_derived),
    );
    let before = harness.sandbox.describe();
    let report = combos(&harness).await;
    let record = &report.streams[0].record;
    assert_eq!(
        (record.pages, record.new, record.changed, record.removed),
        (168, 0, 0, 0)
    );
    assert_eq!(record.unchanged, before.vendors["wisenet"]["combos"]);
    assert_eq!(queries::data(&mirror), rows);
    assert_eq!(queries::content(&mirror, is_derived), kept);
    harness.close().await;
}

fn is_derived(table: &str) -> bool {
    [
        "rollbook_crosswalk",
        "rollbook_unmapped",
        "rollbook_unlabelled",
    ]
    .contains(&table)
}

async fn combos(harness: &Harness) -> rollbook_engine::sync::RunReport {
    let order = rollbook_engine::sync::RunOptions {
        cause: rollbook_engine::sync::Cause::Command,
        full: true,
        dry: false,
        only: None,
    };
    let sink: rollbook_engine::sync::ProgressSink = std::sync::Arc::new(|_| {});
    let job = COMBOS.parse().expect("a name");
    let stop = CancellationToken::new();
    let report = harness.app.run(&job, order, &stop, &sink).await;
    report.expect("the job is configured")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_list_is_named_and_keeps_its_rows() {
    let checked = Checked::load("wisenet", &[], &[], ClockKind::School, ComboLists::All);
    let state = TempDir::new().expect("a folder");
    let harness = Harness::open(&checked, state.path(), &[]).await;
    combos(&harness).await;
    let before = queries::content(&harness.mirror(), |table| table == COMBOS);
    harness.close().await;
    let forbidden: Pairs = &[("forbid", "combos/genders")];
    let harness = Harness::open(&checked, state.path(), forbidden).await;
    let report = combos(&harness).await;
    let record = &report.streams[0].record;
    assert_eq!(
        (record.outcome.as_str(), record.pages, record.removed),
        ("incomplete", 167, 0),
        "what had rows and is refused now is stale: {record:?}"
    );
    let message = record.message.as_deref().unwrap_or_default();
    assert!(
        message.starts_with("could not read genders: ")
            && message.contains("lacks the right")
            && message.ends_with("its rows are unchanged"),
        "{message}"
    );
    assert_eq!(
        queries::content(&harness.mirror(), |table| table == COMBOS),
        before
    );
    harness.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_ids_are_counted_and_have_no_label() {
    let (_state, harness) = mirrored(&[], &[("unknown_combo_ids", "on")]).await;
    let mirror = harness.mirror();
    let mut missed = Vec::new();
    for (stream, column, list) in references(&mirror) {
        let sql = format!(
            "SELECT count(DISTINCT {column}) || '|' || count(*) FROM wisenet_{stream}_labelled AS row \
             WHERE {column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {COMBOS} AS entry WHERE entry.list = '{list}' AND entry.id = row.{column})"
        );
        let counts: String = queries::one(&mirror, &sql);
        if counts != "0|0" {
            missed.push(format!("{stream}|{column}|{list}|{counts}"));
        }
    }
    let counted = "SELECT stream || '|' || \"column\" || '|' || list || '|' || codes || '|' || rows FROM rollbook_unlabelled ORDER BY stream, \"column\"";
    missed.sort();
    let mut counted: Vec<String> = queries::list(&mirror, counted);
    counted.sort();
    assert!(missed.len() > 20, "{missed:?}");
    assert_eq!(counted, missed);
    harness.close().await;
}

/// On the third day the vendor rewords an entry: the views have the new text, and the history the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_label_has_a_history() {
    let checked = Checked::load("wisenet", &[], &[], ClockKind::School, ComboLists::Few);
    let state = TempDir::new().expect("a folder");
    let mut moments: Vec<String> = Vec::new();
    for _ in 0..=3 {
        let harness = Harness::open(&checked, state.path(), &[]).await;
        harness.run(true).await;
        let now = "SELECT max(ended) FROM rollbook_runs";
        moments.push(queries::one(&harness.mirror(), now));
        harness.close().await;
    }
    let mirror = state.path().join("mirror.db");
    let reworded = "FROM wisenet_combos_history WHERE list = 'results' AND _ended = 'changed'";
    let (id, old): (i64, String) = queries::open(&mirror)
        .query_row(&format!("SELECT id, description {reworded}"), [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("one that was reworded");
    let labels = |sql: &str| -> Vec<String> {
        queries::list(&mirror, &sql.replace("{id}", &id.to_string()))
    };
    let now = labels(
        "SELECT DISTINCT result_id_label FROM wisenet_unit_enrolments_labelled WHERE result_id = {id}",
    );
    assert_eq!(now, ["Reworded on day 3"]);
    // The queries of docs/reference/mirror.md.
    let then = AS_OF.replace("2026-03-01T08:00:00.000Z", &moments[2]);
    assert_eq!(labels(&then), std::slice::from_ref(&old));
    let then = AS_OF.replace("2026-03-01T08:00:00.000Z", &moments[3]);
    assert_eq!(labels(&then), ["Reworded on day 3"]);
    let first = labels(&format!("{ARRIVED} AND row._run < 7"));
    assert_eq!(first, [old]);
}

const AS_OF: &str = "SELECT DISTINCT entry.description FROM wisenet_unit_enrolments_versions AS row \
    LEFT JOIN wisenet_combos_versions AS entry ON entry.list = 'results' AND entry.id = row.result_id \
    AND entry._since <= '2026-03-01T08:00:00.000Z' AND (entry._until IS NULL OR entry._until > '2026-03-01T08:00:00.000Z') \
    WHERE row._since <= '2026-03-01T08:00:00.000Z' AND (row._until IS NULL OR row._until > '2026-03-01T08:00:00.000Z') \
    AND row.result_id = {id}";

const ARRIVED: &str = "SELECT DISTINCT (SELECT entry.description FROM wisenet_combos_versions AS entry \
    WHERE entry.list = 'results' AND entry.id = row.result_id AND (entry._until IS NULL OR entry._until > row._since) \
    ORDER BY entry._since LIMIT 1) FROM wisenet_unit_enrolments_versions AS row WHERE row.result_id = {id}";
