//! A vendor with a quirk, a mirror of it, and the shipped jobs between them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rollbook_app::app::App;
use rollbook_core::clock::{Clock, TestClock};
use rollbook_core::model::RequestLimits;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, JobSetup, Overlay, Setup, SourceSetup};
use rollbook_engine::sync::{RunOptions, RunReport};
use rollbook_sandbox::{Options, Sandbox};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Enough for several pages of everything, and quick.
const STUDENTS: u64 = 24;

/// Smaller pages than shipped; weekly full readings become daily ones.
const SMALLER: &[(&str, &str)] = &[
    ("size = 1000", "size = 20"),
    ("size = 200", "size = 6"),
    ("reread = { every = \"7d\"", "reread = { every = \"20h\""),
];

/// The morning of day zero at the invented school.
const MORNING: &str = "2026-03-02T06:00:00Z";

/// Name and value of a sandbox switch, or of a source's setting.
pub type Pairs = &'static [(&'static str, &'static str)];

/// A row's values as text; its columns are in order of their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    values: Vec<String>,
    /// Shared by all rows of a table.
    columns: Arc<Vec<String>>,
}

impl Row {
    /// Columns with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let columns = self.columns.iter().map(String::as_str);
        columns.zip(self.values.iter().map(String::as_str))
    }

    /// The value of a column.
    pub fn get(&self, column: &str) -> &str {
        let mut cells = self.iter();
        let cell = cells.find(|(name, _)| *name == column);
        cell.unwrap_or_else(|| panic!("no column {column}")).1
    }
}

/// What the mirror holds of a source: rows by table.
pub type Content = BTreeMap<String, Vec<Row>>;

/// The clock of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockKind {
    /// The school's time; waiting takes no time, also for a vendor that is down.
    School,
    /// The real clock, for what the vendor measures in real time.
    Real,
}

/// Which combo lists of Wisenet are read; each is a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComboLists {
    /// All 168, for tests that are about them.
    All,
    /// One of twelve, and `results`.
    Few,
    /// Those of one of twelve that are used, and every stream that no shipped job reads; removals are not held.
    FewAndSide,
}

impl ComboLists {
    /// The shipped configuration with small pages; the same for all tests.
    fn config(self) -> &'static Path {
        static ALL: LazyLock<TempDir> = LazyLock::new(|| config(ComboLists::All));
        static FEW: LazyLock<TempDir> = LazyLock::new(|| config(ComboLists::Few));
        static SIDE: LazyLock<TempDir> = LazyLock::new(|| config(ComboLists::FewAndSide));
        match self {
            Self::All => ALL.path(),
            Self::Few => FEW.path(),
            Self::FewAndSide => SIDE.path(),
        }
    }

    /// Leaves out of a connector the lists that are not read, and the references to them.
    fn selected(self, connector: &str) -> String {
        let list_of = |line: &str, before: &str| -> Option<String> {
            let (_, rest) = line.split_once(before)?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        if self == Self::All {
            return connector.to_owned();
        }
        let lists = connector
            .lines()
            .filter_map(|line| list_of(line, "  { list = \""));
        let read: Vec<String> = lists
            .enumerate()
            .filter(|(index, list)| index % 12 == 0 || list == "results")
            .map(|(_, list)| list)
            .collect();
        let mut selected = String::new();
        for line in connector.lines() {
            if list_of(line, "  { list = \"").is_some_and(|list| !read.contains(&list)) {
                continue;
            }
            match list_of(line, ", combo = \"").filter(|list| !read.contains(list)) {
                Some(list) => {
                    selected += &line.replace(&format!(", combo = \"{list}\""), "");
                }
                None => selected += line,
            }
            selected.push('\n');
        }
        selected
    }
}

fn config(combo_lists: ComboLists) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let vendors = folder.path().join("connectors");
    fs::create_dir(&vendors).expect("a folder for connectors");
    let rollbook = fs::read_to_string(shipped.join("rollbook.toml")).expect("rollbook.toml");
    let with_codes = rollbook.replace("[store]\n", "[store]\nlabel_codes = true\n");
    fs::write(folder.path().join("rollbook.toml"), with_codes).expect("a copy");
    for file in fs::read_dir(shipped.join("connectors")).expect("the shipped connectors") {
        let path = file.expect("an entry").path();
        let mut text = fs::read_to_string(&path).expect("a connector");
        for (large, small) in SMALLER {
            text = text.replace(large, small);
        }
        let text = combo_lists.selected(&text);
        fs::write(vendors.join(path.file_name().expect("a name")), text).expect("a copy");
    }
    // Every column is read, and not only those of the shipped jobs' preset.
    let jobs = folder.path().join("jobs");
    fs::create_dir(&jobs).expect("a folder for jobs");
    for file in fs::read_dir(shipped.join("../jobs")).expect("the shipped jobs") {
        let path = file.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a job");
        let mut text = text.replace("\"core\"", "\"full\"");
        if combo_lists == ComboLists::FewAndSide {
            text = text
                .replace("\n  # \"", "\n  \"")
                .replace("\"10%\"", "\"100%\"")
                .replace("# lists = ", "lists = ")
                .replace("\"learners\",", "\"learners\", \"learner_personals\",");
        }
        fs::write(jobs.join(path.file_name().expect("a name")), text).expect("a copy");
    }
    folder
}

