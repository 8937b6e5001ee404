//! The files that the daemon writes for the page, read at a request.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rollbook_core::model::run_history::RunHistory;
use rollbook_engine::daemon::cluster_status::{ClusterFile, ClusterStatus};
use rollbook_engine::daemon::status::Status;
use rollbook_engine::daemon::{HistoryFile, StatusFile};

/// By what a replaced file is recognized: modification time, size, inode.
type FileStamp = (i64, i64, u64, u64);

/// The runtime folder of a daemon, and the history that was read last.
#[derive(Debug)]
pub struct Readings {
    folders: Vec<PathBuf>,
    history: Mutex<Option<(FileStamp, Arc<RunHistory>)>>,
}

impl Readings {
    /// Of the daemon that uses one of these runtime folders.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            history: Mutex::default(),
        }
    }

    /// The daemon that runs: its folder and its status.
    fn running(&self) -> Option<(&Path, Status)> {
        let status = |folder: &Path| StatusFile::in_folder(folder).read_any();
        let mut folders = self.folders.iter().map(PathBuf::as_path);
        folders.find_map(|folder| Some((folder, status(folder)?)))
    }

    /// The folder of the daemon that runs, else the most likely one.
    pub fn folder(&self) -> &Path {
        let running = self.running().map(|(folder, _)| folder);
        let first = self.folders.first().map(PathBuf::as_path);
        running.or(first).unwrap_or(Path::new("."))
    }

    /// The status; `None` if no daemon runs.
    pub fn status(&self) -> Option<Status> {
        self.running().map(|(_, status)| status)
    }

    /// The text of the status file; `None` if no daemon runs.
    pub fn status_text(&self) -> Option<String> {
        let (folder, _) = self.running()?;
        fs::read_to_string(StatusFile::in_folder(folder).path()).ok()
    }

    /// Status and history of one daemon; the history also of one that has ended.
    pub fn both(&self) -> (Option<Status>, Option<Arc<RunHistory>>) {
        match self.running() {
            Some((folder, status)) => (Some(status), self.history(folder)),
            None => (
                None,
                self.folders.iter().find_map(|folder| self.history(folder)),
            ),
        }
    }

    /// The cluster of which a worker runs on this machine; `None` without one.
    pub fn cluster(&self) -> Option<ClusterStatus> {
        let mut folders = self.folders.iter();
        folders.find_map(|folder| ClusterFile::in_folder(folder).read())
    }

    /// The history in this folder; read again if its file was replaced.
    fn history(&self, folder: &Path) -> Option<Arc<RunHistory>> {
        let file = HistoryFile::in_folder(folder);
        let stamp = stamp(file.path())?;
        let mut kept = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, history)) = kept.as_ref().filter(|(of, _)| *of == stamp) {
            return Some(Arc::clone(history));
        }
        *kept = None; // two are never in memory
        let history = Arc::new(file.read()?);
        *kept = Some((stamp, Arc::clone(&history)));
        Some(history)
    }
}

fn stamp(path: &Path) -> Option<FileStamp> {
    let about = fs::metadata(path).ok()?;
    Some((about.mtime(), about.mtime_nsec(), about.size(), about.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::run_history::HISTORY_SCHEMA;

    #[test]
    fn the_history_is_read_again_only_when_its_file_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = folder.path().join("empty");
        let readings = Readings::new(vec![empty.clone(), folder.path().to_owned()]);
        let history = || readings.both().1;
        assert_eq!(readings.folder(), empty);
        assert_eq!(readings.both(), (None, None));
        let file = HistoryFile::in_folder(folder.path());
        let write = |version: &str| {
            let history = RunHistory {
                schema: HISTORY_SCHEMA,
                version: version.to_owned(),
                ..RunHistory::default()
            };
            file.write(&history).expect("written");
        };
        write("1");
        let first = history().expect("a history");
        assert!(Arc::ptr_eq(&first, &history().expect("the same")));
        write("22");
        assert_eq!(history().expect("another").version, "22");
        fs::remove_file(file.path()).expect("removed");
        assert_eq!(history(), None);
    }
}
