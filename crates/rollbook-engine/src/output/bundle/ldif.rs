//! Rows as LDIF entries or change records: ldif.md 1 to 4.

use std::fmt::Write as _;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BundleFileWriter, FileChange};
use crate::setup::files::bundle::LineEnd;

/// Bytes of a line; more go to a line that begins with a blank.
const WIDTH: usize = 76;

/// The column with the name of the entry.
const NAME: &str = "dn";

/// An LDIF file.
pub(super) struct LdifEntries<'a, W: Write> {
    columns: &'a [String],
    line_end: &'static str,
    out: W,
}

impl<'a, W: Write> LdifEntries<'a, W> {
    pub fn new(columns: &'a [String], line_end: LineEnd, out: W) -> io::Result<Self> {
        let mut entries = Self {
            columns,
            line_end: match line_end {
                LineEnd::Crlf => "\r\n",
                LineEnd::Lf => "\n",
            },
            out,
        };
        entries.end("version: 1\n".to_owned())?;
        Ok(entries)
    }

    /// `dn: …`, which every record begins with.
    fn begin(&self, values: &[Option<String>]) -> String {
        let mut text = "\n".to_owned();
        for (_, value) in self.named(values).filter(|(name, _)| *name == NAME) {
            attribute(&mut text, NAME, value);
        }
        text
    }

    fn end(&mut self, text: String) -> io::Result<()> {
        self.out
            .write_all(text.replace('\n', self.line_end).as_bytes())
    }

    /// Each value with its column.
    fn named<'v>(
        &self,
        values: &'v [Option<String>],
    ) -> impl Iterator<Item = (&'a str, &'v str)> + use<'a, 'v, W> {
        let columns = self.columns.iter().zip(values);
        columns.flat_map(|(name, value)| lines_of(value).map(move |value| (name.as_str(), value)))
    }

    fn attributes(&self, text: &mut String, values: &[Option<String>]) {
        for (name, value) in self.named(values).filter(|(name, _)| *name != NAME) {
            attribute(text, name, value);
        }
    }

    fn add(&mut self, values: &[Option<String>]) -> io::Result<()> {
        let mut text = self.begin(values) + "changetype: add\n";
        self.attributes(&mut text, values);
        self.end(text)
    }

    fn delete(&mut self, values: &[Option<String>]) -> io::Result<()> {
        let text = self.begin(values) + "changetype: delete\n";
        self.end(text)
    }

    /// Replaces the attributes that differ; one without values is removed.
    fn modify(&mut self, before: &[Option<String>], after: &[Option<String>]) -> io::Result<()> {
        let mut text = self.begin(after) + "changetype: modify\n";
        for (name, (before, after)) in self.columns.iter().zip(before.iter().zip(after)) {
            if before == after || name == NAME {
                continue;
            }
            let _ = writeln!(text, "replace: {name}"); // memory does not fail
            for value in lines_of(after) {
                attribute(&mut text, name, value);
            }
            text.push_str("-\n");
        }
        self.end(text)
    }
}

impl<W: Write> BundleFileWriter for LdifEntries<'_, W> {
    fn row(&mut self, values: &[Option<String>]) -> io::Result<()> {
        let mut text = self.begin(values);
        self.attributes(&mut text, values);
        self.end(text)
    }

    fn change(&mut self, change: &FileChange<'_>) -> io::Result<()> {
        match change {
            FileChange::Added(values) => self.add(values),
            FileChange::Removed(values) => self.delete(values),
            FileChange::Changed(before, after) => self.modify(before, after),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

/// The values of a cell: one a line, none for null and empty text.
fn lines_of(value: &Option<String>) -> impl Iterator<Item = &str> {
    let lines = value.iter().flat_map(|value| value.split('\n'));
    lines.filter(|value| !value.is_empty())
}

fn attribute(text: &mut String, name: &str, value: &str) {
    let line = match is_safe(value) {
        true => format!("{name}: {value}"),
        false => format!("{name}:: {}", STANDARD.encode(value)),
    };
    // Letters and digits only, or Base64: any byte is the start of a character.
    let (mut rest, mut width) = (line.as_str(), WIDTH);
    while rest.len() > width {
        let (head, tail) = rest.split_at(width);
        let _ = write!(text, "{head}\n "); // memory does not fail
        (rest, width) = (tail, WIDTH - 1);
    }
    let _ = writeln!(text, "{rest}");
}

/// Whether a value may be written as it is (RFC 2849, SAFE-STRING), and does not end with a blank.
fn is_safe(value: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii() && !matches!(byte, 0 | b'\n' | b'\r');
    value.bytes().all(is_safe) && !value.starts_with([' ', ':', '<']) && !value.ends_with(' ')
}
