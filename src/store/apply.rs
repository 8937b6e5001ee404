//! Changing the mirror at once: rows, history, unconfirmed rows and what else belongs to the run.
//!
//! All in one transaction that the caller opens and commits, so a checkpoint is never ahead of its data and a reader
//! sees the old roster or the new one. Counts are of what was done, not of what was planned.

use std::collections::HashMap;
use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Transaction, params};

use super::error::StoreError;
use super::sql_cells::SqlCell;
use super::staging::{Mark, Staged, each_entry};
use crate::model::Table;
pub use crate::model::decision::Removals;
use crate::model::row::{Cell, Cells};

/// What was written for one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows inserted.
    pub new: u64,
    /// Rows replaced by another version.
    pub changed: u64,
    /// Rows removed.
    pub removed: u64,
}

/// Which run writes, and when.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The run.
    pub run: i64,
    /// The time, as the mirror writes it.
    pub now: String,
}

/// Applies a reading.
pub fn apply(
    transaction: &Transaction<'_>,
    staged: &Staged,
    stamp: &Stamp,
    removals: Removals,
) -> Result<Applied, StoreError> {
    let what = StoreError::sql("apply a reading");
    let mut writer = RowWriter::new(transaction, &staged.table, stamp).map_err(&what)?;
    writer.put_pages(staged).map_err(&what)?;
    writer.apply_missing(staged, removals).map_err(&what)?;
    writer.note_problems(staged).map_err(&what)?;
    Ok(writer.applied)
}

struct RowWriter<'t> {
    transaction: &'t Transaction<'t>,
    table: &'t Table,
    stamp: &'t Stamp,
    insert: CachedStatement<'t>,
    update: CachedStatement<'t>,
    retire: CachedStatement<'t>,
    delete: CachedStatement<'t>,
    find: CachedStatement<'t>,
    applied: Applied,
}

impl<'t> RowWriter<'t> {
    fn new(
        transaction: &'t Transaction<'t>,
        table: &'t Table,
        stamp: &'t Stamp,
    ) -> rusqlite::Result<Self> {
        let newest = table
            .newest
            .map_or("NULL".to_owned(), |index| table.names_of(&[index]));
        let find = format!(
            "SELECT _fingerprint, {newest} FROM {} WHERE {}",
            table.quoted(),
            table.key_is(1)
        );
        Ok(Self {
            transaction,
            table,
            stamp,
            insert: transaction.prepare_cached(&table.insert_sql())?,
            update: transaction.prepare_cached(&table.update_sql())?,
            retire: transaction.prepare_cached(&table.retire_sql())?,
            delete: transaction.prepare_cached(&table.delete_sql())?,
            find: transaction.prepare_cached(&find)?,
            applied: Applied::default(),
        })
    }

