//! A bundle as it is written: one file in `exports/`, its name is the bundle's name.
//!
//! Data, and the folder's loader. Whether the questions fit the mirror's tables is checked where there is a mirror:
//! `app/bundles.rs`. The doc comments are the reference text: `rollbook schema bundle` is made from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{Schedule, Zone};
use rollbook_core::document::file_kind::file_kind;
use rollbook_core::document::parse::read_with_tree;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::text_value::Check;
use rollbook_core::document::{Document, Location, Node, OrderedTable, Problem, Problems};
use rollbook_core::folder::DraftFiles;
use rollbook_core::model::bundle::{
    BundleGuard, BundleMode, BundleParameter, BundleQuestion, BundleReference,
};
use rollbook_core::model::{BundleName, JobName, Percent, Period};

/// The folder below the configuration.
pub const EXPORTS: &str = "exports";

const CHECKS: &[Check] = &[
    Check::of::<JobName>(),
    Check::of::<Percent>(),
    Check::of::<Schedule>(),
    Check::of::<Zone>(),
];

/// Parameters that every question has.
const OWN_PARAMETERS: [&str; 3] = ["mode", "now", "today"];

/// Files for another program, each made by a question over the mirror.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BundleConfig {
    /// The folder of the files, which is the bundle's alone, or with `archive` the file; a relative path starts at the
    /// mirror's folder. Required, but for `mode = "served"`.
    pub to: Option<PathBuf>,
    /// One zip file with all files. Default: a folder.
    pub archive: Option<BundleArchive>,
    /// The group whose members may read it. Default: that of `readers` in `[store]`.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub group: Option<String>,
    /// Whether the files hold everything, or what has changed since the last bundle, or there are none: with `"served"` the
    /// rows are kept in the mirror for `rollbook serve`. Default `"bulk"`.
    #[serde(default)]
    pub mode: BundleMode,
    /// Jobs after whose runs it is written, if one changed something. Default: every job.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub after: Option<Vec<JobName>>,
    /// When it is written: a cron pattern. The questions are asked each time, so that what depends on the day follows. Default:
    /// after each run that changed something.
    pub schedule: Option<Schedule>,
    /// The zone that the schedule's times, and `:today`, are in. Default `"UTC"`.
    #[serde(default)]
    pub time_zone: Zone,
    /// How many rows of the last bundle may be missing.
    #[serde(default)]
    pub guard: BundleGuardConfig,
    /// What a row becomes. Default `"csv"`.
    #[serde(default)]
    pub format: BundleFormat,
    /// How lines are written.
    #[serde(default)]
    pub csv: CsvDialect,
    /// How a bundle of changes is written.
    #[serde(default)]
    pub delta: DeltaConfig,
    /// How the rows of a bundle for `rollbook serve` are kept.
    #[serde(default)]
    pub served: ServedConfig,
    /// Values that questions name as `:name`.
    #[serde(default)]
    pub parameters: BTreeMap<String, BundleParameter>,
    /// The files, in an order in which each may ask those before it.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub file: Vec<BundleFileConfig>,
}

file_kind!(BundleConfig, "bundle", "../../");

/// How several files are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BundleArchive {
    /// A zip file.
    Zip,
}

/// The guard of a bundle.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BundleGuardConfig {
    /// The share of a file's rows. Default `"10%"`.
    #[serde(default = "ten_percent")]
    pub missing: Percent,
    /// So many rows of a file may always be missing. Default 10. Never all of them.
    #[serde(default = "ten")]
    pub missing_rows: u64,
}

impl Default for BundleGuardConfig {
    fn default() -> Self {
        Self {
            missing: ten_percent(),
            missing_rows: ten(),
        }
    }
}

const fn ten_percent() -> Percent {
    Percent::whole(10)
}

const fn ten() -> u64 {
    10
}

/// How rows are written as lines.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CsvDialect {
    /// What is between two values: one character. Default `","`.
    #[serde(default = "comma")]
    #[cfg_attr(test, schemars(length(equal = 1)))]
    pub delimiter: String,
    /// Which values are in quotation marks. Default `"necessary"`.
    #[serde(default)]
    pub quote: CsvQuote,
    /// What ends a line, of LDIF too. Default `"crlf"`.
    #[serde(default)]
    pub line_end: LineEnd,
    /// Whether the first line names the columns. Default true.
    #[serde(default = "yes")]
    pub header: bool,
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self {
            delimiter: comma(),
            quote: CsvQuote::default(),
            line_end: LineEnd::default(),
            header: true,
        }
    }
}

fn comma() -> String {
    ",".to_owned()
}

const fn yes() -> bool {
    true
}

/// Which values are in quotation marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CsvQuote {
    /// Those that would be read as something else without.
    #[default]
    Necessary,
    /// All.
    Always,
    /// None: a row with a value that has a delimiter, a quotation mark or a line end is left out.
    Never,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// Carriage return and line feed.
    #[default]
    Crlf,
    /// Line feed.
    Lf,
}

