//! Rows as lines of values in the dialect of a bundle.

use std::io::{self, Write};

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::{BundleFileWriter, FileChange, FilledColumns};
use crate::setup::files::bundle::{CsvDialect, CsvQuote, LineEnd};

/// A file of lines.
pub(super) struct LineFile<'a, W: Write> {
    writer: Writer<W>,
    marks: FilledColumns<'a>,
    replaces: bool,
}

impl<'a, W: Write> LineFile<'a, W> {
    pub fn new(
        dialect: &CsvDialect,
        columns: &[String],
        marks: FilledColumns<'a>,
        replaces: bool,
        out: W,
    ) -> io::Result<Self> {
        let terminator = match dialect.line_end {
            LineEnd::Crlf => Terminator::CRLF,
            LineEnd::Lf => Terminator::Any(b'\n'),
        };
        let quote = match dialect.quote {
            CsvQuote::Necessary => QuoteStyle::Necessary,
            CsvQuote::Always => QuoteStyle::Always,
            CsvQuote::Never => QuoteStyle::Never,
        };
        let mut writer = WriterBuilder::new()
            .delimiter(dialect.delimiter.bytes().next().unwrap_or(b','))
            .terminator(terminator)
            .quote_style(quote)
            .from_writer(out);
        if dialect.header {
            writer.write_record(columns)?;
        }
        Ok(Self {
            writer,
            marks,
            replaces,
        })
    }

    fn line(&mut self, values: &[Option<String>]) -> io::Result<()> {
        let values = values
            .iter()
            .map(|value| value.as_deref().unwrap_or_default());
        Ok(self.writer.write_record(values)?)
    }
}

impl<W: Write> BundleFileWriter for LineFile<'_, W> {
    fn row(&mut self, values: &[Option<String>]) -> io::Result<()> {
        self.line(values)
    }

    fn change(&mut self, change: &FileChange<'_>) -> io::Result<()> {
        match change {
            FileChange::Added(values) => self.line(&self.marks.added(values)),
            FileChange::Removed(values) => self.line(&self.marks.removed(values)),
            FileChange::Changed(before, after) if self.replaces => {
                self.line(&self.marks.removed(before))?;
                self.line(&self.marks.added(after))
            }
            FileChange::Changed(_, after) => self.line(&self.marks.changed(after)),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.writer.flush()
    }
}
