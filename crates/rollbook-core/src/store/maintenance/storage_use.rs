//! How large the mirror, its log, the vault and the backups are, and how much is free. What cannot be looked at has no size.

use std::fs;
use std::path::Path;

use super::backup::{backups, stem_of};
use crate::model::run_history::{NewestBackup, StorageUse};
use crate::store::vault::vault_file;

/// Sizes now; `backup_folder` is the configured one.
pub fn storage_use(mirror: &Path, backup_folder: Option<&Path>) -> StorageUse {
    let stem = stem_of(mirror);
    let found = backup_folder.map(|folder| backups(folder, &stem));
    let found = found.and_then(Result::ok).unwrap_or_default();
    let newest = found.last();
    let folder = mirror
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let disk = nix::sys::statvfs::statvfs(folder.unwrap_or(Path::new("."))).ok();
    let mut log = mirror.as_os_str().to_owned();
    log.push("-wal");
    StorageUse {
        mirror_bytes: bytes(mirror),
        log_bytes: bytes(Path::new(&log)),
        vault_bytes: bytes(&vault_file(folder.unwrap_or(Path::new("")))),
        free_bytes: disk.and_then(|disk| {
            let blocks = disk.blocks_available();
            blocks.checked_mul(disk.fragment_size())
        }),
        backups: found.len() as u64,
        newest_backup: newest.and_then(|path| {
            Some(NewestBackup {
                made: made(&path.file_name()?.to_string_lossy(), &stem)?,
                bytes: bytes(path)?,
            })
        }),
        ..StorageUse::default()
    }
}

fn bytes(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.len())
}

/// The time in the name `mirror-20260302T021700Z.db`, as `2026-03-02T02:17:00.000Z`.
fn made(name: &str, stem: &str) -> Option<String> {
    let stamp = name.strip_prefix(stem)?.strip_prefix('-')?;
    let (day, time) = (stamp.get(..8)?, stamp.get(9..15)?);
    let part = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    Some(format!(
        "{}-{}-{}T{}:{}:{}.000Z",
        part(day, 0, 4)?,
        part(day, 4, 6)?,
        part(day, 6, 8)?,
        part(time, 0, 2)?,
        part(time, 2, 4)?,
        part(time, 4, 6)?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = folder.path().join("mirror.db");
        let empty = storage_use(&mirror, Some(&folder.path().join("backups")));
        assert_eq!((empty.mirror_bytes, empty.backups), (None, 0));
        assert!(empty.free_bytes.is_some(), "the folder has a disk");
        let backups = folder.path().join("backups");
        fs::create_dir(&backups).expect("a folder");
        for (name, length) in [
            ("mirror.db", 7),
            ("mirror.db-wal", 5),
            ("vault.db", 3),
            ("backups/mirror-20260301T021700Z.db", 1),
            ("backups/mirror-20260302T021701Z.db", 2),
            ("backups/mirror-before-upgrade-1.db", 9),
        ] {
            fs::write(folder.path().join(name), vec![0; length]).expect("written");
        }
        let found = storage_use(&mirror, Some(&backups));
        let sizes = (found.mirror_bytes, found.log_bytes, found.vault_bytes);
        assert_eq!(sizes, (Some(7), Some(5), Some(3)));
        let newest = NewestBackup {
            made: "2026-03-02T02:17:01.000Z".to_owned(),
            bytes: 2,
        };
        assert_eq!((found.backups, found.newest_backup), (2, Some(newest)));
    }
}
