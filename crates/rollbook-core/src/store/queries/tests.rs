//! Questions to a small mirror that real readings made.

use std::sync::Arc;

use rusqlite::Connection;

use jiff::Timestamp;

use super::*;
use crate::model::row::{Cell, Cells, Kind, Rows};
use crate::model::{Cause, Class, Outcome, Table, named};
use crate::store::apply::{Removals, Stamp, apply};
use crate::store::lookups::Lookups;
use crate::store::readers::ReadConnection;
use crate::store::runs::{self, RunEnd, StreamRecord};
use crate::store::tables::fit;
use crate::store::{Absence, Ending, Size, Staging, Store, StoreError};

fn grades() -> Table {
    let columns = [
        ("mark", Kind::Text),
        ("user", Kind::Integer),
        ("at", Kind::Timestamp),
    ];
    Table {
        key: vec![1, 2],
        ..Table::plain("grades", &columns)
    }
}

struct Mirror {
    _folder: tempfile::TempDir,
    store: Store,
    table: Arc<Table>,
}

const AT: &str = "2026-01-01T08:00:00.000Z";

fn at() -> Timestamp {
    AT.parse().expect("a time")
}

impl Mirror {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let tables = vec![grades()];
        store
            .write(move |connection| fit(connection, &tables, &Lookups::default()))
            .await
            .expect("tables");
        Self {
            _folder: folder,
            store,
            table: Arc::new(grades()),
        }
    }

    fn reader(&self) -> ReadConnection {
        self.store.reader().expect("a reader")
    }

    /// One run that reads these rows whole; a row leaves when two such readings missed it.
    async fn read(&self, rows: &[(&str, i64)]) -> i64 {
        let mut page = Rows::default();
        for (mark, user) in rows {
            page.push(|bytes| {
                Cell::Text(mark).write(bytes);
                Cell::Integer(*user).write(bytes);
                Cell::Text(AT).write(bytes);
            });
        }
        let mut staging =
            Staging::open(&self.store, Arc::clone(&self.table), Size::Counted).expect("a reading");
        staging.add(&page).expect("compared");
        let staged = staging
            .finish(&Ending::of(Absence::All, 2))
            .expect("finished");
        let write = move |connection: &mut rusqlite::Connection| {
            let run = runs::begin(
                connection,
                (&named("rosters"), &named("north")),
                Cause::Command,
                None,
                at(),
            )?;
            let stamp = Stamp {
                run,
                now: format!("2026-02-0{run}T00:00:00.000Z"),
            };
            let transaction = connection.transaction().map_err(StoreError::sql("begin"))?;
            apply(&transaction, &staged, &stamp, Removals::Confirmed)?;
            transaction.commit().map_err(StoreError::sql("commit"))?;
            Ok(run)
        };
        let run = self.store.write(write).await.expect("applied");
        self.end(run, Outcome::Ok, None).await;
        run
    }

    async fn end(&self, run: i64, outcome: Outcome, hold: Option<&str>) {
        let end = RunEnd {
            outcome,
            hold: hold.map(str::to_owned),
            ..RunEnd::default()
        };
        self.store
            .write(move |connection| runs::end(connection, run, at(), &end))
            .await
            .expect("ended");
    }
}

fn key(user: &str, at: &str) -> [String; 2] {
    [user.to_owned(), at.to_owned()]
}

