//! One data file on its own: header, number of fields, values of each row (oneroster-csv.md 2, 4 and 6).

use std::collections::BTreeSet;

use super::Version;
use super::manifest::Mode;
use super::report::Report;
use super::schema::{Column, Format, Need, Table};
use super::text::{self, Record};
use super::values;

/// A data file that was read.
pub struct Sheet {
    /// `users.csv`.
    pub file: String,
    pub mode: Mode,
    pub columns: Vec<Column>,
    pub rows: Vec<Record>,
}

impl Sheet {
    /// A value by its header; blank for a column that the file does not have.
    pub fn value<'a>(&self, row: &'a Record, name: &str) -> &'a str {
        let index = self.columns.iter().position(|column| column.name == name);
        index
            .and_then(|index| row.fields.get(index))
            .map_or("", String::as_str)
    }

    /// Rows that are not marked as deleted.
    pub fn active(&self) -> impl Iterator<Item = &Record> {
        self.rows
            .iter()
            .filter(|row| self.value(row, "status") != "tobedeleted")
    }

    /// The row with this `sourcedId`.
    pub fn row(&self, id: &str) -> Option<&Record> {
        self.rows
            .iter()
            .find(|row| self.value(row, "sourcedId") == id)
    }
}

/// Reads and checks a file, or reports why it cannot be read.
pub fn sheet(
    version: Version,
    table: Table,
    mode: Mode,
    bytes: &[u8],
    report: &mut Report,
) -> Option<Sheet> {
    let file = format!("{}.csv", table.name);
    let mut records = text::records(&file, bytes, report)?;
    if records.is_empty() {
        report.broken(&file, 1, "1", "header", "no header row");
        return None;
    }
    let header = records.remove(0);
    check_header(&file, &table.columns, &header, report)?;
    if records.is_empty() {
        report.broken(&file, 0, "-", "no-rows", "no row after the header");
        return None;
    }
    records.retain(|row| has_all_fields(&file, row, header.fields.len(), report));
    let sheet = Sheet {
        file,
        mode,
        columns: table.columns,
        rows: records,
    };
    sheet
        .rows
        .iter()
        .for_each(|row| check_row(version, &sheet, row, report));
    check_unique(&sheet, report);
    Some(sheet)
}

fn check_header(
    file: &str,
    columns: &[Column],
    header: &Record,
    report: &mut Report,
) -> Option<()> {
    let mut seen = BTreeSet::new();
    for name in &header.fields {
        if !seen.insert(name) {
            report.broken(
                file,
                header.line,
                name,
                "duplicate-header",
                "the name is listed twice",
            );
            return None;
        }
    }
    for (index, column) in columns.iter().enumerate() {
        let found = header.fields.get(index).map_or("", String::as_str);
        if found != column.name {
            let text = format!("`{found}` is field {} instead", index + 1);
            report.broken(file, header.line, column.name, "header", &text);
            return None;
        }
    }
    for name in &header.fields[columns.len()..] {
        if name.strip_prefix("metadata.").is_none_or(str::is_empty) {
            report.add(
                file,
                header.line,
                name,
                "header",
                "an extension is not named metadata.…",
            );
        }
    }
    Some(())
}

fn has_all_fields(file: &str, row: &Record, expected: usize, report: &mut Report) -> bool {
    let count = row.fields.len();
    if count != expected {
        let text = format!("{count} fields, the header has {expected}");
        report.broken(file, row.line, "-", "field-count", &text);
    }
    count == expected
}

fn check_row(version: Version, sheet: &Sheet, row: &Record, report: &mut Report) {
    for (column, value) in sheet.columns.iter().zip(&row.fields) {
        let found = need_problem(sheet.mode, column.need, value);
        let found = match found {
            None if !value.is_empty() => values::problem(version, column.format, value),
            _ => found,
        };
        if let Some((rule, text)) = found {
            report.add(&sheet.file, row.line, column.name, rule, &text);
        }
    }
    check_subjects(sheet, row, report);
    check_order(sheet, row, report);
}

fn need_problem(mode: Mode, need: Need, value: &str) -> Option<(&'static str, String)> {
    let (rule, text) = match (need, mode, value.is_empty()) {
        (Need::Yes, _, true) => ("required", "blank"),
        (Need::Delta, Mode::Delta, true) => ("delta-required", "blank in delta"),
        (Need::Delta, Mode::Bulk, false) => ("bulk-blank", "not blank in bulk"),
        _ => return None,
    };
    Some((rule, text.to_owned()))
}

fn check_subjects(sheet: &Sheet, row: &Record, report: &mut Report) {
    let subjects = values::items(sheet.value(row, "subjects")).len();
    let codes = values::items(sheet.value(row, "subjectCodes")).len();
    if subjects > 0 && codes > 0 && subjects != codes {
        let text = format!("{codes} codes for {subjects} subjects");
        report.add(&sheet.file, row.line, "subjectCodes", "subjects", &text);
    }
}

fn check_order(sheet: &Sheet, row: &Record, report: &mut Report) {
    for start in ["startDate", "beginDate"] {
        let (from, to) = (sheet.value(row, start), sheet.value(row, "endDate"));
        if !from.is_empty() && !to.is_empty() && to < from {
            report.add(
                &sheet.file,
                row.line,
                "endDate",
                "date-order",
                &format!("before {start}"),
            );
        }
    }
}

fn check_unique(sheet: &Sheet, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for row in &sheet.rows {
        let id = sheet.value(row, "sourcedId");
        if !id.is_empty() && !seen.insert(id) {
            report.add(
                &sheet.file,
                row.line,
                "sourcedId",
                "unique",
                &format!("`{id}` is not unique"),
            );
        }
    }
}

/// The columns that name rows of other files, with the name of that file.
pub fn references(sheet: &Sheet) -> Vec<(Column, &'static str)> {
    let target = |column: &Column| match column.format {
        Format::Reference(target) | Format::References(target) => Some((*column, target)),
        _ => None,
    };
    sheet.columns.iter().filter_map(target).collect()
}
