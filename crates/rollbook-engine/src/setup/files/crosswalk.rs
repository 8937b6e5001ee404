//! A crosswalk as it is written: one file in `crosswalks/`, its name is the crosswalk's name.
//!
//! Data, and the folder's loader. Whether a column, a list or a target exists is checked where sources
//! and mirror are known. The doc comments are the reference text: `rollbook schema crosswalk` is made from them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

use rollbook_core::document::file_kind::file_kind;
use rollbook_core::document::node::NodeKind;
use rollbook_core::document::parse::read_with_tree;
use rollbook_core::document::suggest::quoted;
use rollbook_core::document::text_value::{Check, ValueError, text_value};
use rollbook_core::document::{Document, FileText, Location, Node, Problem, Problems};
use rollbook_core::folder::DraftFiles;
use rollbook_core::model::{By, ColumnName, CrosswalkName, SourceName, StreamName};

/// The folder below the configuration.
pub const CROSSWALKS: &str = "crosswalks";

/// A file of the same folder that is no crosswalk: the rules that match people.
pub const PEOPLE: &str = "people";

const CHECKS: &[Check] = &[Check::of::<SourceName>(), Check::of::<ColumnPath>()];

/// Which entries of a combo list the values of some columns mean.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CrosswalkConfig {
    /// The column whose values are mapped, or several that hold the same values.
    pub from: MappedColumns,
    /// The combo list that they are mapped to.
    pub to: Target,
    /// The entry for every value that no line maps. Default: such values are unmapped, and reported.
    pub otherwise: Option<CrosswalkEntry>,
    /// A value of the column, and the entry of the list that it means; one line each.
    #[serde(default)]
    pub map: BTreeMap<String, CrosswalkEntry>,
}

file_kind!(CrosswalkConfig, "crosswalk", "../../");

/// One column, or several.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum MappedColumns {
    /// The only one.
    One(ColumnPath),
    /// Several.
    Many(Vec<ColumnPath>),
}

/// A combo list of a source.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The source that mirrors the list.
    pub source: SourceName,
    /// The list's name, as the vendor writes it.
    #[cfg_attr(test, schemars(length(min = 1), example = &"genders"))]
    pub list: String,
    /// By what the lines name an entry. Default `"code"`.
    #[serde(default = "by_code")]
    pub by: By,
}

fn by_code() -> By {
    By::Code
}

/// What names an entry of the list: a text, or a number where entries are named by id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum CrosswalkEntry {
    /// A code or a description, to the letter.
    Text(String),
    /// An id.
    Number(i64),
}

impl MappedColumns {
    /// The columns in the file's order.
    pub fn paths(&self) -> &[ColumnPath] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

impl CrosswalkEntry {
    /// As text.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// A column of a stream of a source, written `source.stream.column`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnPath {
    /// The source.
    pub source: SourceName,
    /// The stream.
    pub stream: StreamName,
    /// The column.
    pub column: ColumnName,
}

impl FromStr for ColumnPath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let parts: Vec<&str> = text.split('.').collect();
        let [source, stream, column] = parts.as_slice() else {
            let error = format!("{} names no column of a stream", quoted(text));
            return Err(ValueError::new(error).help(
                "write source, stream and column with dots between, such as `rosters.users.role`",
            ));
        };
        Ok(Self {
            source: source.parse()?,
            stream: stream.parse()?,
            column: column.parse()?,
        })
    }
}

impl fmt::Display for ColumnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.source, self.stream, self.column)
    }
}

text_value!(
    ColumnPath,
    pattern = r"^[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,62}$",
    example = "rosters.users.role"
);

/// All crosswalks, each with the tree of its file.
pub type Crosswalks = BTreeMap<CrosswalkName, Document<CrosswalkConfig>>;

/// A file of the folder as far as it can be read.
#[derive(Debug)]
pub struct CrosswalkFile {
    /// The file's name without its ending; not always a valid name of a crosswalk.
    pub name: String,
    /// What it holds.
    pub tree: Node,
    /// Its value, unless it has mistakes.
    pub config: Option<CrosswalkConfig>,
}

impl CrosswalkFile {
    /// The columns, where they can be read.
    pub fn columns(&self) -> Option<MappedColumns> {
        MappedColumns::deserialize(self.tree.at(&["from"])?).ok()
    }

