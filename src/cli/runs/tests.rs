//! Runs as text.

use super::*;
use crate::model::{Cause, Class, named};

fn run(number: i64, ended: Option<&str>, outcome: Option<Outcome>) -> RunLine {
    RunLine {
        run: number,
        job: named("rosters"),
        source: named("north"),
        cause: Cause::Schedule,
        started: "2026-02-01T06:00:00.250Z".to_owned(),
        ended: ended.map(str::to_owned),
        outcome,
        message: None,
        new: 1200,
        changed: 0,
        removed: 3,
    }
}

#[test]
fn the_list_says_how_long_and_how() {
    assert_eq!(list(&[], &[]), "No runs yet.");
    let rows = [
        (
            run(7, Some("2026-02-01T06:00:02.500Z"), Some(Outcome::Ok)),
            [
                "7",
                "rosters",
                "schedule",
                "2026-02-01 06:00:00",
                "2.2 s",
                "1,200",
                "·",
                "3",
                "ok",
            ],
            "",
        ),
        (
            run(8, None, None),
            [
                "8",
                "rosters",
                "schedule",
                "2026-02-01 06:00:00",
                "",
                "1,200",
                "·",
                "3",
                "no end recorded",
            ],
            "",
        ),
        (
            RunLine {
                message: Some("users: timed out".to_owned()),
                ..run(
                    9,
                    Some("2026-02-01T05:59:00.000Z"),
                    Some(Outcome::Failed(Class::Transient)),
                )
            },
            [
                "9",
                "rosters",
                "schedule",
                "2026-02-01 06:00:00",
                "0 ms",
                "1,200",
                "·",
                "3",
                "failed",
            ],
            "• run 9: users: timed out\n",
        ),
    ];
    for (run, cells, remarks) in rows {
        let text = list(&[run], &[Vec::new()]);
        let line = text.lines().nth(3).expect("a row");
        // Three blanks or more part two cells; an empty cell is only more of them.
        let found: Vec<&str> = line
            .trim_matches(['│', ' '])
            .split("   ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        let expected: Vec<&str> = cells.into_iter().filter(|cell| !cell.is_empty()).collect();
        assert_eq!(found, expected);
        assert_eq!(text.split_once("┘\n").expect("an end").1, remarks);
    }
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
    let text = list(&[run], &[rejects]);
    assert_eq!(
        text.split_once("┘\n").expect("an end").1,
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
    let text = detail_text(&held, &[record], &rejects, true);
    let (head, rest) = text.split_once('\n').expect("lines");
    assert_eq!(
        head,
        "Run 7 of rosters (north), by schedule, started 2026-02-01 06:00:00 UTC: held"
    );
    assert_eq!(
        rest.split_once("┘\n").expect("a table").1,
        "• north.users: held back: 9 of 20 rows would be removed\n\
         • north.users: not mirrored, because the connector has no columns for them: nickname\n\
         • to accept the changes of held run 7: rollbook approve 7\n\
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
    let text = detail_text(&failed, &[], &[], false);
    assert_eq!(
        text,
        "Run 7 of rosters (north), by schedule, started 2026-02-01 06:00:00 UTC: no end recorded\n\
         • the disk is full\n"
    );
}
