//! Changing the mirror at once: rows, history, waiting rows and whatever else belongs to the run.
//!
//! All in one transaction that the caller opens and commits, so a checkpoint is never ahead of its
//! data and a reader sees the old roster or the new one. Counts say what was done, not what was meant.

use rusqlite::{CachedStatement, Transaction, params};

use super::error::StoreError;
use super::staging::{Bound, Mark, Staged, entries_of};
use super::table::Table;
use crate::model::row::{Cell, Cells};

/// What was written for one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows inserted.
    pub new: u64,
    /// Rows replaced by another version.
    pub changed: u64,
    /// Rows removed.
    pub gone: u64,
}

/// Which run writes, and when.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The run.
    pub run: i64,
    /// The time, as the mirror writes it.
    pub now: String,
}

/// Which of the missing rows leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removals {
    /// None, and none starts to wait: absence is not believed.
    None,
    /// Those that enough readings missed; the others wait.
    Confirmed,
    /// All: an admin has seen them.
    All,
}

/// Applies a reading.
pub fn apply(
    transaction: &Transaction<'_>,
    staged: &Staged,
    stamp: &Stamp,
    removals: Removals,
) -> Result<Applied, StoreError> {
    let what = StoreError::sql("apply a reading");
    let mut writer = Writer::new(transaction, &staged.table, stamp).map_err(&what)?;
    writer.put_pages(staged).map_err(&what)?;
    if removals != Removals::None {
        writer.remove_missing(staged, removals).map_err(&what)?;
    }
    Ok(writer.applied)
}

struct Writer<'t> {
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

impl<'t> Writer<'t> {
    fn new(
        transaction: &'t Transaction<'t>,
        table: &'t Table,
        stamp: &'t Stamp,
    ) -> rusqlite::Result<Self> {
        let newest = table
            .newest
            .map_or("NULL".to_owned(), |place| table.names_of(&[place]));
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
        let mut pages = staged
            .stage
            .prepare("SELECT entries FROM page ORDER BY number")?;
        let mut rows = pages.query([])?;
        while let Some(page) = rows.next()? {
            let entries = page.get_ref(0)?.as_blob()?;
            for (mark, row) in entries_of(entries) {
                match mark {
                    Mark::New => self.insert(row)?,
                    Mark::Changed => self.replace(row)?,
                    Mark::Again => self.put_again(row)?,
                    Mark::Gone => self.remove(&key_of(row, self.table))?,
                }
            }
        }
        Ok(())
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
        let next = bind_stamp(&mut self.update, next, self.stamp, row)?;
        bind_key(&mut self.update, next, &key)?;
        self.applied.changed += self.update.raw_execute()? as u64;
        Ok(())
    }

    /// The same key came before: the newer version stays, the later one where nothing tells.
    fn put_again(&mut self, row: Cells<'_>) -> rusqlite::Result<()> {
        bind_key(&mut self.find, 1, &key_of(row, self.table))?;
        let mut rows = self.find.raw_query();
        let Some(known) = rows.next()? else {
            drop(rows);
            return self.insert(row);
        };
        let same = known.get::<_, i64>(0)? == row.fingerprint();
        let known_is_newer = match (self.table.newest, known.get_ref(1)?.as_str_or_null()?) {
            (Some(place), Some(known)) => row.at(place).text().is_some_and(|came| came < known),
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
        self.retire(key, "gone")?;
        bind_key(&mut self.delete, 1, key)?;
        self.applied.gone += self.delete.raw_execute()? as u64;
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

    /// Rows that enough readings missed leave; the others are noted as waiting, and nobody else is.
    fn remove_missing(&mut self, staged: &Staged, removals: Removals) -> rusqlite::Result<()> {
        let (source, stream) = (&self.table.source, &self.table.stream);
        if staged.plan.full {
            self.transaction
                .prepare_cached("DELETE FROM rollbook_waiting WHERE source = ?1 AND stream = ?2")?
                .execute(params![source, stream])?;
        }
        let mut missing = staged
            .stage
            .prepare("SELECT key, missed, first_run, gone, here FROM missing")?;
        let mut rows = missing.query([])?;
        while let Some(row) = rows.next()? {
            let key: Vec<u8> = row.get(0)?;
            let (gone, here): (bool, bool) = (row.get(3)?, row.get(4)?);
            if gone || (here && removals == Removals::All) {
                let cells: Vec<Cell<'_>> = Cells::of(&key).collect();
                self.remove(&cells)?;
            } else {
                self.transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO rollbook_waiting VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![
                        source,
                        stream,
                        key,
                        row.get::<_, i64>(1)?,
                        row.get::<_, Option<i64>>(2)?.unwrap_or(self.stamp.run)
                    ])?;
            }
        }
        Ok(())
    }
}

fn key_of<'a>(row: Cells<'a>, table: &Table) -> Vec<Cell<'a>> {
    table.key.iter().map(|place| row.at(*place)).collect()
}

/// Binds all cells; says which parameter comes next.
fn bind_row(statement: &mut CachedStatement<'_>, row: Cells<'_>) -> rusqlite::Result<usize> {
    let mut next = 1;
    for cell in row {
        statement.raw_bind_parameter(next, Bound(cell))?;
        next += 1;
    }
    Ok(next)
}

fn bind_stamp(
    statement: &mut CachedStatement<'_>,
    first: usize,
    stamp: &Stamp,
    row: Cells<'_>,
) -> rusqlite::Result<usize> {
    statement.raw_bind_parameter(first, &stamp.now)?;
    statement.raw_bind_parameter(first + 1, stamp.run)?;
    statement.raw_bind_parameter(first + 2, row.fingerprint())?;
    Ok(first + 3)
}

fn bind_key(
    statement: &mut CachedStatement<'_>,
    first: usize,
    key: &[Cell<'_>],
) -> rusqlite::Result<()> {
    key.iter()
        .enumerate()
        .try_for_each(|(number, cell)| statement.raw_bind_parameter(first + number, Bound(*cell)))
}
