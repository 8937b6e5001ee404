//! What admins wrote, checked against the descriptions: every problem of every file at once.

mod crosswalks;
mod grants;
mod parents;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::overlay::Overlay;
use super::settings;
use super::{Places, people, tables};
use crate::config::crosswalk::{CROSSWALKS, load_crosswalks};
use crate::config::{Apply, Auth, Config, Crosswalks, Grant, JobConfig, People, SourceConfig};
use crate::model::nearest::{advice, listed};
use crate::model::people::MatchSet;
use crate::model::{JobName, Problem, Problems, SourceName};
use crate::vendor::api::{Settings, StreamSpec, bad_time_zone, streams};
use crate::vendor::description::{Description, GrantRules, Grants};
use crate::vendor::load::Descriptions;
use crate::vendor::template::{self, Variables};

/// A checked configuration.
pub struct Setup {
    /// What admins wrote.
    pub config: Config,
    /// The sources, by name.
    pub sources: BTreeMap<SourceName, SourceSetup>,
    /// The jobs, by name.
    pub jobs: BTreeMap<JobName, JobSetup>,
    /// Whose people are matched, and how.
    pub matches: Vec<MatchSet>,
    /// The crosswalks, by name.
    pub crosswalks: Crosswalks,
    /// What is worth knowing and not in the way.
    pub notes: Problems,
}

/// A source with its vendor's description made ready.
pub struct SourceSetup {
    /// What the admin wrote.
    pub config: SourceConfig,
    /// The vendor's description, the same for all its sources.
    pub description: Arc<Description>,
    /// All settings with their values.
    pub settings: Settings,
    /// All streams.
    pub streams: BTreeMap<String, Arc<StreamSpec>>,
    /// Of what the admin wrote and of the vendor's description: another one when either says something else.
    pub fingerprint: String,
}

/// A job with its streams made ready.
pub struct JobSetup {
    /// What the admin wrote.
    pub config: JobConfig,
    /// The source.
    pub source: SourceName,
    /// Its streams without the columns that the job drops.
    pub streams: Vec<Arc<StreamSpec>>,
    /// Of what the admin wrote: another one when it says something else.
    pub fingerprint: String,
}

impl Setup {
    /// Loads and checks everything.
    pub fn load(places: &Places, overlay: &Overlay) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let config = Config::load(&places.config, &places.jobs);
        let descriptions = Descriptions::load(&places.config.join("vendors"));
        let people = People::load(&places.config);
        let (crosswalks, odd_crosswalks) = load_crosswalks(&places.config.join(CROSSWALKS));
        problems.append(odd_crosswalks);
        let (mut config, descriptions, people) = match (config, descriptions, people) {
            (Ok(config), Ok(descriptions), Ok(people)) => (config, descriptions, people),
            (config, descriptions, people) => {
                problems.extend(
                    config
                        .err()
                        .into_iter()
                        .chain(descriptions.err())
                        .chain(people.err())
                        .flat_map(|found| found.iter().cloned().collect::<Vec<_>>()),
                );
                return Err(problems);
            }
        };
        overlay.lay_over(&mut config, &descriptions);
        problems.append(config.notes.clone());
        problems.append(descriptions.notes.clone());
        let mut checks = Checks {
            config: &config,
            descriptions: &descriptions,
            problems,
        };
        let sources = checks.sources();
        let jobs = checks.jobs(&sources);
        checks.crosswalks(&crosswalks, &sources, &jobs);
        let mut problems = checks.problems;
        let matches = people::sets(&people, &sources, &jobs, &mut problems);
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(Self {
            config,
            sources,
            jobs,
            matches,
            crosswalks,
            notes: problems,
        })
    }

    /// A source by its name.
    pub fn source(&self, name: &str) -> Option<&SourceSetup> {
        self.sources.get(name)
    }

    /// A job by its name.
    pub fn job(&self, name: &str) -> Option<&JobSetup> {
        self.jobs.get(name)
    }

    /// The stream of a source as its jobs keep it, whichever of them reads it.
    pub fn kept(&self, source: &SourceName, stream: &str) -> Option<Arc<StreamSpec>> {
        self.jobs
            .values()
            .filter(|job| job.source == *source)
            .find_map(|job| job.streams.iter().find(|spec| spec.name == stream).cloned())
    }
}

