//! The lock of the process that writes a mirror: beside the file itself, also where the mirror's path is a symbolic link,
//! so that two paths to one mirror share it.
//!
//! The kernel frees the lock with the process, so a lock can never be stale.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::private;

/// The lock, until it is dropped.
#[derive(Debug)]
pub struct MirrorLock(File);

impl Drop for MirrorLock {
    /// Closing the file is not enough: a program that is being started has a copy of it until it runs.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!("the mirror's lock could not be given back: {error}");
        }
    }
}

/// Takes the lock of a mirror's writer without opening the mirror: for commands that must not run beside a daemon.
///
/// # Errors
/// When another process has it.
pub fn lock_mirror(mirror: &Path) -> Result<MirrorLock, StoreError> {
    let path = lock_file(mirror);
    let folder = path.parent().unwrap_or(Path::new(""));
    private::make_folder(folder).map_err(StoreError::disk(folder, "make the folder"))?;
    let mut lock =
        private::open_file(&path).map_err(StoreError::disk(&path, "open the lock file"))?;
    if lock.try_lock().is_err() {
        let mut pid = String::new();
        let _ = lock.read_to_string(&mut pid); // only to name it
        return Err(StoreError::Busy {
            path,
            pid: pid.trim().to_owned(),
        });
    }
    let written = lock
        .set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| lock.write_all(std::process::id().to_string().as_bytes()));
    written.map_err(StoreError::disk(&path, "write the lock file"))?;
    Ok(MirrorLock(lock))
}

/// Whether a process has a mirror's lock. Asks the kernel and not the lock itself, because a start in that moment would
/// be refused.
pub fn is_locked(mirror: &Path) -> bool {
    let path = lock_file(mirror);
    let (Ok(pid), Ok(found)) = (fs::read_to_string(&path), fs::metadata(&path)) else {
        return false;
    };
    let file = format!(":{}", found.ino());
    // The kernel skips a line when other locks are released while it lists them.
    (0..LISTINGS).any(|_| is_listed(pid.trim(), &file))
}

/// How often the kernel's locks are listed before one counts as not there.
const LISTINGS: u32 = 3;

/// Whether a process has a lock of a file: `1: FLOCK  ADVISORY  WRITE 26113 fe:00:5309155 0 EOF`. File systems differ in
/// the device that they show.
fn is_listed(pid: &str, file: &str) -> bool {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words[..], [_, "FLOCK", _, "WRITE", owner, of, ..] if owner == pid && of.ends_with(file))
    })
}

fn lock_file(mirror: &Path) -> PathBuf {
    real_path(mirror).with_file_name("rollbook.lock")
}

/// Where the mirror's file is, or where it will be made.
fn real_path(mirror: &Path) -> PathBuf {
    let of_link = || {
        let target = fs::read_link(mirror).ok()?;
        Some(mirror.with_file_name("").join(target))
    };
    let found = fs::canonicalize(mirror).ok().or_else(of_link);
    found.unwrap_or_else(|| mirror.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn two_paths_to_a_mirror_share_its_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("data")).expect("made");
        fs::create_dir(path("other")).expect("made");
        symlink("data/mirror.db", path("link.db")).expect("linked");
        symlink(path("data"), path("folder")).expect("linked");
        symlink("../link.db", path("other/link.db")).expect("linked");
        let paths = ["data/mirror.db", "link.db", "folder/mirror.db"].map(path);
        let share = |paths: &[PathBuf]| {
            for one in paths {
                let lock = lock_mirror(one).expect("free");
                for other in paths {
                    let error = lock_mirror(other).expect_err("busy").to_string();
                    assert!(error.contains("rollbook.lock"), "{error}");
                    assert!(is_locked(other), "{}", other.display());
                }
                drop(lock);
                assert!(!is_locked(one));
            }
        };
        share(&paths); // of a mirror that is not made yet
        fs::write(path("data/mirror.db"), "").expect("written");
        share(&[&paths[..], &[path("other/link.db")]].concat());
        assert!(path("data/rollbook.lock").exists());
        assert!(!path("rollbook.lock").exists());
    }

    /// As a program that is being started at that moment has one.
    #[test]
    fn a_copy_of_the_file_holds_no_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = folder.path().join("mirror.db");
        let lock = lock_mirror(&mirror).expect("free");
        let copy = lock.0.try_clone().expect("copied");
        drop(lock);
        assert!(lock_mirror(&mirror).is_ok());
        drop(copy);
    }

    #[test]
    fn a_mirror_without_a_lock_is_not_locked() {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = folder.path().join("mirror.db");
        assert!(!is_locked(&mirror));
        fs::write(folder.path().join("rollbook.lock"), "1").expect("written");
        assert!(!is_locked(&mirror), "of a process that has ended");
    }
}
