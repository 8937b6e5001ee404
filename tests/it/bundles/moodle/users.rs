//! Columns and values of *Upload users* (moodle.md 2).

use std::collections::{BTreeMap, BTreeSet};

use super::csv::{Row, Table};
use super::{Report, is_empty_in_php};

/// Without the names of persons and the numbered columns (moodle.md 2.1 rule 2).
const COLUMNS: &str = "id username email emailstop city country lang timezone mailformat maildisplay maildigest \
    htmleditor autosubscribe institution department idnumber phone1 phone2 address description descriptionformat \
    password auth oldusername suspended theme deleted mnethostid interests firstname lastname firstnamephonetic \
    lastnamephonetic middlename alternatename";

const NUMBERED: &[&str] = &[
    "cohort",
    "sysrole",
    "course",
    "group",
    "type",
    "role",
    "enrolperiod",
    "enrolstatus",
    "enroltimestart",
];

/// Characters at most, and whether tags are stripped.
const TEXTS: &[(&str, usize, bool)] = &[
    ("username", 100, false),
    ("oldusername", 100, false),
    ("firstname", 100, true),
    ("lastname", 100, true),
    ("email", 100, false),
    ("idnumber", 255, false),
    ("institution", 255, true),
    ("department", 255, true),
    ("phone1", 20, true),
    ("phone2", 20, true),
    ("city", 120, true),
    ("address", 255, true),
    ("auth", 20, false),
    ("lang", 30, false),
];

pub fn check(table: &Table, cohorts: Option<&BTreeSet<String>>, report: &mut Report) {
    check_header(table, report);
    let mut seen = BTreeMap::new();
    for row in &table.rows {
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            if !cell.is_empty() {
                check_cell(row, column, cell, report);
            }
            check_unique(row, column, cell, &mut seen, report);
        }
        check_person(table, row, report);
        check_cohorts(table, row, cohorts, report);
        check_courses(table, row, report);
    }
}

/// `cohort12` as `cohort` and `12`.
fn numbered(column: &str) -> Option<(&'static str, &str)> {
    let name = column.trim_end_matches(|sign: char| sign.is_ascii_digit());
    let number = &column[name.len()..];
    let known = NUMBERED.iter().find(|known| **known == name);
    known
        .filter(|_| !number.is_empty())
        .map(|known| (*known, number))
}

fn is_column(column: &str) -> bool {
    let is_profile = column
        .strip_prefix("profile_field_")
        .is_some_and(|name| !name.is_empty());
    COLUMNS.split_whitespace().any(|known| known == column)
        || numbered(column).is_some()
        || is_profile
}

fn check_header(table: &Table, report: &mut Report) {
    let columns = &table.columns;
    if columns.len() < 2 {
        report.add(1, 1, "fewer than two columns", "2.1 rule 1");
    }
    let mut seen = BTreeSet::new();
    for column in columns {
        if !seen.insert(column.trim().to_lowercase()) {
            report.add(1, column, "this column is listed twice", "2.1 rule 1");
        }
        if !is_column(column) {
            report.add(1, column, "unknown column", "2.1 rule 2");
        }
        if let Some((name, number)) = numbered(column)
            && !["cohort", "sysrole", "course"].contains(&name)
            && table.column(&format!("course{number}")).is_none()
        {
            let text = format!("no column course{number}");
            report.add(1, column, text, "2.1 rule 4");
        }
    }
    // A file that only deletes, suspends or renames needs no more than usernames.
    let changes = ["deleted", "suspended", "oldusername"];
    let adds = changes.iter().all(|name| table.column(name).is_none());
    let mandatory = ["username", "firstname", "lastname", "email"];
    for name in &mandatory[..if adds { 4 } else { 1 }] {
        if table.column(name).is_none() {
            report.add(1, name, "this column is missing", "2.1 rule 5");
        }
    }
}

fn check_unique<'a>(
    row: &Row,
    column: &'a str,
    cell: &str,
    seen: &mut BTreeMap<(&'a str, String), usize>,
    report: &mut Report,
) {
    if cell.is_empty() || !["username", "oldusername", "email", "idnumber"].contains(&column) {
        return;
    }
    let value = if column == "email" {
        cell.to_lowercase()
    } else {
        cell.to_owned()
    };
    if let Some(line) = seen.insert((column, value), row.line) {
        let text = format!("the same value as in line {line}");
        report.add(row.line, column, text, "2.2");
    }
}

