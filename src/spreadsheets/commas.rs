//! CSV by RFC 4180: reading and writing.
//!
//! The surprise: text that a spreadsheet could interpret as a formula is written with an apostrophe in front and read
//! without it, so that `@@` is unchanged after a round trip and no text from a vendor is ever evaluated.

use std::borrow::Cow;

use csv::{QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};

use super::grid::{Sheet, SheetBudget, SheetCell, SheetError, SheetRow};
use rollbook_core::model::formula::{escape_formula, unescape_formula};

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Reads CSV; the delimiter (comma, semicolon or tab) is detected in the first line.
pub fn read(name: &str, bytes: Vec<u8>) -> Result<Sheet, SheetError> {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(&bytes);
    let text = utf8(name, bytes)?;
    if text.matches('"').count() % 2 == 1 {
        let message = "a quotation mark is not closed";
        return Err(SheetError::at(name, None, message));
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let mut budget = SheetBudget::default();
    let mut sheet = Sheet {
        name: name.to_owned(),
        typed: false,
        rows: Vec::new(),
    };
    let mut lines = Lines::of(text);
    for record in reader.records() {
        let record = record.map_err(|_| SheetError::at(name, None, "this is not CSV"))?;
        let number = lines.at(record.position().map_or(0, csv::Position::byte));
        let mut cells = Vec::new();
        for (column, field) in (0..).zip(&record) {
            if !field.trim().is_empty() {
                let cell = SheetCell::Text(unescape_formula(field).into_owned());
                budget.spend(name, number, &cell)?;
                cells.push((column, cell));
            }
        }
        if !cells.is_empty() {
            sheet.rows.push(SheetRow { number, cells });
        }
    }
    Ok(sheet)
}

/// Maps byte offsets to line numbers: the reader's own count is wrong after empty lines.
struct Lines<'a> {
    text: &'a [u8],
    offset: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            offset: 0,
            line: 1,
        }
    }

    /// The line of the first row at or after an offset; offsets must not decrease.
    fn at(&mut self, offset: u64) -> u32 {
        let wanted = usize::try_from(offset).unwrap_or(usize::MAX);
        while let Some(byte) = self.text.get(self.offset) {
            if self.offset >= wanted && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u32::from(*byte == b'\n');
            self.offset += 1;
        }
        self.line
    }
}

fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, SheetError> {
    let wrong = |before: &[u8], message: &str| {
        let row = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        SheetError::at(name, u32::try_from(row).ok(), message)
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        wrong(before, "this is not UTF-8; save the file as \"CSV UTF-8\"")
    })?;
    match text.find('\0') {
        Some(at) => Err(wrong(&bytes[..at], "this is neither CSV nor a workbook")),
        None => Ok(text),
    }
}

/// The most likely delimiter, by the first line that is not blank.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let mut quoted = false;
    let (mut commas, mut semicolons, mut tabs) = (0, 0, 0);
    for letter in first.unwrap_or_default().chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => commas += 1,
            ';' if !quoted => semicolons += 1,
            '\t' if !quoted => tabs += 1,
            _ => {}
        }
    }
    if semicolons > commas && semicolons >= tabs {
        b';'
    } else if tabs > commas {
        b'\t'
    } else {
        b','
    }
}

/// Writes CSV with commas, CRLF and all values quoted, header first.
pub fn write<'a>(heads: &[&str], rows: impl IntoIterator<Item = Vec<Option<&'a str>>>) -> String {
    let mut writer = WriterBuilder::new()
        .quote_style(QuoteStyle::Always)
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    let mut written = writer.write_record(heads);
    for row in rows {
        let fields = row
            .iter()
            .map(|field| escape_formula(field.unwrap_or_default()));
        let fields: Vec<Cow<'_, str>> = fields.collect();
        written =
            written.and_then(|()| writer.write_record(fields.iter().map(|field| field.as_bytes())));
    }
    debug_assert!(
        written.is_ok(),
        "writing to memory succeeds, and all rows have the same length"
    );
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
