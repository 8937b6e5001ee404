//! From the files to one [`Setup`], or to everything that is wrong with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::crosswalk::{CROSSWALKS, crosswalks, read_crosswalks};
use super::files::{Config, Crosswalks, Files, JobConfig, People, Secrets, SourceConfig};
use super::jobs::JobDraft;
use super::sources::SourceDraft;
use super::{Folders, Overlay, people, tables};
use crate::connector::api::{Settings, StreamSpec};
use crate::connector::file::Connector;
use crate::connector::load::Connectors;
use crate::document::{Problem, Problems};
use crate::model::people::MatchSet;
use crate::model::{JobName, SourceName, StreamName, Table};

/// A checked configuration.
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
}

/// A source with its connector, ready to be read.
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
pub struct JobSetup {
    /// What the admin wrote.
    pub config: JobConfig,
    /// The source.
    pub source: SourceName,
    /// Its streams without the columns that the job drops.
    pub streams: Vec<Arc<StreamSpec>>,
    /// Changes when the job's file changes.
    pub fingerprint: String,
}

/// Reads and checks all files: the configuration, unless there is an error, and all errors and notes.
pub fn resolve(folders: &Folders, overlay: &Overlay) -> (Option<Setup>, Problems) {
    let resolution = Resolution::of(folders, overlay);
    (resolution.setup, resolution.problems)
}

/// The same for an admin who wants to know whether jobs can run: also opens every secret, parses every address and
/// refuses values that `rollbook init` invented. A daemon starts without these; the jobs concerned are parked.
pub fn check(folders: &Folders, secrets: &Secrets) -> (Option<Setup>, Problems) {
    let mut resolution = Resolution::of(folders, &Overlay::default());
    resolution.readiness(secrets);
    (resolution.setup, resolution.problems)
}

impl Setup {
    /// The configuration, or everything that is wrong with it; without notes.
    pub fn load(folders: &Folders, overlay: &Overlay) -> Result<Self, Problems> {
        let (setup, problems) = resolve(folders, overlay);
        setup.ok_or(problems)
    }

    /// A source by its name.
    pub fn source(&self, name: &str) -> Option<&SourceSetup> {
        self.sources.get(name)
    }

    /// A job by its name.
    pub fn job(&self, name: &str) -> Option<&JobSetup> {
        self.jobs.get(name)
    }

    /// The stream of a source without the columns that its jobs drop; `None` when no job reads it.
    pub fn kept(&self, source: &SourceName, stream: &str) -> Option<Arc<StreamSpec>> {
        self.jobs
            .values()
            .filter(|job| job.source == *source)
            .find_map(|job| job.streams.iter().find(|spec| spec.name == stream).cloned())
    }

    /// The tables of all streams that jobs read.
    pub fn tables(&self) -> Vec<Table> {
        tables::all(self)
    }
}

/// The files, what could be read of them, and what is wrong with them.
pub(super) struct Resolution {
    pub files: Files,
    pub connectors: Connectors,
    pub sources: BTreeMap<String, SourceDraft>,
    pub problems: Problems,
    setup: Option<Setup>,
}

impl Resolution {
    fn of(folders: &Folders, overlay: &Overlay) -> Self {
        let (files, mut problems) = Files::read(&folders.config, &folders.jobs);
        let read = Connectors::read(&folders.config.join("connectors"));
        problems.append(read.problems);
        let (people, found) = People::read(&folders.config);
        problems.append(found);
        let (crosswalk_files, found) = read_crosswalks(&folders.config.join(CROSSWALKS));
        problems.append(found);
        let mut checks = Checks {
            files: &files,
            connectors: &read.connectors,
            problems,
        };
        let sources = checks.sources(overlay);
        let jobs = checks.jobs(&sources);
        checks.crosswalks(&crosswalk_files, &sources, &jobs);
        let matches = people::sets(&people, &mut checks, &sources, &jobs);
        let problems = checks.problems;
        let mut setup = None;
        if !problems.has_errors() {
            let drafts = (&sources, &jobs[..]);
            let crosswalks = crosswalks(crosswalk_files);
            let config = files.config().map(|mut config| {
                overlay.lay_over(&mut config, &read.connectors);
                config
            });
            setup = config.and_then(|config| {
                let (sources, jobs) = assemble(&files, &read.connectors, &config, drafts)?;
                Some(Setup {
                    config,
                    sources,
                    jobs,
                    matches,
                    crosswalks,
                })
            });
        }
        Self {
            connectors: read.connectors,
            files,
            sources,
            problems,
            setup,
        }
    }
}

/// Puts the drafts together; every one of them is whole when there is no error.
fn assemble(
    files: &Files,
    connectors: &Connectors,
    config: &Config,
    (sources, jobs): (&Sources, &Jobs<'_>),
) -> Option<(
    BTreeMap<SourceName, SourceSetup>,
    BTreeMap<JobName, JobSetup>,
)> {
    let source = |(name, source): (&SourceName, &SourceConfig)| {
        let draft = sources.get(name.as_str())?;
        let ready = draft.ready.as_ref()?;
        let written = files
            .sources()
            .iter()
            .find(|entry| entry.name == name.as_str())?;
        let setup = SourceSetup {
            config: source.clone(),
            connector: Arc::clone(&ready.connector),
            settings: draft.settings.clone(),
            streams: ready.streams.clone(),
            fingerprint: format!(
                "{:016x}{:016x}",
                written.value.fingerprint(),
                connectors.fingerprint(source.connector.as_str())
            ),
        };
        Some((name.clone(), setup))
    };
    let job = |draft: &JobDraft<'_>| {
        let config = draft.file.config.clone()?;
        let setup = JobSetup {
            source: config.source.clone(),
            streams: draft.streams.clone(),
            fingerprint: format!("{:016x}", draft.file.tree.fingerprint()),
            config,
        };
        Some((draft.file.name.parse().ok()?, setup))
    };
    let sources = config.sources.iter().map(source).collect::<Option<_>>()?;
    let jobs = jobs.iter().map(job).collect::<Option<_>>()?;
    Some((sources, jobs))
}

/// The sources as far as they can be read, by name.
pub(super) type Sources = BTreeMap<String, SourceDraft>;

/// The jobs as far as they can be read, by name.
pub(super) type Jobs<'a> = [JobDraft<'a>];

/// The checks between files; each adds to the problems.
pub(super) struct Checks<'a> {
    pub files: &'a Files,
    pub connectors: &'a Connectors,
    pub problems: Problems,
}

impl Checks<'_> {
    pub fn source_problem(
        &mut self,
        source: &str,
        path: &[&str],
        message: String,
        help: Option<String>,
    ) {
        let place = self.files.source_location(source, path);
        self.problems
            .push(Problem::error(place, message).maybe_help(help));
    }

    /// Whether every stream that a job reads is known, so that one that no job reads can be noted.
    pub fn knows_all_streams(&self, jobs: &Jobs<'_>) -> bool {
        !self.files.hides_jobs && jobs.iter().all(|job| job.is_whole)
    }
}

#[cfg(test)]
mod tests;
