//! What may be approved.

use super::*;
use rollbook_core::model::{Cause, named};

#[test]
fn what_may_be_approved() {
    let line = |outcome: Option<Outcome>| RunLine {
        run: 7,
        job: named("rosters"),
        source: named("north"),
        only: None,
        cause: Cause::Schedule,
        started: "2026-02-01T06:00:00.000Z".to_owned(),
        ended: outcome.map(|_| "2026-02-01T06:00:09.000Z".to_owned()),
        outcome,
        running: false,
        message: None,
        new: 0,
        changed: 0,
        removed: 0,
    };
    let hold = || Some("users:00".to_owned());
    let soon = "2026-02-02T06:00:09Z";
    let late = "2026-02-02T06:00:10Z";
    let rows = [
        (line(Some(Outcome::Held)), hold(), soon, Ok("users:00")),
        (
            line(Some(Outcome::Held)),
            hold(),
            late,
            Err(
                "run 7 of rosters started 2026-02-01 06:00:00 UTC, more than a day ago, and can no longer be approved; \
                 run `rollbook sync rosters`, then approve the new run",
            ),
        ),
        (
            line(Some(Outcome::Held)),
            None,
            soon,
            Err(
                "run 7 of rosters held back a part of a time series, which cannot be approved; \
                 change [guard] in the job, then run `rollbook sync rosters`",
            ),
        ),
        (
            line(Some(Outcome::Ok)),
            None,
            soon,
            Err(
                "run 7 of rosters held nothing back, its outcome is ok; `rollbook status` shows held runs",
            ),
        ),
        (
            line(None),
            None,
            soon,
            Err("run 7 of rosters has not ended"),
        ),
    ];
    for (run, hold, now, expected) in rows {
        let now = now.parse().expect("a time");
        let found = approvable(7, Some(run), hold, now).map(|(_, hold)| hold);
        let found = found.as_ref().map(String::as_str).map_err(String::as_str);
        assert_eq!(found, expected);
    }
    let missing = approvable(8, None, None, soon.parse().expect("a time"));
    assert_eq!(
        missing.map(drop).unwrap_err(),
        "there is no run 8; `rollbook status` shows held runs"
    );
}