/// What a row becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BundleFormat {
    /// A line of values.
    #[default]
    Csv,
    /// An entry: the column `dn` is its name, every other one an attribute; several values are lines of one value. A bundle of
    /// changes has change records.
    Ldif,
}

/// How a bundle of changes is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeltaConfig {
    /// The column that says what happened to a row; it is filled in. Default `"status"`.
    #[serde(default = "status")]
    pub status: String,
    /// What it is for a new row. Default `"active"`.
    #[serde(default = "active")]
    pub present: String,
    /// What it is for a changed row, if the receiver tells it from a new one. Default: as for a new row.
    pub changed: Option<String>,
    /// What it is for a row that is not there any more, which has its last values. Default `"tobedeleted"`.
    #[serde(default = "removed")]
    pub removed: String,
    /// The column with the time of the bundle, if there is one. Default `"dateLastModified"`.
    #[serde(default = "time")]
    pub time: String,
    /// Whether a changed row is removed as it was and then written as it is. Default false.
    #[serde(default)]
    pub replaces: bool,
    /// Whether the first bundle is one of changes too. Default false.
    #[serde(default)]
    pub first: bool,
    /// After how long a bundle holds all rows again beside those that left, for programs that ignore rows which they cannot use
    /// yet. Default: never.
    pub repeat: Option<Period>,
}

impl Default for DeltaConfig {
    fn default() -> Self {
        Self {
            status: status(),
            present: active(),
            changed: None,
            removed: removed(),
            time: time(),
            replaces: false,
            first: false,
            repeat: None,
        }
    }
}

fn status() -> String {
    "status".to_owned()
}

fn active() -> String {
    "active".to_owned()
}

fn removed() -> String {
    "tobedeleted".to_owned()
}

fn time() -> String {
    "dateLastModified".to_owned()
}

/// How the rows of a bundle for `rollbook serve` are kept.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ServedConfig {
    /// How long rows that left are served as removed ones, with their last values. Default `"90 days"`.
    #[serde(default = "removed_for")]
    pub removed_for: Period,
}

impl Default for ServedConfig {
    fn default() -> Self {
        Self {
            removed_for: removed_for(),
        }
    }
}

const fn removed_for() -> Period {
    Period(Duration::from_secs(90 * 24 * 3600))
}

/// One file.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BundleFileConfig {
    /// Its name. Later questions name its rows so, in quotation marks: `FROM "users.csv"`.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub name: String,
    /// The columns that tell its rows apart. A file without is written whole each time.
    #[serde(default)]
    pub key: Vec<String>,
    /// An SQL query over the mirror; its columns are those of the file, in their order.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub sql: String,
    /// What each row must fulfil, as an SQL condition; the key says what is wrong with those that do not. They are left out, rule
    /// by rule in this order.
    #[serde(default)]
    pub rules: OrderedTable<String>,
    /// Columns whose values are found in another file of the bundle.
    #[serde(default)]
    pub references: BTreeMap<String, ReferenceConfig>,
    /// Whether the file is left out when it has no rows. Default false.
    #[serde(default)]
    pub may_be_absent: bool,
    /// Whether the bundle is held when the file has no rows. Default false.
    #[serde(default)]
    pub must_have_rows: bool,
}

/// Where a column's values are found.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReferenceConfig {
    /// The other file.
    pub file: String,
    /// Its column. Default: its first key.
    pub column: Option<String>,
    /// What is between several values. Default: there is one.
    #[cfg_attr(test, schemars(length(equal = 1)))]
    pub separator: Option<String>,
    /// Whether a row stays without a value that is not found. Default false: it is left out.
    #[serde(default)]
    pub optional: bool,
}

impl BundleConfig {
    /// Whether rows that have not changed can be written again. An entry of LDIF that is there cannot be added.
    pub fn can_repeat(&self) -> bool {
        self.mode == BundleMode::Delta && self.format == BundleFormat::Csv
    }

    /// The questions, as the store takes them.
    pub fn questions(&self) -> Vec<BundleQuestion> {
        self.file.iter().map(|file| self.question(file)).collect()
    }

    fn question(&self, file: &BundleFileConfig) -> BundleQuestion {
        let target = |reference: &ReferenceConfig| {
            let own = reference.column.clone();
            own.or_else(|| {
                let mut files = self.file.iter();
                let other = files.find(|other| other.name == reference.file)?;
                other.key.first().cloned()
            })
        };
        let references = file.references.iter();
        let references = references.map(|(column, reference)| BundleReference {
            column: column.clone(),
            file: reference.file.clone(),
            target: target(reference).unwrap_or_default(),
            separator: reference.separator.clone(),
            keeps_row: reference.optional,
        });
        BundleQuestion {
            file: file.name.clone(),
            key: file.key.clone(),
            sql: file.sql.clone(),
            rules: file.rules.0.clone(),
            references: references.collect(),
            unquoted: (self.csv.quote == CsvQuote::Never).then(|| self.csv.delimiter.clone()),
        }
    }

    /// The guard.
    pub fn guard(&self) -> BundleGuard {
        BundleGuard {
            share: self.guard.missing,
            rows: self.guard.missing_rows,
        }
    }
}