#[tokio::test]
async fn a_row_is_followed_from_coming_to_leaving() {
    let mirror = Mirror::new().await;
    let reader = mirror.reader();
    let story = |user: &str| {
        let versions = why(&reader, &mirror.table, &key(user, AT)).expect("versions");
        let lines: Vec<String> = versions
            .iter()
            .map(|version| {
                let ended = version.ended.as_deref().unwrap_or("now");
                let by = version
                    .ended_run
                    .map_or(String::new(), |run| format!(" {run}"));
                format!(
                    "{} {ended}{by} [{}]",
                    version.run,
                    version.differs_in.join(",")
                )
            })
            .collect();
        let waits = missed_readings(&reader, &mirror.table, &key(user, AT)).expect("unconfirmed");
        (lines.join("; "), waits)
    };
    mirror.read(&[("a", 17), ("b", 18), ("c", 19)]).await;
    assert_eq!(story("17"), ("1 now []".to_owned(), None));
    assert_eq!(story("20"), (String::new(), None));
    mirror.read(&[("b", 17), ("b", 18), ("c", 19)]).await;
    mirror.read(&[("b", 18), ("c", 19)]).await;
    let changed = "1 changed 2 []; 2 now [mark]";
    assert_eq!(story("17"), (changed.to_owned(), Some((1, 3))));
    assert_eq!(story("18").1, None);
    mirror.read(&[("b", 18), ("c", 19)]).await;
    let removed = "1 changed 2 []; 2 removed 4 [mark]";
    assert_eq!(story("17"), (removed.to_owned(), None));
}

#[tokio::test]
async fn a_key_is_taken_in_any_spelling_of_its_type_and_in_no_other() {
    let mirror = Mirror::new().await;
    mirror.read(&[("a", 17)]).await;
    let reader = mirror.reader();
    for (user, at, there) in [
        ("17", AT, true),
        (" 17", "2026-01-01T09:00:00+01:00", true),
        ("17", "2026-01-01 08:00:00", true),
        ("17.0", AT, false),
        ("x", AT, false),
        ("17", "today", false),
        ("17", "2026-01-01T08:00:01Z", false),
    ] {
        let versions = why(&reader, &mirror.table, &key(user, at)).expect("versions");
        assert_eq!(!versions.is_empty(), there, "{user} {at}");
    }
}

#[tokio::test]
async fn a_table_is_known_from_the_mirror_alone() {
    let mirror = Mirror::new().await;
    let reader = mirror.reader();
    assert_eq!(
        table(&reader, &named("north"), &named("grades")).expect("asked"),
        Some(grades())
    );
    assert_eq!(
        table(&reader, &named("north"), &named("users")).expect("asked"),
        None
    );
    let streams = mirrored(&reader).expect("asked");
    assert_eq!(streams, [(named("north"), named("grades"))]);
    assert_eq!(
        sizes(&reader, &named("north"), &named("users")).expect("asked"),
        None
    );
    mirror.read(&[("a", 17), ("b", 18)]).await;
    mirror.read(&[("a", 17), ("c", 18)]).await;
    assert_eq!(
        sizes(&reader, &named("north"), &named("grades")).expect("asked"),
        Some((2, 1))
    );
}

/// Commands that only read may run before the daemon has upgraded the mirror.
#[tokio::test]
async fn an_older_mirror_can_be_read() {
    let mirror = Mirror::new().await;
    let older = "ALTER TABLE rollbook_columns DROP COLUMN combo_by; DROP TABLE rollbook_unmapped;";
    mirror
        .store
        .write(move |connection| {
            connection
                .execute_batch(older)
                .map_err(StoreError::sql("go back"))
        })
        .await
        .expect("went back");
    let reader = mirror.reader();
    assert_eq!(
        table(&reader, &named("north"), &named("grades")).expect("asked"),
        Some(grades())
    );
    assert_eq!(gaps(&reader).expect("asked"), []);
}

