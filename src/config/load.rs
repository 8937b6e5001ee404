//! Loads the configuration folder and the folder of jobs, and says everything that is wrong with them.
//!
//! What needs a vendor's description is checked by the caller, who gets the places to point at. The
//! surprise: cross-checks look at the trees, so they speak up also where a file has other mistakes.

use std::collections::BTreeMap;
use std::path::Path;

use super::alerts::{self, AlertsConfig, MailAddress};
use super::grants;
use super::job::JobConfig;
use super::rollbook::{Proxy, Rollbook, SourceConfig, StoreConfig};
use super::schedule::{Schedule, Zone};
use super::secrets::{CredentialName, VariableName};
use crate::folder::{plain, read_file, read_folder};
use crate::model::document::read_with_tree;
use crate::model::nearest::{advice, quoted};
use crate::model::spelled::Check;
use crate::model::{
    ColumnName, FileText, History, JobName, Node, Percent, Period, Place, Problem, Problems,
    SourceName, VendorName,
};

/// Everything in these files that is a text with rules. The names share one.
const CHECKS: &[Check] = &[
    Check::of::<VendorName>(),
    Check::of::<ColumnName>(),
    Check::of::<Schedule>(),
    Check::of::<Zone>(),
    Check::of::<Period>(),
    Check::of::<History>(),
    Check::of::<Percent>(),
    Check::of::<Proxy>(),
    Check::of::<MailAddress>(),
    Check::of::<CredentialName>(),
    Check::of::<VariableName>(),
];

/// What the admins wrote, checked as far as it can be without a vendor's description.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the mirror is kept.
    pub store: StoreConfig,
    /// Whom to tell when a job needs a person.
    pub alerts: Option<AlertsConfig>,
    /// The accounts at vendors.
    pub sources: BTreeMap<SourceName, SourceConfig>,
    /// The jobs, by their file's name.
    pub jobs: BTreeMap<JobName, JobConfig>,
    /// What is worth knowing and not in the way.
    pub notes: Problems,
    rollbook: Node,
    job_files: BTreeMap<JobName, Node>,
}

impl Config {
    /// Loads `rollbook.toml` of the folder `config` and every `.toml` file of the folder `jobs`.
    pub fn load(config: &Path, jobs: &Path) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let rollbook = load_rollbook(config, &mut problems);
        let known = rollbook
            .as_ref()
            .and_then(|(tree, _)| tree.at(&["sources"]));
        let (job_files, jobs) = load_jobs(jobs, known, &mut problems);
        match rollbook {
            Some((tree, Some(rollbook))) if !problems.has_errors() => Ok(Self {
                store: rollbook.store,
                alerts: rollbook.alerts,
                sources: rollbook.sources,
                jobs,
                notes: problems,
                rollbook: tree,
                job_files,
            }),
            _ => Err(problems),
        }
    }

    /// The fingerprint of a source as it is written; 0 where no file says it.
    pub fn source_fingerprint(&self, source: &SourceName) -> u64 {
        let written = self.rollbook.at(&["sources", source.as_str()]);
        written.map_or(0, Node::fingerprint)
    }

    /// The fingerprint of a job as it is written; 0 where no file says it.
    pub fn job_fingerprint(&self, job: &JobName) -> u64 {
        self.job_files.get(job).map_or(0, Node::fingerprint)
    }

    /// Where a key of a source stands; the nearest key above it when it is not there.
    pub fn source_place(&self, source: &SourceName, path: &[&str]) -> Place {
        self.rollbook
            .nearest_place(&[&["sources", source.as_str()], path].concat())
    }

    /// Where a key of a job stands; the nearest key above it, or the file, when it is not there.
    pub fn job_place(&self, job: &JobName, path: &[&str]) -> Place {
        match self.job_files.get(job) {
            Some(tree) => tree.nearest_place(path),
            None => Place::whole(&FileText::new(format!("{job}.toml"), "")),
        }
    }
}

/// The JSON Schema of `rollbook.toml`.
pub fn rollbook_schema() -> serde_json::Value {
    crate::model::document::schema::<Rollbook>()
}

/// The JSON Schema of a job.
pub fn job_schema() -> serde_json::Value {
    crate::model::document::schema::<JobConfig>()
}