    /// The combo list, where it can be read.
    pub fn target(&self) -> Option<Target> {
        Target::deserialize(self.tree.at(&["to"])?).ok()
    }

    /// Where the value below these keys is, or the nearest key above it that is there.
    pub fn location(&self, path: &[&str]) -> Location {
        self.tree.nearest_location(path)
    }
}

/// Reads every `.toml` file of a folder, which need not exist, with everything that is wrong with each by itself.
///
/// A file without keys is a draft: a note.
pub fn read_crosswalks(folder: &Path, drafts: &DraftFiles) -> (Vec<CrosswalkFile>, Problems) {
    let mut crosswalks = Vec::new();
    if !drafts.exists(folder) {
        return (crosswalks, Problems::new());
    }
    let (files, mut problems) = match drafts.read_folder(folder) {
        Ok(found) => (found.files, found.problems),
        Err(problem) => return (crosswalks, problem.into()),
    };
    for (name, file) in files.into_iter().filter(|(name, _)| name != PEOPLE) {
        if let Err(error) = name.parse::<CrosswalkName>() {
            let message = format!("a crosswalk is named like its file, and {error}");
            let help = error.help.map(|help| format!("rename the file, {help}"));
            problems.push(Problem::error(Location::whole(&file), message).maybe_help(help));
        }
        if is_empty(&file) {
            let note = Problem::note(Location::whole(&file), "this crosswalk maps nothing yet");
            problems.push(note.help("activate its lines, or write `from`, `to` and `[map]`"));
            continue;
        }
        let (tree, config) = read_with_tree::<CrosswalkConfig>(&file, CHECKS);
        let config = config.map_err(|found| problems.append(found)).ok();
        let crosswalk = CrosswalkFile { name, tree, config };
        problems.extend(inconsistent_entries(&crosswalk));
        crosswalks.push(crosswalk);
    }
    (crosswalks, problems)
}

/// Whether a file has nothing but comments.
fn is_empty(file: &Arc<FileText>) -> bool {
    let (tree, problems) = Node::parse(file);
    tree.entries().is_empty() && !problems.has_errors()
}

/// The crosswalks of files without mistakes.
pub fn crosswalks(files: Vec<CrosswalkFile>) -> Crosswalks {
    let document = |file: CrosswalkFile| {
        let (name, value) = (file.name.parse().ok()?, file.config?);
        let tree = file.tree;
        Some((name, Document { value, tree }))
    };
    files.into_iter().filter_map(document).collect()
}

/// The JSON Schema of a crosswalk.
pub fn crosswalk_schema() -> serde_json::Value {
    rollbook_core::document::parse::schema::<CrosswalkConfig>()
}

/// What needs nothing but the file: columns listed twice, numbers for codes, a file that maps nothing.
fn inconsistent_entries(file: &CrosswalkFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(from) = file.columns() {
        let columns = from.paths();
        for (number, column) in columns.iter().enumerate() {
            if columns[..number].contains(column) {
                let at = file.location(&["from", &number.to_string()]);
                let message = format!("the column `{column}` is listed twice");
                problems.push(Problem::error(at, message).help("remove one"));
            }
        }
        if columns.is_empty() {
            let message = "this crosswalk maps no column";
            problems.push(Problem::error(file.location(&["from"]), message));
        }
    }
    let is_empty = |config: &CrosswalkConfig| config.map.is_empty() && config.otherwise.is_none();
    if file.config.as_ref().is_some_and(is_empty) {
        let problem = Problem::note(file.location(&["map"]), "this crosswalk maps no value yet");
        problems.push(problem.help("`rollbook crosswalk check` lists the values"));
    }
    let Some(by @ (By::Code | By::Description)) = file.target().map(|to| to.by) else {
        return problems;
    };
    let map = file
        .tree
        .at(&["map"])
        .map(Node::entries)
        .unwrap_or_default();
    let entries = map.iter().map(|line| &line.value);
    for entry in entries.chain(file.tree.at(&["otherwise"])) {
        if let NodeKind::Integer(number) = entry.kind() {
            let message = format!("a {} is a text, and this is a number", by.as_str());
            let help =
                format!("write `\"{number}\"`, with the zeros in front that it has in the list");
            problems.push(Problem::error(entry.location(), message).help(help));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
