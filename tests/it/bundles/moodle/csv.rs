//! A strict CSV reader (moodle.md 1): commas, quotes only around a whole field, the same number of fields in each row.

use super::{Report, text};

/// A record with the number of its first line.
pub struct Row {
    pub line: usize,
    pub cells: Vec<String>,
}

pub struct Table {
    pub columns: Vec<String>,
    /// Only those that have as many cells as there are columns.
    pub rows: Vec<Row>,
}

impl Table {
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The cell of a row, or `None` without that column.
    pub fn cell<'a>(&self, row: &'a Row, name: &str) -> Option<&'a str> {
        self.column(name).map(|at| row.cells[at].as_str())
    }
}

pub fn read(file: &[u8], report: &mut Report) -> Option<Table> {
    let text = text(file, "1 rule 2", report)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = Parser::new(text, report).rows().into_iter();
    let Some(header) = rows.next() else {
        report.add(1, 1, "no header", "1 rule 4");
        return None;
    };
    let columns = header.cells;
    let mut table = Table {
        columns,
        rows: Vec::new(),
    };
    for row in rows {
        check_row(&row, &table.columns, report);
        if row.cells.len() == table.columns.len() {
            table.rows.push(row);
        }
    }
    Some(table)
}

fn check_row(row: &Row, columns: &[String], report: &mut Report) {
    if row.cells.len() != columns.len() {
        let text = format!("{} fields instead of {}", row.cells.len(), columns.len());
        report.add(row.line, row.cells.len(), text, "1 rule 4");
        return;
    }
    for (column, cell) in columns.iter().zip(&row.cells) {
        if cell.trim() != cell {
            let text = "white space at the start or end";
            report.add(row.line, column, text, "1 rule 5");
        }
        let is_allowed = |sign: char| sign == '\n' && column == "description";
        if cell.contains(|sign: char| sign.is_control() && !is_allowed(sign)) {
            report.add(row.line, column, "a control character", "1 rule 5");
        }
    }
}

struct Parser<'a, 'r> {
    text: &'a str,
    line: usize,
    report: &'r mut Report,
}

impl<'a, 'r> Parser<'a, 'r> {
    fn new(text: &'a str, report: &'r mut Report) -> Self {
        Self {
            text,
            line: 1,
            report,
        }
    }

    fn rows(mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        while !self.text.is_empty() {
            let row = self.row();
            if row.cells.len() == 1 && row.cells[0].is_empty() {
                let text = "a blank line";
                self.report.add(row.line, 1, text, "1 rule 4");
            } else {
                rows.push(row);
            }
        }
        rows
    }

    fn row(&mut self) -> Row {
        let line = self.line;
        let mut cells = Vec::new();
        loop {
            let number = cells.len() + 1;
            let cell = match self.text.strip_prefix('"') {
                Some(rest) => self.quoted(rest, number),
                None => self.bare(number),
            };
            cells.push(cell);
            if let Some(rest) = self.text.strip_prefix(',') {
                self.text = rest;
                continue;
            }
            let end = self.text.strip_prefix('\r').unwrap_or(self.text);
            self.text = end.strip_prefix('\n').unwrap_or(end);
            self.line += 1;
            return Row { line, cells };
        }
    }

    fn bare(&mut self, number: usize) -> String {
        let end = self.text.find([',', '\n', '\r']).unwrap_or(self.text.len());
        let (cell, rest) = self.text.split_at(end);
        if cell.contains('"') {
            let text = "a quote in a field that is not enclosed";
            self.report.add(self.line, number, text, "1 rule 3");
        }
        self.text = rest;
        cell.to_owned()
    }

    /// Reads a field after its first quote.
    fn quoted(&mut self, mut rest: &'a str, number: usize) -> String {
        let first_line = self.line;
        let mut cell = String::new();
        loop {
            let Some((part, after)) = rest.split_once('"') else {
                let text = "a quote that is not closed";
                self.report.add(first_line, number, text, "1 rule 3");
                self.text = "";
                return cell + rest;
            };
            if part.ends_with('\\') {
                let text = "a backslash before a quote";
                self.report.add(first_line, number, text, "1 rule 3");
            }
            self.line += part.matches('\n').count();
            cell.push_str(part);
            rest = after;
            let Some(after) = rest.strip_prefix('"') else {
                break;
            };
            cell.push('"');
            rest = after;
        }
        let end = rest.find([',', '\n', '\r']).unwrap_or(rest.len());
        if end > 0 {
            let text = "text after the closing quote";
            self.report.add(first_line, number, text, "1 rule 3");
        }
        self.text = &rest[end..];
        cell + &rest[..end]
    }
}
