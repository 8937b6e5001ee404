//! Rows as JSON objects, one a line: booleans and JSON columns as such, everything else as the mirror has it.

use std::io::{self, Write};

use serde::Serializer as _;
use serde::ser::SerializeMap as _;

use super::row_sink::RowSink;
use rollbook_core::model::row::Cell;
use rollbook_core::store::moment::OutputColumn;

/// An NDJSON file.
pub(super) struct NdjsonRows<'a, W: Write> {
    columns: &'a [OutputColumn],
    out: W,
}

impl<'a, W: Write> NdjsonRows<'a, W> {
    pub fn new(columns: &'a [OutputColumn], out: W) -> Self {
        Self { columns, out }
    }
}

impl<W: Write> RowSink for NdjsonRows<'_, W> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let mut json = serde_json::Serializer::new(&mut self.out);
        let mut object = json.serialize_map(None)?;
        for (column, cell) in self.columns.iter().zip(cells) {
            match *cell {
                Cell::Text(text) if column.kind != rollbook_core::model::row::Kind::Json => {
                    object.serialize_entry(&column.name, text)?;
                }
                cell => object.serialize_entry(&column.name, &cell.json(column.kind))?,
            }
        }
        object.end()?;
        self.out.write_all(b"\n")
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}
