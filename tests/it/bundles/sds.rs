//! A validator of sets of CSV files for Microsoft School Data Sync V2.1, written from
//! `docs/contracts/school-data-sync.md` alone.
//!
//! It uses nothing of the program and no CSV library, so that a mistake in the program's files is not repeated here.
//! Where a file cannot be read in full, rules across rows are not checked, since every reference to an unread row
//! would be reported.

use std::collections::{BTreeMap, BTreeSet};

use super::strict_csv::{self, Record, Table};
use schema::{Column, File};

#[path = "sds/links.rs"]
mod links;
#[cfg(test)]
#[path = "sds/mutations.rs"]
mod mutations;
#[path = "sds/schema.rs"]
mod schema;
#[path = "sds/values.rs"]
mod values;

/// What is wrong with a set of files by name, for example `users.csv`; nothing if it is valid.
///
/// Form of a message: `users.csv line 2 column username: required: no value`. Line 0 is the file as a whole.
pub fn problems(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut report = Report::default();
    check_file_names(files, &mut report);
    check_presence(files, &mut report);
    let sheets = read_sheets(files, &mut report);
    if !report.is_broken {
        links::check(&sheets, &mut report);
    }
    report.problems
}

/// What is wrong with a set that follows another one: every file must be supplied again.
pub fn problems_of_next(
    before: &BTreeMap<String, Vec<u8>>,
    next: &BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let mut report = Report::default();
    for file in before.keys().filter(|file| !next.contains_key(*file)) {
        report.add(file, 0, "-", "same-set", "supplied before, not now");
    }
    report.problems
}

#[derive(Default)]
struct Report {
    problems: Vec<String>,
    is_broken: bool,
}

impl Report {
    fn add(&mut self, file: &str, line: usize, column: &str, rule: &str, what: &str) {
        let problem = format!("{file} line {line} column {column}: {rule}: {what}");
        self.problems.push(problem);
    }

    /// A problem that keeps rows from being read.
    fn broken(&mut self, file: &str, line: usize, column: &str, rule: &str, what: &str) {
        self.is_broken = true;
        self.add(file, line, column, rule, what);
    }
}

/// A file that was read in full.
struct Sheet {
    file: &'static File,
    header: Vec<String>,
    rows: Vec<Record>,
}

impl Sheet {
    /// Empty if the file has no such column.
    fn value<'a>(&self, row: &'a Record, column: &str) -> &'a str {
        let at = self.header.iter().position(|name| name == column);
        let field = at.and_then(|at| row.fields.get(at));
        field.map_or("", String::as_str)
    }

    /// The values of a column that are not empty.
    fn values(&self, column: &str) -> BTreeSet<&str> {
        let values = self.rows.iter().map(|row| self.value(row, column));
        values.filter(|value| !value.is_empty()).collect()
    }
}

type Sheets = BTreeMap<&'static str, Sheet>;

fn check_file_names(files: &BTreeMap<String, Vec<u8>>, report: &mut Report) {
    for name in files.keys() {
        if !schema::FILES.iter().any(|file| file.name == name) {
            report.add(name, 0, "-", "file-name", "not a file of the format");
        }
    }
}

fn check_presence(files: &BTreeMap<String, Vec<u8>>, report: &mut Report) {
    let required = schema::FILES.iter().filter(|file| file.is_required);
    for file in required.filter(|file| !files.contains_key(file.name)) {
        report.broken(file.name, 0, "-", "presence", "a required file is missing");
    }
    let [classes, enrollments] = [schema::CLASSES, schema::ENROLLMENTS];
    for (file, other) in [(classes, enrollments), (enrollments, classes)] {
        if files.contains_key(other) && !files.contains_key(file) {
            report.broken(
                file,
                0,
                "-",
                "presence",
                "one of classes and enrollments is missing",
            );
        }
    }
}

fn read_sheets(files: &BTreeMap<String, Vec<u8>>, report: &mut Report) -> Sheets {
    let mut sheets = Sheets::new();
    for file in schema::FILES {
        let Some(bytes) = files.get(file.name) else {
            continue;
        };
        let table = strict_csv::read(bytes);
        if check_form(file, &table, report) {
            let sheet = Sheet {
                file,
                header: table.header,
                rows: table.rows,
            };
            check_values(&sheet, report);
            sheets.insert(file.name, sheet);
        }
    }
    sheets
}

/// Dialect and header; false if the rows cannot be read.
fn check_form(file: &File, table: &Table, report: &mut Report) -> bool {
    if table.has_bom {
        report.add(file.name, 1, "-", "bom", "a byte order mark");
    }
    for fault in &table.faults {
        let before = fault.column.checked_sub(1);
        let column = before.and_then(|at| table.header.get(at));
        let column = column.map_or("-", String::as_str);
        report.broken(file.name, fault.line, column, fault.rule, fault.what);
    }
    let is_readable = table.faults.is_empty() && check_header(file, &table.header, report);
    if is_readable && file.is_required && table.rows.is_empty() {
        report.add(file.name, 0, "-", "empty", "a required file without rows");
    }
    is_readable
}

fn check_header(file: &File, header: &[String], report: &mut Report) -> bool {
    let mut problems = Vec::new();
    for (at, name) in header.iter().enumerate() {
        if header[..at].contains(name) {
            problems.push((name.as_str(), "a column occurs twice"));
        } else if !file.columns.iter().any(|column| column.name == name) {
            problems.push((name, "not a column of this file"));
        }
    }
    let required = file.columns.iter().filter(|column| column.is_required);
    for column in required.filter(|column| !header.iter().any(|name| name == column.name)) {
        problems.push((column.name, "a required column is missing"));
    }
    for (column, what) in &problems {
        report.broken(file.name, 1, column, "header", what);
    }
    problems.is_empty()
}

fn check_values(sheet: &Sheet, report: &mut Report) {
    let columns = |name: &String| sheet.file.columns.iter().find(|column| column.name == name);
    let columns: Vec<&Column> = sheet.header.iter().filter_map(columns).collect();
    for row in &sheet.rows {
        for (column, value) in columns.iter().zip(&row.fields) {
            if let Some((rule, what)) = values::problem(column, value) {
                report.add(sheet.file.name, row.line, column.name, rule, what);
            }
        }
    }
}
