//! Reading one response of a vendor into rows, by the columns of a connector.
//!
//! One pass over the text, no document in between: members that no column names are skipped during parsing, so their
//! values never become values in memory, let alone on disk (only their names are reported). Only a row's key and
//! `required` columns decide whether the row is accepted; any other unreadable value affects its own cell only. A
//! response that is not quite JSON, or whose numbers must not be rounded, is read a second time, repaired by
//! `repair.rs`. Not paging: `paging.rs` decides what a page means for the next request.

mod seeds;
mod takes;

use std::sync::atomic::{AtomicBool, Ordering};

pub use self::seeds::{RowSeed, RowsSeed};
use jiff::tz::TimeZone;

use super::columns::{Column, ColumnSource, Path};
use super::file::NameMatch;
use super::json;
use super::mask::PseudonymKey;
use super::slots::{Empty, PreviousCells, Slots};
use super::tree::{MemberNode, Tree};
use crate::model::Unlisted;
use crate::model::row::{Reject, Rows};

/// How the rows of one stream are read.
#[derive(Debug)]
pub struct Decoder {
    /// The columns in the table's order.
    pub columns: Vec<Column>,
    tree: Tree,
    key: Vec<usize>,
    /// Columns without which a row is a reject: the key first.
    required: Vec<usize>,
    nulls: Vec<String>,
    zone: Option<TimeZone>,
    pseudonyms: Option<PseudonymKey>,
    /// A row that has no member of `short.lacks` is in its short form.
    has_short_rows: bool,
    /// An earlier response needed its numbers' own digits; the next ones will too.
    needs_digits: AtomicBool,
}

/// What a decoder knows besides columns and key.
#[derive(Clone, Debug, Default)]
pub struct DecoderRules {
    /// The member that a row is wrapped in.
    pub envelope: Option<String>,
    /// Paths whose unknown members are not reported.
    pub ignored: Vec<String>,
    /// Texts that mean "no value".
    pub nulls: Vec<String>,
    /// How member names are matched.
    pub names: NameMatch,
    /// The members that a row in its short form has none of; empty where every row is full.
    pub lacks: Vec<Path>,
    /// Where a time with a zone belongs to a day.
    pub zone: Option<TimeZone>,
    /// What columns are pseudonymised with; without it they have no values.
    pub pseudonyms: Option<PseudonymKey>,
}

/// Rows of one response and what was noticed.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The rows.
    pub rows: Rows,
    /// Members that no column names.
    pub unlisted: Unlisted,
    /// The offset of each row's object in the response; not of all rows where that is not known, as in a response that was
    /// repaired or arrived in pieces, or whose rows are the members of an object.
    pub starts: Vec<u32>,
}

impl Decoder {
    /// A decoder for columns, of which `key` must have a value.
    pub fn new(mut columns: Vec<Column>, key: Vec<usize>, rules: DecoderRules) -> Self {
        for index in &key {
            columns[*index].shaping.required = true;
        }
        let others = (0..columns.len())
            .filter(|index| columns[*index].shaping.required && !key.contains(index));
        let required = key.iter().copied().chain(others).collect();
        let tree = Tree::of(
            &columns,
            rules.envelope.as_deref(),
            (&rules.ignored, &rules.lacks),
            rules.names,
        );
        Self {
            columns,
            tree,
            key,
            required,
            nulls: rules.nulls,
            zone: rules.zone,
            pseudonyms: rules.pseudonyms,
            has_short_rows: !rules.lacks.is_empty(),
            needs_digits: AtomicBool::new(false),
        }
    }

    /// Starts reading one response; `repaired`: it went through `repair.rs`.
    pub fn reader(&self, text: &str, repaired: bool) -> RowReader<'_> {
        let mut slots = Slots::new(
            &self.columns,
            &self.nulls,
            self.zone.as_ref(),
            self.pseudonyms.as_ref(),
        );
        slots.repaired = repaired;
        RowReader {
            decoder: self,
            text: text.as_ptr() as usize,
            is_row_begun: false,
            slots,
            shapes: vec![Vec::new(); self.tree.nodes],
            seen: vec![0; self.tree.nodes],
            row: 1,
            is_full: false,
            no_object: None,
            memos: vec![Memo::default(); self.columns.len()],
            nulls: vec![0; self.columns.len()],
            taken: 0,
            out: Decoded {
                // Rows are smaller than their JSON; room that is not filled costs nothing, growing does.
                rows: Rows::with_room(text.len() / 4 * 3),
                ..Decoded::default()
            },
        }
    }

    /// Whether responses are repaired before they are read, because an earlier one had to be.
    pub fn needs_digits(&self) -> bool {
        self.needs_digits.load(Ordering::Relaxed)
    }
}

/// A response that is being read.
pub struct RowReader<'d> {
    decoder: &'d Decoder,
    /// The address of the text's first byte.
    text: usize,
    /// The next name is the first one of a row in a list.
    is_row_begun: bool,
    slots: Slots<'d>,
    /// For each node the names in the order of the last row: the next row mostly has the same.
    shapes: Vec<Vec<(String, Found)>>,
    /// For each node the last row that had it: a member may occur twice.
    seen: Vec<u32>,
    /// The number of this row among all that were begun, from 1.
    row: u32,
    /// The row has a member that its short form lacks.
    is_full: bool,
    /// What was found instead of the row's object.
    no_object: Option<&'static str>,
    memos: Vec<Memo>,
    /// How many rows that were taken have no value in a column: the rarer case.
    nulls: Vec<u32>,
    taken: u32,
    out: Decoded,
}

