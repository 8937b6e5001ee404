//! The cells of the row that is being read: what was found so far for each column.
//!
//! A worse value may be followed by a better one, and members have any order; a slot keeps the best, already in the
//! bytes of the row. Each type accepts every format that the contracts list and rejects the rest:
//! webuntis-oneroster.md 4.3, wapi.md 9, wisenet.md 7.

use jiff::tz::TimeZone;

use super::columns::{Column, ColumnSource, EpochUnit};
use super::mask::{self, PseudonymKey};
use super::repair;
use super::tree::Leaf;
use crate::model::row::{Cell, Kind, Repair};
use crate::model::scalar::{self, ParsedTime};

/// Longest text that a cell takes, in bytes (reliability.md 2.3).
pub(super) const MAX_TEXT: usize = 1 << 20;

/// Hex digits of a GUID.
const GUID: usize = 32;

const UNSET: u8 = u8::MAX;

/// What was found for one column.
#[derive(Clone, Copy, Debug)]
struct Slot {
    rank: u8,
    /// The range of its cell in the row's bytes; empty means null.
    start: usize,
    end: usize,
}

const EMPTY: Slot = Slot {
    rank: UNSET,
    start: 0,
    end: 0,
};

/// Something that a column's kind cannot take.
#[derive(Debug)]
struct Mismatch {
    leaf: Leaf,
    found: &'static str,
}

/// What has no value in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// Has none in the table either.
    Null,
    /// Keeps what the table has: the row is in its short form.
    Keep,
}

/// The row that is being read.
#[derive(Debug)]
pub struct Slots<'d> {
    columns: &'d [Column],
    nulls: &'d [String],
    zone: Option<&'d TimeZone>,
    pseudonyms: Option<&'d PseudonymKey>,
    slots: Vec<Slot>,
    /// Cells as [`Cell::write`] makes them, in the order in which they were found.
    bytes: Vec<u8>,
    mismatches: Vec<Mismatch>,
    repairs: Vec<(usize, Repair)>,
    /// The response went through `repair.rs`: texts with escapes may hold its marks.
    pub repaired: bool,
    /// A number needs its own digits, which only a repaired response has.
    pub needs_digits: bool,
    /// JSON that is kept contains a damaged text: only a repaired response can be read there.
    pub needs_repair: bool,
}

impl<'d> Slots<'d> {
    /// Empty slots for these columns; `nulls` are texts that mean "no value", `zone` is where a time belongs to a day.
    pub fn new(
        columns: &'d [Column],
        nulls: &'d [String],
        zone: Option<&'d TimeZone>,
        pseudonyms: Option<&'d PseudonymKey>,
    ) -> Self {
        Self {
            columns,
            nulls,
            zone,
            pseudonyms,
            slots: vec![EMPTY; columns.len()],
            bytes: Vec::new(),
            mismatches: Vec::new(),
            repairs: Vec::new(),
            repaired: false,
            needs_digits: false,
            needs_repair: false,
        }
    }

