//! Bundles over a small mirror: what is left out, and what differs from the last one.

use std::path::PathBuf;

use super::state::{BundleState, kept_rows, save};
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
            kept_rows(&rows, true, false).expect("kept"),
        )
    };
    let difference = || difference_of(DeltaRows::Changed);
    let (lines, counts, kept) = difference();
    assert_eq!(lines, ["+ Ann", "+ Ben", "+ Cem"]);
    assert_eq!(counts, [0, 3, 0, 0]);
    let record = |kept: Vec<state::KeptRow>| {
        let name = name.clone();
        let act = move |connection: &mut Connection| {
            save(connection, &name, &BundleState::default(), &kept)
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
