//! The story of a row.

use super::*;
use rollbook_core::model::named;

fn version(since: &str, run: i64, ended: Option<(&str, &str, i64)>, differs: &[&str]) -> Version {
    Version {
        since: since.to_owned(),
        run,
        until: ended.map(|(until, _, _)| until.to_owned()),
        ended: ended.map(|(_, how, _)| how.to_owned()),
        ended_run: ended.map(|(_, _, run)| run),
        differs_in: differs.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn versions_become_events() {
    let versions = [
        version("1", 1, Some(("2", "changed", 2)), &[]),
        version("2", 2, Some(("3", "removed", 3)), &["email"]),
        version("5", 5, None, &["role"]),
    ];
    let found: Vec<String> = events(&versions)
        .iter()
        .map(|event| {
            format!(
                "{} {:?} {} {}",
                event.at,
                event.what,
                event.run,
                event.columns.join(",")
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "1 Added 1 ",
            "2 Changed 2 email",
            "3 Removed 3 ",
            "5 AddedAgain 5 role"
        ]
    );
    assert_eq!(events(&[]), []);
}

fn view(state: RowState, events: Vec<RowEvent>) -> WhyView {
    WhyView {
        table: "north_users".to_owned(),
        key: vec![("id".to_owned(), "17".to_owned())],
        state,
        events,
        unconfirmed: None,
        problems: Vec::new(),
        last_read: Some(LastRead {
            run: 9,
            job: named("rosters"),
            started: "2026-02-02T06:00:00.000Z".to_owned(),
            reading: "full".to_owned(),
            outcome: Outcome::OkWithRejects,
            rejected: 0,
        }),
    }
}

fn event(at: &str, what: RowChange, run: i64, job: Option<&str>, columns: &[&str]) -> RowEvent {
    RowEvent {
        at: at.to_owned(),
        what,
        run,
        job: job.map(named),
        outcome: job.map(|_| Outcome::Ok),
        running: false,
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn problem(column: &str, reason: &str, rejected: bool) -> RowProblem {
    RowProblem {
        column: column.to_owned(),
        reason: reason.to_owned(),
        rejected,
        run: 12,
    }
}

#[test]
fn the_history_is_shown() {
    let read = "north_users was last read by run 9 of rosters, 2026-02-02 06:00:00 UTC (full, ok_with_rejects).\n";
    let added = || event("2026-02-01T06:00:00.000Z", RowChange::Added, 1, None, &[]);
    let changed = || {
        let columns = ["email", "role"];
        event(
            "2026-02-01T07:00:00.000Z",
            RowChange::Changed,
            4,
            Some("rosters"),
            &columns,
        )
    };
    let unconfirmed = WhyView {
        unconfirmed: Some(UnconfirmedRow {
            missed: 1,
            first_run: 9,
        }),
        ..view(RowState::InTheMirror, vec![added(), changed()])
    };
    let mut unknown = view(RowState::Unknown, Vec::new());
    if let Some(last) = &mut unknown.last_read {
        last.rejected = 1;
    }
    let never = WhyView {
        last_read: None,
        ..view(RowState::Unknown, Vec::new())
    };
    let rows = [
        (
            unconfirmed,
            format!(
                "A row of north_users with id = 17:\n  \
                 2026-02-01 06:00:00 UTC  added    run 1             (no longer recorded)\n  \
                 2026-02-01 07:00:00 UTC  changed  run 4 of rosters  ok                    email, role\n\
                 It is in the mirror now. It is missing from 1 complete reading since run 9; its removal needs another one.\n{read}"
            ),
        ),
        (
            view(RowState::Removed, vec![added()]),
            format!(
                "A row of north_users with id = 17:\n  \
                 2026-02-01 06:00:00 UTC  added  run 1  (no longer recorded)\n\
                 It is not in the mirror now.\n{read}"
            ),
        ),
        (
            unknown,
            format!(
                "There is no row of north_users with id = 17, neither in the mirror nor in its history.\n{read}\
                 That run rejected 1 row; `rollbook runs show 9` shows why.\n"
            ),
        ),
        (
            WhyView {
                problems: vec![
                    problem("birth_date", "expected a date, found text", true),
                    problem("email", "missing", true),
                ],
                ..view(RowState::Unknown, Vec::new())
            },
            format!(
                "There is no row of north_users with id = 17, neither in the mirror nor in its history.\n\
                 Run 12 received this row but rejected it: `birth_date`: expected a date, found text; `email`: missing.\n{read}"
            ),
        ),
        (
            WhyView {
                problems: vec![problem("email", "expected text, found an array", false)],
                ..view(RowState::InTheMirror, vec![added()])
            },
            format!(
                "A row of north_users with id = 17:\n  \
                 2026-02-01 06:00:00 UTC  added  run 1  (no longer recorded)\n\
                 It is in the mirror now.\n\
                 `email` keeps its last value since run 12: expected text, found an array.\n{read}"
            ),
        ),
        (
            never,
            "There is no row of north_users with id = 17, neither in the mirror nor in its history.\n\
             north_users was never read.\n"
                .to_owned(),
        ),
    ];
    for (view, expected) in rows {
        assert_eq!(text(&view), expected);
    }
}

#[test]
fn the_key_keeps_its_order_in_json() {
    let view = WhyView {
        key: vec![
            ("z".to_owned(), "1".to_owned()),
            ("a".to_owned(), "2".to_owned()),
        ],
        ..view(RowState::Unknown, Vec::new())
    };
    let written = serde_json::to_string(&view).expect("JSON");
    assert!(
        written.contains(r#""key":{"z":"1","a":"2"},"state":"unknown""#),
        "{written}"
    );
}
