//! The rows of a page that wait until they are compared: in memory while all readings together hold little of them,
//! else in a private database.

use std::sync::Arc;

use rusqlite::Connection;

use super::space::{Share, StagingSpace};
use crate::model::row::Rows;
use crate::store::error::StoreError;
use crate::store::known_pages::{PagePart, SeenRows};
use crate::store::scratch::{ScratchAccess, scratch_database};

const TABLE: &str = "CREATE TABLE part (number INTEGER PRIMARY KEY, cells BLOB NOT NULL);";

/// The rows of one page, part by part.
pub struct WaitingRows {
    parts: Vec<WaitingPart>,
    database: Option<Connection>,
    share: Share,
}

/// Some rows in their order.
enum WaitingPart {
    Decoded {
        /// Without its cells, where they are in the database.
        rows: Box<Rows>,
        /// Bytes that count as held in memory.
        held: usize,
        number: Option<i64>,
    },
    Seen(SeenRows),
}

impl WaitingRows {
    /// Nothing yet.
    pub fn new(space: &Arc<StagingSpace>) -> Self {
        Self {
            parts: Vec::new(),
            database: None,
            share: Share::of(space),
        }
    }

    /// Adds rows behind the others.
    ///
    /// # Errors
    /// When they cannot be written; nothing of the page can be used then.
    pub fn push(&mut self, mut rows: Rows) -> Result<(), StoreError> {
        let bytes = rows.byte_count();
        let (held, number) = match self.share.hold(bytes) {
            true => (bytes, None),
            false => (0, Some(self.write(&mut rows)?)),
        };
        let rows = Box::new(rows);
        self.parts.push(WaitingPart::Decoded { rows, held, number });
        Ok(())
    }

    /// Adds rows that the table has behind the others.
    pub fn push_seen(&mut self, rows: SeenRows) {
        self.parts.push(WaitingPart::Seen(rows));
    }

    fn write(&mut self, rows: &mut Rows) -> Result<i64, StoreError> {
        let what = StoreError::sql("put a page aside");
        let cells = rows.take_cells();
        self.share.stage(cells.len())?;
        let database = match self.database.take() {
            Some(database) => database,
            None => scratch_database(256, ScratchAccess::InOrder, TABLE).map_err(&what)?,
        };
        let database = self.database.insert(database);
        database
            .prepare_cached("INSERT INTO part (cells) VALUES (?1)")
            .and_then(|mut insert| insert.insert([&cells]))
            .map_err(what)
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        for part in self.parts.drain(..) {
            if let WaitingPart::Decoded { held, .. } = part {
                self.share.release(held);
            }
        }
    }

    /// What is known of each decoded part besides its cells: problems, values, rows of erased people.
    pub fn outlines(&self) -> impl Iterator<Item = &Rows> {
        self.parts.iter().filter_map(|part| match part {
            WaitingPart::Decoded { rows, .. } => Some(&**rows),
            WaitingPart::Seen(_) => None,
        })
    }

    /// The parts that the table has.
    pub fn seen(&self) -> impl Iterator<Item = &SeenRows> {
        self.parts.iter().filter_map(|part| match part {
            WaitingPart::Decoded { .. } => None,
            WaitingPart::Seen(rows) => Some(rows),
        })
    }

    /// The first rows; none of an empty page.
    ///
    /// # Errors
    /// When what was put aside cannot be read.
    pub fn first_part(self) -> Result<Rows, StoreError> {
        let mut first = None;
        self.each(|rows| {
            first.get_or_insert(rows);
            Ok(())
        })?;
        Ok(first.unwrap_or_default())
    }

    /// Calls `act` with each part, in their order; rows that the table has are read from it.
    ///
    /// # Errors
    /// Those of `act`, and when what was put aside cannot be read.
    pub fn each(
        self,
        mut act: impl FnMut(Rows) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.each_part(|part| match part {
            PagePart::Decoded(rows) => act(*rows),
            PagePart::Seen(rows) => act(rows.read()?),
        })
    }

    /// The same, with rows that the table has as they are known.
    pub(super) fn each_part(
        mut self,
        mut act: impl FnMut(PagePart) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for part in std::mem::take(&mut self.parts) {
            let (mut rows, held, number) = match part {
                WaitingPart::Decoded { rows, held, number } => (rows, held, number),
                WaitingPart::Seen(rows) => {
                    act(PagePart::Seen(rows))?;
                    continue;
                }
            };
            if let (Some(number), Some(database)) = (number, &self.database) {
                database
                    .prepare_cached("SELECT cells FROM part WHERE number = ?1")
                    .and_then(|mut select| {
                        select.query_row([number], |row| {
                            rows.give_cells(row.get_ref(0)?.as_blob()?);
                            Ok(())
                        })
                    })
                    .map_err(StoreError::sql("read a page that was put aside"))?;
            }
            act(PagePart::Decoded(rows))?;
            self.share.release(held);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::model::row::Cell;

    fn rows(first: i64, count: i64, text: &str) -> Rows {
        let mut rows = Rows::default();
        for number in first..first + count {
            let write = |bytes: &mut Vec<u8>| {
                Cell::Integer(number).write(bytes);
                Cell::Text(text).write(bytes);
                Cell::Keep.write(bytes);
            };
            match number % 3 {
                0 => rows.push(write),
                1 => rows.push_partial(write),
                _ => _ = rows.push_present(write),
            }
        }
        rows
    }

    /// Parts beyond what may be held are written, and come back as they were, between the others.
    #[test]
    fn parts_come_back_in_their_order() {
        let space = Arc::new(StagingSpace::new(PathBuf::from("/")));
        let text = "x".repeat(1 << 20);
        let mut waiting = WaitingRows::new(&space);
        for part in 0..24 {
            waiting.push(rows(part * 3, 3, &text)).expect("room");
        }
        assert!(waiting.database.is_some(), "72 MiB are not held");
        assert!(space.held() <= StagingSpace::MAX_HELD);
        assert_eq!(waiting.outlines().count(), 24);
        let mut next = 0;
        let read = waiting.each(|rows| {
            for row in 0..3 {
                assert_eq!(rows.row(row).at(0), Cell::Integer(next));
                assert_eq!(rows.row(row).at(1).text().map(str::len), Some(text.len()));
                assert_eq!(rows.is_partial(row), next % 3 == 1);
                assert_eq!(rows.is_present_only(row), next % 3 == 2);
                next += 1;
            }
            Ok(())
        });
        read.expect("read");
        assert_eq!((next, space.held()), (72, 0));
    }

    #[test]
    fn what_is_forgotten_is_held_no_longer() {
        let space = Arc::new(StagingSpace::new(PathBuf::from("/")));
        let mut waiting = WaitingRows::new(&space);
        waiting.push(rows(0, 3, "x")).expect("room");
        waiting.clear();
        assert_eq!((waiting.outlines().count(), space.held()), (0, 0));
        waiting.push(rows(3, 1, "x")).expect("room");
        drop(waiting);
        assert_eq!(space.held(), 0);
    }
}