    fn put_pages(&mut self, staged: &Staged) -> rusqlite::Result<()> {
        let mut last = self.last_versions(staged)?;
        each_entry(&staged.stage, |mark, row| {
            match mark {
                Mark::New | Mark::Changed if !last.is_empty() => {
                    let later = last.remove(&self.key_bytes(row));
                    self.put_last(mark, row, later.as_deref())?;
                }
                Mark::New => self.insert(row)?,
                Mark::Changed => self.replace(row)?,
                Mark::Duplicate => {
                    if let Some(later) = last.remove(&self.key_bytes(row)) {
                        self.put_duplicate(Cells::of(&later))?;
                    }
                }
                Mark::Removed => self.remove(&key_of(row, self.table))?,
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// The version to keep of each key that was received more than once: the newest; the last one received if no column
    /// orders them.
    fn last_versions(&self, staged: &Staged) -> rusqlite::Result<HashMap<Vec<u8>, Vec<u8>>> {
        let mut last: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        if staged.plan.duplicates.rows == 0 {
            return Ok(last);
        }
        each_entry(&staged.stage, |mark, row| {
            if mark == Mark::Duplicate {
                let key = self.key_bytes(row);
                let stays = last
                    .get(&key)
                    .is_some_and(|so_far| self.is_newer(so_far, row));
                if !stays {
                    last.insert(key, row.bytes().to_vec());
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(last)
    }

    /// Whether what was received first is newer than what was received later.
    fn is_newer(&self, first: &[u8], later: Cells<'_>) -> bool {
        let text = |row: Cells<'_>| {
            let newest = self.table.newest?;
            row.at(newest).text().map(str::to_owned)
        };
        matches!((text(Cells::of(first)), text(later)), (Some(first), Some(later)) if first > later)
    }

    /// A row that was received first, and the version of it that was received later and may stay instead.
    fn put_last(
        &mut self,
        mark: Mark,
        first: Cells<'_>,
        later: Option<&[u8]>,
    ) -> rusqlite::Result<()> {
        let row = match later.map(Cells::of) {
            Some(later) if !self.is_newer(first.bytes(), later) => later,
            _ => first,
        };
        match mark {
            Mark::New => self.insert(row),
            _ if later.is_some() => self.put_duplicate(row),
            _ => self.replace(row),
        }
    }

    fn key_bytes(&self, row: Cells<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        key_of(row, self.table)
            .into_iter()
            .for_each(|cell| cell.write(&mut bytes));
        bytes
    }

    fn insert(&mut self, row: Cells<'_>) -> rusqlite::Result<()> {
        let next = bind_row(&mut self.insert, row)?;
        bind_stamp(&mut self.insert, next, self.stamp, row)?;
        self.insert.raw_execute()?;
        self.applied.new += 1;
        Ok(())
    }

    fn replace(&mut self, row: Cells<'_>) -> rusqlite::Result<()> {
        let key = key_of(row, self.table);
        self.retire(&key, "changed")?;
        let next = bind_row(&mut self.update, row)?;
        bind_stamp(&mut self.update, next, self.stamp, row)?;
        self.applied.changed += self.update.raw_execute()? as u64;
        Ok(())
    }

    /// A duplicate of an earlier row: the newer version stays; the later one if no column orders them.
    fn put_duplicate(&mut self, row: Cells<'_>) -> rusqlite::Result<()> {
        bind_key(&mut self.find, 1, &key_of(row, self.table))?;
        let mut rows = self.find.raw_query();
        let Some(known) = rows.next()? else {
            drop(rows);
            return self.insert(row);
        };
        let same = known.get::<_, i64>(0)? == row.fingerprint();
        let known_is_newer = match (self.table.newest, known.get_ref(1)?.as_str_or_null()?) {
            (Some(index), Some(known)) => row
                .at(index)
                .text()
                .is_some_and(|received| received < known),
            _ => false,
        };
        drop(rows);
        if same || known_is_newer {
            Ok(())
        } else {
            self.replace(row)
        }
    }

    fn remove(&mut self, key: &[Cell<'_>]) -> rusqlite::Result<()> {
        self.retire(key, "removed")?;
        bind_key(&mut self.delete, 1, key)?;
        self.applied.removed += self.delete.raw_execute()? as u64;
        Ok(())
    }

    fn retire(&mut self, key: &[Cell<'_>], ended: &str) -> rusqlite::Result<()> {
        if !self.table.history {
            return Ok(());
        }
        self.retire.raw_bind_parameter(1, &self.stamp.now)?;
        self.retire.raw_bind_parameter(2, ended)?;
        self.retire.raw_bind_parameter(3, self.stamp.run)?;
        bind_key(&mut self.retire, 4, key)?;
        self.retire.raw_execute()?;
        Ok(())
    }

    /// Rows that enough readings missed are removed; the others are noted as unconfirmed, and no others are.
    fn apply_missing(&mut self, staged: &Staged, removals: Removals) -> rusqlite::Result<()> {
        self.forget_unconfirmed(staged)?;
        let mut missing = staged
            .stage
            .prepare("SELECT key, missed, first_run, removed, here, version FROM missing")?;
        let mut rows = missing.query([])?;
        while let Some(row) = rows.next()? {
            let key: Vec<u8> = row.get(0)?;
            let (removed, here): (bool, bool) = (row.get(3)?, row.get(4)?);
            let version: Option<i64> = row.get(5)?;
            if version.is_none() && removals == Removals::None {
                continue;
            }
            if removed || (here && removals == Removals::All) {
                let cells: Vec<Cell<'_>> = Cells::of(&key).collect();
                self.remove(&cells)?;
                continue;
            }
            let first_run = row.get::<_, Option<i64>>(2)?.unwrap_or(self.stamp.run);
            self.transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO rollbook_unconfirmed (source, stream, key, missed, first_run, version) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    self.table.source,
                    self.table.stream,
                    key,
                    row.get::<_, i64>(1)?,
                    first_run,
                    version
                ])?;
        }
        Ok(())
    }

    /// What this reading answered: rows that it received, and where absence counts all of them.
    fn forget_unconfirmed(&self, staged: &Staged) -> rusqlite::Result<()> {
        let (source, stream) = (&self.table.source, &self.table.stream);
        let forget = |condition: &str| {
            let sql = format!(
                "DELETE FROM rollbook_unconfirmed WHERE source = ?1 AND stream = ?2 AND {condition}"
            );
            let mut delete = self.transaction.prepare_cached(&sql)?;
            delete.execute(params![source, stream])
        };
        if staged.plan.full {
            forget("version IS NULL")?;
        }
        if staged.plan.was_read_in_full {
            forget("version IS NOT NULL")?;
        }
        let mut found = self.transaction.prepare_cached(
            "DELETE FROM rollbook_unconfirmed WHERE source = ?1 AND stream = ?2 AND key = ?3 AND version IS NULL",
        )?;
        for key in staged.found_again.iter().filter(|_| !staged.plan.full) {
            found.execute(params![source, stream, key])?;
        }
        Ok(())
    }

    /// Records which rows and cells keep their value and why, for `rollbook why`.
    fn note_problems(&self, staged: &Staged) -> rusqlite::Result<()> {
        let (source, stream) = (&self.table.source, &self.table.stream);
        if staged.plan.was_read_in_full {
            self.transaction
                .prepare_cached(
                    "DELETE FROM rollbook_row_problems WHERE source = ?1 AND stream = ?2",
                )?
                .execute(params![source, stream])?;
        }
        for problem in &staged.problems {
            self.transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO rollbook_row_problems VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    source,
                    stream,
                    problem.key,
                    problem.column,
                    problem.reason,
                    problem.rejected,
                    self.stamp.run
                ])?;
        }
        Ok(())
    }
}

pub(super) fn key_of<'a>(row: Cells<'a>, table: &Table) -> Vec<Cell<'a>> {
    table.key.iter().map(|index| row.at(*index)).collect()
}

/// Binds all cells; returns the next parameter's number.
fn bind_row(statement: &mut CachedStatement<'_>, row: Cells<'_>) -> rusqlite::Result<usize> {
    let mut next = 1;
    for cell in row {
        statement.raw_bind_parameter(next, SqlCell(cell))?;
        next += 1;
    }
    Ok(next)
}

fn bind_stamp(
    statement: &mut CachedStatement<'_>,
    first: usize,
    stamp: &Stamp,
    row: Cells<'_>,
) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(first, &stamp.now)?;
    statement.raw_bind_parameter(first + 1, stamp.run)?;
    statement.raw_bind_parameter(first + 2, row.fingerprint())
}

fn bind_key(
    statement: &mut CachedStatement<'_>,
    first: usize,
    key: &[Cell<'_>],
) -> rusqlite::Result<()> {
    key.iter()
        .enumerate()
        .try_for_each(|(number, cell)| statement.raw_bind_parameter(first + number, SqlCell(*cell)))
}
