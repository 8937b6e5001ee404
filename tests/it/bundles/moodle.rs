//! Independent validators of the files that Moodle reads: *Upload users*, *Upload cohorts* and the flat-file enrolment
//! plugin, written from the contract page `docs/contracts/moodle.md`. They share no code with the writer: the CSV parser
//! below is their own.
//!
//! They are stricter than Moodle, because they also check what the contract marks as a choice.

use std::collections::BTreeSet;
use std::fmt::Display;

#[path = "moodle/cohorts.rs"]
mod cohorts;
#[path = "moodle/csv.rs"]
mod csv;
#[path = "moodle/enrolments.rs"]
mod enrolments;
#[cfg(test)]
#[path = "moodle/mutations.rs"]
mod mutations;
#[path = "moodle/users.rs"]
mod users;

/// What is wrong with a file for *Upload users*, one message a problem (moodle.md 1 and 2).
///
/// With `cohorts`, every cohort of the file must be one of these idnumbers.
pub fn problems_of_users(file: &[u8], cohorts: Option<&BTreeSet<String>>) -> Vec<String> {
    let mut report = Report::default();
    if let Some(table) = csv::read(file, &mut report) {
        users::check(&table, cohorts, &mut report);
    }
    report.0
}

/// What is wrong with a file for *Upload cohorts* (moodle.md 1 and 3).
pub fn problems_of_cohorts(file: &[u8]) -> Vec<String> {
    let mut report = Report::default();
    if let Some(table) = csv::read(file, &mut report) {
        cohorts::check(&table, &mut report);
    }
    report.0
}

/// What is wrong with a flat file of enrolments (moodle.md 4). An empty file is valid.
pub fn problems_of_enrolments(file: &[u8]) -> Vec<String> {
    let mut report = Report::default();
    enrolments::check(file, &mut report);
    report.0
}

#[derive(Default)]
struct Report(Vec<String>);

impl Report {
    /// `column` is the name of a column, or its number from 1.
    fn add(&mut self, line: usize, column: impl Display, text: impl Display, rule: &str) {
        let message = format!("line {line}, column {column}: {text} [moodle.md {rule}]");
        self.0.push(message);
    }
}

/// The text of a file, when it is UTF-8 without a byte order mark, with one kind of line end, also after the last line.
fn text<'a>(file: &'a [u8], rule: &str, report: &mut Report) -> Option<&'a str> {
    let text = match std::str::from_utf8(file) {
        Ok(text) => text,
        Err(error) => {
            let good = &file[..error.valid_up_to()];
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            report.add(line, 1, "not UTF-8", rule);
            return None;
        }
    };
    if text.starts_with('\u{feff}') {
        report.add(1, 1, "a byte order mark", rule);
    }
    let lines = text.split('\n').count();
    if !text.is_empty() && !text.ends_with('\n') {
        report.add(lines, 1, "no line end after the last line", rule);
    }
    let with_cr = text.matches("\r\n").count();
    if text.matches('\r').count() > with_cr {
        report.add(lines, 1, "a carriage return without a line feed", rule);
    }
    if with_cr > 0 && with_cr < text.matches('\n').count() {
        report.add(lines, 1, "mixed line ends", rule);
    }
    Some(text)
}

/// Whether PHP's `empty()` holds: the text `0` is empty too.
fn is_empty_in_php(value: &str) -> bool {
    value.is_empty() || value == "0"
}
