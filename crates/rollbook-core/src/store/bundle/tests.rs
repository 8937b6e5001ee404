//! Bundles over a small mirror: what is left out, and what differs from the last one.

use std::path::PathBuf;

use super::kept::{KeptContent, KeptRow, ServedUpdate, kept_rows};
use super::served::served_rows;
use super::served_reader::{ServedNews, ServedReader};
use super::state::{BundleState, save};
use super::*;
use crate::model::bundle::{BundleParameter, BundleReference};
use crate::model::row::Kind;
use crate::model::{BundleName, Table, named};
use crate::store::Store;
use crate::store::lookups::Lookups;
use crate::store::tables::fit;

struct Mirror {
    _folder: tempfile::TempDir,
    path: PathBuf,
    store: Store,
}

async fn mirror(rows: &str) -> Mirror {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mirror.db");
    let store = Store::open(&path).expect("a mirror");
    let columns = [
        ("id", Kind::Text),
        ("name", Kind::Text),
        ("boss", Kind::Text),
    ];
    let people = Table::plain("people", &columns);
    let members = Table {
        key: vec![0, 1],
        ..Table::plain("members", &[("team", Kind::Text), ("person", Kind::Text)])
    };
    let fill = rows.to_owned();
    store
        .write(move |connection| {
            fit(connection, &[people, members], &Lookups::default())?;
            connection
                .execute_batch(&fill)
                .map_err(StoreError::sql("fill"))
        })
        .await
        .expect("filled");
    Mirror {
        _folder: folder,
        path,
        store,
    }
}

fn people(rows: &[(&str, &str, &str)]) -> String {
    let rows = rows.iter().map(|(id, name, boss)| {
        format!(
            "INSERT INTO north_people (id, name, boss, _since, _run, _fingerprint) \
             VALUES ('{id}', nullif('{name}', ''), nullif('{boss}', ''), '', 1, 0);"
        )
    });
    rows.collect()
}

fn members(rows: &[(&str, &str)]) -> String {
    let rows = rows.iter().map(|(team, person)| {
        format!(
            "INSERT INTO north_members (team, person, _since, _run, _fingerprint) VALUES ('{team}', '{person}', '', 1, 0);"
        )
    });
    rows.collect()
}

fn question(file: &str, key: &[&str], sql: &str) -> BundleQuestion {
    BundleQuestion {
        file: file.to_owned(),
        key: key.iter().map(|&name| name.to_owned()).collect(),
        sql: sql.to_owned(),
        rules: Vec::new(),
        references: Vec::new(),
        unquoted: None,
    }
}

fn refers(column: &str, file: &str, separator: Option<&str>, keeps_row: bool) -> BundleReference {
    BundleReference {
        column: column.to_owned(),
        file: file.to_owned(),
        target: "id".to_owned(),
        separator: separator.map(str::to_owned),
        keeps_row,
    }
}

fn lines(rows: &BundleRows<'_>, file: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let end = rows.rows(file, |cells| {
        let cells = cells
            .iter()
            .map(|cell| cell.plain().unwrap_or("-".to_owned()));
        lines.push(cells.collect::<Vec<_>>().join(" "));
        ControlFlow::<()>::Continue(())
    });
    end.expect("read");
    lines
}

fn left_out<'a>(rows: &'a BundleRows<'_>, file: usize) -> Vec<(&'a str, u64)> {
    let counts = &rows.counts(file).left_out;
    counts
        .iter()
        .map(|(reason, count)| (reason.as_str(), *count))
        .collect()
}

