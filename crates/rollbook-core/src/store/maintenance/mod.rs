//! Maintenance of the mirror's file: verify, back up, restore.
//!
//! Everything reads like any other reader, so it works beside a daemon; only a restore needs the mirror exclusively.
//! SQLite makes the copies: copying the file could miss what is still in the log.

mod backup;
pub(super) mod copy;
mod exports;
mod old_mirrors;
mod restore;
mod storage_use;
mod verify;

pub use backup::{Backup, BackupInput, backup_folders, backups, make};
pub(super) use backup::{is_backup, lock_folder, remove_leftovers, stem_of};
pub use copy::before_upgrade;
pub(super) use copy::{Copy, beside, remove};
pub use exports::{DAYS_EXPORTED, create, exports, remove_old_exports, write_export};
pub use old_mirrors::{DAYS_ASIDE, remove_set_aside, set_aside};
pub use restore::{Restored, restore};
pub use storage_use::storage_use;
pub use verify::{Verified, VerifyScope, verify};

#[cfg(test)]
mod tests;
