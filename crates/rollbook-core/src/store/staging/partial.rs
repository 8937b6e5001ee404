//! Rows that were received in part: what they lack is as it was.

use super::Staging;
use super::matching::StoredRow;
use crate::model::row::{Cell, Cells};
use crate::store::sql_cells::{SqlCell, cell_of};

impl Staging {
    /// The row with the table's values where it keeps them; a new row has none there.
    pub(super) fn completed(
        &mut self,
        row: Cells<'_>,
        known: Option<StoredRow>,
    ) -> rusqlite::Result<Vec<u8>> {
        let kept = row.enumerate().filter(|(_, cell)| *cell == Cell::Keep);
        self.kept.extend(kept.map(|(column, _)| column));
        let mut whole = Vec::with_capacity(row.bytes().len());
        if known.is_none() {
            for cell in row {
                match cell {
                    Cell::Keep => Cell::Null.write(&mut whole),
                    cell => cell.write(&mut whole),
                }
            }
            return Ok(whole);
        }
        let mut statement = self.mirror.prepare_cached(&self.table.row_sql())?;
        for (number, column) in (1..).zip(&self.table.key) {
            statement.raw_bind_parameter(number, SqlCell(row.at(*column)))?;
        }
        let mut stored = statement.raw_query();
        // It was found in the same snapshot.
        let Some(stored) = stored.next()? else {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        };
        for (column, cell) in row.enumerate() {
            match cell {
                Cell::Keep => cell_of(stored.get_ref(column)?).write(&mut whole),
                cell => cell.write(&mut whole),
            }
        }
        Ok(whole)
    }

    /// A row that was rejected is in the list all the same: it stays as it is.
    pub(super) fn keep_present(&mut self, row: Cells<'_>, known: Option<StoredRow>) {
        let Some(StoredRow { number, .. }) = known else {
            return;
        };
        if self.see(row, number) {
            self.present += 1;
        }
    }
}
