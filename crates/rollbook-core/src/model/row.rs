//! A row on its way from the vendor to the table: typed cells in one byte buffer.
//!
//! Neither a map nor a struct: a page of a thousand rows is one buffer, so reading allocates nothing per value, the
//! fingerprint is one pass over the bytes, and staging a page is one write. Only the process that wrote these bytes
//! reads them, in the same run, so their format may change from release to release; the *fingerprint* of them may not,
//! because a change would rewrite every mirror once.

mod by_cell;
mod problems;

use std::collections::BTreeMap;
use std::ops::Range;

pub use self::problems::{NamedProblem, ProblemAt, Reject, RowProblems};

use serde_json::Value;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Real,
    /// 0 or 1.
    Boolean,
    /// Text `YYYY-MM-DD`.
    Date,
    /// Text `YYYY-MM-DDTHH:MM:SS.sssZ`, UTC.
    Timestamp,
    /// Text: JSON with sorted members and no blanks.
    Json,
}

impl Kind {
    /// The name of the type in a connector.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Json => "json",
        }
    }
}

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Integers and booleans.
    Integer(i64),
    /// Reals.
    Real(f64),
    /// Everything that is text in the table.
    Text(&'a str),
    /// Not usable in this row: the stored value stays, and a new row has none. It is never written to a table.
    Keep,
}

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const KEEP: u8 = 4;

impl<'a> Cell<'a> {
    /// Appends the cell to a row's bytes.
    pub fn write(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Null => bytes.push(NULL),
            Self::Keep => bytes.push(KEEP),
            Self::Integer(number) => {
                bytes.push(INTEGER);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            Self::Real(number) => {
                bytes.push(REAL);
                // SQLite stores -0.0 as 0: a row that is read back is the one that was written.
                let number = number + 0.0;
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            Self::Text(text) => {
                let [a, b, c, d] = (text.len() as u32).to_le_bytes();
                bytes.extend_from_slice(&[TEXT, a, b, c, d]);
                bytes.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// The text, if it is one.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Keep | Self::Integer(_) | Self::Real(_) => None,
        }
    }

    /// The value in JSON: booleans and JSON columns as such, everything else as it is stored.
    pub fn json(self, kind: Kind) -> Value {
        match (kind, self) {
            (_, Self::Null | Self::Keep) => Value::Null,
            (Kind::Boolean, Self::Integer(number)) => Value::Bool(number != 0),
            (_, Self::Integer(number)) => number.into(),
            (_, Self::Real(number)) => number.into(),
            (Kind::Json, Self::Text(text)) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            }
            (_, Self::Text(text)) => text.into(),
        }
    }

    /// The value as text, as a group's name or a variable's value; nothing for null.
    pub fn plain(self) -> Option<String> {
        match self {
            Self::Null | Self::Keep => None,
            Self::Integer(number) => Some(number.to_string()),
            Self::Real(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.to_owned()),
        }
    }
}

/// The cells of one row, in the order of the columns.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a>(&'a [u8]);

impl<'a> Cells<'a> {
    /// Cells in bytes that `Cell::write` made.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes themselves.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The cell of one column; null past the end.
    pub fn at(self, column: usize) -> Cell<'a> {
        self.after(column).next().unwrap_or(Cell::Null)
    }

    /// A number that stays the same across releases and machines while the row does.
    pub fn fingerprint(self) -> i64 {
        xxhash_rust::xxh3::xxh3_64(self.0) as i64
    }

    /// The same for some of its columns: the number of a key, in this run only.
    pub fn fingerprint_of(self, columns: &[usize]) -> u64 {
        columns.iter().fold(0, |so_far, column| {
            xxhash_rust::xxh3::xxh3_64_with_seed(self.bytes_at(*column), so_far)
        })
    }

