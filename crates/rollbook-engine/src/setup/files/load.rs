//! Reads `rollbook.toml` and the folder of jobs, with everything that is wrong with them by themselves.
//!
//! What needs a connector or another file is checked in `setup/`. The surprise: checks between keys look at the
//! trees, so that they also run where a file has other mistakes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::alerts::{self, AlertsConfig, MailAddress};
use super::cluster::ClusterConfig;
use super::grants;
use super::hooks::{self, HookConfig};
use super::job::JobConfig;
use super::publish::{self, PublishConfig};
use super::rollbook::{Proxy, Rollbook, SourceConfig, StoreConfig};
use super::schedule::{Schedule, Zone};
use super::secrets::{CredentialName, VariableName};
use super::webhooks::{self, WebhookConfig};
use rollbook_core::document::node::TableEntry;
use rollbook_core::document::parse::read_with_tree;
use rollbook_core::document::suggest::listed;
use rollbook_core::document::text_value::Check;
use rollbook_core::document::{FileText, Location, Node, Problem, ProblemKind, Problems};
use rollbook_core::folder::{DraftFiles, plain};
use rollbook_core::model::{
    ColumnName, ConnectorName, History, HookName, JobName, Percent, Period, PublishName,
    SourceName, WebhookName,
};

/// Everything in these files that is a text with rules. The names share one.
const CHECKS: &[Check] = &[
    Check::of::<ConnectorName>(),
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

/// What admins wrote.
#[derive(Clone, Debug)]
pub struct Config {
    /// The mirror.
    pub store: StoreConfig,
    /// Who is alerted when a job needs a person.
    pub alerts: Option<AlertsConfig>,
    /// Who is told of what changed, by name.
    pub hooks: BTreeMap<HookName, HookConfig>,
    /// Databases that streams are published to, by name.
    pub publish: BTreeMap<PublishName, PublishConfig>,
    /// The database by which workers share the sources.
    pub cluster: Option<ClusterConfig>,
    /// Webhooks, by name.
    pub webhooks: BTreeMap<WebhookName, WebhookConfig>,
    /// The accounts at vendors.
    pub sources: BTreeMap<SourceName, SourceConfig>,
    /// The jobs, by their file's name.
    pub jobs: BTreeMap<JobName, JobConfig>,
}

/// `rollbook.toml` and the jobs, as far as they can be read.
#[derive(Debug)]
pub struct Files {
    /// The tree of `rollbook.toml`; `None` when the file cannot be read.
    pub rollbook: Option<Node>,
    /// Its value, unless it has mistakes.
    pub value: Option<Rollbook>,
    /// Whether `rollbook.toml` may define sources that its tree does not show.
    pub hides_sources: bool,
    /// Every file of the folder of jobs that can be read.
    pub jobs: Vec<JobFile>,
    /// Whether `jobs` lacks a file that cannot be read.
    pub hides_jobs: bool,
}

/// One job's file.
#[derive(Debug)]
pub struct JobFile {
    /// The file's name without its ending; not always a valid name of a job.
    pub name: String,
    /// What it holds.
    pub tree: Node,
    /// Its value, unless it has mistakes.
    pub config: Option<JobConfig>,
    /// Whether the file is TOML from its first to its last line; if not, the tree may lack keys.
    pub is_toml: bool,
}

impl Files {
    /// Reads `rollbook.toml` of the folder `config` and every `.toml` file of the folder `jobs`.
    pub fn read(config: &Path, jobs: &Path, drafts: &DraftFiles) -> (Self, Problems) {
        let mut problems = Problems::new();
        let rollbook = drafts.read_file(&config.join("rollbook.toml"));
        let rollbook = rollbook.map_err(|problem| problems.push(problem)).ok();
        let (mut tree, mut value, mut hides_sources) = (None, None, true);
        if let Some(file) = rollbook {
            let (found_tree, found) = read_rollbook(&file, config, &mut problems);
            let lost = found_tree.at(&["sources"]).is_none() && found.is_none();
            hides_sources = lost || !is_toml(&file);
            (tree, value) = (Some(found_tree), found);
        }
        let sources = sources_of(tree.as_ref());
        let (jobs, hides_jobs) = read_jobs((jobs, drafts), sources, &mut problems);
        let files = Self {
            rollbook: tree,
            value,
            hides_sources,
            jobs,
            hides_jobs,
        };
        (files, problems)
    }

    /// The tables of the sources.
    pub fn sources(&self) -> &[TableEntry] {
        sources_of(self.rollbook.as_ref())
    }

    /// Where a key of a source is, or the nearest key above it that is there.
    pub fn source_location(&self, source: &str, path: &[&str]) -> Location {
        match &self.rollbook {
            Some(tree) => tree.nearest_location(&[&["sources", source], path].concat()),
            None => Location::whole(&FileText::new("rollbook.toml", "")),
        }
    }

    /// The values, unless a file has mistakes.
    pub fn config(&self) -> Option<Config> {
        let rollbook = self.value.clone()?;
        let job = |file: &JobFile| Some((file.name.parse().ok()?, file.config.clone()?));
        Some(Config {
            store: rollbook.store,
            alerts: rollbook.alerts,
            hooks: rollbook.hooks,
            publish: rollbook.publish,
            cluster: rollbook.cluster,
            webhooks: rollbook.webhooks,
            sources: rollbook.sources,
            jobs: self.jobs.iter().map(job).collect::<Option<_>>()?,
        })
    }
}

fn sources_of(rollbook: Option<&Node>) -> &[TableEntry] {
    rollbook
        .map(|tree| entries(tree, "sources"))
        .unwrap_or_default()
}

fn entries<'a>(tree: &'a Node, key: &str) -> &'a [TableEntry] {
    tree.at(&[key]).map(Node::entries).unwrap_or_default()
}

