//! The jobs against their sources: are the source, the streams and the columns that they name there?
//!
//! Works on the trees, so that one wrong key hides only what depends on it.

mod choices;
mod columns;
mod lists;
mod masks;
mod parents;
mod retention;
mod scopes;

pub use self::columns::{ColumnChoice, ColumnReason};

use std::collections::BTreeMap;
use std::sync::Arc;

use super::checks::Checks;
use super::files::JobFile;
use super::files::crosswalk::CrosswalkFile;
use super::sources::{SourceDraft, Sources};
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::document::node::NodeKind;
use rollbook_core::document::suggest::{advice, suggest};
use rollbook_core::document::{Location, Node, Problem};
use rollbook_core::model::StreamName;

/// A job as far as it can be read.
pub(super) struct JobDraft<'a> {
    /// Its file.
    pub file: &'a JobFile,
    /// Its source's name.
    pub source: Option<&'a str>,
    /// Its streams with the columns that it mirrors.
    pub streams: Vec<Arc<StreamSpec>>,
    /// What it says about the columns of each.
    pub choices: BTreeMap<StreamName, Arc<ColumnChoice>>,
    /// Whether these are all the streams that it lists.
    pub is_whole: bool,
}

/// The jobs as far as they can be read, by name.
pub(super) type Jobs<'a> = [JobDraft<'a>];

impl JobDraft<'_> {
    /// The stream of this name as the job reads it.
    pub fn stream(&self, name: &str) -> Option<&Arc<StreamSpec>> {
        self.streams.iter().find(|spec| spec.name == name)
    }
}

impl Checks<'_> {
    /// Whether every stream that a job reads is known, so that one that no job reads can be noted.
    pub fn knows_all_streams(&self, jobs: &Jobs<'_>) -> bool {
        !self.files.hides_jobs && jobs.iter().all(|job| job.is_whole)
    }
}

/// A name in `streams`, and its number.
type Listed<'a> = (usize, &'a str);

