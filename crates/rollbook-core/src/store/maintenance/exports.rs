//! Files about one person that `rollbook person export` wrote beside the mirror.
//!
//! They are copies of personal data, so they end by themselves, and an erasure of anyone removes all: the file about one person
//! may name another. The command makes them again.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::copy::beside;
use crate::model::scalar;
use crate::store::private;

/// The folder, beside the mirror.
const FOLDER: &str = "exports";

/// How long a file is kept, in days.
pub const DAYS_EXPORTED: i64 = 30;

/// Writes a file that only this user can read, such as `exports/person-20260302T060000.000Z.html`; gives its path.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_export(
    mirror: &Path,
    now: Timestamp,
    ending: &str,
    content: &[u8],
) -> io::Result<PathBuf> {
    let folder = beside(mirror, FOLDER);
    private::make_folder(&folder)?;
    let stamp = now.strftime("%Y%m%dT%H%M%S.%3fZ");
    let path = folder.join(format!("person-{stamp}.{ending}"));
    create(&path, content).map(|()| path)
}

/// Writes a new file that only this user can read.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private::create_file(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path); // the first error is the one that counts
    }
    written
}

/// The files, sorted.
pub fn exports(mirror: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(beside(mirror, FOLDER)).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("person-"))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// Removes the files that are older than [`DAYS_EXPORTED`]; gives their paths.
pub fn remove_old_exports(mirror: &Path, now: Timestamp) -> Vec<PathBuf> {
    let limit = scalar::saturating_add(now, SignedDuration::from_hours(-24 * DAYS_EXPORTED));
    let is_old = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|found| found.mtime() < limit.as_second())
    };
    let mut removed = exports(mirror);
    removed.retain(|path| is_old(path) && fs::remove_file(path).is_ok());
    removed
}
