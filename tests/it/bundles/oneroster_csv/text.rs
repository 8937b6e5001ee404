//! A strict RFC 4180 reader for UTF-8 with the restrictions of oneroster-csv.md 2.
//!
//! It stops at the first mistake after which the fields are no longer certain.

use super::report::Report;

/// One record: the number of its line, from 1, and its fields without quotes.
pub struct Record {
    pub line: usize,
    pub fields: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum FieldState {
    Start,
    Plain,
    Quoted,
    Closed,
}

struct Reader<'a> {
    file: &'a str,
    line: usize,
    position: usize,
    state: FieldState,
    field: String,
    fields: Vec<String>,
    records: Vec<Record>,
    has_bare_line_end: bool,
}

/// The records of a file, or nothing when they cannot be read with certainty.
pub fn records(file: &str, bytes: &[u8], report: &mut Report) -> Option<Vec<Record>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = 1 + bytes[..error.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            report.broken(file, line, "1", "utf8", "not UTF-8");
            return None;
        }
    };
    Reader::new(file).read(text, report)
}

impl<'a> Reader<'a> {
    fn new(file: &'a str) -> Self {
        Self {
            file,
            line: 1,
            position: 0,
            state: FieldState::Start,
            field: String::new(),
            fields: Vec::new(),
            records: Vec::new(),
            has_bare_line_end: false,
        }
    }

    fn read(mut self, text: &str, report: &mut Report) -> Option<Vec<Record>> {
        let mut signs = text.chars().peekable();
        while let Some(sign) = signs.next() {
            self.position += 1;
            let is_in_quotes = self.state == FieldState::Quoted;
            if is_in_quotes && sign == '"' && signs.next_if_eq(&'"').is_some() {
                self.field.push('"');
                self.position += 1;
            } else if !is_in_quotes && sign == '\r' && signs.next_if_eq(&'\n').is_some() {
                self.end_record();
            } else if !is_in_quotes && sign == '\n' {
                self.bare_line_end(report);
                self.end_record();
            } else {
                self.take(sign, report)?;
            }
        }
        self.finish(report)
    }

    /// One character that neither ends a record nor is a doubled quote.
    fn take(&mut self, sign: char, report: &mut Report) -> Option<()> {
        match (self.state, sign) {
            (FieldState::Start, '"') => self.state = FieldState::Quoted,
            (FieldState::Quoted, '"') => self.state = FieldState::Closed,
            (FieldState::Quoted, '\r' | '\n') => {
                return self.fail(report, "line-break", "a line break in a field");
            }
            (FieldState::Start | FieldState::Plain | FieldState::Closed, ',') => self.end_field(),
            (FieldState::Closed, _) => {
                return self.fail(report, "quote", "text after a closing quote");
            }
            (_, '"') => return self.fail(report, "quote", "a quote in an unquoted field"),
            (_, '\r') => return self.fail(report, "line-break", "a carriage return in a field"),
            _ => self.keep(sign, report),
        }
        Some(())
    }

    fn keep(&mut self, sign: char, report: &mut Report) {
        if sign.is_control() {
            self.add(report, "control", "a control character");
        }
        if self.state == FieldState::Start {
            self.state = FieldState::Plain;
        }
        self.field.push(sign);
    }

    fn end_field(&mut self) {
        self.fields.push(std::mem::take(&mut self.field));
        self.state = FieldState::Start;
    }

    fn end_record(&mut self) {
        self.end_field();
        let fields = std::mem::take(&mut self.fields);
        self.records.push(Record {
            line: self.line,
            fields,
        });
        self.line += 1;
        self.position = 0;
    }

    fn finish(mut self, report: &mut Report) -> Option<Vec<Record>> {
        if self.state == FieldState::Quoted {
            return self.fail(report, "quote", "no closing quote");
        }
        if self.position > 0 {
            self.end_record();
        }
        Some(self.records)
    }

    /// Reported once for each file, since usually every line has it.
    fn bare_line_end(&mut self, report: &mut Report) {
        if !self.has_bare_line_end {
            self.add(report, "line-end", "the record ends in LF, not CRLF");
        }
        self.has_bare_line_end = true;
    }

    fn add(&self, report: &mut Report, rule: &str, text: &str) {
        report.add(self.file, self.line, &self.position.to_string(), rule, text);
    }

    fn fail<T>(&self, report: &mut Report, rule: &str, text: &str) -> Option<T> {
        report.broken(self.file, self.line, &self.position.to_string(), rule, text);
        None
    }
}