fn is_toml(file: &Arc<FileText>) -> bool {
    !Node::parse(file).1.has_errors()
}

/// The JSON Schema of `rollbook.toml`.
pub fn rollbook_schema() -> serde_json::Value {
    rollbook_core::document::parse::schema::<Rollbook>()
}

/// The JSON Schema of a job.
pub fn job_schema() -> serde_json::Value {
    rollbook_core::document::parse::schema::<JobConfig>()
}

fn read_rollbook(
    file: &Arc<FileText>,
    config: &Path,
    problems: &mut Problems,
) -> (Node, Option<Rollbook>) {
    let (tree, found) = read_with_tree::<Rollbook>(file, CHECKS);
    let sources = sources_of(Some(&tree));
    let explained = |problem| grants::explained(problem, sources);
    let mut rollbook = found
        .map_err(|found| problems.extend(found.into_iter().map(explained)))
        .ok();
    if let Some(node) = tree.at(&["alerts"]) {
        problems.extend(alerts::check(node));
    }
    for hook in entries(&tree, "hooks") {
        problems.extend(hooks::check(&hook.value));
    }
    for publish in entries(&tree, "publish") {
        problems.extend(publish::check(&publish.value));
        problems.extend(missing_ca_file(config, &publish.value));
    }
    if let Some(cluster) = tree.at(&["cluster"]) {
        problems.extend(missing_ca_file(config, cluster));
    }
    for webhook in entries(&tree, "webhooks") {
        problems.extend(webhooks::check(&webhook.value));
    }
    problems.append(grants::check(sources));
    for source in sources {
        problems.extend(missing_ca_file(config, &source.value));
        problems.extend(half_of_a_proxy_login(&source.value));
    }
    for source in rollbook
        .iter_mut()
        .flat_map(|rollbook| rollbook.sources.values_mut())
    {
        source.ca_file = source.ca_file.take().map(|path| config.join(path));
    }
    for publish in rollbook
        .iter_mut()
        .flat_map(|rollbook| rollbook.publish.values_mut())
    {
        publish.ca_file = publish.ca_file.take().map(|path| config.join(path));
    }
    for cluster in rollbook
        .iter_mut()
        .flat_map(|rollbook| rollbook.cluster.as_mut())
    {
        cluster.ca_file = cluster.ca_file.take().map(|path| config.join(path));
    }
    (tree, rollbook)
}

