//! Tables, long lines and numbers, laid out for a terminal or for a pipe. Pure: the caller states the width.
//!
//! On a terminal (a width) no line is longer than it: optional columns are left out and texts wrap by words. In a pipe
//! (`None`) a row is one line whose cells are separated by at least two blanks. Columns without any value are left out
//! in both.

use std::fmt::Display;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use rollbook_core::document::lookalike::Lookalike;
pub use rollbook_core::model::figures::{count, grouped, length, many, minute};

/// Between two columns.
const GAP: &str = "  ";

/// Indents the rows below a group's head, and the further lines of a wrapped text.
const INDENT: &str = "  ";

/// In a cell without a value, where the columns would not be recognisable otherwise.
const NO_VALUE: &str = "·";

/// A column of texts is not narrower than this, unless its words are short.
const MIN_WIDTH: usize = 8;

const WORD_ENDS: &[char] = &[' '];

/// Stands for a blank in a command, where no line ends; it is in no text.
const KEPT_BLANK: char = '\u{e000}';

/// In names and paths too.
const PART_ENDS: &[char] = &[' ', '.', '/', '_', '-'];

/// A column's head and how its cells are shown.
#[derive(Clone, Copy, Debug)]
pub struct TextColumn {
    head: &'static str,
    kind: ColumnKind,
    is_optional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    /// On a terminal, equal values of consecutive rows are one line above them.
    Group,
    Left,
    Right,
    /// On a terminal, lines of their own below the row.
    Note,
}

impl TextColumn {
    const fn new(head: &'static str, kind: ColumnKind) -> Self {
        Self {
            head,
            kind,
            is_optional: false,
        }
    }

    /// Left out of a terminal that is too narrow; the leftmost optional column first.
    pub const fn optional(self) -> Self {
        Self {
            is_optional: true,
            ..self
        }
    }
}

/// A column whose values are heads above the rows that share them.
pub const fn group(head: &'static str) -> TextColumn {
    TextColumn::new(head, ColumnKind::Group)
}

/// A column of texts.
pub const fn left(head: &'static str) -> TextColumn {
    TextColumn::new(head, ColumnKind::Left)
}

/// A column of numbers.
pub const fn right(head: &'static str) -> TextColumn {
    TextColumn::new(head, ColumnKind::Right)
}

/// A column of sentences, shown below each row.
pub const fn note(head: &'static str) -> TextColumn {
    TextColumn::new(head, ColumnKind::Note)
}

