//! Rows as CSV: RFC 4180, UTF-8, quoted where it must be. Null is an empty field, a boolean `true` or `false`.

use std::fmt::Write as _;
use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};

use super::row_sink::RowSink;
use rollbook_core::model::formula::escape_formula;
use rollbook_core::model::row::{Cell, Kind};
use rollbook_core::store::moment::OutputColumn;

/// The byte order mark, by which a spreadsheet knows UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A CSV file.
pub(super) struct CsvRows<'a, W: Write> {
    columns: &'a [OutputColumn],
    for_spreadsheet: bool,
    writer: Writer<W>,
    number: String,
}

impl<'a, W: Write> CsvRows<'a, W> {
    pub fn new(columns: &'a [OutputColumn], for_spreadsheet: bool, mut out: W) -> io::Result<Self> {
        let terminator = match for_spreadsheet {
            true => Terminator::CRLF,
            false => Terminator::Any(b'\n'),
        };
        if for_spreadsheet {
            out.write_all(BOM)?;
        }
        let mut writer = WriterBuilder::new().terminator(terminator).from_writer(out);
        writer.write_record(columns.iter().map(|column| &column.name))?;
        Ok(Self {
            columns,
            for_spreadsheet,
            writer,
            number: String::new(),
        })
    }
}

impl<W: Write> RowSink for CsvRows<'_, W> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for (column, cell) in self.columns.iter().zip(cells) {
            let number = &mut self.number;
            number.clear();
            // Memory does not fail.
            let _ = match (column.kind, *cell) {
                (_, Cell::Null | Cell::Keep) => Ok(()),
                (_, Cell::Text(text)) => {
                    match self.for_spreadsheet {
                        true => self.writer.write_field(escape_formula(text).as_bytes())?,
                        false => self.writer.write_field(text)?,
                    }
                    continue;
                }
                (Kind::Boolean, Cell::Integer(value)) => write!(number, "{}", value != 0),
                (_, Cell::Integer(value)) => write!(number, "{value}"),
                (_, Cell::Real(value)) => write!(number, "{value}"),
            };
            self.writer.write_field(number.as_str())?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.writer.flush()
    }
}
