//! Sheets of cells, whatever kind of file they come from, and the limits of all of them.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use super::{commas, xlsx};

/// The largest file read, in bytes. The vendor's lists have some hundred kilobytes.
pub const LARGEST: u64 = 16 << 20;

/// The most cells with something in them, of all sheets.
pub const MOST_CELLS: usize = 1_000_000;

/// The most text in all cells together, in bytes: one long text may stand in many cells.
pub const MOST_TEXT: usize = 64 << 20;

/// The last row that is read; a list has some thousands.
pub const LAST_ROW: u32 = 200_000;

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A text, to the letter.
    Text(String),
    /// A number. What it was before somebody's program took it for one, nobody knows.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Something that is no value of a list: a date, an error.
    Other(&'static str),
}

/// A row with something in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number as people count, from 1.
    pub number: u32,
    /// Columns from 0, with what stands there, in their order.
    pub cells: Vec<(u32, Cell)>,
}

/// One sheet; a CSV file is one too.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Its name; the file's, without ending, where it has none of its own.
    pub name: String,
    /// Whether numbers and texts are told apart.
    pub typed: bool,
    /// Its rows in order.
    pub rows: Vec<Row>,
}

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The sheet.
    pub sheet: Option<String>,
    /// The row, from 1.
    pub row: Option<u32>,
}

impl fmt::Display for Place {
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
#[error("{}{message}", in_front(place))]
pub struct SheetError {
    /// Where.
    pub place: Place,
    /// What is wrong, and what to do.
    pub message: String,
}

/// The place, where it is not the whole file.
fn in_front(place: &Place) -> String {
    if *place == Place::default() {
        return String::new();
    }
    format!("{place}: ")
}

impl SheetError {
    /// Something wrong with the whole file.
    pub fn of_file(message: impl Into<String>) -> Self {
        Self {
            place: Place::default(),
            message: message.into(),
        }
    }

    /// Something wrong in a place.
    pub fn at(sheet: &str, row: Option<u32>, message: impl Into<String>) -> Self {
        let place = Place {
            sheet: Some(sheet.to_owned()),
            row,
        };
        Self {
            place,
            message: message.into(),
        }
    }
}

/// Counts what was read, and stops where it is too much.
#[derive(Debug, Default)]
pub struct Budget {
    cells: usize,
    text: usize,
}

impl Budget {
    /// One more cell.
    pub fn spend(&mut self, sheet: &str, row: u32, cell: &Cell) -> Result<(), SheetError> {
        self.cells += 1;
        if let Cell::Text(text) = cell {
            self.text += text.len();
        }
        let too_much = if row > LAST_ROW {
            format!("there are more than {LAST_ROW} rows")
        } else if self.cells > MOST_CELLS {
            format!("there are more than {MOST_CELLS} cells")
        } else if self.text > MOST_TEXT {
            format!("there are more than {} MiB of text", MOST_TEXT >> 20)
        } else {
            return Ok(());
        };
        let message = format!("{too_much}; this is no file of combo lists");
        Err(SheetError::at(sheet, Some(row), message))
    }
}

/// Reads a workbook (`.xlsx`) or CSV; which of them it is, its first bytes say.
pub fn read(path: &Path) -> Result<Vec<Sheet>, SheetError> {
    let unreadable = |error: std::io::Error| {
        SheetError::of_file(format!("cannot be read: {}", crate::folder::plain(&error)))
    };
    let is_file = std::fs::metadata(path).map_err(unreadable)?.is_file();
    if !is_file {
        return Err(SheetError::of_file("is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy());
    of_bytes(&name.unwrap_or_default(), bytes)
}

/// The same of a file's bytes; `name` is what a sheet without a name is called.
pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Result<Vec<Sheet>, SheetError> {
    if bytes.len() as u64 > LARGEST {
        let message = format!("is larger than {} MiB", LARGEST >> 20);
        return Err(SheetError::of_file(message));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return xlsx::read(bytes);
    }
    if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(SheetError::of_file(
            "is a workbook of the old kind, or one with a password; save it as .xlsx without one",
        ));
    }
    commas::read(name, bytes).map(|sheet| vec![sheet])
}
