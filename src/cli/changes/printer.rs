//! Changes as text for people, as JSON lines and as CSV for programs. One at a time: nothing is kept but numbers.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::cli::table::{many, one_line};
use crate::model::TableColumn;
use crate::model::row::{Cell, Cells};
use crate::model::scalar::display_time;
use crate::store::queries::{self, ChangeKind, ChangedRow, Reader};

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
        let shown = shown(change, self.columns);
        if !is_wanted || (shown.is_empty() && change.kind == ChangeKind::Changed) {
            return Ok(());
        }
        *count += 1;
        match self.form {
            ChangesForm::Text => self.text(change, &shown, out),
            ChangesForm::Json => {
                serde_json::to_writer(&mut *out, &object(change, &shown, self.columns))?;
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

/// A column that is shown.
struct ShownColumn<'a> {
    index: usize,
    name: &'a str,
    /// Of a changed row.
    before: Option<Cell<'a>>,
    after: Cell<'a>,
}

/// The wanted columns that differ; of other changes the wanted ones without the key.
fn shown<'a>(change: &'a ChangedRow<'_>, columns: &[String]) -> Vec<ShownColumn<'a>> {
    let mut before = change.before();
    let mut shown = Vec::new();
    for (index, (column, after)) in change.table.columns.iter().zip(change.row()).enumerate() {
        let before = before.as_mut().and_then(Iterator::next);
        let is_told = match before {
            Some(before) => before != after,
            None => !change.table.key.contains(&index),
        };
        if is_told && (columns.is_empty() || columns.contains(&column.name)) {
            shown.push(ShownColumn {
                index,
                name: &column.name,
                before,
                after,
            });
        }
    }
    shown
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

fn object(change: &ChangedRow<'_>, shown: &[ShownColumn<'_>], columns: &[String]) -> Value {
    let table = change.table;
    let members = |row: Cells<'_>, is_in: &dyn Fn(usize) -> bool| {
        let columns = table.columns.iter().zip(row).enumerate();
        let columns = columns.filter(|(index, _)| is_in(*index));
        let member = |(_, (column, cell)): (usize, (&TableColumn, Cell<'_>))| {
            (column.name.clone(), cell.json(column.kind))
        };
        Value::Object(columns.map(member).collect::<Map<_, _>>())
    };
    let is_shown = |index| shown.iter().any(|column| column.index == index);
    let mut object = json!({
        "run": change.run,
        "at": change.at,
        "stream": table.name(),
        "change": change.kind.as_str(),
        "key": members(change.row(), &|index| table.key.contains(&index)),
        "row": members(change.row(), &|index| columns.is_empty() || is_shown(index)),
    });
    if let Some(before) = change.before() {
        object["before"] = members(before, &is_shown);
    }
    object
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