/// All bundles, each with the tree of its file.
pub type Bundles = BTreeMap<BundleName, Document<BundleConfig>>;

/// A file of the folder as far as it can be read.
#[derive(Debug)]
pub struct BundleFile {
    /// The file's name without its ending; not always a valid name of a bundle.
    pub name: String,
    /// What it holds.
    pub tree: Node,
    /// Its value, unless it has mistakes.
    pub config: Option<BundleConfig>,
}

/// Reads every `.toml` file of a folder, which need not exist, with everything that is wrong with each by itself.
pub fn read_bundles(folder: &Path, drafts: &DraftFiles) -> (Vec<BundleFile>, Problems) {
    let mut bundles = Vec::new();
    if !drafts.exists(folder) {
        return (bundles, Problems::new());
    }
    let (files, mut problems) = match drafts.read_folder(folder) {
        Ok(found) => (found.files, found.problems),
        Err(problem) => return (bundles, problem.into()),
    };
    for (name, file) in files {
        if let Err(error) = name.parse::<BundleName>() {
            let message = format!("a bundle is named like its file, and {error}");
            let help = error.help.map(|help| format!("rename the file, {help}"));
            problems.push(Problem::error(Location::whole(&file), message).maybe_help(help));
        }
        let (tree, config) = read_with_tree::<BundleConfig>(&file, CHECKS);
        let config = config.map_err(|found| problems.append(found)).ok();
        problems.extend(config.iter().flat_map(|config| inconsistent(config, &tree)));
        bundles.push(BundleFile { name, tree, config });
    }
    (bundles, problems)
}

/// The bundles of files without mistakes.
pub fn bundles(files: Vec<BundleFile>) -> Bundles {
    let document = |file: BundleFile| {
        let (name, value) = (file.name.parse().ok()?, file.config?);
        let tree = file.tree;
        Some((name, Document { value, tree }))
    };
    files.into_iter().filter_map(document).collect()
}

/// The JSON Schema of a bundle.
pub fn bundle_schema() -> serde_json::Value {
    rollbook_core::document::parse::schema::<BundleConfig>()
}

/// What needs nothing but the file.
fn inconsistent(config: &BundleConfig, tree: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |path: &[&str], message: String, help: Option<String>| {
        let problem = Problem::error(tree.nearest_location(path), message);
        problems.push(problem.maybe_help(help));
    };
    for name in config.parameters.keys() {
        if OWN_PARAMETERS.contains(&name.as_str()) {
            let message = format!("every question has a parameter `{name}`");
            wrong(
                &["parameters", name],
                message,
                Some("choose another name".to_owned()),
            );
        }
    }
    let is_served = config.mode == BundleMode::Served;
    for (key, is_set) in [
        ("to", config.to.is_some()),
        ("archive", config.archive.is_some()),
        ("group", config.group.is_some()),
    ] {
        if is_served && is_set {
            let message = format!("a bundle that is served has no files, so `{key}` is not used");
            let help = "remove it; for files too, copy this one to a bundle of another name";
            wrong(&[key], message, Some(help.to_owned()));
        }
    }
    if !is_served
        && config
            .to
            .as_ref()
            .is_none_or(|to| to.as_os_str().is_empty())
    {
        let message = "`to` is missing: the folder of the files".to_owned();
        let help = "such as `to = \"bundles/NAME\"`; for `rollbook serve`: `mode = \"served\"`";
        wrong(&["to"], message, Some(help.to_owned()));
    }
    if config.delta.repeat.is_some() && !config.can_repeat() {
        let message = "only a bundle of changes in CSV can hold all rows again".to_owned();
        let help = "remove it, or set `mode = \"delta\"`";
        wrong(&["delta", "repeat"], message, Some(help.to_owned()));
    }
    let names: Vec<&str> = config.file.iter().map(|file| file.name.as_str()).collect();
    for (number, file) in config.file.iter().enumerate() {
        let at = number.to_string();
        let path = |key: &'static str| ["file", at.as_str(), key];
        if !is_plain_name(&file.name) {
            let message = format!("`{}` is no name of a file in the folder", file.name);
            let help = "use letters, digits, dots, hyphens and underscores";
            wrong(&path("name"), message, Some(help.to_owned()));
        }
        if names[..number].contains(&file.name.as_str()) {
            wrong(
                &path("name"),
                format!("the file `{}` is listed twice", file.name),
                None,
            );
        }
        for (column, reference) in &file.references {
            let at = ["file", at.as_str(), "references", column, "file"];
            let Some(other) = config
                .file
                .iter()
                .find(|other| other.name == reference.file)
            else {
                let message = format!("the bundle has no file `{}`", reference.file);
                wrong(
                    &at,
                    message,
                    Some(advice(&reference.file, names.iter().copied())),
                );
                continue;
            };
            if reference.column.is_none() && other.key.is_empty() {
                let message = format!("`{}` has no key that could be found", reference.file);
                wrong(&at, message, Some("name a `column`".to_owned()));
            }
        }
    }
    problems
}

fn is_plain_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    name.chars().all(is_plain) && !name.starts_with('.')
}
