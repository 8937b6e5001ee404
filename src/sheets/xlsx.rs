//! Workbooks: cells one by one, so that no claim of a sheet about its size is believed.
//!
//! The surprise: the archive is unpacked once before anybody else looks at it, only to count what comes out. A few
//! kilobytes can claim to be small and unpack to gigabytes.

use std::io::{self, Cursor, Read as _};
use std::panic::{self, AssertUnwindSafe};

use calamine::{DataRef, Reader as _, SheetType, Xlsx, XlsxError};
use zip::ZipArchive;

use super::grid::{Budget, Cell, Row, Sheet, SheetError};

/// The most that an archive may unpack to, in bytes.
const MOST_UNPACKED: u64 = 128 << 20;

/// The most files in an archive; a workbook has one a sheet, and a dozen more.
const MOST_FILES: usize = 2_000;

/// The most sheets; there are 168 lists.
const MOST_SHEETS: usize = 1_000;

const DAMAGED: &str = "is damaged, or no workbook; save it again as .xlsx";

/// Reads all sheets with cells.
pub fn read(bytes: Vec<u8>) -> Result<Vec<Sheet>, SheetError> {
    refuse_bombs(&bytes)?;
    // The reader breaks off on some numbers that no spreadsheet writes; what it held goes with it.
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
    if sheets.len() > MOST_SHEETS {
        let message = format!("has more than {MOST_SHEETS} sheets; this is no file of combo lists");
        return Err(SheetError::of_file(message));
    }
    let mut budget = Budget::default();
    sheets
        .into_iter()
        .map(|name| read_sheet(&mut book, name, &mut budget))
        .collect()
}

fn read_sheet(
    book: &mut Xlsx<Cursor<Vec<u8>>>,
    name: String,
    budget: &mut Budget,
) -> Result<Sheet, SheetError> {
    let mut row = None;
    let damaged = |row: Option<u32>, error: &XlsxError| SheetError::at(&name, row, words(error));
    let mut cells = book
        .worksheet_cells_reader(&name)
        .map_err(|error| damaged(None, &error))?;
    let mut placed: Vec<((u32, u32), Cell)> = Vec::new();
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
    placed.sort_by_key(|(place, _)| *place);
    let mut rows: Vec<Row> = Vec::new();
    for ((number, column), cell) in placed {
        match rows.last_mut().filter(|row| row.number == number) {
            Some(row) => row.cells.push((column, cell)),
            None => rows.push(Row {
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

/// What stands in a cell; nothing when it is empty or blank.
fn cell_of(value: &DataRef<'_>) -> Option<Cell> {
    let text = |text: &str| (!text.trim().is_empty()).then(|| Cell::Text(text.to_owned()));
    match value {
        DataRef::Empty => None,
        DataRef::String(written) => text(written),
        DataRef::SharedString(written) => text(written),
        DataRef::Int(number) => Some(Cell::Number(*number as f64)),
        DataRef::Float(number) => Some(Cell::Number(*number)),
        DataRef::Bool(value) => Some(Cell::Boolean(*value)),
        DataRef::DateTime(_) | DataRef::DateTimeIso(_) | DataRef::DurationIso(_) => {
            Some(Cell::Other("a date"))
        }
        DataRef::Error(_) => Some(Cell::Other("an error")),
    }
}

/// Unpacks everything into nothing, and counts.
fn refuse_bombs(bytes: &[u8]) -> Result<(), SheetError> {
    let damaged = || SheetError::of_file(DAMAGED);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    if archive.len() > MOST_FILES {
        let message = format!("holds more than {MOST_FILES} parts; this is no file of combo lists");
        return Err(SheetError::of_file(message));
    }
    let mut left = MOST_UNPACKED;
    for number in 0..archive.len() {
        let part = archive.by_index(number).map_err(|_| damaged())?;
        let unpacked =
            io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(|_| damaged())?;
        left = left.checked_sub(unpacked).ok_or_else(|| {
            SheetError::of_file(format!(
                "unpacks to more than {} MiB; this is no file of combo lists",
                MOST_UNPACKED >> 20
            ))
        })?;
    }
    Ok(())
}

/// The reader's complaint in an admin's words; never with a text of the file.
fn words(error: &XlsxError) -> String {
    match error {
        XlsxError::Password => "has a password; save it without one",
        XlsxError::FileNotFound(_) | XlsxError::RelationshipNotFound => {
            "is no workbook, though it is packed like one; save it as .xlsx"
        }
        XlsxError::WorksheetNotFound(_) | XlsxError::NotAWorksheet(_) => {
            "this is no sheet of cells"
        }
        XlsxError::CellTAttribute(_) | XlsxError::CellError(_) => {
            "a cell is of a kind that is not known; open the file and save it again"
        }
        _ => "this is damaged; open the file and save it again as .xlsx",
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
