//! What the register holds: which columns of which streams, of which category, for how long, in which files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::files::{self, PrivateFile};
use crate::cli::unconfigured::{UnconfiguredTable, sentences, unconfigured_tables};
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::document::Document;
use rollbook_core::model::bundle::BundleMode;
use rollbook_core::model::{
    BundleName, ClientName, History, HookName, JobName, Masking, Period, PersonalCategory,
    SourceName, StreamName,
};
use rollbook_core::store::StoreError;
use rollbook_core::store::queries::{self, Reader};
use rollbook_engine::setup::files::HookConfig;
use rollbook_engine::setup::files::bundle::BundleConfig;
use rollbook_engine::setup::{JobSetup, Setup, tables};
use rollbook_http::oneroster::config::OneRosterConfig;

/// The whole register.
#[derive(Debug, Serialize)]
pub(super) struct Register {
    /// Streams with personal data, by source.
    pub sources: Vec<SourceEntry>,
    /// Tables that no job reads any more, and when they are removed.
    pub tables_without_a_job: Vec<UnconfiguredTable>,
    /// The same as sentences.
    #[serde(skip)]
    pub removals: Vec<String>,
    /// How long the records of runs are kept; they hold counts, and keys of rows that could not be read.
    pub records: String,
    /// The mirror, the vault, and the copies of both that are on this machine.
    pub files: Vec<PrivateFile>,
    /// How copies are made.
    pub backups: String,
    /// Programs that get rows, each as a sentence.
    pub programs: Vec<String>,
    /// Databases that streams are published to, each as a sentence.
    pub databases: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct SourceEntry {
    pub source: SourceName,
    pub title: String,
    pub streams: Vec<StreamEntry>,
    /// Tables of the source in which the connector declares no personal data.
    pub without: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct StreamEntry {
    pub table: String,
    pub title: String,
    pub jobs: Vec<JobName>,
    /// `null` where the table does not exist yet.
    pub rows: Option<u64>,
    pub old_versions: Option<u64>,
    /// How long old versions are kept, such as `400d`; `null` for none.
    pub history: Option<String>,
    /// When rows are removed by a date of their own, such as `2y after end_date`; `null` where none are.
    pub retain: Option<String>,
    pub mirrored: Vec<CategoryEntry>,
    pub left_out: Vec<CategoryEntry>,
}

/// The columns of one category.
#[derive(Debug, Serialize)]
pub(super) struct CategoryEntry {
    pub category: PersonalCategory,
    /// A special category of the GDPR, article 9.
    pub special: bool,
    pub columns: Vec<ColumnEntry>,
}

#[derive(Debug, Serialize)]
pub(super) struct ColumnEntry {
    pub column: String,
    /// How its values are changed before they are stored.
    pub masking: Option<&'static str>,
}

/// The bundles that stay in the mirror for `rollbook serve`, and who may read them.
fn served(setup: &Setup, clients: Option<&OneRosterConfig>) -> Vec<String> {
    let bundles = setup.bundles.iter();
    let served = bundles.filter(|(_, bundle)| bundle.value.mode == BundleMode::Served);
    let sentence = |(name, bundle): (&BundleName, &Document<BundleConfig>)| {
        let kept = bundle.value.served.removed_for;
        let service = clients.filter(|service| service.bundle == *name);
        let readers = service.map_or_else(
            || "no program may read it".to_owned(),
            |service| {
                let names: Vec<&str> = service.clients.keys().map(ClientName::as_str).collect();
                format!("these programs may read it over HTTP: {}", names.join(", "))
            },
        );
        format!(
            "The bundle {name} is kept in the mirror for `rollbook serve`, rows that left for {kept}; {readers}."
        )
    };
    served.map(sentence).collect()
}

/// The programs of hooks that get the rows of runs.
fn programs(setup: &Setup) -> Vec<String> {
    let hooks = setup.config.hooks.iter();
    let sentence = |(name, hook): (&HookName, &HookConfig)| {
        let program = hook.program.as_ref().filter(|_| hook.changes)?.display();
        let jobs = setup.jobs.keys().filter(|job| hook.follows(job));
        let jobs: Vec<&str> = jobs.map(JobName::as_str).collect();
        Some(format!(
            "The program {program} (hook {name}) gets the rows that these jobs change: {}.",
            jobs.join(", ")
        ))
    };
    hooks.filter_map(sentence).collect()
}

/// The register of a configuration, with numbers from the mirror if there is one.
pub(super) fn of(
    setup: &Setup,
    mirror: Option<&Reader>,
    path: &Path,
    clients: Option<&OneRosterConfig>,
) -> Result<Register, StoreError> {
    let mut sources = Vec::new();
    for (name, source) in &setup.sources {
        let mut entry = SourceEntry {
            source: name.clone(),
            title: source.connector.title.clone(),
            streams: Vec::new(),
            without: Vec::new(),
        };
        for (stream, spec) in &source.streams {
            let jobs = readers(setup, name, stream);
            if jobs.is_empty() {
                continue;
            }
            match spec.columns.iter().any(|column| column.personal.is_some()) {
                true => entry
                    .streams
                    .push(stream_entry(setup, (name, spec), &jobs, mirror)?),
                false => entry.without.push(format!("{name}_{stream}")),
            }
        }
        if !(entry.streams.is_empty() && entry.without.is_empty()) {
            sources.push(entry);
        }
    }
    let tables_without_a_job = match mirror {
        Some(mirror) => unconfigured_tables(mirror, setup)?,
        None => Vec::new(),
    };
    let store = &setup.config.store;
    Ok(Register {
        sources,
        removals: sentences(&tables_without_a_job, store.unconfigured),
        tables_without_a_job,
        records: format!(
            "Records of runs are kept {}, those of unreadable values {}; they hold counts, names of columns and keys of rows, no other values.",
            store.runs, store.rejects
        ),
        files: files::all(setup, path),
        backups: files::backups(setup, path),
        programs: [programs(setup), served(setup, clients)].concat(),
        databases: Vec::new(),
    })
}

/// The jobs that read a stream.
fn readers<'s>(
    setup: &'s Setup,
    source: &SourceName,
    stream: &StreamName,
) -> Vec<(&'s JobName, &'s JobSetup)> {
    let jobs = setup.jobs.iter();
    let reads = |(_, job): &(&JobName, &JobSetup)| {
        job.source == *source && job.choices.contains_key(stream)
    };
    jobs.filter(reads).collect()
}

fn stream_entry(
    setup: &Setup,
    (source, spec): (&SourceName, &StreamSpec),
    jobs: &[(&JobName, &JobSetup)],
    mirror: Option<&Reader>,
) -> Result<StreamEntry, StoreError> {
    let sizes = mirror.map(|mirror| queries::sizes(mirror, source, &spec.name));
    let sizes = sizes.transpose()?.flatten();
    let choice = jobs.iter().find_map(|(_, job)| job.choices.get(&spec.name));
    let reasons = choice
        .map(|choice| choice.reasons(spec))
        .unwrap_or_default();
    let (mut mirrored, mut left_out) = (BTreeMap::new(), BTreeMap::new());
    for (column, why) in spec.columns.iter().zip(reasons) {
        let Some(category) = column.personal else {
            continue;
        };
        let list: &mut BTreeMap<_, Vec<ColumnEntry>> = match why.is_mirrored() {
            true => &mut mirrored,
            false => &mut left_out,
        };
        let masking = choice.and_then(|choice| choice.masking(&column.name));
        list.entry(category).or_default().push(ColumnEntry {
            column: column.name.clone(),
            masking: masking.map(Masking::describe),
        });
    }
    let history = jobs
        .iter()
        .map(|(_, job)| tables::history(setup, job, spec));
    let longest = history.fold(History::Off, |longest, history| match (longest, history) {
        (History::Keep(one), History::Keep(other)) => History::Keep(one.max(other)),
        (History::Off, kept) => kept,
        (kept, History::Off) => kept,
    });
    let retain = jobs.iter().find_map(|(_, job)| {
        let options = job.config.stream.get(&spec.name)?;
        options.retain.as_ref()
    });
    Ok(StreamEntry {
        retain: retain.map(|rule| format!("{} after {}", rule.length, rule.column)),
        table: format!("{source}_{}", spec.name),
        title: spec.title.clone(),
        jobs: jobs.iter().map(|(name, _)| (*name).clone()).collect(),
        rows: sizes.map(|(rows, _)| rows),
        old_versions: sizes.map(|(_, versions)| versions),
        history: match longest {
            History::Keep(length) => Some(Period(length).to_string()),
            History::Off => None,
        },
        mirrored: entries(mirrored),
        left_out: entries(left_out),
    })
}

fn entries(lists: BTreeMap<PersonalCategory, Vec<ColumnEntry>>) -> Vec<CategoryEntry> {
    let entry = |(category, columns): (PersonalCategory, _)| CategoryEntry {
        category,
        special: category.is_special(),
        columns,
    };
    lists.into_iter().map(entry).collect()
}

impl StreamEntry {
    /// `job nightly; 600 rows, 12 old versions; old versions kept 400d`
    pub fn summary(&self) -> String {
        let jobs: Vec<&str> = self.jobs.iter().map(|job| job.as_str()).collect();
        let rows = match (self.rows, self.old_versions) {
            (Some(rows), Some(versions)) => format!(
                "{}, {}",
                crate::cli::table::many(rows, "row", "rows"),
                crate::cli::table::many(versions, "old version", "old versions")
            ),
            _ => "not read yet".to_owned(),
        };
        let history = match &self.history {
            Some(length) => format!("old versions kept {length}"),
            None => "old versions not kept".to_owned(),
        };
        let retain = self.retain.as_ref();
        let retain = retain.map_or_else(String::new, |rule| format!("; rows removed {rule}"));
        format!("job {}; {rows}; {history}{retain}", jobs.join(", "))
    }
}

impl CategoryEntry {
    /// The category, and whether the law gives it special protection.
    pub fn name(&self) -> String {
        match self.special {
            true => format!("{} (special)", self.category.describe()),
            false => self.category.describe().to_owned(),
        }
    }

    /// `email (pseudonymised), phone`
    pub fn list(&self) -> String {
        let one = |column: &ColumnEntry| match column.masking {
            Some(masking) => format!("{} ({masking})", column.column),
            None => column.column.clone(),
        };
        let columns: Vec<String> = self.columns.iter().map(one).collect();
        columns.join(", ")
    }
}

/// `birth 4, contact 43`: how many columns of each category.
pub(super) fn numbers(entries: &[CategoryEntry]) -> String {
    let one = |entry: &CategoryEntry| format!("{} {}", entry.name(), entry.columns.len());
    let parts: Vec<String> = entries.iter().map(one).collect();
    parts.join(", ")
}
