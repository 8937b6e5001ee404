//! A strict reader of RFC 4180, and the checks of values that the validators of School Data Sync and Google share.
//!
//! It is written from RFC 4180 alone and uses nothing of the program and no CSV library, so that a mistake in the
//! program's files is not repeated here. It reports every deviation and reads on as far as that makes sense. A line
//! break in a quoted field is correct here; a format that forbids it checks the values.

use std::iter::Peekable;
use std::str::Chars;

/// A deviation from RFC 4180. Line and column count from 1; column 0 is the record as a whole.
#[derive(Debug)]
pub struct Fault {
    pub line: usize,
    pub column: usize,
    pub rule: &'static str,
    pub what: &'static str,
}

/// One record after the header, with the line on which it starts.
#[derive(Debug)]
pub struct Record {
    pub line: usize,
    pub fields: Vec<String>,
}

/// A file as far as it could be read. Without `faults` every row has as many fields as the header.
#[derive(Debug, Default)]
pub struct Table {
    pub has_bom: bool,
    pub header: Vec<String>,
    pub rows: Vec<Record>,
    pub faults: Vec<Fault>,
}

pub fn read(bytes: &[u8]) -> Table {
    let mut table = Table::default();
    match std::str::from_utf8(bytes) {
        Ok(text) => read_text(text, &mut table),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            table.fault(line, 0, "utf-8", "bytes that are not UTF-8");
        }
    }
    table
}

fn read_text(text: &str, table: &mut Table) {
    let content = text.strip_prefix('\u{feff}');
    table.has_bom = content.is_some();
    let mut reader = Reader {
        signs: content.unwrap_or(text).chars().peekable(),
        line: 1,
        table,
    };
    let mut records = Vec::new();
    while let Some(record) = reader.record() {
        records.push(record);
    }
    let mut records = records.into_iter();
    match records.next() {
        Some(header) => table.header = header.fields,
        None => table.fault(1, 0, "header", "no header"),
    }
    for record in records {
        check_width(&record, table);
        table.rows.push(record);
    }
}

fn check_width(record: &Record, table: &mut Table) {
    let is_blank = record.fields.len() == 1 && record.fields[0].is_empty();
    if record.fields.len() != table.header.len() {
        let (rule, what) = if is_blank {
            ("blank-line", "a line without a field")
        } else {
            ("ragged", "not as many fields as the header")
        };
        table.fault(record.line, 0, rule, what);
    }
}

impl Table {
    fn fault(&mut self, line: usize, column: usize, rule: &'static str, what: &'static str) {
        self.faults.push(Fault {
            line,
            column,
            rule,
            what,
        });
    }
}

/// What follows a field.
#[derive(PartialEq, Eq)]
enum End {
    Comma,
    Line,
    File,
}

struct Reader<'a> {
    signs: Peekable<Chars<'a>>,
    line: usize,
    table: &'a mut Table,
}

impl Reader<'_> {
    fn record(&mut self) -> Option<Record> {
        self.signs.peek()?;
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            let (field, end) = self.field(fields.len() + 1);
            fields.push(field);
            if end != End::Comma {
                return Some(Record { line, fields });
            }
        }
    }

    fn field(&mut self, column: usize) -> (String, End) {
        let mut text = String::new();
        let is_quoted = self.signs.next_if_eq(&'"').is_some();
        if is_quoted && !self.quoted(column, &mut text) {
            return (text, End::File);
        }
        loop {
            let Some(sign) = self.signs.next() else {
                return (text, End::File);
            };
            match sign {
                ',' => return (text, End::Comma),
                '\r' | '\n' => return (text, self.line_end(sign, column)),
                _ if is_quoted => self.fault(column, "quote", "text after the closing quote"),
                '"' => self.fault(column, "quote", "a quote in a field without quotes"),
                _ => self.check_control(column, sign),
            }
            text.push(sign);
        }
    }

    /// The inside of a quoted field; false if the closing quote is missing.
    fn quoted(&mut self, column: usize, text: &mut String) -> bool {
        while let Some(sign) = self.signs.next() {
            match sign {
                '"' if self.signs.next_if_eq(&'"').is_none() => return true,
                '\n' => self.line += 1,
                '\r' => self.line += usize::from(self.signs.peek() != Some(&'\n')),
                _ => self.check_control(column, sign),
            }
            text.push(sign);
        }
        self.fault(column, "quote", "no closing quote");
        false
    }

    fn line_end(&mut self, sign: char, column: usize) -> End {
        if sign == '\n' || self.signs.next_if_eq(&'\n').is_none() {
            self.fault(column, "line-end", "a line that does not end in CR LF");
        }
        self.line += 1;
        End::Line
    }

    fn check_control(&mut self, column: usize, sign: char) {
        if sign.is_control() {
            self.fault(column, "control", "a control character");
        }
    }

    fn fault(&mut self, column: usize, rule: &'static str, what: &'static str) {
        self.table.fault(self.line, column, rule, what);
    }
}

