//! Reads the rows that are served, again when the bundle was written or the mirror is another file, and only then.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::Connection;

use super::served::{ServedRow, first_removed, served_rows};
use super::state::state;
use crate::model::BundleName;
use crate::store::database::reader;
use crate::store::error::StoreError;

/// A reader of one bundle, with its own connection while the mirror can be read.
pub struct ServedReader {
    mirror: PathBuf,
    bundle: BundleName,
    /// With device and number of the file that it reads: a restored mirror is another one.
    connection: Option<(Connection, (u64, u64))>,
    seen: Seen,
}

/// What differs when there are other rows.
#[derive(Default, PartialEq, Eq)]
struct Seen {
    made: Option<Timestamp>,
    /// An erasure changes it.
    definition: Option<String>,
    /// Rows that left long ago go, although nothing was written.
    first_removed: Option<Timestamp>,
}

/// What has happened to a bundle since the last reading.
#[derive(Debug, PartialEq, Eq)]
pub enum ServedNews<B> {
    /// Nothing.
    Same,
    /// It has no rows in the mirror: it was not written yet, or is one of files now. Never an empty roster.
    NotWritten,
    /// All its rows were passed.
    Read,
    /// Its rows were not all passed; the next reading passes them again.
    Stopped(B),
}

impl ServedReader {
    /// Of this mirror, which need not be there yet.
    pub fn new(mirror: PathBuf, bundle: BundleName) -> Self {
        Self {
            mirror,
            bundle,
            connection: None,
            seen: Seen::default(),
        }
    }

    /// Passes each row to `each`, if others were written since the last call.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn rows_if_new<B>(
        &mut self,
        mut each: impl FnMut(ServedRow<'_>) -> ControlFlow<B>,
    ) -> Result<ServedNews<B>, StoreError> {
        let file = fs::metadata(&self.mirror).map_err(|source| StoreError::Disk {
            path: self.mirror.clone(),
            what: "look at the mirror",
            source,
        })?;
        let file = (file.dev(), file.ino());
        let (connection, is_new) = match self.connection.take() {
            Some((connection, known)) if known == file => (connection, false),
            _ => (reader(&self.mirror)?, true),
        };
        // State and rows are of one moment.
        let moment = connection
            .unchecked_transaction()
            .map_err(StoreError::sql("read the rows that are served"))?;
        let state = state(&moment, &self.bundle)?;
        let seen = Seen {
            made: state.made,
            definition: state.definition,
            first_removed: first_removed(&moment, &self.bundle)?,
        };
        let news = match seen.made {
            _ if !is_new && seen == self.seen => ServedNews::Same,
            None => ServedNews::NotWritten,
            Some(_) => {
                let mut has_rows = false;
                let end = served_rows(&moment, &self.bundle, |row| {
                    has_rows = true;
                    each(row)
                })?;
                match end {
                    Some(end) => return Ok(ServedNews::Stopped(end)),
                    None if has_rows => ServedNews::Read,
                    None => ServedNews::NotWritten,
                }
            }
        };
        drop(moment);
        self.seen = seen;
        self.connection = Some((connection, file));
        Ok(news)
    }
}
