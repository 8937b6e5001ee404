//! `crosswalks/people.toml` as it is written: which rows of two streams are one person, by rules in order.
//!
//! Data, and the checks that need nothing but the file. Whether a stream or a column exists is checked in `setup/people.rs`. The
//! doc comments are the reference text: `rollbook schema people` is made from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use rollbook_core::document::file_kind::file_kind;
use rollbook_core::document::parse::read_with_tree;
use rollbook_core::document::suggest::quoted;
use rollbook_core::document::text_value::{Check, ValueError, text_value};
use rollbook_core::document::{FileText, Location, Node, Problem, Problems};
use rollbook_core::folder::DraftFiles;
use rollbook_core::model::{ColumnName, MatchName, SourceName, StreamName};

/// Its path in the configuration folder.
pub const PEOPLE_FILE: &str = "crosswalks/people.toml";

const CHECKS: &[Check] = &[
    Check::of::<MatchName>(),
    Check::of::<ColumnName>(),
    Check::of::<StreamOfSource>(),
];

/// Rows of two systems that are one person.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PeopleConfig {
    /// Each two streams whose people are matched, under a name of your choice.
    #[serde(default)]
    pub r#match: BTreeMap<MatchName, MatchConfig>,
}

file_kind!(PeopleConfig, "people", "../../");

/// Two streams and the rules by which a row of one is a row of the other.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MatchConfig {
    /// One stream.
    pub left: SideConfig,
    /// The other stream.
    pub right: SideConfig,
    /// The rules; the first that finds exactly one candidate on each side decides.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub rule: Vec<RuleConfig>,
}

/// One of the two streams.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SideConfig {
    /// Its source and its name, with a dot between.
    pub stream: StreamOfSource,
    /// Only rows whose columns have these values are matched, such as `{ role = "student" }`. Default: all rows.
    #[serde(default)]
    pub r#where: BTreeMap<ColumnName, Values>,
}

/// One value, or several of which one will do.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Values {
    /// The only one.
    One(String),
    /// One of these.
    Many(Vec<String>),
}

/// One column, or several whose values are joined with blanks.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ColumnNames {
    /// The only one.
    One(ColumnName),
    /// Joined in this order.
    Many(Vec<ColumnName>),
}

/// What makes two rows one person.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// What the table of matches calls it.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub name: String,
    /// What must be the same on both sides; all of it. What is empty is never the same.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub same: Vec<SameConfig>,
    /// What becomes of people with more than one candidate. Default `"conflict"`.
    #[serde(default)]
    pub ambiguous: AmbiguousConfig,
}

/// Columns of the left that must hold the same as columns of the right.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SameConfig {
    /// A column of the left stream, or a list of them.
    pub left: ColumnNames,
    /// A column of the right stream, or a list of them.
    pub right: ColumnNames,
    /// How they are compared. Default `"exact"`.
    #[serde(default)]
    pub r#as: FormConfig,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FormConfig {
    /// As they are, but for blanks around them: ids, dates.
    #[default]
    Exact,
    /// As e-mail addresses, without case.
    Email,
    /// As names, without case, accents and punctuation.
    Name,
}

/// What becomes of people with more than one candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AmbiguousConfig {
    /// They are in conflict, and no later rule is applied to them.
    #[default]
    Conflict,
    /// The later rules are applied to them as if this one were not there.
    Next,
}

impl Values {
    /// The values, in the file's order.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

impl ColumnNames {
    /// The columns, in the file's order.
    pub fn names(&self) -> &[ColumnName] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// A stream of a source, written `source.stream`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOfSource {
    /// The source.
    pub source: SourceName,
    /// The stream.
    pub stream: StreamName,
}

impl FromStr for StreamOfSource {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let Some((source, stream)) = text.split_once('.') else {
            let error = format!("{} names no stream of a source", quoted(text));
            return Err(ValueError::new(error)
                .help("write the source, a dot and the stream, such as `rosters.users`"));
        };
        Ok(Self {
            source: source.parse()?,
            stream: stream.parse()?,
        })
    }
}

impl fmt::Display for StreamOfSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.source, self.stream)
    }
}

text_value!(
    StreamOfSource,
    pattern = "^[a-z][a-z0-9_]{0,39}\\.[a-z][a-z0-9_]{0,39}$",
    example = "rosters.users"
);

