//! Staged rows in the order of their keys, where a vendor sends them in another one.
//!
//! A table has two indexes by its key. Rows in any order change a page of each that is in no cache any more, and such a page is
//! read and written for each row: 200,000 rows wrote nine times as many pages to the log as in key order. Rows of one key stay in
//! the order in which they were received.

use std::ops::ControlFlow;

use rusqlite::Connection;

use super::scratch::{ScratchAccess, scratch_database};
use super::sql_cells::SqlRawCell;
use super::staging::{Mark, Stage, each_entry, push_entry};
use super::table::joined;
use crate::model::row::Cells;

/// What sorting holds in memory, twice: as pages, and as rows that are not sorted yet.
const CACHE_KIB: u32 = 2048;

/// A copy of what is staged, in a private database.
pub(super) struct SortedRows {
    database: Connection,
    /// The columns of the key: `key0, key1`.
    key: String,
}

impl SortedRows {
    /// Copies the rows of a stage; `key` are the numbers of the key's columns.
    pub(super) fn of(stage: &Stage, key: &[usize]) -> rusqlite::Result<Self> {
        let names = joined((0..key.len()).map(|number| format!("key{number}")));
        let values = joined((0..key.len()).map(|number| format!("?{}", number + 2)));
        let database = scratch_database(
            CACHE_KIB,
            ScratchAccess::InOrder,
            &format!(
                "CREATE TABLE row (number INTEGER PRIMARY KEY, entry BLOB NOT NULL, {names}); BEGIN"
            ),
        )?;
        let mut insert =
            database.prepare(&format!("INSERT INTO row VALUES (NULL, ?1, {values})"))?;
        let mut entry = Vec::new();
        stage.each(|mark, row| {
            entry.clear();
            push_entry(&mut entry, mark, row);
            insert.raw_bind_parameter(1, &entry)?;
            for (number, column) in (2..).zip(key) {
                insert.raw_bind_parameter(number, SqlRawCell(row.raw_at(*column)))?;
            }
            insert.raw_execute()?;
            Ok(ControlFlow::Continue(()))
        })?;
        drop(insert);
        database.execute_batch("COMMIT")?;
        Ok(Self {
            database,
            key: names,
        })
    }

    /// Calls `act` with each row until it breaks.
    pub(super) fn each(
        &self,
        mut act: impl FnMut(Mark, Cells<'_>) -> rusqlite::Result<ControlFlow<()>>,
    ) -> rusqlite::Result<()> {
        let sql = format!("SELECT entry FROM row ORDER BY {}, number", self.key);
        each_entry(&self.database, &sql, &mut act).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::Cell;

    fn row(cells: [Cell<'_>; 3]) -> Vec<u8> {
        let mut bytes = Vec::new();
        cells.iter().for_each(|cell| cell.write(&mut bytes));
        bytes
    }

    /// By one column or two, numbers as numbers; rows of one key as they were received, with their marks.
    #[test]
    fn rows_come_in_the_order_of_their_keys() {
        let received = [
            (Mark::New, 10, "b", "first"),
            (Mark::Changed, 9, "b", "second"),
            (Mark::Removed, 10, "b", "third"),
            (Mark::New, 10, "a", "fourth"),
            (Mark::Duplicate, 9, "b", "fifth"),
        ];
        for (key, expected) in [
            (&[0][..], ["second", "fifth", "first", "third", "fourth"]),
            (&[1], ["fourth", "first", "second", "third", "fifth"]),
            (&[0, 1], ["second", "fifth", "fourth", "first", "third"]),
            (&[1, 0], ["fourth", "second", "fifth", "first", "third"]),
        ] {
            let mut entries = Vec::new();
            for (mark, number, letter, text) in received {
                let cells = [Cell::Integer(number), Cell::Text(letter), Cell::Text(text)];
                push_entry(&mut entries, mark, Cells::of(&row(cells)));
            }
            let mut stage = Stage::default();
            stage.add(&entries).expect("staged");
            let sorted = SortedRows::of(&stage, key).expect("sorted");
            let mut found = Vec::new();
            sorted
                .each(|mark, row| {
                    found.push((mark, row.at(2).text().unwrap_or_default().to_owned()));
                    Ok(ControlFlow::Continue(()))
                })
                .expect("read");
            let with_mark = |text: &str| {
                let row = received.iter().find(|row| row.3 == text);
                (row.map(|row| row.0).expect("received"), text.to_owned())
            };
            assert_eq!(found, expected.map(with_mark), "{key:?}");
            let mut read = 0;
            sorted
                .each(|_, _| {
                    read += 1;
                    Ok(ControlFlow::Break(()))
                })
                .expect("read");
            assert_eq!(read, 1, "no further row after a break");
        }
    }
}
