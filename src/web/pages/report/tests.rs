//! What the report has, and has not.

use super::*;
use crate::web::pages::school_year;

fn made(daemon: Option<&Status>, jobs: &[JobStatus]) -> String {
    report(&ReportView {
        daemon,
        jobs,
        outputs: &Outputs::default(),
        history: &school_year::history(),
        now: school_year::now(),
    })
}

#[test]
fn a_report_has_no_script_and_nothing_from_elsewhere() {
    let text = made(None, &[]).replace("http://www.w3.org/2000/svg", "");
    for absent in [
        "<script", "http:", "https:", "url(", "@import", " src=", "<link", "onload", "style=\"",
    ] {
        assert!(!text.contains(absent), "{absent}");
    }
    for present in [
        "<h1>Nothing needs you</h1>",
        "prefers-color-scheme: dark",
        "forced-colors: active",
        "@media print",
        "<html lang=\"en\">",
        "id=\"stream-webuntis-users\"",
        "href=\"#stream-webuntis-users\"",
        "href=\"#source-webuntis\"",
        "The daemon does not run",
    ] {
        assert!(text.contains(present), "{present}");
    }
    let images = text.matches("role=\"img\"").count();
    assert_eq!(images, 3 + 6, "a strip a job and a chart a stream");
    assert_eq!(text.matches("role=\"img\" aria-label=\"").count(), images);
    assert_eq!(
        text.matches("<details>").count(),
        images,
        "a table behind each"
    );
}

#[test]
fn a_held_day_is_in_the_chart_and_in_the_table() {
    let daemon = school_year::status();
    let text = made(Some(&daemon), &daemon.jobs);
    let (need, jobs) = (
        text.find("rollbook approve 9029"),
        text.find("<h2>Jobs</h2>"),
    );
    assert!(
        need.is_some() && need < jobs,
        "what needs an admin is first"
    );
    assert!(text.contains("held on 3 days; not read on 5 days; with rejects on 20 days."));
    assert!(
        text.contains(">held \u{2212}709</text>"),
        "the most of the days"
    );
    assert!(text.contains("<title>3 things need you – Rollbook</title>"));
}