/// The checked configuration for one vendor; each sandbox fills in its addresses.
///
/// Checking takes a second without optimisation, so it is done once and not per quirk.
pub struct Checked {
    /// The vendor.
    pub vendor: &'static str,
    setup: Setup,
    folders: Folders,
    switches: Pairs,
    clock_kind: ClockKind,
}

impl Checked {
    /// Loads and checks the shipped files, with settings of the source as an admin would write them.
    pub fn load(
        vendor: &'static str,
        settings: Pairs,
        switches: Pairs,
        clock_kind: ClockKind,
        combo_lists: ComboLists,
    ) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings = settings.iter().map(owned).collect();
        let overlay = Overlay {
            settings: [(vendor.to_owned(), settings)].into(),
            limits: RequestLimits {
                in_flight: 4.try_into().ok(),
                per_second: Some(1000.0),
                ..RequestLimits::default()
            },
            ..Overlay::default()
        };
        let folders = Folders {
            config: combo_lists.config().to_owned(),
            jobs: combo_lists.config().join("jobs"),
            state: PathBuf::new(),
            source: None,
        };
        let setup = Setup::load(&folders, &overlay).unwrap_or_else(|problems| panic!("{problems}"));
        Self {
            vendor,
            setup,
            folders,
            switches,
            clock_kind,
        }
    }

    /// The same with the addresses of a sandbox; only this vendor's jobs.
    fn at(&self, sandbox: &Sandbox) -> Setup {
        let sources = self
            .setup
            .sources
            .iter()
            .filter(|(name, _)| name.as_str() == self.vendor)
            .map(|(name, source)| {
                let mut settings = source.settings.clone();
                let there = sandbox
                    .endpoint(self.vendor)
                    .expect("the vendor")
                    .settings
                    .clone();
                let addresses = there.into_iter().filter(|(name, _)| name.ends_with("_url"));
                settings.texts.extend(addresses);
                let source = SourceSetup {
                    config: source.config.clone(),
                    connector: source.connector.clone(),
                    settings,
                    streams: source.streams.clone(),
                    fingerprint: source.fingerprint.clone(),
                };
                (name.clone(), source)
            });
        let jobs = self
            .setup
            .jobs
            .iter()
            .filter(|(_, job)| job.source.as_str() == self.vendor)
            .map(|(name, job)| {
                (
                    name.clone(),
                    JobSetup {
                        config: job.config.clone(),
                        source: job.source.clone(),
                        streams: job.streams.clone(),
                        choices: job.choices.clone(),
                        fingerprint: job.fingerprint.clone(),
                    },
                )
            });
        Setup {
            config: self.setup.config.clone(),
            sources: sources.collect(),
            jobs: jobs.collect(),
            matches: Vec::new(),
            bundles: Default::default(),
            crosswalks: self.setup.crosswalks.clone(),
        }
    }
}

/// A running vendor and the program.
pub struct Harness {
    /// The simulated vendors.
    pub sandbox: Sandbox,
    /// The program.
    pub app: App,
    state: PathBuf,
}

impl Harness {
    /// Starts both on a state folder; a folder that was used before is on the next day of the school.
    pub async fn open(checked: &Checked, state: &Path, switches: Pairs) -> Self {
        let options = options(checked, switches, state.join("sandbox.json"));
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let app = program(checked, &sandbox, state).await;
        Self {
            sandbox,
            app,
            state: state.to_owned(),
        }
    }

    /// The same vendors, read into another mirror.
    pub async fn into_mirror(self, checked: &Checked, state: &Path) -> Self {
        let app = program(checked, &self.sandbox, state).await;
        Self {
            sandbox: self.sandbox,
            app,
            state: state.to_owned(),
        }
    }