fn missing_ca_file(config: &Path, source: &Node) -> Option<Problem> {
    let node = source.at(&["ca_file"])?;
    let path = config.join(node.text()?);
    let reason = match std::fs::metadata(&path) {
        Ok(found) if found.is_file() => return None,
        Ok(_) => "it is not a file".to_owned(),
        Err(error) => plain(&path, &error),
    };
    Some(Problem::error(
        node.location(),
        format!("cannot read {}: {reason}", path.display()),
    ))
}

/// A user at the proxy needs a proxy and a password.
fn half_of_a_proxy_login(source: &Node) -> Option<Problem> {
    let keys = ["proxy", "proxy_user", "proxy_password"];
    let login = keys[1..].iter().find_map(|key| source.at(&[key]))?;
    let missing = keys.iter().find(|key| source.at(&[key]).is_none())?;
    let message = format!("`{missing}` is missing");
    let help = "a user at the proxy needs `proxy`, `proxy_user` and `proxy_password`";
    Some(Problem::error(login.location(), message).help(help))
}

/// The jobs of a folder, and whether some of its files cannot be read.
fn read_jobs(
    (folder, drafts): (&Path, &DraftFiles),
    sources: &[TableEntry],
    problems: &mut Problems,
) -> (Vec<JobFile>, bool) {
    let (files, hides_jobs) = match drafts.read_folder(folder) {
        Ok(found) => {
            let hides_jobs = found.problems.has_errors();
            problems.append(found.problems);
            (found.files, hides_jobs)
        }
        Err(problem) => {
            problems.push(problem);
            return (Vec::new(), true);
        }
    };
    if files.is_empty() {
        let note = Problem::note(
            Location::whole(&FileText::unread(folder)),
            "there is no job in this folder",
        );
        problems.push(note.help("a job is a file such as `rosters.toml`"));
    }
    let (mut jobs, mut schedules) = (Vec::new(), BTreeMap::new());
    for (name, file) in files {
        let (tree, config) = read_with_tree::<JobConfig>(&file, CHECKS);
        let with_advice = |problem| with_known_sources(with_advice_on_options(problem), sources);
        let config = config
            .map_err(|found| problems.extend(found.into_iter().map(with_advice)))
            .ok()
            .map(|job| job.share_schedule(&mut schedules));
        if let Err(error) = name.parse::<JobName>() {
            let problem = Problem::error(
                Location::whole(&file),
                format!("a job is named like its file, and {error}"),
            );
            let help = error.help.map(|help| format!("rename the file, {help}"));
            problems.push(problem.maybe_help(help));
        }
        jobs.push(JobFile {
            name,
            tree,
            config,
            is_toml: is_toml(&file),
        });
    }
    (jobs, hides_jobs)
}

/// `[streams.users]` beside `streams = […]` is tempting, and TOML itself forbids it.
fn with_advice_on_options(problem: Problem) -> Problem {
    let location = &problem.location;
    let marked = location
        .span
        .clone()
        .and_then(|span| location.file.text().get(span));
    if problem.message.contains("cannot extend") && marked == Some("streams") {
        return problem
            .help("the options of one stream are in a table such as `[stream.users]`, without s");
    }
    problem
}

/// A job without a source: which ones there are.
fn with_known_sources(problem: Problem, sources: &[TableEntry]) -> Problem {
    let is_missing =
        |kind: &ProblemKind| matches!(kind, ProblemKind::MissingKey(key) if key == "source");
    if sources.is_empty() || !problem.kind.as_ref().is_some_and(is_missing) {
        return problem;
    }
    let names = sources.iter().map(|source| source.name.as_str());
    let help = format!("the sources of rollbook.toml are {}", listed(names));
    problem.help(help)
}

#[cfg(test)]
mod tests;
