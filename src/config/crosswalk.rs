//! A crosswalk as it is written: one file in `crosswalks/`, its name is the crosswalk's name.
//!
//! Data, and the folder's loader. Whether a column, a list or a target exists is asked where sources and
//! mirror are known. The doc comments are the reference text: `rollbook schema crosswalk` is made from them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::folder::read_folder;
use crate::model::nearest::quoted;
use crate::model::spelled::{Check, Complaint, spelled};
use crate::model::{
    By, ColumnName, CrosswalkName, Document, Place, Problem, Problems, SourceName, StreamName,
};

/// The folder below the configuration.
pub const CROSSWALKS: &str = "crosswalks";

/// A file of the same folder that is no crosswalk: who is who in two systems.
const PEOPLE: &str = "people";

const CHECKS: &[Check] = &[Check::of::<SourceName>(), Check::of::<ColumnPath>()];

/// Which entries of a combo list the values of some columns mean.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrosswalkConfig {
    /// The column whose values are mapped, or several that hold the same values.
    pub from: Columns,
    /// The combo list that they are mapped to.
    pub to: Target,
    /// The entry for every value that no line maps. Default: such values are unmapped, and reported.
    pub otherwise: Option<Entry>,
    /// A value of the column, and the entry of the list that it means; one line each.
    #[serde(default)]
    pub map: BTreeMap<String, Entry>,
}

/// One column, or several.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Columns {
    /// The only one.
    One(ColumnPath),
    /// Several.
    Many(Vec<ColumnPath>),
}

/// A combo list of a source.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The source that mirrors the list.
    pub source: SourceName,
    /// The list's name, as the vendor writes it.
    #[schemars(length(min = 1), example = &"genders")]
    pub list: String,
    /// By what the lines name an entry. Default `"code"`.
    #[serde(default = "by_code")]
    pub by: By,
}

fn by_code() -> By {
    By::Code
}

/// What names an entry of the list: a text, or a number where entries are named by id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Entry {
    /// A code or a description, to the letter.
    Text(String),
    /// An id.
    Number(i64),
}

impl Columns {
    /// The columns in the file's order.
    pub fn paths(&self) -> &[ColumnPath] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

impl Entry {
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
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let parts: Vec<&str> = text.split('.').collect();
        let [source, stream, column] = parts.as_slice() else {
            let complaint = format!("{} names no column of a stream", quoted(text));
            return Err(Complaint::new(complaint).help(
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

spelled!(
    ColumnPath,
    pattern = r"^[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,62}$",
    example = "rosters.users.role"
);

/// All crosswalks, each with the places in its file.
pub type Crosswalks = BTreeMap<CrosswalkName, Document<CrosswalkConfig>>;

/// Loads every `.toml` file of a folder, which need not exist, and says everything that is wrong; with
/// mistakes in some files the others are there all the same.
pub fn load_crosswalks(folder: &Path) -> (Crosswalks, Problems) {
    let mut crosswalks = Crosswalks::new();
    if !folder.exists() {
        return (crosswalks, Problems::new());
    }
    let (files, mut problems) = match read_folder(folder) {
        Ok(found) => (found.files, found.problems),
        Err(problem) => return (crosswalks, problem.into()),
    };
    for (name, file) in files.into_iter().filter(|(name, _)| name != PEOPLE) {
        let document = Document::<CrosswalkConfig>::read(&file, CHECKS);
        let name = name.parse::<CrosswalkName>().map_err(|complaint| {
            let message = format!("a crosswalk is named like its file, and {complaint}");
            let help = complaint
                .help
                .map(|help| format!("rename the file, {help}"));
            Problem::error(Place::whole(&file), message).maybe_help(help)
        });
        match (name, document) {
            (Ok(name), Ok(document)) => {
                problems.extend(odd_entries(&document));
                crosswalks.insert(name, document);
            }
            (name, document) => {
                problems.extend(name.err());
                problems.extend(document.err().into_iter().flatten());
            }
        }
    }
    (crosswalks, problems)
}

/// The JSON Schema of a crosswalk.
pub fn crosswalk_schema() -> serde_json::Value {
    crate::model::document::schema::<CrosswalkConfig>()
}

/// What needs nothing but the file: columns named twice, numbers for codes, a file that maps nothing.
fn odd_entries(document: &Document<CrosswalkConfig>) -> Vec<Problem> {
    let (config, mut problems) = (&document.value, Vec::new());
    let columns = config.from.paths();
    for (place, column) in columns.iter().enumerate() {
        if columns[..place].contains(column) {
            let at = document.place(&["from", &place.to_string()]);
            let message = format!("the column `{column}` stands here twice");
            problems.push(Problem::error(at, message).help("remove one"));
        }
    }
    if columns.is_empty() {
        let message = "this crosswalk maps no column";
        problems.push(Problem::error(document.place(&["from"]), message));
    }
    if config.map.is_empty() && config.otherwise.is_none() {
        let problem = Problem::note(document.place(&["map"]), "this crosswalk maps no value yet");
        problems.push(problem.help("`rollbook crosswalk check` lists the values"));
    }
    let lines = config
        .map
        .iter()
        .map(|(value, entry)| (vec!["map", value.as_str()], entry));
    let otherwise = config
        .otherwise
        .iter()
        .map(|entry| (vec!["otherwise"], entry));
    for (path, entry) in lines.chain(otherwise) {
        if let (Entry::Number(number), By::Code | By::Description) = (entry, config.to.by) {
            let message = format!(
                "a {} is a text, and this is a number",
                config.to.by.as_str()
            );
            let help =
                format!("write `\"{number}\"`, with the zeros in front that it has in the list");
            problems.push(Problem::error(document.place(&path), message).help(help));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
