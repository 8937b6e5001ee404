//! Vendors with rows that change while they are read, or from day to day.

use std::collections::BTreeSet;

use rollbook_engine::sync::{Outcome, RunReport};
use rollbook_sandbox::Change;
use tempfile::TempDir;

use super::harness::{Checked, ClockKind, ComboLists, Content, Harness, Pairs};

/// The values of a column, over all rows.
fn values(content: &Content, stream: &str, column: &str) -> BTreeSet<String> {
    content[stream]
        .iter()
        .map(|row| row.get(column).to_owned())
        .collect()
}

fn message(reports: &[RunReport], stream: &str) -> (Outcome, String) {
    let parts = reports.iter().flat_map(|run| &run.streams);
    let part = parts.into_iter().find(|part| part.record.stream == stream);
    let part = part.expect("the stream was read");
    (
        part.record.outcome,
        part.record.message.clone().unwrap_or_default(),
    )
}

/// Every change between any two pages, at the front, in the middle and at the end: no user is lost,
/// no listed user is removed, and two readings later the mirror equals a new one.
#[tokio::test(flavor = "multi_thread")]
async fn users_that_move_between_pages() {
    let checked = Checked::load("webuntis", &[], &[], ClockKind::School, ComboLists::Few);
    for switches in [&[][..], &[("total", "right")]] {
        for page in [1, 2] {
            for at in [0, 20] {
                for change in [Change::Insert(at), Change::Delete(at), Change::Touch(at)] {
                    moved(&checked, switches, page, change).await;
                }
            }
        }
    }
}

async fn moved(checked: &Checked, switches: Pairs, page: u64, change: Change) {
    let what = format!("{switches:?}: after page {page} {change:?}");
    let (folder, other) = (
        TempDir::new().expect("a folder"),
        TempDir::new().expect("a folder"),
    );
    let harness = Harness::open(checked, folder.path(), switches).await;
    harness.run(false).await;
    let before = values(&harness.content(), "users", "sourced_id");
    assert!(before.len() > 20, "several pages");
    let control = harness.sandbox.control("webuntis").expect("its control");
    control.edits.after_page("users", page, change);
    harness.run(false).await;
    let during = values(&harness.content(), "users", "sourced_id");
    let left = before.difference(&during).count();
    let may_leave = usize::from(matches!(change, Change::Delete(_)));
    assert!(left <= may_leave, "{what}: {left} users left");
    let kept = harness.content();
    harness.run(false).await;
    harness.run(false).await;
    let after = harness.content();
    let harness = harness.into_mirror(checked, other.path()).await;
    harness.run(false).await;
    let fresh = harness.content();
    assert_eq!(after["users"], fresh["users"], "{what}");
    let still = values(&fresh, "users", "sourced_id");
    let lost = before
        .intersection(&still)
        .filter(|id| !values(&kept, "users", "sourced_id").contains(*id));
    assert_eq!(lost.count(), 0, "{what}: a user who stays was away");
    harness.close().await;
}

/// wapi.md 8: a listed entity that cannot be found is reported as not served, for every status.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_flux() {
    let checked = Checked::load(
        "wapi",
        &[("points_since", "2026-03-01T00:00:00Z")],
        &[],
        ClockKind::School,
        ComboLists::Few,
    );
    for switches in [
        &[("not_exist", "400"), ("error_body", "ResponseStatus")],
        &[("not_exist", "404"), ("error_body", "wca")],
        &[("not_exist", "404"), ("error_body", "html")],
        &[("not_exist", "500"), ("error_body", "responseStatus")],
    ] {
        let folder = TempDir::new().expect("a folder");
        let harness = Harness::open(&checked, folder.path(), switches).await;
        harness.run(false).await;
        let before = harness.content();
        let control = harness.sandbox.control("wapi").expect("its control");
        control.edits.after_page("fluxs", 0, Change::Insert(0));
        let reports = harness.run(false).await;
        let (outcome, reported) = message(&reports, "datas");
        assert_eq!(outcome, Outcome::Ok, "{switches:?}: {reported}");
        assert!(
            reported.starts_with("not served: 800000: "),
            "{switches:?}: {reported}"
        );
        assert_eq!(harness.content()["datas"], before["datas"], "{switches:?}");
        harness.close().await;
    }
}

