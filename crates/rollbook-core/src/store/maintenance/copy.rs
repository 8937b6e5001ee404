//! A snapshot of a database in a file of its own: private, synced to disk, and complete once it has its name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::replacement::{folder_of, sync_folder};
use crate::store::error::StoreError;
use crate::store::private;

/// How long a copy waits for another program's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A copy that has no name yet; it is removed unless it gets one.
#[derive(Debug)]
pub(in crate::store) struct Copy {
    path: PathBuf,
}

impl Copy {
    /// Makes an empty file, and replaces what is there: SQLite finds one that only this user can read.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(in crate::store) fn empty(path: PathBuf) -> Result<Self, StoreError> {
        let failed = StoreError::disk(&path, "make the copy");
        remove_with_journal(&path).map_err(&failed)?;
        private::open_file(&path).map_err(&failed)?;
        Ok(Self { path })
    }

    /// Copies a database to `path` and replaces what is there; the copy is on the disk when this returns.
    ///
    /// # Errors
    /// When there is no room, or the database cannot be read.
    pub(in crate::store) fn of(database: &Path, path: PathBuf) -> Result<Self, StoreError> {
        let copy = Self::empty(path)?;
        let connection = Connection::open_with_flags(
            database,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(StoreError::sql("open what is copied"))?;
        connection
            .busy_timeout(BUSY_TIMEOUT)
            .and_then(|()| {
                connection.execute("VACUUM INTO ?1", [copy.path.to_string_lossy().as_ref()])
            })
            .map_err(StoreError::sql("copy the database"))?;
        copy.sync()?;
        Ok(copy)
    }

    /// Writes it to the disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub(in crate::store) fn sync(&self) -> Result<(), StoreError> {
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .map_err(StoreError::disk(&self.path, "write the copy out"))
    }

    /// Where it is.
    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames it in the same folder; it replaces a file of that name.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(in crate::store) fn name(self, name: &Path) -> Result<(), StoreError> {
        fs::rename(&self.path, name)
            .and_then(|()| sync_folder(name))
            .map_err(StoreError::disk(name, "name the copy"))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = remove_with_journal(&self.path); // it has a name, or the next copy removes it
    }
}

/// Removes a file; that there is none is no mistake.
pub(in crate::store) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// A copy that was interrupted by a power cut may have a journal, which SQLite would apply to the next file of that
/// name.
pub(in crate::store) fn remove_with_journal(path: &Path) -> io::Result<()> {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    remove(Path::new(&journal))?;
    remove(path)
}

/// A file beside another one.
pub(in crate::store) fn beside(path: &Path, name: &str) -> PathBuf {
    folder_of(path).join(name)
}

/// A failure with a file.
pub(in crate::store) fn file(path: &Path, problem: String) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        problem,
    }
}

/// Keeps the mirror as it is before a newer program changes its tables, as `mirror-before-upgrade-1.db`.
///
/// # Errors
/// When there is no room for the copy: then nothing is upgraded either.
pub fn before_upgrade(mirror: &Path, version: usize) -> Result<(), StoreError> {
    let stem = mirror.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{stem}-before-upgrade-{version}.db");
    let copy = Copy::of(mirror, beside(mirror, &format!(".{name}.part")))?;
    copy.name(&beside(mirror, &name))
}
