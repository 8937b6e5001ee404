//! The disk that readings stage on, and the memory that their pages may take: how much all of them use.
//!
//! SQLite keeps a stage in an unlinked file in the mirror's folder, so the stage and the mirror share a disk.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::{LimitReached, StagingLimits};

/// The disk of a mirror's folder.
#[derive(Debug)]
pub struct StagingSpace {
    folder: PathBuf,
    limits: RwLock<StagingLimits>,
    /// Bytes that all readings have staged and not applied yet.
    staged: AtomicU64,
    /// Bytes of pages in memory that wait for those before them.
    held: AtomicUsize,
    /// Free bytes that tests pretend.
    #[cfg(any(test, feature = "testing"))]
    pretended: std::sync::Mutex<Option<u64>>,
}

impl StagingSpace {
    /// Bytes of waiting pages that all readings together hold in memory.
    pub(super) const MAX_HELD: usize = 24 << 20;

    /// Of a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            limits: RwLock::default(),
            staged: AtomicU64::new(0),
            held: AtomicUsize::new(0),
            #[cfg(any(test, feature = "testing"))]
            pretended: std::sync::Mutex::default(),
        }
    }

    /// Sets the limits of readings from now on, also of those that have begun.
    pub fn limit(&self, limits: StagingLimits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// What the disk answers from now on; `None` for the truth.
    #[cfg(any(test, feature = "testing"))]
    pub fn pretend_free(&self, bytes: Option<u64>) {
        *self.pretended.lock().expect("a lock") = bytes;
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
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
        #[cfg(any(test, feature = "testing"))]
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
    held: usize,
}

impl Share {
    /// A reading begins.
    ///
    /// # Errors
    /// When the disk has no more than the reserve.
    pub fn begin(space: &Arc<StagingSpace>) -> Result<Self, LimitReached> {
        space.admit()?;
        Ok(Self::of(space))
    }

    /// Nothing yet.
    pub fn of(space: &Arc<StagingSpace>) -> Self {
        Self {
            space: Arc::clone(space),
            rows: 0,
            bytes: 0,
            staged: 0,
            held: 0,
        }
    }

    /// Whether so many bytes more may be held in memory; they count then, until they are released.
    pub fn hold(&mut self, bytes: usize) -> bool {
        let most = StagingSpace::MAX_HELD;
        let add = |held: usize| held.checked_add(bytes).filter(|held| *held <= most);
        let held = &self.space.held;
        let is_held = held
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, add)
            .is_ok();
        self.held += if is_held { bytes } else { 0 };
        is_held
    }

    /// Bytes are held no longer.
    pub fn release(&mut self, bytes: usize) {
        self.held -= bytes;
        self.space.held.fetch_sub(bytes, Ordering::SeqCst);
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

    /// What is staged is about to be copied, and its copy sorted: half of what is reckoned for it again.
    pub fn sort(&mut self) -> Result<(), LimitReached> {
        self.stage(self.staged as usize / 2)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.space.staged.fetch_sub(self.staged, Ordering::SeqCst);
        self.space.held.fetch_sub(self.held, Ordering::SeqCst);
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
        let mut jumbled = Share::begin(&space).expect("room");
        space.pretend_free(Some(261 << 20));
        assert_eq!(jumbled.stage(1 << 20), Ok(()));
        assert!(matches!(
            jumbled.sort(),
            Err(LimitReached::Reserve { to_write: 6, .. })
        ));
        drop(jumbled);
        assert_eq!(space.staged.load(Ordering::SeqCst), 0);
        space.pretend_free(Some(255 << 20));
        assert!(Share::begin(&space).is_err());
    }
}
