//! CSV as RFC 4180 has it: reading what people bring, writing what they take.
//!
//! The surprise: a text that a spreadsheet would take for a formula is written with an apostrophe in front and read
//! without it, so that `@@` comes back as it went and no label that somebody typed at the vendor is ever calculated.

use std::borrow::Cow;

use csv::{QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};

use super::grid::{Budget, Cell, Row, Sheet, SheetError};

/// What programs put in front of a file that is UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a text with commas, semicolons or tabs; its first line says which.
pub fn read(name: &str, bytes: Vec<u8>) -> Result<Sheet, SheetError> {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(&bytes);
    let text = utf8(name, bytes)?;
    if text.matches('"').count() % 2 == 1 {
        let message = "a quotation mark is opened and not closed";
        return Err(SheetError::at(name, None, message));
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let mut budget = Budget::default();
    let mut sheet = Sheet {
        name: name.to_owned(),
        typed: false,
        rows: Vec::new(),
    };
    let mut lines = Lines::of(text);
    for record in reader.records() {
        let record = record.map_err(|_| SheetError::at(name, None, "this is no CSV"))?;
        let number = lines.at(record.position().map_or(0, csv::Position::byte));
        let mut cells = Vec::new();
        for (column, field) in (0..).zip(&record) {
            if !field.trim().is_empty() {
                let cell = Cell::Text(bared(field).into_owned());
                budget.spend(name, number, &cell)?;
                cells.push((column, cell));
            }
        }
        if !cells.is_empty() {
            sheet.rows.push(Row { number, cells });
        }
    }
    Ok(sheet)
}

/// Counts lines on the way through a text: the reader's own count is off after empty lines.
struct Lines<'a> {
    text: &'a [u8],
    place: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            place: 0,
            line: 1,
        }
    }

    /// The line of the first row at or behind a place; places only grow.
    fn at(&mut self, place: u64) -> u32 {
        let wanted = usize::try_from(place).unwrap_or(usize::MAX);
        while let Some(byte) = self.text.get(self.place) {
            if self.place >= wanted && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u32::from(*byte == b'\n');
            self.place += 1;
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

/// The likeliest of the three that stand between values, by the first line with something in it.
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

/// CSV with commas, CRLF and every value in quotes, heads first.
pub fn write<'a>(heads: &[&str], rows: impl IntoIterator<Item = Vec<Option<&'a str>>>) -> String {
    let mut writer = WriterBuilder::new()
        .quote_style(QuoteStyle::Always)
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    let mut written = writer.write_record(heads);
    for row in rows {
        let fields = row.iter().map(|field| guarded(field.unwrap_or_default()));
        let fields: Vec<Cow<'_, str>> = fields.collect();
        written =
            written.and_then(|()| writer.write_record(fields.iter().map(|field| field.as_bytes())));
    }
    debug_assert!(
        written.is_ok(),
        "memory takes what is written, and all rows have as many values"
    );
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// With an apostrophe in front of what a spreadsheet may take for a formula.
fn guarded(text: &str) -> Cow<'_, str> {
    if looks_like_a_formula(text.trim_start_matches('\'')) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Without that apostrophe.
fn bared(text: &str) -> Cow<'_, str> {
    match text.strip_prefix('\'') {
        Some(rest) if looks_like_a_formula(rest.trim_start_matches('\'')) => Cow::Borrowed(rest),
        _ => Cow::Borrowed(text),
    }
}

fn looks_like_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests;
