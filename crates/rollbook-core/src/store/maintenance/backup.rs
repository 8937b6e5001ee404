//! A backup: a copy that was verified before it got its name, and the oldest ones removed after that.
//!
//! The order is what protects: a damaged mirror gives no backup, so it cannot push the good ones out.

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::copy::{Copy, beside, file, remove};
use super::verify::{Verified, VerifyScope, verify};
use crate::replacement::sync_folder;
use crate::store::error::StoreError;
use crate::store::private;

/// The input of a backup.
#[derive(Clone, Debug)]
pub struct BackupInput {
    /// The mirror.
    pub mirror: PathBuf,
    /// The vault, where it shall be copied too.
    pub vault: Option<PathBuf>,
    /// The folder of the backups; made with mode 0700 where it is missing.
    pub folder: PathBuf,
    /// So many are kept, this one among them.
    pub keep: NonZeroU32,
    /// Its time, which names it.
    pub now: Timestamp,
}

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The copy of the mirror.
    pub mirror: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// The copy of the vault.
    pub vault: Option<PathBuf>,
    /// The result of verifying the copy.
    pub verified: Verified,
    /// Older backups that were removed.
    pub removed: Vec<PathBuf>,
}

/// Makes a backup: `mirror-20260302T021700Z.db`, every row of it compared with its fingerprint.
///
/// # Errors
/// When there is no room, another process makes one, or the copy is not whole; then no older one is touched.
pub fn make(wanted: &BackupInput) -> Result<Backup, StoreError> {
    let folder = &wanted.folder;
    private::make_folder(folder).map_err(StoreError::disk(folder, "make the folder"))?;
    note_folder(&wanted.mirror, folder)
        .map_err(StoreError::disk(folder, "note it as a folder of backups"))?;
    let _lock = lock_folder(folder)?;
    remove_leftovers(folder).map_err(StoreError::disk(folder, "tidy up"))?;
    let stamp = wanted.now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let stem = stem_of(&wanted.mirror);

    let copy = Copy::of(&wanted.mirror, part(folder, &stem, &stamp))?;
    let verified = verify(copy.path(), VerifyScope::All)?;
    if let Some(first) = verified.problems.first() {
        return Err(StoreError::Damaged {
            path: wanted.mirror.clone(),
            problem: format!("{first}; no backup was made and the older ones are kept"),
        });
    }
    let vault = match &wanted.vault {
        Some(vault) => Some(Copy::of(vault, part(folder, "vault", &stamp))?),
        None => None,
    };
    let bytes = fs::metadata(copy.path()).map_or(0, |found| found.len());
    let mirror = folder.join(format!("{stem}-{stamp}.db"));
    let vault = match vault {
        Some(copy) => {
            let name = folder.join(format!("vault-{stamp}.db"));
            copy.name(&name)?;
            Some(name)
        }
        None => None,
    };
    copy.name(&mirror)?;
    let mut removed = rotate(folder, &stem, wanted.keep)?;
    removed.extend(rotate(folder, "vault", wanted.keep)?);
    Ok(Backup {
        mirror,
        bytes,
        vault,
        verified,
        removed,
    })
}

/// Beside the mirror: the folders that backups were ever made in, one a line, so that an erasure reaches all of them.
const FOLDERS: &str = "backup-folders";

/// The folders that backups of a mirror were made in, as far as they are noted; the usual one is not.
pub fn backup_folders(mirror: &Path) -> Vec<PathBuf> {
    let noted = fs::read_to_string(beside(mirror, FOLDERS)).unwrap_or_default();
    noted.lines().map(PathBuf::from).collect()
}

/// Before the copy is made: an erasure that begins meanwhile waits for the folder's lock.
fn note_folder(mirror: &Path, folder: &Path) -> io::Result<()> {
    let folder = fs::canonicalize(folder)?;
    let usual = fs::canonicalize(beside(mirror, "backups"));
    if usual.is_ok_and(|usual| usual == folder) || backup_folders(mirror).contains(&folder) {
        return Ok(());
    }
    let mut noted = private::open_file(&beside(mirror, FOLDERS))?;
    noted.seek(io::SeekFrom::End(0))?;
    noted.write_all(format!("{}\n", folder.display()).as_bytes())
}

/// The file's name without its ending.
pub(in crate::store) fn stem_of(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn part(folder: &Path, stem: &str, stamp: &str) -> PathBuf {
    folder.join(format!(".{stem}-{stamp}.part"))
}

/// One at a time; the kernel frees the lock with the process.
pub(in crate::store) fn lock_folder(folder: &Path) -> Result<fs::File, StoreError> {
    let path = folder.join(".lock");
    let lock = private::open_file(&path).map_err(StoreError::disk(&path, "open it"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(file(
            folder,
            "another process is making a backup here; wait for it to end".into(),
        )),
    }
}

/// Files of a process that was killed; while we hold the lock no other process works here.
pub(in crate::store) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.contains(".part") {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes the oldest backups; counts and touches only files that are named like a backup.
fn rotate(folder: &Path, stem: &str, keep: NonZeroU32) -> Result<Vec<PathBuf>, StoreError> {
    let failed = StoreError::disk(folder, "remove old backups; the new one is made");
    let mut ours = backups(folder, stem).map_err(&failed)?;
    let many = ours.len().saturating_sub(keep.get() as usize);
    ours.truncate(many);
    for old in &ours {
        remove(old).map_err(&failed)?;
    }
    sync_folder(&folder.join(stem)).map_err(&failed)?;
    Ok(ours)
}

/// The backups of a file with this name (without its extension) in a folder, the oldest first.
pub fn backups(folder: &Path, stem: &str) -> io::Result<Vec<PathBuf>> {
    let mut ours = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_backup(&name, stem) {
            ours.push(path);
        }
    }
    ours.sort();
    Ok(ours)
}

/// `mirror-20260302T021700Z.db`
pub(in crate::store) fn is_backup(name: &str, stem: &str) -> bool {
    let stamp = name
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.strip_suffix("Z.db"));
    let Some((day, time)) = stamp.and_then(|stamp| stamp.split_once('T')) else {
        return false;
    };
    let digits = |text: &str, many| text.len() == many && text.bytes().all(|b| b.is_ascii_digit());
    digits(day, 8) && digits(time, 6)
}

#[cfg(test)]
mod names {
    use super::*;

    #[test]
    fn only_our_own_backups_are_rotated() {
        for (name, expected) in [
            ("mirror-20260302T021700Z.db", true),
            ("mirror-20260302T021700Z.db-wal", false),
            ("mirror-before-upgrade-1.db", false),
            ("mirror-20260302T02170Z.db", false),
            ("vault-20260302T021700Z.db", false),
            ("mirror.db", false),
            ("mirror-keep-20260302T021700Z.db", false),
        ] {
            assert_eq!(is_backup(name, "mirror"), expected, "{name}");
        }
    }
}