#[tokio::test]
async fn the_last_held_or_good_run_decides_what_needs_approval() {
    let mirror = Mirror::new().await;
    let reader = mirror.reader();
    let failed = Outcome::Failed(Class::Contract);
    let rows = [
        (Outcome::Ok, None, None),
        (Outcome::Held, Some("users:01"), Some(2)),
        (failed, None, Some(2)),
        (Outcome::Interrupted, None, Some(2)),
        (failed, Some("users:02"), Some(5)),
        (Outcome::OkWithRejects, None, None),
    ];
    for (outcome, hold, expected) in rows {
        let run = mirror
            .store
            .write(|connection| {
                runs::begin(
                    connection,
                    (&named("rosters"), &named("north")),
                    Cause::Schedule,
                    None,
                    at(),
                )
            })
            .await
            .expect("begun");
        mirror.end(run, outcome, hold).await;
        let found = held(&reader, &named("rosters"))
            .expect("asked")
            .map(|run| run.run);
        assert_eq!(found, expected, "{outcome} {hold:?}");
    }
    assert!(held(&reader, &named("other")).expect("asked").is_none());
    let jobs = jobs(&reader).expect("asked");
    assert_eq!(jobs, [(named("rosters"), named("north"))]);
    let numbers = |job, most| -> Vec<i64> {
        let runs = runs(&reader, job, most).expect("asked");
        runs.iter().map(|run| run.run).collect()
    };
    assert_eq!(numbers(None, 2), [6, 5]);
    let (rosters, other) = (named("rosters"), named("other"));
    assert_eq!(numbers(Some(&rosters), 20), [6, 5, 4, 3, 2, 1]);
    assert!(numbers(Some(&other), 20).is_empty());
    assert!(run(&reader, 7).expect("asked").is_none());
}

#[tokio::test]
async fn the_last_reading_of_a_stream_is_its_newest_record() {
    let mirror = Mirror::new().await;
    let reader = mirror.reader();
    assert_eq!(
        last_read(&reader, &named("north"), &named("grades")).expect("asked"),
        None
    );
    let failed = Outcome::Failed(Class::Contract);
    for (source, outcome) in [
        ("north", Outcome::Ok),
        ("north", failed),
        ("south", Outcome::Ok),
    ] {
        let record = StreamRecord {
            reading: "full".to_owned(),
            outcome,
            ..StreamRecord::new(named("grades"))
        };
        mirror
            .store
            .write(move |connection| {
                let run = runs::begin(
                    connection,
                    (&named("rosters"), &named(source)),
                    Cause::Command,
                    None,
                    at(),
                )?;
                runs::record_stream(connection, run, &named(source), &record, &[])
            })
            .await
            .expect("recorded");
    }
    let last = last_read(&reader, &named("north"), &named("grades")).expect("asked");
    let last = last.map(|last| (last.run, last.outcome));
    assert_eq!(last, Some((2, failed)));
}

#[tokio::test]
async fn a_question_is_answered_in_texts_and_cannot_write() {
    let mirror = Mirror::new().await;
    mirror.read(&[("a", 17)]).await;
    let reader = mirror.reader();
    let answer = ask(
        &reader,
        "SELECT mark, user, 1.5 AS half, NULL AS none FROM north_grades",
    );
    let expected = Answer {
        heads: ["mark", "user", "half", "none"].map(str::to_owned).to_vec(),
        rows: vec![["a", "17", "1.5", ""].map(str::to_owned).to_vec()],
    };
    assert_eq!(answer.expect("answered"), expected);
    for wrong in ["SELECT * FROM nowhere", "DELETE FROM north_grades"] {
        assert!(ask(&reader, wrong).is_err(), "{wrong}");
    }
    assert_eq!(
        sizes(&reader, &named("north"), &named("grades")).expect("asked"),
        Some((1, 0))
    );
}

