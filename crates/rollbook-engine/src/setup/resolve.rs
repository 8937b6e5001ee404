//! From the files to one [`Setup`], or to everything that is wrong with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::checked::{JobSetup, Setup, SourceSetup};
use super::checks::Checks;
use super::files::bundle::{EXPORTS, bundles, read_bundles};
use super::files::crosswalk::{CROSSWALKS, crosswalks, read_crosswalks};
use super::files::{Config, Files, People, SourceConfig};
use super::jobs::{JobDraft, Jobs};
use super::sources::{SourceDraft, Sources};
use super::{Folders, Overlay, people};
use rollbook_core::connector::load::Connectors;
use rollbook_core::document::Problems;
use rollbook_core::model::{JobName, SourceName};

/// Reads and checks all files: the configuration, unless there is an error, and all errors and notes.
pub fn resolve(folders: &Folders, overlay: &Overlay) -> (Option<Setup>, Problems) {
    let resolution = Resolution::of(folders, overlay);
    (resolution.setup, resolution.problems)
}

impl Setup {
    /// The configuration, or everything that is wrong with it; without notes.
    pub fn load(folders: &Folders, overlay: &Overlay) -> Result<Self, Problems> {
        let (setup, problems) = resolve(folders, overlay);
        let setup = setup.ok_or(problems)?;
        Ok(match &folders.source {
            Some(source) => setup.of_source(source),
            None => setup,
        })
    }
}

/// The files, what could be read of them, and what is wrong with them.
pub(super) struct Resolution {
    pub files: Files,
    pub connectors: Connectors,
    pub sources: BTreeMap<String, SourceDraft>,
    pub problems: Problems,
    pub setup: Option<Setup>,
}

impl Resolution {
    pub fn of(folders: &Folders, overlay: &Overlay) -> Self {
        let (files, mut problems) = Files::read(&folders.config, &folders.jobs, &overlay.files);
        let read = Connectors::read(&folders.config.join("connectors"));
        problems.append(read.problems);
        let (people, found) = People::read(&folders.config, &overlay.files);
        problems.append(found);
        let (crosswalk_files, found) =
            read_crosswalks(&folders.config.join(CROSSWALKS), &overlay.files);
        problems.append(found);
        let (bundle_files, found) = read_bundles(&folders.config.join(EXPORTS), &overlay.files);
        problems.append(found);
        let mut checks = Checks {
            files: &files,
            connectors: &read.connectors,
            problems,
        };
        let sources = checks.sources(overlay);
        let jobs = checks.jobs(&sources, &crosswalk_files);
        checks.crosswalks(&crosswalk_files, &sources, &jobs);
        checks.copy(&sources, &jobs);
        checks.publish(&sources, &jobs);
        checks.bundles(&bundle_files, &sources, &jobs);
        checks.webhooks(&sources, &jobs);
        checks.hooks(&bundle_files, &jobs);
        let matches = people::sets(&people, &mut checks, &sources, &jobs);
        checks.cluster(&people, &crosswalk_files, &bundle_files);
        let problems = checks.problems;
        let mut setup = None;
        if !problems.has_errors() {
            let drafts = (&sources, &jobs[..]);
            let crosswalks = crosswalks(crosswalk_files);
            let bundles = bundles(bundle_files);
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
                    bundles,
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
            choices: draft.choices.clone(),
            fingerprint: format!("{:016x}", draft.file.tree.fingerprint()),
            config,
        };
        Some((draft.file.name.parse().ok()?, setup))
    };
    let sources = config.sources.iter().map(source).collect::<Option<_>>()?;
    let jobs = jobs.iter().map(job).collect::<Option<_>>()?;
    Some((sources, jobs))
}

#[cfg(test)]
mod tests;