/// The file as far as it can be read.
#[derive(Clone, Debug)]
pub struct People {
    tree: Node,
}

impl People {
    /// Reads the file of a configuration folder. There need not be one: then no people are matched.
    pub fn read(config: &Path, drafts: &DraftFiles) -> (Self, Problems) {
        let path = config.join(PEOPLE_FILE);
        let nothing = || Node::parse(&FileText::unread(&path)).0;
        if !drafts.exists(&path) {
            return (Self { tree: nothing() }, Problems::new());
        }
        let file = match drafts.read_file(&path) {
            Ok(file) => file,
            Err(problem) => return (Self { tree: nothing() }, problem.into()),
        };
        let (tree, value) = read_with_tree::<PeopleConfig>(&file, CHECKS);
        let mut problems = value.err().unwrap_or_default();
        if tree.entries().is_empty() && !problems.has_errors() {
            let note = Problem::note(Location::whole(&file), "this file matches no people yet");
            problems.push(note.help("activate its lines, or add a table such as `[match.pupils]`"));
        }
        for set in tree.at(&["match"]).map(Node::entries).unwrap_or_default() {
            problems.extend(same_stream(&set.value));
            problems.extend(duplicate_rules(&set.value));
            problems.extend(empty_columns(&set.value));
        }
        (Self { tree }, problems)
    }

    /// The two streams and the rules of each set, by the set's name.
    pub fn sets(&self) -> impl Iterator<Item = PeopleSet<'_>> {
        let sets = self.tree.at(&["match"]).map(Node::entries);
        sets.unwrap_or_default().iter().map(|set| {
            let rules = set.value.at(&["rule"]).map(Node::items).unwrap_or_default();
            PeopleSet {
                name: &set.name,
                left: part(set.value.at(&["left"])),
                right: part(set.value.at(&["right"])),
                rules: rules.iter().map(|rule| part(Some(rule))).collect(),
            }
        })
    }

    /// Where the value below these keys is, or the nearest key above it that is there; numbers pick from lists.
    pub fn location(&self, path: &[&str]) -> Location {
        self.tree.nearest_location(path)
    }
}

/// One set of matches; a part that cannot be read is `None`.
#[derive(Debug)]
pub struct PeopleSet<'a> {
    /// Its name.
    pub name: &'a str,
    /// One stream.
    pub left: Option<SideConfig>,
    /// The other stream.
    pub right: Option<SideConfig>,
    /// The rules in the file's order.
    pub rules: Vec<Option<RuleConfig>>,
}

fn part<T: serde::de::DeserializeOwned>(node: Option<&Node>) -> Option<T> {
    T::deserialize(node?).ok()
}

/// The JSON Schema of `people.toml`.
pub fn people_schema() -> serde_json::Value {
    rollbook_core::document::parse::schema::<PeopleConfig>()
}

/// Every row would match itself.
fn same_stream(set: &Node) -> Option<Problem> {
    let stream = |side: &str| set.at(&[side, "stream"]);
    let (left, right) = (stream("left")?, stream("right")?);
    (left.text()? == right.text()?).then(|| {
        Problem::error(right.location(), "both sides are the same stream")
            .help("name the stream of another source")
    })
}

fn duplicate_rules(set: &Node) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let rules = set.at(&["rule"]).map(Node::items).unwrap_or_default();
    let names = rules.iter().filter_map(|rule| rule.at(&["name"]));
    let duplicates = names.filter(|name| name.text().is_some_and(|text| !seen.insert(text)));
    duplicates
        .map(|name| {
            Problem::error(name.location(), "another rule before has this name")
                .help("the name is recorded with the people that the rule matches")
        })
        .collect()
}

fn empty_columns(set: &Node) -> Vec<Problem> {
    let rules = set.at(&["rule"]).map(Node::items).unwrap_or_default();
    let pairs = rules
        .iter()
        .flat_map(|rule| rule.at(&["same"]).map(Node::items).unwrap_or_default());
    let sides = pairs.flat_map(|pair| [pair.at(&["left"]), pair.at(&["right"])]);
    sides
        .flatten()
        .filter(
            |side| matches!(side.kind(), rollbook_core::document::node::NodeKind::List(names) if names.is_empty()),
        )
        .map(|side| Problem::error(side.location(), "this list of columns is empty"))
        .collect()
}

#[cfg(test)]
mod tests;