    /// The bytes of one cell; none past the end.
    pub fn bytes_at(self, column: usize) -> &'a [u8] {
        let rest = self.after(column).0;
        &rest[..length_of_first(rest).unwrap_or(0)]
    }

    /// Adds one to the count of each column that has a value other than null.
    pub fn count_values(self, counts: &mut [u8]) {
        let mut rest = self.0;
        for count in counts {
            let Some(length) = length_of_first(rest) else {
                return;
            };
            *count += u8::from(rest[0] != NULL);
            rest = &rest[length..];
        }
    }

    /// Without its first cells, which are stepped over unread.
    fn after(self, cells: usize) -> Self {
        let mut rest = self.0;
        for _ in 0..cells {
            rest = &rest[length_of_first(rest).unwrap_or(0)..];
        }
        Self(rest)
    }
}

/// A cell as it lies in a row: a text is not looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawCell<'a> {
    /// No value.
    Null,
    /// As [`Cell::Keep`].
    Keep,
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text, in UTF-8.
    Text(&'a [u8]),
}

impl<'a> RawCell<'a> {
    /// The cell; `None` for a text that is not UTF-8.
    pub fn cell(self) -> Option<Cell<'a>> {
        Some(match self {
            Self::Null => Cell::Null,
            Self::Keep => Cell::Keep,
            Self::Integer(number) => Cell::Integer(number),
            Self::Real(number) => Cell::Real(number),
            Self::Text(text) => Cell::Text(std::str::from_utf8(text).ok()?),
        })
    }
}

impl<'a> From<Cell<'a>> for RawCell<'a> {
    fn from(cell: Cell<'a>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Keep => Self::Keep,
            Cell::Integer(number) => Self::Integer(number),
            Cell::Real(number) => Self::Real(number),
            Cell::Text(text) => Self::Text(text.as_bytes()),
        }
    }
}

impl<'a> Cells<'a> {
    /// The same cells for what compares and stores them only.
    pub fn raw(self) -> RawCells<'a> {
        RawCells(self.0)
    }

    /// As [`Cells::at`].
    pub fn raw_at(self, column: usize) -> RawCell<'a> {
        self.after(column).raw().next().unwrap_or(RawCell::Null)
    }
}

/// The cells of one row, unlooked at.
#[derive(Clone, Copy, Debug)]
pub struct RawCells<'a>(&'a [u8]);

impl<'a> Iterator for RawCells<'a> {
    type Item = RawCell<'a>;

    fn next(&mut self) -> Option<RawCell<'a>> {
        let (tag, rest) = self.0.split_first()?;
        let (cell, rest) = match *tag {
            INTEGER => {
                let (number, rest) = rest.split_first_chunk::<8>()?;
                (RawCell::Integer(i64::from_le_bytes(*number)), rest)
            }
            REAL => {
                let (number, rest) = rest.split_first_chunk::<8>()?;
                (RawCell::Real(f64::from_le_bytes(*number)), rest)
            }
            TEXT => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                (RawCell::Text(text), rest)
            }
            KEEP => (RawCell::Keep, rest),
            _ => (RawCell::Null, rest),
        };
        self.0 = rest;
        Some(cell)
    }
}

/// How many bytes the first cell takes; none when there is no whole one.
fn length_of_first(bytes: &[u8]) -> Option<usize> {
    let (tag, rest) = bytes.split_first()?;
    let length = match *tag {
        INTEGER | REAL => 9,
        TEXT => 5 + u32::from_le_bytes(*rest.first_chunk::<4>()?) as usize,
        _ => 1,
    };
    (length <= bytes.len()).then_some(length)
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    fn next(&mut self) -> Option<Cell<'a>> {
        let mut raw = self.raw();
        let cell = raw.next()?.cell()?;
        self.0 = raw.0;
        Some(cell)
    }
}

/// How a value was changed before it was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// Characters that a text cannot hold (an unpaired surrogate, U+0000, bytes that are not UTF-8) became U+FFFD.
    Replaced,
    /// The row has the member more than once with different values; the last one was taken.
    Repeated,
    /// NaN or Infinity where a number is expected: no value.
    NotANumber,
    /// A time with a zone where a day is expected, and not at midnight: the day as written was taken.
    AmbiguousDay,
}