/// A description made ready once, whatever number of sources have it.
struct Vendor {
    description: Arc<Description>,
    streams: BTreeMap<String, StreamSpec>,
}

/// The combo lists that a source's settings pick, as variables.
fn picked_lists(description: &Description, settings: &Settings) -> Variables {
    let combos = description.combos.as_ref();
    combos
        .map(|combos| combos.picked(&settings.texts))
        .unwrap_or_default()
}

struct Checks<'a> {
    config: &'a Config,
    descriptions: &'a Descriptions,
    problems: Problems,
}

impl Checks<'_> {
    fn sources(&mut self) -> BTreeMap<SourceName, SourceSetup> {
        let mut sources = BTreeMap::new();
        let mut shared: BTreeMap<&str, Option<Vendor>> = BTreeMap::new();
        for (name, source) in &self.config.sources {
            let Some(description) = self.descriptions.get(source.vendor.as_str()) else {
                let help = advice(source.vendor.as_str(), self.descriptions.names());
                self.source_problem(
                    name,
                    &["vendor"],
                    format!("there is no description of `{}`", source.vendor),
                    Some(help),
                );
                continue;
            };
            self.grant(name, source, description);
            let settings = match settings::resolve(description, &source.settings) {
                Ok(settings) => settings,
                Err(wrong) => {
                    for setting in wrong {
                        let path: &[&str] = if setting.name.is_empty() {
                            &[]
                        } else {
                            &["settings", &setting.name]
                        };
                        self.source_problem(name, path, setting.message, setting.help);
                    }
                    continue;
                }
            };
            let vendor = shared
                .entry(source.vendor.as_str())
                .or_insert_with(|| self.vendor(source, description));
            let Some(vendor) = vendor else { continue };
            let mut texts = settings.texts.clone();
            texts.extend(picked_lists(&vendor.description, &settings));
            self.time_zone(name, &vendor.description, &texts);
            let texts = Arc::new(texts);
            let streams = vendor
                .streams
                .iter()
                .map(|(name, spec)| (name.clone(), Arc::new(spec.of_source(&texts))))
                .collect();
            let setup = SourceSetup {
                config: source.clone(),
                description: Arc::clone(&vendor.description),
                settings,
                streams,
                fingerprint: format!(
                    "{:016x}{:016x}",
                    self.config.source_fingerprint(name),
                    self.descriptions.fingerprint(source.vendor.as_str())
                ),
            };
            sources.insert(name.clone(), setup);
        }
        sources
    }

    /// The description of a source's vendor made ready, unless it has flaws.
    fn vendor(&mut self, source: &SourceConfig, description: &Description) -> Option<Vendor> {
        match streams(description) {
            Ok(streams) => Some(Vendor {
                description: Arc::new(description.clone()),
                streams,
            }),
            Err(flaws) => {
                for flaw in flaws {
                    let at: Vec<&str> = flaw.at.iter().map(String::as_str).collect();
                    self.problems.push(self.descriptions.problem(
                        source.vendor.as_str(),
                        &at,
                        flaw.message,
                        flaw.help,
                    ));
                }
                None
            }
        }
    }

    fn jobs(&mut self, sources: &BTreeMap<SourceName, SourceSetup>) -> BTreeMap<JobName, JobSetup> {
        let mut jobs: BTreeMap<JobName, JobSetup> = BTreeMap::new();
        for (name, job) in &self.config.jobs {
            let Some(source) = sources.get(&job.source) else {
                if !self.config.sources.contains_key(&job.source) {
                    let help = advice(
                        job.source.as_str(),
                        self.config.sources.keys().map(SourceName::as_str),
                    );
                    self.job_problem(
                        name,
                        &["source"],
                        format!("there is no source `{}`", job.source),
                        Some(help),
                    );
                }
                continue;
            };
            let streams = self.job_streams(name, job, source);
            self.group(name, job, &streams);
            self.parents(name, job, &streams);
            for other in jobs.iter().filter(|(_, other)| other.source == job.source) {
                self.same_shape(name, &streams, other);
            }
            jobs.insert(
                name.clone(),
                JobSetup {
                    config: job.clone(),
                    source: job.source.clone(),
                    streams,
                    fingerprint: format!("{:016x}", self.config.job_fingerprint(name)),
                },
            );
        }
        self.read_parents(&jobs);
        jobs
    }

    fn job_streams(
        &mut self,
        name: &JobName,
        job: &JobConfig,
        source: &SourceSetup,
    ) -> Vec<Arc<StreamSpec>> {
        let known: Vec<&str> = source.streams.keys().map(String::as_str).collect();
        let mut streams: Vec<Arc<StreamSpec>> = Vec::new();
        for (number, stream) in job.streams.iter().enumerate() {
            let place = number.to_string();
            let Some(spec) = source.streams.get(stream.as_str()) else {
                let message = format!("{} has no stream `{stream}`", source.description.title);
                self.job_problem(
                    name,
                    &["streams", &place],
                    message,
                    Some(advice(stream.as_str(), known.iter().copied())),
                );
                continue;
            };
            if streams.iter().any(|other| other.name == spec.name) {
                self.job_problem(
                    name,
                    &["streams", &place],
                    format!("`{stream}` stands here twice"),
                    None,
                );
                continue;
            }
            let dropped: Vec<String> = job
                .stream
                .get(stream)
                .map(|options| options.drop.iter().map(ToString::to_string).collect())
                .unwrap_or_default();
            for (place, column) in dropped.iter().enumerate() {
                self.dropped(name, spec, column, place);
            }
            streams.push(if dropped.is_empty() {
                Arc::clone(spec)
            } else {
                Arc::new(spec.without(&dropped))
            });
        }
        for stream in job
            .stream
            .keys()
            .filter(|stream| !job.streams.contains(stream))
        {
            self.job_problem(
                name,
                &["stream", stream.as_str()],
                format!("`{stream}` is not in `streams`"),
                None,
            );
        }
        streams
    }

    fn dropped(&mut self, name: &JobName, spec: &StreamSpec, column: &str, place: usize) {
        let path = ["stream", &spec.name, "drop", &place.to_string()].map(str::to_owned);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match spec.column(column) {
            None => {
                let help = advice(
                    column,
                    spec.columns.iter().map(|column| column.name.as_str()),
                );
                self.job_problem(
                    name,
                    &path,
                    format!("{} has no column `{column}`", spec.name),
                    Some(help),
                );
            }
            Some(place) if spec.needed().contains(&place) => {
                self.job_problem(
                    name,
                    &path,
                    format!("`{column}` cannot be dropped: {} is read by it", spec.name),
                    None,
                );
            }
            Some(_) => {}
        }
    }

    fn group(&mut self, name: &JobName, job: &JobConfig, streams: &[Arc<StreamSpec>]) {
        let Some(column) = job.guard.per.as_ref().map(ToString::to_string) else {
            return;
        };
        if streams.iter().all(|spec| spec.column(&column).is_none()) {
            let known: Vec<&str> = streams
                .iter()
                .flat_map(|spec| spec.columns.iter().map(|column| column.name.as_str()))
                .collect();
            self.job_problem(
                name,
                &["guard", "per"],
                format!("no stream of this job has a column `{column}`"),
                Some(advice(&column, known)),
            );
        }
    }

    /// The time zone that a source fills into its vendor's description.
    fn time_zone(&mut self, source: &SourceName, vendor: &Description, texts: &Variables) {
        let zone = template::fill(&vendor.time_zone, &[texts]);
        let Some(message) = bad_time_zone(&zone) else {
            return;
        };
        let setting = template::names(&vendor.time_zone).into_iter().next();
        let path: Vec<&str> = setting.map_or(vec!["settings"], |name| vec!["settings", name]);
        let help = "write it as in \"Europe/Vienna\"".to_owned();
        self.source_problem(source, &path, message, Some(help));
    }

    fn source_problem(
        &mut self,
        source: &SourceName,
        path: &[&str],
        message: String,
        help: Option<String>,
    ) {
        let place = self.config.source_place(source, path);
        self.problems
            .push(Problem::error(place, message).maybe_help(help));
    }

    fn job_problem(&mut self, job: &JobName, path: &[&str], message: String, help: Option<String>) {
        let place = self.config.job_place(job, path);
        self.problems
            .push(Problem::error(place, message).maybe_help(help));
    }
}

impl Setup {
    /// The tables of all streams that jobs read.
    pub fn tables(&self) -> Vec<crate::store::Table> {
        tables::all(self)
    }
}
