//! Streams of a small mirror, as they are and as they were.

use std::path::PathBuf;

use super::*;
use crate::model::row::Kind;
use crate::model::{By, Reference, TableColumn, named};
use crate::store::Store;
use crate::store::lookups::{Crosswalk, Lookups, MappedColumn, References};
use crate::store::tables::fit;

const MONDAY: &str = "2026-03-02T08:00:00.000Z";
const TUESDAY: &str = "2026-03-03T08:00:00.000Z";

struct Mirror {
    _folder: tempfile::TempDir,
    path: PathBuf,
    people: Table,
    lookups: Lookups,
}

fn combos() -> ComboTable {
    ComboTable {
        source: named("north"),
        stream: named("lists"),
        list: "list".to_owned(),
        id: "id".to_owned(),
        code: "code".to_owned(),
        label: "label".to_owned(),
        active: None,
    }
}

fn lookups() -> Lookups {
    let reference = Reference {
        list: "genders".to_owned(),
        by: By::Id,
    };
    let column = |column: &str| MappedColumn {
        source: named("north"),
        stream: named("people"),
        column: column.to_owned(),
    };
    Lookups {
        combos: vec![combos()],
        references: vec![References {
            source: named("north"),
            stream: named("people"),
            columns: vec![("gender".to_owned(), reference)],
        }],
        crosswalks: vec![Crosswalk {
            name: named("letters"),
            columns: vec![column("role")],
            source: named("north"),
            list: "genders".to_owned(),
            by: By::Code,
            lines: vec![(Some("pupil".to_owned()), "F".to_owned())],
        }],
        has_codes: true,
    }
}

/// On Monday there were Ann and Ben, and code F meant Woman; on Tuesday Ben left, Ann became a teacher, and F means Female.
async fn mirror() -> Mirror {
    let people = Table {
        columns: vec![
            TableColumn::plain("id", Kind::Integer),
            TableColumn::plain("name", Kind::Text),
            TableColumn::plain("role", Kind::Text),
            TableColumn {
                combo: lookups().references[0]
                    .columns
                    .first()
                    .map(|(_, one)| one.clone()),
                ..TableColumn::plain("gender", Kind::Integer)
            },
        ],
        ..Table::plain("people", &[])
    };
    let lists = Table {
        key: vec![0, 1],
        ..Table::plain(
            "lists",
            &[
                ("list", Kind::Text),
                ("id", Kind::Integer),
                ("code", Kind::Text),
                ("label", Kind::Text),
            ],
        )
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mirror.db");
    let store = Store::open(&path).expect("a mirror");
    let tables = vec![people.clone(), lists];
    let rows = format!(
        "INSERT INTO north_lists (list, id, code, label, _since, _run, _fingerprint) \
           VALUES ('genders', 1, 'F', 'Female', '{TUESDAY}', 2, 0); \
         INSERT INTO north_lists_history (list, id, code, label, _since, _run, _until, _ended, _ended_run) \
           VALUES ('genders', 1, 'F', 'Woman', '{MONDAY}', 1, '{TUESDAY}', 'changed', 2); \
         INSERT INTO north_people (id, name, role, gender, _since, _run, _fingerprint) \
           VALUES (1, 'Ann', 'teacher', 1, '{TUESDAY}', 2, 0); \
         INSERT INTO north_people_history (id, name, role, gender, _since, _run, _until, _ended, _ended_run) \
           VALUES (1, 'Ann', 'pupil', 1, '{MONDAY}', 1, '{TUESDAY}', 'changed', 2), \
                  (2, 'Ben', 'pupil', 9, '{MONDAY}', 1, '{TUESDAY}', 'removed', 2)"
    );
    store
        .write(move |connection| {
            fit(connection, &tables, &lookups())?;
            let what = StoreError::sql("fill the mirror");
            connection.execute_batch(&rows).map_err(what)?;
            fit(connection, &tables, &lookups()).map(drop)
        })
        .await
        .expect("written");
    Mirror {
        _folder: folder,
        path,
        people,
        lookups: lookups(),
    }
}

fn form(is_labelled: bool, is_mapped: bool) -> QueryForm {
    QueryForm {
        is_labelled,
        is_mapped,
    }
}

fn lines(moment: &Moment, table: &Table, form: QueryForm) -> Vec<String> {
    let query = moment.query(table, form).expect("its columns");
    let names: Vec<&str> = query
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let mut lines = vec![names.join(" ")];
    let end = moment.rows(&query, |cells| {
        let cells = cells
            .iter()
            .map(|cell| cell.plain().unwrap_or("-".to_owned()));
        lines.push(cells.collect::<Vec<_>>().join(" "));
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(end.expect("read"), None);
    lines
}

#[tokio::test]
async fn a_stream_is_read_plain_labelled_mapped_or_both() {
    let mirror = mirror().await;
    let moment = Moment::now(&mirror.path).expect("now");
    for (form, expected) in [
        (
            form(false, false),
            ["id name role gender", "1 Ann teacher 1"],
        ),
        (
            form(true, false),
            [
                "id name role gender gender_code gender_label",
                "1 Ann teacher 1 F Female",
            ],
        ),
        (
            form(false, true),
            [
                "id name role role_letters_code role_letters_label gender",
                "1 Ann teacher - - 1",
            ],
        ),
        (
            form(true, true),
            [
                "id name role gender gender_code gender_label role_letters_code role_letters_label",
                "1 Ann teacher 1 F Female - -",
            ],
        ),
    ] {
        assert_eq!(lines(&moment, &mirror.people, form), expected, "{form:?}");
    }
}

#[tokio::test]
async fn a_stream_is_read_as_it_was_with_the_labels_of_then() {
    let mirror = mirror().await;
    let wide = "id name role gender gender_code gender_label role_letters_code role_letters_label";
    for (then, expected) in [
        ("2026-03-02T07:59:59Z", vec![wide]),
        (
            MONDAY,
            // A crosswalk has no past: it is what the admin's file says now.
            vec![
                wide,
                "1 Ann pupil 1 F Woman F Female",
                "2 Ben pupil 9 - - F Female",
            ],
        ),
        (TUESDAY, vec![wide, "1 Ann teacher 1 F Female - -"]),
    ] {
        let time = then.parse().expect("a time");
        let moment = Moment::past(&mirror.path, time, &mirror.lookups.combos).expect("then");
        assert_eq!(
            lines(&moment, &mirror.people, form(true, true)),
            expected,
            "{then}"
        );
        let count = moment.count(&mirror.people).expect("counted");
        assert_eq!(count, expected.len() as u64 - 1, "{then}");
    }
}

#[tokio::test]
async fn what_is_written_later_is_not_seen() {
    let mirror = mirror().await;
    let moment = Moment::now(&mirror.path).expect("now");
    let writer = Connection::open(&mirror.path).expect("a writer");
    writer
        .execute_batch("DELETE FROM north_people")
        .expect("deleted");
    assert_eq!(moment.count(&mirror.people).expect("counted"), 1);
    let later = Moment::now(&mirror.path).expect("later");
    assert_eq!(later.count(&mirror.people).expect("counted"), 0);
}