#[tokio::test]
async fn what_could_not_be_read_of_a_row_is_found_by_its_key() {
    let mirror = Mirror::new().await;
    let write = |connection: &mut Connection| {
        let mut rows: Vec<(i64, &str, i64)> = vec![(17, "mark", 0), (17, "at", 1), (18, "mark", 1)];
        for (user, column, rejected) in rows.drain(..) {
            let mut key = Vec::new();
            Cell::Integer(user).write(&mut key);
            Cell::Text(AT).write(&mut key);
            connection
                .execute(
                    "INSERT INTO rollbook_row_problems VALUES ('north', 'grades', ?1, ?2, 'odd', ?3, 12)",
                    rusqlite::params![key, column, rejected],
                )
                .expect("written");
        }
        Ok(())
    };
    mirror.store.write(write).await.expect("written");
    let reader = mirror.reader();
    let found = |user: &str| -> Vec<(String, bool)> {
        let found = row_problems(&reader, &mirror.table, &key(user, AT)).expect("asked");
        assert!(
            found
                .iter()
                .all(|one| (&*one.reason, one.run) == ("odd", 12))
        );
        let found = found.into_iter().map(|one| (one.column, one.rejected));
        found.collect()
    };
    assert_eq!(
        found("17"),
        [("at".to_owned(), true), ("mark".to_owned(), false)]
    );
    assert_eq!(found("18"), [("mark".to_owned(), true)]);
    for user in ["19", "no number"] {
        assert_eq!(found(user), [], "{user}");
    }
}

#[tokio::test]
async fn a_run_is_running_while_its_process_lives() {
    let mirror = Mirror::new().await;
    let path = mirror.store.path().to_owned();
    mirror
        .store
        .write(|connection| {
            let (job, source) = (named("rosters"), named("north"));
            runs::begin(connection, (&job, &source), Cause::Schedule, None, at())
        })
        .await
        .expect("begun");
    let states = || {
        let reader = crate::store::database::reader(&path).expect("a reader");
        let list = super::runs(&reader, None, 9).expect("a list");
        let one = run(&reader, 1).expect("a run").expect("there");
        [list[0].state(), one.state()]
    };
    assert_eq!(states(), ["running"; 2]);
    let Mirror { _folder, store, .. } = mirror;
    drop(store);
    assert_eq!(states(), ["no end recorded"; 2]);
    let store = Store::open(&path).expect("opened");
    assert_eq!(
        states(),
        ["running"; 2],
        "until the next program has closed it"
    );
    let close = |connection: &mut Connection| runs::close_left_open(connection, at());
    store.write(close).await.expect("closed");
    assert_eq!(states(), ["interrupted"; 2]);
}

#[tokio::test]
async fn changes_are_rows_of_the_mirror_in_the_order_of_runs() {
    let mirror = Mirror::new().await;
    mirror.read(&[("1", 7), ("2", 8)]).await;
    mirror.read(&[("3", 7), ("2", 8), ("4", 9)]).await;
    mirror.read(&[("3", 7), ("4", 9)]).await; // missed once
    mirror.read(&[("5", 7), ("4", 9)]).await;
    mirror.read(&[("5", 7), ("4", 9), ("6", 8)]).await;
    let reader = mirror.reader();
    let all = ChangeRange {
        table: grades(),
        after_run: 0,
        through_run: complete_runs(&reader).expect("read").through,
        since: String::new(),
        until: String::new(),
    };
    let lines = |range: &ChangeRange| {
        let mut lines = Vec::new();
        let end = changes(&reader, std::slice::from_ref(range), |change| {
            let text = |row: Cells<'_>, column| row.at(column).plain().unwrap_or_default();
            let before = change.before().map(|row| text(row, 0) + ">");
            lines.push(format!(
                "{} {} {} {}{}",
                change.run,
                change.kind.as_str(),
                text(change.row(), 1),
                before.unwrap_or_default(),
                text(change.row(), 0)
            ));
            std::ops::ControlFlow::<()>::Continue(())
        });
        assert!(end.expect("read").is_continue());
        lines
    };
    let story = [
        "1 added 7 1",
        "1 added 8 2",
        "2 changed 7 1>3",
        "2 added 9 4",
        "4 changed 7 3>5",
        "4 removed 8 2",
        "5 added 8 6",
    ];
    assert_eq!(lines(&all), story);
    for (range, expected) in [
        (
            ChangeRange {
                after_run: 2,
                ..all.clone()
            },
            &story[4..],
        ),
        (
            ChangeRange {
                through_run: 1,
                ..all.clone()
            },
            &story[..2],
        ),
        (
            ChangeRange {
                since: "2026-02-02T00:00:00.000Z".to_owned(),
                ..all.clone()
            },
            &story[2..],
        ),
        (
            ChangeRange {
                until: "2026-02-04T00:00:00.000Z".to_owned(),
                ..all.clone()
            },
            &story[..4],
        ),
        (
            ChangeRange {
                after_run: 5,
                ..all.clone()
            },
            &[],
        ),
    ] {
        assert_eq!(lines(&range), expected, "{range:?}");
    }
    // Without old versions no one knows whether a row is new.
    let plain = Table {
        history: false,
        ..grades()
    };
    let last = lines(&ChangeRange {
        table: plain,
        after_run: 4,
        ..all
    });
    assert_eq!(last, ["5 stored 8 6"]);
}

