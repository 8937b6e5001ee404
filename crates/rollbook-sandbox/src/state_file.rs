//! The state file: the day, and the values that the vendors saved.
//!
//! Without a file nothing is saved. The seed is not in it: a file belongs to the school it was
//! created with.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::shared::Shared;

/// The content of the state file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedState {
    pub(crate) day: u64,
    pub(crate) values: BTreeMap<String, String>,
}

/// Reads a state file; none when the file is missing.
pub(crate) fn read(path: &Path) -> io::Result<Option<SavedState>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the shared state when it differs from the file.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: Option<PathBuf>,
    shared: Arc<Shared>,
    written: Mutex<Option<SavedState>>,
}

impl StateFile {
    pub(crate) fn new(path: Option<PathBuf>, shared: Arc<Shared>) -> Self {
        Self {
            path,
            shared,
            written: Mutex::default(),
        }
    }

    /// Replaces the file atomically when the state has changed.
    pub(crate) fn save_if_changed(&self) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut written = self
            .written
            .lock()
            .map_err(|_| io::Error::other("the lock of the state file is poisoned"))?;
        let now = Some(SavedState {
            day: self.shared.day(),
            values: self.shared.values(),
        });
        if *written == now {
            return Ok(());
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        // A demonstration keeps its mirror in the same folder, so only the owner may read it.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let draft = folder.join(format!(
            ".{}.new",
            path.file_name().unwrap_or_default().display()
        ));
        let mut file = std::fs::File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(&now)?)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        *written = now;
        Ok(())
    }
}
