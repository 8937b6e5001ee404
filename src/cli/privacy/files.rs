//! The files that hold personal data, and who may read each.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use rollbook_app::app::{bundle_path, copy_path};
use rollbook_core::permissions::{owners, user_name};
use rollbook_core::store::maintenance;
use rollbook_core::store::vault::vault_file;
use rollbook_engine::setup::files::BackupConfig;
use rollbook_engine::setup::{Setup, beside};

/// One file.
#[derive(Debug, Serialize)]
pub(super) struct PrivateFile {
    pub file: PathBuf,
    pub what: &'static str,
    /// `user:group`, and the mode as in `0600`.
    pub owner: String,
    pub mode: String,
    pub readers: String,
}

/// The mirror, the vault, and every copy of them that Rollbook made on this machine.
pub(super) fn all(setup: &Setup, mirror: &Path) -> Vec<PrivateFile> {
    let home = beside(mirror);
    let stem = mirror.file_stem().unwrap_or_default().to_string_lossy();
    let mut files = vec![
        (mirror.to_owned(), "the mirror"),
        (vault_file(home), "the vault: sign-ins, key of pseudonyms"),
    ];
    if let Some(copy) = &setup.config.store.copy {
        files.push((copy_path(copy, mirror), "the copy of [store.copy]"));
    }
    let bundles = setup.bundles.values();
    let bundles = bundles.filter_map(|document| bundle_path(&document.value, mirror));
    files.extend(bundles.map(|file| (file, "a bundle for another program")));
    let folder = backup_folder(setup, mirror);
    for (stem, what) in [(&*stem, "backup"), ("vault", "backup of the vault")] {
        let found = maintenance::backups(&folder, stem).unwrap_or_default();
        files.extend(found.into_iter().map(|file| (file, what)));
    }
    let aside = maintenance::set_aside(mirror).into_iter();
    files.extend(aside.map(|file| (file, "set aside, for 30 days")));
    let exported = maintenance::exports(mirror).into_iter();
    files.extend(exported.map(|file| (file, "export about a person, for 30 days")));
    let entry = |(file, what): (PathBuf, &'static str)| {
        let found = fs::metadata(&file).ok()?;
        Some(PrivateFile {
            owner: owners(&found),
            mode: format!("{:04o}", found.mode() & 0o7777),
            readers: readers(&found, fs::metadata(beside(&file)).ok().as_ref()),
            file,
            what,
        })
    };
    files.into_iter().filter_map(entry).collect()
}

/// Who may read a file, by its mode and its folder's: `root and rollbook`.
fn readers(file: &Metadata, folder: Option<&Metadata>) -> String {
    let enters = |bit: u32| folder.is_none_or(|folder| folder.mode() & bit != 0);
    let owner = user_name(file.uid());
    let mut who = match owner.as_str() {
        "root" => "root".to_owned(),
        owner => format!("root and {owner}"),
    };
    if file.mode() & 0o004 != 0 && enters(0o001) {
        return "every user of this machine".to_owned();
    }
    if file.mode() & 0o040 != 0 && (enters(0o010) || enters(0o001)) {
        let owners = owners(file);
        let (_, group) = owners.split_once(':').unwrap_or_default();
        who.push_str(&format!(", and the group {group}"));
    }
    who
}

fn backup_folder(setup: &Setup, mirror: &Path) -> PathBuf {
    let config = setup.config.store.backup.as_ref();
    let folder = config.map_or(Path::new(BackupConfig::FOLDER), |config| &config.path);
    beside(mirror).join(folder)
}

/// Where backups go, and how many are kept.
pub(super) fn backups(setup: &Setup, mirror: &Path) -> String {
    let folder = backup_folder(setup, mirror);
    let folder = folder.display();
    match &setup.config.store.backup {
        Some(config) => format!(
            "Backups are made on the schedule `{}` in {folder}; the last {} are kept, {} the vault.",
            config.schedule.as_str(),
            config.keep,
            if config.vault { "with" } else { "without" }
        ),
        None => format!(
            "No backups are scheduled; `rollbook backup` makes them in {folder}, unless told otherwise."
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_closed_folder_closes_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("mirror.db");
        fs::write(&file, "x").expect("written");
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        };
        let me = rollbook_core::permissions::this_user();
        let own = if me == "root" {
            me
        } else {
            format!("root and {me}")
        };
        for (file_mode, folder_mode, expected) in [
            (0o600, 0o755, own.clone()),
            (0o644, 0o755, "every user of this machine".to_owned()),
            (0o644, 0o700, own.clone()),
            (0o640, 0o700, own),
        ] {
            set(&file, file_mode);
            set(folder.path(), folder_mode);
            let found = fs::metadata(&file).expect("there");
            let folder = fs::metadata(folder.path()).expect("there");
            assert_eq!(
                readers(&found, Some(&folder)),
                expected,
                "{file_mode:o} {folder_mode:o}"
            );
        }
    }
}
