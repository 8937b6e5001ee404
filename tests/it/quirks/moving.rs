//! Vendors whose rows move while they are read, or that change their mind from day to day.

use std::collections::BTreeSet;

use rollbook::sync::{Outcome, RunReport};
use rollbook_sandbox::Change;
use tempfile::TempDir;

use super::bench::{Bench, Checked, Content, Pairs, ProgressSink};

/// The values of a column, over all rows.
fn values(content: &Content, stream: &str, column: &str) -> BTreeSet<String> {
    content[stream]
        .iter()
        .map(|row| row[column].clone())
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

/// Every change between any two pages, at the front, in the middle and behind: no user is lost,
/// none leaves who is still there, and two readings later the mirror is what a fresh one is.
#[tokio::test(flavor = "multi_thread")]
async fn users_that_move_between_pages() {
    let checked = Checked::load("webuntis", &[], &[], ProgressSink::School);
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
    let bench = Bench::open(checked, folder.path(), switches).await;
    bench.run(false).await;
    let before = values(&bench.content(), "users", "sourced_id");
    assert!(before.len() > 20, "several pages");
    let control = bench.sandbox.control("webuntis").expect("its control");
    control.edits.after_page("users", page, change);
    bench.run(false).await;
    let during = values(&bench.content(), "users", "sourced_id");
    let left = before.difference(&during).count();
    let may_leave = usize::from(matches!(change, Change::Delete(_)));
    assert!(left <= may_leave, "{what}: {left} users left");
    let kept = bench.content();
    bench.run(false).await;
    bench.run(false).await;
    let after = bench.content();
    let bench = bench.beside(checked, other.path()).await;
    bench.run(false).await;
    let fresh = bench.content();
    assert_eq!(after["users"], fresh["users"], "{what}");
    let still = values(&fresh, "users", "sourced_id");
    let lost = before
        .intersection(&still)
        .filter(|id| !values(&kept, "users", "sourced_id").contains(*id));
    assert_eq!(lost.count(), 0, "{what}: a user who stays was away");
    bench.close().await;
}

/// wapi.md 8: a thing that is listed and cannot be found is named as not served, whatever status says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_flux_that_nobody_knows() {
    let checked = Checked::load(
        "wapi",
        &[("points_since", "2026-03-01T00:00:00Z")],
        &[],
        ProgressSink::School,
    );
    for switches in [
        &[("not_exist", "400"), ("error_body", "ResponseStatus")],
        &[("not_exist", "404"), ("error_body", "wca")],
        &[("not_exist", "404"), ("error_body", "html")],
        &[("not_exist", "500"), ("error_body", "responseStatus")],
    ] {
        let folder = TempDir::new().expect("a folder");
        let bench = Bench::open(&checked, folder.path(), switches).await;
        bench.run(false).await;
        let before = bench.content();
        let control = bench.sandbox.control("wapi").expect("its control");
        control.edits.after_page("fluxs", 0, Change::Insert(0));
        let reports = bench.run(false).await;
        let (outcome, said) = message(&reports, "datas");
        assert_eq!(outcome, Outcome::Ok, "{switches:?}: {said}");
        assert!(
            said.starts_with("not served: 800000: "),
            "{switches:?}: {said}"
        );
        assert_eq!(bench.content()["datas"], before["datas"], "{switches:?}");
        bench.close().await;
    }
}

/// wapi.md 6.10, wapi.md 7: a flux that goes takes its datas with it; what was measured stays. One answer
/// holds all fluxes, so one that misses it is enough; the datas are listed flux by flux, and two must miss them.
#[tokio::test(flavor = "multi_thread")]
async fn a_flux_that_goes_leaves_its_points() {
    let settings = &[("points_since", "2026-03-01T00:00:00Z")];
    let checked = Checked::load("wapi", settings, &[], ProgressSink::School);
    let folder = TempDir::new().expect("a folder");
    let before = read(&checked, folder.path(), &[]).await;
    let bench = Bench::open(&checked, folder.path(), &[("flux_fate", "deleted")]).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        bench.run(false).await;
        let after = bench.content();
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
    bench.close().await;
}

/// wapi.md 6: what a short form lacks is not removed.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_form_takes_nothing_away() {
    let settings = &[("points_since", "2026-03-01T00:00:00Z")];
    let checked = Checked::load("wapi", settings, &[], ProgressSink::School);
    let folder = TempDir::new().expect("a folder");
    let long = read(&checked, folder.path(), &[("short_lists", "false")]).await;
    let short = read(&checked, folder.path(), &[("short_lists", "true")]).await;
    let news: BTreeSet<String> = ["last_data_date".to_owned()].into();
    for (before, after) in long["fluxes"].iter().zip(&short["fluxes"]) {
        let differing = before
            .iter()
            .filter(|(name, value)| after[*name] != **value);
        let differing: BTreeSet<String> = differing.map(|(name, _)| name.clone()).collect();
        assert!(differing.is_subset(&news), "{differing:?}");
    }
    assert_ne!(values(&short, "fluxes", "wci"), ["-".to_owned()].into());
}

async fn read(checked: &Checked, state: &std::path::Path, switches: Pairs) -> Content {
    let bench = Bench::open(checked, state, switches).await;
    bench.run(false).await;
    let content = bench.content();
    bench.close().await;
    content
}

/// An empty list is believed when changes are asked for, and held back when everything is.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_suddenly_empty() {
    let checked = Checked::load("wisenet", &[], &[], ProgressSink::School);
    let folder = TempDir::new().expect("a folder");
    let before = read(&checked, folder.path(), &[]).await;
    let bench = Bench::open(&checked, folder.path(), &[("empty", "learners")]).await;
    let (outcome, said) = message(&bench.run(true).await, "learners");
    assert_eq!(outcome, Outcome::Held);
    assert!(said.contains("received 0 of 24 rows"), "{said}");
    assert_eq!(bench.content()["learners"], before["learners"]);
    bench.close().await;
}
