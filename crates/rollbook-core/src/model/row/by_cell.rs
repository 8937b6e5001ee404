//! The rows of one page, taken apart by the value of a column.

use std::collections::BTreeMap;

use super::{Cell, Cells, Rows};

impl Rows {
    /// The rows of each value of a column, in their order. Nothing if a row has no value there or a repaired one, or a row or
    /// cell could not be read: what is known of that belongs to the page and to none of its parts. Other repaired values
    /// are counted by the page alone.
    pub fn by_cell(&self, column: usize) -> Option<BTreeMap<String, Self>> {
        let is_repaired = |(cell, _): &(u32, _)| *cell as usize == column;
        let is_as_sent = self.problems.rejected() == 0
            && self.problems.cells().is_empty()
            && !self.repaired.keys().any(is_repaired)
            && self.suppressed() == 0
            && self.partial.is_empty();
        if !is_as_sent {
            return None;
        }
        let mut parts: BTreeMap<String, Self> = BTreeMap::new();
        for row in self.iter() {
            let part = parts.entry(row.at(column).plain()?).or_default();
            part.add(row, self.values.len());
        }
        Some(parts)
    }

    /// Those of rows of which nothing could not be read.
    pub fn filtered(&self, is_wanted: impl Fn(Cells<'_>) -> bool) -> Self {
        let mut some = Self::default();
        for row in self.iter().filter(|row| is_wanted(*row)) {
            some.add(row, self.values.len());
        }
        some
    }

    fn add(&mut self, row: Cells<'_>, columns: usize) {
        self.push(|bytes| bytes.extend_from_slice(row.bytes()));
        self.values.resize(columns, 0);
        for (values, cell) in self.values.iter_mut().zip(row) {
            *values += u32::from(cell != Cell::Null);
        }
    }

    /// Adds rows of which nothing could not be read, behind the others.
    pub fn append(&mut self, other: &Self) {
        for row in other.iter() {
            self.push(|bytes| bytes.extend_from_slice(row.bytes()));
        }
        self.values
            .resize(self.values.len().max(other.values.len()), 0);
        for (sum, values) in self.values.iter_mut().zip(&other.values) {
            *sum += values;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::{Reject, Repair};

    fn rows(cells: &[(i64, Option<f64>)]) -> Rows {
        let mut rows = Rows::default();
        for (id, value) in cells {
            rows.push(|bytes| {
                Cell::Integer(*id).write(bytes);
                value.map_or(Cell::Null, Cell::Real).write(bytes);
            });
        }
        rows.values = vec![0, 0];
        rows
    }

    #[test]
    fn each_value_has_its_rows_and_counts() {
        let page = rows(&[(7, Some(1.0)), (9, None), (7, None)]);
        let mut parts = page.by_cell(0).expect("parts");
        let mut seven = parts.remove("7").expect("its rows");
        assert_eq!((seven.len(), &seven.values[..]), (2, &[2, 1][..]));
        assert_eq!(seven.row(0).at(1), Cell::Real(1.0));
        seven.append(&parts.remove("9").expect("its rows"));
        assert_eq!((seven.len(), &seven.values[..]), (3, &[3, 1][..]));
        let valued = seven.filtered(|row| row.at(1) != Cell::Null);
        assert_eq!((valued.len(), &valued.values[..]), (1, &[1, 1][..]));
        assert!(parts.is_empty());
    }

    #[test]
    fn what_could_not_be_read_belongs_to_no_part() {
        assert!(rows(&[(7, None)]).by_cell(1).is_none(), "no value");
        let mut page = rows(&[(7, None)]);
        let reject = Reject {
            path: "T".into(),
            reason: "missing".into(),
        };
        page.problems.reject(reject, None);
        assert!(page.by_cell(0).is_none());
        for (column, has_parts) in [(0, false), (1, true)] {
            let mut page = rows(&[(7, None)]);
            page.repaired.insert((column, Repair::NotANumber), 1);
            assert_eq!(page.by_cell(0).is_some(), has_parts, "{column} is repaired");
        }
    }
}