impl<'a> Checks<'a> {
    /// The drafts of all jobs.
    pub(super) fn jobs(
        &mut self,
        sources: &Sources,
        crosswalks: &[CrosswalkFile],
    ) -> Vec<JobDraft<'a>> {
        let mut jobs: Vec<JobDraft<'a>> = Vec::new();
        let files = self.files;
        for file in &files.jobs {
            let job = self.job(file, sources);
            self.parents(&job);
            for other in jobs.iter().filter(|other| other.source == job.source) {
                self.same_columns(&job, other);
            }
            jobs.push(job);
        }
        self.read_parents(&jobs);
        self.references_masked_alike(&jobs);
        self.lists(&mut jobs, crosswalks);
        jobs
    }

    fn job(&mut self, file: &'a JobFile, sources: &Sources) -> JobDraft<'a> {
        let mut job = JobDraft {
            file,
            source: file.tree.at(&["source"]).and_then(Node::text),
            streams: Vec::new(),
            choices: BTreeMap::new(),
            is_whole: false,
        };
        let source = job.source.and_then(|name| sources.get(name));
        if let Some(name) = job.source
            && source.is_none()
            && !self.files.hides_sources
        {
            let message = format!("there is no source `{name}` in rollbook.toml");
            let help = advice(name, sources.keys().map(String::as_str));
            self.job_problem(file, &["source"], message, Some(help));
        }
        let listed = self.listed(file);
        let mut meant = Vec::new();
        for (number, name) in &listed {
            if let Some((message, help)) = source.and_then(|source| source.unknown_stream(name)) {
                let path = ["streams", &number.to_string()];
                self.job_problem(file, &path, message, Some(help));
                let known = source.and_then(|source| source.stream_names.as_ref());
                let known = known.into_iter().flatten().map(String::as_str);
                meant.extend(suggest(name, known));
            }
        }
        self.options(file, source, &listed, &meant);
        if let Some(source) = job.source.zip(source) {
            self.scopes(file, source, &listed);
        }
        self.job_preset(file, source, &listed);
        let mut specs: Vec<Option<Arc<StreamSpec>>> = Vec::new();
        for (_, name) in &listed {
            let spec = source.and_then(|source| source.stream(name));
            specs.push(spec.map(|spec| {
                let choice = ColumnChoice::of(&file.tree, name);
                let mirrored = choice.apply(spec);
                job.choices.insert(spec.name.clone(), Arc::new(choice));
                mirrored
            }));
        }
        let items = file.tree.at(&["streams"]).map(Node::items);
        job.is_whole = file.is_toml && items.is_some() && specs.iter().all(Option::is_some);
        job.streams = specs.into_iter().flatten().collect();
        self.groups(&job);
        job
    }

    /// The streams that a job lists, each once.
    fn listed(&mut self, file: &'a JobFile) -> Vec<Listed<'a>> {
        let mut listed: Vec<Listed<'a>> = Vec::new();
        let items = file.tree.at(&["streams"]).map(Node::items);
        for (number, item) in items.unwrap_or_default().iter().enumerate() {
            match item.text() {
                Some(name) if listed.iter().any(|(_, other)| *other == name) => {
                    let message = format!("the stream `{name}` is listed twice");
                    let problem = Problem::error(item.location(), message);
                    self.problems.push(problem.help("remove one"));
                }
                Some(name) => listed.push((number, name)),
                None => {}
            }
        }
        listed
    }

    /// The tables `[stream.NAME]`: one of a stream that the job does not list, and the columns that it names.
    ///
    /// A table of a stream that a misspelt one of the list means is right: the list is what has to change.
    fn options(
        &mut self,
        file: &JobFile,
        source: Option<&SourceDraft>,
        listed: &[Listed<'_>],
        meant: &[&str],
    ) {
        let list = file.tree.at(&["streams"]).map(Node::kind);
        let is_readable = file.is_toml && matches!(list, Some(NodeKind::List(_)));
        let tables = file.tree.at(&["stream"]).map(Node::entries);
        for table in tables.unwrap_or_default() {
            let name = table.name.as_str();
            let is_listed = listed.iter().any(|(_, other)| *other == name);
            if is_readable && !is_listed && !meant.contains(&name) {
                let message = format!("this job does not read the stream `{name}`");
                let location = Location::within(table.value.file(), table.key.clone());
                let help = advice(name, listed.iter().map(|(_, name)| *name));
                self.problems
                    .push(Problem::error(location, message).help(help));
            }
            if let Some(spec) = source.and_then(|source| source.stream(name)) {
                self.columns(file, spec);
                self.masks(file, spec);
                self.retention(file, spec);
            }
        }
    }

    /// The column by which the guard groups removals.
    fn groups(&mut self, job: &JobDraft<'_>) {
        let per = job.file.tree.at(&["guard", "per"]).and_then(Node::text);
        let Some(column) = per.filter(|_| job.is_whole) else {
            return;
        };
        if job.streams.iter().all(|spec| spec.column(column).is_none()) {
            let columns = job.streams.iter().flat_map(|spec| spec.columns.iter());
            let known: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
            let message = format!("no stream of this job has a column `{column}`");
            let help = advice(column, known);
            self.job_problem(job.file, &["guard", "per"], message, Some(help));
        }
    }

    pub(super) fn job_problem(
        &mut self,
        file: &JobFile,
        path: &[&str],
        message: String,
        help: Option<String>,
    ) {
        let location = file.tree.nearest_location(path);
        self.problems
            .push(Problem::error(location, message).maybe_help(help));
    }
}

/// The stream of a job that reads it, with the columns that it mirrors.
pub(super) fn read_stream<'j>(
    jobs: &'j Jobs<'_>,
    source: &str,
    stream: &str,
) -> Option<&'j Arc<StreamSpec>> {
    let mut jobs = jobs.iter().filter(|job| job.source == Some(source));
    jobs.find_map(|job| job.stream(stream))
}
