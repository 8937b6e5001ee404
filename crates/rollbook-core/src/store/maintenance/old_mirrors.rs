//! The end of mirrors that were set aside: before a restore, before an upgrade.
//!
//! They hold what was to be forgotten meanwhile, so they are not kept for longer than a month.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use crate::model::scalar;

/// How long a mirror that was set aside is kept, in days.
pub const DAYS_ASIDE: i64 = 30;

/// Removes the mirrors beside this one that were set aside more than [`DAYS_ASIDE`] days ago; gives their paths.
pub fn remove_set_aside(mirror: &Path, now: Timestamp) -> Vec<PathBuf> {
    let limit = scalar::saturating_add(now, SignedDuration::from_hours(-24 * DAYS_ASIDE));
    // When the file got its name: its content may be much older.
    let is_old = |path: &Path| {
        fs::symlink_metadata(path)
            .is_ok_and(|found| found.is_file() && found.ctime() < limit.as_second())
    };
    let mut removed = set_aside(mirror);
    removed.retain(|path| is_old(path) && fs::remove_file(path).is_ok());
    removed
}

/// The files of all mirrors that were set aside beside this one, with their logs.
pub fn set_aside(mirror: &Path) -> Vec<PathBuf> {
    let folder = super::copy::beside(mirror, "");
    let stem = mirror.file_stem().unwrap_or_default().to_string_lossy();
    let starts = ["restore-", "upgrade-"].map(|why| format!("{stem}-before-{why}"));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_file = [".db", ".db-wal", ".db-shm"]
                .iter()
                .any(|end| name.ends_with(end));
            is_file && starts.iter().any(|start| name.starts_with(start))
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_set_aside_go_after_a_month_and_nothing_else_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = [
            "mirror-20260101T000000Z.db",
            "mirror-before-restore-20260101T000000Z.db",
            "mirror-before-restore-20260101T000000Z.db-wal",
            "mirror-before-upgrade-3.db",
            "mirror-before-school.db",
            "mirror.db",
            "other-before-upgrade-3.db",
        ];
        for name in names {
            fs::write(folder.path().join(name), "").expect("written");
        }
        let mirror = folder.path().join("mirror.db");
        let after = |days: i64| {
            let now = Timestamp::now();
            now.checked_add(SignedDuration::from_hours(24 * days))
                .expect("a time")
        };
        assert_eq!(remove_set_aside(&mirror, after(29)), [] as [PathBuf; 0]);
        let removed = remove_set_aside(&mirror, after(31));
        assert_eq!(
            removed,
            [1, 2, 3].map(|index| folder.path().join(names[index]))
        );
        let left = fs::read_dir(folder.path()).expect("read").count();
        assert_eq!(left, names.len() - 3);
    }
}