fn load_rollbook(config: &Path, problems: &mut Problems) -> Option<(Node, Option<Rollbook>)> {
    let file = match read_file(&config.join("rollbook.toml")) {
        Ok(file) => file,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let (tree, found) = read_with_tree::<Rollbook>(&file, CHECKS);
    let mut rollbook = found.map_err(|found| problems.append(found)).ok();
    if let Some(node) = tree.at(&["alerts"]) {
        problems.extend(alerts::check(node));
    }
    for source in tree.at(&["sources"]).map(Node::entries).unwrap_or_default() {
        problems.append(grants::check(&source.value));
        problems.extend(missing_ca_file(config, &source.value));
    }
    for source in rollbook
        .iter_mut()
        .flat_map(|rollbook| rollbook.sources.values_mut())
    {
        source.ca_file = source.ca_file.take().map(|path| config.join(path));
    }
    Some((tree, rollbook))
}

fn missing_ca_file(config: &Path, source: &Node) -> Option<Problem> {
    let node = source.at(&["ca_file"])?;
    let path = config.join(node.text()?);
    let reason = match std::fs::metadata(&path) {
        Ok(found) if found.is_file() => return None,
        Ok(_) => "it is not a file".to_owned(),
        Err(error) => plain(&error),
    };
    Some(Problem::error(
        node.place(),
        format!("cannot read {}: {reason}", path.display()),
    ))
}

type Jobs = (BTreeMap<JobName, Node>, BTreeMap<JobName, JobConfig>);

fn load_jobs(folder: &Path, sources: Option<&Node>, problems: &mut Problems) -> Jobs {
    let mut trees = BTreeMap::new();
    let mut jobs = BTreeMap::new();
    let files = match read_folder(folder) {
        Ok(found) => {
            problems.append(found.problems);
            found.files
        }
        Err(problem) => {
            problems.push(problem);
            return (trees, jobs);
        }
    };
    if files.is_empty() {
        let note = Problem::note(
            Place::whole(&FileText::unread(folder)),
            "there is no job in this folder",
        );
        problems.push(note.help("a job is a file such as `rosters.toml`"));
    }
    for (name, file) in files {
        let (tree, job) = read_with_tree::<JobConfig>(&file, CHECKS);
        let job = job
            .map_err(|found| problems.extend(found.into_iter().map(told_of_options)))
            .ok();
        let checks = [unknown_source(&tree, sources)].into_iter().flatten();
        problems.extend(
            checks
                .chain(doubled_streams(&tree))
                .chain(idle_options(&tree)),
        );
        match name.parse::<JobName>() {
            Ok(name) => {
                jobs.extend(job.map(|job| (name.clone(), job)));
                trees.insert(name, tree);
            }
            Err(complaint) => {
                let problem = Problem::error(
                    Place::whole(&file),
                    format!("a job is named like its file, and {complaint}"),
                );
                problems.push(
                    problem.maybe_help(
                        complaint
                            .help
                            .map(|help| format!("rename the file, {help}")),
                    ),
                );
            }
        }
    }
    (trees, jobs)
}

/// `[streams.users]` beside `streams = […]` is tempting, and TOML itself forbids it.
fn told_of_options(problem: Problem) -> Problem {
    let place = &problem.place;
    let said_of = place
        .span
        .clone()
        .and_then(|span| place.file.text().get(span));
    if problem.message.contains("cannot extend") && said_of == Some("streams") {
        return problem.help(
            "the options of one stream stand in a table such as `[stream.users]`, without s",
        );
    }
    problem
}

/// A job of a source that nobody described. Says nothing when `rollbook.toml` could not be read.
fn unknown_source(job: &Node, sources: Option<&Node>) -> Option<Problem> {
    let node = job.at(&["source"])?;
    let name = node.text()?;
    let known: Vec<&str> = sources?
        .entries()
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    if known.contains(&name) {
        return None;
    }
    let problem = Problem::error(
        node.place(),
        format!("there is no source {} in rollbook.toml", quoted(name)),
    );
    Some(problem.help(advice(name, known)))
}

fn doubled_streams(job: &Node) -> Vec<Problem> {
    let mut seen = Vec::new();
    let mut doubled = Vec::new();
    for stream in job.at(&["streams"]).map(Node::items).unwrap_or_default() {
        match stream.text() {
            Some(name) if seen.contains(&name) => {
                let problem = Problem::error(
                    stream.place(),
                    format!("the stream {} stands here twice", quoted(name)),
                );
                doubled.push(problem.help("remove one"));
            }
            Some(name) => seen.push(name),
            None => {}
        }
    }
    doubled
}

/// Options of a stream that the job does not read.
fn idle_options(job: &Node) -> Vec<Problem> {
    let Some(streams) = job.at(&["streams"]) else {
        return Vec::new();
    };
    let read: Vec<&str> = streams.items().iter().filter_map(Node::text).collect();
    let options = job.at(&["stream"]).map(Node::entries).unwrap_or_default();
    let idle = options
        .iter()
        .filter(|entry| !read.contains(&entry.name.as_str()))
        .map(|entry| {
            let place = Place::within(entry.value.file(), entry.key.clone());
            let problem = Problem::error(
                place,
                format!("this job does not read the stream {}", quoted(&entry.name)),
            );
            problem.help(advice(&entry.name, read.iter().copied()))
        });
    idle.collect()
}

#[cfg(test)]
mod tests;
