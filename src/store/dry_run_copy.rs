//! A private copy of the mirror for a dry run, deleted when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};

use super::database::reader;
use super::error::StoreError;
use super::private;

/// A folder with mode 0700: beside the mirror, or in the temporary one if the mirror's folder is not there yet.
#[derive(Debug)]
pub struct DryRunCopy {
    folder: PathBuf,
}

impl DryRunCopy {
    /// Copies a snapshot of a mirror; if there is no mirror yet, the folder stays empty.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn of(mirror: &Path) -> Result<Self, StoreError> {
        let copy = Self::empty(mirror)?;
        if mirror.exists() {
            let into = copy.mirror();
            reader(mirror)?
                .execute("VACUUM INTO ?1", [into.to_string_lossy()])
                .map_err(StoreError::sql("copy the mirror for a dry run"))?;
        }
        Ok(copy)
    }

    /// The folder of an empty one.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn empty(mirror: &Path) -> Result<Self, StoreError> {
        let above = match mirror.parent() {
            Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
            Some(folder) if folder.is_dir() => folder.to_owned(),
            _ => std::env::temp_dir(),
        };
        let folder = above.join(format!(".rollbook-dry-run-{}", std::process::id()));
        let failed = StoreError::disk(&folder, "make a folder for the dry run");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(&failed)?; // of a process that had our number
        }
        private::make_folder(&folder).map_err(&failed)?;
        Ok(Self { folder })
    }

    /// The folder, in which nothing outlives this.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the copy is.
    pub fn mirror(&self) -> PathBuf {
        self.folder.join("mirror.db")
    }
}

impl Drop for DryRunCopy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder); // nothing more can be done about it here
    }
}