#[tokio::test]
async fn who_refers_to_a_row_that_is_left_out_is_left_out_too() {
    let mirror = mirror(
        &(people(&[
            ("1", "Ann", ""),
            ("2", "", ""),
            ("3", "Ben", "2"),
            ("4", "Cem", "1"),
            ("5", "Dan", "3"),
        ]) + &members(&[("a", "1"), ("a", "2"), ("b", "5"), ("c", "4"), ("c", "9")])),
    )
    .await;
    let people = BundleQuestion {
        rules: vec![("no name".to_owned(), "name <> ''".to_owned())],
        references: vec![refers("boss", "people.csv", None, false)],
        ..question(
            "people.csv",
            &["id"],
            "SELECT id, name, coalesce(boss, id) AS boss FROM north_people ORDER BY id;",
        )
    };
    let teams = BundleQuestion {
        references: vec![refers("persons", "people.csv", Some(","), false)],
        ..question(
            "teams.csv",
            &["team"],
            "SELECT team, group_concat(person, ',' ORDER BY person) AS persons FROM north_members GROUP BY team",
        )
    };
    let optional = BundleQuestion {
        references: vec![refers("person", "people.csv", None, true)],
        ..question(
            "optional.csv",
            &["team", "was"],
            "SELECT team, person, person AS was FROM north_members",
        )
    };
    let facts = question(
        "facts.csv",
        &[],
        "SELECT name, rows, written FROM bundle_files ORDER BY name",
    );
    let questions = [facts, people, teams, optional];
    let moment = Moment::now(&mirror.path).expect("now");
    let rows = moment.bundle(("own", None), &questions, &BTreeMap::new());
    let rows = rows.expect("asked");
    assert_eq!(lines(&rows, 1), ["1 Ann 1", "4 Cem 1"]);
    assert_eq!(
        left_out(&rows, 1),
        [("no name", 1), ("boss is not in people.csv", 2)]
    );
    assert_eq!(lines(&rows, 2), ["a 1", "c 4"]);
    assert_eq!(left_out(&rows, 2), [("persons is not in people.csv", 1)]);
    assert_eq!(
        lines(&rows, 3),
        ["a 1 1", "a - 2", "b - 5", "c 4 4", "c - 9"]
    );
    assert_eq!(
        lines(&rows, 0),
        ["optional.csv 5 5", "people.csv 2 2", "teams.csv 2 2"]
    );
}

#[tokio::test]
async fn a_key_that_comes_twice_and_a_value_without_a_form_are_left_out() {
    let mirror = mirror(&people(&[
        ("1", "Ann", ""),
        ("2", "Ann", ""),
        ("3", "a,b", ""),
        ("4", "Cem", ""),
    ]))
    .await;
    let people = BundleQuestion {
        unquoted: Some(",".to_owned()),
        ..question(
            "people.csv",
            &["name"],
            "SELECT id, name FROM north_people ORDER BY id",
        )
    };
    let moment = Moment::now(&mirror.path).expect("now");
    let rows = moment
        .bundle(("own", None), &[people], &BTreeMap::new())
        .expect("asked");
    assert_eq!(lines(&rows, 0), ["1 Ann", "4 Cem"]);
    let value = "a delimiter, quotation mark or line end in a value";
    assert_eq!(
        left_out(&rows, 0),
        [(value, 1), ("the key of another row", 1)]
    );
}

#[tokio::test]
async fn mistakes_are_located_in_the_text() {
    let mirror = mirror("").await;
    let rule = |rule: &str| BundleQuestion {
        rules: vec![("wrong".to_owned(), rule.to_owned())],
        ..question(
            "people.csv",
            &["id"],
            "SELECT id FROM north_people WHERE id = :who",
        )
    };
    let known = BTreeMap::from([("who".to_owned(), BundleParameter::Text("1".to_owned()))]);
    let none = BTreeMap::new();
    for (question, parameters, message, offset) in [
        (
            question("a.csv", &["id"], "SELECT id FROM\n  north_peopl"),
            &none,
            "no such table: north_peopl",
            Some(17),
        ),
        (
            question("a.csv", &["id"], "SELECT id, nam FROM north_people"),
            &none,
            "no such column: nam",
            Some(11),
        ),
        (
            question("a.csv", &["id"], "SELECT id FROM north_people; DELETE"),
            &none,
            "near \";\": syntax error",
            Some(27),
        ),
        (
            question("a.csv", &["key"], "SELECT id FROM north_people"),
            &none,
            "the question of a.csv has no column `key`",
            None,
        ),
        (
            rule("id > 0"),
            &none,
            "there is no parameter `:who`",
            Some(39),
        ),
        (
            rule("id > nowhere"),
            &known,
            "no such column: nowhere",
            Some(5),
        ),
        (
            question("a.csv", &["id"], "DELETE FROM north_people"),
            &none,
            "near \"DELETE\": syntax error",
            Some(0),
        ),
    ] {
        let moment = Moment::now(&mirror.path).expect("now");
        let error = moment
            .check_bundle(&[question], parameters)
            .expect_err(message);
        assert_eq!(error.to_string(), message);
        let found = match error {
            BundleError::Sql { offset, .. } => offset,
            _ => None,
        };
        assert_eq!(found, offset, "{message}");
    }
}

