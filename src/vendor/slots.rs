//! The cells of the row that is being read: what was found so far for each column.
//!
//! A value may come before or after a better one, and members come in any order; a slot keeps the
//! best, already in the bytes that the row will have. Each kind accepts every spelling that the contracts list and rejects the rest:
//! webuntis-oneroster.md 4.3, wapi.md 9, wisenet.md 7.

use super::columns::{Column, Origin};
use super::tree::Leaf;
use crate::model::row::{Cell, Kind, Reject};
use crate::model::scalar::{self, Moment};

/// Longest text that a cell takes, in bytes (reliability.md 2.3).
const LONGEST_TEXT: usize = 1 << 20;

const UNSET: u8 = u8::MAX;

/// What was found for one column.
#[derive(Clone, Copy, Debug)]
struct Slot {
    rank: u8,
    /// Where its cell stands among the row's bytes; nothing there means null.
    start: usize,
    end: usize,
}

const EMPTY: Slot = Slot {
    rank: UNSET,
    start: 0,
    end: 0,
};

/// The row that is being read.
#[derive(Debug)]
pub struct Slots<'d> {
    columns: &'d [Column],
    nulls: &'d [String],
    slots: Vec<Slot>,
    /// Cells as [`Cell::write`] makes them, in the order in which they were found.
    bytes: Vec<u8>,
    reject: Option<Reject>,
}

impl<'d> Slots<'d> {
    /// Empty slots for these columns; `nulls` are texts that mean "no value".
    pub fn new(columns: &'d [Column], nulls: &'d [String]) -> Self {
        Self {
            columns,
            nulls,
            slots: vec![EMPTY; columns.len()],
            bytes: Vec::new(),
            reject: None,
        }
    }