/// The last JSON of a column: many rows carry the same, such as their school.
#[derive(Clone, Debug, Default)]
struct Memo {
    raw: String,
    json: json::Written,
    marks: json::Marks,
}

#[derive(Clone, Copy, Debug)]
enum Found {
    Member(usize),
    Skip,
}

impl RowReader<'_> {
    /// What was read, unless the response must be repaired and read again.
    pub fn finish(mut self) -> Option<Decoded> {
        if self.slots.needs_digits {
            self.decoder.needs_digits.store(true, Ordering::Relaxed);
        }
        if self.slots.needs_digits || self.slots.needs_repair {
            return None;
        }
        let values = self.nulls.iter().map(|nulls| self.taken - nulls);
        self.out.rows.values = values.collect();
        self.out.rows.shrink();
        Some(self.out)
    }

    /// The next row is a member of an object, with this name.
    pub fn name_row(&mut self, name: &str) {
        for leaf in &self.decoder.tree.key.leaves {
            self.slots.escaped_text(*leaf, name);
        }
    }

    /// A number outside of the rows needs its own digits.
    pub fn ask_for_digits(&mut self) {
        self.slots.needs_digits = true;
    }

    /// Forgets what was read, because a better path for the rows was found in the same response.
    pub fn restart(&mut self) {
        self.out.rows = Rows::default();
        self.out.starts.clear();
        self.nulls.fill(0);
        self.taken = 0;
    }

    fn end_row(&mut self) {
        let is_missing = |index: &&usize| {
            let constant = matches!(
                self.decoder.columns[**index].origin,
                ColumnSource::Constant(_)
            );
            !constant && self.slots.is_null(**index)
        };
        let missing = self.decoder.required.iter().find(is_missing).copied();
        let is_short = self.decoder.has_short_rows && !self.is_full;
        if missing.is_some() || self.no_object.is_some() {
            self.reject(missing);
        } else {
            let (slots, nulls) = (&self.slots, &mut self.nulls);
            self.taken += 1;
            if is_short {
                self.out
                    .rows
                    .push_partial(|bytes| slots.write_partial(Empty::Keep, bytes, nulls));
            } else if slots.has_mismatches() && !slots.all_unreadable().is_empty() {
                self.out
                    .rows
                    .push_partial(|bytes| slots.write_partial(Empty::Null, bytes, nulls));
            } else {
                self.out.rows.push(|bytes| slots.write(bytes, nulls));
            }
            if self.slots.has_mismatches() || !self.slots.repairs().is_empty() {
                self.note_cells();
            }
        }
        self.slots.clear();
        self.row = self.row.wrapping_add(1);
        (self.is_full, self.no_object) = (false, None);
    }

    /// Puts the row among the rejects; where its key can be read, the row is known to be there all the same.
    #[cold]
    fn reject(&mut self, missing: Option<usize>) {
        let key = &self.decoder.key;
        let (path, reason) = match (self.no_object, missing) {
            (Some(_), _) | (None, None) => (
                "(row)".to_owned(),
                format!(
                    "expected an object, found {}",
                    self.no_object.unwrap_or("nothing")
                ),
            ),
            (None, Some(index)) => (
                self.decoder.columns[index].from.clone(),
                self.slots.unreadable(index).unwrap_or_else(|| {
                    match key.contains(&index) {
                        true => "the key is missing",
                        false => "the required value is missing",
                    }
                    .to_owned()
                }),
            ),
        };
        let slots = &self.slots;
        let has_key = missing.is_some_and(|index| !key.contains(&index));
        let row = (has_key && self.no_object.is_none()).then(|| {
            self.out
                .rows
                .push_present(|bytes| slots.write_key(key, bytes))
        });
        let problems = &mut self.out.rows.problems;
        problems.reject(Reject { path, reason }, row);
    }

    /// Records unreadable and repaired cells of the row that was just accepted.
    #[cold]
    fn note_cells(&mut self) {
        let rows = &mut self.out.rows;
        let row = rows.len() as u32 - 1;
        for column in self.slots.all_unreadable() {
            if let Some(reason) = self.slots.unreadable(column) {
                rows.problems.unreadable(row, column as u32, reason);
            }
        }
        for (column, repair) in self.slots.repairs() {
            *rows.repaired.entry((*column as u32, *repair)).or_default() += 1;
        }
    }

    /// A member begins. If the row had it before, its values are forgotten, to be compared with the new ones.
    fn enter(&mut self, node: &MemberNode) -> Option<PreviousCells> {
        self.is_full |= node.marks_full;
        if std::mem::replace(&mut self.seen[node.id], self.row) == self.row {
            return Some(self.forget(node));
        }
        None
    }

    #[cold]
    fn forget(&mut self, node: &MemberNode) -> PreviousCells {
        self.slots.forget(node.all_leaves())
    }

    /// A name that is a part of the text itself: that of a row's first member tells where the row begins, which serde does not.
    fn note_name(&mut self, name: &str) {
        if self.is_row_begun {
            let at = (name.as_ptr() as usize).wrapping_sub(self.text);
            self.out.starts.push(at as u32);
        }
    }

    fn unlisted(&mut self, node: &MemberNode, name: &str) {
        if !node.quiet {
            self.out.unlisted.note(&node.path, name);
        }
    }
}

#[cfg(test)]
mod tests;
