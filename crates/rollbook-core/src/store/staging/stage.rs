//! What a reading puts aside: in memory while it is little, as most of a time series is, else in a private database.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use rusqlite::Connection;

use super::Mark;
use crate::model::row::Cells;
use crate::store::scratch::{ScratchAccess, scratch_database};

/// Staged bytes that stay in memory; opening the database costs more than comparing so many.
const MAX_IN_MEMORY: usize = 512 << 10;

/// Rows that differ, and keys that are missing.
#[derive(Default)]
pub(in crate::store) struct Stage {
    /// Rows that were put aside, until there are too many.
    rows: Vec<u8>,
    has_spilled: bool,
    database: OnceCell<Connection>,
}

impl Stage {
    /// Puts a page's rows aside, each written by [`push_entry`].
    pub(in crate::store) fn add(&mut self, entries: &[u8]) -> rusqlite::Result<()> {
        if !self.has_spilled && self.rows.len() + entries.len() <= MAX_IN_MEMORY {
            self.rows.extend_from_slice(entries);
            return Ok(());
        }
        let database = self.database()?;
        let mut insert = database.prepare_cached("INSERT INTO page (entries) VALUES (?1)")?;
        if !self.rows.is_empty() {
            insert.execute([&self.rows])?;
        }
        insert.execute([entries])?;
        drop(insert);
        self.rows = Vec::new();
        self.has_spilled = true;
        Ok(())
    }

    /// Whether there are more rows than stay in memory.
    pub(super) fn has_spilled(&self) -> bool {
        self.has_spilled
    }

    /// The database, with its table `missing`; it is made when something is first put there.
    pub(super) fn database(&self) -> rusqlite::Result<&Connection> {
        if let Some(database) = self.database.get() {
            return Ok(database);
        }
        let database = scratch_database(
            1024,
            ScratchAccess::InOrder,
            "CREATE TABLE page (number INTEGER PRIMARY KEY, entries BLOB NOT NULL);\
             CREATE TABLE missing (key BLOB PRIMARY KEY, missed INTEGER NOT NULL, first_run INTEGER, removed INTEGER NOT NULL, here INTEGER NOT NULL, version INTEGER);",
        )?;
        Ok(self.database.get_or_init(|| database))
    }

    /// The database with the keys that are missing; `None` when none was put there.
    pub(in crate::store) fn missing(&self) -> Option<&Connection> {
        self.database.get()
    }

    /// Calls `act` with each row that was put aside, in their order, until it breaks.
    pub(in crate::store) fn each(
        &self,
        mut act: impl FnMut(Mark, Cells<'_>) -> rusqlite::Result<ControlFlow<()>>,
    ) -> rusqlite::Result<()> {
        if self.has_spilled {
            let sql = "SELECT entries FROM page ORDER BY number";
            if each_entry(self.database()?, sql, &mut act)?.is_break() {
                return Ok(());
            }
        }
        for (mark, row) in entries_of(&self.rows) {
            if act(mark, row)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Appends a row and what is to be done with it.
pub(in crate::store) fn push_entry(entries: &mut Vec<u8>, mark: Mark, row: Cells<'_>) {
    entries.push(mark as u8);
    entries.extend_from_slice(&(row.bytes().len() as u32).to_le_bytes());
    entries.extend_from_slice(row.bytes());
}

/// Calls `act` with each row in the blobs that a query finds, until it breaks.
pub(in crate::store) fn each_entry(
    database: &Connection,
    sql: &str,
    act: &mut impl FnMut(Mark, Cells<'_>) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<ControlFlow<()>> {
    let mut blobs = database.prepare(sql)?;
    let mut blobs = blobs.query([])?;
    while let Some(blob) = blobs.next()? {
        for (mark, row) in entries_of(blob.get_ref(0)?.as_blob()?) {
            if act(mark, row)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The rows that [`push_entry`] wrote.
pub(super) fn entries_of(mut bytes: &[u8]) -> impl Iterator<Item = (Mark, Cells<'_>)> {
    std::iter::from_fn(move || {
        let (mark, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (row, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        let mark = match *mark {
            b'n' => Mark::New,
            b'c' => Mark::Changed,
            b'g' => Mark::Removed,
            _ => Mark::Duplicate,
        };
        Some((mark, Cells::of(row)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::Cell;

    /// Pages that fit into memory, that do not, and one that is too large by itself, come back in their order.
    #[test]
    fn rows_come_back_in_their_order() {
        for lengths in [
            &[3][..],
            &[3, MAX_IN_MEMORY / 2, 7, MAX_IN_MEMORY, 5],
            &[MAX_IN_MEMORY],
        ] {
            let mut stage = Stage::default();
            for length in lengths {
                let mut row = Vec::new();
                Cell::Text(&"x".repeat(*length)).write(&mut row);
                let mut entries = Vec::new();
                push_entry(&mut entries, Mark::New, Cells::of(&row));
                stage.add(&entries).expect("staged");
            }
            let mut found = Vec::new();
            let read = stage.each(|mark, row| {
                assert_eq!(mark, Mark::New);
                found.push(row.at(0).text().map_or(0, str::len));
                Ok(ControlFlow::Continue(()))
            });
            read.expect("read");
            assert_eq!(found, lengths);
            let is_small = lengths.iter().sum::<usize>() < MAX_IN_MEMORY / 2;
            assert_eq!(
                stage.missing().is_none(),
                is_small,
                "nothing opens a database for little"
            );
        }
    }
}
