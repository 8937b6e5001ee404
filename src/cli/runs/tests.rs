//! Runs as text.

use super::*;
use crate::cli::table::snapshots;
use rollbook_core::model::{Cause, Class, named};

fn run(number: i64, ended: Option<&str>, outcome: Option<Outcome>) -> RunLine {
    RunLine {
        run: number,
        job: named("rosters"),
        source: named("north"),
        only: None,
        cause: Cause::Schedule,
        started: "2026-02-01T06:00:00.250Z".to_owned(),
        ended: ended.map(str::to_owned),
        outcome,
        running: false,
        message: None,
        new: 1200,
        changed: 0,
        removed: 3,
    }
}

#[test]
fn the_list_says_how_long_and_how() {
    assert_eq!(list(&[], &[], None), "No runs yet.");
    let ended = "2026-02-01T06:00:02.500Z";
    let ok = run(7, Some(ended), Some(Outcome::Ok));
    let failed = RunLine {
        message: Some("users: timed out".to_owned()),
        ..run(
            9,
            Some("2026-02-01T05:59:00.000Z"),
            Some(Outcome::Failed(Class::Transient)),
        )
    };
    let rows = [
        (
            ok,
            "2026-02-01  7  rosters  schedule  06:00:00  2.2 s  1,200  3  ok\n",
        ),
        (
            run(8, None, None),
            "2026-02-01  8  rosters  schedule  06:00:00  1,200  3  no end recorded\n",
        ),
        (
            failed,
            "2026-02-01  9  rosters  schedule  06:00:00  0 ms  1,200  3  failed\n\n• run 9: users: timed out\n",
        ),
    ];
    for (run, expected) in rows {
        let text = list(&[run], &[Vec::new()], None);
        let (_, text) = text.split_once('\n').expect("a head");
        let mut single = text.to_owned();
        while single.contains("   ") {
            single = single.replace("   ", "  ");
        }
        assert_eq!(single, expected);
    }
}

#[test]
fn snapshots_of_runs() {
    let days = [
        (
            15,
            "wisenet_enrolments",
            Cause::Command,
            "2026-02-02T06:00:43.250Z",
        ),
        (14, "webuntis", Cause::Schedule, "2026-02-02T05:59:59.000Z"),
        (
            13,
            "wapi_telemetry",
            Cause::Schedule,
            "2026-02-01T23:45:00.000Z",
        ),
    ];
    let line = |(number, job, cause, started): (i64, &str, Cause, &str)| RunLine {
        job: named(job),
        cause,
        started: started.to_owned(),
        changed: number,
        ..run(number, Some("2026-02-02T06:00:45.750Z"), Some(Outcome::Ok))
    };
    let mut runs: Vec<RunLine> = days.map(line).into();
    runs[1].outcome = Some(Outcome::Failed(Class::Transient));
    runs[1].message = Some(
        "users: could not read page 3: the server returned 503 four times; the next tick tries again"
            .to_owned(),
    );
    let rejects = vec![Vec::new(); 3];
    snapshots::check("runs", |width| list(&runs, &rejects, width));
    let record = |name: &str, number: u64| StreamRecord {
        pages: number,
        rows_read: number * 1000,
        new: number,
        changed: number / 2,
        unchanged: number * 998,
        duration_ms: number * 321,
        ..StreamRecord::new(named(name))
    };
    let held = StreamRecord {
        outcome: Outcome::Held,
        message: Some(
            "held back: 9,000 of 20,000 rows would be removed, more than the guard allows"
                .to_owned(),
        ),
        unconfirmed: 9_000,
        ..record("enrollments", 20)
    };
    let streams = [record("academic_sessions", 0), record("users", 2), held];
    snapshots::check("runs-show", |width| {
        detail_text(&runs[1], &streams, &[], true, width)
    });
}

#[test]
fn the_list_names_what_could_not_be_read() {
    let reject = |stream: &str, path: &str, rows| RejectLine {
        stream: named(stream),
        path: path.to_owned(),
        reason: "missing".to_owned(),
        rows,
    };
    let rejects = vec![
        reject("classes", "title", 1),
        reject("users", "sourcedId", 12),
        reject("users", "email", 2),
    ];
    let run = run(9, None, Some(Outcome::OkWithRejects));
    let text = list(&[run], &[rejects], None);
    assert_eq!(
        text.split_once("\n\n").expect("an end").1,
        "• run 9: classes: could not read `title`: missing (1 row)\n\
         • run 9: users: could not read `sourcedId`: missing (12 rows); `email`: missing (2 rows)\n"
    );
}

#[test]
fn one_run_shows_its_rejects() {
    let record = StreamRecord {
        outcome: Outcome::Held,
        message: Some("held back: 9 of 20 rows would be removed".to_owned()),
        unlisted: vec!["nickname".to_owned()],
        ..StreamRecord::new(named("users"))
    };
    let rejects = [(1, "dateOfBirth"), (12, "sourcedId")].map(|(rows, path)| RejectLine {
        stream: named("users"),
        path: path.to_owned(),
        reason: "missing".to_owned(),
        rows,
    });
    let held = run(7, Some("2026-02-01T06:00:02.500Z"), Some(Outcome::Held));
    let text = detail_text(&held, &[record], &rejects, true, None);
    let (head, rest) = text.split_once('\n').expect("lines");
    assert_eq!(
        head,
        "Run 7 of rosters (north), by schedule, started 2026-02-01 06:00:00 UTC: held"
    );
    assert_eq!(
        rest.trim_start().split_once("\n\n").expect("a table").1,
        "• north.users: held back: 9 of 20 rows would be removed\n\
         • north.users: not mirrored, because the connector has no columns for them: nickname\n\
         • to see the rows of held run 7: rollbook runs show 7 --rows; to accept: rollbook approve 7\n\n\
         Rejects:\n  \
         users  1 row    dateOfBirth  missing\n  \
         users  12 rows  sourcedId    missing\n"
    );
}

#[test]
fn a_run_without_streams_says_its_own_message() {
    let failed = RunLine {
        message: Some("the disk is full".to_owned()),
        ..run(7, None, None)
    };
    let text = detail_text(&failed, &[], &[], false, None);
    assert_eq!(
        text,
        "Run 7 of rosters (north), by schedule, started 2026-02-01 06:00:00 UTC: no end recorded\n\n\
         • the disk is full\n"
    );
}
