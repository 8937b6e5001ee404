//! The formats in which rows are written, one row at a time.

use std::io::{self, Write};

use super::csv_rows::CsvRows;
use super::ndjson::NdjsonRows;
use super::row_sink::RowSink;
use rollbook_core::store::moment::OutputColumn;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// RFC 4180 with a header.
    Csv {
        /// For a spreadsheet: with a byte order mark, CRLF, and an apostrophe before what it would take for a formula.
        for_spreadsheet: bool,
    },
    /// A JSON object a line.
    Ndjson,
    /// Apache Parquet, with types.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl RowFormat {
    /// The ending of a file's name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv { .. } => "csv",
            Self::Ndjson => "ndjson",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }

    /// Whether it is text.
    pub fn is_text(self) -> bool {
        match self {
            Self::Csv { .. } | Self::Ndjson => true,
            #[cfg(feature = "parquet")]
            Self::Parquet => false,
        }
    }

    /// Begins to write rows with these columns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn writer<'a>(
        self,
        columns: &'a [OutputColumn],
        out: &'a mut (dyn Write + Send),
    ) -> io::Result<Box<dyn RowSink + 'a>> {
        Ok(match self {
            Self::Csv { for_spreadsheet } => Box::new(CsvRows::new(columns, for_spreadsheet, out)?),
            Self::Ndjson => Box::new(NdjsonRows::new(columns, out)),
            #[cfg(feature = "parquet")]
            Self::Parquet => Box::new(super::parquet::ParquetRows::new(columns, out)?),
        })
    }
}

#[cfg(test)]
mod tests;
