//! What every page has, and has not.

use super::*;
use crate::model::run_history::HistoryFold;
use crate::model::run_history::StreamResult;
use crate::model::{EntryName, Outcome, named};

fn history() -> RunHistory {
    let mut fold = HistoryFold::default();
    for (run, day, outcome) in [(1, 1, Outcome::Ok), (2, 2, Outcome::Held)] {
        fold.add(&StreamResult {
            run,
            source: "north",
            stream: "users",
            day: jiff::civil::date(2026, 3, day),
            outcome,
            is_complete: true,
            new: 5,
            changed: 0,
            removed: 0,
            unchanged: 100,
            missing: 40,
            rejected: 0,
            duration_ms: 90,
            pages: 1,
            received: 105,
        });
    }
    let mut history = fold.history;
    history.jobs = vec![JobRuns {
        job: named("rosters"),
        source: named("north"),
        last_good: Some("2026-03-01T06:00:00.000Z".to_owned()),
        runs: vec![crate::model::run_history::PastRun {
            run: 1,
            started: "2026-03-01T06:00:00.000Z".to_owned(),
            outcome: Outcome::Ok,
            duration_ms: 90,
            only: None,
        }],
    }];
    history
}

fn made(history: &RunHistory, needs: &[Need]) -> String {
    let jobs = [ReportJob {
        job: EntryName::from(&history.jobs[0].job),
        runs: Some(history.jobs[0].clone()),
        next: Some("Mon 2026-03-02 07:00 CET".to_owned()),
        delayed: Some("paused <b>".to_owned()),
        parked: None,
        held: None,
        failures: 0,
        is_running: false,
    }];
    page(&ReportView {
        history,
        jobs: &jobs,
        needs,
        daemon_since: None,
        today: jiff::civil::date(2026, 3, 2),
    })
}

#[test]
fn a_page_has_no_script_and_nothing_from_elsewhere() {
    let text = made(&history(), &[]);
    for absent in [
        "<script",
        "http:",
        "https:",
        "url(",
        "@import",
        " src=",
        "onload",
        "paused <b>",
    ] {
        assert!(!text.contains(absent), "{absent}");
    }
    for present in [
        "Nothing needs you.",
        "prefers-color-scheme: dark",
        "forced-colors: active",
        "@media print",
        "<html lang=\"en\">",
        "paused &lt;b&gt;",
        "id=\"north.users\"",
        "href=\"#north.users\"",
    ] {
        assert!(text.contains(present), "{present}");
    }
    let images = text.matches("role=\"img\"").count();
    assert_eq!(images, 2, "a strip and a chart");
    assert_eq!(text.matches("role=\"img\" aria-label=\"").count(), images);
    assert_eq!(
        text.matches("<details>").count(),
        images,
        "a table behind each"
    );
}

#[test]
fn a_held_day_is_in_the_chart_and_in_the_table() {
    let need = Need {
        what: "Run 2 of rosters was held.".to_owned(),
        commands: vec!["rollbook approve 2".to_owned()],
    };
    let text = made(&history(), &[need]);
    let (need, jobs) = (text.find("rollbook approve 2"), text.find("<h2>Jobs</h2>"));
    assert!(
        need.is_some() && need < jobs,
        "what needs an admin is first"
    );
    assert!(text.contains("class=\"held\""));
    assert!(text.contains(">\u{2212}40</text>"));
    assert!(text.contains("held on 1 day. The worst run on 2026-03-02: held."));
    assert!(text.contains("<title>Rollbook: 1 thing needs you</title>"));
}
