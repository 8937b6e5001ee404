//! The columns of a stream as a connector writes them: data only, `columns.rs` interprets them.

use serde::Deserialize;

use super::combos::ComboRules;
use crate::document::OrderedTable;

/// The columns of a stream, in the order of the file.
pub type ColumnConfigs = OrderedTable<ColumnConfig>;

/// A column: `"where in the row : type"`, or a table.
///
/// The text is `path ("|" path)* ":" type modifier*`.
///
/// A *path* is member names joined by dots, from the row (inside its envelope). The first path that
/// finds a value other than null wins. Steps: `name`; `orgs[]` each element of an array;
/// `userIds[type=person-id]` the first element whose member has that value; a last step
/// `{a,b}` keeps only these members of an object. `../` starts beside the envelope. `= text` is a
/// constant template, such as `"= {list} : text"`; name parts may be templates of `for_each` variables. `@key` is the
/// name of the row in the object that holds it (`rows = "users.{*}"`), `@value` the row itself where it is a bare value.
///
/// A *type* is one of `text integer real boolean date timestamp json`. A *modifier*: `lower` (text in lower case),
/// `guid` (32 hex digits without dashes, all zeros is null), `nonzero` (0 is null), `texts` (numbers in an array
/// of `json` become texts), `set` (a `json` array whose order means nothing: sorted, equal elements once), `required`
/// (a row without a readable value is a reject, as it is for a key column), `verbatim` (the words of `nulls` are values here),
/// `epoch` and `epoch_ms` (a number in a `timestamp` or `date` is seconds or milliseconds since 1970).
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ColumnConfig {
    /// `"path : type"`.
    Text(String),
    /// With more about it.
    Full(ColumnRules),
}

/// A column with more about it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ColumnRules {
    /// `"path : type"`, as above.
    pub from: String,
    /// What it means, for `rollbook_columns`.
    #[serde(default)]
    pub help: String,
    /// The combo list of its values: its name, a template; or a table that also says what
    /// the column holds.
    pub combo: Option<ComboRules>,
    /// The column that its values are found in, such as `"users.id"`: stream and column of this connector. A combo
    /// list, and a constant that `for_each` takes from another stream, say this already.
    pub refers_to: Option<String>,
}

impl ColumnConfig {
    /// The text `"path : type"`.
    pub fn from(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Full(rules) => &rules.from,
        }
    }

    /// What it means; empty where nothing is said.
    pub fn help(&self) -> &str {
        self.rules().map_or("", |rules| &rules.help)
    }

    /// The combo list of its values.
    pub fn combo(&self) -> Option<&ComboRules> {
        self.rules()?.combo.as_ref()
    }

    /// The column that its values are found in.
    pub fn refers_to(&self) -> Option<&str> {
        self.rules()?.refers_to.as_deref()
    }

    fn rules(&self) -> Option<&ColumnRules> {
        match self {
            Self::Text(_) => None,
            Self::Full(rules) => Some(rules),
        }
    }
}