/// wapi.md 6.10, wapi.md 7: a removed flux removes its datas; measured values stay. One response
/// holds all fluxes, so one that lacks it suffices; datas are listed per flux, and two readings must miss them.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_flux_leaves_its_points() {
    let settings = &[("points_since", "2026-03-01T00:00:00Z")];
    let checked = Checked::load("wapi", settings, &[], ClockKind::School, ComboLists::Few);
    let folder = TempDir::new().expect("a folder");
    let before = read(&checked, folder.path(), &[]).await;
    let harness = Harness::open(&checked, folder.path(), &[("flux_state", "deleted")]).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        harness.run(false).await;
        let after = harness.content();
        let removed = |stream: &str, column: &str| -> Vec<String> {
            let (before, after) = (
                values(&before, stream, column),
                values(&after, stream, column),
            );
            before.difference(&after).cloned().collect()
        };
        assert_eq!(removed("points", "data_id"), [""; 0]);
        runs.push((removed("fluxes", "id"), removed("datas", "flux_id")));
    }
    let (there, removed) = (Vec::new(), vec!["2112".to_owned()]);
    assert_eq!(
        runs,
        [
            (removed.clone(), there),
            (removed.clone(), removed.clone()),
            (removed.clone(), removed)
        ]
    );
    harness.close().await;
}

/// Of four Fluxes only the one that states no dates is asked for its Datas again.
#[tokio::test(flavor = "multi_thread")]
async fn datas_are_asked_for_when_their_flux_moved() {
    let settings = &[("points_since", "2026-03-01T00:00:00Z")];
    let checked = Checked::load("wapi", settings, &[], ClockKind::School, ComboLists::Few);
    let folder = TempDir::new().expect("a folder");
    let harness = Harness::open(&checked, folder.path(), &[]).await;
    let mut pages = Vec::new();
    for full in [false, false, true] {
        let reports = harness.run(full).await;
        let streams = reports.iter().flat_map(|report| &report.streams);
        let datas = streams
            .map(|part| &part.record)
            .find(|part| part.stream.as_str() == "datas");
        pages.push(datas.map(|part| part.pages));
    }
    assert_eq!(pages, [Some(4), Some(0), Some(4)]);
    harness.close().await;
}

/// wapi.md 6: a member missing in a short form is not removed.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_form_removes_nothing() {
    let settings = &[("points_since", "2026-03-01T00:00:00Z")];
    let checked = Checked::load("wapi", settings, &[], ClockKind::School, ComboLists::Few);
    let folder = TempDir::new().expect("a folder");
    let long = read(&checked, folder.path(), &[("short_lists", "false")]).await;
    let short = read(&checked, folder.path(), &[("short_lists", "true")]).await;
    let news: BTreeSet<String> = ["last_data_date".to_owned()].into();
    for (before, after) in long["fluxes"].iter().zip(&short["fluxes"]) {
        let differing = before
            .iter()
            .filter(|(name, value)| after.get(name) != *value);
        let differing: BTreeSet<String> = differing.map(|(name, _)| name.to_owned()).collect();
        assert!(differing.is_subset(&news), "{differing:?}");
    }
    assert_ne!(values(&short, "fluxes", "wci"), ["-".to_owned()].into());
}

async fn read(checked: &Checked, state: &std::path::Path, switches: Pairs) -> Content {
    let harness = Harness::open(checked, state, switches).await;
    harness.run(false).await;
    let content = harness.content();
    harness.close().await;
    content
}

/// An empty list is accepted in a reading of changes, and held in a full reading.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_suddenly_empty() {
    let checked = Checked::load("wisenet", &[], &[], ClockKind::School, ComboLists::Few);
    let folder = TempDir::new().expect("a folder");
    let before = read(&checked, folder.path(), &[]).await;
    let harness = Harness::open(&checked, folder.path(), &[("empty", "learners")]).await;
    let (outcome, reported) = message(&harness.run(true).await, "learners");
    assert_eq!(outcome, Outcome::Held);
    assert!(reported.contains("received 0 of 24 rows"), "{reported}");
    assert_eq!(harness.content()["learners"], before["learners"]);
    harness.close().await;
}
