//! What is found of a person, with all versions; and nothing of others but their references.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::*;
use crate::model::row::Kind;
use crate::model::{By, PersonRows, Reference, Table, named};
use crate::store::Store;
use crate::store::lookups::{ComboTable, Lookups};
use crate::store::people_fixture::{about, table};
use crate::store::tables::fit;

fn learners() -> Table {
    let columns = [
        ("id", Kind::Integer, ""),
        ("name", Kind::Text, ""),
        ("status", Kind::Integer, ""),
        ("friends", Kind::Json, "learners.id"),
        ("active", Kind::Boolean, ""),
    ];
    let mut table = table("learners", &columns, PersonRows::Each);
    table.columns[2].combo = Some(Reference {
        list: "Status".to_owned(),
        by: By::Id,
    });
    table
}

/// The same people in another table, with a key of two columns.
fn users() -> Table {
    let columns = [
        ("school", Kind::Integer, ""),
        ("login", Kind::Text, ""),
        ("mail", Kind::Text, ""),
    ];
    Table {
        key: vec![0, 1],
        ..table("users", &columns, PersonRows::Each)
    }
}

fn enrolments() -> Table {
    let columns = [
        ("id", Kind::Integer, ""),
        ("learner_id", Kind::Integer, "learners.id"),
    ];
    table(
        "enrolments",
        &columns,
        about("learner_id", "learners.id", &[]),
    )
}

fn combos() -> Table {
    let columns = [
        ("id", Kind::Integer, ""),
        ("list", Kind::Text, ""),
        ("code", Kind::Text, ""),
        ("label", Kind::Text, ""),
    ];
    table("combos", &columns, PersonRows::None)
}

const ROWS: &str = r#"
INSERT INTO north_learners VALUES
  (7, 'Kim Quill', 2, '[8]', 1, '2026-03-02', 3, 0),
  (8, 'Zoe Other', 1, '[7]', 0, '2026-03-01', 1, 0);
INSERT INTO north_learners_history VALUES
  (7, 'Kim Q', 1, NULL, 1, '2026-03-01', 1, '2026-03-02', 'changed', 3),
  (7, 'Kim', 9, NULL, 1, '2026-02-01', 1, '2026-02-02', 'removed', 2),
  (9, 'Gone', 1, '[7]', 0, '2026-03-01', 1, '2026-03-02', 'removed', 3);
INSERT INTO north_users VALUES (1, 'kim', 'kim@school.example', '2026-03-01', 1, 0), (2, 'kim', NULL, '2026-03-01', 1, 0);
INSERT INTO north_enrolments VALUES (70, 7, '2026-03-01', 1, 0), (80, 8, '2026-03-01', 1, 0);
INSERT INTO north_combos VALUES (1, 'Status', 'A', 'Active', '2026-03-01', 1, 0), (2, 'Status', 'L', 'Left', '2026-03-01', 1, 0);
INSERT INTO rollbook_match_sets VALUES ('pupils', 'north_learners', 'north_users', 1, 0, 0, 1);
INSERT INTO rollbook_matches VALUES ('pupils', '7', '[1,"kim"]', 'mail', '2026-03-01', 1);
INSERT INTO rollbook_unconfirmed (source, stream, key, missed, first_run)
  VALUES ('north', 'users', x'KEY', 1, 4);
"#;

/// A mirror with these rows, and where its combo lists are.
async fn mirror() -> (tempfile::TempDir, Connection, [ComboTable; 1]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mirror.db");
    let store = Store::open(&path).expect("a mirror");
    let tables = [learners(), users(), enrolments(), combos()];
    let act = move |connection: &mut Connection| {
        fit(connection, &tables, &Lookups::default())?;
        Ok(())
    };
    store.write(act).await.expect("written");
    drop(store);
    let mut key = Vec::new();
    crate::model::row::Cell::Integer(1).write(&mut key);
    crate::model::row::Cell::Text("kim").write(&mut key);
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let writer = Connection::open(&path).expect("opened");
    writer
        .execute_batch(&ROWS.replace("KEY", &key))
        .expect("filled");
    drop(writer);
    let combos = ComboTable {
        source: named("north"),
        stream: named("combos"),
        list: "list".to_owned(),
        id: "id".to_owned(),
        code: "code".to_owned(),
        label: "label".to_owned(),
        active: None,
    };
    let reader = crate::store::database::reader(&path).expect("a mirror");
    (folder, reader, [combos])
}

