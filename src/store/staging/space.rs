//! The disk that readings stage on: how much all of them use, and what is free.
//!
//! SQLite keeps a stage in an unlinked file in the mirror's folder, so the stage and the mirror share a disk.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::{LimitReached, StagingLimits};

/// The disk of a mirror's folder.
#[derive(Debug)]
pub struct StagingSpace {
    folder: PathBuf,
    limits: RwLock<StagingLimits>,
    /// Bytes that all readings have staged and not applied yet.
    staged: AtomicU64,
    /// Free bytes that tests pretend.
    #[cfg(test)]
    pretended: std::sync::Mutex<Option<u64>>,
}

impl StagingSpace {
    pub(in crate::store) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            limits: RwLock::default(),
            staged: AtomicU64::new(0),
            #[cfg(test)]
            pretended: std::sync::Mutex::default(),
        }
    }

    /// Sets the limits of readings from now on, also of those that have begun.
    pub fn limit(&self, limits: StagingLimits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// What the disk answers from now on; `None` for the truth.
    #[cfg(test)]
    pub fn pretend_free(&self, bytes: Option<u64>) {
        *self.pretended.lock().expect("a lock") = bytes;
    }

    fn limits(&self) -> StagingLimits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self) -> Result<(), LimitReached> {
        let staged = self.staged.load(Ordering::SeqCst);
        self.limits().admit_space(self.free(), staged)
    }

    /// Bytes that this user may still write; `None` where the system does not say.
    fn free(&self) -> Option<u64> {
        #[cfg(test)]
        if let Some(pretended) = *self.pretended.lock().expect("a lock") {
            return Some(pretended);
        }
        let disk = nix::sys::statvfs::statvfs(&self.folder).ok()?;
        if disk.blocks() == 0 {
            return None; // a network or user-space file system that counts nothing
        }
        disk.blocks_available().checked_mul(disk.fragment_size())
    }
}

/// What one reading has received and staged; its bytes count until it is dropped.
pub(in crate::store) struct Share {
    space: Arc<StagingSpace>,
    rows: u64,
    bytes: u64,
    staged: u64,
}

impl Share {
    /// A reading begins.
    ///
    /// # Errors
    /// When the disk has no more than the reserve.
    pub fn begin(space: &Arc<StagingSpace>) -> Result<Self, LimitReached> {
        space.admit()?;
        Ok(Self {
            space: Arc::clone(space),
            rows: 0,
            bytes: 0,
            staged: 0,
        })
    }

    /// A page was received.
    pub fn receive(&mut self, rows: usize, bytes: usize) -> Result<(), LimitReached> {
        self.rows += rows as u64;
        self.bytes += bytes as u64;
        self.space.limits().admit(self.rows, self.bytes)
    }

    /// Bytes are about to be staged.
    pub fn stage(&mut self, bytes: usize) -> Result<(), LimitReached> {
        self.staged += bytes as u64;
        self.space.staged.fetch_add(bytes as u64, Ordering::SeqCst);
        self.space.admit()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.space.staged.fetch_sub(self.staged, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/proc` has no blocks, like a mounted file system that does not count them.
    #[test]
    fn a_disk_without_a_size_is_no_limit() {
        let space = Arc::new(StagingSpace::new(PathBuf::from("/proc")));
        assert_eq!(space.free(), None);
        assert!(Share::begin(&space).is_ok());
    }

    #[test]
    fn readings_share_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let space = Arc::new(StagingSpace::new(folder.path().to_owned()));
        assert!(space.free().is_some_and(|free| free > 0));
        space.pretend_free(Some(257 << 20));
        let (mut one, mut other) = (
            Share::begin(&space).expect("room"),
            Share::begin(&space).expect("room"),
        );
        assert_eq!(one.stage(200 << 10), Ok(()));
        assert!(matches!(
            other.stage(200 << 10),
            Err(LimitReached::Reserve { to_write: 2, .. })
        ));
        drop(one);
        assert_eq!(other.stage(0), Ok(()));
        drop(other);
        assert_eq!(space.staged.load(Ordering::SeqCst), 0);
        space.pretend_free(Some(255 << 20));
        assert!(Share::begin(&space).is_err());
    }
}
