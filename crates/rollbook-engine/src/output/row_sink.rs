//! What rows are written to, whatever the format.

use std::io;

use rollbook_core::model::row::Cell;

/// Writes rows.
pub trait RowSink {
    /// One more row: a cell for each column.
    ///
    /// # Errors
    /// When it cannot be written.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;

    /// Writes what is still in memory.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
