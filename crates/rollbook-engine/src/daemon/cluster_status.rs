//! What is known of a cluster: workers, sources, and which configuration they have. Names, counts and times only.
//!
//! It is the JSON of `rollbook cluster status`, and a file of the runtime folder, from which the status page is made.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::runtime_folder::{read_limited, replace};
use rollbook_core::model::{ClusterSummary, SourceName};

/// Name of the file in the runtime folder.
const NAME: &str = "cluster.json";

/// Without a worker for longer than this, a source needs a person: a takeover takes a lease and 10 seconds.
const ALONE_SECS: u64 = 40;

/// A cluster. Times are UTC, in the mirror's format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// When the database said so.
    pub at: String,
    /// The hosts of the database.
    pub database: String,
    /// The configuration in force.
    pub configuration: ClusterConfigurationStatus,
    /// The workers that live, by host.
    pub workers: Vec<ClusterWorker>,
    /// The sources, by name.
    pub sources: Vec<ClusterSource>,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterConfigurationStatus {
    /// A hash of its files.
    pub hash: String,
    /// The host that brought it.
    pub host: String,
    /// When; empty before the first worker.
    pub since: String,
}

/// A worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterWorker {
    /// Its machine.
    pub host: String,
    /// This start of it.
    pub start: String,
    /// The program's version.
    pub version: String,
    /// When it started.
    pub since: String,
    /// How many sources it has.
    pub sources: u64,
    /// What they weigh.
    pub load: u64,
    /// What those weigh that it is giving back.
    pub leaving: u64,
    /// What it takes at most; 0 while it takes nothing.
    pub room: u64,
    /// Whether its configuration is another than the one in force.
    pub other_configuration: bool,
    /// Why it takes nothing.
    pub waits: Option<String>,
}

/// A source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSource {
    /// Its name.
    pub source: SourceName,
    /// Whether the configuration still has it.
    pub configured: bool,
    /// How often it was claimed.
    pub epoch: i64,
    /// The start of the worker that has it; `null` if none does.
    pub worker: Option<String>,
    /// Seconds since that worker has it, or since the last one has it no longer.
    pub seconds: u64,
    /// When its state was stored last; `null` if never.
    pub stored: Option<String>,
    /// Seconds since then.
    pub stored_seconds: Option<u64>,
    /// How its jobs ended.
    #[serde(flatten)]
    pub summary: ClusterSummary,
}

impl ClusterSource {
    /// Whether it has had no worker for too long.
    pub fn is_alone(&self) -> bool {
        self.configured && self.worker.is_none() && self.seconds > ALONE_SECS
    }
}

impl ClusterStatus {
    /// The sources that no worker has.
    pub fn without_a_worker(&self) -> usize {
        let free = |source: &&ClusterSource| source.configured && source.worker.is_none();
        self.sources.iter().filter(free).count()
    }

    /// Whether every source has a worker, or will have one soon.
    pub fn is_well(&self) -> bool {
        !self.sources.iter().any(ClusterSource::is_alone)
    }
}

/// The path of the file.
#[derive(Clone, Debug)]
pub struct ClusterFile(PathBuf);

impl ClusterFile {
    /// The file in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join(NAME))
    }

    /// What a worker wrote last. `None` if there is no file.
    pub fn read(&self) -> Option<ClusterStatus> {
        serde_json::from_slice(&read_limited(&self.0)?).ok()
    }

    /// Replaces the file atomically. Creates the folder if it is missing.
    ///
    /// # Errors
    /// If it cannot be written; the old file stays.
    pub fn write(&self, status: &ClusterStatus) -> io::Result<()> {
        replace(&self.0, &serde_json::to_vec(status)?)
    }

    /// Removes the file, when the worker ends.
    pub fn remove(&self) {
        let _ = std::fs::remove_file(&self.0); // it may not have been written
    }
}