    /// Forgets the row.
    pub fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.bytes.clear();
        self.mismatches.clear();
        self.repairs.clear();
    }

    /// The repairs of the row, by column.
    pub fn repairs(&self) -> &[(usize, Repair)] {
        &self.repairs
    }

    /// Whether nothing was found for a column.
    pub fn is_null(&self, column: usize) -> bool {
        let slot = self.slots[column];
        slot.start == slot.end
    }

    /// Why a column's value cannot be read, where something is there and nothing else gave a value.
    pub fn unreadable(&self, column: usize) -> Option<String> {
        let first = self
            .mismatches
            .iter()
            .filter(|mismatch| mismatch.leaf.column == column)
            .min_by_key(|mismatch| mismatch.leaf.rank)?;
        self.is_null(column).then(|| {
            let kind = self.columns[column].kind.as_str();
            format!("expected {kind}, found {}", first.found)
        })
    }

    /// The columns whose values cannot be read, ascending.
    pub fn all_unreadable(&self) -> Vec<usize> {
        let mut columns: Vec<usize> = self
            .mismatches
            .iter()
            .map(|mismatch| mismatch.leaf.column)
            .filter(|column| self.is_null(*column))
            .collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Whether something was found that could not be read.
    pub fn has_mismatches(&self) -> bool {
        !self.mismatches.is_empty()
    }

    /// Whether the column has a value from a path of the same or a better rank.
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
            match column.shaping {
                _ if text.is_empty() => return,
                shaping if shaping.verbatim => {}
                shaping if shaping.required => {
                    return self.mismatch(leaf, "a word that means \"no value\"");
                }
                _ => return,
            }
        }
        match column.kind {
            Kind::Text => self.plain_text(leaf, text),
            Kind::Json => self.put_text(leaf, text),
            _ if text.trim().is_empty() => {}
            Kind::Integer => match repair::whole(text.trim()) {
                Ok(number) => self.integer_cell(leaf, number),
                Err(found) => self.mismatch(leaf, found),
            },
            Kind::Real => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => self.put(leaf, Cell::Real(number)),
                Ok(_) => {} // wapi.md 9 rule 8: not a number is no value
                Err(_) => self.mismatch(leaf, "a text that is not a number"),
            },
            Kind::Boolean => match truth(text.trim()) {
                Some(truth) => self.put(leaf, Cell::Integer(i64::from(truth))),
                None => self.mismatch(leaf, "a text that is neither true nor false"),
            },
            Kind::Date | Kind::Timestamp if column.shaping.epoch.is_some() => {
                match repair::whole(text.trim()) {
                    Ok(number) => self.since_1970(leaf, number),
                    Err(found) => self.mismatch(leaf, found),
                }
            }
            Kind::Date => {
                let day = scalar::date(text, self.zone);
                self.time(leaf, day.value, "a text that is not a date");
                if day.is_ambiguous {
                    self.note(leaf, Repair::AmbiguousDay);
                }
            }
            Kind::Timestamp => self.time(
                leaf,
                scalar::timestamp(text),
                "a text that is not a timestamp",
            ),
        }
    }

    /// A text with escapes was found. Only these can hold U+0000 or a mark of `repair.rs`.
    pub fn escaped_text(&mut self, leaf: Leaf, text: &str) {
        if self.has_better(leaf) {
            return;
        }
        if self.repaired {
            if text == repair::NOT_A_NUMBER {
                return self.not_a_number(leaf);
            }
            if let Some(digits) = text.strip_prefix(repair::DIGITS) {
                return self.digits(leaf, digits);
            }
        }
        let is_odd = text.contains('\0') || self.repaired && repair::is_odd(text);
        if !is_odd {
            return self.text(leaf, text);
        }
        self.text(leaf, &repair::plain(text));
        self.note(leaf, Repair::Replaced);
    }

    /// A number was found as its digits.
    fn digits(&mut self, leaf: Leaf, digits: &str) {
        match self.columns[leaf.column].kind {
            Kind::Text => self.plain_text(leaf, digits),
            Kind::Json => {
                let mut json = String::new();
                repair::number_as_json(digits, &mut json);
                self.put_text(leaf, &json);
            }
            Kind::Integer | Kind::Boolean => match repair::whole(digits) {
                Ok(number) => self.integer(leaf, number),
                Err(found) => self.mismatch(leaf, found),
            },
            Kind::Real => {
                // With the same parser as in a response without repair: another one may round differently.
                let number = serde_json::from_str(digits).ok().or(digits.parse().ok());
                match number.filter(|number: &f64| number.is_finite()) {
                    Some(number) => self.put(leaf, Cell::Real(number)),
                    None => self.mismatch(leaf, "a number that is too large"),
                }
            }
            Kind::Date | Kind::Timestamp => match repair::whole(digits) {
                Ok(number) => self.integer(leaf, number),
                Err(found) => self.mismatch(leaf, found),
            },
        }
    }

    /// NaN or Infinity was found.
    fn not_a_number(&mut self, leaf: Leaf) {
        match self.columns[leaf.column].kind {
            // wapi.md 9 rule 8: not a number is no value.
            Kind::Real | Kind::Json => self.repairs.push((leaf.column, Repair::NotANumber)),
            _ => self.mismatch(leaf, "NaN or Infinity"),
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
            Kind::Date | Kind::Timestamp => self.since_1970(leaf, number),
            Kind::Boolean | Kind::Json => self.mismatch(leaf, "a number"),
        }
    }

    /// A number in a column of times: seconds or milliseconds since 1970, where the connector says so.
    fn since_1970(&mut self, leaf: Leaf, number: i64) {
        let column = &self.columns[leaf.column];
        let milliseconds = match column.shaping.epoch {
            None => return self.mismatch(leaf, "a number"),
            Some(_) if number == 0 && column.shaping.nonzero => return,
            Some(EpochUnit::Seconds) => number.saturating_mul(1000),
            Some(EpochUnit::Milliseconds) => number,
        };
        // As .NET writes it, so that both are read alike.
        let text = format!("/Date({milliseconds})/");
        match column.kind {
            Kind::Date => {
                let day = scalar::date(&text, self.zone.or(Some(&TimeZone::UTC)));
                self.time(leaf, day.value, "a number that is no time");
            }
            _ => self.time(leaf, scalar::timestamp(&text), "a number that is no time"),
        }
    }

    /// An unsigned number was found.
    pub fn unsigned(&mut self, leaf: Leaf, number: u64) {
        if let Ok(number) = i64::try_from(number) {
            return self.integer(leaf, number);
        }
        if self.has_better(leaf) {
            return;
        }
        match self.columns[leaf.column].kind {
            Kind::Text => self.put_text(leaf, &number.to_string()),
            Kind::Real => self.put(leaf, Cell::Real(number as f64)),
            Kind::Integer => self.mismatch(leaf, "a whole number of more than 64 bits"),
            Kind::Boolean | Kind::Date | Kind::Timestamp | Kind::Json => {
                self.mismatch(leaf, "a number")
            }
        }
    }

    /// A number with decimals, or beyond 64 bits, was found, perhaps rounded.
    pub fn real(&mut self, leaf: Leaf, number: f64) {
        if self.has_better(leaf) {
            return;
        }
        match self.columns[leaf.column].kind {
            Kind::Real => self.put(leaf, Cell::Real(number)),
            Kind::Text | Kind::Integer | Kind::Boolean => self.needs_digits = true,
            // The fraction of a second is of no use.
            Kind::Date | Kind::Timestamp
                if self.columns[leaf.column].shaping.epoch.is_some() && number.abs() < 1e15 =>
            {
                self.since_1970(leaf, number as i64);
            }
            Kind::Date | Kind::Timestamp | Kind::Json => self.mismatch(leaf, "a number"),
        }
    }

    /// True or false was found.
    pub fn boolean(&mut self, leaf: Leaf, truth: bool) {
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
    pub fn mismatch(&mut self, leaf: Leaf, found: &'static str) {
        if !self.has_better(leaf) {
            self.mismatches.push(Mismatch { leaf, found });
        }
    }

    /// The value that was just found was repaired.
    pub fn note(&mut self, leaf: Leaf, repair: Repair) {
        if self.slots[leaf.column].rank == leaf.rank {
            self.repairs.push((leaf.column, repair));
        }
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
            let is_part = |letter: &char| !matches!(letter, '-' | '{' | '}');
            let digits: String = text.trim().chars().filter(is_part).collect();
            if digits.len() != GUID || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return self.mismatch(leaf, "a text that is not a GUID");
            }
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

    fn time(&mut self, leaf: Leaf, time: ParsedTime<'_>, wrong: &'static str) {
        match time {
            ParsedTime::Text(text) => self.put_text(leaf, &text),
            ParsedTime::Unset => {}
            ParsedTime::Invalid => self.mismatch(leaf, wrong),
        }
    }

    fn put_text(&mut self, leaf: Leaf, text: &str) {
        if text.len() > MAX_TEXT {
            return self.mismatch(leaf, "a text of more than 1 MiB");
        }
        self.put(leaf, Cell::Text(text));
    }

    fn put(&mut self, leaf: Leaf, cell: Cell<'_>) {
        if !self.repairs.is_empty() {
            // A repair of a value that a better one replaces does not matter.
            self.repairs.retain(|(column, _)| *column != leaf.column);
        }
        let start = self.bytes.len();
        let column = &self.columns[leaf.column];
        match column.masking {
            None => cell.write(&mut self.bytes),
            Some(masking) => {
                let kind = (column.kind, column.shaping.set);
                mask::write(masking, self.pseudonyms, kind, cell, &mut self.bytes);
            }
        }
        self.slots[leaf.column] = Slot {
            rank: leaf.rank,
            start,
            end: self.bytes.len(),
        };
    }
}