/// Rows of cells; an empty cell has no value.
#[derive(Clone, Debug)]
pub struct TextTable<const N: usize> {
    columns: [TextColumn; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> TextTable<N> {
    /// A table without rows.
    pub fn new(columns: [TextColumn; N]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// The table as lines; empty without rows.
    pub fn render(&self, width: Option<usize>) -> String {
        let used = (0..N).filter(|index| self.rows.iter().any(|row| !row[*index].is_empty()));
        let used: Vec<usize> = used.collect();
        match width {
            _ if used.is_empty() => String::new(),
            Some(width) => self.on_terminal(used, width),
            None => self.in_pipe(&used),
        }
    }

    fn in_pipe(&self, used: &[usize]) -> String {
        let natural = |index: &usize| (*index, self.natural_width(*index));
        let layout: Vec<(usize, usize)> = used.iter().map(natural).collect();
        let mut text = self.line(&self.heads(), &layout, "");
        for row in &self.rows {
            let cells: [&str; N] = std::array::from_fn(|index| match row[index].as_str() {
                "" => NO_VALUE,
                cell => cell,
            });
            text.push_str(&self.line(&cells, &layout, ""));
        }
        text
    }

    fn on_terminal(&self, used: Vec<usize>, width: usize) -> String {
        let kind = |index: &usize| self.columns[*index].kind;
        let find = |wanted: ColumnKind| used.iter().copied().find(|index| kind(index) == wanted);
        let (group, note) = (find(ColumnKind::Group), find(ColumnKind::Note));
        let in_line = |index: &usize| matches!(kind(index), ColumnKind::Left | ColumnKind::Right);
        let indent = if group.is_some() { INDENT } else { "" };
        let columns = used.iter().copied().filter(in_line).collect();
        let layout = self.fit(columns, width.saturating_sub(indent.len()));
        let mut text = self.line(&self.heads(), &layout, indent);
        let rule = "─".repeat(indent.len() + total(&layout));
        text.push_str(&format!("{rule}\n"));
        let mut head = "";
        for row in &self.rows {
            if let Some(group) = group.filter(|group| row[*group] != head) {
                head = &row[group];
                text.push_str(&wrap(&format!("{head}\n"), Some(width)));
            }
            let cells: [&str; N] = std::array::from_fn(|index| match row[index].as_str() {
                "" if kind(&index) == ColumnKind::Right => NO_VALUE,
                cell => cell,
            });
            text.push_str(&self.line(&cells, &layout, indent));
            if let Some(note) = note.filter(|note| !row[*note].is_empty()) {
                let note = format!("{indent}{INDENT}{}\n", row[note]);
                text.push_str(&wrap(&note, Some(width)));
            }
        }
        text
    }

    fn heads(&self) -> [&str; N] {
        self.columns.map(|column| column.head)
    }

    fn cells(&self, index: usize) -> impl Iterator<Item = &str> {
        let cells = self.rows.iter().map(move |row| row[index].as_str());
        cells.chain([self.columns[index].head])
    }

    fn natural_width(&self, index: usize) -> usize {
        self.cells(index)
            .map(|cell| cell.width())
            .max()
            .unwrap_or(0)
    }

    fn longest_part(&self, index: usize, ends: &[char]) -> usize {
        let parts = self
            .cells(index)
            .flat_map(|cell| cell.split_inclusive(ends));
        parts.map(|part| part.trim_end().width()).max().unwrap_or(0)
    }

    /// The columns that fit, with their widths.
    fn fit(&self, mut columns: Vec<usize>, width: usize) -> Vec<(usize, usize)> {
        let natural = |index: &usize| (*index, self.natural_width(*index));
        loop {
            let layout: Vec<_> = columns.iter().map(natural).collect();
            let is_optional = |index: &usize| self.columns[*index].is_optional;
            match columns.iter().position(is_optional) {
                Some(optional) if total(&layout) > width => columns.remove(optional),
                _ => return self.shrink(layout, width),
            };
        }
    }

    /// Narrows the widest columns of texts: first between words, then between parts of names, then anywhere.
    fn shrink(&self, mut layout: Vec<(usize, usize)>, width: usize) -> Vec<(usize, usize)> {
        for ends in [Some(WORD_ENDS), Some(PART_ENDS), None] {
            let limit = |index: usize| match (self.columns[index].kind, ends) {
                (ColumnKind::Left, Some(ends)) => self.longest_part(index, ends),
                (ColumnKind::Left, None) => MIN_WIDTH,
                _ => usize::MAX,
            };
            let limits: Vec<usize> = layout.iter().map(|(index, _)| limit(*index)).collect();
            while total(&layout) > width {
                let wide = layout.iter_mut().zip(&limits);
                let wide = wide.filter(|((_, width), limit)| width > *limit);
                let Some(((_, widest), _)) = wide.max_by_key(|((_, width), _)| *width) else {
                    break;
                };
                *widest -= 1;
            }
        }
        layout
    }

    /// A row: one line, or more where cells wrap.
    fn line(&self, cells: &[&str; N], layout: &[(usize, usize)], indent: &str) -> String {
        let wrapped = |(index, width): &(usize, usize)| {
            broken(cells[*index], *width, *width, LongWords::Break)
        };
        let wrapped: Vec<Vec<&str>> = layout.iter().map(wrapped).collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        let mut text = String::new();
        for number in 0..height {
            let mut line = indent.to_owned();
            for ((index, width), parts) in layout.iter().zip(&wrapped) {
                let part = parts.get(number).copied().unwrap_or("");
                let blanks = " ".repeat(width.saturating_sub(part.width()));
                line.push_str(&match self.columns[*index].kind {
                    ColumnKind::Right => format!("{blanks}{part}{GAP}"),
                    _ => format!("{part}{blanks}{GAP}"),
                });
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// The width of all columns with the gaps between them.
fn total(layout: &[(usize, usize)]) -> usize {
    let widths: usize = layout.iter().map(|(_, width)| width).sum();
    widths + GAP.len() * layout.len().saturating_sub(1)
}

/// Foreign text on one line, without characters that a terminal obeys or does not show.
pub fn one_line(text: &str) -> String {
    let is_harmless = |letter: &char| {
        let is_seen = || Lookalike::of(*letter).is_none_or(|found| found.is_visible());
        !letter.is_control() && (letter.is_whitespace() || is_seen())
    };
    let shown = |letter: char| {
        if is_harmless(&letter) {
            letter
        } else {
            '\u{FFFD}'
        }
    };
    text.chars().map(shown).collect()
}

/// Wraps every line that is longer than the width by words. Further lines are indented, or continue the last column of a
/// line with columns. A command, or a word that is longer than a line, stays whole, because people copy it.
pub fn wrap(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let lines = text.split('\n').map(|line| match line.width() > width {
        true => wrap_line(line, width),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Wraps a text by words, without indenting further lines.
pub fn fill(text: &str, width: usize) -> String {
    let text = keep_commands(text);
    let lines = text.split('\n');
    let lines = lines.flat_map(|line| broken(line, width, width, LongWords::Keep));
    let lines: Vec<&str> = lines.collect();
    lines.join("\n").replace(KEPT_BLANK, " ")
}

/// The text with [`KEPT_BLANK`] in commands: in backticks, or after a colon or an indent up to a comma, a semicolon or the
/// line's end.
fn keep_commands(text: &str) -> String {
    let (mut kept, mut in_ticks, mut is_command) = (String::new(), false, false);
    for (index, letter) in text.char_indices() {
        match letter {
            '`' => in_ticks = !in_ticks,
            ',' | ';' => is_command = false,
            '\n' => (in_ticks, is_command) = (false, false),
            'r' if begins_command(&text[..index], &text[index..]) => is_command = true,
            _ => {}
        }
        // A single backtick, as in a value, begins nothing.
        let is_kept = is_command || (in_ticks && has_tick(&text[index..]));
        kept.push(match letter {
            ' ' if is_kept => KEPT_BLANK,
            letter => letter,
        });
    }
    kept
}

/// Whether a command begins after a colon or a line's indent.
fn begins_command(before: &str, rest: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let is_first = line.len() >= INDENT.len() && line.trim_start().is_empty();
    (is_first || before.ends_with(": ")) && rest.starts_with("rollbook ")
}

fn has_tick(rest: &str) -> bool {
    rest.lines().next().is_some_and(|line| line.contains('`'))
}

fn wrap_line(line: &str, width: usize) -> String {
    let line = &*keep_commands(line);
    let lead = line.len() - line.trim_start().len();
    let last_gap = line.rfind(GAP);
    let last_column = last_gap.map_or(0, |gap| line[..gap + GAP.len()].width());
    let hang = match lead < last_column && last_column <= width / 2 {
        true => last_column,
        false => lead + INDENT.len(),
    };
    let (first, further) = (width.saturating_sub(lead), width.saturating_sub(hang));
    let parts = broken(line.trim_start(), first, further, LongWords::Keep);
    let further_line = format!("\n{}", " ".repeat(hang));
    let wrapped = format!("{}{}", &line[..lead], parts.join(&further_line));
    wrapped.replace(KEPT_BLANK, " ")
}

/// What happens to a word that is longer than its line.
#[derive(Clone, Copy)]
enum LongWords {
    Keep,
    Break,
}

/// Breaks a text at blanks, into a first line and further lines of at most these widths.
fn broken(text: &str, first: usize, further: usize, long: LongWords) -> Vec<&str> {
    let (mut lines, mut rest, mut width) = (Vec::new(), text, first);
    while rest.width() > width {
        let end = end_of(rest, width);
        let blank = match rest[end..].starts_with(' ') {
            true => Some(end),
            false => rest[..end].rfind(' '),
        };
        let Some(end) = blank.or_else(|| match long {
            LongWords::Break => Some(rest[..end].rfind(PART_ENDS).map_or(end, |last| last + 1)),
            LongWords::Keep => rest.find(' '),
        }) else {
            break;
        };
        lines.push(rest[..end].trim_end());
        rest = rest[end..].trim_start();
        width = further;
    }
    lines.push(rest);
    lines
}

/// The index of the first letter that is not within the width; of the second letter at least.
fn end_of(text: &str, width: usize) -> usize {
    let mut sum = 0;
    let mut letters = text.char_indices().skip_while(|(index, letter)| {
        sum += letter.width().unwrap_or(0);
        *index == 0 || sum <= width
    });
    letters.next().map_or(text.len(), |(index, _)| index)
}

/// What has a row of its own, and what is one row together. One thing alone has its own.
pub fn fold<T>(all: impl IntoIterator<Item = T>, has_row: impl Fn(&T) -> bool) -> (Vec<T>, Vec<T>) {
    let (mut rows, mut rest): (Vec<T>, Vec<T>) = all.into_iter().partition(has_row);
    if rest.len() == 1 {
        rows.append(&mut rest);
    }
    (rows, rest)
}

/// The name of the row of several streams, of which others have rows of their own: `12 more streams`.
pub fn rest_name<T>(rows: &[T], rest: &[T]) -> String {
    let more = if rows.is_empty() { "" } else { "more " };
    format!("{} {more}streams", grouped(rest.len() as u64))
}

/// Parts of an output, with an empty line between two; empty parts are left out.
pub fn blocks(parts: impl IntoIterator<Item = String>) -> String {
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n")
}

/// Remarks, one a line.
pub fn bullets(remarks: impl IntoIterator<Item = impl Display>) -> String {
    let lines = remarks.into_iter().map(|remark| format!("• {remark}\n"));
    lines.collect()
}

/// Aligned columns without heads, indented by `by` blanks.
pub fn indented<const N: usize>(by: usize, rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = TextTable::new([left(""); N]);
    rows.into_iter().for_each(|row| table.row(row));
    let layout: Vec<_> = (0..N)
        .map(|index| (index, table.natural_width(index)))
        .collect();
    let indent = " ".repeat(by);
    let lines = table.rows.iter().map(|row| {
        let cells = row.each_ref().map(String::as_str);
        table.line(&cells, &layout, &indent)
    });
    lines.collect()
}

#[cfg(test)]
pub mod snapshots;
#[cfg(test)]
mod tests;
