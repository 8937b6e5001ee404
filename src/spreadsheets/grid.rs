//! Sheets of cells, independent of the file format, and their limits.

use std::fmt;

use serde::Serialize;

/// Limit for cells that are not empty, in all sheets.
pub const MAX_CELLS: usize = 1_000_000;

/// Limit for the text of all cells, in bytes: cells may share one long text.
pub const MAX_TEXT: usize = 64 << 20;

/// Limit for row numbers; a list has some thousands of rows.
pub const MAX_ROW: u32 = 200_000;

/// The content of a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum SheetCell {
    /// A text, unchanged.
    Text(String),
    /// A number. Another program may have converted it from text.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Anything that is no list value: a date, an error.
    Other(&'static str),
}

/// A row that is not empty.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetRow {
    /// Its number as people count, from 1.
    pub number: u32,
    /// Columns from 0, and their cells, in order.
    pub cells: Vec<(u32, SheetCell)>,
}

/// One sheet; a CSV file is one too.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Its name; for CSV the file name without extension.
    pub name: String,
    /// Whether the format distinguishes numbers from text.
    pub typed: bool,
    /// Its rows in order.
    pub rows: Vec<SheetRow>,
}

/// A location in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SheetLocation {
    /// The sheet.
    pub sheet: Option<String>,
    /// The row, from 1.
    pub row: Option<u32>,
}

impl fmt::Display for SheetLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.sheet, self.row) {
            (Some(sheet), Some(row)) => write!(f, "sheet {sheet}, row {row}"),
            (Some(sheet), None) => write!(f, "sheet {sheet}"),
            (None, Some(row)) => write!(f, "row {row}"),
            (None, None) => f.write_str("the file"),
        }
    }
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", location_prefix(location))]
pub struct SheetError {
    /// Where.
    pub location: SheetLocation,
    /// What is wrong, and what to do.
    pub message: String,
}

/// The location as a prefix, unless it is the whole file.
fn location_prefix(location: &SheetLocation) -> String {
    if *location == SheetLocation::default() {
        return String::new();
    }
    format!("{location}: ")
}

impl SheetError {
    /// Something wrong with the whole file.
    pub fn of_file(message: impl Into<String>) -> Self {
        Self {
            location: SheetLocation::default(),
            message: message.into(),
        }
    }

    /// Something wrong at a location.
    pub fn at(sheet: &str, row: Option<u32>, message: impl Into<String>) -> Self {
        let location = SheetLocation {
            sheet: Some(sheet.to_owned()),
            row,
        };
        Self {
            location,
            message: message.into(),
        }
    }
}

/// Counts cells and text, and enforces the limits.
#[derive(Debug, Default)]
pub struct SheetBudget {
    cells: usize,
    text: usize,
}

impl SheetBudget {
    /// Counts one more cell.
    pub fn spend(&mut self, sheet: &str, row: u32, cell: &SheetCell) -> Result<(), SheetError> {
        self.cells += 1;
        if let SheetCell::Text(text) = cell {
            self.text += text.len();
        }
        let too_much = if row > MAX_ROW {
            format!("there are more than {MAX_ROW} rows")
        } else if self.cells > MAX_CELLS {
            format!("there are more than {MAX_CELLS} cells")
        } else if self.text > MAX_TEXT {
            format!("there are more than {} MiB of text", MAX_TEXT >> 20)
        } else {
            return Ok(());
        };
        let message = format!("{too_much}; this is not a file of combo lists");
        Err(SheetError::at(sheet, Some(row), message))
    }
}
