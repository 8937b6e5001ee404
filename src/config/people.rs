//! `crosswalks/people.toml` as it is written: who is who in two streams, by rules in order.
//!
//! Data, and the checks that need nothing but the file. Whether a stream or a column exists is asked in `app/`. The
//! doc comments are the reference text: `rollbook schema people` is made from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::folder::read_file;
use crate::model::document::read_with_tree;
use crate::model::nearest::quoted;
use crate::model::spelled::{Check, Complaint, spelled};
use crate::model::{
    ColumnName, FileText, MatchName, Node, Place, Problem, Problems, SourceName, StreamName,
};

/// Where it stands in the configuration folder.
pub const PEOPLE_FILE: &str = "crosswalks/people.toml";

const CHECKS: &[Check] = &[
    Check::of::<MatchName>(),
    Check::of::<ColumnName>(),
    Check::of::<StreamOfSource>(),
];

/// Who is who in two systems.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeopleConfig {
    /// Each two streams whose people are matched, under a name of your choice.
    #[serde(default)]
    pub r#match: BTreeMap<MatchName, MatchConfig>,
}

/// Two streams and the rules by which a row of one is a row of the other.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchConfig {
    /// One stream.
    pub left: SideConfig,
    /// The other stream.
    pub right: SideConfig,
    /// The rules; the first that finds exactly one candidate on each side decides.
    #[schemars(length(min = 1))]
    pub rule: Vec<RuleConfig>,
}

/// One of the two streams.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideConfig {
    /// Its source and its name, with a dot between.
    pub stream: StreamOfSource,
    /// Only rows whose columns have these values are matched, such as `{ role = "student" }`. Default: all rows.
    #[serde(default)]
    pub r#where: BTreeMap<ColumnName, Values>,
}

/// One value, or several of which one will do.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Values {
    /// The only one.
    One(String),
    /// One of these.
    Many(Vec<String>),
}

/// One column, or several whose values are joined with blanks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Columns {
    /// The only one.
    One(ColumnName),
    /// Joined in this order.
    Many(Vec<ColumnName>),
}

/// What makes two rows one person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// What the table of matches calls it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What must be the same on both sides; all of it. What is empty is never the same.
    #[schemars(length(min = 1))]
    pub same: Vec<SameConfig>,
    /// What becomes of people with more than one candidate. Default `"conflict"`.
    #[serde(default)]
    pub ambiguous: AmbiguousConfig,
}

/// Columns of the left that must say the same as columns of the right.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SameConfig {
    /// A column of the left stream, or a list of them.
    pub left: Columns,
    /// A column of the right stream, or a list of them.
    pub right: Columns,
    /// How they are compared. Default `"exact"`.
    #[serde(default)]
    pub r#as: FormConfig,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AmbiguousConfig {
    /// They are in conflict, and no later rule looks at them.
    #[default]
    Conflict,
    /// The later rules look at them as if this one had not been.
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

impl Columns {
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
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let Some((source, stream)) = text.split_once('.') else {
            let complaint = format!("{} names no stream of a source", quoted(text));
            return Err(Complaint::new(complaint)
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

spelled!(
    StreamOfSource,
    pattern = "^[a-z][a-z0-9_]{0,39}\\.[a-z][a-z0-9_]{0,39}$",
    example = "rosters.users"
);

/// The file with its places.
#[derive(Clone, Debug)]
pub struct People {
    /// What it says.
    pub config: PeopleConfig,
    tree: Node,
}

impl People {
    /// Reads the file of a configuration folder. There need not be one: then nobody is matched.
    pub fn load(config: &Path) -> Result<Self, Problems> {
        let path = config.join(PEOPLE_FILE);
        if !path.exists() {
            let (tree, _) = Node::parse(&FileText::unread(&path));
            return Ok(Self {
                config: PeopleConfig::default(),
                tree,
            });
        }
        let file = read_file(&path)?;
        let (tree, read) = read_with_tree::<PeopleConfig>(&file, CHECKS);
        let mut problems = Problems::new();
        let sets = tree.at(&["match"]).map(Node::entries).unwrap_or_default();
        for set in sets {
            problems.extend(same_stream(&set.value));
            problems.extend(doubled_rules(&set.value));
            problems.extend(empty_columns(&set.value));
        }
        match read {
            Ok(config) if !problems.has_errors() => Ok(Self { config, tree }),
            Ok(_) => Err(problems),
            Err(mut found) => {
                found.append(problems);
                Err(found)
            }
        }
    }

    /// Where the value below these keys stands, or the nearest key above it; numbers pick from lists.
    pub fn place(&self, path: &[&str]) -> Place {
        self.tree.nearest_place(path)
    }
}

/// The JSON Schema of `people.toml`.
pub fn people_schema() -> serde_json::Value {
    crate::model::document::schema::<PeopleConfig>()
}

/// Everybody would be matched with himself.
fn same_stream(set: &Node) -> Option<Problem> {
    let stream = |side: &str| set.at(&[side, "stream"]);
    let (left, right) = (stream("left")?, stream("right")?);
    (left.text()? == right.text()?).then(|| {
        Problem::error(right.place(), "both sides are the same stream")
            .help("name the stream of another source")
    })
}

fn doubled_rules(set: &Node) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let rules = set.at(&["rule"]).map(Node::items).unwrap_or_default();
    let names = rules.iter().filter_map(|rule| rule.at(&["name"]));
    let doubled = names.filter(|name| name.text().is_some_and(|text| !seen.insert(text)));
    doubled
        .map(|name| {
            Problem::error(name.place(), "another rule before has this name")
                .help("the name tells later which rule matched two people")
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
            |side| matches!(side.kind(), crate::model::node::Kind::List(names) if names.is_empty()),
        )
        .map(|side| Problem::error(side.place(), "this list of columns is empty"))
        .collect()
}

#[cfg(test)]
mod tests;