    /// Runs all jobs of the vendor once; `full` reads everything.
    pub async fn run(&self, full: bool) -> Vec<RunReport> {
        let setup = self.app.setup();
        let mut reports = Vec::new();
        for job in setup.jobs.keys() {
            let order = RunOptions {
                cause: rollbook_engine::sync::Cause::Command,
                full,
                dry: false,
                only: None,
            };
            reports.extend(
                self.app
                    .run(
                        job,
                        order,
                        &CancellationToken::new(),
                        &(Arc::new(|_| {}) as _),
                    )
                    .await,
            );
        }
        reports
    }

    /// The mirror's file.
    pub fn mirror(&self) -> PathBuf {
        self.state.join("mirror.db")
    }

    /// The mirror's content, without the columns of runs and times.
    pub fn content(&self) -> Content {
        let setup = self.app.setup();
        let source = setup.sources.keys().next().expect("one source");
        content(&self.state.join("mirror.db"), source.as_str())
    }

    /// Stops the vendors.
    pub async fn close(self) {
        self.sandbox.stop().await;
    }
}

/// The program on a state folder, with the vendor's addresses.
async fn program(checked: &Checked, sandbox: &Sandbox, state: &Path) -> App {
    let day = sandbox.day();
    let school = TestClock::at(MORNING.parse().expect("a time"));
    school.pass(Duration::from_secs(day * 86_400 + 60));
    let clock = match checked.clock_kind {
        ClockKind::School => school.clock(),
        ClockKind::Real => Clock::system(),
    };
    let folders = Folders {
        state: state.to_owned(),
        ..checked.folders.clone()
    };
    let endpoint = sandbox.endpoint(checked.vendor).expect("the vendor");
    let secrets = endpoint.secrets.clone().into_iter();
    let secrets = secrets.map(|(name, secret)| (name, SecretString::from(secret)));
    let secrets = Secrets::in_memory(secrets.collect());
    App::open(&folders, checked.at(sandbox), secrets, clock)
        .await
        .expect("the program")
}

fn options(checked: &Checked, switches: Pairs, file: PathBuf) -> Options {
    let vendor = checked.vendor;
    let mut options = Options {
        students: STUDENTS,
        seed: 5,
        state: Some(file),
        advance: true,
        ..Options::default()
    };
    for (name, value) in checked.switches.iter().chain(switches) {
        match vendor {
            "webuntis" => options.webuntis.set(name, value),
            "wapi" => options.wapi.set(name, value),
            _ => options.wisenet.set(name, value),
        }
        .unwrap_or_else(|error| panic!("{vendor} {name} = {value}: {error}"));
    }
    options
}

fn content(mirror: &Path, source: &str) -> Content {
    let reader = Connection::open(mirror).expect("the mirror");
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE ?1 AND name NOT LIKE '%\\_history' ESCAPE '\\'";
    let mut statement = reader.prepare(names).expect("the tables");
    let tables: Vec<String> = statement
        .query_map([format!("{source}_%")], |row| row.get(0))
        .and_then(Iterator::collect)
        .expect("their names");
    let prefix = format!("{source}_");
    tables
        .iter()
        .filter_map(|table| {
            Some((
                table.strip_prefix(&prefix)?.to_owned(),
                rows(&reader, table),
            ))
        })
        .collect()
}

fn rows(reader: &Connection, table: &str) -> Vec<Row> {
    let mut statement = reader
        .prepare(&format!("SELECT * FROM \"{table}\""))
        .expect("a table");
    let names = statement.column_names();
    let names = names.into_iter().enumerate();
    let mut columns: Vec<(String, usize)> = names
        .filter(|(_, name)| !name.starts_with('_'))
        .map(|(index, name)| (name.to_owned(), index))
        .collect();
    columns.sort_unstable();
    let (names, indices): (Vec<String>, Vec<usize>) = columns.into_iter().unzip();
    let names = Arc::new(names);
    let text = |value: ValueRef<'_>| match value {
        ValueRef::Null | ValueRef::Blob(_) => "-".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
    };
    let mut rows: Vec<Row> = statement
        .query_map([], |row| {
            let values = indices.iter().map(|index| Ok(text(row.get_ref(*index)?)));
            Ok(Row {
                values: values.collect::<Result<_, rusqlite::Error>>()?,
                columns: Arc::clone(&names),
            })
        })
        .and_then(Iterator::collect)
        .expect("its rows");
    rows.sort_unstable();
    rows
}

/// Copies a state folder that no program has open.
pub fn copied(from: &Path) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for file in fs::read_dir(from).expect("a state folder") {
        let path = file.expect("an entry").path();
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("a copy");
    }
    folder
}
