//! What ends by its own date, by a limit of the installation, or because nothing reads it any more.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Config, Harness, all, id};
use crate::queries;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const STREAM: &str = "[streams.people]
path = \"/people\"
rows = \"rows\"
key = [\"id\"]
removed = { absence = true }
[streams.people.columns]
id = \"id : text\"
name = \"name : text\"
left = \"left : date\"
";

const RETAIN: &str = "[stream.people]\nretain = { column = \"left\", for = \"2 years\" }\n";

/// Forty people; those whose numbers are given left on these days.
fn people(left: &[(usize, &str)]) -> Vec<Value> {
    let row = |number: usize| {
        let left = left.iter().find(|(one, _)| *one == number);
        json!({"id": id(number), "name": format!("Name {number}"), "left": left.map(|(_, day)| day)})
    };
    (0..40).map(row).collect()
}

#[test]
fn k1_rows_leave_by_their_own_date_and_do_not_return() {
    let mut harness = Harness::new(&Config::of(STREAM));
    let left = [(1, "2023-06-30"), (2, "2024-03-03"), (3, "2025-06-30")];
    harness.vendor.respond_with(all(&people(&left)));
    harness.sync().ended("ok", "everything");
    assert_eq!(harness.ids().len(), 40);

    // The vendor lists all of them still.
    harness.write(&Config::of(STREAM).job(RETAIN));
    let run = harness.sync().ended("ok", "one is over");
    assert_eq!(run.people().removed, 1);
    assert_eq!(harness.cell("p0001", "id"), None);
    let run = harness.sync().ended("ok", "it does not return");
    let stream = run.people();
    assert_eq!((stream.new, stream.changed, stream.removed), (0, 0, 0));

    // The next one, two days later; and one that the vendor lists no more, before its absence is confirmed.
    harness.advance(2 * DAY);
    let run = harness.sync().ended("ok", "two years are over");
    assert_eq!(run.people().removed, 1);
    assert_eq!(
        (harness.ids().len(), harness.cell("p0002", "id")),
        (38, None)
    );

    // A date in the future again: the row is new.
    let left = [(1, "2027-06-30"), (2, "2024-03-03")];
    harness.vendor.respond_with(all(&people(&left)));
    let run = harness.sync().ended("ok", "back");
    assert_eq!(run.people().new, 1);
}

#[test]
fn k2_a_rule_that_removes_much_is_held() {
    let mut harness = Harness::new(&Config::of(STREAM));
    let left: Vec<(usize, &str)> = (0..30).map(|number| (number, "1900-01-01")).collect();
    harness.vendor.respond_with(all(&people(&left)));
    harness.sync().ended("ok", "everything");
    harness.write(&Config::of(STREAM).job(RETAIN));
    let held = harness.sync().ended("held", "three quarters");
    assert_eq!(harness.ids().len(), 40);
    harness.approve(&held).ended("ok", "approved");
    assert_eq!(harness.ids().len(), 10);
}

#[test]
fn k3_what_retain_can_name() {
    for (column, expected) in [
        ("name", "`name` has no dates"),
        ("lost", "people has no column `lost`"),
    ] {
        let rule =
            format!("[stream.people]\nretain = {{ column = \"{column}\", for = \"2 years\" }}\n");
        let problems = Harness::new(&Config::of(STREAM).job(&rule)).check();
        let problems = problems.err().unwrap_or_default();
        assert!(problems.contains(expected), "{column}: {problems}");
    }
    let rule = format!("{RETAIN}drop = [\"left\"]\n");
    let problems = Harness::new(&Config::of(STREAM).job(&rule)).check();
    let problems = problems.err().unwrap_or_default();
    assert!(problems.contains("`left` is in `drop`"), "{problems}");
}

#[test]
fn k4_history_off_erases_what_was_kept_before() {
    let mut harness = Harness::new(&Config::of(STREAM));
    harness.vendor.respond_with(all(&people(&[])));
    harness.sync().ended("ok", "everything");
    harness
        .vendor
        .respond_with(all(&people(&[(1, "2026-01-01")])));
    harness.sync().ended("ok", "a change");
    assert_eq!(harness.history(), 1);
    harness.write(&Config::of(STREAM).job("[stream.people]\nhistory = \"off\"\n"));
    harness
        .vendor
        .respond_with(all(&people(&[(1, "2026-01-01"), (2, "2026-01-01")])));
    harness.sync().ended("ok", "another change");
    assert_eq!(harness.history(), 0);
    let changed = queries::count(&harness.installation.mirror(), "own_people");
    assert_eq!(changed, 40);
}
