//! Tests of `row.rs`: what goes into a row's bytes comes out, and fingerprints stay as they are.

use super::*;

const SAMPLE: [Cell<'_>; 5] = [
    Cell::Text("Zoë"),
    Cell::Null,
    Cell::Integer(-7),
    Cell::Real(0.5),
    Cell::Text(""),
];

fn rows() -> Rows {
    let mut rows = Rows::default();
    rows.push(|bytes| SAMPLE.iter().for_each(|cell| cell.write(bytes)));
    rows.push(|bytes| Cell::Integer(1).write(bytes));
    rows
}

#[test]
fn cells_come_back_as_they_went_in() {
    let rows = rows();
    assert_eq!(rows.row(0).collect::<Vec<_>>(), SAMPLE);
    assert_eq!(rows.row(1).at(0), Cell::Integer(1));
    assert_eq!(rows.row(1).at(9), Cell::Null);
    assert_eq!(rows.len(), 2);
}

#[test]
fn rows_of_erased_people_are_marked_and_others_replaced() {
    let page = |numbers: &[i64]| {
        let mut rows = Rows::default();
        for number in numbers {
            rows.push(|bytes| Cell::Integer(*number).write(bytes));
        }
        rows.suppress(|row, other| match row.at(0) {
            Cell::Integer(2) => RowEdit::Suppress,
            Cell::Integer(3) => {
                Cell::Text("three").write(other);
                RowEdit::Replace
            }
            _ => RowEdit::Keep,
        });
        rows
    };
    let mut rows = page(&[1, 2, 3, 2, 4]);
    assert_eq!((rows.len(), rows.suppressed()), (5, 2));
    assert!(rows.is_suppressed(1) && rows.is_suppressed(3) && !rows.is_suppressed(2));
    let cells: Vec<Cell<'_>> = rows.iter().map(|row| row.at(0)).collect();
    let integer = Cell::Integer;
    assert_eq!(
        cells,
        [
            integer(1),
            integer(2),
            Cell::Text("three"),
            integer(2),
            integer(4)
        ]
    );
    let rest = rows.split_off(2);
    assert_eq!((rows.suppressed(), rest.suppressed()), (1, 1));
    assert!(rest.is_suppressed(1));
    assert_eq!(rest.row(2).at(0), integer(4));
    assert_eq!(page(&[1, 4]).suppressed(), 0);
}

/// A fingerprint is stored in mirrors that outlive a release: these numbers must never change.
#[test]
fn fingerprints_stay_the_same_across_releases() {
    let rows = rows();
    assert_eq!(rows.row(0).fingerprint(), FIRST);
    assert_eq!(rows.row(1).fingerprint(), SECOND);
    assert_ne!(
        rows.row(0).fingerprint_of(&[0]),
        rows.row(0).fingerprint_of(&[4])
    );
}

const FIRST: i64 = 3_044_878_603_996_199_395;
const SECOND: i64 = -6_897_062_943_652_436_617;