fn person(table: &str, key: &[&str]) -> PersonKey {
    PersonKey {
        table: table.to_owned(),
        key: key.iter().map(|value| (*value).to_owned()).collect(),
    }
}

#[tokio::test]
async fn a_report_has_all_versions_and_rows_of_a_person_and_nothing_of_others() {
    let (_folder, mirror, combos) = mirror().await;
    let found = report(&mirror, &[person("north_learners", &["7"])], &combos).expect("a report");
    let rows = |name: &str| {
        let mut tables = found.tables.iter();
        tables
            .find(|one| one.table.name() == name)
            .expect("a table")
    };
    let learner = &rows("north_learners").rows;
    assert_eq!(learner.len(), 1);
    let versions: Vec<(&str, Option<&str>, Option<&str>, Value)> = (learner[0].versions.iter())
        .map(|one| {
            (
                one.since.as_str(),
                one.until.as_deref(),
                one.ended.as_deref(),
                json!(one.values),
            )
        })
        .collect();
    assert_eq!(
        versions,
        [
            (
                "2026-03-02",
                None,
                None,
                json!([7, "Kim Quill", 2, [8], true])
            ),
            (
                "2026-03-01",
                Some("2026-03-02"),
                Some("changed"),
                json!([7, "Kim Q", 1, null, true])
            ),
            (
                "2026-02-01",
                Some("2026-02-02"),
                Some("removed"),
                json!([7, "Kim", 9, null, true])
            ),
        ]
    );
    let labels: Vec<Option<&str>> = (learner[0].versions.iter())
        .map(|one| one.labels.get(&2).map(String::as_str))
        .collect();
    assert_eq!(
        labels,
        [Some("Left"), Some("Active"), None],
        "9 is in no list"
    );
    let reference = |key: &str, ended| RowReference {
        key: vec![key.to_owned()],
        columns: vec!["friends".to_owned()],
        ended,
    };
    assert_eq!(
        rows("north_learners").references,
        [reference("8", false), reference("9", true)]
    );
    let enrolments = &rows("north_enrolments").rows;
    assert_eq!(
        enrolments
            .iter()
            .map(|row| row.key.concat())
            .collect::<Vec<_>>(),
        ["70"]
    );
    let user = &rows("north_users").rows;
    assert_eq!(user.len(), 1, "the other kim is someone else");
    assert_eq!(user[0].missed_since_run, Some(4));
    assert_eq!(learner[0].missed_since_run, None);
}

#[tokio::test]
async fn a_match_leads_to_the_other_side_from_both_sides() {
    let (_folder, mirror, combos) = mirror().await;
    let sides = [
        person("north_learners", &["7"]),
        person("north_users", &["1", "kim"]),
    ];
    for start in &sides {
        let found = report(&mirror, std::slice::from_ref(start), &combos).expect("a report");
        let mut people = found.people.clone();
        people.sort_by(|one, other| one.table.cmp(&other.table));
        assert_eq!(people, sides, "{start:?}");
        assert_eq!(
            found.people.first(),
            Some(start),
            "the one who was asked for is first"
        );
        assert_eq!(found.matches.len(), 1, "{start:?}");
        assert_eq!(found.matches[0].sides, sides);
        let first = found.tables.first().map(|one| one.table.name());
        assert_eq!(first.as_deref(), Some(start.table.as_str()));
    }
    let other = person("north_users", &["2", "kim"]);
    let found = report(&mirror, std::slice::from_ref(&other), &combos).expect("a report");
    assert_eq!((found.people, found.matches), (vec![other], vec![]));
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_refused() {
    let (_folder, mirror, combos) = mirror().await;
    for (key, expected) in [
        (
            person("north_pupils", &["7"]),
            "the mirror has no table north_pupils",
        ),
        (
            person("north_users", &["kim"]),
            "the key of north_users is (school,login): enter each of its values",
        ),
    ] {
        let error = report(&mirror, &[key], &combos)
            .expect_err("refused")
            .to_string();
        assert!(error.ends_with(expected), "{error}");
    }
    let unknown = report(&mirror, &[person("north_learners", &["77"])], &combos).expect("empty");
    assert!(unknown.tables.is_empty());
}
