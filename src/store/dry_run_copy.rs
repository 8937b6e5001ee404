//! A private copy of the mirror for a dry run, deleted when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};

use super::database::reader;
use super::error::StoreError;
use super::private;

/// The folder's name, before the number of the process.
const PREFIX: &str = ".rollbook-dry-run-";

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
        let folder = above.join(format!("{PREFIX}{}", std::process::id()));
        let failed = StoreError::disk(&folder, "make a folder for the dry run");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(&failed)?; // of a process that had our number
        }
        private::make_folder(&folder).map_err(&failed)?;
        Ok(Self { folder })
    }

    /// The folders of all dry runs beside a mirror, also of those that were killed, with the numbers of their processes.
    ///
    /// # Errors
    /// When the mirror's folder cannot be read.
    pub fn all(mirror: &Path) -> Result<Vec<(PathBuf, u32)>, StoreError> {
        let above = match mirror.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return Ok(Vec::new()),
        };
        let failed = StoreError::disk(above, "look for copies of dry runs");
        let mut found = Vec::new();
        for entry in fs::read_dir(above).map_err(&failed)? {
            let path = entry.map_err(&failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let pid = name.strip_prefix(PREFIX).and_then(|pid| pid.parse().ok());
            found.extend(pid.map(|pid| (path.clone(), pid)));
        }
        Ok(found)
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
