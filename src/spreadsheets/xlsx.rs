//! Workbooks, read cell by cell, because the declared size of a sheet is not trusted.
//!
//! The surprise: the archive is first unpacked to nowhere, only to count the bytes. A few kilobytes can declare a small
//! size and unpack to gigabytes.

use std::io::{self, Cursor, Read as _};
use std::panic::{self, AssertUnwindSafe};

use calamine::{DataRef, Reader as _, SheetType, Xlsx, XlsxError};
use zip::ZipArchive;

use super::grid::{Sheet, SheetBudget, SheetCell, SheetError, SheetRow};

/// Limit for the unpacked archive, in bytes.
const MAX_UNPACKED: u64 = 128 << 20;

/// Limit for files in the archive; a workbook has one per sheet, and a dozen more.
const MAX_FILES: usize = 2_000;

/// Limit for sheets; there are 168 lists.
const MAX_SHEETS: usize = 1_000;

const DAMAGED: &str = "is damaged or not a workbook; save it again as .xlsx";

/// Reads all sheets with cells.
pub fn read(bytes: Vec<u8>) -> Result<Vec<Sheet>, SheetError> {
    refuse_bombs(&bytes)?;
    // calamine panics on some invalid numbers; its state is dropped.
    panic::catch_unwind(AssertUnwindSafe(|| sheets(bytes)))
        .unwrap_or_else(|_| Err(SheetError::of_file(DAMAGED)))
}

fn sheets(bytes: Vec<u8>) -> Result<Vec<Sheet>, SheetError> {
    let mut book =
        Xlsx::new(Cursor::new(bytes)).map_err(|error| SheetError::of_file(words(&error)))?;
    let sheets: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .collect();
    if sheets.len() > MAX_SHEETS {
        let message =
            format!("has more than {MAX_SHEETS} sheets; this is not a file of combo lists");
        return Err(SheetError::of_file(message));
    }
    let mut budget = SheetBudget::default();
    sheets
        .into_iter()
        .map(|name| read_sheet(&mut book, name, &mut budget))
        .collect()
}

fn read_sheet(
    book: &mut Xlsx<Cursor<Vec<u8>>>,
    name: String,
    budget: &mut SheetBudget,
) -> Result<Sheet, SheetError> {
    let mut row = None;
    let damaged = |row: Option<u32>, error: &XlsxError| SheetError::at(&name, row, words(error));
    let mut cells = book
        .worksheet_cells_reader(&name)
        .map_err(|error| damaged(None, &error))?;
    let mut placed: Vec<((u32, u32), SheetCell)> = Vec::new();
    while let Some(cell) = cells.next_cell().map_err(|error| damaged(row, &error))? {
        let (at, column) = cell.get_position();
        let number = at.saturating_add(1);
        row = Some(number);
        if let Some(cell) = cell_of(cell.get_value()) {
            budget.spend(&name, number, &cell)?;
            placed.push(((number, column), cell));
        }
    }
    drop(cells);
    placed.sort_by_key(|(position, _)| *position);
    let mut rows: Vec<SheetRow> = Vec::new();
    for ((number, column), cell) in placed {
        match rows.last_mut().filter(|row| row.number == number) {
            Some(row) => row.cells.push((column, cell)),
            None => rows.push(SheetRow {
                number,
                cells: vec![(column, cell)],
            }),
        }
    }
    Ok(Sheet {
        name,
        typed: true,
        rows,
    })
}

/// The content of a cell; `None` if it is empty or blank.
fn cell_of(value: &DataRef<'_>) -> Option<SheetCell> {
    let text = |text: &str| (!text.trim().is_empty()).then(|| SheetCell::Text(text.to_owned()));
    match value {
        DataRef::Empty => None,
        DataRef::String(written) => text(written),
        DataRef::SharedString(written) => text(written),
        DataRef::Int(number) => Some(SheetCell::Number(*number as f64)),
        DataRef::Float(number) => Some(SheetCell::Number(*number)),
        DataRef::Bool(value) => Some(SheetCell::Boolean(*value)),
        DataRef::DateTime(_) | DataRef::DateTimeIso(_) | DataRef::DurationIso(_) => {
            Some(SheetCell::Other("a date"))
        }
        DataRef::Error(_) => Some(SheetCell::Other("an error")),
    }
}

/// Unpacks to nowhere and counts the bytes.
fn refuse_bombs(bytes: &[u8]) -> Result<(), SheetError> {
    let damaged = || SheetError::of_file(DAMAGED);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    if archive.len() > MAX_FILES {
        let message =
            format!("holds more than {MAX_FILES} parts; this is not a file of combo lists");
        return Err(SheetError::of_file(message));
    }
    let mut left = MAX_UNPACKED;
    for number in 0..archive.len() {
        let part = archive.by_index(number).map_err(|_| damaged())?;
        let unpacked =
            io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(|_| damaged())?;
        left = left.checked_sub(unpacked).ok_or_else(|| {
            SheetError::of_file(format!(
                "unpacks to more than {} MiB; this is not a file of combo lists",
                MAX_UNPACKED >> 20
            ))
        })?;
    }
    Ok(())
}

/// An error message for the admin, without text of the file.
fn words(error: &XlsxError) -> String {
    match error {
        XlsxError::Password => "has a password; save it without one",
        XlsxError::FileNotFound(_) | XlsxError::RelationshipNotFound => {
            "is a zip archive but not a workbook; save it as .xlsx"
        }
        XlsxError::WorksheetNotFound(_) | XlsxError::NotAWorksheet(_) => {
            "this is not a sheet of cells"
        }
        XlsxError::CellTAttribute(_) | XlsxError::CellError(_) => {
            "a cell has an unknown type; open the file and save it again"
        }
        _ => "this is damaged; open the file and save it again as .xlsx",
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
