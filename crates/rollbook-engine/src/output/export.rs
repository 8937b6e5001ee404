//! Streams as files, all of one moment.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::rows::RowFormat;
use rollbook_core::model::Table;
use rollbook_core::replacement::{PRIVATE, Replacement};
use rollbook_core::store::StoreError;
use rollbook_core::store::moment::{Moment, QueryForm, RowQuery};

/// Bytes that are written at once.
const BUFFER: usize = 1 << 16;

/// Rows after which progress is reported.
const STEP: u64 = 4096;

/// What is exported and how.
#[derive(Clone, Debug)]
pub struct ExportOrder {
    /// The streams.
    pub tables: Vec<Table>,
    /// With what else.
    pub form: QueryForm,
    /// As what.
    pub format: RowFormat,
}

/// A stream that was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFile {
    /// The file.
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The mirror cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or standard output cannot be written.
    #[error("could not write {}: {source}", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// It was stopped.
    #[error("stopped; nothing was exported")]
    Stopped,
}

/// Called with the number of a stream and how many of its rows are written; false stops the export.
pub type ExportProgress<'a> = &'a mut dyn FnMut(usize, u64) -> bool;

/// Writes a file for each stream. All are written before the first one gets its name.
///
/// # Errors
/// When a file cannot be written, or the export was stopped; then the old files stay.
pub fn to_files(
    moment: &Moment,
    order: &ExportOrder,
    path_of: impl Fn(&Table) -> PathBuf,
    progress: ExportProgress<'_>,
) -> Result<Vec<ExportedFile>, ExportError> {
    let mut written = Vec::new();
    for (number, table) in order.tables.iter().enumerate() {
        let path = path_of(table);
        let failed = write_error(&path);
        let query = moment.query(table, order.form)?;
        let new = Replacement::begin(&path, Some(PRIVATE)).map_err(&failed)?;
        let mut each = |rows| progress(number, rows);
        let rows = {
            let mut out = BufWriter::with_capacity(BUFFER, new.file());
            write(moment, &query, order.format, &mut out, &path, &mut each)?
        };
        written.push((new, ExportedFile { path, rows }));
    }
    let mut files = Vec::new();
    for (new, file) in written {
        new.commit().map_err(write_error(&file.path))?;
        files.push(file);
    }
    Ok(files)
}

/// Writes one stream to an output that is no file of ours; gives the number of its rows.
///
/// # Errors
/// When it cannot be written or was stopped; a part may be written.
pub fn to_output(
    moment: &Moment,
    (table, form): (&Table, QueryForm),
    format: RowFormat,
    out: impl Write + Send,
    progress: ExportProgress<'_>,
) -> Result<u64, ExportError> {
    let query = moment.query(table, form)?;
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let mut each = |rows| progress(0, rows);
    write(
        moment,
        &query,
        format,
        &mut out,
        Path::new("standard output"),
        &mut each,
    )
}

fn write(
    moment: &Moment,
    query: &RowQuery,
    format: RowFormat,
    out: &mut (dyn Write + Send),
    path: &Path,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, ExportError> {
    let failed = write_error(path);
    let mut writer = format.writer(&query.columns, &mut *out).map_err(&failed)?;
    let mut rows = 0;
    let end = moment.rows(query, |cells| {
        if let Err(error) = writer.row(cells) {
            return ControlFlow::Break(failed(error));
        }
        rows += 1;
        match rows % STEP != 0 || progress(rows) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(ExportError::Stopped),
        }
    })?;
    if let Some(error) = end {
        return Err(error);
    }
    writer
        .finish()
        .and_then(|()| out.flush())
        .map_err(&failed)?;
    match progress(rows) {
        true => Ok(rows),
        false => Err(ExportError::Stopped),
    }
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> ExportError + use<> {
    let path = path.to_owned();
    move |source| ExportError::Write {
        path: path.clone(),
        source,
    }
}
