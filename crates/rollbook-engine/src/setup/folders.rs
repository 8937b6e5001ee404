//! The folders of the configuration, the jobs and the mirror.

use std::path::{Path, PathBuf};

use super::checked::Setup;
use super::files::bundle::EXPORTS;
use super::files::crosswalk::CROSSWALKS;
use rollbook_core::model::SourceName;

/// The folder of the folders that a worker of a cluster has for its sources.
pub const CLUSTER: &str = "cluster";

/// The folders of one installation.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Holds `rollbook.toml`, `connectors/` and `credentials/`.
    pub config: PathBuf,
    /// Holds the jobs.
    pub jobs: PathBuf,
    /// Where a relative `[store] path` starts.
    pub state: PathBuf,
    /// The only source of the configuration that counts: in a cluster each source has a state folder of its own.
    pub source: Option<SourceName>,
}

impl Folders {
    /// Those of one source of a cluster.
    pub fn of_source(&self, source: &SourceName) -> Self {
        Self {
            state: self.state.join(CLUSTER).join(source.as_str()),
            source: Some(source.clone()),
            ..self.clone()
        }
    }

    /// The mirror's file.
    pub fn mirror(&self, setup: &Setup) -> PathBuf {
        self.state.join(&setup.config.store.path)
    }

    /// The folders whose files are the configuration.
    pub fn folders(&self) -> Vec<PathBuf> {
        let inside = ["connectors", CROSSWALKS, EXPORTS].map(|name| self.config.join(name));
        let mut folders = vec![self.config.clone(), self.jobs.clone()];
        folders.extend(inside);
        folders
    }

    /// The folder of the vault: the mirror's.
    pub fn vault(&self, setup: &Setup) -> PathBuf {
        beside(&self.mirror(setup)).to_owned()
    }
}

/// The folder that the mirror is in.
pub fn beside(mirror: &Path) -> &Path {
    mirror.parent().unwrap_or(Path::new("."))
}