/// A run that reads in steps may change a row more than once: each change is told with what was before it, once.
#[tokio::test]
async fn a_row_that_one_run_changed_twice_has_two_changes() {
    let mirror = Mirror::new().await;
    mirror.read(&[("1", 7)]).await;
    mirror.read(&[("2", 7)]).await;
    // As if the second run had applied mark 1.5 in the same millisecond.
    mirror
        .store
        .write(|connection| {
            connection
                .execute_batch(
                    "INSERT INTO north_grades_history (mark, user, at, _since, _run, _until, _ended, _ended_run) \
                     SELECT '1.5', user, at, _until, 2, _until, 'changed', 2 FROM north_grades_history",
                )
                .map_err(StoreError::sql("step"))
        })
        .await
        .expect("written");
    let reader = mirror.reader();
    let range = ChangeRange {
        table: grades(),
        after_run: 1,
        through_run: 2,
        since: String::new(),
        until: String::new(),
    };
    let mut steps = Vec::new();
    let end = changes(&reader, &[range], |change| {
        let mark = |row: Cells<'_>| row.at(0).plain();
        steps.push((change.before().and_then(mark), mark(change.row())));
        std::ops::ControlFlow::<()>::Continue(())
    });
    assert!(end.expect("read").is_continue());
    let step = |before: &str, after: &str| (Some(before.to_owned()), Some(after.to_owned()));
    steps.sort();
    assert_eq!(steps, [step("1", "1.5"), step("1.5", "2")]);
}

/// A later run may end before an earlier one: what comes after its number would be missed.
#[tokio::test]
async fn changes_are_complete_before_the_first_open_run() {
    let mirror = Mirror::new().await;
    let complete = || complete_runs(&mirror.reader()).expect("read");
    let through = |through, open| CompleteRuns { through, open };
    assert_eq!(complete(), through(0, None));
    mirror.read(&[("1", 7)]).await;
    assert_eq!(complete(), through(1, None));
    let begin = |connection: &mut rusqlite::Connection| {
        runs::begin(
            connection,
            (&named("rosters"), &named("north")),
            Cause::Command,
            None,
            at(),
        )
    };
    let open = mirror.store.write(begin).await.expect("begun");
    mirror.read(&[("2", 7)]).await;
    assert_eq!((open, complete()), (2, through(1, Some(2))));
    mirror.end(open, Outcome::Ok, None).await;
    assert_eq!(complete(), through(3, None));
}

/// The commands know a stream's table from the mirror alone.
#[tokio::test]
async fn a_table_says_whether_old_versions_are_kept() {
    let mirror = Mirror::new().await;
    let plain = Table {
        history: false,
        ..Table::plain("visits", &[("id", Kind::Integer)])
    };
    let fitted = vec![plain.clone()];
    let act = move |connection: &mut Connection| fit(connection, &fitted, &Lookups::default());
    mirror.store.write(act).await.expect("fitted");
    for expected in [grades(), plain] {
        let found = table(&mirror.reader(), &expected.source, &expected.stream);
        let found = found.expect("read").expect("a table");
        assert_eq!(found.history, expected.history, "{}", expected.name());
    }
}