impl Repair {
    /// Whether something of what the vendor sent is not in the mirror.
    pub fn loses_something(self) -> bool {
        matches!(self, Self::Replaced | Self::Repeated)
    }

    /// The text in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "damaged characters in a text were replaced by U+FFFD",
            Self::Repeated => "the member occurs more than once; the last value was used",
            Self::NotANumber => "NaN or Infinity was stored as null",
            Self::AmbiguousDay => {
                "a time with a zone that is not midnight was cut to its date as written; set `time_zone` in the connector to convert it"
            }
        }
    }
}

/// What becomes of a received row because of erased people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowEdit {
    /// Nothing.
    Keep,
    /// It is of an erased person.
    Suppress,
    /// It mentions one and gets other cells.
    Replace,
}

/// The rows of one page.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// That of each row.
    fingerprints: Vec<i64>,
    /// Rows that could not be taken, and cells that could not be read.
    pub problems: RowProblems,
    /// How many values other than null each column has in the rows that were taken; empty for an answer without a list.
    pub values: Vec<u32>,
    /// Values that were repaired before they were accepted: how many, by column number and repair.
    pub repaired: BTreeMap<(u32, Repair), u64>,
    /// Rows that hold at least one [`Cell::Keep`], ascending.
    partial: Vec<u32>,
    /// Rows that represent a reject: only their key is valid. Ascending.
    present_only: Vec<u32>,
    /// Rows of erased people: they count as received, and nothing of them is stored. Ascending.
    suppressed: Vec<u32>,
}

impl Rows {
    /// An empty page with room for this many bytes.
    pub fn with_room(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// Adds a row: `write` appends its cells.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.ends.push(self.bytes.len() as u32);
        self.fingerprints
            .push(Cells(&self.bytes[start..]).fingerprint());
    }

    /// Adds a row with at least one [`Cell::Keep`].
    pub fn push_partial(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.partial.push(self.ends.len() as u32);
        self.push(write);
    }