#[tokio::test]
async fn a_bundle_differs_from_the_last_one_by_its_rows() {
    let mirror = mirror(&people(&[
        ("1", "Ann", ""),
        ("2", "Ben", ""),
        ("3", "Cem", ""),
    ]))
    .await;
    let name: BundleName = named("own");
    let questions = [question(
        "people.csv",
        &["id"],
        "SELECT id, name FROM north_people ORDER BY id",
    )];
    let difference_of = |delta: DeltaRows| {
        let moment = Moment::now(&mirror.path).expect("now");
        let rows = moment
            .bundle(("own", Some(delta)), &questions, &BTreeMap::new())
            .expect("asked");
        let mut lines = Vec::new();
        let end = rows.changes(0, |change| {
            lines.push(match change {
                BundleChange::Removed(values) => {
                    format!("- {}", values["name"].as_deref().unwrap_or("-"))
                }
                BundleChange::Present(cells, None) => {
                    format!("+ {}", cells[1].plain().unwrap_or_default())
                }
                BundleChange::Present(cells, Some(before)) => format!(
                    "{} -> {}",
                    before["name"].as_deref().unwrap_or("-"),
                    cells[1].plain().unwrap_or_default()
                ),
            });
            ControlFlow::<()>::Continue(())
        });
        end.expect("read");
        let counts = rows.counts(0).clone();
        (
            lines,
            [counts.before, counts.added, counts.changed, counts.removed],
            kept_rows(&rows, KeptContent::Values, false).expect("kept"),
        )
    };
    let difference = || difference_of(DeltaRows::Changed);
    let (lines, counts, kept) = difference();
    assert_eq!(lines, ["+ Ann", "+ Ben", "+ Cem"]);
    assert_eq!(counts, [0, 3, 0, 0]);
    let record = |kept: Vec<KeptRow>| {
        let name = name.clone();
        let act = move |connection: &mut Connection| {
            save(
                connection,
                &name,
                &BundleState::default(),
                &kept,
                KeptContent::Values,
            )
        };
        mirror.store.write(act)
    };
    record(kept).await.expect("recorded");
    let (lines, counts, _) = difference();
    assert_eq!((lines.len(), counts), (0, [3, 0, 0, 0]));
    let change = "DELETE FROM north_people WHERE id = '1'; UPDATE north_people SET name = 'Bob' WHERE id = '2'; "
        .to_owned()
        + &people(&[("4", "Dan", "")]);
    let act = move |connection: &mut Connection| {
        connection
            .execute_batch(&change)
            .map_err(StoreError::sql("change"))
    };
    mirror.store.write(act).await.expect("changed");
    let (lines, counts, kept) = difference();
    assert_eq!(lines, ["- Ann", "Ben -> Bob", "+ Dan"]);
    let (lines, again, _) = difference_of(DeltaRows::All);
    assert_eq!(lines, ["- Ann", "Ben -> Bob", "+ Cem", "+ Dan"]);
    assert_eq!(again, counts);
    assert_eq!(counts, [3, 1, 1, 1]);
    record(kept).await.expect("recorded");
    assert_eq!(difference().1, [3, 0, 0, 0]);
}