    /// Forgets the row.
    pub fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.bytes.clear();
        self.reject = None;
    }

    /// Why the row cannot be taken, if so.
    pub fn take_reject(&mut self) -> Option<Reject> {
        self.reject.take()
    }

    /// Marks the row as one that cannot be taken; the first reason stays.
    pub fn refuse(&mut self, path: &str, reason: &str) {
        if self.reject.is_none() {
            self.reject = Some(Reject {
                path: path.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }

    /// Whether nothing was found for a column.
    pub fn is_null(&self, column: usize) -> bool {
        let slot = self.slots[column];
        slot.start == slot.end
    }

    /// Appends the cells of all columns to a row's bytes.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        // Members mostly come in the columns' order, so neighbours are copied in one go.
        let mut run = 0..0;
        for (slot, column) in self.slots.iter().zip(self.columns) {
            let constant = match &column.origin {
                Origin::Constant(text) => constant(text, column.kind),
                Origin::Paths(_) if slot.start < slot.end => {
                    if slot.start != run.end {
                        bytes.extend_from_slice(&self.bytes[run]);
                        run = slot.start..slot.start;
                    }
                    run.end = slot.end;
                    continue;
                }
                Origin::Paths(_) => Cell::Null,
            };
            bytes.extend_from_slice(&self.bytes[run]);
            run = 0..0;
            constant.write(bytes);
        }
        bytes.extend_from_slice(&self.bytes[run]);
    }

    /// Whether this place is no better than what the column has.
    pub fn has_better(&self, leaf: Leaf) -> bool {
        self.slots[leaf.column].rank <= leaf.rank
    }

    /// A text was found.
    pub fn text(&mut self, leaf: Leaf, text: &str) {
        if self.has_better(leaf) {
            return;
        }
        let column = &self.columns[leaf.column];
        if self.nulls.iter().any(|null| is_same(null, text)) {
            return;
        }
        match column.kind {
            Kind::Text => self.plain_text(leaf, text),
            Kind::Json => self.put_text(leaf, text),
            _ if text.trim().is_empty() => {}
            Kind::Integer => match whole(text.trim()) {
                Some(number) => self.integer_cell(leaf, number),
                None => self.mismatch(leaf, "a text that is no whole number"),
            },
            Kind::Real => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => self.put(leaf, Cell::Real(number)),
                Ok(_) => {} // wapi.md 9.8: not a number is no value
                Err(_) => self.mismatch(leaf, "a text that is no number"),
            },
            Kind::Boolean => match truth(text.trim()) {
                Some(truth) => self.put(leaf, Cell::Integer(i64::from(truth))),
                None => self.mismatch(leaf, "a text that is neither true nor false"),
            },
            Kind::Date => self.moment(leaf, scalar::date(text), "a text that is no date"),
            Kind::Timestamp => {
                self.moment(leaf, scalar::timestamp(text), "a text that is no timestamp")
            }
        }
    }

    /// A whole number was found.
    pub fn integer(&mut self, leaf: Leaf, number: i64) {
        if self.has_better(leaf) {
            return;
        }
        match self.columns[leaf.column].kind {
            Kind::Integer => self.integer_cell(leaf, number),
            Kind::Real => self.put(leaf, Cell::Real(number as f64)),
            Kind::Boolean if number == 0 || number == 1 => self.put(leaf, Cell::Integer(number)),
            Kind::Text => self.put_text(leaf, &number.to_string()),
            Kind::Boolean | Kind::Date | Kind::Timestamp | Kind::Json => {
                self.mismatch(leaf, "a number")
            }
        }
    }

    /// A number without a sign was found.
    pub fn unsigned(&mut self, leaf: Leaf, number: u64) {
        match i64::try_from(number) {
            Ok(number) => self.integer(leaf, number),
            Err(_) => self.real(leaf, number as f64),
        }
    }

    /// A number with decimals, or out of range for a whole one, was found.
    pub fn real(&mut self, leaf: Leaf, number: f64) {
        if self.has_better(leaf) {
            return;
        }
        match self.columns[leaf.column].kind {
            Kind::Real => self.put(leaf, Cell::Real(number)),
            Kind::Integer | Kind::Boolean if number.fract() == 0.0 && number.abs() < 9e15 => {
                self.integer(leaf, number as i64);
            }
            Kind::Text => self.put_text(leaf, &number.to_string()),
            _ => self.mismatch(leaf, "a number with decimals"),
        }
    }

    /// True or false was found.
    pub fn truth(&mut self, leaf: Leaf, truth: bool) {
        if self.has_better(leaf) {
            return;
        }
        match self.columns[leaf.column].kind {
            Kind::Boolean => self.put(leaf, Cell::Integer(i64::from(truth))),
            Kind::Text => self.put_text(leaf, if truth { "true" } else { "false" }),
            _ => self.mismatch(leaf, "true or false"),
        }
    }

    /// JSON in its one form was found.
    pub fn json(&mut self, leaf: Leaf, json: &str) {
        if !self.has_better(leaf) {
            self.put_text(leaf, json);
        }
    }

    /// Something was found that the column's kind cannot take.
    pub fn mismatch(&mut self, leaf: Leaf, found: &str) {
        if self.has_better(leaf) {
            return;
        }
        let column = &self.columns[leaf.column];
        let reason = format!("expected {}, found {found}", column.kind.word());
        let path = column.from.clone();
        self.refuse(&path, &reason);
    }

    fn plain_text(&mut self, leaf: Leaf, text: &str) {
        let shaping = self.columns[leaf.column].shaping;
        if shaping.lower {
            let text = text.trim();
            if text
                .bytes()
                .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
            {
                self.put_text(leaf, text); // as most vendors send it
            } else {
                self.put_text(leaf, &text.to_lowercase());
            }
        } else if shaping.guid {
            let digits: String = text.chars().filter(|letter| *letter != '-').collect();
            if digits.bytes().any(|digit| digit != b'0') {
                self.put_text(leaf, &digits.to_lowercase());
            }
        } else {
            self.put_text(leaf, text);
        }
    }

    fn integer_cell(&mut self, leaf: Leaf, number: i64) {
        if number != 0 || !self.columns[leaf.column].shaping.nonzero {
            self.put(leaf, Cell::Integer(number));
        }
    }

    fn moment(&mut self, leaf: Leaf, moment: Moment<'_>, wrong: &str) {
        match moment {
            Moment::Text(text) => self.put_text(leaf, &text),
            Moment::Unset => {}
            Moment::Not => self.mismatch(leaf, wrong),
        }
    }

    fn put_text(&mut self, leaf: Leaf, text: &str) {
        if text.len() > LONGEST_TEXT {
            return self.mismatch(leaf, "a text of more than 1 MiB");
        }
        self.put(leaf, Cell::Text(text));
    }

    fn put(&mut self, leaf: Leaf, cell: Cell<'_>) {
        let start = self.bytes.len();
        cell.write(&mut self.bytes);
        self.slots[leaf.column] = Slot {
            rank: leaf.rank,
            start,
            end: self.bytes.len(),
        };
    }
}

/// A constant in its column's kind; a text that is no whole number has no value there.
fn constant(text: &str, kind: Kind) -> Cell<'_> {
    match kind {
        Kind::Integer | Kind::Boolean => text.parse().map_or(Cell::Null, Cell::Integer),
        Kind::Real => text.parse().map_or(Cell::Null, Cell::Real),
        Kind::Text | Kind::Date | Kind::Timestamp | Kind::Json => Cell::Text(text),
    }
}

/// Whether two texts are the same. The processor stumbles over the address of an empty text, where no
/// memory is, when they are compared byte by byte; so they are not.
fn is_same(left: &str, right: &str) -> bool {
    left.len() == right.len() && (right.is_empty() || left == right)
}

/// A whole number, also written `3.0`.
fn whole(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().or_else(|| {
        let number = text.parse::<f64>().ok()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

/// webuntis-oneroster.md 3.1 and wisenet.md 7: every spelling of a boolean.
fn truth(text: &str) -> Option<bool> {
    const YES: [&str; 4] = ["true", "1", "y", "yes"];
    const NO: [&str; 4] = ["false", "0", "n", "no"];
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match (is(YES), is(NO)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}