    /// Adds the key of a reject and returns the number of its row; all other cells are [`Cell::Keep`].
    pub fn push_present(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> u32 {
        let number = self.ends.len() as u32;
        self.present_only.push(number);
        self.push(write);
        number
    }

    /// Whether a row holds a [`Cell::Keep`].
    pub fn is_partial(&self, number: usize) -> bool {
        self.partial.binary_search(&(number as u32)).is_ok()
    }

    /// Whether a row only records that its key is in the list.
    pub fn is_present_only(&self, number: usize) -> bool {
        self.present_only.binary_search(&(number as u32)).is_ok()
    }

    /// Whether a row is of an erased person.
    pub fn is_suppressed(&self, number: usize) -> bool {
        self.suppressed.binary_search(&(number as u32)).is_ok()
    }

    /// How many rows are of erased people.
    pub fn suppressed(&self) -> usize {
        self.suppressed.len()
    }

    /// Marks rows as those of erased people, and replaces the cells of others: `change` gets the number of each row, and
    /// for a row that it replaces it writes all cells.
    pub fn suppress(&mut self, mut change: impl FnMut(Cells<'_>, &mut Vec<u8>) -> RowEdit) {
        let mut bytes: Option<Vec<u8>> = None;
        let mut ends = Vec::new();
        let mut other = Vec::new();
        for number in 0..self.ends.len() {
            let range = self.range(number);
            other.clear();
            let row = &self.bytes[range.clone()];
            let found = change(Cells(row), &mut other);
            if found == RowEdit::Suppress {
                self.suppressed.push(number as u32);
            }
            if found == RowEdit::Replace && bytes.is_none() {
                bytes = Some(self.bytes[..range.start].to_vec());
                ends.extend_from_slice(&self.ends[..number]);
            }
            if let Some(bytes) = &mut bytes {
                bytes.extend_from_slice(match found {
                    RowEdit::Replace => &other,
                    RowEdit::Keep | RowEdit::Suppress => row,
                });
                ends.push(bytes.len() as u32);
            }
        }
        if let Some(bytes) = bytes {
            (self.bytes, self.ends) = (bytes, ends);
            self.fingerprint_all();
        }
    }

    fn fingerprint_all(&mut self) {
        self.fingerprints = self.iter().map(Cells::fingerprint).collect();
    }

    /// How many rows represent a reject with a readable key.
    pub fn present_only(&self) -> usize {
        self.present_only.len()
    }

    /// How many rows there are, including those that represent a reject.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes the values take.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether there are rows, and nothing to report or to look up about any of them.
    pub fn is_plain(&self) -> bool {
        let marked = [&self.partial, &self.present_only, &self.suppressed];
        !self.is_empty()
            && marked.iter().all(|rows| rows.is_empty())
            && self.problems.is_empty()
            && self.repaired.is_empty()
    }

    /// How many rows the page held, rejected ones too.
    pub fn received(&self) -> usize {
        self.ends.len() + self.problems.unidentified() as usize
    }

    /// The rows from `count` on, which this page then lacks; of a page without rejects. What is counted by column stays here.
    pub fn split_off(&mut self, count: usize) -> Self {
        let mut rest = Self::default();
        if count < self.ends.len() {
            let start = self.range(count).start;
            rest.bytes = self.bytes.split_off(start);
            let ends = self.ends.split_off(count).into_iter();
            rest.ends = ends.map(|end| end - start as u32).collect();
            rest.fingerprints = self.fingerprints.split_off(count);
            let at = self.partial.partition_point(|row| (*row as usize) < count);
            let partial = self.partial.split_off(at).into_iter();
            rest.partial = partial.map(|row| row - count as u32).collect();
            let at = self
                .suppressed
                .partition_point(|row| (*row as usize) < count);
            let suppressed = self.suppressed.split_off(at).into_iter();
            rest.suppressed = suppressed.map(|row| row - count as u32).collect();
        }
        rest
    }

    /// One row.
    pub fn row(&self, number: usize) -> Cells<'_> {
        Cells(&self.bytes[self.range(number)])
    }

    /// All rows in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Cells<'_>> + ExactSizeIterator {
        (0..self.len()).map(|number| self.row(number))
    }

    /// The fingerprint of each row.
    pub fn fingerprints(&self) -> &[i64] {
        &self.fingerprints
    }

    /// The cells of all rows, one behind the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the cells of all rows out, to be given back before any is looked at.
    pub fn take_cells(&mut self) -> Vec<u8> {
        let lists = [&mut self.ends, &mut self.partial, &mut self.present_only].map(std::mem::take);
        self.fingerprints = Vec::new();
        let mut packed = std::mem::take(&mut self.bytes);
        for list in lists.iter().rev() {
            let numbers = list.iter().flat_map(|number| number.to_le_bytes());
            packed.extend(numbers);
            packed.extend_from_slice(&(list.len() as u32).to_le_bytes());
        }
        packed
    }

    /// Gives back what [`Rows::take_cells`] took.
    pub fn give_cells(&mut self, mut packed: &[u8]) {
        for list in [&mut self.ends, &mut self.partial, &mut self.present_only] {
            let Some((rest, length)) = packed.split_last_chunk::<4>() else {
                return;
            };
            let bytes = u32::from_le_bytes(*length) as usize * 4;
            let Some(start) = rest.len().checked_sub(bytes) else {
                return;
            };
            let (rest, numbers) = rest.split_at(start);
            let numbers = numbers.as_chunks::<4>().0.iter();
            *list = numbers.map(|number| u32::from_le_bytes(*number)).collect();
            packed = rest;
        }
        self.bytes = packed.to_vec();
        self.fingerprint_all();
    }

    /// Gives back the room that was not filled: rows wait for those before them.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.fingerprints.shrink_to_fit();
    }

    fn range(&self, number: usize) -> Range<usize> {
        let start = if number == 0 {
            0
        } else {
            self.ends[number - 1] as usize
        };
        start..self.ends[number] as usize
    }
}

#[cfg(test)]
mod tests;
