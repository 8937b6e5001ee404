//! Columns and values of *Upload cohorts* (moodle.md 3).

use std::collections::BTreeSet;

use super::csv::{Row, Table};
use super::{Report, is_empty_in_php};

const COLUMNS: &str = "name idnumber description descriptionformat visible theme contextid context category \
    category_id category_idnumber category_path";

pub fn check(table: &Table, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for column in &table.columns {
        if !COLUMNS.split_whitespace().any(|known| known == column) {
            report.add(1, column, "unknown column", "3 rule 1");
        }
        if !seen.insert(column) {
            report.add(1, column, "this column is listed twice", "3 rule 1");
        }
    }
    for name in ["name", "idnumber"] {
        if table.column(name).is_none() {
            report.add(1, name, "this column is missing", "3 rule 4");
        }
    }
    let mut ids = BTreeSet::new();
    for row in &table.rows {
        check_row(table, row, report);
        let id = table.cell(row, "idnumber").unwrap_or_default();
        if !id.is_empty() && !ids.insert(id) {
            let text = "this idnumber is listed twice";
            report.add(row.line, "idnumber", text, "3 rule 4");
        }
    }
}

fn check_row(table: &Table, row: &Row, report: &mut Report) {
    for (name, length) in [("name", 254), ("idnumber", 100)] {
        let Some(cell) = table.cell(row, name) else {
            continue;
        };
        if is_empty_in_php(cell) {
            report.add(row.line, name, "empty for Moodle", "3 rule 2");
        }
        if cell.chars().count() > length {
            let text = format!("more than {length} characters");
            report.add(row.line, name, text, "3 rule 2");
        }
    }
    if table
        .cell(row, "name")
        .is_some_and(|name| name.contains('<'))
    {
        report.add(row.line, "name", "`<` starts a tag", "3 rule 2");
    }
    let id = table.cell(row, "idnumber").unwrap_or_default();
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        report.add(row.line, "idnumber", "a number", "2.4 rule 1");
    }
    let visible = table.cell(row, "visible").unwrap_or_default();
    if !["", "0", "1"].contains(&visible) {
        report.add(row.line, "visible", "not 0, 1 or empty", "3 rule 3");
    }
}