/// The rules of a value that is not empty.
fn check_cell(row: &Row, column: &str, cell: &str, report: &mut Report) {
    if let Some((_, length, has_no_tags)) = TEXTS.iter().find(|(name, ..)| *name == column) {
        if cell.chars().count() > *length {
            let text = format!("more than {length} characters");
            report.add(row.line, column, text, "2.2");
        }
        if *has_no_tags && cell.contains('<') {
            report.add(row.line, column, "`<` starts a tag", "2.2");
        }
    }
    let name = numbered(column).map_or(column, |(name, _)| name);
    let problem = match name {
        "username" | "oldusername" => username_problem(cell),
        "email" if !is_email(cell) => Some("not an email address"),
        "country" if !is_of(cell, 2, |byte| byte.is_ascii_uppercase()) => {
            Some("not a country of two capital letters")
        }
        "lang" if !is_lang(cell) => Some("not a language pack"),
        "auth" if !cell.bytes().all(is_plugin) => Some("not a plugin"),
        "deleted" | "suspended" | "enrolstatus" if !["0", "1"].contains(&cell) => {
            Some("not 0, 1 or empty")
        }
        "type" if !["1", "2", "3"].contains(&cell) => Some("not 1, 2 or 3"),
        "enrolperiod" if !cell.parse::<u32>().is_ok_and(|days| days > 0) => {
            Some("not a number of days")
        }
        "enroltimestart" if !is_date(cell) => Some("not a date as YYYY-MM-DD"),
        "role" | "sysrole" if is_number(cell) => Some("a number instead of a short name"),
        _ => None,
    };
    if let Some(problem) = problem {
        report.add(row.line, column, problem, "2.2");
    }
    if column == "password" && cell != "changeme" {
        report.add(row.line, column, "a password", "2.3 rule 6");
    }
}

fn username_problem(name: &str) -> Option<&'static str> {
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._@".contains(&b);
    if is_empty_in_php(name) {
        Some("this username is empty for Moodle")
    } else if name == "guest" {
        Some("the guest account")
    } else if !name.bytes().all(is_allowed) {
        Some("a character that Moodle removes from usernames")
    } else {
        None
    }
}

fn is_email(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else {
        return false;
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && (label.bytes()).all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_local =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    !local.is_empty()
        && local.len() <= 64
        && local.bytes().all(is_local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

fn is_of(text: &str, length: usize, is_allowed: impl Fn(u8) -> bool) -> bool {
    text.len() == length && text.bytes().all(is_allowed)
}

fn is_plugin(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

fn is_lang(text: &str) -> bool {
    let mut parts = text.split('_');
    let first = parts.next().unwrap_or_default();
    let is_first = matches!(first.len(), 2 | 3) && first.bytes().all(|b| b.is_ascii_lowercase());
    is_first && parts.all(|part| !part.is_empty() && part.bytes().all(is_plugin))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else {
        return false;
    };
    let is_digit = |byte: u8| byte.is_ascii_digit();
    is_of(year, 4, is_digit)
        && is_of(month, 2, is_digit)
        && is_of(day, 2, is_digit)
        && ("01"..="12").contains(&month)
        && ("01"..="31").contains(&day)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_person(table: &Table, row: &Row, report: &mut Report) {
    if table.cell(row, "username") == Some("") {
        report.add(row.line, "username", "empty", "2.1 rule 5");
    }
    let is_deleted = table.cell(row, "deleted") == Some("1");
    for name in ["firstname", "lastname", "email"] {
        if !is_deleted && table.cell(row, name) == Some("") {
            let text = "empty, which an update clears and an addition refuses";
            report.add(row.line, name, text, "2.3 rule 2");
        }
    }
    let old = table.cell(row, "oldusername").unwrap_or_default();
    if !old.is_empty() && table.cell(row, "username") == Some(old) {
        let text = "the old username is the new one";
        report.add(row.line, "oldusername", text, "2.2");
    }
    if !old.is_empty() && is_deleted {
        let text = "renamed and deleted in one row";
        report.add(row.line, "oldusername", text, "2.3 rule 3");
    }
}

fn check_cohorts(
    table: &Table,
    row: &Row,
    cohorts: Option<&BTreeSet<String>>,
    report: &mut Report,
) {
    let mut seen = BTreeSet::new();
    for (column, cell) in table.columns.iter().zip(&row.cells) {
        let is_cohort = numbered(column).is_some_and(|(name, _)| name == "cohort");
        if !is_cohort || cell.is_empty() {
            continue;
        }
        let mut add = |text, rule| report.add(row.line, column, text, rule);
        if is_number(cell) {
            add("a number is the id of a cohort", "2.4 rule 1");
        } else if cohorts.is_some_and(|cohorts| !cohorts.contains(cell)) {
            add("unknown cohort", "2.4 rule 2");
        }
        if cell.chars().count() > 100 {
            add("more than 100 characters", "2.4 rule 3");
        }
        if !seen.insert(cell) {
            add("this cohort is listed twice in the row", "2.4 rule 3");
        }
    }
}

fn check_courses(table: &Table, row: &Row, report: &mut Report) {
    for (column, cell) in table.columns.iter().zip(&row.cells) {
        let Some((name, number)) = numbered(column).filter(|_| !cell.is_empty()) else {
            continue;
        };
        if ["cohort", "sysrole", "course"].contains(&name) {
            continue;
        }
        let course = table.cell(row, &format!("course{number}"));
        if course.is_some_and(is_empty_in_php) {
            let text = format!("a value without course{number}");
            report.add(row.line, column, text, "2.1 rule 4");
        }
    }
}
