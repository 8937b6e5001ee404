//! What is known of the configuration's files: the content that was read last, and the content that is in force.
//!
//! The watcher compares the disk with what was read last, and not with what it saw last, so that an edit, a reload and an
//! edit back end in what the disk holds. A refused configuration was read too.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use rollbook_core::folder::Snapshot;

/// The configuration's files, as they were read. Contents are those of [`Snapshot::content`]; `None` if the files changed
/// while they were read.
#[derive(Debug)]
pub struct LoadedFiles {
    folders: Vec<PathBuf>,
    contents: Mutex<Contents>,
    /// Notified when the disk must be compared.
    changed: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Contents {
    read_last: Option<u64>,
    in_force: Option<u64>,
}

/// Files that are being read; hold it from before the first file is opened.
#[derive(Debug)]
#[must_use = "the reading must be finished"]
pub struct FileReading(Snapshot);

impl LoadedFiles {
    /// Of these folders; nothing was read yet.
    pub(super) fn of(folders: &[PathBuf], changed: Arc<Notify>) -> Self {
        Self {
            folders: folders.to_vec(),
            contents: Mutex::default(),
            changed,
        }
    }

    /// Call it before the files are read.
    pub fn begin(&self) -> FileReading {
        FileReading(Snapshot::of(&self.folders))
    }

    /// Call it after all files are read, also if they were refused; returns what was read. Files that changed meanwhile
    /// are compared again.
    pub fn end(&self, reading: FileReading) -> Option<u64> {
        let content = (Snapshot::of(&self.folders) == reading.0).then_some(reading.0.content);
        self.contents().read_last = content;
        if content.is_none() {
            self.changed.notify_one();
        }
        content
    }

    /// The content that was read is in force.
    pub fn set_in_force(&self, content: Option<u64>) {
        self.contents().in_force = content;
    }

    /// The content that is in force, as in the status file.
    pub fn in_force(&self) -> Option<String> {
        self.contents().in_force.map(written)
    }

    /// Whether the files on disk are those that were read last.
    pub(super) fn are_read(&self) -> bool {
        self.contents().read_last == Some(Snapshot::of(&self.folders).content)
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The content of these folders, as in the status file.
pub fn content_on_disk(folders: &[PathBuf]) -> String {
    written(Snapshot::of(folders).content)
}

fn written(content: u64) -> String {
    format!("{content:016x}")
}
