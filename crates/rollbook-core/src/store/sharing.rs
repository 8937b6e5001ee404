//! Who may read the mirror's files: their owner, and the group of `[store] readers`.
//!
//! Readers of a write-ahead log need its file and its index, `-shm`, and may not create them: both must exist, also when
//! no process has the mirror open. Writing either is not needed (decision 0046). The vault and the lock stay private.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::permissions::readers::{GroupError, Narrowed, ReaderGroup, open_folder, put_file_right};

/// Puts group and mode of the mirror's files right, and lets the group enter their folder. Returns modes that were wider.
///
/// # Errors
/// When the group cannot be given the files; then only their owner can read them.
pub fn share(mirror: &Path, group: Option<&ReaderGroup>) -> Result<Vec<Narrowed>, GroupError> {
    // SQLite has the log beside the file itself, not beside a link to it.
    let Ok(mirror) = mirror.canonicalize() else {
        return Ok(Vec::new()); // there is none yet
    };
    let mut narrowed = Vec::new();
    for ending in ["", "-wal", "-shm"] {
        let path = beside(&mirror, ending);
        if group.is_some() {
            make_empty(&path).map_err(|error| GroupError::Refused {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        }
        if path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            narrowed.extend(put_file_right(&path, group)?);
        }
    }
    if let (Some(group), Some(folder)) = (group, mirror.parent()) {
        open_folder(folder, group)?;
    }
    Ok(narrowed)
}

/// SQLite takes an empty file for a log without content. One that is there is not opened: closing it would end SQLite's
/// locks.
fn make_empty(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn beside(mirror: &Path, ending: &str) -> PathBuf {
    let mut path = mirror.as_os_str().to_owned();
    path.push(ending);
    PathBuf::from(path)
}

#[cfg(test)]
mod tests;