/// An e-mail address after RFC 5322 3.4.1 without quotes and comments, in ASCII, with at least two parts of a domain.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_atom = |part: &str| {
        let known =
            |sign: char| sign.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(sign);
        !part.is_empty() && part.chars().all(known)
    };
    let is_label = |part: &str| {
        let known = |sign: char| sign.is_ascii_alphanumeric() || sign == '-';
        !part.is_empty()
            && part.chars().all(known)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let fits = local.len() <= 64 && text.len() <= 254;
    fits && local.split('.').all(is_atom) && domain.contains('.') && domain.split('.').all(is_label)
}

/// A number after E.164: `+` and 2 to 15 digits, the first not 0.
pub fn is_phone(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else {
        return false;
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (2..=15).contains(&digits.len()) && !digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line, column and rule.
    type Found = (usize, usize, &'static str);

    fn rules(bytes: &[u8]) -> Vec<Found> {
        let faults = read(bytes).faults;
        let faults = faults.iter();
        faults
            .map(|fault| (fault.line, fault.column, fault.rule))
            .collect()
    }

    #[test]
    fn a_correct_file_is_read_in_full() {
        let table = read(b"\xef\xbb\xbfa,b\r\n1,\"x, \"\"y\"\"\r\nz\"\r\n,\"\"\r\n");
        assert!(table.faults.is_empty() && table.has_bom);
        assert_eq!(table.header, ["a", "b"]);
        let rows: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.line, row.fields.clone()))
            .collect();
        let first = vec!["1".to_owned(), "x, \"y\"\r\nz".to_owned()];
        assert_eq!(rows, [(2, first), (4, vec![String::new(); 2])]);
        assert!(
            rules(b"a,b\r\n1,2").is_empty(),
            "the last line needs no end"
        );
    }

    #[test]
    fn each_deviation_is_reported_where_it_is() {
        let cases: &[(&[u8], Found)] = &[
            (b"", (1, 0, "header")),
            (b"a\r\n\xff\r\n", (2, 0, "utf-8")),
            (b"a,b\r\n1,2\n", (2, 2, "line-end")),
            (b"a,b\r1,2\r\n", (1, 2, "line-end")),
            (b"a,b\r\n1,x\"y\r\n", (2, 2, "quote")),
            (b"a,b\r\n\"1\"x,2\r\n", (2, 1, "quote")),
            (b"a,b\r\n1,\"2\r\n", (3, 2, "quote")),
            (b"a,b\r\n1,\x07\r\n", (2, 2, "control")),
            (b"a,b\r\n1,\"\x00\"\r\n", (2, 2, "control")),
            (b"a,b\r\n1\r\n", (2, 0, "ragged")),
            (b"a,b\r\n1,2,3\r\n", (2, 0, "ragged")),
            (b"a,b\r\n1,2\r\n\r\n", (3, 0, "blank-line")),
        ];
        for (bytes, expected) in cases {
            let text = String::from_utf8_lossy(bytes);
            assert!(
                rules(bytes).contains(expected),
                "{text:?}: {:?}",
                rules(bytes)
            );
        }
    }

    #[test]
    fn addresses_and_numbers() {
        for valid in ["a@b.example", "o'neil.x+y@sub.b-c.example"] {
            assert!(is_address(valid), "{valid}");
        }
        for wrong in [
            "a",
            "@b.example",
            "a@b",
            "a@b..example",
            ".a@b.example",
            "a b@c.example",
            "a@b@c.example",
            "a@-b.example",
            "ä@b.example",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
        assert!(is_phone("+431234567"));
        for wrong in ["431234567", "+0431", "+4", "+43 1", "+1234567890123456", ""] {
            assert!(!is_phone(wrong), "{wrong}");
        }
    }
}
