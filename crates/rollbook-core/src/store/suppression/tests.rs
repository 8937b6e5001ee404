//! What the list means for rows: suppressed, cut, or as they are.

use std::sync::Arc;

use super::*;
use crate::model::row::{Cell, Cells, Kind};
use crate::model::{PersonRows, Table, named};
use crate::store::people_fixture::{about, log, table};

fn users() -> Table {
    let columns = [
        ("id", Kind::Integer, ""),
        ("agents", Kind::Json, "users.id"),
        ("tutor", Kind::Integer, "users.id"),
    ];
    table("users", &columns, PersonRows::Each)
}

fn enrolments() -> Table {
    let columns = [
        ("id", Kind::Integer, ""),
        ("user_id", Kind::Integer, "users.id"),
        ("course", Kind::Integer, "enrolments.id"),
        ("tutor", Kind::Integer, "users.id"),
    ];
    let person = about("user_id", "users.id", &[]);
    table("enrolments", &columns, person)
}

/// User 7 is erased, and so is enrolment 70, which was about them.
fn list() -> Arc<Suppression> {
    let mut list = Suppression::new(vec![
        SuppressionKey::new(b"one"),
        SuppressionKey::new(b"two"),
    ]);
    for (stream, value, kind) in [
        ("users", "7", SuppressedKind::Row),
        ("enrolments", "70", SuppressedKind::About),
    ] {
        let target = HashTarget {
            source: named("north"),
            stream: named(stream),
            columns: "id".to_owned(),
        };
        let hash = list.hash(&target, &[value.to_owned()]).expect("a key");
        assert!(list.insert(Suppressed { target, hash }, kind));
    }
    Arc::new(list)
}

fn fate(table: &Table, cells: &[Cell<'_>]) -> Fate {
    let mut bytes = Vec::new();
    cells.iter().for_each(|cell| cell.write(&mut bytes));
    RowFilter::new(&list(), table).fate(Cells::of(&bytes))
}

#[test]
fn rows_of_erased_people_are_suppressed_and_references_cut() {
    use Cell::{Integer, Keep, Null, Text};
    let (row, about) = (
        Fate::Suppress(SuppressedKind::Row),
        Fate::Suppress(SuppressedKind::About),
    );
    let cut = |column, text: Option<&str>| Fate::Cut(vec![(column, text.map(str::to_owned))]);
    for (what, table, cells, expected) in [
        (
            "the person",
            users(),
            vec![Integer(7), Null, Null],
            row.clone(),
        ),
        (
            "of which only the key is known",
            users(),
            vec![Integer(7), Keep, Keep],
            row,
        ),
        (
            "another person",
            users(),
            vec![Integer(77), Text("[8]"), Integer(8)],
            Fate::Keep,
        ),
        (
            "a list with the person",
            users(),
            vec![Integer(8), Text("[\"17\",\"7\",\"70\"]"), Null],
            cut(1, Some("[\"17\",\"70\"]")),
        ),
        (
            "as a number",
            users(),
            vec![Integer(8), Text("[7]"), Null],
            cut(1, Some("[]")),
        ),
        (
            "in an object",
            users(),
            vec![Integer(8), Text("[{\"id\":7},{\"id\":8}]"), Null],
            cut(1, Some("[{\"id\":8}]")),
        ),
        (
            "a single value",
            users(),
            vec![Integer(8), Null, Integer(7)],
            cut(2, None),
        ),
        (
            "both",
            users(),
            vec![Integer(8), Text("[7]"), Integer(7)],
            Fate::Cut(vec![(1, Some("[]".to_owned())), (2, None)]),
        ),
        (
            "an enrolment",
            enrolments(),
            vec![Integer(71), Integer(7), Null, Null],
            about.clone(),
        ),
        (
            "an enrolment that is another person's now",
            enrolments(),
            vec![Integer(70), Integer(8), Null, Null],
            Fate::Keep,
        ),
        (
            "an erased enrolment that names no person",
            enrolments(),
            vec![Integer(70), Null, Null, Null],
            about.clone(),
        ),
        (
            "of which only the key is known",
            enrolments(),
            vec![Integer(70), Keep, Keep, Keep],
            about.clone(),
        ),
        (
            "a part of an erased enrolment",
            enrolments(),
            vec![Integer(71), Null, Integer(70), Null],
            about.clone(),
        ),
        (
            "another person's, that refers to it",
            enrolments(),
            vec![Integer(71), Integer(8), Integer(70), Null],
            cut(2, None),
        ),
        (
            "another person's, with the erased person as tutor",
            enrolments(),
            vec![Integer(71), Integer(8), Null, Integer(7)],
            cut(3, None),
        ),
        (
            "no person's, with the erased person as tutor",
            enrolments(),
            vec![Integer(71), Null, Null, Integer(7)],
            cut(3, None),
        ),
        (
            "an entry of a log",
            log("users", "User"),
            vec![Integer(1), Integer(7), Text("User")],
            about,
        ),
        (
            "an entry about something else with the same number",
            log("users", "User"),
            vec![Integer(1), Integer(7), Text("Course")],
            Fate::Keep,
        ),
    ] {
        assert_eq!(fate(&table, &cells), expected, "{what}");
    }
}

#[test]
fn tables_without_erased_rows_cost_nothing() {
    let other = table("rooms", &[("id", Kind::Integer, "")], PersonRows::None);
    assert!(RowFilter::new(&list(), &other).is_empty());
    assert!(!RowFilter::new(&list(), &users()).is_empty());
    assert!(RowFilter::new(&Arc::default(), &users()).is_empty());
    let of_another_source = Table {
        source: named("south"),
        ..users()
    };
    assert!(RowFilter::new(&list(), &of_another_source).is_empty());
}

#[test]
fn a_hash_depends_on_key_column_and_value_and_stays() {
    let target = |columns: &str| HashTarget {
        source: named("north"),
        stream: named("users"),
        columns: columns.to_owned(),
    };
    let key = SuppressionKey::new(&[1; 32]);
    let hash = |key: &SuppressionKey, columns: &str, values: &[&str]| {
        let values: Vec<String> = values.iter().map(|one| (*one).to_owned()).collect();
        key.hash(&target(columns), &values)
    };
    let one = hash(&key, "a,b", &["1", "23"]);
    for other in [
        hash(&key, "a,b", &["12", "3"]),
        hash(&key, "a", &["1", "23"]),
        hash(&SuppressionKey::new(&[2; 32]), "a,b", &["1", "23"]),
    ] {
        assert_ne!(one, other);
    }
    // A renamed source still has its entries.
    let renamed = HashTarget {
        source: named("south"),
        ..target("a,b")
    };
    let values = ["1", "23"].map(str::to_owned);
    assert_eq!(key.hash(&renamed, &values), one);
    // Computed elsewhere.
    assert_eq!(key.name(), "suppression-e1e61c44da6a6585");
    let hex: String = one[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "34e511cd2f3fd95b");
}