#[tokio::test]
async fn rows_that_are_served_say_when_they_changed_and_stay_for_a_while() {
    let mirror = mirror(&people(&[
        ("1", "Ann", ""),
        ("2", "Ben", ""),
        ("3", "Cem", ""),
    ]))
    .await;
    let name: BundleName = named("own");
    let sql = "SELECT id, name FROM north_people ORDER BY id";
    let questions = [question("people", &["id"], sql)];
    let day = |day: i8| jiff::civil::date(2026, 3, day).at(7, 0, 0, 0);
    let day = |number: i8| {
        let zoned = day(number).to_zoned(jiff::tz::TimeZone::UTC);
        zoned.expect("a time").timestamp()
    };
    let serve = async |today: i8, forget_before: i8, is_erased: bool| {
        let content = KeptContent::Served(ServedUpdate {
            at: day(today),
            removed_since: day(forget_before),
            is_erased,
        });
        let kept = {
            let moment = Moment::now(&mirror.path).expect("now");
            let rows = moment.bundle(("own", None), &questions, &BTreeMap::new());
            kept_rows(&rows.expect("asked"), content, false).expect("kept")
        };
        let saved = name.clone();
        let save = move |connection: &mut Connection| {
            save(connection, &saved, &BundleState::default(), &kept, content)
        };
        mirror.store.write(save).await.expect("recorded");
        let reader = mirror.store.reader().expect("a reader");
        let mut lines = Vec::new();
        let read = served_rows(&reader, &name, |row| {
            let removed = if row.is_removed { " removed" } else { "" };
            let (id, values) = (row.id, row.row.unwrap_or("-"));
            lines.push(format!("{}{removed} {id} {values}", &row.changed[8..10]));
            ControlFlow::<()>::Continue(())
        });
        read.expect("read");
        lines.sort_by_key(|line| line[line.find('{').unwrap_or(0)..].to_owned());
        lines
    };
    let change = async |sql: &'static str| {
        let act = move |connection: &mut Connection| {
            connection
                .execute_batch(sql)
                .map_err(StoreError::sql("change"))
        };
        mirror.store.write(act).await.expect("changed");
    };
    let (ann, ben, cem) = (
        r#"{"id":"1"} {"name":"Ann"}"#,
        r#"{"id":"2"} {"name":"Ben"}"#,
        r#"{"id":"3"} {"name":"Cem"}"#,
    );
    let line = |start: &str, row: &str| format!("{start} {row}");
    assert_eq!(
        serve(1, 1, false).await,
        [line("01", ann), line("01", ben), line("01", cem)]
    );
    change("DELETE FROM north_people WHERE id = '1'; UPDATE north_people SET name = 'Bob' WHERE id = '2'").await;
    let bob = r#"{"id":"2"} {"name":"Bob"}"#;
    let after = [line("02 removed", ann), line("02", bob), line("01", cem)];
    assert_eq!(serve(2, 1, false).await, after);
    assert_eq!(serve(3, 2, false).await, after, "nothing has changed since");
    // What an erasure removes is not kept, nor are values of those that left before.
    mirror
        .store
        .write(|connection: &mut Connection| state::expire(connection))
        .await
        .expect("expired");
    change("DELETE FROM north_people WHERE id = '3'").await;
    let cut = [
        line("02 removed", r#"{"id":"1"} -"#),
        line("02", bob),
        line("04 removed", r#"{"id":"3"} -"#),
    ];
    assert_eq!(serve(4, 2, true).await, cut);
    change("UPDATE north_people SET id = '3' WHERE id = '2'").await;
    let back = [
        line("05 removed", bob),
        line("05", r#"{"id":"3"} {"name":"Bob"}"#),
    ];
    assert_eq!(
        serve(5, 3, false).await,
        back,
        "one is back, one is forgotten"
    );
}

#[tokio::test]
async fn rows_are_read_when_they_were_written_and_no_rows_are_no_roster() {
    let mirror = mirror(&people(&[("1", "Ann", "")])).await;
    let name: BundleName = named("own");
    let questions = [question(
        "people",
        &["id"],
        "SELECT id, name FROM north_people",
    )];
    let mut reader = ServedReader::new(mirror.path.clone(), name.clone());
    let mut read = || {
        let mut rows = 0;
        let news = reader.rows_if_new(|_| {
            rows += 1;
            ControlFlow::<()>::Continue(())
        });
        (news.expect("readable"), rows)
    };
    assert_eq!(read(), (ServedNews::NotWritten, 0));
    assert_eq!(read(), (ServedNews::Same, 0));
    let write = async |second: i64, content: fn(jiff::Timestamp) -> KeptContent| {
        let at = jiff::Timestamp::from_second(second).expect("a time");
        let kept = {
            let moment = Moment::now(&mirror.path).expect("now");
            let rows = moment.bundle(("own", None), &questions, &BTreeMap::new());
            kept_rows(&rows.expect("asked"), content(at), true).expect("kept")
        };
        let state = BundleState {
            made: Some(at),
            ..BundleState::default()
        };
        let saved = name.clone();
        let save =
            move |connection: &mut Connection| save(connection, &saved, &state, &kept, content(at));
        mirror.store.write(save).await.expect("recorded");
    };
    let served = |at| {
        KeptContent::Served(ServedUpdate {
            at,
            removed_since: at,
            is_erased: false,
        })
    };
    write(1, served).await;
    assert_eq!(read(), (ServedNews::Read, 1));
    assert_eq!(read(), (ServedNews::Same, 0));
    write(2, served).await;
    assert_eq!(read(), (ServedNews::Read, 1));
    // The admin made it a bundle of files: that is no empty school.
    write(3, |_| KeptContent::Fingerprints).await;
    assert_eq!(read(), (ServedNews::NotWritten, 0));
}
