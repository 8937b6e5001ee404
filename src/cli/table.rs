//! Tables and numbers for people.

use std::time::Duration;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use crate::store::runs::StreamRecord;
use crate::sync::RunReport;

/// A table with a line below its header.
pub fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads.iter().map(Cell::new));
    table
}

/// A right-aligned number; zero is a dot, so that other numbers are easy to see.
pub fn count(number: u64) -> Cell {
    let text = if number == 0 {
        "·".to_owned()
    } else {
        grouped(number)
    };
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A right-aligned text.
pub fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A right-aligned number.
pub fn figure(number: u64) -> Cell {
    Cell::new(grouped(number)).set_alignment(CellAlignment::Right)
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun: `1 row`, `2 rows`.
pub fn many(number: u64, one: &str, more: &str) -> String {
    let noun = if number == 1 { one } else { more };
    format!("{} {noun}", grouped(number))
}

/// A duration for people.
pub fn length(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{seconds:.1} s")
    }
}

/// Aligned columns without borders, indented by `by` blanks.
pub fn indented<const N: usize>(by: usize, rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    let width = |index: usize| {
        let widths = rows.iter().map(|row| row[index].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = " ".repeat(by);
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The results of runs, one row per stream.
pub fn of_runs(reports: &[RunReport]) -> Table {
    of_streams(reports.iter().flat_map(|report| {
        let streams = report.streams.iter();
        streams.map(|stream| (report.source.as_str(), &stream.record))
    }))
}

/// The records of streams, one row each.
pub fn of_streams<'a>(records: impl IntoIterator<Item = (&'a str, &'a StreamRecord)>) -> Table {
    let heads = [
        "source",
        "stream",
        "pages",
        "rows read",
        "new",
        "changed",
        "removed",
        "unchanged",
        "unconfirmed",
        "rejected",
        "time",
        "outcome",
    ];
    let mut table = table(&heads);
    for (source, record) in records {
        table.add_row([
            Cell::new(source),
            Cell::new(&record.stream),
            figure(record.pages),
            figure(record.rows_read),
            count(record.new),
            count(record.changed),
            count(record.removed),
            count(record.unchanged),
            count(record.unconfirmed),
            count(record.rejected),
            Cell::new(length(Duration::from_millis(record.duration_ms)))
                .set_alignment(CellAlignment::Right),
            Cell::new(record.outcome),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_lengths_are_short() {
        let numbers = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (51_612, "51,612"),
            (1_234_567, "1,234,567"),
        ];
        for (number, expected) in numbers {
            assert_eq!(grouped(number), expected);
        }
        let lengths = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1.0 s"),
            (5230, "5.2 s"),
        ];
        for (ms, expected) in lengths {
            assert_eq!(length(Duration::from_millis(ms)), expected);
        }
    }

    #[test]
    fn columns_without_lines_are_aligned_by_letters_and_end_without_blanks() {
        let rows = [["é", "one", ""], ["long", "x", "last"]].map(|row| row.map(str::to_owned));
        assert_eq!(indented(2, rows), "  é     one\n  long  x    last\n");
        assert_eq!(indented::<1>(2, []), "");
    }
}
