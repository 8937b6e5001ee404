//! The files that hold copies of a person's rows: backups, mirrors set aside, the copy for others, exports.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::leaves::date;
use rollbook_app::app::{bundle_path, copy_path};
use rollbook_core::model::scalar;
use rollbook_core::store::erase::CopyPreview;
use rollbook_core::store::maintenance::{DAYS_ASIDE, DAYS_EXPORTED, exports, set_aside};
use rollbook_engine::setup::files::{BackupConfig, CopyConfig};
use rollbook_engine::setup::{Setup, beside};

/// A file besides the mirror.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct CopyEntry {
    pub file: PathBuf,
    pub what: &'static str,
    /// When it was made.
    pub made: String,
    /// Rows of the person, or that refer to the person; `null` where that cannot be told.
    pub rows: Option<u64>,
    /// When it is removed.
    pub leaves: String,
}

/// The copies of the mirror, by date.
pub(super) fn copies(setup: &Setup, mirror: &Path, found: &[CopyPreview]) -> Vec<CopyEntry> {
    let aside = set_aside(mirror);
    let config = setup.config.store.backup.as_ref();
    let folder = config.map_or(Path::new(BackupConfig::FOLDER), |config| &config.path);
    let folder = beside(mirror).join(folder);
    let entry = |copy: &CopyPreview| {
        let (what, leaves) = if aside.contains(&copy.file) {
            ("set aside", on(&copy.file, Metadata::ctime, DAYS_ASIDE))
        } else if copy.file.parent() == fs::canonicalize(&folder).ok().as_deref() {
            let leaves = match config {
                Some(config) => format!("when there are {} newer ones", config.keep),
                None => "by a later `rollbook backup`".to_owned(),
            };
            ("backup", leaves)
        } else {
            ("copy of the mirror", "when it is deleted".to_owned())
        };
        CopyEntry {
            file: copy.file.clone(),
            what,
            made: made(&copy.file),
            rows: copy.rows,
            leaves,
        }
    };
    let mut entries: Vec<CopyEntry> = found
        .iter()
        .filter(|copy| copy.rows != Some(0))
        .map(entry)
        .collect();
    entries.sort_by(|one, other| (&one.made, &one.file).cmp(&(&other.made, &other.file)));
    entries
}

/// The copy for others, if it has one of these tables; and exports, which may be about this person.
pub(super) fn outputs(setup: &Setup, mirror: &Path, tables: &[String]) -> Vec<CopyEntry> {
    let mut entries = Vec::new();
    if let Some(config) = &setup.config.store.copy
        && has_one_of(config, tables)
    {
        let file = copy_path(config, mirror);
        entries.push(CopyEntry {
            what: "the copy of [store.copy], which others read",
            made: made(&file),
            rows: None,
            leaves: "with the rows of the mirror".to_owned(),
            file,
        });
    }
    entries.extend(setup.bundles.values().map(|document| {
        let (what, file) = match bundle_path(&document.value, mirror) {
            Some(file) => (
                "a bundle for another program, perhaps with this person",
                file,
            ),
            None => (
                "rows for programs that `rollbook serve` serves, perhaps with this person",
                mirror.to_owned(),
            ),
        };
        CopyEntry {
            what,
            made: made(&file),
            rows: None,
            leaves: "with the rows of the mirror".to_owned(),
            file,
        }
    }));
    entries.extend(exports(mirror).into_iter().map(|file| CopyEntry {
        what: "export about a person, perhaps this one",
        made: made(&file),
        rows: None,
        leaves: on(&file, Metadata::mtime, DAYS_EXPORTED),
        file,
    }));
    entries
}

/// Whether the copy holds one of these tables, a history or a view of it.
fn has_one_of(config: &CopyConfig, tables: &[String]) -> bool {
    let Some(copied) = &config.tables else {
        return !tables.is_empty();
    };
    let is_of = |name: &String, table: &String| {
        let rest = name.strip_prefix(table.as_str());
        rest.is_some_and(|rest| ["", "_history", "_labelled", "_mapped"].contains(&rest))
    };
    copied
        .iter()
        .any(|name| tables.iter().any(|table| is_of(name, table)))
}

/// When a file was made: the time in its name, else that of its last change.
fn made(file: &Path) -> String {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let stamp = name.rsplit('-').next().unwrap_or_default();
    let changed = || {
        let found = fs::metadata(file).ok()?;
        Timestamp::from_second(found.mtime()).ok()
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok();
    let time = time.and_then(|time| Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()));
    time.or_else(changed)
        .map_or_else(String::new, scalar::to_canonical)
}

fn on(file: &Path, since: impl Fn(&Metadata) -> i64, days: i64) -> String {
    let found = fs::metadata(file).ok();
    let since = found.and_then(|found| Timestamp::from_second(since(&found)).ok());
    since.map_or_else(String::new, |since| {
        format!("on {}", date(since, SignedDuration::from_hours(24 * days)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_a_table_or_what_is_made_of_it() {
        let config = |tables: Option<&[&str]>| CopyConfig {
            path: PathBuf::from("copy.db"),
            group: None,
            tables: tables.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
            leave_out: Vec::new(),
        };
        let tables = ["north_users".to_owned()];
        for (copied, expected) in [
            (None, true),
            (Some(&["north_users"][..]), true),
            (Some(&["north_users_history"]), true),
            (Some(&["north_users_labelled"]), true),
            (Some(&["north_users_2", "north_classes"]), false),
        ] {
            assert_eq!(has_one_of(&config(copied), &tables), expected, "{copied:?}");
        }
        assert!(!has_one_of(&config(None), &[]));
    }

    #[test]
    fn a_file_says_by_its_name_when_it_was_made() {
        for (name, expected) in [
            (
                "backups/mirror-20260302T060000Z.db",
                "2026-03-02T06:00:00.000Z",
            ),
            (
                "mirror-before-restore-20260302T060000Z.db",
                "2026-03-02T06:00:00.000Z",
            ),
            ("no-such-file.db", ""),
        ] {
            assert_eq!(made(Path::new(name)), expected, "{name}");
        }
    }
}
