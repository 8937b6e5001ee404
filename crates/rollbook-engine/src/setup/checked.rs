//! A checked configuration: what jobs run by. Made by `resolve.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::{Bundles, Config, Crosswalks, JobConfig, SourceConfig};
use super::jobs::ColumnChoice;
use rollbook_core::connector::api::{Settings, StreamSpec};
use rollbook_core::connector::file::Connector;
use rollbook_core::model::people::MatchSet;
use rollbook_core::model::{JobName, SourceName, StreamName};

/// A checked configuration.
#[derive(Clone)]
pub struct Setup {
    /// What admins wrote.
    pub config: Config,
    /// The sources, by name.
    pub sources: BTreeMap<SourceName, SourceSetup>,
    /// The jobs, by name.
    pub jobs: BTreeMap<JobName, JobSetup>,
    /// The pairs of streams in which people are matched.
    pub matches: Vec<MatchSet>,
    /// The crosswalks, by name.
    pub crosswalks: Crosswalks,
    /// The bundles, by name.
    pub bundles: Bundles,
}

/// A source with its connector, ready to be read.
#[derive(Clone)]
pub struct SourceSetup {
    /// What the admin wrote.
    pub config: SourceConfig,
    /// Shared by all sources of this connector.
    pub connector: Arc<Connector>,
    /// All settings with their values.
    pub settings: Settings,
    /// All streams of the connector.
    pub streams: BTreeMap<StreamName, Arc<StreamSpec>>,
    /// Changes when the source's table or its connector changes.
    pub fingerprint: String,
}

/// A job with its streams, ready to be read.
#[derive(Clone)]
pub struct JobSetup {
    /// What the admin wrote.
    pub config: JobConfig,
    /// The source.
    pub source: SourceName,
    /// Its streams with the columns that the job mirrors.
    pub streams: Vec<Arc<StreamSpec>>,
    /// What it says about the columns of each.
    pub choices: BTreeMap<StreamName, Arc<ColumnChoice>>,
    /// Changes when the job's file changes.
    pub fingerprint: String,
}

impl Setup {
    /// What of it concerns one source.
    pub fn of_source(&self, source: &SourceName) -> Self {
        let mut own = self.clone();
        own.sources.retain(|name, _| name == source);
        own.jobs.retain(|_, job| job.source == *source);
        own.config.sources.retain(|name, _| name == source);
        own.config.jobs.retain(|_, job| job.source == *source);
        // That is the whole machine's.
        if let Some(alerts) = &mut own.config.alerts {
            alerts.heartbeat = None;
        }
        own.crosswalks.retain(|_, crosswalk| {
            let mut paths = crosswalk.value.from.paths().iter();
            paths.any(|path| path.source == *source)
        });
        own
    }

    /// A source by its name.
    pub fn source(&self, name: &str) -> Option<&SourceSetup> {
        self.sources.get(name)
    }

    /// A job by its name.
    pub fn job(&self, name: &str) -> Option<&JobSetup> {
        self.jobs.get(name)
    }

    /// The stream of a source with the columns that its jobs mirror; `None` when no job reads it.
    pub fn kept(&self, source: &SourceName, stream: &str) -> Option<Arc<StreamSpec>> {
        self.jobs
            .values()
            .filter(|job| job.source == *source)
            .find_map(|job| job.streams.iter().find(|spec| spec.name == stream).cloned())
    }
}