/// The cells of a member before the row repeated it.
#[derive(Debug)]
pub struct PreviousCells(Vec<(Leaf, Vec<u8>)>);

impl Slots<'_> {
    /// Forgets what a member gave, because the row has it once more: the last one counts.
    pub fn forget(&mut self, leaves: Vec<Leaf>) -> PreviousCells {
        let mut before = Vec::new();
        for leaf in leaves {
            let slot = &mut self.slots[leaf.column];
            if slot.rank < leaf.rank {
                continue;
            }
            let mut cell = Vec::new();
            if slot.rank == leaf.rank {
                cell.extend_from_slice(&self.bytes[slot.start..slot.end]);
                *slot = EMPTY;
            }
            let is_other = |other: Leaf| other.column != leaf.column || other.rank != leaf.rank;
            let mismatches = self.mismatches.len();
            self.mismatches.retain(|mismatch| is_other(mismatch.leaf));
            if self.mismatches.len() < mismatches {
                cell.push(u8::MAX); // is no cell, so it differs from all
            }
            before.push((leaf, cell));
        }
        PreviousCells(before)
    }

    /// Compares what the member gave the second time.
    pub fn compare(&mut self, before: PreviousCells) {
        for (leaf, cell) in before.0 {
            let slot = self.slots[leaf.column];
            let now = match slot.rank == leaf.rank {
                true => &self.bytes[slot.start..slot.end],
                false => &[][..],
            };
            if now != cell {
                self.repairs.push((leaf.column, Repair::Repeated));
            }
        }
    }
}

