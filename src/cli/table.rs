//! Tables and figures for people.

use std::time::Duration;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use crate::sync::RunReport;

/// A table with lines between its heads and its rows.
pub fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads.iter().map(Cell::new));
    table
}

/// A whole number at the right; a dot for zero, so that what happened stands out.
pub fn count(number: u64) -> Cell {
    let text = if number == 0 {
        "·".to_owned()
    } else {
        grouped(number)
    };
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// The same, but zero is written.
pub fn figure(number: u64) -> Cell {
    Cell::new(grouped(number)).set_alignment(CellAlignment::Right)
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time for people.
pub fn length(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{seconds:.1} s")
    }
}

/// What runs did, a line a stream.
pub fn of_runs(reports: &[RunReport]) -> Table {
    let heads = [
        "source",
        "stream",
        "pages",
        "rows read",
        "new",
        "changed",
        "gone",
        "unchanged",
        "waiting",
        "rejected",
        "time",
        "outcome",
    ];
    let mut table = table(&heads);
    for report in reports {
        for stream in &report.streams {
            let record = &stream.record;
            table.add_row([
                Cell::new(&report.source),
                Cell::new(&record.stream),
                figure(record.pages),
                figure(record.rows_read),
                count(record.new),
                count(record.changed),
                count(record.gone),
                count(record.unchanged),
                count(record.waiting),
                count(record.rejected),
                Cell::new(length(Duration::from_millis(record.duration_ms)))
                    .set_alignment(CellAlignment::Right),
                Cell::new(stream.outcome.word()),
            ]);
        }
    }
    table
}
