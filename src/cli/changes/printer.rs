//! Changes as text for people, as JSON lines and as CSV for programs. One at a time: nothing is kept but numbers.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::cli::table::{many, one_line};
use rollbook_core::model::row::Cell;
use rollbook_core::model::scalar::display_time;
use rollbook_core::store::queries::{self, ChangeKind, ChangedRow, Reader};
use rollbook_engine::output::changes::{ShownColumn, change_json, shown_columns};

/// How changes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangesForm {
    Text,
    Json,
    Csv,
}

const CSV_HEADS: [&str; 8] = [
    "run", "at", "stream", "change", "key", "column", "before", "after",
];

/// Writes the changes that are wanted, and counts them.
pub(super) struct Printer<'a> {
    form: ChangesForm,
    /// Whether added, changed and removed rows are wanted.
    kinds: [bool; 3],
    /// Only these columns; empty for all.
    columns: &'a [String],
    mirror: &'a Reader,
    /// Run and table of the last heading.
    heading: Option<(i64, String)>,
    added: u64,
    changed: u64,
    removed: u64,
    stored: u64,
}

impl<'a> Printer<'a> {
    pub fn new(
        form: ChangesForm,
        kinds: [bool; 3],
        columns: &'a [String],
        mirror: &'a Reader,
    ) -> Self {
        Self {
            form,
            kinds,
            columns,
            mirror,
            heading: None,
            added: 0,
            changed: 0,
            removed: 0,
            stored: 0,
        }
    }

    /// What stands above all changes.
    pub fn head(&self, out: &mut impl Write) -> io::Result<()> {
        match self.form {
            ChangesForm::Csv => csv_line(CSV_HEADS, out),
            ChangesForm::Text | ChangesForm::Json => Ok(()),
        }
    }

    /// One change, unless it is not wanted.
    pub fn change(&mut self, change: &ChangedRow<'_>, out: &mut impl Write) -> io::Result<()> {
        let [added, changed, removed] = self.kinds;
        let (is_wanted, count) = match change.kind {
            ChangeKind::Added => (added, &mut self.added),
            ChangeKind::Changed => (changed, &mut self.changed),
            ChangeKind::Removed => (removed, &mut self.removed),
            ChangeKind::Stored => (added || changed, &mut self.stored),
        };
        let shown = shown_columns(change, self.columns);
        if !is_wanted || (shown.is_empty() && change.kind == ChangeKind::Changed) {
            return Ok(());
        }
        *count += 1;
        match self.form {
            ChangesForm::Text => self.text(change, &shown, out),
            ChangesForm::Json => {
                serde_json::to_writer(&mut *out, &change_json(change, &shown, self.columns))?;
                out.write_all(b"\n")
            }
            ChangesForm::Csv => csv(change, &shown, out),
        }
    }

    fn text(
        &mut self,
        change: &ChangedRow<'_>,
        shown: &[ShownColumn<'_>],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let heading = (change.run, change.table.name());
        if self.heading.as_ref() != Some(&heading) {
            // The record may be purged.
            let run = queries::run(self.mirror, change.run).ok().flatten();
            let job = run.map_or_else(String::new, |run| format!(" of {}", run.job));
            let (run, name) = &heading;
            writeln!(
                out,
                "{name}, run {run}{job}, {} UTC",
                display_time(&change.at)
            )?;
            self.heading = Some(heading);
        }
        let sign = match change.kind {
            ChangeKind::Added => '+',
            ChangeKind::Changed => '~',
            ChangeKind::Removed => '-',
            ChangeKind::Stored => '*',
        };
        let mut line = format!("  {sign} {}", key(change, ", "));
        let with_columns = change.kind == ChangeKind::Changed || !self.columns.is_empty();
        for column in shown.iter().filter(|_| with_columns) {
            let (name, after) = (column.name, visible(column.after));
            // Memory does not fail.
            let _ = match column.before {
                Some(before) => write!(line, "  {name}: {} → {after}", visible(before)),
                None => write!(line, "  {name}: {after}"),
            };
        }
        writeln!(out, "{}", one_line(&line))
    }

    /// How many there were.
    pub fn counts(&self) -> String {
        let Self {
            added,
            changed,
            removed,
            stored,
            ..
        } = self;
        let stored = match stored {
            0 => String::new(),
            some => format!(", {some} stored (new or changed: no history is kept)"),
        };
        let total = added + changed + removed + self.stored;
        format!(
            "{}: {added} added, {changed} changed, {removed} removed{stored}.",
            many(total, "change", "changes")
        )
    }
}

fn key(change: &ChangedRow<'_>, between: &str) -> String {
    let row = change.row();
    let value = |index: &usize| row.at(*index).plain().unwrap_or_default();
    let values: Vec<String> = change.table.key.iter().map(value).collect();
    values.join(between)
}

fn visible(cell: Cell<'_>) -> String {
    cell.plain().unwrap_or_else(|| "–".to_owned())
}

/// A line for each column that differs; of other changes for each that has a value.
fn csv(change: &ChangedRow<'_>, shown: &[ShownColumn<'_>], out: &mut impl Write) -> io::Result<()> {
    let (run, stream, key) = (
        change.run.to_string(),
        change.table.name(),
        key(change, " "),
    );
    let mut line = |column: &str, before: &str, after: &str| {
        let kind = change.kind.as_str();
        csv_line(
            [&run, &change.at, &stream, kind, &key, column, before, after],
            out,
        )
    };
    let mut is_empty = true;
    for column in shown {
        let plain = |cell: Cell<'_>| cell.plain().unwrap_or_default();
        let (before, after) = match (change.kind, column.before) {
            (ChangeKind::Removed, _) => (plain(column.after), String::new()),
            (_, before) => (before.map(plain).unwrap_or_default(), plain(column.after)),
        };
        if change.kind == ChangeKind::Changed || before != after {
            line(column.name, &before, &after)?;
            is_empty = false;
        }
    }
    match is_empty {
        true => line("", "", ""), // a row of nothing but its key
        false => Ok(()),
    }
}

fn csv_line(fields: [&str; 8], out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .buffer_capacity(256)
        .from_writer(out);
    writer.write_record(fields)?;
    writer.flush()
}
