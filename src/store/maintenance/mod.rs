//! Maintenance of the mirror's file: verify, back up, restore.
//!
//! Everything reads like any other reader, so it works beside a daemon; only a restore needs the mirror exclusively.
//! SQLite makes the copies: copying the file could miss what is still in the log.

mod backup;
mod copy;
mod restore;
mod verify;

pub use backup::{Backup, BackupInput, backup_folders, make};
pub(super) use backup::{is_backup, lock_folder, remove_leftovers, stem_of};
pub use copy::before_upgrade;
pub(super) use copy::{Copy, beside, folder_of, remove, sync_folder};
pub use restore::{Restored, restore};
pub use verify::{Verified, VerifyScope, verify};

#[cfg(test)]
mod tests;
