//! The history file: beside the status file, replaced atomically when a run ends. It stays when the daemon ends.

use std::io;
use std::path::{Path, PathBuf};

use super::runtime_folder::{read_limited, replace};
use rollbook_core::model::run_history::{HISTORY_SCHEMA, RunHistory};

/// Name of the file in the runtime folder.
const NAME: &str = "history.json";

/// The path of the history file.
#[derive(Clone, Debug)]
pub struct HistoryFile(PathBuf);

impl HistoryFile {
    /// The file in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join(NAME))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The history, also one of a daemon that has ended. `None` if there is no file or its schema is unknown.
    pub fn read(&self) -> Option<RunHistory> {
        let history: RunHistory = serde_json::from_slice(&read_limited(&self.0)?).ok()?;
        (history.schema == HISTORY_SCHEMA).then_some(history)
    }

    /// Replaces the file atomically. Creates the folder if it is missing.
    ///
    /// # Errors
    /// If it cannot be written; the old file stays.
    pub fn write(&self, history: &RunHistory) -> io::Result<()> {
        replace(&self.0, &serde_json::to_vec(history)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_file_is_replaced_and_has_the_mode_of_the_status_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = HistoryFile::in_folder(&folder.path().join("run"));
        for mirror in ["/srv/mirror.db", "/srv/other.db"] {
            let history = RunHistory {
                schema: HISTORY_SCHEMA,
                mirror: mirror.to_owned(),
                ..RunHistory::default()
            };
            file.write(&history).expect("written");
            assert_eq!(file.read(), Some(history));
        }
        let mode = fs::metadata(&file.0).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o640);
        let names = fs::read_dir(folder.path().join("run")).expect("a folder");
        assert_eq!(names.count(), 1, "no temporary file is left");
    }
}
