//! Findings about whole columns: unreadable values, and columns without values.

use rusqlite::Row;

use super::keys::key_bytes_of;
use super::{MAX_ROW_PROBLEMS, StagedProblem, Staging};
use crate::model::plan::CellLoss;
use crate::model::row::{Cells, NamedProblem, ProblemAt, Rows};
use crate::store::sql_cells::SqlCell;
use crate::store::table::quote;

/// Rows that a reading must have before a column without values means anything.
pub(super) const ENOUGH_ROWS: u64 = 20;

/// A column counts as emptied when at most one in so many rows still has a value.
const NEARLY_NONE: u64 = 50;

/// The number of rows to sample.
const SAMPLE: u64 = 200;

/// The newest rows of a table that only grows, among which those of one item are searched.
const NEWEST: u64 = 2_000;

impl Staging {
    /// Counts a page's rows, rejects and cells.
    pub(super) fn count(&mut self, rows: &Rows) {
        self.plan.read += rows.len() as u64;
        self.plan.rejected += rows.problems.rejected();
        self.plan.unidentified += rows.problems.unidentified();
        if self.only_grows && self.item.is_empty() && !rows.is_empty() {
            let first = rows.row(0);
            let cells = self.table.partition.iter().map(|column| first.at(*column));
            cells.for_each(|cell| cell.write(&mut self.item));
        }
        self.count_values(&rows.values);
        for ((column, repair), values) in &rows.repaired {
            let name = self.table.columns.get(*column as usize);
            let name = name.map(|column| column.name.clone()).unwrap_or_default();
            *self.plan.repaired.entry((name, *repair)).or_default() += values;
        }
        for ((column, _), cells) in rows.problems.cells() {
            *self.unreadable.entry(*column).or_default() += cells;
        }
        for problem in rows.problems.first() {
            if let Some(row) = problem.row {
                self.note_problem(rows, row, problem);
            }
        }
    }

    /// Counts how many values each column of a page has.
    pub(super) fn count_values(&mut self, values: &[u32]) {
        if self.values.len() < values.len() {
            self.values.resize(values.len(), 0);
        }
        for (sum, values) in self.values.iter_mut().zip(values) {
            *sum += u64::from(*values);
        }
    }

    fn note_problem(&mut self, rows: &Rows, row: u32, problem: &NamedProblem) {
        if self.problems.len() >= MAX_ROW_PROBLEMS || rows.is_suppressed(row as usize) {
            return;
        }
        let (column, rejected) = match &problem.at {
            ProblemAt::Row(path) => (path.clone(), true),
            ProblemAt::Cell(column) => {
                let column = self.table.columns.get(*column as usize);
                let name = column.map(|column| column.name.clone());
                (name.unwrap_or_default(), false)
            }
        };
        let mut key = Vec::new();
        key_bytes_of(rows.row(row as usize), &self.table.key, &mut key);
        self.problems.push(StagedProblem {
            key,
            column,
            reason: problem.reason.clone(),
            rejected,
        });
    }

    /// Fills the plan's losses by column.
    pub(super) fn count_columns(&mut self) -> rusqlite::Result<()> {
        for (column, unreadable) in &self.unreadable {
            let index = *column as usize;
            let Some(known) = self.table.columns.get(index) else {
                continue;
            };
            let loss = CellLoss {
                unreadable: *unreadable,
                readable: self.values.get(index).copied().unwrap_or_default(),
            };
            self.plan.unreadable.insert(known.name.clone(), loss);
        }
        self.find_emptied()
    }

    /// Columns that had values in most of the rows, and have none in this reading.
    fn find_emptied(&mut self) -> rusqlite::Result<()> {
        let rows = self.plan.read;
        if rows < ENOUGH_ROWS {
            return Ok(());
        }
        let suspects: Vec<usize> = (0..self.values.len().min(self.table.columns.len()))
            .filter(|column| self.values[*column] * NEARLY_NONE <= rows)
            .filter(|column| !self.unreadable.contains_key(&(*column as u32)))
            .filter(|column| !self.kept.contains(column))
            .filter(|column| !self.table.key.contains(column))
            .collect();
        if suspects.is_empty() {
            return Ok(());
        }
        let (rows, had) = self.sample(&suspects)?;
        let emptied = suspects
            .iter()
            .zip(had)
            .filter(|(_, had)| rows >= ENOUGH_ROWS && had * 2 > rows);
        self.plan.emptied = emptied
            .map(|(column, _)| self.table.columns[*column].name.clone())
            .collect();
        Ok(())
    }

    /// Some of the newest rows of the item that is read. If the key begins with the partition, its index is used.
    fn newest_of_item(&self, tests: &[String]) -> String {
        let (table, partition) = (&self.table, &self.table.partition);
        let conditions: Vec<String> = partition
            .iter()
            .zip(1..)
            .map(|(column, number)| format!("{} IS ?{number}", table.names_of(&[*column])))
            .collect();
        let of_item = match conditions.is_empty() {
            true => "true".to_owned(),
            false => conditions.join(" AND "),
        };
        let (from, order) = match table.key.starts_with(partition) && !partition.is_empty() {
            true => (
                table.quoted(),
                format!("{} DESC", table.names_of(&[table.key[table.key.len() - 1]])),
            ),
            false => (
                format!(
                    "(SELECT * FROM {} ORDER BY rowid DESC LIMIT {NEWEST})",
                    table.quoted()
                ),
                "1".to_owned(),
            ),
        };
        format!(
            "SELECT {} FROM {from} WHERE {of_item} ORDER BY {order} LIMIT {}",
            tests.join(", "),
            SAMPLE
        )
    }

    /// The number of sampled rows, and how many of them have a value in each of the columns: those of the step before, or
    /// rows that were received again, and in a table that only grows the newest ones of the same item, because another item may have other
    /// columns.
    fn sample(&self, columns: &[usize]) -> rusqlite::Result<(u64, Vec<u64>)> {
        if let Some(before) = &self.step_before {
            let of = |column: &usize| before.values.get(*column).copied().unwrap_or_default();
            return Ok((before.rows, columns.iter().map(of).collect()));
        }
        let tests: Vec<String> = columns
            .iter()
            .map(|column| format!("{} IS NOT NULL", quote(&self.table.columns[*column].name)))
            .collect();
        let mut had = vec![0; columns.len()];
        let mut looked_at = 0;
        let mut check = |row: &Row<'_>| -> rusqlite::Result<()> {
            looked_at += 1;
            for (index, had) in had.iter_mut().enumerate() {
                *had += row.get::<_, u64>(index)?;
            }
            Ok(())
        };
        let what = format!("SELECT {} FROM {}", tests.join(", "), self.table.quoted());
        let many_changed = self.changed.len() >= ENOUGH_ROWS;
        let has_grown = self.only_grows && self.plan.new >= ENOUGH_ROWS;
        if has_grown || (many_changed && self.table.series) {
            let mut newest = self.mirror.prepare_cached(&self.newest_of_item(&tests))?;
            for (number, cell) in Cells::of(&self.item).enumerate() {
                newest.raw_bind_parameter(number + 1, SqlCell(cell))?;
            }
            let mut rows = newest.raw_query();
            while let Some(row) = rows.next()? {
                check(row)?;
            }
        } else if many_changed {
            let mut one = self
                .mirror
                .prepare_cached(&format!("{what} WHERE rowid = ?1"))?;
            for number in self.seen.first(SAMPLE) {
                let mut rows = one.query([number])?;
                if let Some(row) = rows.next()? {
                    check(row)?;
                }
            }
        }
        Ok((looked_at, had))
    }
}