impl Slots<'_> {
    /// Appends the cells of all columns to a row's bytes, and counts those without a value.
    pub fn write(&self, bytes: &mut Vec<u8>, nulls: &mut [u32]) {
        // Members mostly have the columns' order, so neighbours are copied in one go.
        let mut run = 0..0;
        for (number, (slot, column)) in self.slots.iter().zip(self.columns).enumerate() {
            let constant = match &column.origin {
                ColumnSource::Constant(text) => constant(text, column.kind),
                ColumnSource::Paths(_) if slot.start < slot.end => {
                    if slot.start != run.end {
                        bytes.extend_from_slice(&self.bytes[run]);
                        run = slot.start..slot.start;
                    }
                    run.end = slot.end;
                    continue;
                }
                ColumnSource::Paths(_) => Cell::Null,
            };
            nulls[number] += u32::from(constant == Cell::Null);
            bytes.extend_from_slice(&self.bytes[run]);
            run = 0..0;
            constant.write(bytes);
        }
        bytes.extend_from_slice(&self.bytes[run]);
    }

    /// The same for a row that keeps some of the table's values: those that could not be read, and in a short row all
    /// that it has not.
    pub fn write_partial(&self, empty: Empty, bytes: &mut Vec<u8>, nulls: &mut [u32]) {
        let unreadable = self.all_unreadable();
        for (number, nulls) in nulls.iter_mut().enumerate() {
            *nulls += u32::from(!self.write_cell(number, bytes, |number| {
                match empty == Empty::Keep || unreadable.contains(&number) {
                    true => Cell::Keep,
                    false => Cell::Null,
                }
            }));
        }
    }

    /// What is known of a reject: its key and what is the same for all rows.
    pub fn write_key(&self, key: &[usize], bytes: &mut Vec<u8>) {
        for number in 0..self.columns.len() {
            let is_constant = matches!(self.columns[number].origin, ColumnSource::Constant(_));
            if is_constant || key.contains(&number) {
                self.write_cell(number, bytes, |_| Cell::Null);
            } else {
                Cell::Keep.write(bytes);
            }
        }
    }

    /// Appends one cell, or `empty`; returns whether it is a value.
    fn write_cell(
        &self,
        number: usize,
        bytes: &mut Vec<u8>,
        empty: impl Fn(usize) -> Cell<'static>,
    ) -> bool {
        let (slot, column) = (self.slots[number], &self.columns[number]);
        if let ColumnSource::Constant(text) = &column.origin {
            let cell = constant(text, column.kind);
            cell.write(bytes);
            return cell != Cell::Null;
        }
        if slot.start < slot.end {
            bytes.extend_from_slice(&self.bytes[slot.start..slot.end]);
            return true;
        }
        empty(number).write(bytes);
        false
    }
}

/// A constant in its column's kind; a text that is not a whole number has no value there.
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
