//! New rows, many by one statement: SQLite searches the index from its root for each statement, and goes on from the last
//! place within one.

use rusqlite::{CachedStatement, Transaction};

use super::sql_cells::SqlRawCell;
use crate::model::Table;
use crate::model::row::Cells;

/// The most rows of one statement; a power of two.
const MAX_ROWS: usize = 64;

/// The most values of one statement: each costs memory while the statement is kept.
const MAX_VALUES: usize = 1_024;

/// The most bytes of one statement's rows, unless one row has more.
const MAX_BYTES: usize = 256 << 10;

/// Which run writes, and when.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The run.
    pub run: i64,
    /// The time, as the mirror writes it.
    pub now: String,
}

/// The new rows of a reading that are not in the table yet.
pub(super) struct Inserts<'t> {
    transaction: &'t Transaction<'t>,
    table: &'t Table,
    stamp: &'t Stamp,
    /// Statements for 1, 2, 4 ... rows, each made when it is first needed.
    statements: Vec<Option<CachedStatement<'t>>>,
    rows: Vec<u8>,
    ends: Vec<usize>,
}

/// What became of rows.
#[derive(Default)]
pub(super) struct Inserted {
    pub new: u64,
    /// Rows of which some were in the table before, as cells. Those that were not are there now.
    pub known: Vec<Vec<u8>>,
}

impl<'t> Inserts<'t> {
    pub(super) fn new(
        transaction: &'t Transaction<'t>,
        table: &'t Table,
        stamp: &'t Stamp,
    ) -> Self {
        let values = table.columns.len() + 1;
        let most = (MAX_VALUES / values).clamp(1, MAX_ROWS);
        Self {
            transaction,
            table,
            stamp,
            statements: (0..=most.ilog2()).map(|_| None).collect(),
            rows: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Takes a row; returns whether there are enough.
    pub(super) fn push(&mut self, row: Cells<'_>) -> bool {
        self.rows.extend_from_slice(row.bytes());
        self.ends.push(self.rows.len());
        self.ends.len() >= 1 << (self.statements.len() - 1) || self.rows.len() >= MAX_BYTES
    }

    /// Writes the rows.
    pub(super) fn write(&mut self) -> rusqlite::Result<Inserted> {
        let mut inserted = Inserted::default();
        let mut first = 0;
        while first < self.ends.len() {
            let left = self.ends.len() - first;
            let power = (left.ilog2() as usize).min(self.statements.len() - 1);
            let chunk = first..first + (1 << power);
            let new = self.write_chunk(chunk.clone(), power)?;
            inserted.new += new as u64;
            if new < chunk.len() {
                let known = chunk
                    .clone()
                    .map(|number| self.row(number).bytes().to_vec());
                inserted.known.extend(known);
            }
            first = chunk.end;
        }
        self.rows.clear();
        self.ends.clear();
        Ok(inserted)
    }

    fn write_chunk(
        &mut self,
        chunk: std::ops::Range<usize>,
        power: usize,
    ) -> rusqlite::Result<usize> {
        let statement = match self.statements[power].take() {
            Some(statement) => statement,
            None => self
                .transaction
                .prepare_cached(&self.table.insert_sql(chunk.len()))?,
        };
        let statement = self.statements[power].insert(statement);
        let mut next = bind_run(statement, 1, self.table, self.stamp)?;
        let mut start = chunk
            .start
            .checked_sub(1)
            .map_or(0, |before| self.ends[before]);
        for end in &self.ends[chunk] {
            let row = Cells::of(&self.rows[start..*end]);
            next = bind_cells(statement, next, row)?;
            next = bind_fingerprint(statement, next, self.table, row)?;
            start = *end;
        }
        statement.raw_execute()
    }

    fn row(&self, number: usize) -> Cells<'_> {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        Cells::of(&self.rows[start..self.ends[number]])
    }
}

/// Binds what all rows of a run have in common; returns the number of the next parameter.
pub(super) fn bind_run(
    statement: &mut CachedStatement<'_>,
    first: usize,
    table: &Table,
    stamp: &Stamp,
) -> rusqlite::Result<usize> {
    let columns = table.run_columns();
    for (number, column) in (first..).zip(columns) {
        match *column {
            "_run" => statement.raw_bind_parameter(number, stamp.run)?,
            _ => statement.raw_bind_parameter(number, &stamp.now)?,
        }
    }
    Ok(first + columns.len())
}

/// Binds all cells; returns the number of the next parameter.
pub(super) fn bind_cells(
    statement: &mut CachedStatement<'_>,
    first: usize,
    row: Cells<'_>,
) -> rusqlite::Result<usize> {
    let mut next = first;
    for cell in row.raw() {
        statement.raw_bind_parameter(next, SqlRawCell(cell))?;
        next += 1;
    }
    Ok(next)
}

/// Binds the fingerprint where rows carry one; returns the number of the next parameter.
pub(super) fn bind_fingerprint(
    statement: &mut CachedStatement<'_>,
    next: usize,
    table: &Table,
    row: Cells<'_>,
) -> rusqlite::Result<usize> {
    if !table.has_fingerprints() {
        return Ok(next);
    }
    statement.raw_bind_parameter(next, row.fingerprint())?;
    Ok(next + 1)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::model::row::{Cell, Kind};
    use crate::store::lookups::Lookups;
    use crate::store::schema;
    use crate::store::tables::fit;

    /// As many rows as no, one, some and several statements take, some of them known.
    #[test]
    fn each_row_is_written_once_and_known_ones_are_handed_back() {
        for count in [0, 1, 63, 64, 65, 200] {
            let table = Table::plain("users", &[("id", Kind::Integer), ("name", Kind::Text)]);
            let mut connection = Connection::open_in_memory().expect("memory");
            schema::upgrade(&mut connection).expect("a new mirror");
            fit(
                &mut connection,
                std::slice::from_ref(&table),
                &Lookups::default(),
            )
            .expect("tables");
            let stamp = Stamp {
                run: 7,
                now: "2026-01-01T00:00:00.000Z".to_owned(),
            };
            let transaction = connection.transaction().expect("begun");
            let mut inserts = Inserts::new(&transaction, &table, &stamp);
            let mut write = |numbers: std::ops::Range<i64>| {
                let mut total = Inserted::default();
                let mut add = |one: Inserted| {
                    total.new += one.new;
                    total.known.extend(one.known);
                };
                for number in numbers {
                    let mut row = Vec::new();
                    Cell::Integer(number).write(&mut row);
                    Cell::Text(&format!("n{number}")).write(&mut row);
                    if inserts.push(Cells::of(&row)) {
                        add(inserts.write().expect("written"));
                    }
                }
                add(inserts.write().expect("written"));
                total
            };
            let first = write(0..count);
            assert_eq!((first.new, first.known.len()), (count as u64, 0));
            let second = write(count - 1..count + 1);
            let is_new = |row: &Vec<u8>| {
                *row == {
                    let mut last = Vec::new();
                    Cell::Integer(count - 1).write(&mut last);
                    Cell::Text(&format!("n{}", count - 1)).write(&mut last);
                    last
                }
            };
            let expected = if count == 0 { (2, false) } else { (1, true) };
            assert_eq!(
                (second.new, second.known.iter().any(is_new)),
                expected,
                "{count}"
            );
            drop(inserts);
            let sum: (i64, i64) = transaction
                .query_row(
                    "SELECT count(*), min(name = 'n' || id AND _run = 7) FROM north_users",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .expect("counted");
            assert_eq!(sum, (count + if count == 0 { 2 } else { 1 }, 1));
        }
    }
}
