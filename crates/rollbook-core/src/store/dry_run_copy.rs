//! A private copy of the mirror for a dry run, deleted when it is dropped.
//!
//! It holds what the mirror holds, so it must not outlive its process: the next program that opens the mirror removes the copies
//! of processes that were killed. A copy in use is locked.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::database::reader;
use super::error::StoreError;

/// How the names of the folders begin.
const PREFIX: &str = ".rollbook-dry-run-";

/// A folder with mode 0700: beside the mirror, or in the temporary one if the mirror's folder is not there yet.
#[derive(Debug)]
pub struct DryRunCopy {
    folder: PathBuf,
    /// The folder itself, locked as long as it is in use.
    _lock: File,
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
        let above = above(mirror);
        remove_left_over(mirror);
        let folder = above.join(format!("{PREFIX}{:016x}", fastrand::u64(..)));
        let failed = StoreError::disk(&folder, "make a folder for the dry run");
        // Fails if it exists: in a folder for all, another user may have made it.
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(&failed)?;
        let lock = File::open(&folder).and_then(|lock| lock.lock().map(|()| lock));
        let lock = lock.map_err(failed)?;
        Ok(Self {
            folder,
            _lock: lock,
        })
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
        let _ = fs::remove_dir_all(&self.folder); // the next process tries again
    }
}

fn above(mirror: &Path) -> PathBuf {
    match mirror.parent() {
        Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) if folder.is_dir() => folder.to_owned(),
        _ => std::env::temp_dir(),
    }
}

/// Removes the copies beside a mirror whose processes were killed; gives those that are left, and why.
pub fn remove_left_over(mirror: &Path) -> Vec<(PathBuf, String)> {
    let mut left = Vec::new();
    for entry in fs::read_dir(above(mirror)).into_iter().flatten().flatten() {
        let is_copy = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_copy {
            continue;
        }
        let folder = entry.path();
        match remove_unused(&folder) {
            Ok(true) => {}
            Ok(false) => {
                let why = "a dry run uses it, and removes it when it ends";
                left.push((folder, why.to_owned()));
            }
            Err(error) => {
                let shown = folder.display();
                tracing::warn!("could not remove {shown}, which a killed dry run left: {error}");
                left.push((folder, format!("it could not be removed: {error}")));
            }
        }
    }
    left
}

/// Removes a copy unless it is in use; returns whether it holds nothing any more.
fn remove_unused(folder: &Path) -> io::Result<bool> {
    match File::open(folder)?.try_lock() {
        // It holds nothing, and its process may be about to lock it.
        Ok(()) if fs::read_dir(folder)?.next().is_none() => Ok(true),
        Ok(()) => {
            fs::remove_dir_all(folder)?;
            tracing::info!("removed {}, which a killed dry run left", folder.display());
            Ok(true)
        }
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_process_leaves_nothing_after_the_next_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = folder.path().join("mirror.db");
        let killed = folder.path().join(format!("{PREFIX}0000000000000001"));
        fs::create_dir(&killed).expect("made");
        fs::write(killed.join("mirror.db"), "pupils").expect("written");
        let names = || {
            let entries = fs::read_dir(folder.path()).expect("read");
            entries.count()
        };
        let first = DryRunCopy::empty(&mirror).expect("made");
        assert!(!killed.exists() && first.folder().exists());
        let second = DryRunCopy::empty(&mirror).expect("made");
        remove_left_over(&mirror);
        assert!(
            first.folder().exists() && second.folder().exists(),
            "both are in use"
        );
        drop((first, second));
        assert_eq!(names(), 0);
        // Another process is about to lock this one.
        fs::create_dir(&killed).expect("made");
        assert!(remove_left_over(&mirror).is_empty() && killed.exists());
    }
}
