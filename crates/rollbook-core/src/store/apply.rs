//! Changing the mirror at once: rows, history, unconfirmed rows and what else belongs to the run.
//!
//! All in one transaction that the caller opens and commits, so a checkpoint is never ahead of its data and a reader
//! sees the old roster or the new one. Counts are of what was done, not of what was planned.

use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Transaction, params};

use super::error::StoreError;
pub use super::inserts::Stamp;
use super::inserts::{Inserts, bind_cells, bind_fingerprint, bind_run};
use super::last_versions::LastVersions;
use super::sorted_rows::SortedRows;
use super::sql_cells::{SqlCell, read_cells};
use super::staging::{Mark, Staged};
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
    writer.note_series_run().map_err(&what)?;
    writer.apply_missing(staged, removals).map_err(&what)?;
    writer.note_problems(staged).map_err(&what)?;
    let is_whole = staged.plan.was_read_in_full;
    staged
        .pages
        .write(transaction, &staged.table, (&stamp.now, is_whole))
        .map_err(&what)?;
    Ok(writer.applied)
}

struct RowWriter<'t> {
    transaction: &'t Transaction<'t>,
    table: &'t Table,
    stamp: &'t Stamp,
    inserts: Inserts<'t>,
    update: CachedStatement<'t>,
    /// Where old versions are kept.
    retire: Option<CachedStatement<'t>>,
    delete: CachedStatement<'t>,
    find: CachedStatement<'t>,
    applied: Applied,
    /// Of points.
    times: Times,
}

/// Between which times the points lie that were written: where to look for them later.
#[derive(Default)]
struct Times {
    oldest: String,
    newest: String,
}

impl Times {
    fn add(&mut self, time: &str) {
        if self.oldest.is_empty() || time < self.oldest.as_str() {
            time.clone_into(&mut self.oldest);
        }
        if time > self.newest.as_str() {
            time.clone_into(&mut self.newest);
        }
    }
}

impl<'t> RowWriter<'t> {
    fn new(
        transaction: &'t Transaction<'t>,
        table: &'t Table,
        stamp: &'t Stamp,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            transaction,
            table,
            stamp,
            inserts: Inserts::new(transaction, table, stamp),
            update: transaction.prepare_cached(&table.update_sql())?,
            retire: match table.history {
                true => Some(transaction.prepare_cached(&table.retire_sql())?),
                false => None,
            },
            delete: transaction.prepare_cached(&table.delete_sql())?,
            find: transaction.prepare_cached(&table.row_sql())?,
            applied: Applied::default(),
            times: Times::default(),
        })
    }

    fn put_pages(&mut self, staged: &Staged) -> rusqlite::Result<()> {
        let mut last = self.last_versions(staged)?;
        // The last column of a point's key is its time.
        let time = self.table.key.last().filter(|_| self.table.series);
        let put = |mark, row: Cells<'_>| {
            if let Some(time) = time.and_then(|time| row.at(*time).text()) {
                self.times.add(time);
            }
            match mark {
                Mark::New | Mark::Changed if !last.is_empty() => {
                    let later = last.remove(&self.key_bytes(row))?;
                    self.put_last(mark, row, later.as_deref())?;
                }
                Mark::New => self.insert(row)?,
                Mark::Changed => self.replace(row)?,
                Mark::Duplicate => {
                    if let Some(later) = last.remove(&self.key_bytes(row))? {
                        self.write_inserts()?;
                        self.put_duplicate(Cells::of(&later))?;
                    }
                }
                Mark::Removed => {
                    self.write_inserts()?;
                    self.remove(&key_of(row, self.table))?;
                }
            }
            Ok(ControlFlow::Continue(()))
        };
        match staged.must_be_sorted {
            true => SortedRows::of(&staged.stage, &staged.table.key)?.each(put)?,
            false => staged.stage.each(put)?,
        }
        self.write_inserts()
    }

    /// Points carry their run only: when it stored them stands once.
    fn note_series_run(&self) -> rusqlite::Result<()> {
        if !self.table.series || self.applied == Applied::default() {
            return Ok(());
        }
        self.transaction
            .prepare_cached(
                "INSERT INTO rollbook_series_runs VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET \
                 oldest = min(oldest, excluded.oldest), newest = max(newest, excluded.newest)",
            )?
            .execute(params![
                self.table.source,
                self.table.stream,
                self.stamp.run,
                self.stamp.now,
                self.times.oldest,
                self.times.newest
            ])?;
        Ok(())
    }

    /// The version to keep of each key that was received more than once: the newest; the last one received if no column
    /// orders them.
    fn last_versions(&self, staged: &Staged) -> rusqlite::Result<LastVersions> {
        let mut last = LastVersions::default();
        if staged.plan.duplicates.rows == 0 {
            return Ok(last);
        }
        staged.stage.each(|mark, row| {
            if mark == Mark::Duplicate {
                let stays = |so_far: &[u8]| self.is_newer(so_far, row);
                last.offer(self.key_bytes(row), row.bytes(), stays)?;
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
        match self.inserts.push(row) {
            true => self.write_inserts(),
            false => Ok(()),
        }
    }

    fn write_inserts(&mut self) -> rusqlite::Result<()> {
        let inserted = self.inserts.write()?;
        self.applied.new += inserted.new;
        // Another step of the same batch has stored some of them.
        let mut rows = inserted.known.iter();
        rows.try_for_each(|row| self.put_duplicate(Cells::of(row)))
    }

    fn replace(&mut self, row: Cells<'_>) -> rusqlite::Result<()> {
        let key = key_of(row, self.table);
        self.retire(&key, "changed")?;
        let next = bind_cells(&mut self.update, 1, row)?;
        let next = bind_run(&mut self.update, next, self.table, self.stamp)?;
        bind_fingerprint(&mut self.update, next, self.table, row)?;
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
        let mut bytes = Vec::with_capacity(row.bytes().len());
        read_cells(known, 0, self.table.columns.len(), &mut bytes)?;
        drop(rows);
        if bytes == row.bytes() || self.is_newer(&bytes, row) {
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
        let Some(retire) = &mut self.retire else {
            return Ok(());
        };
        retire.raw_bind_parameter(1, &self.stamp.now)?;
        retire.raw_bind_parameter(2, ended)?;
        retire.raw_bind_parameter(3, self.stamp.run)?;
        bind_key(retire, 4, key)?;
        retire.raw_execute()?;
        Ok(())
    }

    /// Rows that enough readings missed are removed; the others are noted as unconfirmed, and no others are.
    fn apply_missing(&mut self, staged: &Staged, removals: Removals) -> rusqlite::Result<()> {
        self.forget_unconfirmed(staged)?;
        let Some(stage) = staged.stage.missing() else {
            return Ok(());
        };
        let mut missing =
            stage.prepare("SELECT key, missed, first_run, removed, here, version FROM missing")?;
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

fn bind_key(
    statement: &mut CachedStatement<'_>,
    first: usize,
    key: &[Cell<'_>],
) -> rusqlite::Result<()> {
    key.iter()
        .enumerate()
        .try_for_each(|(number, cell)| statement.raw_bind_parameter(first + number, SqlCell(*cell)))
}
